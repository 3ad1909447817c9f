package match

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/hamming"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// Near is one perceptual hash to look up.
type Near struct {
	Hash    pdq.Hash
	Quality int    // 0–100; under [pdq.MinQuality] it is not looked up
	Variant string // which form of the picture this is
	Frame   int
	At      time.Duration // when the frame is shown, in a video
}

// Query is everything known of one piece of content.
type Query struct {
	Exact []safety.Hash
	Near  []Near
	Video []Video // for a video: its frames, once for each orientation
}

// lot is where in [0, wholeRatio) the content falls: always the same for the
// same content, so that asking again does not change the answer.
func (q Query) lot() int {
	var first []byte
	switch {
	case len(q.Exact) > 0:
		first = q.Exact[0].Bytes()
	case len(q.Near) > 0:
		first = q.Near[0].Hash[:]
	}
	sum := sha256.Sum256(first)
	return int(binary.BigEndian.Uint32(sum[:]) % wholeRatio)
}

// Index holds the enabled lists in memory. Its methods may be called from many
// goroutines.
type Index struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time

	refresh sync.Mutex // held by Refresh; taken before mu

	mu      sync.RWMutex
	ready   bool
	lists   map[string]*list           // by list id
	entries map[uint64]entry           // by number; owned under mu
	numbers map[string]uint64          // number of a signal's id
	exact   map[string]map[uint64]bool // type and raw bytes of a hash → numbers
	next    uint64
	near    *hamming.Index
	videos  *vpdq.Index
	// quarantined are signals which flooded: what they find makes no automatic block.
	quarantined map[string]bool
	off         map[int64]time.Time // contents which do not match until then
	refreshed   time.Time
}

// list is the part of a list that lookups need.
type list struct {
	name      string
	kind      safety.ListKind
	threshold int
	enabled   bool
	deleted   bool
	ratio     int       // of wholeRatio
	offUntil  time.Time // zero when the list is not paused
	version   int64     // last version that is in the index
}

// counts reports whether the list has a say about content of a lot now.
func (l *list) counts(lot int, now time.Time) bool {
	return l.enabled && lot < l.ratio && !now.Before(l.offUntil)
}

type entry struct {
	signal string
	list   *list
	key    string // of the exact map; empty for PDQ
	number int64  // of its content
	video  int    // how many frames can be matched, for a video
}

// NewIndex returns an empty index, which is not ready until [Index.Refresh]
// has loaded it once.
func NewIndex(s *store.Store, now func() time.Time, log *slog.Logger) *Index {
	return &Index{store: s, log: log, now: now, lists: map[string]*list{}, entries: map[uint64]entry{},
		numbers: map[string]uint64{}, exact: map[string]map[uint64]bool{}, near: hamming.New(), videos: vpdq.NewIndex(vpdq.Options{})}
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
	flooding, err := x.store.Read().QuarantinedSignals(ctx)
	if err != nil {
		return fmt.Errorf("reading quarantine: %w", err)
	}
	now := x.now()
	offs, err := x.store.Read().ContentsOff(ctx, store.Micros(now))
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	off := make(map[int64]time.Time, len(offs))
	for _, c := range offs {
		off[c.Number] = store.Time(c.OffUntil)
	}
	quarantined := make(map[string]bool, len(flooding))
	for _, s := range flooding {
		quarantined[s] = true
	}
	x.mu.Lock()
	x.ready, x.quarantined, x.off, x.refreshed = true, quarantined, off, now
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
	l.enabled, l.deleted = r.Enabled && r.DeletedAt == 0, r.DeletedAt != 0
	l.ratio, l.offUntil = int(r.Ratio), store.Time(r.OffUntil)
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
	videos, err := videoFrames(ctx, q, added)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range removed {
		x.remove(s.ID)
	}
	var near []hamming.Entry
	for _, s := range added {
		if near, err = x.add(l, s, near, videos[s.HashValue]); err != nil {
			return err
		}
	}
	x.near.InsertBatch(near)
	l.version = r.Version
	return nil
}

// add puts a signal into the index, or appends it to near, which the caller
// inserts: one by one, a first load would take several times as long. frames are
// those of a video. x.mu is held.
func (x *Index) add(l *list, s db.Signal, near []hamming.Entry, frames []vpdq.Frame) ([]hamming.Entry, error) {
	if _, ok := x.numbers[s.ID]; ok {
		return near, nil
	}
	h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
	if err != nil {
		return near, fmt.Errorf("signal %s: %w", s.ID, err)
	}
	if h.Type.Opaque() {
		return near, nil // kept for those who can compute it; nothing here can match it
	}
	x.next++
	e := entry{signal: s.ID, list: l, number: s.ContentNumber}
	if h.Type == safety.VPDQ {
		e.video = x.videos.Insert(x.next, frames)
	} else if h.Type == safety.PDQ {
		near = append(near, hamming.Entry{ID: x.next, Key: hamming.Key(h.Bytes())})
	} else {
		e.key = exactKey(h)
		if x.exact[e.key] == nil {
			x.exact[e.key] = map[uint64]bool{}
		}
		x.exact[e.key][x.next] = true
	}
	x.entries[x.next], x.numbers[s.ID] = e, x.next
	return near, nil
}

// remove takes a signal out of the index. x.mu is held.
func (x *Index) remove(signal string) {
	n, ok := x.numbers[signal]
	if !ok {
		return
	}
	if e := x.entries[n]; x.videos.Delete(n) { // it was a video
	} else if e.key == "" {
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
// exactly on an allow list has no near findings on other lists; a picture that
// is near an entry of an allow list has none that are as far or farther (such a
// list is also called a negative one). Exact findings always stand.
func (x *Index) Lookup(q Query) ([]safety.Finding, error) {
	if err := x.Ready(); err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	lot, now := q.lot(), x.now()
	found := x.lookupExact(q.Exact, lot, now)
	for _, f := range found {
		if f.Kind == safety.ListAllow {
			return found, nil
		}
	}
	found = append(found, x.lookupFrames(q, lot, now)...)
	return append(found, x.lookupVideos(q.Video, lot, now)...), nil
}

func (x *Index) lookupExact(hashes []safety.Hash, lot int, now time.Time) []safety.Finding {
	var found []safety.Finding
	seen := map[*list]int{} // place in found: one exact finding for each list says it all
	for _, h := range hashes {
		for n := range x.exact[exactKey(h)] {
			e := x.entries[n]
			if !e.list.counts(lot, now) || now.Before(x.off[e.number]) {
				continue
			}
			f := safety.Finding{Detector: string(h.Type) + "/1", List: e.list.name, Kind: e.list.kind,
				Match: safety.MatchExact, Variant: "original", SignalID: e.signal, Quarantined: x.quarantined[e.signal]}
			if i, ok := seen[e.list]; !ok {
				seen[e.list] = len(found)
				found = append(found, f)
			} else if found[i].Quarantined {
				found[i] = f
			}
		}
	}
	return found
}

func (x *Index) lookupNear(hashes []Near, lot int, now time.Time) []safety.Finding {
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
			if m.Distance > e.list.threshold || !e.list.counts(lot, now) || now.Before(x.off[e.number]) {
				continue
			}
			f := safety.Finding{Detector: "pdq/1", List: e.list.name, Kind: e.list.kind, Match: safety.MatchNear,
				Variant: h.Variant, Frame: h.Frame, SignalID: e.signal, Distance: m.Distance, Quarantined: x.quarantined[e.signal]}
			if i, ok := best[e.list]; !ok {
				best[e.list] = len(found)
				found = append(found, f)
			} else if better(f, found[i]) {
				found[i] = f
			}
		}
	}
	return found
}

// Hit is one content on one list that a hash met.
type Hit struct {
	List     string
	Number   int64 // of the content
	Distance int   // bits; 0 for an exact match
}

// Selection says which hits a caller wants.
type Selection struct {
	Lists []string // names; all lists if nil
	// Lot is where the caller falls in the ratio of lists, 0 to 1: a list counts
	// if its ratio is greater. 0 meets every list that is not at 0.
	Lot float64
	// All takes the switched-off, the paused and the ones at ratio 0 too.
	All bool
}

// Hits returns every content that a hash meets, the nearest first, and not only
// the best of each list. quality is that of a PDQ hash, 100 if not known.
func (x *Index) Hits(h safety.Hash, quality int, s Selection) ([]Hit, error) {
	if err := x.Ready(); err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	now, lot := x.now(), int(s.Lot*wholeRatio)
	var out []Hit
	take := func(n uint64, distance int) {
		e := x.entries[n]
		switch {
		case e.list.deleted, h.Type == safety.PDQ && distance > e.list.threshold, s.Lists != nil && !slices.Contains(s.Lists, e.list.name):
		case !s.All && (!e.list.counts(lot, now) || now.Before(x.off[e.number])):
		default:
			out = append(out, Hit{e.list.name, e.number, distance})
		}
	}
	if h.Type != safety.PDQ {
		for n := range x.exact[exactKey(h)] {
			take(n, 0)
		}
	} else if quality >= pdq.MinQuality {
		radius := x.widest()
		if s.All {
			radius = maxThreshold
		}
		matches, _ := x.near.Search(hamming.Key(h.Bytes()), radius, nil, 0)
		for _, m := range matches {
			take(m.ID, m.Distance)
		}
	}
	slices.SortStableFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

// Age is how long ago the index was last in step with the database.
func (x *Index) Age() time.Duration {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.now().Sub(x.refreshed)
}

// better puts a signal that may act before one in quarantine, then the closer.
func better(a, b safety.Finding) bool {
	if a.Quarantined != b.Quarantined {
		return b.Quarantined
	}
	return a.Distance < b.Distance
}

// withoutAllowed drops the findings that an allow list is as close to.
func withoutAllowed(found []safety.Finding) []safety.Finding {
	closest := math.MaxInt
	for _, f := range found {
		if f.Kind == safety.ListAllow {
			closest = min(closest, f.Distance)
		}
	}
	return slices.DeleteFunc(found, func(f safety.Finding) bool { return f.Kind != safety.ListAllow && f.Distance >= closest })
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
