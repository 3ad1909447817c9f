package hamming

import "runtime"

// build makes a segment of the live entries of runs, which have no live id in
// common, with that many workers.
func build(runs []run, workers int) *segment {
	n := 0
	for i := range runs {
		n += runs[i].count()
	}
	s := newSegment(n, nil)
	s.merge(runs)
	parallel(nslots, workers, func(i int) { s.slot[i].build(s.keys, i) })
	runtime.KeepAlive(runs)
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
			if at[i] < len(runs[i].ids) && (least < 0 || runs[i].ids[at[i]] < runs[least].ids[at[least]]) {
				least = i
			}
		}
		r := &runs[least]
		s.ids[p], s.keys[p] = r.ids[at[least]], r.keys[at[least]]
		at[least] = r.next(at[least] + 1)
	}
}

// build sorts the postings of one slot by value: count, sum up, distribute.
func (t *table) build(keys []words, slot int) {
	word, shift := slot/4, 16*(slot%4)
	for p := range keys {
		t.off[uint16(keys[p][word]>>shift)]++
	}
	sum := uint32(0)
	for v, n := range t.off {
		t.off[v] = sum
		sum += n
	}
	next := (slot + 1) % nslots
	nword, nshift := next/4, 16*(next%4)
	for p := range keys {
		v := uint16(keys[p][word] >> shift)
		at := t.off[v]
		t.off[v] = at + 1
		t.pos[at], t.sig[at] = uint32(p), uint16(keys[p][nword]>>nshift)
	}
	// Each start has moved to its end, which is the next one's start.
	copy(t.off[1:], t.off[:1<<16])
	t.off[0] = 0
}
