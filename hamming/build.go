package hamming

import (
	"cmp"
	"runtime"
	"slices"
)

// build makes a segment of the live entries of runs, which have no live id in
// common, with that many workers and bits of a position.
func build(runs []run, workers, bits int) *segment {
	n := 0
	for i := range runs {
		n += runs[i].count()
	}
	s := newSegment(shape{n, n, bits}, nil)
	s.merge(runs)
	runtime.KeepAlive(runs)
	s.slot[0].build(s.keys, 0, nil)
	if twins := s.equal(workers); len(twins) > 0 {
		t := newSegment(shape{n, n - len(twins), bits}, nil)
		copy(t.ids, s.ids)
		copy(t.keys, s.keys)
		copy(t.twins, twins)
		t.mark()
		s = t
		skip := make([]uint64, (n+63)/64)
		for _, pair := range twins {
			p := uint32(pair)
			skip[p/64] |= 1 << (p % 64)
		}
		parallel(nslots, workers, func(i int) { s.slot[i].build(s.keys, i, skip) })
		return s
	}
	parallel(nslots-1, workers, func(i int) { s.slot[i+1].build(s.keys, i+1, nil) })
	return s
}

// merge copies the live entries in order.
func (s *segment) merge(runs []run) {
	at := make([]int, len(runs))
	for i := range runs {
		at[i] = runs[i].next(0)
	}
	for p := range s.ids {
		least := -1
		for i := range runs {
			if at[i] < runs[i].len() && (least < 0 || runs[i].id(at[i]) < runs[least].id(at[least])) {
				least = i
			}
		}
		r := &runs[least]
		s.ids[p], s.keys[p] = r.id(at[least]), r.key(at[least])
		at[least] = r.next(at[least] + 1)
	}
}

// build sorts the postings of one slot by value: count, sum up, distribute.
// Entries with their bit in skip, if that is not nil, have none.
func (t *table) build(keys []words, slot int, skip []uint64) {
	word, shift := slot/4, 16*(slot%4)
	left := func(p int) bool { return skip != nil && skip[p/64]>>(p%64)&1 == 1 }
	for p := range keys {
		if !left(p) {
			t.off[uint16(keys[p][word]>>shift)]++
		}
	}
	sum := uint32(0)
	for v, n := range t.off {
		t.off[v] = sum
		sum += n
	}
	next := (slot + 1) % nslots
	nword, nshift := next/4, 16*(next%4)
	for p := range keys {
		if r := p >> t.bits; r > 0 && p == r<<t.bits {
			for v := range 1 << 16 {
				t.cuts[v*t.ranges+r-1] = t.off[v]
			}
		}
		if left(p) {
			continue
		}
		v := uint16(keys[p][word] >> shift)
		at := t.off[v]
		t.off[v] = at + 1
		t.sig[at] = uint16(keys[p][nword] >> nshift)
		q := p & (1<<t.bits - 1)
		b := t.pos[posSize*int(at):][:posSize]
		b[0], b[1], b[2] = byte(q), byte(q>>8), byte(q>>16)
	}
	// Each start has moved to its end, which is the next one's start.
	copy(t.off[1:], t.off[:1<<16])
	t.off[0] = 0
}

// equal lists the twins, by means of the table of slot 0.
func (s *segment) equal(workers int) []uint64 {
	const parts = 256
	var found [parts][]uint64
	parallel(parts, workers, func(part int) {
		var alike []uint64 // next slot<<32 | position
		for v := part * (1 << 16 / parts); v < (part+1)*(1<<16/parts); v++ {
			alike = s.slot[0].alike(uint16(v), alike[:0])
			for from := 0; from < len(alike); {
				to := from + 1
				for to < len(alike) && alike[to]>>32 == alike[from]>>32 {
					to++
				}
				if to > from+1 {
					found[part] = s.pairs(alike[from:to], found[part])
				}
				from = to
			}
		}
	})
	all := slices.Concat(found[:]...)
	slices.Sort(all)
	return all
}

// alike lists the postings of a value in order of their next slot.
func (t *table) alike(v uint16, out []uint64) []uint64 {
	for i := t.off[v]; i < t.off[int(v)+1]; i++ {
		out = append(out, uint64(t.sig[i])<<32|uint64(t.high(v, i)|t.low(i)))
	}
	slices.Sort(out)
	return out
}

// pairs appends the twins among entries, whose order it changes.
func (s *segment) pairs(entries []uint64, out []uint64) []uint64 {
	key := func(e uint64) *words { return &s.keys[uint32(e)] }
	slices.SortFunc(entries, func(a, b uint64) int {
		return cmp.Or(slices.Compare(key(a)[:], key(b)[:]), cmp.Compare(a, b))
	})
	first := entries[0]
	for _, e := range entries[1:] {
		if *key(e) != *key(first) {
			first = e
			continue
		}
		out = append(out, uint64(uint32(first))<<32|uint64(uint32(e)))
	}
	return out
}
