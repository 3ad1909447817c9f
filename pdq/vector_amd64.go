package pdq

import "sync"

// strip is the state of the vector path: 16 rows at a time go through all four
// filters. Rows are in lanes for the filters along rows, columns for those
// along columns, so that each running sum keeps the reference's order.
//
// All filters are one loop: what enters the window is added, what leaves it is
// subtracted, and both are zero outside of the picture. Outputs before and after
// the picture are multiplied by 0. A filter thus shifts its output by half a
// window; places here count from where it starts.
type strip struct {
	// With the 8 bytes that the allocator puts before an object of this size,
	// vectors do not straddle lines of the cache. Only speed depends on that.
	_                 [7]uint64
	tile1             [tileSide * stripRows]float32     //nolint:unused // for the assembly: sums on their way from filter to filter
	tile2, tile3      [2 * tileSide * stripRows]float32 //nolint:unused // for the assembly: the same
	rowHigh, rowLow   [stripRows]float32                // of the first filter along columns
	sum1, sum2        [stripRows]float32                //nolint:unused // for the assembly: of the filters along rows
	half              [stripRows]float32                //nolint:unused // for the assembly: 8 sums of the first filter along columns, between the halves of a tile
	pickHigh, pickLow [grid]float32                     // of the second filter along rows
	pickSums          [grid]float32                     //nolint:unused // for the assembly: of the last filter

	luma   *float32 // 16 rows
	stride uintptr  // of luma, bytes
	tiles  int      // of 8 columns

	hist1, hist2 *float32 // what entered the filters along rows lately: rings of tiles of 8 columns × 16 rows
	histSize     uintptr  // of a ring, bytes; its last tile lies beyond and is copied to the first
	lag          uintptr  // of what leaves the window, bytes

	high, low    *float32 // by place: reciprocals of the first filter's count
	sums         *float32 // by place: of the first filter along columns
	ring         *float32 // what entered it lately, for each tile of columns
	ringTile     uintptr  // of a tile of it, bytes
	enter, leave uintptr  // in a tile: where these 16 rows go, what leaves the window
	wraps        uintptr  // not 0 if these 16 rows are the ring's last, and its first

	sampled  *int64   // 4 × the places to sample, ascending; then one that is never reached
	picks    *float32 // the sums there, 16 rows each
	pickRing *float32 // like ring, for the last filter
	out      *float32 // sums of the last filter, 16 rows of 64

	nextSample, ringNow, flip uintptr //nolint:unused // for the assembly: spilled registers
}

const (
	stripRows = 16
	tileSide  = 8
	line      = 16 // of the cache, in float32
)

// scratch is the memory of the vector path, kept for the next picture.
type scratch struct {
	strip  strip
	floats []float32
}

// keptScratch is the most float32 that are kept: enough for 50 megapixels.
const keptScratch = 1 << 20

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// carve takes n float32 from the start of store, by whole lines.
func carve(store *[]float32, n int) []float32 {
	piece := (*store)[:n:n]
	*store = (*store)[(n+line-1)/line*line:]
	return piece
}

// maxVectorSide keeps counts within what [reciprocals] is for.
const maxVectorSide = 1024 * 2 * grid

// reciprocals splits 1/n, n up to 1024, into high, rounded to float32, and low,
// what is left, rounded: 1/n (1 + 2⁻⁴⁸) at most. Then fma(s, high, s·low) is s/n
// correctly rounded for every float32 s that is not tiny, though it takes two
// instructions and no division. What is rounded at the end differs from s/n by
// less than 2⁻⁴⁶ of it, while no s/n is nearer to the middle between two float32
// than 2⁻²⁶/n of it: such a middle is M·2^e with M of 25 bits and odd, so s/n
// equal to it would need an s of more than 24 bits, and |s − n·M·2^e| is a
// multiple of 2^e at the least.
//
// Not tiny: no digit of s·low that matters may fall below 2⁻¹⁴⁹. Sums are
// multiples of the least place of what enters; from luma of 0 or at least 2⁻¹⁰
// through three quotients that stays above 2⁻⁹⁹, and low above 2⁻³⁶.
func reciprocals(n int) (high, low float32) {
	inverse := 1 / float64(n)
	high = float32(inverse)
	return high, float32(inverse - float64(high))
}

// machineKernels lists the kernels in assembly that this processor can run.
func machineKernels() []*kernel {
	const (
		osxsave, avx, fma = 1 << 27, 1 << 28, 1 << 12 // leaf 1, ecx
		avx2, avx512f     = 1 << 5, 1 << 16           // leaf 7, ebx
		ymm               = 1<<1 | 1<<2               // xcr0
	)
	top, _, _ := cpuid(0)
	_, _, c1 := cpuid(1)
	if top < 7 || c1&osxsave == 0 || c1&avx == 0 || c1&fma == 0 || xgetbv()&ymm != ymm {
		return nil
	}
	_, b7, _ := cpuid(7)
	if b7&avx2 == 0 {
		return nil
	}
	return []*kernel{{
		name: "avx2", downsample: downsampleVector, transform: transformVector, gradients: gradientsVector,
		rgba: rgbaVector, grays: graysVector, ycbcr: ycbcrVector,
	}}
}

func transformVector(a *[grid * grid]float32) (b block) {
	var t [freqs * grid]float32
	d, across := cosines(), cosinesAcross()
	transformAVX2(&a[0], &d[0][0], &across[0][0], &t[0], &b[0])
	return b
}

// lumaWeights are those of [Luma].
var lumaWeights = [3]float32{0.299, 0.587, 0.114}

func rgbaVector(pix []uint8, out []float32) {
	n := len(out) &^ 7
	if pix = pix[:4*len(out)]; n > 0 {
		lumaRGBAAVX2(&pix[0], &out[0], n/8, &lumaWeights)
	}
	straightRow(pix[4*n:], out[n:])
}

func graysVector(pix []uint8, out []float32) {
	n := len(out) &^ 7
	if pix = pix[:len(out)]; n > 0 {
		lumaGrayAVX2(&pix[0], &out[0], n/8, &lumaWeights)
	}
	grayRow(pix[n:], out[n:])
}

// ycbcrFactors are those of color.YCbCrToRGB, and what is taken off chroma.
var ycbcrFactors = [6]int32{0x10101, 91881, -22554, -46802, 116130, 128}

func ycbcrVector(y, cb, cr []uint8, half int, out []float32) {
	n := len(out) &^ 7
	c := n >> half
	if y, cb, cr = y[:len(out)], cb[:(len(out)+half)>>half], cr[:(len(out)+half)>>half]; n > 0 {
		lumaYCbCrAVX2(&y[0], &cb[0], &cr[0], &out[0], n/8, &lumaWeights, &ycbcrFactors, half)
	}
	ycbcrRow(y[n:], cb[c:], cr[c:], half, out[n:])
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
	high, low := reciprocals(255)
	edge := [8]int32{-1, -1, -1, -1, -1, -1, -1, 0}
	return int(gradientsAVX2(&s[0], &edge[0], 100, high, low))
}

// downsampleVector is [downsample] by vectors.
func downsampleVector(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
	if max(width, height) > maxVectorSide {
		downsample(width, height, row, samples)
		return
	}
	var (
		win, tall    = window(width), window(height)
		shift, lower = (win+2)/2 - 1, (tall+2)/2 - 1
		tiles        = (width + 2*shift + tileSide - 1) / tileSide
		stride       = tiles * tileSide
		hist         = max(64, (win+2*tileSide-1)/tileSide*tileSide)
		ring         = max(3*stripRows, (tall+2*stripRows-1)/stripRows*stripRows)
		at, rows     = sampleAt(width), sampleAt(height)
		sampled      [grid + 1]int64
		next         int
	)
	if stride%256 == 0 {
		stride += tileSide // so that the rows do not fall on one set of the cache
	}
	// Half a tile more, so that the tiles do not fall on one set of the cache.
	ringTile := (ring+stripRows)*tileSide + line
	// The loop also runs over two tiles to the left of the picture and three to
	// the right: there the rings and sums have room, and the counts are 0.
	const beside = 4
	room := stride + 2*beside*tileSide
	need := stripRows*stride + room + 2*(hist+tileSide)*stripRows + 3*room + (tiles+2*beside+grid/tileSide)*ringTile + 2*grid*stripRows + 12*line
	work := scratches.Get().(*scratch)
	if need <= keptScratch {
		defer scratches.Put(work)
	}
	if len(work.floats) < need {
		work.floats = make([]float32, need)
	}
	store, s := work.floats[:need], &work.strip
	clear(store)
	*s = strip{}
	luma := carve(&store, stripRows*stride+room)
	hist1, hist2 := carve(&store, (hist+tileSide)*stripRows), carve(&store, (hist+tileSide)*stripRows)
	high, low, sums := carve(&store, room)[beside*tileSide:], carve(&store, room)[beside*tileSide:], carve(&store, room)[beside*tileSide:]
	rings, pickRing := carve(&store, (tiles+2*beside)*ringTile)[beside*ringTile:], carve(&store, grid/tileSide*ringTile)
	picks, out := carve(&store, grid*stripRows), carve(&store, stripRows*grid)

	for x := range width {
		lo, hi := reach(x, width, win)
		high[x+shift], low[x+shift] = reciprocals(hi - lo)
	}
	for k, x := range at {
		lo, hi := reach(x, width, win)
		s.pickHigh[k], s.pickLow[k] = reciprocals(hi - lo)
		sampled[k] = int64(4 * (x + 2*shift))
	}
	sampled[grid] = 1 << 62
	s.luma, s.stride, s.tiles = &luma[0], uintptr(4*stride), tiles
	s.hist1, s.hist2, s.histSize, s.lag = &hist1[0], &hist2[0], uintptr(4*stripRows*hist), uintptr(4*stripRows*win)
	s.high, s.low, s.sums = &high[0], &low[0], &sums[0]
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
			s.rowHigh[i], s.rowLow[i] = 0, 0
			if place := y + i - lower; place >= 0 && place < height {
				lo, hi := reach(place, height, tall)
				s.rowHigh[i], s.rowLow[i] = reciprocals(hi - lo)
			}
		}
		clear(hist1)
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
		stripAVX2(s)
		pickedAVX2(s)
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
func gradientsAVX2(s *float32, edge *int32, hundred, high, low float32) int64

//go:noescape
func lumaRGBAAVX2(pix *uint8, out *float32, groups int, weights *[3]float32)

//go:noescape
func lumaGrayAVX2(pix *uint8, out *float32, groups int, weights *[3]float32)

//go:noescape
func lumaYCbCrAVX2(y, cb, cr *uint8, out *float32, groups int, weights *[3]float32, factors *[6]int32, half int)
