package hamming

// machineKernels lists the kernels in assembly that this processor can run.
func machineKernels() []*kernel {
	f := detect()
	var all []*kernel
	if f.avx512 {
		all = append(all, &kernel{name: "avx512", sift: withSlices(siftAVX512), near: near512, fetch: fetchAMD64, fetchBytes: fetchBytesAMD64})
	}
	if f.avx2 {
		all = append(all, &kernel{name: "avx2", sift: withSlices(siftAVX2), near: nearPortable, fetch: fetchAMD64, fetchBytes: fetchBytesAMD64})
	}
	return all
}

type features struct{ avx2, avx512 bool }

// detect asks the processor, and whether the system saves its wide registers.
func detect() (f features) {
	const (
		osxsave, avx      = 1 << 27, 1 << 28                              // leaf 1, ecx
		avx2, bmi2        = 1 << 5, 1 << 8                                // leaf 7, ebx
		avx512fdqbwvl     = 1<<16 | 1<<17 | 1<<30 | 1<<31                 // leaf 7, ebx
		bitalg, vpopcntdq = 1 << 12, 1 << 14                              // leaf 7, ecx
		ymm, zmm          = 1<<1 | 1<<2, 1<<1 | 1<<2 | 1<<5 | 1<<6 | 1<<7 // xcr0
	)
	top, _, _ := cpuid(0)
	_, _, c1 := cpuid(1)
	if top < 7 || c1&osxsave == 0 || c1&avx == 0 {
		return f
	}
	saved := xgetbv()
	_, b7, c7 := cpuid(7)
	f.avx2 = saved&ymm == ymm && b7&avx2 != 0 && b7&bmi2 != 0
	f.avx512 = f.avx2 && saved&zmm == zmm && b7&avx512fdqbwvl == avx512fdqbwvl && c7&bitalg != 0 && c7&vpopcntdq != 0
	return f
}

func withSlices(sift func(*uint16, *span, int, uint16, *hit) int) func([]uint16, []span, uint16, []hit) int {
	return func(sig []uint16, spans []span, next uint16, out []hit) int {
		if len(spans) == 0 {
			return 0
		}
		return sift(&sig[0], &spans[0], len(spans), next, &out[0])
	}
}

func near512(a, b *[pageSize]uint64, n int, wa, wb uint64, radius int, out *[pageSize / 64]uint64) {
	if n == 0 {
		return
	}
	nearAVX512(&a[0], &b[0], (n+7)/8, wa, wb, uint64(radius), &out[0])
	// What lies beyond n is another's, in the middle of being written.
	out[(n-1)/64] &= ^uint64(0) >> (63 - (n-1)%64)
}

func fetchAMD64(sig []uint16, spans []span) {
	if len(spans) > 0 {
		prefetch(&sig[0], &spans[0], len(spans))
	}
}

func fetchBytesAMD64(data []byte, size int, index []uint32) {
	if len(index) > 0 {
		prefetchBytes(&data[0], size, &index[0], len(index))
	}
}

// In kernel_amd64.s.

func cpuid(leaf uint32) (eax, ebx, ecx uint32)
func xgetbv() uint32

//go:noescape
func siftAVX512(sig *uint16, spans *span, n int, next uint16, out *hit) int

//go:noescape
func siftAVX2(sig *uint16, spans *span, n int, next uint16, out *hit) int

// nearAVX512 compares groups of 8 entries.
//
//go:noescape
func nearAVX512(a, b *uint64, groups int, wa, wb, radius uint64, out *uint64)

// prefetch takes at most 8 lines of each span; the processor sees where it goes.
//
//go:noescape
func prefetch(sig *uint16, spans *span, n int)

//go:noescape
func prefetchBytes(data *byte, size int, index *uint32, n int)
