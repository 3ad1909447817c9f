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

// segment appends what matches in a segment.
func (s *search) segment(seg *segment, dst []Match) []Match {
	if s.radius > maxProbeRadius || len(seg.ids) < s.tuning.flatPerProbe*s.allow.probes() {
		return s.scan(seg, dst)
	}
	s.candidates(seg)
	return s.verify(seg, dst)
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

// candidates collects the positions that pass the pigeonring test of two slots
// somewhere. Memory is what it waits for, so that it goes in steps in which no
// read, and no branch, depends on another read of the step.
func (s *search) candidates(seg *segment) {
	var spans, hits [nslots + 1]int // where those of slot i begin
	s.spans, s.room = s.spans[:0], 1
	for i := range nslots {
		s.look(&seg.slot[i], i)
		spans[i+1] = len(s.spans)
	}
	for i := range nslots {
		s.kernel.fetch(seg.slot[i].sig, s.spans[spans[i]:spans[i+1]])
	}
	s.hits = slices.Grow(s.hits[:0], s.room)[:s.room]
	for i := range nslots {
		next := s.words.slot((i + 1) % nslots)
		n := s.kernel.sift(seg.slot[i].sig, s.spans[spans[i]:spans[i+1]], next, s.hits[hits[i]:])
		hits[i+1] = hits[i] + n
	}
	s.found = s.found[:0]
	for i := range nslots {
		s.resolve(&seg.slot[i], s.hits[hits[i]:hits[i+1]])
	}
	s.unique(len(seg.ids))
}

// look adds the spans of a slot.
func (s *search) look(t *table, slot int) {
	m, value := masks(), s.words.slot(slot)
	most := s.allow[slot] + s.allow[(slot+1)%nslots] + 1
	for d := range s.allow[slot] + 1 {
		for _, mask := range m[d] {
			v := value ^ mask
			from, to := t.off[v], t.off[int(v)+1]
			s.spans = append(s.spans, span{from, to, uint32(most - d)})
			s.room += int(to-from+blockSize-1) / blockSize
		}
	}
}

// resolve appends to found the entries of hits. It lists the postings first:
// counting the zeros of a mask leaves the processor (BSF on AMD) waiting for
// what its register held before, which must not be a read of pos.
func (s *search) resolve(t *table, hits []hit) {
	from := len(s.found)
	for _, h := range hits {
		for m := h.mask; m != 0; m &= m - 1 {
			s.found = append(s.found, h.at+uint32(bits.TrailingZeros32(m)))
		}
	}
	for i, p := range s.found[from:] {
		s.found[from+i] = t.pos[p]
	}
}

// unique drops repeated positions: a key may be met from several of its slots.
func (s *search) unique(entries int) {
	if size := (entries + 63) / 64; len(s.seen) < size {
		s.seen = make([]uint64, size)
	}
	n := 0
	for _, p := range s.found {
		w, bit := &s.seen[p/64], p%64
		s.found[n] = p
		n += int(^*w >> bit & 1)
		*w |= 1 << bit
	}
	s.found = s.found[:n]
	for _, p := range s.found {
		s.seen[p/64] = 0
	}
}

// verify compares the candidates' keys, and takes those that match.
func (s *search) verify(seg *segment, dst []Match) []Match {
	n := 0
	for _, p := range s.found {
		d := s.words.distance(&seg.keys[p])
		s.found[n] = p
		if d <= s.radius {
			n++
		}
	}
	for _, p := range s.found[:n] {
		dst = s.take(seg, p, s.words.distance(&seg.keys[p]), dst)
	}
	return dst
}
