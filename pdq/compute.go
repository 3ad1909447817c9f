package pdq

import (
	"fmt"
	"image"
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

	// Screening says that Hash is not exact: see [ScreenJPEG].
	Screening bool

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
	var out [8]Hash
	out[0], out[6] = r.dct.hashes(0)
	out[4], out[3] = r.dct.hashes(4)
	out[5], out[1] = r.dct.hashes(5)
	out[2], out[7] = r.dct.hashes(2)
	return out
}

// Compute hashes a picture of width × height pixels whose luma it asks for row
// by row: row(y, luma) is called once for each y from 0 to height-1 in order
// and must fill the width elements of luma with values from 0 (black) to 255
// (white). The slice is only valid during the call.
//
// A value other than 0 must not be below 2⁻¹⁰; [Luma] gives none that is.
//
// Memory is at most about width × (90 + ceil(height/128)) float32. The error
// reports sides that are not positive; a side under 5 gives a zero hash of
// quality 0 without calling row.
func Compute(width, height int, row func(y int, luma []float32)) (Result, error) {
	return best.compute(width, height, row)
}

func (k *kernel) compute(width, height int, row func(y int, luma []float32)) (Result, error) {
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
		k.downsample(width, height, row, &samples)
	}
	return k.hash(&samples), nil
}

// hash hashes a picture after decimation.
func (k *kernel) hash(samples *[grid * grid]float32) Result {
	r := Result{Quality: max(0, min(k.gradients(samples)/90, 100)), dct: k.transform(samples)}
	r.Hash, _ = r.dct.hashes(0)
	return r
}

// FromImage hashes a decoded picture. Luma is 0.299 R + 0.587 G + 0.114 B of
// the colours without premultiplication: alpha is dropped, as the reference
// does, so the colour of transparent pixels counts. Colours of 16 bits are
// reduced to their upper 8. The error reports an empty picture.
func FromImage(img image.Image) (Result, error) {
	b := img.Bounds()
	return Compute(b.Dx(), b.Dy(), LumaRows(img))
}

// gradients measures how much there is to see: the sum of the differences
// between neighbouring samples, each cut to a whole percentage of 255 so that
// noise counts for nothing.
func gradients(s *[grid * grid]float32) int {
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
	return sum
}

func gradient(u, v float32) int {
	d := int(float32(float32(u-v)*100) / 255)
	if d < 0 {
		return -d
	}
	return d
}
