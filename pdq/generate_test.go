package pdq_test

import "github.com/rowan-safety/rowan/pdq"

// The pictures of testdata/reference.json, drawn by the rules of
// testdata/reference.cpp in 32-bit unsigned arithmetic.

func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	x ^= x >> 16
	return x
}

func lattice(seed, i, j uint32) uint32 { return mix(seed+i*0x9e3779b1+j*0x85ebca77) & 255 }

func octave(seed, x, y, cell uint32) uint32 {
	i, j, fx, fy := x/cell, y/cell, x%cell, y%cell
	top := lattice(seed, i, j)*(cell-fx) + lattice(seed, i+1, j)*fx
	bottom := lattice(seed, i, j+1)*(cell-fx) + lattice(seed, i+1, j+1)*fx
	return (top*(cell-fy) + bottom*fy) / (cell * cell)
}

func noise(seed, x, y, w, h uint32) uint32 {
	cell := max(w, h)/6 + 1
	return (octave(seed, x, y, cell)*4 + octave(seed+1, x, y, cell/2+1)*2 + octave(seed+2, x, y, cell/4+1)) / 7
}

// grey draws one pixel of the kinds without colour.
func grey(kind string, seed, x, y, w, h uint32) uint32 {
	c := w/(3+seed%9) + 1
	switch kind {
	case "noise":
		return noise(seed, x, y, w, h)
	case "gradient":
		return (x*(seed%5+1)*255/w + y*(seed%3+1)*255/h) / 8
	case "checker":
		return (x/c + y/c) & 1 * 255
	case "stripes":
		return (x*(seed%4)+y*(seed%3+1))/c&1*200 + 20
	case "static":
		return mix(seed+x+y*w) & 255
	}
	return seed & 255
}

// picture is a procedural picture's rule.
type picture struct {
	Kind          string
	Seed          uint32
	Width, Height uint32
}

// plane draws the picture's luma.
func (p picture) plane() plane {
	out := plane{w: int(p.Width), h: int(p.Height)}
	for y := range p.Height {
		for x := range p.Width {
			out.pix = append(out.pix, p.luma(x, y))
		}
	}
	return out
}

func (p picture) luma(x, y uint32) float32 {
	if p.Kind != "rgb" {
		return float32(grey(p.Kind, p.Seed, x, y, p.Width, p.Height))
	}
	channel := func(c uint32) float32 { return float32(noise(p.Seed+10*c, x, y, p.Width, p.Height)) }
	return float32(float32(0.299*channel(0))+float32(0.587*channel(1))) + float32(0.114*channel(2))
}

// plane is a picture's luma in memory.
type plane struct {
	w, h int
	pix  []float32
}

func (p plane) hash() (pdq.Result, error) {
	return pdq.Compute(p.w, p.h, func(y int, luma []float32) { copy(luma, p.pix[y*p.w:]) })
}

// remap returns a plane of w × h whose pixel (x, y) is p's at from(x, y).
func (p plane) remap(w, h int, from func(x, y int) (int, int)) plane {
	out := plane{w: w, h: h, pix: make([]float32, w*h)}
	for y := range h {
		for x := range w {
			sx, sy := from(x, y)
			out.pix[y*w+x] = p.pix[sy*p.w+sx]
		}
	}
	return out
}

// orient turns or mirrors the plane as the variant's name says.
func (p plane) orient(variant string) plane {
	w, h := p.w, p.h
	switch variant {
	case "rotate90": // counter-clockwise
		return p.remap(h, w, func(x, y int) (int, int) { return w - 1 - y, x })
	case "rotate180":
		return p.remap(w, h, func(x, y int) (int, int) { return w - 1 - x, h - 1 - y })
	case "rotate270":
		return p.remap(h, w, func(x, y int) (int, int) { return y, h - 1 - x })
	case "flipX":
		return p.remap(w, h, func(x, y int) (int, int) { return x, h - 1 - y })
	case "flipY":
		return p.remap(w, h, func(x, y int) (int, int) { return w - 1 - x, y })
	case "flipPlus1":
		return p.remap(h, w, func(x, y int) (int, int) { return y, x })
	case "flipMinus1":
		return p.remap(h, w, func(x, y int) (int, int) { return w - 1 - y, h - 1 - x })
	}
	return p
}
