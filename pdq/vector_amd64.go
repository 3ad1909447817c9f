package pdq

import "sync"

// strip is the state of the vector path: 16 rows at a time go through all four
// filters. Rows are in lanes for the filters along rows, columns for those
// along columns, so that each running sum keeps the reference's order.
//
// All filters are one loop: what enters the window is added, what leaves it is
// subtracted, and both are zero outside of the picture. Outputs before and after
// the picture have the count 0, which makes them 0, too. A filter thus shifts
// its output by half a window, and places in the comments count from there.
type strip struct {
	luma   *float32 // 16 rows
	stride uintptr  // of luma, bytes
	tiles  int      // of 8 columns

	hist1, hist2 *float32 // what entered the filters along rows lately: rings of tiles of 8 columns × 16 rows
	histSize     uintptr  // of a ring, bytes; its last tile lies beyond and is copied to the first
	lag          uintptr  // of what leaves the window, bytes

	inverse, count *float32 // by place: 1/count and count of the first filter's window
	sums           *float32 // by place: of the first filter along columns
	ring           *float32 // what entered it lately, for each tile of columns
	ringTile       uintptr  // of a tile of it, bytes
	enter, leave   uintptr  // in a tile: where these 16 rows go, what leaves the window
	wraps          uintptr  // not 0 if these 16 rows are the ring's last, and its first

	sampled  *int64   // 4 × the places to sample, ascending; then one that is never reached
	picks    *float32 // the sums there, 16 rows each
	pickRing *float32 // like ring, for the last filter
	out      *float32 // sums of the last filter, 16 rows of 64

	nextSample, ringNow, flip uintptr // spilled registers

	rowInverse, rowCount   [stripRows]float32            // of the first filter along columns
	sum1, sum2             [stripRows]float32            // of the filters along rows
	half                   [tileSide]float32             // sums of the first filter along columns, between the halves of a tile
	tile1, tile2           [tileSide * stripRows]float32 // on their way from filter to filter
	tile3                  [2 * tileSide * stripRows]float32
	pickInverse, pickCount [grid]float32 // of the second filter along rows
	pickSums               [grid]float32
}

const (
	stripRows = 16
	tileSide  = 8
)

// maxVectorSide keeps windows below 1024, for all of which the quotient by
// reciprocal and remainder was compared with the division for all significands.
const maxVectorSide = 1024 * 2 * grid

// machineKernels lists the kernels in assembly that this processor can run.
func machineKernels() []*kernel {
	const (
		osxsave, avx, fma = 1 << 27, 1 << 28, 1 << 12 // leaf 1, ecx
		avx2              = 1 << 5                    // leaf 7, ebx
		ymm               = 1<<1 | 1<<2               // xcr0
	)
	top, _, _ := cpuid(0)
	_, _, c1 := cpuid(1)
	if top < 7 || c1&osxsave == 0 || c1&avx == 0 || c1&fma == 0 || xgetbv()&ymm != ymm {
		return nil
	}
	if _, b7, _ := cpuid(7); b7&avx2 == 0 {
		return nil
	}
	return []*kernel{{
		name: "avx2", downsample: downsampleAVX2, transform: transformVector, gradients: gradientsVector,
	}}
}

func transformVector(a *[grid * grid]float32) (b block) {
	var t [freqs * grid]float32
	d, across := cosines(), cosinesAcross()
	transformAVX2(&a[0], &d[0][0], &across[0][0], &t[0], &b[0])
	return b
}

// cosinesAcross is [cosines], transposed.
var cosinesAcross = sync.OnceValue(func() *[grid][freqs]float32 {
	var t [grid][freqs]float32
	for i, line := range cosines() {
		for j, v := range line {
			t[j][i] = v
		}
	}
	return &t
})

func gradientsVector(s *[grid * grid]float32) int {
	edge := [8]int32{-1, -1, -1, -1, -1, -1, -1, 0}
	return int(gradientsAVX2(&s[0], &edge[0], 100, 1./255, 255))
}

func downsampleAVX2(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
	var (
		win, tall    = window(width), window(height)
		shift, lower = (win+2)/2 - 1, (tall+2)/2 - 1
		tiles        = (width + 2*shift + tileSide - 1) / tileSide
		stride       = tiles * tileSide
		hist         = max(128, (win+2*tileSide-1)/tileSide*tileSide)
		ring         = max(3*stripRows, (tall+2*stripRows-1)/stripRows*stripRows)
		at, rows     = sampleAt(width), sampleAt(height)
		sampled      [grid + 1]int64
		picks        [grid * stripRows]float32
		out          [stripRows * grid]float32
		s            strip
		next         int
	)
	if stride%256 == 0 {
		stride += tileSide // so that the rows do not fall on one set of the cache
	}
	carve := func(store *[]float32, n int) []float32 {
		piece := (*store)[:n:n]
		*store = (*store)[n:]
		return piece
	}
	ringTile := (ring + stripRows) * tileSide
	// The loop also runs over two tiles to the left of the picture and three to
	// the right: there the rings and sums have room, and the counts are 0.
	const beside = 4
	room := stride + 2*beside*tileSide
	store := make([]float32, stripRows*stride+2*(hist+tileSide)*stripRows+3*room+(tiles+2*beside+grid/tileSide)*ringTile)
	luma := carve(&store, stripRows*stride)
	hist1, hist2 := carve(&store, (hist+tileSide)*stripRows), carve(&store, (hist+tileSide)*stripRows)
	inverse, count, sums := carve(&store, room)[beside*tileSide:], carve(&store, room)[beside*tileSide:], carve(&store, room)[beside*tileSide:]
	rings, pickRing := carve(&store, (tiles+2*beside)*ringTile)[beside*ringTile:], carve(&store, grid/tileSide*ringTile)

	for x := range width {
		lo, hi := reach(x, width, win)
		count[x+shift] = float32(hi - lo)
		inverse[x+shift] = 1 / float32(hi-lo)
	}
	for k, x := range at {
		lo, hi := reach(x, width, win)
		s.pickCount[k] = float32(hi - lo)
		s.pickInverse[k] = 1 / float32(hi-lo)
		sampled[k] = int64(4 * (x + 2*shift))
	}
	sampled[grid] = 1 << 62
	s.luma, s.stride, s.tiles = &luma[0], uintptr(4*stride), tiles
	s.hist1, s.hist2, s.histSize, s.lag = &hist1[0], &hist2[0], uintptr(4*stripRows*hist), uintptr(4*stripRows*win)
	s.inverse, s.count, s.sums = &inverse[0], &count[0], &sums[0]
	s.ring, s.ringTile, s.pickRing = &rings[0], uintptr(4*ringTile), &pickRing[0]
	s.sampled, s.picks, s.out = &sampled[0], &picks[0], &out[0]

	slot := 0
	for y := 0; y < height+2*lower; y += stripRows {
		for i := range stripRows {
			line := luma[i*stride:][:width:width]
			if y+i < height {
				row(y+i, line)
			} else {
				clear(line)
			}
			s.rowCount[i], s.rowInverse[i] = 0, 0
			if place := y + i - lower; place >= 0 && place < height {
				lo, hi := reach(place, height, tall)
				s.rowCount[i] = float32(hi - lo)
				s.rowInverse[i] = 1 / float32(hi-lo)
			}
		}
		clear(hist1[:4*stripRows*0+len(hist1)])
		clear(hist2)
		slot += stripRows
		leave := slot - tall
		if leave < 0 {
			leave += ring
		}
		s.enter, s.leave, s.wraps = uintptr(4*tileSide*slot), uintptr(4*tileSide*leave), 0
		if slot == ring {
			s.wraps = 1
			slot = 0
		}
		stripAVX2(&s)
		pickedAVX2(&s)
		for i := range stripRows {
			place := y + i - 2*lower
			for ; next < grid && rows[next] == place; next++ {
				lo, hi := reach(place, height, tall)
				n := float32(hi - lo)
				for k, v := range out[i*grid:][:grid] {
					samples[next*grid+k] = v / n
				}
			}
		}
	}
}

// In vector_amd64.s.

func cpuid(leaf uint32) (eax, ebx, ecx uint32)
func xgetbv() uint32

//go:noescape
func stripAVX2(s *strip)

//go:noescape
func pickedAVX2(s *strip)

//go:noescape
func transformAVX2(a, d, across, t, b *float32)

//go:noescape
func gradientsAVX2(s *float32, edge *int32, hundred, inverse, full float32) int64
