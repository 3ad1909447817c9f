package match

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/vpdq"
)

// Change is a step of the lists, as it goes to replicas that see no database. Of
// signals it is a difference, of everything else the whole.
type Change struct {
	Lists       []ReplicaList   `json:"lists"`
	Added       []ReplicaSignal `json:"added,omitempty"`
	Removed     []ReplicaSignal `json:"removed,omitempty"`
	Quarantined []string        `json:"quarantined,omitempty"`
	Off         map[int64]int64 `json:"off,omitempty"` // contents, until when in microseconds
}

// ReplicaList is what a replica needs of a list.
type ReplicaList struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Kind      safety.ListKind `json:"kind"`
	Threshold int             `json:"threshold"`
	Enabled   bool            `json:"enabled"`
	Deleted   bool            `json:"deleted"`
	Ratio     int             `json:"ratio"`
	OffUntil  int64           `json:"off_until"`
}

// ReplicaSignal is one signal.
type ReplicaSignal struct {
	ID      string          `json:"id"`
	List    string          `json:"list"`
	Type    safety.HashType `json:"type"`
	Value   string          `json:"value"`
	Content int64           `json:"content"`
	Body    []byte          `json:"body,omitempty"` // of a video
}

func (s ReplicaSignal) row() db.Signal {
	return db.Signal{ID: s.ID, ListID: s.List, HashType: string(s.Type), HashValue: s.Value, ContentNumber: s.Content}
}

// Feed reads the lists of a database step by step.
type Feed struct {
	store *store.Store
	now   func() time.Time
	at    map[string]int64 // versions
	last  string           // everything but signals, as it was told last
}

// NewFeed returns a feed that begins with nothing told.
func NewFeed(s *store.Store, now func() time.Time) *Feed {
	return &Feed{store: s, now: now, at: map[string]int64{}}
}

// feedChange is how many signals are in one change, and feedBytes how many bytes
// of them before the last.
const (
	feedChange = 20_000
	feedBytes  = 8 << 20
)

// Next calls fn with the changes since the last call, if there are any. When fn
// fails the feed has lost its place and must not be used again.
func (f *Feed) Next(ctx context.Context, fn func(Change) error) error {
	q := f.store.Read()
	rows, err := q.AllLists(ctx)
	if err != nil {
		return fmt.Errorf("reading lists: %w", err)
	}
	var c Change
	for _, r := range rows {
		c.Lists = append(c.Lists, ReplicaList{ID: r.ID, Name: r.Name, Kind: safety.ListKind(r.Kind), Threshold: int(r.Threshold),
			Enabled: r.Enabled && r.DeletedAt == 0, Deleted: r.DeletedAt != 0, Ratio: int(r.Ratio), OffUntil: r.OffUntil})
	}
	if c.Quarantined, err = q.QuarantinedSignals(ctx); err != nil {
		return fmt.Errorf("reading quarantine: %w", err)
	}
	slices.Sort(c.Quarantined)
	offs, err := q.ContentsOff(ctx, store.Micros(f.now()))
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	c.Off = map[int64]int64{}
	for _, o := range offs {
		c.Off[o.Number] = o.OffUntil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	whole, size := c, 0
	send := func() error {
		err := fn(c)
		c.Added, c.Removed = nil, nil
		f.last = string(text)
		return err
	}
	for _, r := range rows {
		from := f.at[r.ID]
		if r.Version == from {
			continue
		}
		removed, err := q.SignalsRemovedSince(ctx, r.ID, from, r.Version)
		if err != nil {
			return fmt.Errorf("reading list %s: %w", r.ID, err)
		}
		err = addedSince(ctx, q, r.ID, from, r.Version, func(page []db.Signal) error {
			for _, s := range page {
				rs := ReplicaSignal{ID: s.ID, List: r.ID, Type: safety.HashType(s.HashType), Value: s.HashValue, Content: s.ContentNumber}
				if rs.Type == safety.VPDQ {
					if rs.Body, err = q.PrintBody(ctx, s.HashValue); err != nil {
						return fmt.Errorf("reading the frames of signal %s: %w", s.ID, err)
					}
				}
				size += len(rs.Value) + len(rs.Body)
				if c.Added = append(c.Added, rs); len(c.Added) >= feedChange || size >= feedBytes {
					size = 0
					if err := send(); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading list %s: %w", r.ID, err)
		}
		for _, s := range removed {
			c.Removed = append(c.Removed, ReplicaSignal{ID: s.ID, List: r.ID, Type: safety.HashType(s.HashType), Value: s.HashValue})
		}
		f.at[r.ID] = r.Version
	}
	if len(c.Added)+len(c.Removed) == 0 && f.last == string(text) {
		return nil
	}
	whole.Added, whole.Removed = c.Added, c.Removed
	c = whole
	return send()
}

// Apply takes a change into an index that follows no database. Changes come in
// order; a failure leaves the index in between, and it must not be used again.
func (x *Index) Apply(c Change) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range c.Lists {
		place, err := x.place(r.ID)
		if err != nil {
			return err
		}
		*x.lists[place] = list{name: r.Name, kind: r.Kind, threshold: r.Threshold, enabled: r.Enabled, deleted: r.Deleted,
			ratio: r.Ratio, offUntil: store.Time(r.OffUntil)}
	}
	for rest := c.Added; len(rest) > 0; { // those of one list together
		n := 1
		for n < len(rest) && rest[n].List == rest[0].List {
			n++
		}
		if err := x.applyAdded(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	for _, s := range c.Removed {
		if err := x.remove(s.row()); err != nil {
			return err
		}
	}
	x.quarantined, x.off = map[string]bool{}, map[int64]time.Time{}
	for _, id := range c.Quarantined {
		x.quarantined[id] = true
	}
	for n, until := range c.Off {
		x.off[n] = store.Time(until)
	}
	x.refreshed = x.now()
	return nil
}

// applyAdded puts signals of one list into the index. x.mu is held.
func (x *Index) applyAdded(added []ReplicaSignal) error {
	place, ok := x.byID[added[0].List]
	if !ok {
		return fmt.Errorf("signal %s is on no list", added[0].ID)
	}
	rows, videos := make([]db.Signal, len(added)), map[string][]vpdq.Frame{}
	for i, s := range added {
		rows[i] = s.row()
		if s.Type != safety.VPDQ {
			continue
		}
		frames, err := parseBody(s.Body)
		if err != nil {
			return fmt.Errorf("signal %s: %w", s.ID, err)
		}
		videos[s.Value] = frames
	}
	return x.add(place, rows, videos)
}

// Begin lets an index that follows no database answer: all changes up to now have
// been applied.
func (x *Index) Begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ready = true
}
