package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects"
)

const (
	// Every is how often a publisher looks for changes, and a follower for a manifest.
	Every = 200 * time.Millisecond
	// beatEvery is how often a manifest is written though nothing has changed.
	beatEvery = 5 * time.Second
	// maxLog is how many objects a manifest names before the lists are written anew.
	maxLog = 1000
)

// Publisher writes the lists of one database to a bucket. There is one at a time:
// a second one makes the first fail, and nothing is lost.
type Publisher struct {
	bucket *objects.Bucket
	sealer sealer
	feed   func() *match.Feed
	now    func() time.Time
	log    *slog.Logger

	current *match.Feed // nil: the lists are to be written anew
	written manifest
	etag    string // of the manifest in the bucket
	at      time.Time
}

// NewPublisher returns a publisher. feed begins a new reading of the lists.
func NewPublisher(b *objects.Bucket, key []byte, feed func() *match.Feed, now func() time.Time, log *slog.Logger) (*Publisher, error) {
	s, err := newSealer(key)
	return &Publisher{bucket: b, sealer: s, feed: feed, now: now, log: log}, err
}

// Run publishes until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		if err := p.Step(ctx); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "lists cannot be published to edge replicas", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Step publishes what has changed. After a failure the next step begins with what
// is in the bucket, and writes the lists anew.
func (p *Publisher) Step(ctx context.Context) error {
	err := p.step(ctx)
	if err != nil {
		p.current = nil
	}
	return err
}

func (p *Publisher) step(ctx context.Context) error {
	next := p.written
	next.Objects = append([]object(nil), p.written.Objects...)
	old := next.Objects
	anew := p.current == nil || len(next.Objects) >= maxLog
	if anew {
		m, etag, err := readManifest(ctx, p.bucket, p.sealer)
		switch {
		case errors.Is(err, objects.ErrAbsent):
			m = manifest{Base: 1}
		case err != nil:
			return err // not written over: followers would refuse what is older
		}
		p.etag, p.current, old = etag, p.feed(), m.Objects
		// Somebody may have put an older manifest into the bucket: followers take
		// nothing that is not newer than what this publisher has written.
		next = manifest{Beat: max(m.Beat, p.written.Beat), Base: max(m.next(), p.written.next())}
	}
	changed := anew
	err := p.current.Next(ctx, func(c match.Change) error {
		packed, err := pack(c)
		if err != nil {
			return err
		}
		o := object{Name: newName(next.next())}
		sealed := p.sealer.seal(asStep(next.next(), o.Name), packed)
		o.SHA256 = digest(sealed)
		if _, err := p.bucket.Create(ctx, o.Name, sealed); err != nil {
			return err
		}
		next.Objects = append(next.Objects, o)
		changed = true
		return nil
	})
	if err != nil {
		return err
	}
	if !changed && p.now().Sub(p.at) < beatEvery {
		return nil
	}
	next.Beat++
	if err := p.write(ctx, next); err != nil {
		return err
	}
	if anew {
		p.sweep(ctx, old)
	}
	return nil
}

func (p *Publisher) write(ctx context.Context, m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sealed := p.sealer.seal(asManifest, text)
	var etag string
	if p.etag == "" {
		etag, err = p.bucket.Create(ctx, manifestKey, sealed)
	} else {
		etag, err = p.bucket.Replace(ctx, manifestKey, sealed, p.etag)
	}
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	p.written, p.etag, p.at = m, etag, p.now()
	return nil
}

// sweep removes what a manifest no longer names. A follower that is reading it
// takes the new manifest with its next poll.
func (p *Publisher) sweep(ctx context.Context, old []object) {
	for _, o := range old {
		if err := p.bucket.Remove(ctx, o.Name); err != nil {
			p.log.WarnContext(ctx, "an old object of the lists stays in the bucket", "object", o.Name, "error", err)
		}
	}
}

func readManifest(ctx context.Context, b *objects.Bucket, s sealer) (m manifest, etag string, err error) {
	sealed, etag, err := b.Get(ctx, manifestKey, maxManifest)
	if err != nil {
		return m, "", err
	}
	text, err := s.open(asManifest, sealed)
	if err != nil {
		return m, "", err
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Base == 0 {
		return m, "", errSeal
	}
	return m, etag, nil
}
