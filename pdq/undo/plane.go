package undo

import (
	"fmt"
	"image"
	"math"

	"github.com/rowan-safety/rowan/pdq"
)

// Plane is the luma of a picture: W×H bytes, row by row, 0 black to 255 white.
type Plane struct {
	W, H int
	Pix  []uint8
}

// Side is the longer side, in pixels, to which a [Shrinker] brings a picture.
// Half of it would be four times as quick but places margins too coarsely: with
// 256, a crop of 5 % at one side is undone for 24 of 36 pictures instead of 35.
const Side = 512

// Shrinker makes a [Plane] of at most [Side] pixels a side from the rows of a
// picture, as they pass. Each pixel of the plane is the mean of those it
// covers.
type Shrinker struct {
	w, h  int
	out   Plane
	sum   []float32 // of the plane's row under way
	rows  int       // of the picture in it
	count []int     // columns of the picture in each column of the plane
}

// NewShrinker is for a picture of w × h pixels. The error reports sides that
// are not positive.
func NewShrinker(w, h int) (*Shrinker, error) {
	if w <= 0 || h <= 0 {
		return nil, fmt.Errorf("undo: picture of %d by %d pixels", w, h)
	}
	s := &Shrinker{w: w, h: h, out: Plane{W: shrunk(w, h), H: shrunk(h, w)}}
	s.out.Pix = make([]uint8, 0, s.out.W*s.out.H)
	s.sum = make([]float32, s.out.W)
	s.count = make([]int, s.out.W)
	for x := range w {
		s.count[x*s.out.W/w]++
	}
	return s, nil
}

func shrunk(side, other int) int {
	longer := max(side, other)
	if longer <= Side {
		return side
	}
	return max(1, int(int64(side)*Side/int64(longer)))
}

// Row takes the next row, from the top: as many values as the picture is wide.
func (s *Shrinker) Row(y int, luma []float32) {
	i, next := 0, 0
	for j, n := range s.count {
		next += n
		sum := float32(0)
		for _, v := range luma[i:next] {
			sum += v
		}
		i = next
		s.sum[j] += sum
	}
	s.rows++
	if y+1 < s.h && (y+1)*s.out.H/s.h == y*s.out.H/s.h {
		return
	}
	for j, n := range s.count {
		s.out.Pix = append(s.out.Pix, uint8(s.sum[j]/float32(n*s.rows)+0.5))
		s.sum[j] = 0
	}
	s.rows = 0
}

// Plane is the result, once every row has been taken.
func (s *Shrinker) Plane() Plane { return s.out }

// hash hashes the plane.
func (p Plane) hash() pdq.Result {
	r, err := pdq.FromImage(&image.Gray{Pix: p.Pix, Stride: p.W, Rect: image.Rect(0, 0, p.W, p.H)})
	if err != nil {
		return pdq.Result{} // of an empty plane, which there is not
	}
	return r
}

// box is a part of a plane: x0 ≤ x < x1, y0 ≤ y < y1.
type box struct{ x0, y0, x1, y1 int }

func (p Plane) whole() box { return box{0, 0, p.W, p.H} }

func (b box) w() int { return b.x1 - b.x0 }
func (b box) h() int { return b.y1 - b.y0 }

// crop copies a part out.
func (p Plane) crop(b box) Plane {
	out := Plane{W: b.w(), H: b.h(), Pix: make([]uint8, 0, b.w()*b.h())}
	for y := b.y0; y < b.y1; y++ {
		out.Pix = append(out.Pix, p.Pix[y*p.W+b.x0:y*p.W+b.x1]...)
	}
	return out
}

// extend puts margins around the plane, in pixels, filled with its edge.
func (p Plane) extend(left, top, right, bottom int) Plane {
	out := Plane{W: p.W + left + right, H: p.H + top + bottom}
	out.Pix = make([]uint8, 0, out.W*out.H)
	for y := range out.H {
		row := p.Pix[min(max(y-top, 0), p.H-1)*p.W:][:p.W]
		for range left {
			out.Pix = append(out.Pix, row[0])
		}
		out.Pix = append(out.Pix, row...)
		for range right {
			out.Pix = append(out.Pix, row[p.W-1])
		}
	}
	return out
}

// turn rotates the plane about its centre, by degrees counter-clockwise as it
// is seen, keeping its size. What comes from outside is filled with the edge.
func (p Plane) turn(degrees float64) Plane {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	out := Plane{W: p.W, H: p.H, Pix: make([]uint8, p.W*p.H)}
	cx, cy := float64(p.W-1)/2, float64(p.H-1)/2
	dx, dy := fixed(cos), fixed(sin) // from one pixel to the next of a row
	for y := range p.H {
		below := float64(y) - cy
		u, v := fixed(cx-cx*cos-below*sin), fixed(cy-cx*sin+below*cos)
		row := out.Pix[y*p.W : (y+1)*p.W]
		for x := range row {
			// As at does it, for the inside, where nearly all pixels are.
			if i, j := u>>16, v>>16; uint(i) < uint(p.W-1) && uint(j) < uint(p.H-1) {
				here, next := p.Pix[j*p.W+i:][:2:2], p.Pix[(j+1)*p.W+i:][:2:2]
				fx, fy := u>>8&255, v>>8&255
				top := int(here[0])<<8 + (int(here[1])-int(here[0]))*fx
				bottom := int(next[0])<<8 + (int(next[1])-int(next[0]))*fx
				row[x] = uint8((top<<8 + (bottom-top)*fy + 1<<15) >> 16)
			} else {
				row[x] = p.at(u, v)
			}
			u, v = u+dx, v+dy
		}
	}
	return out
}

// fixed is a coordinate in 65536ths of a pixel.
func fixed(x float64) int { return int(math.Round(x * 65536)) }

// at interpolates between the four pixels around a fixed-point place; beyond the
// edge it is the edge.
func (p Plane) at(u, v int) uint8 {
	x, y := u>>16, v>>16
	fx, fy := u>>8&255, v>>8&255
	if uint(x) >= uint(p.W-1) || uint(y) >= uint(p.H-1) {
		if x < 0 || x >= p.W-1 {
			x, fx = min(max(x, 0), p.W-1), 0
		}
		if y < 0 || y >= p.H-1 {
			y, fy = min(max(y, 0), p.H-1), 0
		}
	}
	i := y*p.W + x
	right, below := min(1, p.W-1-x), p.W*min(1, p.H-1-y)
	a, b, c, d := int(p.Pix[i]), int(p.Pix[i+right]), int(p.Pix[i+below]), int(p.Pix[i+below+right])
	top, bottom := a<<8+(b-a)*fx, c<<8+(d-c)*fx
	return uint8((top<<8 + (bottom-top)*fy + 1<<15) >> 16)
}
