package media_test

import (
	"image"
	"image/color"
	"math"
)

// scene draws a landscape: a sky, a sun, two ranges of hills, trees and a path.
// All fixtures and encodings in these tests are of it.
func scene(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, sceneAt(float64(x)/float64(w), float64(y)/float64(h)))
		}
	}
	return m
}

func sceneAt(u, v float64) color.NRGBA {
	grain := 10 * math.Sin(u*91+v*57) * math.Sin(u*33-v*78)
	shade := func(r, g, b float64) color.NRGBA {
		c := func(f float64) uint8 { return uint8(min(max(f+grain, 0), 255)) }
		return color.NRGBA{R: c(r), G: c(g), B: c(b), A: 255}
	}
	near := 0.72 + 0.06*math.Sin(u*7+1) + 0.03*math.Sin(u*19)
	far := 0.5 + 0.1*math.Sin(u*4.2) + 0.04*math.Sin(u*13+2)
	switch {
	case math.Hypot(u-0.76, (v-0.2)*0.75) < 0.08:
		return shade(250, 230, 130)
	case tree(u, v, 0.18, 0.55, 0.09), tree(u, v, 0.38, 0.66, 0.06), tree(u, v, 0.62, 0.6, 0.05):
		return shade(30, 70, 35)
	case v > near && math.Abs(u-0.5-0.25*(v-near)) < 0.03+0.2*(v-near):
		return shade(190, 170, 130)
	case v > near:
		return shade(70, 130, 60)
	case v > far:
		return shade(100, 120, 150)
	}
	return shade(110+130*v, 160+90*v, 240)
}

// tree is a round crown on a trunk.
func tree(u, v, x, y, r float64) bool {
	crown := math.Hypot(u-x, (v-y)*0.75) < r
	trunk := math.Abs(u-x) < r/6 && v > y && v < y+2.4*r
	return crown || trunk
}
