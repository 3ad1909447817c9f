package match

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/hamming"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// Near is one perceptual hash to look up.
type Near struct {
	Hash    pdq.Hash
	Quality int    // 0–100; under [pdq.MinQuality] it is not looked up
	Variant string // which form of the picture this is
	Frame   int
}

// Query is everything known of one piece of content.
type Query struct {
	Exact []safety.Hash
	Near  []Near
}

// Index holds the enabled lists in memory. Its methods may be called from many
// goroutines.
type Index struct {
	store *store.Store
	log   *slog.Logger

	refresh sync.Mutex // held by Refresh; taken before mu

	mu      sync.RWMutex
	ready   bool
	lists   map[string]*list           // by list id
	entries map[uint64]entry           // by number; owned under mu
	numbers map[string]uint64          // number of a signal's id
	exact   map[string]map[uint64]bool // type and raw bytes of a hash → numbers
	next    uint64
	near    *hamming.Index
}

// list is the part of a list that lookups need.
type list struct {
	name      string
	kind      safety.ListKind
	threshold int
	enabled   bool
	version   int64 // last version that is in the index
}

type entry struct {
	signal string
	list   *list
	key    string // of the exact map; empty for PDQ
}

// NewIndex returns an empty index, which is not ready until [Index.Refresh]
// has loaded it once.
func NewIndex(s *store.Store, log *slog.Logger) *Index {
	return &Index{store: s, log: log, lists: map[string]*list{}, entries: map[uint64]entry{},
		numbers: map[string]uint64{}, exact: map[string]map[uint64]bool{}, near: hamming.New()}
}

// Run follows the database until ctx ends. A failure is logged and tried again;
// the index goes on answering from what it has.
func (x *Index) Run(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := x.Refresh(ctx); err != nil && ctx.Err() == nil {
			x.log.ErrorContext(ctx, "lists cannot be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ready reports whether every list has been loaded once. Before that, a lookup
// is an error and never "no match".
func (x *Index) Ready() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.ready {
		return safety.Errorf(safety.Unavailable, "lists are not loaded yet")
	}
	return nil
}

// Refresh brings the index up to the database.
func (x *Index) Refresh(ctx context.Context) error {
	x.refresh.Lock()
	defer x.refresh.Unlock()
	rows, err := x.store.Read().AllLists(ctx)
	if err != nil {
		return fmt.Errorf("reading lists: %w", err)
	}
	for _, r := range rows {
		if err := x.follow(ctx, r); err != nil {
			return fmt.Errorf("reading list %s: %w", r.ID, err)
		}
	}
	x.mu.Lock()
	x.ready = true
	x.mu.Unlock()
	return nil
}

// follow applies what has changed in one list since the index last saw it.
func (x *Index) follow(ctx context.Context, r db.List) error {
	x.mu.Lock()
	l := x.lists[r.ID]
	if l == nil {
		l = &list{}
		x.lists[r.ID] = l
	}
	l.name, l.kind, l.threshold = r.Name, safety.ListKind(r.Kind), int(r.Threshold)
	l.enabled = r.Enabled && r.DeletedAt == 0
	from := l.version
	x.mu.Unlock()
	if r.Version == from {
		return nil
	}
	q := x.store.Read()
	removed, err := q.SignalsRemovedSince(ctx, r.ID, from, r.Version)
	if err != nil {
		return err
	}
	added, err := q.SignalsAddedSince(ctx, r.ID, from, r.Version)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range removed {
		x.remove(s.ID)
	}
	for _, s := range added {
		if err := x.add(l, s); err != nil {
			return err
		}
	}
	l.version = r.Version
	return nil
}

// add puts a signal into the index. x.mu is held.
func (x *Index) add(l *list, s db.Signal) error {
	if _, ok := x.numbers[s.ID]; ok {
		return nil
	}
	h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
	if err != nil {
		return fmt.Errorf("signal %s: %w", s.ID, err)
	}
	if h.Type.Opaque() {
		return nil // kept for those who can compute it; nothing here can match it
	}
	x.next++
	e := entry{signal: s.ID, list: l}
	if h.Type == safety.PDQ {
		x.near.Insert(x.next, hamming.Key(h.Bytes()))
	} else {
		e.key = exactKey(h)
		if x.exact[e.key] == nil {
			x.exact[e.key] = map[uint64]bool{}
		}
		x.exact[e.key][x.next] = true
	}
	x.entries[x.next], x.numbers[s.ID] = e, x.next
	return nil
}

// remove takes a signal out of the index. x.mu is held.
func (x *Index) remove(signal string) {
	n, ok := x.numbers[signal]
	if !ok {
		return
	}
	if e := x.entries[n]; e.key == "" {
		x.near.Delete(n)
	} else if delete(x.exact[e.key], n); len(x.exact[e.key]) == 0 {
		delete(x.exact, e.key)
	}
	delete(x.entries, n)
	delete(x.numbers, signal)
}

func exactKey(h safety.Hash) string { return string(h.Type) + string(h.Bytes()) }

// Lookup returns what is known of the content, exact matches first, then near
// ones, at most one near finding for each list: the closest. A file that is
// exactly on an allow list has no near findings on other lists.
func (x *Index) Lookup(q Query) ([]safety.Finding, error) {
	if err := x.Ready(); err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	found := x.lookupExact(q.Exact)
	for _, f := range found {
		if f.Kind == safety.ListAllow {
			return found, nil
		}
	}
	return append(found, x.lookupNear(q.Near)...), nil
}

func (x *Index) lookupExact(hashes []safety.Hash) []safety.Finding {
	var found []safety.Finding
	seen := map[*list]bool{} // one exact finding for each list says it all
	for _, h := range hashes {
		for n := range x.exact[exactKey(h)] {
			e := x.entries[n]
			if !e.list.enabled || seen[e.list] {
				continue
			}
			seen[e.list] = true
			found = append(found, safety.Finding{Detector: string(h.Type) + "/1", List: e.list.name, Kind: e.list.kind,
				Match: safety.MatchExact, Variant: "original", SignalID: e.signal})
		}
	}
	return found
}

func (x *Index) lookupNear(hashes []Near) []safety.Finding {
	best := map[*list]int{} // place in found
	var found []safety.Finding
	var matches []hamming.Match
	for _, h := range hashes {
		if h.Quality < pdq.MinQuality {
			continue
		}
		matches, _ = x.near.Search(hamming.Key(h.Hash), x.widest(), matches[:0], 0)
		for _, m := range matches {
			e := x.entries[m.ID]
			if !e.list.enabled || m.Distance > e.list.threshold {
				continue
			}
			f := safety.Finding{Detector: "pdq/1", List: e.list.name, Kind: e.list.kind, Match: safety.MatchNear,
				Variant: h.Variant, Frame: h.Frame, SignalID: e.signal, Distance: m.Distance}
			if i, ok := best[e.list]; !ok {
				best[e.list] = len(found)
				found = append(found, f)
			} else if f.Distance < found[i].Distance {
				found[i] = f
			}
		}
	}
	return found
}

// widest is the greatest threshold of an enabled list. x.mu is held.
func (x *Index) widest() int {
	w := 0
	for _, l := range x.lists {
		if l.enabled && l.threshold > w {
			w = l.threshold
		}
	}
	return w
}

// Signals is how many signals the index holds, disabled lists included.
func (x *Index) Signals() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries)
}
