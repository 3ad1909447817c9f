package hamming

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"
)

// segment holds entries that no longer change, in order of their ids, with a
// table for every slot. Only the bits of dead change, one way.
type segment struct {
	shape shape
	data  []byte   // everything below lies in here, as in a file
	ids   []uint64 // ascending
	keys  []words
	twins []uint64 // first<<32 | other of entries with equal keys, ascending
	slot  [nslots]table

	firsts []uint64 // bit p set: entry p has twins; nil if none has

	dead  []atomic.Uint64 // bit p set: entry p is deleted
	ndead int             // guarded by Index.mu
	job   *job            // that merges it away; guarded by Index.mu
	owner *mapping        // keeps data mapped; nil in memory
}

// table lists the postings of a slot by value: those with value v are
// off[v] to off[v+1]. Of entries with equal keys only the first has one.
type table struct {
	off *[1<<16 + 1]uint32
	sig []uint16 // the value of the next slot; sigPad more than postings
	pos []byte   // of the entry: the low bits, little-endian in posSize bytes

	// A segment with more entries than these bits can tell apart is cut into
	// ranges of 1<<bits. The postings of a value lie in order of their entries,
	// so that it is enough to know where each range but the first begins:
	// cuts[v*ranges+i] for range i+1.
	bits   int
	ranges int // but the first
	cuts   []uint32
}

// posSize is the bytes of a position in a table.
const posSize = 3

// sigPad is how far behind the end of sig a kernel may read.
const sigPad = 64

// headerSize is the space before the first section: one page.
const headerSize = 4096

// shape is what decides where each part of a segment lies.
type shape struct {
	entries  int
	postings int // of each slot: different keys
	bits     int // of a position in a table, at most 8*posSize
}

func (s shape) ranges() int { return max(0, s.entries-1) >> s.bits }

// layout says where each part of a segment lies.
type layout struct {
	ids, keys, twins    int
	off, cuts, sig, pos [nslots]int
	size                int
}

func layoutOf(s shape) layout {
	at := headerSize
	place := func(size int) int {
		here := at
		at += (size + 63) &^ 63
		return here
	}
	var l layout
	l.ids = place(8 * s.entries)
	l.keys = place(32 * s.entries)
	l.twins = place(8 * (s.entries - s.postings))
	for i := range nslots {
		l.off[i] = place(4 * (1<<16 + 1))
		l.cuts[i] = place(4 << 16 * s.ranges())
		l.sig[i] = place(2 * (s.postings + sigPad))
		l.pos[i] = place(posSize*s.postings + 1)
	}
	l.size = (at + 4095) &^ 4095
	return l
}

// view reads n values at an offset of data, which is aligned for them.
func view[T byte | uint16 | uint32 | uint64 | words](data []byte, at, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	b := data[at : at+n*int(unsafe.Sizeof(t))]
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n) //nolint:gosec // in bounds by the line above, aligned by layoutOf
}

// newSegment lays a segment over data, or over fresh memory.
func newSegment(sh shape, data []byte) *segment {
	l := layoutOf(sh)
	if data == nil {
		buf := make([]uint64, l.size/8)
		data = unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), l.size) //nolint:gosec // the bytes of buf
		hugePages(data)
	}
	n := sh.entries
	s := &segment{shape: sh, data: data, ids: view[uint64](data, l.ids, n), keys: view[words](data, l.keys, n),
		twins: view[uint64](data, l.twins, n-sh.postings), dead: make([]atomic.Uint64, (n+63)/64)}
	for i := range s.slot {
		s.slot[i] = table{
			off:  (*[1<<16 + 1]uint32)(view[uint32](data, l.off[i], 1<<16+1)),
			sig:  view[uint16](data, l.sig[i], sh.postings+sigPad),
			pos:  view[byte](data, l.pos[i], posSize*sh.postings+1),
			bits: sh.bits, ranges: sh.ranges(), cuts: view[uint32](data, l.cuts[i], sh.ranges()<<16),
		}
	}
	return s
}

// low is the low bits of the position in posting i. One byte beyond is read.
func (t *table) low(i uint32) uint32 {
	at := posSize * int(i)
	return binary.LittleEndian.Uint32(t.pos[at:at+posSize+1]) & (1<<t.bits - 1)
}

// high is the rest of the position in posting i, of value v.
func (t *table) high(v uint16, i uint32) uint32 {
	r := uint32(0)
	for _, cut := range t.cuts[int(v)*t.ranges : (int(v)+1)*t.ranges] {
		if i >= cut {
			r++
		}
	}
	return r << t.bits
}

// mark notes which entries have twins.
func (s *segment) mark() {
	if len(s.twins) > 0 {
		s.firsts = make([]uint64, (len(s.ids)+63)/64)
	}
	for _, pair := range s.twins {
		p := pair >> 32
		s.firsts[p/64] |= 1 << (p % 64)
	}
}

// others returns the range of twins of the entry at p.
func (s *segment) others(p uint32) []uint64 {
	from, _ := slices.BinarySearch(s.twins, uint64(p)<<32)
	to := from
	for to < len(s.twins) && uint32(s.twins[to]>>32) == p {
		to++
	}
	return s.twins[from:to]
}

func (s *segment) live() int { return len(s.ids) - s.ndead }

// find returns the position of an id that is not deleted.
func (s *segment) find(id uint64) (uint32, bool) {
	if n := len(s.ids); n == 0 || id > s.ids[n-1] {
		return 0, false
	}
	p, ok := slices.BinarySearch(s.ids, id)
	return uint32(p), ok && !s.isDead(uint32(p))
}

func (s *segment) isDead(p uint32) bool { return s.dead[p/64].Load()>>(p%64)&1 == 1 }

func (s *segment) kill(p uint32) {
	s.dead[p/64].Or(1 << (p % 64))
	s.ndead++
}

// run is the segment's entries with those alive now.
func (s *segment) run() run {
	r := run{ids: s.ids, keys: s.keys, dead: make([]uint64, len(s.dead)), owner: s}
	for i := range s.dead {
		r.dead[i] = s.dead[i].Load()
	}
	return r
}

// run is a source of a new segment: entries in order of their ids, either as
// ids and keys or as a caller gave them.
type run struct {
	ids     []uint64
	keys    []words
	entries []Entry
	dead    []uint64 // nil if none is
	owner   *segment // keeps the memory of ids and keys
}

func (r *run) len() int { return len(r.ids) + len(r.entries) }

func (r *run) id(p int) uint64 {
	if r.entries != nil {
		return r.entries[p].ID
	}
	return r.ids[p]
}

func (r *run) key(p int) words {
	if r.entries != nil {
		return r.entries[p].Key.words()
	}
	return r.keys[p]
}

func (r *run) count() int {
	n := r.len()
	for _, d := range r.dead {
		n -= bits.OnesCount64(d)
	}
	return n
}

// next is the first live position from p on, or the length.
func (r *run) next(p int) int {
	for p < r.len() && r.dead != nil && r.dead[p/64]>>(p%64)&1 == 1 {
		p++
	}
	return p
}
