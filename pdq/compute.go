package pdq

import (
	"fmt"
	"image"
	"slices"
)

// minSide is the least width and height that the reference hashes.
const minSide = 5

// grid is the side of the picture after decimation.
const grid = 64

// freqs is the number of frequencies kept in each direction.
const freqs = 16

// block holds the kept frequencies, row by row.
type block [freqs * freqs]float32

// Result is what one picture hashes to.
type Result struct {
	Hash    Hash
	Quality int // 0 (nothing to see) to 100; compare with [MinQuality]

	dct block // of the picture, for the other orientations; zero for tiny pictures
}

// VariantNames are the names of the eight orientations in the order of
// [Result.Dihedral]. rotate90 is the hash of the picture turned by 90°
// counter-clockwise, flipX that of the picture mirrored top to bottom, flipY
// left to right, flipPlus1 along the main diagonal (transposed) and flipMinus1
// along the other: the names are the reference's.
func VariantNames() [8]string {
	return [8]string{"original", "rotate90", "rotate180", "rotate270", "flipX", "flipY", "flipPlus1", "flipMinus1"}
}

// Dihedral returns the hashes of the picture in its eight orientations, in the
// order of [VariantNames], from the one cosine transform. Entry 0 is r.Hash.
// The hash of a picture that was physically turned differs from the predicted
// one by some bits (mostly under 24 from 256 pixels a side, up to about 30), because
// the samples are not quite symmetric.
func (r *Result) Dihedral() [8]Hash {
	out := [8]Hash{r.Hash}
	for v := 1; v < len(out); v++ {
		b := r.dct.orient(v)
		out[v] = b.hash()
	}
	return out
}

// Compute hashes a picture of width × height pixels whose luma it asks for row
// by row: row(y, luma) is called once for each y from 0 to height-1 in order
// and must fill the width elements of luma with values from 0 (black) to 255
// (white). The slice is only valid during the call.
//
// Memory is about width × (14 + ceil(height/128)) float32. The error reports
// sides that are not positive; a side under 5 gives a zero hash of quality 0
// without calling row.
func Compute(width, height int, row func(y int, luma []float32)) (Result, error) {
	if width <= 0 || height <= 0 {
		return Result{}, fmt.Errorf("pdq: picture of %d by %d pixels", width, height)
	}
	if width < minSide || height < minSide {
		return Result{}, nil
	}
	var samples [grid * grid]float32
	if width == grid && height == grid {
		// The reference takes a 64×64 picture as it is.
		for y := range grid {
			row(y, samples[y*grid:(y+1)*grid])
		}
	} else {
		downsample(width, height, row, &samples)
	}
	r := Result{Quality: quality(&samples), dct: transform(&samples)}
	r.Hash = r.dct.hash()
	return r, nil
}

// FromImage hashes a decoded picture. Luma is 0.299 R + 0.587 G + 0.114 B of
// the colours without premultiplication: alpha is dropped, as the reference
// does, so the colour of transparent pixels counts. Colours of 16 bits are
// reduced to their upper 8. The error reports an empty picture.
func FromImage(img image.Image) (Result, error) {
	b := img.Bounds()
	return Compute(b.Dx(), b.Dy(), lumaRows(img))
}

// quality measures how much there is to see: the sum of the differences
// between neighbouring samples, each cut to a whole percentage of 255 so that
// noise counts for nothing.
func quality(s *[grid * grid]float32) int {
	sum := 0
	for i := range grid {
		for j := range grid {
			u := s[i*grid+j]
			if i+1 < grid {
				sum += gradient(u, s[(i+1)*grid+j])
			}
			if j+1 < grid {
				sum += gradient(u, s[i*grid+j+1])
			}
		}
	}
	return min(sum/90, 100)
}

func gradient(u, v float32) int {
	d := int(float32(float32(u-v)*100) / 255)
	if d < 0 {
		return -d
	}
	return d
}

// hash sets the bits of the frequencies above the median.
func (b *block) hash() Hash {
	median := b.median()
	var h Hash
	for k, v := range b {
		if v > median {
			h.setBit(k)
		}
	}
	return h
}

// median is the lower median, the 128th smallest of the 256 values, which is
// what the reference's selection (Torben Mogensen's) returns.
func (b *block) median() float32 {
	sorted := *b
	slices.Sort(sorted[:])
	return sorted[len(sorted)/2-1]
}

// orient returns the frequencies of the picture in orientation v (an index
// into [VariantNames]): turning and mirroring a picture only transposes its
// cosine transform and changes signs.
func (b *block) orient(v int) block {
	var out block
	for i := range freqs {
		for j := range freqs {
			x := b[i*freqs+j]
			if negates(v, i, j) {
				x = -x
			}
			if transposes(v) {
				out[j*freqs+i] = x
			} else {
				out[i*freqs+j] = x
			}
		}
	}
	return out
}

func transposes(v int) bool { return v == 1 || v == 3 || v == 6 || v == 7 }

// negates says whether orientation v negates frequency (i, j). Index 0 is the
// first odd frequency, so an even index stands for an antisymmetric wave.
func negates(v, i, j int) bool {
	switch v {
	case 1, 5: // rotate90, flipY
		return j%2 == 0
	case 2, 7: // rotate180, flipMinus1
		return (i+j)%2 == 1
	case 3, 4: // rotate270, flipX
		return i%2 == 0
	}
	return false
}
