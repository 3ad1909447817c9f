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
	start := len(dst)
	out := [1]Result{{Matches: dst}}
	x.find([]Query{q}, out[:])
	return order(out[0].Matches, start, q.Limit)
}

// SearchBatch answers several queries from one state of the index, quicker than
// one after the other: while one waits for memory, another works. The order is
// kept.
func (x *Index) SearchBatch(queries []Query) []Result {
	out := make([]Result, len(queries))
	x.find(queries, out)
	for i := range out {
		out[i].Matches, out[i].Truncated = order(out[i].Matches, 0, queries[i].Limit)
	}
	return out
}

// find appends what matches each query to its result.
func (x *Index) find(queries []Query, out []Result) {
	now := x.parts.Load()
	line := searches.Get().(*pipeline)
	defer searches.Put(line)
	for _, seg := range now.segments {
		line.segment(x, seg, queries, out)
	}
	s := &line[0]
	for i := range queries {
		s.start(x, &queries[i])
		for _, d := range now.deltas {
			out[i].Matches = d.scan(s, out[i].Matches) //nolint:gosec // out is as long as queries
		}
		x.pay(len(now.segments))
	}
	for i := range line {
		line[i].accept = nil
	}
	runtime.KeepAlive(now)
}

// pipeline is the queries under way at a time. Query i is in lane i modulo their
// number.
type pipeline [4]search

// A query begins so many slots before its postings are asked for, and these are
// asked for so many before they are read.
const early, ahead = 8, 3

// segment searches one segment for all queries. Query i reads its postings while
// those of the next are asked for, and reads positions and keys when later
// queries have read their postings.
func (l *pipeline) segment(x *Index, seg *segment, queries []Query, out []Result) {
	// at calls do with the query, if there is one, and the slot of a step.
	at := func(step int, do func(s *search, i, slot int)) {
		if i := step / nslots; step >= 0 && i < len(queries) {
			do(&l[i%len(l)], i, step%nslots)
		}
	}
	for step := -early - ahead; step < nslots*(len(queries)+2); step++ {
		at(step+early+ahead, func(s *search, i, slot int) {
			if slot > 0 {
				return
			}
			if s.start(x, &queries[i]); s.probes(seg) {
				s.begin(seg)
				return
			}
			out[i].Matches = s.scan(seg, out[i].Matches)
			s.skip()
		})
		at(step+ahead, func(s *search, _, slot int) { s.look(seg, slot) })
		at(step, func(s *search, _, slot int) {
			if s.sift(seg, slot); slot == nslots-1 {
				s.list(seg)
			}
		})
		at(step-nslots, func(s *search, _, slot int) {
			if slot == nslots-1 {
				s.resolve(seg)
			}
		})
		at(step-2*nslots, func(s *search, i, slot int) {
			if slot == nslots-1 {
				out[i].Matches = s.verify(seg, out[i].Matches)
			}
		})
	}
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
	limit  int
	allow  allowance
	accept func(uint64) bool

	values []uint32        // to look up
	spans  []span          // the postings of each
	ends   [nslots + 1]int // where those of a slot end, in ends[slot+1]

	hits    []hit // the first nhits are what the kernel has left of the spans
	nhits   int
	hitEnds [nslots + 1]int

	found     []uint32 // postings, then positions
	foundEnds [nslots + 1]int
	distances []uint16
	high      []uint32 // bits of the positions of a slot
	seen      []uint32 // for unique
}

var searches = sync.Pool{New: func() any { return new(pipeline) }}

func (s *search) start(x *Index, q *Query) {
	s.kernel, s.tuning, s.accept = x.kernel, x.tuning, q.Accept
	s.words, s.radius, s.limit = q.Key.words(), min(q.Radius, 256), q.Limit
	if s.radius <= maxProbeRadius {
		s.allow = spread(max(s.radius, -1))
	}
}

// skip leaves nothing to look up.
func (s *search) skip() {
	s.ends = [nslots + 1]int{}
	s.nhits, s.found = 0, s.found[:0]
}

func (s *search) accepts(id uint64) bool { return s.accept == nil || s.accept(id) }
