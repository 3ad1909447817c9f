package match

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
	// Prints are what operators' hashers gave; see [Index.SetSpecs].
	Prints []safety.Hash
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

	mu    sync.RWMutex
	ready bool
	byID  map[string]uint16 // place of a list in lists
	lists []*list
	table table
	near  *hamming.Index // by number
	// videos are known videos by number, and usable how many of the frames of
	// each can be matched.
	videos *vpdq.Index
	usable map[uint32]int
	prints map[safety.HashType]*prints // of the types that operators' hashers give
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

// NewIndex returns an empty index, which is not ready until [Index.Refresh]
// has loaded it once.
func NewIndex(s *store.Store, now func() time.Time, log *slog.Logger) *Index {
	return &Index{store: s, log: log, now: now, byID: map[string]uint16{}, table: newTable(), near: hamming.New(),
		videos: vpdq.NewIndex(vpdq.Options{}), usable: map[uint32]int{}}
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
	place, err := x.place(r.ID)
	if err != nil {
		x.mu.Unlock()
		return err
	}
	l := x.lists[place]
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
	// What is new comes before what is old goes: a signal that was replaced is
	// never missing between the two.
	err = addedSince(ctx, q, r.ID, from, r.Version, func(page []db.Signal) error {
		videos, err := videoFrames(ctx, q, page)
		if err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.add(place, page, videos)
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range removed {
		if err := x.remove(s); err != nil {
			return err
		}
	}
	l.version = r.Version
	return nil
}

// place is where a list is in x.lists, new ones at the end. x.mu is held.
func (x *Index) place(listID string) (uint16, error) {
	place, ok := x.byID[listID]
	if ok {
		return place, nil
	}
	if len(x.lists) > math.MaxUint16 {
		return 0, errors.New("too many lists")
	}
	place = uint16(len(x.lists))
	x.byID[listID] = place
	x.lists = append(x.lists, &list{})
	return place, nil
}

// batch collects PDQ hashes, which are quicker to insert together.
type batch struct{ near []hamming.Entry }

func newBatch(n int) *batch { return &batch{near: make([]hamming.Entry, 0, n)} }

// put makes one signal findable. x.mu is held.
func (x *Index) put(e entry, k exactKey, b *batch) {
	n, fresh := x.table.add(e)
	switch {
	case !fresh:
	case k.kind == kindPDQ:
		b.near = append(b.near, hamming.Entry{ID: uint64(n), Key: hamming.Key(k.hash)})
	default:
		x.table.link(n, k)
	}
}

// putVideo makes a known video findable. x.mu is held.
func (x *Index) putVideo(e entry, frames []vpdq.Frame) {
	if n, fresh := x.table.add(e); fresh {
		x.usable[n] = x.videos.Insert(uint64(n), frames)
	}
}

// add puts signals into the index. videos are the frames of those that are
// videos, by value. x.mu is held.
func (x *Index) add(place uint16, page []db.Signal, videos map[string][]vpdq.Frame) error {
	batch := newBatch(len(page))
	for _, s := range page {
		h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
		if err != nil {
			return fmt.Errorf("signal %s: %w", s.ID, err)
		}
		id, err := packID(s.ID)
		if err != nil {
			return err
		}
		e := entry{id: id, list: place, content: s.ContentNumber}
		if h.Type.Opaque() {
			x.putPrint(e, h)
			continue
		}
		if h.Type == safety.VPDQ {
			x.putVideo(e, videos[s.HashValue])
			continue
		}
		k, ok := keyOf(h)
		if h.Type == safety.PDQ {
			k = exactKey{kind: kindPDQ, hash: [32]byte(h.Bytes())}
		} else if !ok {
			return fmt.Errorf("signal %s: nothing looks up %s", s.ID, h.Type)
		}
		x.put(e, k, batch)
	}
	x.near.InsertBatch(batch.near)
	return nil
}

// remove takes a signal out of the index. x.mu is held.
func (x *Index) remove(s db.Signal) error {
	id, err := packID(s.ID)
	if err != nil {
		return err
	}
	n, ok := x.table.numbers[id]
	if !ok {
		return nil
	}
	h, err := safety.ParseSignal(safety.HashType(s.HashType), s.HashValue)
	if err != nil {
		return fmt.Errorf("signal %s: %w", s.ID, err)
	}
	if h.Type == safety.PDQ {
		x.near.Delete(uint64(n))
	} else if h.Type == safety.VPDQ {
		x.videos.Delete(uint64(n))
		delete(x.usable, n)
	} else if k, ok := keyOf(h); ok {
		x.table.unlink(n, k)
	} else if p := x.prints[h.Type]; p != nil {
		p.delete(n)
	}
	x.table.drop(n)
	return nil
}

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
	found = append(found, x.lookupPrints(q.Prints, lot, now)...)
	return append(found, x.lookupVideos(q.Video, lot, now)...), nil
}

func (x *Index) lookupExact(hashes []safety.Hash, lot int, now time.Time) []safety.Finding {
	var found []safety.Finding
	seen := map[*list]int{} // place in found: one exact finding for each list says it all
	for _, h := range hashes {
		k, ok := keyOf(h)
		if !ok {
			continue
		}
		x.table.with(k, func(e *entry) {
			l := x.lists[e.list]
			if !l.counts(lot, now) || now.Before(x.off[e.content]) {
				return
			}
			id := e.id.String()
			f := safety.Finding{Detector: string(h.Type) + "/1", List: l.name, Kind: l.kind,
				Match: safety.MatchExact, Variant: "original", SignalID: id, Quarantined: x.quarantined[id]}
			if i, ok := seen[l]; !ok {
				seen[l] = len(found)
				found = append(found, f)
			} else if found[i].Quarantined {
				found[i] = f
			}
		})
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
			e := &x.table.entries[m.ID]
			l := x.lists[e.list]
			if m.Distance > l.threshold || !l.counts(lot, now) || now.Before(x.off[e.content]) {
				continue
			}
			id := e.id.String()
			f := safety.Finding{Detector: "pdq/1", List: l.name, Kind: l.kind, Match: safety.MatchNear,
				Variant: h.Variant, Frame: h.Frame, SignalID: id, Distance: m.Distance, Quarantined: x.quarantined[id]}
			if i, ok := best[l]; !ok {
				best[l] = len(found)
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
	take := func(e *entry, distance int) {
		l := x.lists[e.list]
		switch {
		case l.deleted, h.Type == safety.PDQ && distance > l.threshold, s.Lists != nil && !slices.Contains(s.Lists, l.name):
		case !s.All && (!l.counts(lot, now) || now.Before(x.off[e.content])):
		default:
			out = append(out, Hit{l.name, e.content, distance})
		}
	}
	if k, ok := keyOf(h); ok {
		x.table.with(k, func(e *entry) { take(e, 0) })
	} else if h.Type == safety.PDQ && quality >= pdq.MinQuality {
		radius := x.widest()
		if s.All {
			radius = maxThreshold
		}
		matches, _ := x.near.Search(hamming.Key(h.Bytes()), radius, nil, 0)
		for _, m := range matches {
			take(&x.table.entries[m.ID], m.Distance)
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
	return len(x.table.numbers)
}
