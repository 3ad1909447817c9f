package hamming

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// Query asks for the keys near one key.
type Query struct {
	Key    Key
	Radius int // a negative radius matches nothing
	// Limit is the most matches to return; 0 or less means no limit.
	Limit int
	// Accept, if not nil, is asked for each match, before the limit is applied,
	// and drops those it answers with false. It must not change the index.
	Accept func(id uint64) bool
}

// Result is the answer to one query.
type Result struct {
	Matches   []Match
	Truncated bool // there were more than the limit
}

// Search appends to dst the keys at distance radius or less from key, the
// nearest first and equal distances by ascending id, and returns the extended
// slice. If there are more than limit of them, it keeps the first limit and
// reports true; a limit of 0 or less means no limit. A negative radius matches
// nothing.
//
// Keys that are inserted or deleted while the search runs may or may not be
// found; an id that gets another key meanwhile may be found with both.
func (x *Index) Search(key Key, radius int, dst []Match, limit int) (matches []Match, truncated bool) {
	return x.Find(Query{Key: key, Radius: radius, Limit: limit}, dst)
}

// Find is [Index.Search] for a query with all its options.
func (x *Index) Find(q Query, dst []Match) (matches []Match, truncated bool) {
	s := searches.Get().(*search)
	defer searches.Put(s)
	return x.find(s, x.parts.Load(), &q, dst)
}

// SearchBatch answers several queries from one state of the index. Their order
// is kept.
func (x *Index) SearchBatch(queries []Query) []Result {
	s := searches.Get().(*search)
	defer searches.Put(s)
	now := x.parts.Load()
	out := make([]Result, len(queries))
	for i := range queries {
		out[i].Matches, out[i].Truncated = x.find(s, now, &queries[i], nil)
	}
	return out
}

func (x *Index) find(s *search, now *parts, q *Query, dst []Match) ([]Match, bool) {
	if q.Radius < 0 {
		return dst, false
	}
	s.start(x, q)
	start := len(dst)
	for _, seg := range now.segments {
		dst = s.segment(seg, dst)
	}
	for _, d := range now.deltas {
		dst = d.scan(s, dst)
	}
	s.accept = nil
	runtime.KeepAlive(now)
	x.pay(len(now.segments))
	return order(dst, start, q.Limit)
}

// order sorts what was found and cuts it to the limit.
func order(dst []Match, start, limit int) ([]Match, bool) {
	found := dst[start:]
	cut := limit > 0 && len(found) > limit
	if cut {
		found = nearest(found, limit)
	}
	slices.SortFunc(found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
	})
	if cut {
		found = found[:limit]
	}
	return dst[:start+len(found)], cut
}

// nearest drops, unsorted, what is farther than the limit-th: a query beside a
// large cluster finds thousands.
func nearest(found []Match, limit int) []Match {
	var count [257]int
	for i := range found {
		count[found[i].Distance]++
	}
	last := 0
	for n := count[0]; n < limit; n += count[last] {
		last++
	}
	return slices.DeleteFunc(found, func(m Match) bool { return m.Distance > last })
}

// search is one query under way, and the memory that it needs.
type search struct {
	kernel *kernel
	tuning tuning
	words  words
	radius int
	allow  allowance
	accept func(uint64) bool

	spans []span   // the buckets to read
	room  int      // the most hits these can give, and one
	hits  []hit    // what the kernel has left of them
	found []uint32 // positions
	seen  []uint64 // bit for each position; zero between uses
}

var searches = sync.Pool{New: func() any { return new(search) }}

func (s *search) start(x *Index, q *Query) {
	s.kernel, s.tuning, s.accept = x.kernel, x.tuning, q.Accept
	s.words, s.radius = q.Key.words(), min(q.Radius, 256)
	if s.radius <= maxProbeRadius {
		s.allow = spread(s.radius)
	}
}

func (s *search) accepts(id uint64) bool { return s.accept == nil || s.accept(id) }
