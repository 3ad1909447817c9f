package hamming

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"
)

// pageSize entries of a delta are allocated together.
const pageSize = 1024

// delta holds the newest entries, which are scanned. It only grows: searches
// read it without a lock while one writer at a time appends, and a deleted
// entry loses its bit in live.
type delta struct {
	head  *page
	pages []*page           // the same pages for the writer; guarded by Index.mu
	at    map[uint64]uint32 // id → position of live entries; guarded by Index.mu
	used  int               // positions given out; guarded by Index.mu
	job   *job              // that merges it away; guarded by Index.mu
}

type page struct {
	planes [4][pageSize]uint64 // word i of every key
	ids    [pageSize]uint64
	live   [pageSize / 64]atomic.Uint64
	n      atomic.Int32 // entries below n are complete
	next   atomic.Pointer[page]
}

func newDelta() *delta {
	pg := new(page)
	return &delta{head: pg, pages: []*page{pg}, at: map[uint64]uint32{}}
}

// add appends an entry. A search sees it when n says so.
func (d *delta) add(id uint64, w *words) {
	pg, e := d.pages[len(d.pages)-1], d.used%pageSize
	if d.used == len(d.pages)*pageSize {
		next := new(page)
		d.pages = append(d.pages, next)
		pg.next.Store(next)
		pg = next
	}
	for i := range w {
		pg.planes[i][e] = w[i]
	}
	pg.ids[e] = id
	pg.live[e/64].Or(1 << (e % 64))
	pg.n.Store(int32(e + 1))
	d.at[id] = uint32(d.used)
	d.used++
}

func (d *delta) key(p uint32) words { return d.pages[p/pageSize].key(int(p % pageSize)) }

func (d *delta) kill(p uint32) {
	d.pages[p/pageSize].live[p%pageSize/64].And(^uint64(1 << (p % 64)))
}

func (pg *page) key(e int) words {
	return words{pg.planes[0][e], pg.planes[1][e], pg.planes[2][e], pg.planes[3][e]}
}

// scan appends what matches.
func (d *delta) scan(s *search, dst []Match) []Match {
	for pg := d.head; pg != nil; pg = pg.next.Load() {
		dst = pg.scan(s, dst)
	}
	return dst
}

// scan compares the first 128 bits of every key, and the rest of the few that
// those leave.
func (pg *page) scan(s *search, dst []Match) []Match {
	n := int(pg.n.Load())
	var near [pageSize / 64]uint64
	s.kernel.near(&pg.planes[0], &pg.planes[1], n, s.words[0], s.words[1], s.radius, &near)
	for i, m := range near[:(n+63)/64] {
		for m &= pg.live[i].Load(); m != 0; m &= m - 1 {
			e := i*64 + bits.TrailingZeros64(m)
			w := pg.key(e)
			if d := s.words.distance(&w); d <= s.radius && s.accepts(pg.ids[e]) {
				dst = append(dst, Match{ID: pg.ids[e], Distance: d})
			}
		}
	}
	return dst
}

// run copies the live entries in order of their ids.
func (d *delta) run() run {
	type entry struct {
		id uint64
		w  words
	}
	var all []entry
	for pg := d.head; pg != nil; pg = pg.next.Load() {
		for e := range int(pg.n.Load()) {
			if pg.live[e/64].Load()>>(e%64)&1 == 1 {
				all = append(all, entry{pg.ids[e], pg.key(e)})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	r := run{ids: make([]uint64, len(all)), keys: make([]words, len(all))}
	for i, e := range all {
		r.ids[i], r.keys[i] = e.id, e.w
	}
	return r
}
