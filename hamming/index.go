package hamming

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// Key is 256 bits. Which bit is which does not matter to distances, as long as
// all keys agree.
type Key [32]byte

// Match is one key within the radius.
type Match struct {
	ID       uint64 // as given to [Index.Insert]
	Distance int    // bits, 0 to the radius
}

// Index is a set of keys, each under an id of the caller's choice. Different
// ids may hold equal keys. Make one with [New]; it is safe for concurrent use.
type Index struct {
	mu    sync.RWMutex      // guards everything below
	at    map[uint64]uint32 // id → position
	pages []*page           // entry of position p: pages[p/pageSize], element p%pageSize
	free  []uint32          // positions below used that hold no entry
	used  int               // positions ever given out
	slots *tables           // nil while the index is small
}

// pageSize entries are allocated together, so that growing never copies keys.
const pageSize = 1024

type page struct {
	words [pageSize]words
	ids   [pageSize]uint64
	live  [pageSize / 64]uint64 // bit set: the element holds an entry
}

// words is a key as numbers; slot i is bits 16·(i%4) and up of words[i/4].
type words [4]uint64

func (k *Key) words() words {
	var w words
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(k[8*i:])
	}
	return w
}

func (w *words) slot(i int) uint16 { return uint16(w[i/4] >> (16 * (i % 4))) }

func (w *words) distance(v *words) int {
	return bits.OnesCount64(w[0]^v[0]) + bits.OnesCount64(w[1]^v[1]) +
		bits.OnesCount64(w[2]^v[2]) + bits.OnesCount64(w[3]^v[3])
}

// New returns an empty index.
func New() *Index { return &Index{at: map[uint64]uint32{}} }

// Len is the number of keys.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.at)
}

// Insert adds the key under the id. A key that was there under the same id is
// replaced.
func (x *Index) Insert(id uint64, key Key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := key.words()
	p, known := x.at[id]
	if known {
		x.unlink(p)
	} else {
		p = x.take()
		x.at[id] = p
	}
	pg, e := x.pages[p/pageSize], p%pageSize
	pg.words[e], pg.ids[e] = w, id
	pg.live[e/64] |= 1 << (e % 64)
	x.link(p, &w)
}

// Delete removes the key under the id and reports whether there was one.
func (x *Index) Delete(id uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, known := x.at[id]
	if !known {
		return false
	}
	delete(x.at, id)
	x.unlink(p)
	e := p % pageSize
	x.pages[p/pageSize].live[e/64] &^= 1 << (e % 64)
	x.free = append(x.free, p)
	return true
}

// take gives out a position for a new entry. Entries never move afterwards:
// searches rely on it.
func (x *Index) take() uint32 {
	if n := len(x.free); n > 0 {
		p := x.free[n-1]
		x.free = x.free[:n-1]
		return p
	}
	if x.used == len(x.pages)*pageSize {
		x.pages = append(x.pages, new(page))
	}
	x.used++
	return uint32(x.used - 1)
}

// link enters position p into the tables, building them when the index has
// become large enough to use them.
func (x *Index) link(p uint32, w *words) {
	if x.slots != nil {
		x.slots.add(p, w)
		return
	}
	if len(x.at) < flatBelow {
		return
	}
	x.slots = new(tables)
	for _, p := range x.at {
		x.slots.add(p, &x.pages[p/pageSize].words[p%pageSize])
	}
}

func (x *Index) unlink(p uint32) {
	if x.slots != nil {
		x.slots.remove(p, &x.pages[p/pageSize].words[p%pageSize])
	}
}

// Search appends to dst the keys at distance radius or less from key, the
// nearest first and equal distances by ascending id, and returns the extended
// slice. If there are more than limit of them, it keeps the first limit and
// reports true; a limit of 0 or less means no limit. A negative radius matches
// nothing.
//
// Keys that are inserted or deleted while the search runs may or may not be
// found; an id that is deleted and inserted again meanwhile may be found twice.
func (x *Index) Search(key Key, radius int, dst []Match, limit int) (matches []Match, truncated bool) {
	if radius < 0 {
		return dst, false
	}
	w := key.words()
	start := len(dst)
	dst, done := x.probe(&w, radius, dst)
	if !done {
		dst = x.scan(&w, radius, dst)
	}
	found := dst[start:]
	slices.SortFunc(found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
	})
	if limit > 0 && len(found) > limit {
		return dst[:start+limit], true
	}
	return dst, false
}

// probe searches through the tables. It reports false, having done nothing,
// when reading every key is quicker.
func (x *Index) probe(w *words, radius int, dst []Match) ([]Match, bool) {
	if radius > maxProbeRadius {
		return dst, false
	}
	allow := spread(radius)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.slots == nil || len(x.at) < flatPerProbe*allow.probes() {
		return dst, false
	}
	candidates := x.slots.candidates(w, &allow, nil)
	// A key may be met from several of its slots.
	slices.Sort(candidates)
	for _, p := range slices.Compact(candidates) {
		pg, e := x.pages[p/pageSize], p%pageSize
		if d := w.distance(&pg.words[e]); d <= radius {
			dst = append(dst, Match{ID: pg.ids[e], Distance: d})
		}
	}
	return dst, true
}

// scanPages is how many pages a scan reads before it lets a waiting writer
// pass: some 0.2 ms.
const scanPages = 64

// scan compares every key. The lock is released in between; since entries do
// not move, none that stays is missed.
func (x *Index) scan(w *words, radius int, dst []Match) []Match {
	for from := 0; ; from += scanPages {
		x.mu.RLock()
		n := len(x.pages)
		for i := from; i < min(n, from+scanPages); i++ {
			dst = x.pages[i].scan(w, radius, dst)
		}
		x.mu.RUnlock()
		if from+scanPages >= n {
			return dst
		}
	}
}

func (pg *page) scan(w *words, radius int, dst []Match) []Match {
	for i := range pg.words {
		d := w.distance(&pg.words[i])
		if d <= radius && pg.live[i/64]>>(i%64)&1 == 1 {
			dst = append(dst, Match{ID: pg.ids[i], Distance: d})
		}
	}
	return dst
}
