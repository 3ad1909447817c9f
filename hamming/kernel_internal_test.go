package hamming

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// siftBy runs a kernel over postings that lie at an odd place of memory, with
// passing values behind the end.
func siftBy(k *kernel, postings []uint16, spans []span, next uint16) []hit {
	sig := append(append([]uint16{next}, postings...), slices.Repeat([]uint16{next}, sigPad)...)[1:]
	room := 1
	for _, sp := range spans {
		room += int(sp.to-sp.from)/blockSize + 1
	}
	out := make([]hit, room)
	k.fetch(sig, spans)
	return out[:k.sift(sig, spans, next, out)]
}

func compareKernels(t interface {
	Helper()
	Fatalf(string, ...any)
}, postings []uint16, spans []span, next uint16) {
	t.Helper()
	want := siftBy(&plainKernel, postings, spans, next)
	for _, k := range kernels() {
		if diff := cmp.Diff(want, siftBy(k, postings, spans, next), cmp.AllowUnexported(hit{})); diff != "" {
			t.Fatalf("%s differs (-plain +%s):\n%s", k.name, k.name, diff)
		}
	}
}

// TestSiftEveryValue has every 16-bit difference meet every threshold.
func TestSiftEveryValue(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	for most := range uint32(18) {
		for _, next := range []uint16{0, 0xffff, 0x8001, 0x1234} {
			compareKernels(t, all, []span{{0, 1 << 16, most}}, next)
		}
	}
	compareKernels(t, all, nil, 7)
}

// TestSiftEveryLength has spans of every length at every alignment.
func TestSiftEveryLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	postings := make([]uint16, 300)
	for i := range postings {
		postings[i] = uint16(1) << r.IntN(16) & uint16(r.Uint32())
	}
	for from := range uint32(65) {
		for n := range uint32(131) {
			compareKernels(t, postings, []span{{from, from + n, 0}, {from, from, 16}, {300, 300, 1}, {from + n, 300, 1}}, 0)
		}
	}
}

func TestSiftRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		postings := rapid.SliceOfN(rapid.Uint16(), 0, 300).Draw(t, "postings")
		n := uint32(len(postings))
		var spans []span
		for range rapid.IntRange(0, 9).Draw(t, "spans") {
			from := rapid.Uint32Range(0, n).Draw(t, "from")
			spans = append(spans, span{from, rapid.Uint32Range(from, n).Draw(t, "to"), rapid.Uint32Range(0, 17).Draw(t, "most")})
		}
		compareKernels(t, postings, spans, rapid.Uint16().Draw(t, "next"))
	})
}

func FuzzSift(f *testing.F) {
	f.Add([]byte("0123456789"), uint16(0x3130), uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, next uint16, most, from uint8) {
		postings := make([]uint16, len(data)/2)
		for i := range postings {
			postings[i] = binary.LittleEndian.Uint16(data[2*i:])
		}
		n := uint32(len(postings))
		compareKernels(t, postings, []span{{min(uint32(from), n), n, uint32(most % 18)}}, next)
	})
}

func TestNear(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var a, b [pageSize]uint64
	for i := range a {
		a[i], b[i] = r.Uint64()&r.Uint64(), r.Uint64()|r.Uint64()
	}
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 500, pageSize - 1, pageSize} {
		for _, radius := range []int{0, 31, 60, 64, 128, 256} {
			var want [pageSize / 64]uint64
			for e := range n {
				if bits.OnesCount64(a[e])+bits.OnesCount64(^b[e]) <= radius {
					want[e/64] |= 1 << (e % 64)
				}
			}
			for _, k := range kernels() {
				var got [pageSize / 64]uint64
				k.near(&a, &b, n, 0, ^uint64(0), radius, &got)
				if got != want {
					t.Errorf("%s: %d entries, radius %d: differs", k.name, n, radius)
				}
			}
		}
	}
}

func BenchmarkSift(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	sig := make([]uint16, 40000+sigPad)
	for i := range sig {
		sig[i] = uint16(r.Uint32())
	}
	var spans []span
	for at := uint32(0); at < 39900; at += 150 {
		spans = append(spans, span{at, at + 150, 2})
	}
	out := make([]hit, 3000)
	for _, k := range kernels() {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				k.sift(sig, spans, 77, out)
			}
		})
	}
}
