package pdq

import (
	"image"
	"image/color"
)

// Luma is the brightness of a colour, 0 to 255, by the weights of ITU-R BT.601
// in the reference's arithmetic, for callers of [Compute].
func Luma(r, g, b uint8) float32 {
	return float32(float32(0.299*float32(r))+float32(0.587*float32(g))) + float32(0.114*float32(b))
}

// LumaRows returns a function for [Compute] that fills in one row of img's luma,
// counted from the top of its bounds, as [FromImage] reads it.
func LumaRows(img image.Image) func(y int, out []float32) {
	b := img.Bounds()
	switch m := img.(type) {
	case *image.Gray:
		return func(y int, out []float32) { best.grays(m.Pix[y*m.Stride:], out) }
	case *image.NRGBA:
		return func(y int, out []float32) { best.rgba(m.Pix[y*m.Stride:], out) }
	case *image.RGBA:
		if m.Opaque() {
			return func(y int, out []float32) { best.rgba(m.Pix[y*m.Stride:], out) }
		}
	case *image.YCbCr:
		if half, ok := chromaHalf(m); ok {
			return func(y int, out []float32) {
				c := m.COffset(b.Min.X, b.Min.Y+y)
				best.ycbcr(m.Y[y*m.YStride:], m.Cb[c:], m.Cr[c:], half, out)
			}
		}
	case *image.Paletted:
		table := paletteLuma(m.Palette)
		return func(y int, out []float32) {
			pix := m.Pix[y*m.Stride:]
			for x := range out {
				out[x] = table[pix[x]]
			}
		}
	}
	return func(y int, out []float32) {
		for x := range out {
			out[x] = colorLuma(img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
}

// straightRow reads pixels of four bytes whose colours are not premultiplied.
func straightRow(pix []uint8, out []float32) {
	for x := range out {
		p := pix[4*x : 4*x+3 : 4*x+3]
		out[x] = Luma(p[0], p[1], p[2])
	}
}

func grayRow(pix []uint8, out []float32) {
	for x := range out {
		out[x] = Luma(pix[x], pix[x], pix[x])
	}
}

// ycbcrRow reads pixels of which 1 << half in a row share their chroma.
func ycbcrRow(y, cb, cr []uint8, half int, out []float32) {
	for x := range out {
		out[x] = Luma(color.YCbCrToRGB(y[x], cb[x>>half], cr[x>>half]))
	}
}

// chromaHalf says whether two pixels in a row share their chroma, and whether
// it is one or two that do, from the first on.
func chromaHalf(m *image.YCbCr) (half int, ok bool) {
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio440:
		return 0, true
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		return 1, m.Rect.Min.X%2 == 0
	}
	return 0, false
}

// paletteLuma is the luma of each palette entry; an index beyond the palette,
// which a damaged file may hold, is black.
func paletteLuma(p color.Palette) *[256]float32 {
	var table [256]float32
	for i, c := range p[:min(len(p), len(table))] {
		table[i] = colorLuma(c)
	}
	return &table
}

// colorLuma drops alpha without premultiplying. The colour models that store
// straight colours are read directly, because converting them through
// premultiplied ones would lose the colour of transparent pixels.
func colorLuma(c color.Color) float32 {
	switch c := c.(type) {
	case color.NRGBA:
		return Luma(c.R, c.G, c.B)
	case color.NRGBA64:
		return Luma(uint8(c.R>>8), uint8(c.G>>8), uint8(c.B>>8))
	case color.NYCbCrA:
		return Luma(color.YCbCrToRGB(c.Y, c.Cb, c.Cr))
	}
	n, _ := color.NRGBAModel.Convert(c).(color.NRGBA)
	return Luma(n.R, n.G, n.B)
}
