package undo_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// scene is a landscape of hills, sun and trees that differs with its seed, in
// luma.
type scene struct {
	w, h int
	pix  []float64
}

func newScene(seed uint64, w, h int) scene {
	r := rand.New(rand.NewPCG(seed, 1))
	type disc struct{ x, y, r, v float64 }
	var discs []disc
	for range 25 {
		discs = append(discs, disc{r.Float64(), r.Float64(), 0.02 + 0.12*r.Float64(), 255 * r.Float64()})
	}
	a, b, c := r.Float64()*6, r.Float64()*6, r.Float64()*6
	s := scene{w: w, h: h, pix: make([]float64, w*h)}
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w), float64(y)/float64(h)
			l := 200 - 60*v
			if v > 0.5+0.1*math.Sin(5*u+a)+0.05*math.Sin(17*u+b) {
				l = 120 - 80*v + 30*math.Sin(9*u+c)
			}
			for _, d := range discs {
				if math.Hypot(u-d.x, v-d.y) < d.r {
					l = d.v
				}
			}
			s.pix[y*w+x] = min(max(l+8*math.Sin(u*91+v*57), 0), 255)
		}
	}
	return s
}

func (s scene) at(x, y float64) float64 {
	x, y = min(max(x, 0), float64(s.w-1)), min(max(y, 0), float64(s.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, s.w-1), min(y0+1, s.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	return (s.pix[y0*s.w+x0]*(1-fx)+s.pix[y0*s.w+x1]*fx)*(1-fy) + (s.pix[y1*s.w+x0]*(1-fx)+s.pix[y1*s.w+x1]*fx)*fy
}

// drawn is a picture of w × h pixels whose luma is at(x, y).
func drawn(w, h int, at func(x, y float64) float64) scene {
	s := scene{w: w, h: h, pix: make([]float64, w*h)}
	for y := range h {
		for x := range w {
			s.pix[y*w+x] = at(float64(x), float64(y))
		}
	}
	return s
}

func (s scene) crop(left, top, right, bottom float64) scene {
	w, h := float64(s.w), float64(s.h)
	return drawn(int(w*(1-left-right)), int(h*(1-top-bottom)), func(x, y float64) float64 { return s.at(x+left*w, y+top*h) })
}

func (s scene) page(left, top, right, bottom int, shade float64) scene {
	return drawn(s.w+left+right, s.h+top+bottom, func(x, y float64) float64 {
		x, y = x-float64(left), y-float64(top)
		if x < 0 || y < 0 || x >= float64(s.w) || y >= float64(s.h) {
			return shade
		}
		return s.at(x, y)
	})
}

func (s scene) turned(degrees float64) scene {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(s.w-1)/2, float64(s.h-1)/2
	return drawn(s.w, s.h, func(x, y float64) float64 {
		return s.at(cx+(x-cx)*cos-(y-cy)*sin, cy+(x-cx)*sin+(y-cy)*cos)
	})
}

func (s scene) stamped(x0, y0, w, h, shade float64) scene {
	return drawn(s.w, s.h, func(x, y float64) float64 {
		u, v := x/float64(s.w), y/float64(s.h)
		if u >= x0 && u < x0+w && v >= y0 && v < y0+h {
			return shade
		}
		return s.at(x, y)
	})
}

// screenshot puts the scene on a page with other things above and below.
func (s scene) screenshot() scene {
	out := s.page(0, s.h/3, 0, s.h/2, 250)
	return out.stamped(0.05, 0.03, 0.2, 0.03, 40).stamped(0.1, 0.9, 0.1, 0.03, 90).stamped(0.7, 0.9, 0.1, 0.03, 90)
}

func (s scene) hash(t testing.TB) (pdq.Result, undo.Plane) {
	t.Helper()
	r, p, err := s.examine()
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

func (s scene) examine() (pdq.Result, undo.Plane, error) {
	sh, err := undo.NewShrinker(s.w, s.h)
	if err != nil {
		return pdq.Result{}, undo.Plane{}, err
	}
	r, err := pdq.Compute(s.w, s.h, func(y int, luma []float32) {
		for x := range luma {
			luma[x] = float32(math.Round(s.pix[y*s.w+x]))
		}
		sh.Row(y, luma)
	})
	return r, sh.Plane(), err
}

// TestUndone shows for each kind of edit that plain PDQ loses the picture and
// that the guess which is meant for it finds it again.
func TestUndone(t *testing.T) {
	const scenes = 6
	for _, c := range []struct {
		edit string
		make func(scene) scene
		want string // the guess
		most int    // scenes that may stay lost
	}{
		{"crop 5 %", func(s scene) scene { return s.crop(.025, .025, .025, .025) }, "uncrop_5", 0},
		{"crop 10 %", func(s scene) scene { return s.crop(.05, .05, .05, .05) }, "uncrop_10", 1},
		{"crop bottom 5 %", func(s scene) scene { return s.crop(0, 0, 0, .05) }, "uncrop_bottom_5", 0},
		{"crop top 5 %", func(s scene) scene { return s.crop(0, .05, 0, 0) }, "uncrop_top_5", 0},
		{"crop left 10 %", func(s scene) scene { return s.crop(.1, 0, 0, 0) }, "uncrop_left_10", 2},
		{"crop right 5 %", func(s scene) scene { return s.crop(0, 0, .05, 0) }, "uncrop_right_5", 0},
		{"border", func(s scene) scene { return s.page(40, 40, 40, 40, 0) }, "panel", 0},
		{"border", func(s scene) scene { return s.page(40, 40, 40, 40, 0) }, "trim", 1},
		{"letterbox", func(s scene) scene { return s.page(0, 120, 0, 120, 255) }, "panel", 0},
		{"screenshot", scene.screenshot, "panel", 1},
		{"turn left 3°", func(s scene) scene { return s.turned(3) }, "turn_right_3", 0},
		{"turn right 2°, cropped", func(s scene) scene { return s.turned(-2).crop(.03, .03, .03, .03) }, "turn_cropped_left_2", 2},
		{"box in a corner", func(s scene) scene { return s.stamped(.8, .85, .18, .12, 255) }, "fill_bottom_right", 2},
	} {
		t.Run(c.edit+" by "+c.want, func(t *testing.T) {
			t.Parallel()
			lost, plain := 0, 0
			for seed := range uint64(scenes) {
				s := newScene(seed, 640, 480)
				original, _ := s.hash(t)
				edited, plane := c.make(s).hash(t)
				if edited.Hash.Distance(original.Hash) <= pdq.MatchThreshold {
					plain++
				}
				vs := undo.Variants(plane, undo.Wide)
				i := slices.IndexFunc(vs, func(v undo.Variant) bool { return v.Name == c.want })
				if i < 0 || vs[i].Result.Hash.Distance(original.Hash) > pdq.MatchThreshold {
					lost++
				}
			}
			t.Logf("plain PDQ finds %d of %d, %s finds %d", plain, scenes, c.want, scenes-lost)
			if lost > c.most {
				t.Errorf("%s lost %d of %d scenes, %d expected at most", c.want, lost, scenes, c.most)
			}
			if plain == scenes {
				t.Error("plain PDQ finds all: this edit shows nothing")
			}
		})
	}
}

// TestUnrelated: a guess must not bring different pictures together.
func TestUnrelated(t *testing.T) {
	const scenes = 12
	var hashes []pdq.Hash
	var planes []undo.Plane
	for seed := range uint64(scenes) {
		r, p := newScene(100+seed, 320, 240).hash(t)
		hashes, planes = append(hashes, r.Hash), append(planes, p)
	}
	least := 256
	for i, p := range planes {
		for _, v := range undo.Variants(p, undo.Wide) {
			for j, h := range hashes {
				if d := v.Result.Hash.Distance(h); i != j && v.Result.Quality >= pdq.MinQuality {
					least = min(least, d)
				}
			}
		}
	}
	t.Logf("nearest of different scenes: %d bits", least)
	if least <= pdq.MatchThreshold {
		t.Errorf("a guess is %d bits from another scene", least)
	}
}

// TestShrinker: every pixel of the plane is the mean of those it covers, and a
// small picture is as it was.
func TestShrinker(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 1300).Draw(rt, "w"), rapid.IntRange(1, 700).Draw(rt, "h")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		pix := make([]float32, w*h)
		for i := range pix {
			pix[i] = float32(r.IntN(256))
		}
		s, err := undo.NewShrinker(w, h)
		if err != nil {
			rt.Fatal(err)
		}
		for y := range h {
			s.Row(y, pix[y*w:(y+1)*w])
		}
		p := s.Plane()
		if max(p.W, p.H) > undo.Side || len(p.Pix) != p.W*p.H || p.W < 1 || p.H < 1 {
			rt.Fatalf("%d×%d became %d×%d with %d bytes", w, h, p.W, p.H, len(p.Pix))
		}
		x, y := r.IntN(p.W), r.IntN(p.H)
		sum, n := 0.0, 0
		for j := range h {
			for i := range w {
				if i*p.W/w == x && j*p.H/h == y {
					sum, n = sum+float64(pix[j*w+i]), n+1
				}
			}
		}
		if got := float64(p.Pix[y*p.W+x]); n == 0 || math.Abs(got-sum/float64(n)) > 0.6 {
			rt.Fatalf("pixel %d,%d is %g, the mean of its %d is %g", x, y, got, n, sum/float64(n))
		}
	})
}

// TestAnySize: no size or content makes a guess fail, and the same picture
// gives the same guesses.
func TestAnySize(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := undo.Plane{W: rapid.IntRange(1, 90).Draw(rt, "w"), H: rapid.IntRange(1, 90).Draw(rt, "h")}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 3))
		noise := rapid.IntRange(1, 256).Draw(rt, "noise")
		for range p.W * p.H {
			p.Pix = append(p.Pix, uint8(r.IntN(noise)))
		}
		a, b := undo.Variants(p, undo.Wide), undo.Variants(p, undo.Wide)
		if !slices.Equal(names(a), names(b)) {
			rt.Fatal("two runs differ")
		}
		for i, v := range a {
			if !slices.Contains(undo.Names(undo.Wide), v.Name) || v.Result != b[i].Result {
				rt.Fatalf("%s: not named, or not repeatable", v.Name)
			}
		}
		if len(undo.Variants(p, undo.None)) != 0 {
			rt.Fatal("a set of nothing has guesses")
		}
	})
}

func names(vs []undo.Variant) (out []string) {
	for _, v := range vs {
		out = append(out, v.Name)
	}
	return out
}

func ExampleVariants() {
	// A scene of 640×480 pixels whose lower 5 % were cut off.
	s := newScene(1, 640, 480)
	original, _, _ := s.examine()
	_, plane, _ := s.crop(0, 0, 0, .05).examine()
	for _, v := range undo.Variants(plane, undo.Default) {
		if v.Result.Hash.Distance(original.Hash) <= pdq.MatchThreshold {
			fmt.Println(v.Name)
		}
	}
	// Output: uncrop_bottom_5
}

func BenchmarkVariants(b *testing.B) {
	_, plane := newScene(1, 640, 480).hash(b)
	for b.Loop() {
		undo.Variants(plane, undo.Default)
	}
}
