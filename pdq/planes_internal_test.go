package pdq

import (
	"math"
	"math/rand/v2"
	"testing"
)

// box1D runs the reference's filter twice over one side.
func box1D(in []float32) []float32 {
	a, b := make([]float32, len(in)), make([]float32, len(in))
	plainBox(in, a, window(len(in)))
	plainBox(a, b, window(len(in)))
	return b
}

// TestTents compares the weights with the reference's filter on unit impulses.
func TestTents(t *testing.T) {
	sizes := []int{5, 6, 7, 13, 31, 63, 64, 65, 127, 128, 129, 130, 200, 255, 256, 257, 384, 385, 500, 512, 513, 641, 1000, 1281}
	for _, n := range sizes {
		at, ts := sampleAt(n), tents(n)
		next := 0
		for i := range ts {
			if ts[i].lo != next || ts[i].hi <= next {
				t.Fatalf("side %d: tent %d stands for samples %d to %d, want from %d", n, i, ts[i].lo, ts[i].hi, next)
			}
			next = ts[i].hi
		}
		if next != grid {
			t.Fatalf("side %d: %d samples", n, next)
		}
		in := make([]float32, n)
		for x := range n {
			in[x] = 1
			out := box1D(in)
			in[x] = 0
			for i := range ts {
				var got float32
				if x >= ts[i].first && x < ts[i].end() {
					got = ts[i].weights[x-ts[i].first]
				}
				for s := ts[i].lo; s < ts[i].hi; s++ {
					if want := out[at[s]]; math.Abs(float64(got-want)) > 1e-6 {
						t.Fatalf("side %d, pixel %d, sample %d: weight %g, want %g", n, x, s, got, want)
					}
				}
			}
		}
	}
}

// gray is a plane of luma.
type gray struct {
	w, h int
	pix  []float32
}

func (g *gray) row(y int, out []float32) { copy(out, g.pix[y*g.w:]) }

// kinds are pictures of every sort, among them those whose rounding errors
// are least independent: periods, plateaus, sums at the edge of a binade.
var kinds = map[string]func(r *rand.Rand, g *gray){
	"flat": func(r *rand.Rand, g *gray) { v := luma8(r); g.fill(func(x, y int) float32 { return v }) },
	"bytes": func(r *rand.Rand, g *gray) {
		g.fill(func(x, y int) float32 { v := uint8(r.Uint32()); return Luma(v, v, v) })
	},
	"colours": func(r *rand.Rand, g *gray) { g.fill(func(x, y int) float32 { return luma8(r) }) },
	"floats":  func(r *rand.Rand, g *gray) { g.fill(func(x, y int) float32 { return 255 * r.Float32() }) },
	"stripes": func(r *rand.Rand, g *gray) {
		v, p, q := palette(r), 1+r.IntN(40), r.IntN(3)
		g.fill(func(x, y int) float32 { return v[(x+q*y)/p%len(v)] })
	},
	"rows": func(r *rand.Rand, g *gray) {
		v := palette(r)
		g.fill(func(x, y int) float32 { return v[y*37/g.h%len(v)] })
	},
	"checker": func(r *rand.Rand, g *gray) {
		v, p := palette(r), 1+r.IntN(60)
		g.fill(func(x, y int) float32 { return v[(x/p+3*(y/p))%len(v)] })
	},
	"noisy columns": func(r *rand.Rand, g *gray) {
		line := make([]float32, g.w)
		for i := range line {
			line[i] = luma8(r)
		}
		g.fill(func(x, y int) float32 { return line[(x+y/16)%g.w] })
	},
	"binade": func(r *rand.Rand, g *gray) {
		base := float32(math.Ldexp(1, r.IntN(8))) / float32(window(g.w)) * float32(1+r.IntN(4))
		g.fill(func(x, y int) float32 {
			return min(255, max(0, base*(1+0.03*float32(math.Sin(float64(x)/9)+math.Cos(float64(y)/11)))+r.Float32()*base*0.01))
		})
	},
	"waves": func(r *rand.Rand, g *gray) {
		var a [6][4]float64
		for i := range a {
			f := math.Pow(2, float64(i)) * 3
			a[i] = [4]float64{r.NormFloat64() * f, r.NormFloat64() * f, r.Float64() * 7, 60 / math.Pow(2, float64(i))}
		}
		g.fill(func(x, y int) float32 {
			s := 128.
			for _, k := range a {
				s += k[3] * math.Sin(k[0]*float64(x)/float64(g.w)+k[1]*float64(y)/float64(g.h)+k[2])
			}
			v := uint8(max(0, min(255, s)))
			return Luma(v, v, v/2)
		})
	},
	"photo": photo,
	"dim": func(r *rand.Rand, g *gray) {
		photo(r, g)
		k := r.Float32() * 0.1
		for i := range g.pix {
			v := uint8(g.pix[i] * k)
			g.pix[i] = Luma(v, v, v)
		}
	},
	"text": func(r *rand.Rand, g *gray) {
		seed := r.Uint32()
		g.fill(func(x, y int) float32 {
			if y/6%2 == 0 && (uint32(x/4)*2654435761+uint32(y/12)*40503+seed)>>13&3 == 0 {
				return Luma(20, 30, 40)
			}
			return Luma(250, 249, 240)
		})
	},
}

// photo is 1/f noise by halving cells, with the grain of a camera.
func photo(r *rand.Rand, g *gray) {
	var octaves [7][17 * 17]float64
	for o := range octaves {
		for i := range octaves[o] {
			octaves[o][i] = r.NormFloat64()
		}
	}
	grain := r.Float64() * 6
	g.fill(func(x, y int) float32 {
		s := 120.
		for o := range octaves {
			n := float64(int(2) << o)
			fx, fy := float64(x)/float64(g.w)*n, float64(y)/float64(g.h)*n
			ix, iy := int(fx), int(fy)
			fx, fy = fx-float64(ix), fy-float64(iy)
			at := func(i, j int) float64 { return octaves[o][(i*31+j*7)%(17*17)] }
			s += 70 / n * 2 * ((at(ix, iy)*(1-fx)+at(ix+1, iy)*fx)*(1-fy) + (at(ix, iy+1)*(1-fx)+at(ix+1, iy+1)*fx)*fy)
		}
		s += grain * r.NormFloat64()
		v := max(0, min(255, s))
		return Luma(uint8(v), uint8(v*0.9), uint8(v*0.7))
	})
}

func luma8(r *rand.Rand) float32 {
	u := r.Uint32()
	return Luma(uint8(u), uint8(u>>8), uint8(u>>16))
}

func palette(r *rand.Rand) []float32 {
	v := make([]float32, 2+r.IntN(4))
	for i := range v {
		v[i] = luma8(r)
	}
	return v
}

func (g *gray) fill(f func(x, y int) float32) {
	for y := range g.h {
		for x := range g.w {
			g.pix[y*g.w+x] = f(x, y)
		}
	}
}

func draw(kind string, seed uint64, w, h int) *gray {
	g := &gray{w: w, h: h, pix: make([]float32, w*h)}
	kinds[kind](rand.New(rand.NewPCG(seed, 1)), g)
	return g
}

// sizeFor draws a size: any, tiny, near a step of the window, or extreme.
func sizeFor(r *rand.Rand) (w, h int) {
	side := func() int {
		switch r.IntN(4) {
		case 0:
			return 5 + r.IntN(70)
		case 1:
			return 128*(1+r.IntN(2)) - 2 + r.IntN(5)
		}
		return 5 + r.IntN(300)
	}
	switch r.IntN(12) {
	case 0:
		return 5 + r.IntN(20), 800 + r.IntN(2000)
	case 1:
		return 800 + r.IntN(2000), 5 + r.IntN(20)
	case 2:
		return 64, side()
	}
	return side(), side()
}

// checkLanes demands the same bits from rows filtered together as one by one.
func checkLanes(t *testing.T, g *gray) {
	t.Helper()
	var together, plain [grid * grid]float32
	downsample(g.w, g.h, g.row, &together)
	downsamplePlainly(g.w, g.h, g.row, &plain)
	if together != plain {
		t.Errorf("%d×%d: rows filtered together differ from rows filtered one by one", g.w, g.h)
	}
}
