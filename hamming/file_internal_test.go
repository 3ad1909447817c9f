package hamming

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// FuzzUnseal opens segments that somebody has changed, with checksums that
// match or do not: nothing may panic, and a mismatch is always seen.
func FuzzUnseal(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	var entries run
	for id := range uint64(300) {
		entries.ids = append(entries.ids, id*3)
		entries.keys = append(entries.keys, words{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()})
		if id%100 == 99 {
			entries.keys[id] = entries.keys[id/2]
		}
	}
	s := build([]run{entries}, 1, 6)
	copy(s.data, s.header(7))
	l := layoutOf(s.shape)
	for _, at := range []int{16, 24, 32, 40, l.ids, l.keys, l.twins, l.cuts[3] + 4000, l.off[3] + 400, l.sig[2], l.pos[15] + 8, l.size - 1} {
		f.Add(uint32(at), []byte{255, 1}, true, uint32(0))
		f.Add(uint32(at), []byte{1}, false, uint32(9))
	}
	f.Fuzz(func(t *testing.T, at uint32, change []byte, reseal bool, cut uint32) {
		data := aligned(s.data[:len(s.data)-int(cut%uint32(len(s.data)))])
		changed := false
		for i, c := range change {
			if p := int(at) + i; p < len(data) {
				data[p] ^= c
				changed = changed || c != 0
			}
		}
		if reseal && len(data) == len(s.data) {
			copy(data, (&segment{data: data, shape: s.shape}).header(7))
		}
		got, _, reason := unseal(data)
		if reason == "" && !reseal && (changed || len(data) != len(s.data)) && !slices.Equal(data, s.data) && !onlyPadding(data, s.data) {
			t.Fatal("a damaged segment was opened")
		}
		if reason != "" {
			return
		}
		for _, k := range kernels() {
			for radius := range 64 {
				x := New()
				x.kernel, x.tuning.flatPerProbe = k, 0
				x.parts.Store(&parts{segments: []*segment{got}, deltas: []*delta{newDelta()}})
				x.Search(Key{1}, radius, nil, 0)
			}
		}
	})
}

// onlyPadding says that nothing differs but what follows the header's checksum
// on its page.
func onlyPadding(a, b []byte) bool {
	return len(a) == len(b) && slices.Equal(a[:headerSum+4], b[:headerSum+4]) && slices.Equal(a[headerSize:], b[headerSize:])
}

// aligned copies data to where a segment may lie.
func aligned(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	buf := make([]uint64, (len(data)+7)/8)
	out := unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(data))
	copy(out, data)
	return out
}
