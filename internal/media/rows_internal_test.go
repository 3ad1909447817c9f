package media

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestRows: the quick way through a picture's rows gives the same hash as pixel
// by pixel, for every model that has one, also for a part of a larger picture.
func TestRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		w, h := rapid.IntRange(5, 200).Draw(rt, "w"), rapid.IntRange(5, 90).Draw(rt, "h")
		outer := image.Rect(0, 0, w+7, h+5)
		part := image.Rect(3, 2, 3+w, 2+h)
		var img image.Image
		switch rapid.SampledFrom([]string{"gray", "nrgba", "444", "422", "420", "440", "410"}).Draw(rt, "model") {
		case "gray":
			m := image.NewGray(outer)
			noise(r, m.Pix)
			img = m.SubImage(part)
		case "nrgba":
			m := image.NewNRGBA(outer)
			noise(r, m.Pix)
			img = m.SubImage(part)
		case "444":
			img = noisyYCbCr(r, outer, part, image.YCbCrSubsampleRatio444)
		case "422":
			img = noisyYCbCr(r, outer, part, image.YCbCrSubsampleRatio422)
		case "420":
			img = noisyYCbCr(r, outer, part, image.YCbCrSubsampleRatio420)
		case "440":
			img = noisyYCbCr(r, outer, part, image.YCbCrSubsampleRatio440)
		default:
			img = noisyYCbCr(r, outer, part, image.YCbCrSubsampleRatio410)
		}
		quick := newRaster(img)
		if quick.rows == nil {
			rt.Fatal("there is no quick way")
		}
		slow := quick.through(func(x, y int) color.NRGBA { return quick.at(x, y) })
		a, errA := quick.hash()
		b, errB := slow.hash()
		if errA != nil || errB != nil || a != b {
			rt.Fatalf("%v and %v, %v %v", a.Hash, b.Hash, errA, errB)
		}
	})
}

func noise(r *rand.Rand, pix []uint8) {
	for i := range pix {
		pix[i] = uint8(r.Uint32())
	}
}

func noisyYCbCr(r *rand.Rand, outer, part image.Rectangle, ratio image.YCbCrSubsampleRatio) image.Image {
	m := image.NewYCbCr(outer, ratio)
	noise(r, m.Y)
	noise(r, m.Cb)
	noise(r, m.Cr)
	return m.SubImage(part)
}
