package hamming

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// kernel is the two inner loops of a search, and a hint. All kernels give the
// same answers; the tests compare them.
type kernel struct {
	name string
	// sift tests the postings of spans of a slot: it appends to out a hit for
	// each block of 32 postings, counted from the start of its span, that has
	// any whose next slot is within most bits of next, in order, and returns
	// their number. It may write to one element of out beyond. Behind the last
	// posting sig has sigPad more.
	sift func(sig []uint16, spans []span, next uint16, out []hit) int
	// near sets bit e of out if the first n entries of two planes are within
	// radius bits of two words.
	near func(a, b *[pageSize]uint64, n int, wa, wb uint64, radius int, out *[pageSize / 64]uint64)
	// fetch brings the spans, or at least the beginning of each, near.
	fetch func(sig []uint16, spans []span)
	// fetchBytes brings near what begins at index times size, or does nothing.
	fetchBytes func(data []byte, size int, index []uint32)
}

// span is a range of postings and the test for them.
type span struct{ from, to, most uint32 }

// hit is a block of postings; bit b of mask is posting at+b, which passed.
type hit struct{ at, mask uint32 }

// blockSize is the postings that a hit covers.
const blockSize = 32

// plainKernel says what the others must do.
var plainKernel = kernel{name: "plain", sift: siftPlain, near: nearPortable, fetch: fetchPortable, fetchBytes: fetchNothing}

// wordsKernel has 4 postings side by side in a word.
var wordsKernel = kernel{name: "words", sift: siftWords, near: nearPortable, fetch: fetchPortable, fetchBytes: fetchNothing}

// portableKernel is the better of both.
var portableKernel = kernel{name: "portable", sift: siftPortable, near: nearPortable, fetch: fetchPortable, fetchBytes: fetchNothing}

// kernels lists what this machine can run, the best first.
func kernels() []*kernel {
	all := machineKernels()
	if littleEndian {
		all = append(all, &portableKernel, &wordsKernel)
	}
	return append(all, &plainKernel)
}

func bestKernel() *kernel { return kernels()[0] }

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func siftPlain(sig []uint16, spans []span, next uint16, out []hit) int {
	n := 0
	for _, sp := range spans {
		for at := sp.from; at < sp.to; at += blockSize {
			h := hit{at: at}
			for i := range min(blockSize, sp.to-at) {
				if bits.OnesCount16(sig[at+i]^next) <= int(sp.most) {
					h.mask |= 1 << i
				}
			}
			if h.mask != 0 {
				out[n] = h
				n++
			}
		}
	}
	return n
}

const lanes = 0x0001_0001_0001_0001 // times a 16-bit number: 4 of it

// siftPortable tests short spans one by one; words pay from some 8 postings on.
func siftPortable(sig []uint16, spans []span, next uint16, out []hit) int {
	if len(sig) < 8<<16 {
		return siftPlain(sig, spans, next, out)
	}
	return siftWords(sig, spans, next, out)
}

func siftWords(sig []uint16, spans []span, next uint16, out []hit) int {
	n := 0
	wide := uint64(next) * lanes
	for _, sp := range spans {
		// most+0x8000 less the count keeps the top bit if the count is at most most.
		least := uint64(sp.most|0x8000) * lanes
		for at := sp.from; at < sp.to; at += blockSize {
			b := (*[2 * blockSize]byte)(unsafe.Pointer((*[blockSize]uint16)(sig[at:]))) //nolint:gosec // the same memory as bytes
			m := passed(b, 0, wide, least)
			if sp.to-at > 4 {
				m |= passed(b, 1, wide, least) | passed(b, 2, wide, least) | passed(b, 3, wide, least)
			}
			if sp.to-at > 16 {
				m |= passed(b, 4, wide, least) | passed(b, 5, wide, least) | passed(b, 6, wide, least) | passed(b, 7, wide, least)
			}
			m = (m | m>>8) & (0xffff_0000_ffff)
			out[n] = hit{at, uint32(m|m>>16) & tails[min(blockSize, sp.to-at)]}
			if out[n].mask != 0 {
				n++
			}
		}
	}
	for i := range out[:n] {
		out[i].mask = straighten(out[i].mask)
	}
	return n
}

// passed tests postings 4i to 4i+3, and sets bit 16l+i for each 4i+l that
// passes.
func passed(b *[2 * blockSize]byte, i int, wide, least uint64) uint64 {
	v := binary.LittleEndian.Uint64(b[8*i:8*i+8]) ^ wide
	v -= v >> 1 & (0x5555 * lanes)
	v = v&(0x3333*lanes) + v>>2&(0x3333*lanes)
	v = (v + v>>4) & (0x0f0f * lanes)
	v = (v + v>>8) & (0x001f * lanes)
	return (least - v) >> 15 & lanes << i
}

// straighten makes bit 4i+l of bit 8l+i.
func straighten(m uint32) uint32 {
	var out uint32
	for l := range 4 {
		x := m >> (8 * l) & 0xff
		x = (x | x<<12) & 0x000f000f
		x = (x | x<<6) & 0x03030303
		x = (x | x<<3) & 0x11111111
		out |= x << l
	}
	return out
}

// tails[n] is the first n postings as passed sets them.
var tails = func() (t [blockSize + 1]uint32) {
	for n := range blockSize {
		t[n+1] = t[n] | 1<<(n%4*8+n/4)
	}
	return t
}()

func nearPortable(a, b *[pageSize]uint64, n int, wa, wb uint64, radius int, out *[pageSize / 64]uint64) {
	for i := 0; i < n; i += 64 {
		var m uint64
		for e := i; e < min(n, i+64); e++ {
			d := bits.OnesCount64(a[e]^wa) + bits.OnesCount64(b[e]^wb)
			m |= uint64(d-radius-1) >> 63 << (e % 64)
		}
		out[i/64] = m
	}
}

// fetchPortable reads every line of the spans: these reads wait together, those
// between the tests of a sift one after the other. sink keeps them.
func fetchPortable(sig []uint16, spans []span) {
	sum := uint16(0)
	for _, sp := range spans {
		for at := sp.from; at < sp.to; at += blockSize {
			sum += sig[at]
		}
	}
	sink(sum)
}

func fetchNothing([]byte, int, []uint32) {}

func bytesOf[T uint32 | uint64 | words](s []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), int(unsafe.Sizeof(t))*len(s)) //nolint:gosec // the same memory
}

//go:noinline
func sink(uint16) {}
