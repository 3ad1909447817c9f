package pdq

import "math"

// zigzag is the place, 8 × vertical + horizontal frequency, of each coefficient
// in the order of the file.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// jpegFold gathers coefficients into the 64×64 samples. A sample is the sum of
// the pixels under a tent in both directions, and a pixel the sum of its block's
// waves: so each coefficient counts with what its wave amounts to under the tent
// down and the tent across. First all coefficients of a row of blocks are summed
// under each tent down that touches it, by column and horizontal frequency; when
// a tent is complete, these sums are summed under the tents across.
type jpegFold struct {
	samples [grid * grid]float32
	down    []tent
	sums    [][]float32 // of each tent down, while it is open: 8 a block
	spare   [][]float32 // cleared, for tents to come
	from    int         // the first tent that is not complete
	blocks  int         // across
	across  []spectrum
}

// spectrum is a tent in the domain of coefficients.
type spectrum struct {
	first   int // 8 × the block it starts in
	weights []float32
	lo, hi  int
}

// jpegRow is what the coefficients of a row of blocks count, by zigzag place.
type jpegRow struct {
	weights [][64]float32 // for each open tent: weight × quantisation step
	sums    [][]float32
}

// waves holds the 8 waves of the cosine transform.
var waves = func() (w [8][8]float64) {
	for f := range w {
		for x := range w[f] {
			w[f][x] = math.Cos(float64((2*x+1)*f)*math.Pi/16) / 2
		}
	}
	for x := range w[0] {
		w[0][x] = math.Sqrt2 / 4
	}
	return w
}()

// under is what the 8 waves of the block that starts at from amount to.
func (t *tent) under(from int) (sums [8]float64) {
	for x := max(from, t.first); x < min(from+8, t.end()); x++ {
		w := float64(t.weights[x-t.first])
		for f := range sums {
			sums[f] += w * waves[f][x-from]
		}
	}
	return sums
}

func newJPEGFold(width, height, blocks int) *jpegFold {
	f := &jpegFold{down: tents(height), blocks: blocks}
	f.sums = make([][]float32, len(f.down))
	ts := tents(width)
	for i := range ts {
		t := &ts[i]
		s := spectrum{first: t.first &^ 7, lo: t.lo, hi: t.hi}
		for x := s.first; x < t.end(); x += 8 {
			for _, v := range t.under(x) {
				s.weights = append(s.weights, float32(v))
			}
		}
		f.across = append(f.across, s)
	}
	return f
}

// row prepares r for the row of blocks that starts at line y of the picture.
func (f *jpegFold) row(r *jpegRow, y int, quant *[64]uint16) {
	r.weights, r.sums = r.weights[:0], r.sums[:0]
	for i := f.from; i < len(f.down) && f.down[i].first < y+8; i++ {
		t := &f.down[i]
		if t.end() <= y {
			continue
		}
		if f.sums[i] == nil {
			if n := len(f.spare); n > 0 {
				f.sums[i], f.spare = f.spare[n-1], f.spare[:n-1]
			} else {
				f.sums[i] = make([]float32, 8*f.blocks)
			}
		}
		under := t.under(y)
		var w [64]float32
		for k, place := range zigzag {
			w[k] = float32(under[place>>3] * float64(quant[k]))
		}
		r.weights, r.sums = append(r.weights, w), append(r.sums, f.sums[i])
	}
}

// add folds the coefficients of block x of the row: value[i] at zigzag place
// at[i].
func (r *jpegRow) add(x int, at *[64]uint8, value *[64]int32, n int) {
	if n < 0 || n > 64 {
		return
	}
	// Mostly one or two tents are open; they are taken in pairs.
	i := 0
	for ; i+1 < len(r.sums) && i+1 < len(r.weights); i += 2 {
		s0, s1 := (*[8]float32)(r.sums[i][8*x:]), (*[8]float32)(r.sums[i+1][8*x:])
		w0, w1 := &r.weights[i], &r.weights[i+1]
		for j := range n {
			k, v := at[j]&63, float32(value[j])
			u := zigzag[k] & 7
			s0[u] += v * w0[k]
			s1[u] += v * w1[k]
		}
	}
	if i < len(r.sums) && i < len(r.weights) {
		s, w := (*[8]float32)(r.sums[i][8*x:]), &r.weights[i]
		for j := range n {
			k := at[j] & 63
			s[zigzag[k]&7] += float32(value[j]) * w[k]
		}
	}
}

// close completes the tents that end before line y.
func (f *jpegFold) close(y int) {
	for ; f.from < len(f.down) && f.down[f.from].end() <= y; f.from++ {
		t, sums := &f.down[f.from], f.sums[f.from]
		line := f.samples[t.lo*grid:][:grid]
		for i := range f.across {
			s := &f.across[i]
			v := dot(s.weights, sums[s.first:][:len(s.weights)]) + 128
			for j := s.lo; j < s.hi; j++ {
				line[j] = v
			}
		}
		for i := t.lo + 1; i < t.hi; i++ {
			copy(f.samples[i*grid:], line)
		}
		clear(sums)
		f.spare, f.sums[f.from] = append(f.spare, sums), nil
	}
}

// dot is the inner product in four interleaved sums.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		if i < len(b) {
			s0 += v * b[i]
		}
	}
	return (s0 + s1) + (s2 + s3)
}
