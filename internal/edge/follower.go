package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Follower answers from the lists that a publisher writes.
type Follower struct {
	bucket *objects.Bucket
	sealer sealer
	index  func() *match.Index
	oldest time.Duration
	memory string // file that remembers the greatest beat
	now    func() time.Time
	log    *slog.Logger

	building *match.Index // only Step uses it: the lists up to the place at
	at       uint64
	base     uint64

	mu    sync.RWMutex
	serve *match.Index // guarded by mu, as is what follows
	beat  uint64
	first uint64    // the beat that was seen first
	seen  time.Time // when beat last grew; zero until it has: the first may be of last year
	last  error     // of the last step
}

// FollowerConfig says how to follow.
type FollowerConfig struct {
	Key    []byte
	Index  func() *match.Index // an empty one, which follows no database
	Oldest time.Duration       // the lists are too old after so long without a newer manifest
	Memory string              // a file that keeps the greatest beat over restarts
	Now    func() time.Time
	Log    *slog.Logger
}

// NewFollower returns a follower that has seen nothing but what its memory says.
func NewFollower(b *objects.Bucket, c FollowerConfig) (*Follower, error) {
	s, err := newSealer(c.Key)
	if err != nil {
		return nil, err
	}
	f := &Follower{bucket: b, sealer: s, index: c.Index, oldest: c.Oldest, memory: c.Memory, now: c.Now, log: c.Log}
	text, err := os.ReadFile(c.Memory)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &f.beat)
	}
	if err != nil {
		return nil, fmt.Errorf("the memory of the edge replica: %w", err)
	}
	return f, nil
}

// Run follows until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		if err := f.Step(ctx); err != nil && ctx.Err() == nil {
			f.log.ErrorContext(ctx, "lists of the bucket are not taken", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ErrRollback says that the bucket holds an older manifest than was seen before.
var ErrRollback = errors.New("the bucket holds older lists than this replica has seen")

// Step takes in what the bucket has now. After a failure the follower answers from
// what it had, until that is too old.
func (f *Follower) Step(ctx context.Context) error {
	err := f.step(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = err
	return err
}

func (f *Follower) step(ctx context.Context) error {
	m, _, err := readManifest(ctx, f.bucket, f.sealer)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	f.mu.RLock()
	beat, serving := f.beat, f.serve != nil
	f.mu.RUnlock()
	switch {
	case m.Beat < beat:
		return ErrRollback
	case m.Beat == beat && serving:
		return nil
	}
	// Fetched and opened before anything is applied: what fails changes nothing.
	x, at := f.building, f.at
	if x == nil || f.base != m.Base || at > m.next() {
		x, at = f.index(), m.Base
	}
	var changes []match.Change
	for place := at; place < m.next(); place++ {
		c, err := f.fetch(ctx, place, m.Objects[place-m.Base])
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	for _, c := range changes {
		if err := x.Apply(c); err != nil {
			f.drop() // it is in between: the next step begins anew
			return err
		}
	}
	if err := f.remember(m.Beat); err != nil {
		f.building = nil
		return err
	}
	x.Begin()
	f.building, f.at, f.base = x, m.next(), m.Base
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == 0 {
		f.first = m.Beat
	}
	if m.Beat > f.first {
		f.seen = f.now()
	}
	f.serve, f.beat = x, m.Beat
	return nil
}

// drop forgets the lists.
func (f *Follower) drop() {
	f.building = nil
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve = nil
}

func (f *Follower) fetch(ctx context.Context, place uint64, o object) (c match.Change, err error) {
	sealed, _, err := f.bucket.Get(ctx, o.Name, maxObject)
	if err != nil {
		return c, fmt.Errorf("step %d: %w", place, err)
	}
	if digest(sealed) != o.SHA256 {
		return c, fmt.Errorf("step %d: %w", place, errSeal)
	}
	packed, err := f.sealer.open(asStep(place, o.Name), sealed)
	if err != nil {
		return c, fmt.Errorf("step %d: %w", place, err)
	}
	return unpack(packed)
}

// remember keeps the beat over restarts, before anything is answered from it.
func (f *Follower) remember(beat uint64) error {
	if f.memory == "" {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.memory), ".beat-*")
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(tmp, beat)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return os.Rename(tmp.Name(), f.memory)
}

// Ready reports why the follower does not answer, if it does not.
func (f *Follower) Ready() error {
	_, err := f.current()
	return err
}

func (f *Follower) current() (*match.Index, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.serve == nil && f.last != nil:
		return nil, safety.Wrap(safety.Unavailable, f.last, "lists are not loaded")
	case f.serve == nil:
		return nil, safety.Errorf(safety.Unavailable, "lists are not loaded yet")
	case f.seen.IsZero():
		return nil, safety.Errorf(safety.Unavailable, "lists are loaded, and nobody knows yet how old they are: the publisher has not written since")
	case f.now().Sub(f.seen) > f.oldest:
		return nil, safety.Errorf(safety.Unavailable, "lists are too old: nothing newer has come for too long")
	}
	return f.serve, nil
}

// Lookup is [match.Index.Lookup], and an error while the follower is not ready.
func (f *Follower) Lookup(q match.Query) ([]safety.Finding, error) {
	x, err := f.current()
	if err != nil {
		return nil, err
	}
	return x.Lookup(q)
}

// Signals is how many signals the follower holds.
func (f *Follower) Signals() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.serve == nil {
		return 0
	}
	return f.serve.Signals()
}
