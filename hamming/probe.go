package hamming

import (
	"math/bits"
	"slices"
	"sync"
)

// maxProbeRadius is the radius up to which a slot's allowance is at most 2
// (137 values); one more costs 560 values more in a slot, and scanning wins.
const maxProbeRadius = 3*nslots - 1

// allowance says for each slot up to which distance its values are looked up;
// -1 is not at all.
type allowance [nslots]int

// spread splits a radius evenly: Σ(tᵢ+1) = radius+1.
func spread(radius int) allowance {
	var a allowance
	for i := range a {
		a[i] = (radius+1)/nslots - 1
		if i < (radius+1)%nslots {
			a[i]++
		}
	}
	return a
}

// probes counts the look-ups of a search.
func (a *allowance) probes() int {
	n := 0
	for _, t := range a {
		for d := range t + 1 {
			n += len(masks()[d])
		}
	}
	return n
}

// masks lists the 16-bit numbers of 0, 1 and 2 set bits.
var masks = sync.OnceValue(func() *[3][]uint16 {
	var m [3][]uint16
	for v := range 1 << 16 {
		if n := bits.OnesCount16(uint16(v)); n < len(m) {
			m[n] = append(m[n], uint16(v))
		}
	}
	return &m
})

// probes says whether the tables of a segment are the quickest way.
func (s *search) probes(seg *segment) bool {
	return s.radius <= maxProbeRadius && len(seg.ids) >= s.tuning.flatPerProbe*s.allow.probes()
}

func (s *search) scan(seg *segment, dst []Match) []Match {
	for p := range seg.keys {
		if d := s.words.distance(&seg.keys[p]); d <= s.radius {
			dst = s.take(seg, uint32(p), d, dst)
		}
	}
	return dst
}

// take appends the entry at p unless it is deleted or not wanted.
func (s *search) take(seg *segment, p uint32, d int, dst []Match) []Match {
	if id := seg.ids[p]; !seg.isDead(p) && s.accepts(id) {
		dst = append(dst, Match{ID: id, Distance: d})
	}
	return dst
}

// Memory is what a search of a segment waits for. It goes in steps in which no
// read, and no branch, depends on another read of the step; and what a step
// will read is asked for while an earlier one, perhaps of another query, works.

// begin lists the values to look up in each slot, and asks for where their
// postings begin.
func (s *search) begin(seg *segment) {
	m := masks()
	s.values = s.values[:0]
	for i := range nslots {
		value := s.words.slot(i)
		for d := range s.allow[i] + 1 {
			for _, mask := range m[d] {
				s.values = append(s.values, uint32(value^mask))
			}
		}
		s.ends[i+1] = len(s.values)
		s.kernel.fetchBytes(bytesOf(seg.slot[i].off[:]), 4, s.values[s.ends[i]:])
	}
	s.spans = slices.Grow(s.spans[:0], len(s.values))[:len(s.values)]
	s.nhits, s.found = 0, s.found[:0]
}

// look finds the spans of a slot, and asks for their postings.
func (s *search) look(seg *segment, slot int) {
	from, to := s.ends[slot], s.ends[slot+1]
	t, values, spans := &seg.slot[slot], s.values[from:to], s.spans[from:to]
	most, d := uint32(s.allow[slot]+s.allow[(slot+1)%nslots]+1), 0
	for i, v := range values {
		if i == ring[d] {
			d++
		}
		spans[i] = span{t.off[v], t.off[v+1], most - uint32(d)}
	}
	s.kernel.fetch(t.sig, spans)
}

// ring[d] is how many 16-bit numbers have at most d set bits.
var ring = [...]int{1, 1 + 16, 1 + 16 + 120}

// sift keeps the postings of a slot that pass the pigeonring test of two slots.
func (s *search) sift(seg *segment, slot int) {
	spans, room := s.spans[s.ends[slot]:s.ends[slot+1]], 1
	for _, sp := range spans {
		room += int(sp.to-sp.from+blockSize-1) / blockSize
	}
	s.hits = slices.Grow(s.hits[:s.nhits], room)[:s.nhits+room]
	n := s.kernel.sift(seg.slot[slot].sig, spans, s.words.slot((slot+1)%nslots), s.hits[s.nhits:])
	s.nhits += n
	s.hitEnds[slot+1] = s.nhits
}

// list makes of the hits the postings in found, and asks for their positions.
// It comes before reading these: counting the zeros of a mask leaves the
// processor (BSF on AMD) waiting for what its register held before, which must
// not be a read of pos.
func (s *search) list(seg *segment) {
	for i := range nslots {
		from := len(s.found)
		for _, h := range s.hits[s.hitEnds[i]:s.hitEnds[i+1]] {
			for m := h.mask; m != 0; m &= m - 1 {
				s.found = append(s.found, h.at+uint32(bits.TrailingZeros32(m)))
			}
		}
		s.foundEnds[i+1] = len(s.found)
		s.kernel.fetchBytes(seg.slot[i].pos, posSize, s.found[from:])
	}
}

// resolve turns the postings in found into positions, each once, and asks for
// their keys.
func (s *search) resolve(seg *segment) {
	// The file may be made with intent: nothing beyond the last.
	last := uint32(len(seg.ids) - 1)
	for i := range nslots {
		t, found := &seg.slot[i], s.found[s.foundEnds[i]:s.foundEnds[i+1]]
		if t.ranges > 0 {
			s.resolveHigh(t, i, found)
		}
		for j, p := range found {
			found[j] = t.low(p)
		}
		if t.ranges > 0 {
			for j := range found {
				found[j] |= s.high[j]
			}
		}
		for j := range found {
			found[j] = min(found[j], last)
		}
	}
	s.unique()
	s.kernel.fetchBytes(bytesOf(seg.keys), 32, s.found)
}

// resolveHigh finds the high bits of postings of a slot, which are in the order
// of its spans.
func (s *search) resolveHigh(t *table, slot int, postings []uint32) {
	s.high = s.high[:0]
	for k := s.ends[slot]; k < s.ends[slot+1]; k++ {
		sp, v := s.spans[k], uint16(s.values[k])
		for len(s.high) < len(postings) && postings[len(s.high)]-sp.from < sp.to-sp.from {
			s.high = append(s.high, t.high(v, postings[len(s.high)]))
		}
	}
}

// unique drops repeated positions: a key may be met from several of its slots.
func (s *search) unique() {
	size := 1 << bits.Len(uint(2*len(s.found)))
	if cap(s.seen) < size {
		s.seen = make([]uint32, size)
	}
	seen := s.seen[:size] // positions plus one, each at its place or behind
	clear(seen)
	n := 0
	for _, p := range s.found {
		at := int(p*0x9e3779b1>>8) & (len(seen) - 1)
		for seen[at] != 0 && seen[at] != p+1 {
			at = (at + 1) & (len(seen) - 1)
		}
		if seen[at] == 0 {
			seen[at] = p + 1
			s.found[n] = p
			n++
		}
	}
	s.found = s.found[:n]
}

// verify compares the candidates' keys, and takes those that match.
func (s *search) verify(seg *segment, dst []Match) []Match {
	n := 0
	s.distances = slices.Grow(s.distances[:0], len(s.found))[:len(s.found)]
	for _, p := range s.found {
		d := s.words.distance(&seg.keys[p])
		s.found[n], s.distances[n] = p, uint16(d)
		if d <= s.radius {
			n++
		}
	}
	s.found, s.distances = s.found[:n], s.distances[:n]
	if len(seg.twins) > 0 {
		for i, p := range s.found {
			if seg.firsts[p/64]>>(p%64)&1 == 1 {
				for _, pair := range seg.others(p) {
					s.found, s.distances = append(s.found, uint32(pair)), append(s.distances, s.distances[i])
				}
			}
		}
	}
	s.living(seg)
	s.kernel.fetchBytes(bytesOf(seg.ids), 8, s.found)
	for i, p := range s.found {
		if id := seg.ids[p]; s.accepts(id) {
			dst = append(dst, Match{ID: id, Distance: int(s.distances[i])})
		}
	}
	return dst
}

// living drops what is deleted, and of more matches than the limit those that
// are farther than one more than the limit: a query beside a large cluster finds
// thousands, and reading their ids takes longest.
func (s *search) living(seg *segment) {
	var count [257]int
	n := 0
	for i, p := range s.found {
		if d := s.distances[i]; !seg.isDead(p) {
			count[d]++
			s.found[n], s.distances[n] = p, d
			n++
		}
	}
	s.found, s.distances = s.found[:n], s.distances[:n]
	if s.limit <= 0 || n <= s.limit || s.accept != nil {
		return
	}
	last := 0
	for sum := count[0]; sum <= s.limit; sum += count[last] {
		last++
	}
	n = 0
	for i, p := range s.found {
		s.found[n], s.distances[n] = p, s.distances[i]
		if int(s.distances[i]) <= last {
			n++
		}
	}
	s.found, s.distances = s.found[:n], s.distances[:n]
}
