package undo

import (
	"fmt"
	"math"
	"slices"

	"github.com/rowan-safety/rowan/pdq"
)

// Variant is what a picture may have been before an edit.
type Variant struct {
	Name   string // one of [Names]
	Result pdq.Result
}

// Set says which edits are undone.
type Set int

// The sets. Default is what won most in the measured table (docs/matching.md);
// Wide adds what won seldom.
const (
	None Set = iota - 1
	Default
	Wide
)

var setNames = []string{"none", "default", "wide"} // by Set - None

// MarshalText gives none, default or wide.
func (s Set) MarshalText() ([]byte, error) {
	if s < None || s > Wide {
		return nil, fmt.Errorf("undo: no set %d", int(s))
	}
	return []byte(setNames[s-None]), nil
}

// UnmarshalText reads what [Set.MarshalText] gives.
func (s *Set) UnmarshalText(text []byte) error {
	i := slices.Index(setNames, string(text))
	if i < 0 {
		return fmt.Errorf("undo: a set is one of %q", setNames)
	}
	*s = Set(i) + None
	return nil
}

// Variants makes the guesses of a set that apply to the picture, in the order
// of [Names]. A guess that changes nothing, because there is no margin to cut,
// is left out.
func Variants(p Plane, set Set) []Variant {
	if p.W < minSide || p.H < minSide {
		return nil
	}
	var out []Variant
	for _, g := range guesses {
		if g.set > set {
			continue
		}
		if q, ok := g.make(p); ok {
			out = append(out, Variant{g.name, q.hash()})
		}
	}
	return out
}

// minSide is the least side, in pixels, of a picture that is worth guessing at.
const minSide = 32

// Names are the names of the variants of a set.
func Names(set Set) []string {
	var out []string
	for _, g := range guesses {
		if g.set <= set {
			out = append(out, g.name)
		}
	}
	return out
}

type guess struct {
	name string
	set  Set
	make func(Plane) (Plane, bool)
}

var guesses = []guess{
	{"panel", Default, func(p Plane) (Plane, bool) { return p.cut(p.panel()) }},
	{"trim", Default, func(p Plane) (Plane, bool) { return p.cut(p.trim()) }},
	{"trim_even", Wide, func(p Plane) (Plane, bool) { return p.cut(p.even(p.trim())) }},
	uncrop("uncrop_5", Default, 2.5, 2.5, 2.5, 2.5),
	uncrop("uncrop_10", Default, 5, 5, 5, 5),
	uncrop("uncrop_15", Wide, 7.5, 7.5, 7.5, 7.5),
	uncrop("uncrop_left_5", Default, 5, 0, 0, 0),
	uncrop("uncrop_top_5", Default, 0, 5, 0, 0),
	uncrop("uncrop_right_5", Default, 0, 0, 5, 0),
	uncrop("uncrop_bottom_5", Default, 0, 0, 0, 5),
	uncrop("uncrop_left_10", Default, 10, 0, 0, 0),
	uncrop("uncrop_top_10", Default, 0, 10, 0, 0),
	uncrop("uncrop_right_10", Default, 0, 0, 10, 0),
	uncrop("uncrop_bottom_10", Default, 0, 0, 0, 10),
	uncrop("uncrop_sides_10", Default, 5, 0, 5, 0),
	uncrop("uncrop_ends_10", Default, 0, 5, 0, 5),
	turn("turn_left_1.5", Default, 1.5), turn("turn_right_1.5", Default, -1.5),
	turn("turn_left_3", Default, 3), turn("turn_right_3", Default, -3),
	turn("turn_left_4.5", Wide, 4.5), turn("turn_right_4.5", Wide, -4.5),
	turnCropped("turn_cropped_left_1", Default, 1), turnCropped("turn_cropped_right_1", Default, -1),
	turnCropped("turn_cropped_left_2", Default, 2), turnCropped("turn_cropped_right_2", Default, -2),
	turnCropped("turn_cropped_left_3", Wide, 3), turnCropped("turn_cropped_right_3", Wide, -3),
	corner("fill_top_left", false, false), corner("fill_top_right", true, false),
	corner("fill_bottom_left", false, true), corner("fill_bottom_right", true, true),
	band("fill_top", Default, 0, 0.2), band("fill_bottom", Default, 0.8, 1),
	band("fill_middle", Wide, 0.4, 0.6),
}

func (p Plane) cut(b box) (Plane, bool) {
	if b == p.whole() || b.w() < minSide || b.h() < minSide {
		return p, false
	}
	return p.crop(b), true
}

// uncrop puts back what was cut off, in percent of the picture before; what was
// there is not known, so the edge is repeated.
func uncrop(name string, set Set, left, top, right, bottom float64) guess {
	return guess{name, set, func(p Plane) (Plane, bool) {
		kx, ky := float64(p.W)/(100-left-right), float64(p.H)/(100-top-bottom)
		return p.extend(round(left*kx), round(top*ky), round(right*kx), round(bottom*ky)), true
	}}
}

func round(x float64) int { return int(x + 0.5) }

func turn(name string, set Set, degrees float64) guess {
	return guess{name, set, func(p Plane) (Plane, bool) { return p.turn(degrees), true }}
}

// turnCropped undoes a turn after which the empty corners were cut off.
func turnCropped(name string, set Set, degrees float64) guess {
	return guess{name, set, func(p Plane) (Plane, bool) {
		sin, cos := math.Sincos(math.Abs(degrees) * math.Pi / 180)
		long, short := float64(max(p.W, p.H)), float64(min(p.W, p.H))
		m := ((long*sin+short*cos)/short - 1) / 2
		x, y := round(m*float64(p.W)), round(m*float64(p.H))
		return p.extend(x, y, x, y).turn(degrees), true
	}}
}

// corner removes what was laid over a corner: a quarter of the width and a
// fifth of the height is filled from its inner edges.
func corner(name string, right, bottom bool) guess {
	return guess{name, Default, func(p Plane) (Plane, bool) {
		w, h := p.W/4, p.H/5
		if w < 1 || h < 1 {
			return p, false
		}
		out := p.crop(p.whole())
		for j := range h {
			y, edge := j, h
			if bottom {
				y, edge = p.H-1-j, p.H-1-h
			}
			for i := range w {
				x, side := i, w
				if right {
					x, side = p.W-1-i, p.W-1-w
				}
				a, b := w-i, h-j // distance from the inner edges
				out.Pix[y*p.W+x] = uint8((int(p.Pix[y*p.W+side])*b + int(p.Pix[edge*p.W+x])*a) / (a + b))
			}
		}
		return out, true
	}}
}

// band removes what was written across the picture: rows from and to, in parts
// of the height, are blended from above and below.
func band(name string, set Set, from, to float64) guess {
	return guess{name, set, func(p Plane) (Plane, bool) {
		y0, y1 := round(from*float64(p.H)), round(to*float64(p.H))
		if y1-y0 < 1 || y1-y0 >= p.H {
			return p, false
		}
		out := p.crop(p.whole())
		above, below := max(y0-1, 0), min(y1, p.H-1)
		if y0 == 0 {
			above = below
		}
		if y1 == p.H {
			below = above
		}
		for y := y0; y < y1; y++ {
			k := y - y0 + 1
			n := y1 - y0 + 1
			for x := range p.W {
				out.Pix[y*p.W+x] = uint8((int(p.Pix[above*p.W+x])*(n-k) + int(p.Pix[below*p.W+x])*k) / n)
			}
		}
		return out, true
	}}
}
