// Package sample draws harmless pictures and plays them to a running Rowan
// through its own API, so that a newcomer finds something to look at.
package sample

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
)

// Landscape draws a made-up landscape: sky, sun, hills, trees and a lake. The
// same seed gives the same picture.
func Landscape(seed uint64, width, height int) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 0x726f77616e))
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	sky(img, r)
	for layer := range 4 {
		hills(img, r, layer)
	}
	lake(img, r)
	for range 12 + r.IntN(14) {
		tree(img, r)
	}
	return img
}

func blend(a, b color.NRGBA, t float64) color.NRGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

func tint(r *rand.Rand, lo, hi int) color.NRGBA {
	c := func() uint8 { return uint8(lo + r.IntN(hi-lo)) }
	return color.NRGBA{c(), c(), c(), 255}
}

func sky(img *image.NRGBA, r *rand.Rand) {
	b := img.Bounds()
	top, bottom := tint(r, 40, 160), tint(r, 150, 250)
	sunX, sunY := float64(r.IntN(b.Dx())), float64(b.Dy())*(.1+.25*r.Float64())
	radius := float64(b.Dy()) * (.05 + .07*r.Float64())
	sun := color.NRGBA{255, uint8(200 + r.IntN(55)), uint8(120 + r.IntN(100)), 255}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := blend(top, bottom, float64(y)/float64(b.Dy()))
			if d := math.Hypot(float64(x)-sunX, float64(y)-sunY); d < radius {
				c = sun
			} else if d < 2.5*radius {
				c = blend(sun, c, (d-radius)/(1.5*radius))
			}
			img.SetNRGBA(x, y, c)
		}
	}
}

func hills(img *image.NRGBA, r *rand.Rand, layer int) {
	b := img.Bounds()
	c := tint(r, 20+10*layer, 120+20*layer)
	base := float64(b.Dy()) * (.35 + .13*float64(layer))
	type wave struct{ f, p, a float64 }
	waves := make([]wave, 4)
	for i := range waves {
		waves[i] = wave{(1 + 3*r.Float64()) * math.Pi * float64(i+1) / float64(b.Dx()), 7 * r.Float64(), float64(b.Dy()) * .09 / float64(i+1)}
	}
	for x := range b.Dx() {
		edge := base
		for _, w := range waves {
			edge += w.a * math.Sin(w.f*float64(x)+w.p)
		}
		for y := max(0, int(edge)); y < b.Dy(); y++ {
			img.SetNRGBA(x, y, blend(c, color.NRGBA{10, 20, 15, 255}, .6*(float64(y)-edge)/float64(b.Dy())))
		}
	}
}

func lake(img *image.NRGBA, r *rand.Rand) {
	b := img.Bounds()
	cx, cy := b.Dx()*(2+r.IntN(6))/10, b.Dy()*(78+r.IntN(12))/100
	rx, ry := float64(b.Dx())*(.12+.2*r.Float64()), float64(b.Dy())*(.03+.06*r.Float64())
	c := tint(r, 90, 200)
	for y := range b.Dy() {
		for x := range b.Dx() {
			if d := math.Hypot(float64(x-cx)/rx, float64(y-cy)/ry); d < 1 {
				img.SetNRGBA(x, y, blend(c, color.NRGBA{230, 240, 255, 255}, .5+.5*math.Sin(float64(y))*d))
			}
		}
	}
}

func tree(img *image.NRGBA, r *rand.Rand) {
	b := img.Bounds()
	x, y := r.IntN(b.Dx()), b.Dy()*(55+r.IntN(44))/100
	h := b.Dy() * (4 + r.IntN(16)) / 100
	c := color.NRGBA{uint8(10 + r.IntN(50)), uint8(50 + r.IntN(90)), uint8(20 + r.IntN(40)), 255}
	for dy := range h {
		half := dy * (h / 3) / max(h, 1)
		for dx := -half; dx <= half; dx++ {
			if p := image.Pt(x+dx, y-h+dy); p.In(b) {
				img.SetNRGBA(p.X, p.Y, blend(c, color.NRGBA{200, 220, 160, 255}, .25*float64(dx+half)/float64(2*half+1)))
			}
		}
	}
}

// PNG encodes a picture.
func PNG(img image.Image) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, img) // a picture in memory always encodes
	return b.Bytes()
}

// JPEG encodes a picture with a quality of 1 to 100.
func JPEG(img image.Image, quality int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}) // likewise
	return b.Bytes()
}

// Mirror flips a picture left to right.
func Mirror(img *image.NRGBA) *image.NRGBA {
	b := img.Bounds()
	out := image.NewNRGBA(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.SetNRGBA(b.Dx()-1-x, y, img.NRGBAAt(x, y))
		}
	}
	return out
}

// Canary draws the canary picture: concentric rings and a chequered bird on a
// gradient, like nothing that a camera sees.
func Canary() *image.NRGBA {
	const w, h = 480, 360
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := blend(color.NRGBA{250, 225, 90, 255}, color.NRGBA{60, 80, 160, 255}, float64(x+y)/float64(w+h))
			if d := math.Hypot(float64(x-140), float64(y-130)); d < 110 && int(d/14)%2 == 0 {
				c = color.NRGBA{235, 235, 245, 255}
			}
			if bird(x-300, y-210) && (x/12+y/12)%2 == 0 {
				c = color.NRGBA{240, 200, 20, 255}
			} else if bird(x-300, y-210) {
				c = color.NRGBA{60, 40, 10, 255}
			}
			if y > 320 && (x/20)%2 == 0 {
				c = color.NRGBA{30, 30, 30, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// bird is a body, a head, a beak and a tail.
func bird(x, y int) bool {
	body := math.Hypot(float64(x)/95, float64(y)/60) < 1
	head := math.Hypot(float64(x-80), float64(y+60)) < 36
	beak := x > 110 && x < 150 && y > -66 && y < -66+(150-x)/2
	tail := x < -60 && x > -150 && y > -30-(x+60)/3-20 && y < 10-(x+60)/3
	return body || head || beak || tail
}
