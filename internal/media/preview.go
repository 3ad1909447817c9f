package media

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
)

const (
	// previewSide is the longer side of a preview in pixels.
	previewSide = 96
	// previewCells is how many means the longer side is made of: nothing smaller
	// than a twelfth of the picture can be told in a preview.
	previewCells = 12
)

// preview is a small blurred grey picture. It is what a child sends instead of
// an encoded file, so that a child that was taken over cannot send a file of
// its own making to a browser.
type preview struct {
	Width, Height int
	Pix           []byte // Width × Height, row by row
}

// newPreview averages the picture over at most 12×12 cells and spreads the
// means out again.
func newPreview(r raster) preview {
	if !r.opaque {
		r = r.on(255)
	}
	cells := newCells(r)
	p := preview{Width: scaled(r.w, r.h, previewSide), Height: scaled(r.h, r.w, previewSide)}
	p.Pix = make([]byte, 0, p.Width*p.Height)
	for y := range p.Height {
		for x := range p.Width {
			p.Pix = append(p.Pix, cells.smooth(
				float64(x)/float64(p.Width)*float64(cells.w)-0.5,
				float64(y)/float64(p.Height)*float64(cells.h)-0.5))
		}
	}
	return p
}

// scaled is a side in a picture whose longer side has become most pixels.
func scaled(side, other, most int) int {
	return max(1, int(int64(side)*int64(most)/int64(max(side, other))))
}

// cells is a very coarse picture.
type cells struct {
	w, h int
	mean []float64
}

func newCells(r raster) cells {
	c := cells{w: min(r.w, scaled(r.w, r.h, previewCells)), h: min(r.h, scaled(r.h, r.w, previewCells))}
	c.mean = make([]float64, c.w*c.h)
	count := make([]float64, c.w*c.h)
	// Reading every pixel of a large picture would add nothing.
	step := max(1, max(r.w, r.h)/1024)
	for y := 0; y < r.h; y += step {
		for x := 0; x < r.w; x += step {
			i := y*c.h/r.h*c.w + x*c.w/r.w
			p := r.at(x, y)
			c.mean[i] += 0.299*float64(p.R) + 0.587*float64(p.G) + 0.114*float64(p.B)
			count[i]++
		}
	}
	for i := range c.mean {
		c.mean[i] /= max(count[i], 1)
	}
	return c
}

// smooth interpolates between the four nearest means.
func (c cells) smooth(x, y float64) byte {
	x, y = min(max(x, 0), float64(c.w-1)), min(max(y, 0), float64(c.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, c.w-1), min(y0+1, c.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	top := c.mean[y0*c.w+x0]*(1-fx) + c.mean[y0*c.w+x1]*fx
	bottom := c.mean[y1*c.w+x0]*(1-fx) + c.mean[y1*c.w+x1]*fx
	return byte(top*(1-fy) + bottom*fy + 0.5)
}

// encode makes a PNG of a preview that came from a child, after checking that
// it is no more than a preview.
func (p preview) encode() ([]byte, error) {
	if p.Width < 0 || p.Height < 0 || p.Width > previewSide || p.Height > previewSide || len(p.Pix) != p.Width*p.Height {
		return nil, fmt.Errorf("media: a preview of %d by %d pixels in %d bytes", p.Width, p.Height, len(p.Pix))
	}
	if len(p.Pix) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	img := &image.Gray{Pix: p.Pix, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("media: preview: %w", err)
	}
	return out.Bytes(), nil
}
