package media

import (
	"encoding/binary"
	"image"
	"image/color"

	"github.com/rowan-safety/rowan/pdq"
)

// raster is a decoded picture as straight 8-bit RGBA, whatever its model.
type raster struct {
	w, h   int
	at     func(x, y int) color.NRGBA // from (0, 0)
	opaque bool                       // known to have no transparent pixel
	// rows fills in the luma of whole rows, as reading them by at would, where
	// there is a quicker way; else nil.
	rows func(y int, luma []float32)
}

func newRaster(img image.Image) raster {
	b := img.Bounds()
	r := raster{w: b.Dx(), h: b.Dy()}
	r.at, r.opaque = reader(img)
	switch img.(type) {
	case *image.YCbCr, *image.Gray, *image.NRGBA:
		r.rows = pdq.LumaRows(img)
	}
	return r
}

// through is the raster with other pixels.
func (r raster) through(at func(x, y int) color.NRGBA) raster {
	r.at, r.rows = at, nil
	return r
}

// reader returns a function that reads a pixel, counted from the top left.
func reader(img image.Image) (at func(x, y int) color.NRGBA, opaque bool) {
	x0, y0 := img.Bounds().Min.X, img.Bounds().Min.Y
	switch m := img.(type) {
	case *image.YCbCr:
		return func(x, y int) color.NRGBA {
			c := m.COffset(x0+x, y0+y)
			r, g, b := color.YCbCrToRGB(m.Y[y*m.YStride+x], m.Cb[c], m.Cr[c])
			return color.NRGBA{R: r, G: g, B: b, A: 255}
		}, true
	case *image.Gray:
		return func(x, y int) color.NRGBA {
			v := m.Pix[y*m.Stride+x]
			return color.NRGBA{R: v, G: v, B: v, A: 255}
		}, true
	case *image.NRGBA:
		return func(x, y int) color.NRGBA {
			p := m.Pix[y*m.Stride+4*x:]
			return color.NRGBA{R: p[0], G: p[1], B: p[2], A: p[3]}
		}, false
	case *image.CMYK:
		return func(x, y int) color.NRGBA {
			p := m.Pix[y*m.Stride+4*x:]
			r, g, b := color.CMYKToRGB(p[0], p[1], p[2], p[3])
			return color.NRGBA{R: r, G: g, B: b, A: 255}
		}, true
	case *image.NRGBA64:
		return func(x, y int) color.NRGBA {
			p := m.Pix[y*m.Stride+8*x:]
			c := func(i int) uint8 { return narrow(binary.BigEndian.Uint16(p[i:])) }
			return color.NRGBA{R: c(0), G: c(2), B: c(4), A: c(6)}
		}, false
	case *image.Gray16:
		return func(x, y int) color.NRGBA {
			v := narrow(binary.BigEndian.Uint16(m.Pix[y*m.Stride+2*x:]))
			return color.NRGBA{R: v, G: v, B: v, A: 255}
		}, true
	case *image.Paletted:
		table := straightPalette(m.Palette)
		return func(x, y int) color.NRGBA { return table[m.Pix[y*m.Stride+x]] }, false
	}
	return func(x, y int) color.NRGBA { return straight(img.At(x0+x, y0+y)) }, false
}

// straightPalette is the palette as straight colours. An index beyond it,
// which a damaged file may hold, is transparent.
func straightPalette(p color.Palette) *[256]color.NRGBA {
	var table [256]color.NRGBA
	for i, c := range p[:min(len(p), len(table))] {
		table[i] = straight(c)
	}
	return &table
}

// straight undoes premultiplication, except for models which have none: they
// keep the colour of transparent pixels.
func straight(c color.Color) color.NRGBA {
	switch c := c.(type) {
	case color.NRGBA:
		return c
	case color.NYCbCrA:
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return color.NRGBA{R: r, G: g, B: b, A: c.A}
	}
	r, g, b, a := c.RGBA()
	if a == 0 {
		return color.NRGBA{}
	}
	undo := func(v uint32) uint8 { return narrow(uint16(min(v*0xffff/a, 0xffff))) }
	return color.NRGBA{R: undo(r), G: undo(g), B: undo(b), A: narrow(uint16(a))}
}

// narrow rounds 16 bits to the nearest of 8.
func narrow(v uint16) uint8 { return uint8((uint32(v)*255 + 32895) >> 16) }

// oriented returns the picture as EXIF orientation o (1 to 8) wants it shown.
func (r raster) oriented(o int) raster {
	at, w, h := r.at, r.w, r.h
	switch o {
	case 2:
		r = r.through(func(x, y int) color.NRGBA { return at(w-1-x, y) })
	case 3:
		r = r.through(func(x, y int) color.NRGBA { return at(w-1-x, h-1-y) })
	case 4:
		r = r.through(func(x, y int) color.NRGBA { return at(x, h-1-y) })
	case 5:
		r = r.through(func(x, y int) color.NRGBA { return at(y, x) })
	case 6:
		r = r.through(func(x, y int) color.NRGBA { return at(y, h-1-x) })
	case 7:
		r = r.through(func(x, y int) color.NRGBA { return at(w-1-y, h-1-x) })
	case 8:
		r = r.through(func(x, y int) color.NRGBA { return at(w-1-y, x) })
	}
	if o >= 5 {
		r.w, r.h = h, w
	}
	return r
}

// transparent reports whether any pixel is not opaque.
func (r raster) transparent() bool {
	if r.opaque {
		return false
	}
	for y := range r.h {
		for x := range r.w {
			if r.at(x, y).A != 255 {
				return true
			}
		}
	}
	return false
}

// on returns the picture laid over a plain grey.
func (r raster) on(grey uint8) raster {
	at := r.at
	r = r.through(func(x, y int) color.NRGBA {
		c := at(x, y)
		return color.NRGBA{R: mixed(c.R, grey, c.A), G: mixed(c.G, grey, c.A), B: mixed(c.B, grey, c.A), A: 255}
	})
	r.opaque = true
	return r
}

// mixed is a parts of 255 of x and the rest of y, rounded.
func mixed(x, y, a uint8) uint8 {
	return uint8((uint32(x)*uint32(a) + uint32(y)*(255-uint32(a)) + 127) / 255)
}

// hash hashes the picture, and shows the rows of its luma to others.
func (r raster) hash(others ...func(y int, luma []float32)) (pdq.Result, error) {
	return pdq.Compute(r.w, r.h, func(y int, luma []float32) {
		if r.rows != nil {
			r.rows(y, luma)
		} else {
			for x := range luma {
				c := r.at(x, y)
				luma[x] = pdq.Luma(c.R, c.G, c.B)
			}
		}
		for _, f := range others {
			f(y, luma)
		}
	})
}

// stage is the canvas of an animation.
type stage struct {
	canvas *image.NRGBA
	saved  []uint8 // the canvas as it was at save
}

func newStage(w, h int) *stage { return &stage{canvas: image.NewNRGBA(image.Rect(0, 0, w, h))} }

// draw puts a frame on the canvas with its corner at p, over what is there or
// in place of it.
func (s *stage) draw(img image.Image, p image.Point, over bool) {
	r := newRaster(img)
	to := image.Rect(p.X, p.Y, p.X+r.w, p.Y+r.h).Intersect(s.canvas.Rect)
	for y := to.Min.Y; y < to.Max.Y; y++ {
		for x := to.Min.X; x < to.Max.X; x++ {
			c := r.at(x-p.X, y-p.Y)
			if over && c.A < 255 {
				c = above(c, s.canvas.NRGBAAt(x, y))
			}
			s.canvas.SetNRGBA(x, y, c)
		}
	}
}

// above composites two straight colours.
func above(c, under color.NRGBA) color.NRGBA {
	rest := mixed(0, under.A, c.A) // of the lower one that still shows
	a := uint32(c.A) + uint32(rest)
	if a == 0 {
		return under
	}
	mix := func(x, y uint8) uint8 { return uint8((uint32(x)*uint32(c.A) + uint32(y)*uint32(rest)) / a) }
	return color.NRGBA{R: mix(c.R, under.R), G: mix(c.G, under.G), B: mix(c.B, under.B), A: uint8(min(a, 255))}
}

// clear makes a part of the canvas transparent.
func (s *stage) clear(part image.Rectangle) {
	part = part.Intersect(s.canvas.Rect)
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			s.canvas.SetNRGBA(x, y, color.NRGBA{})
		}
	}
}

func (s *stage) save()    { s.saved = append(s.saved[:0], s.canvas.Pix...) }
func (s *stage) restore() { copy(s.canvas.Pix, s.saved) }
