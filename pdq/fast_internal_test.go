package pdq

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var rates = flag.Bool("pdq-rates", false, "print how often the guard hits")

var planes = flag.Int("pdq-planes", 400, "planes to compare in each of TestFastIsExact's kinds")

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

// ratiosOf measures the fast path's largest error of a frequency and of a
// gradient as parts of what is tolerated.
func ratiosOf(g *gray) (coef, gradient float64) {
	var exact, fast [grid * grid]float32
	downsample(g.w, g.h, g.row, &exact)
	sampleTents(g.w, g.h, g.row, &fast)
	a, b := transform(&exact), transformFolded(&fast)
	tol, s := toleranceFor(g.w, g.h), shape()
	for k := range a {
		coef = max(coef, math.Abs(float64(a[k])-float64(b[k]))/float64(tol.unit*s[k]))
	}
	diff := func(i, j int) {
		d := float64(exact[i]) - float64(exact[j]) - (float64(fast[i]) - float64(fast[j]))
		gradient = max(gradient, math.Abs(d)*100/255/float64(tol.gradient))
	}
	for i := range exact {
		if i%grid < grid-1 {
			diff(i, i+1)
		}
		if i/grid < grid-1 {
			diff(i, i+grid)
		}
	}
	return coef, gradient
}

// TestFastIsExact compares the fast path, where it answers, with the
// reference's arithmetic: hash, quality and all orientations.
func TestFastIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	total, guarded := 0, 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		slow := 0
		var coef, gradient float64
		for i := range *planes {
			w, h := sizeFor(r)
			seed := r.Uint64()
			g := draw(kind, seed, w, h)
			got, fast, err := computeRows(w, h, g.row)
			want, wantErr := Compute(w, h, g.row)
			checkLanes(t, g)
			if err != nil || wantErr != nil {
				t.Fatal(err, wantErr)
			}
			if got.Hash != want.Hash || got.Quality != want.Quality || got.Dihedral() != want.Dihedral() {
				t.Errorf("%s %d, %d×%d: hash %v of quality %d, want %v of %d", kind, seed, w, h, got.Hash, got.Quality, want.Hash, want.Quality)
			}
			if !fast {
				slow++
			}
			if i%8 == 0 {
				c, q := ratiosOf(g)
				coef, gradient = max(coef, c), max(gradient, q)
			}
		}
		if coef > 0.9 || gradient > 0.9 {
			t.Errorf("%s: errors up to %.2f (frequency) and %.2f (gradient) of the tolerance", kind, coef, gradient)
		}
		t.Logf("%-14s guard %4d of %d, error up to %.2f and %.2f of the tolerance", kind, slow, *planes, coef, gradient)
		total, guarded = total+*planes, guarded+slow
	}
	t.Logf("%d planes compared, guard hit on %d (%.1f %%)", total, guarded, 100*float64(guarded)/float64(total))
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

// TestComputeRowsOddities asks for sizes at the edges and for numbers that are
// no luma: the answer is Compute's, without a panic.
func TestComputeRowsOddities(t *testing.T) {
	for _, size := range [][2]int{{0, 5}, {5, -1}, {4, 9}, {9, 4}, {5, 5}, {64, 64}, {5, 9000}, {9000, 5}} {
		for _, v := range []float64{0, 255, math.NaN(), math.Inf(1), math.Inf(-1), 1e38} {
			row := func(y int, luma []float32) {
				for x := range luma {
					luma[x] = float32(v) * float32((x^y)&1)
				}
			}
			got, err := ComputeRows(size[0], size[1], row)
			want, wantErr := Compute(size[0], size[1], row)
			if (err == nil) != (wantErr == nil) || got.Hash != want.Hash || got.Quality != want.Quality {
				t.Errorf("%v of %g: %v, error %v, want %v, error %v", size, v, got.Hash, err, want.Hash, wantErr)
			}
		}
	}
}

// TestGuardRate prints how often the fast path answers (-pdq-rates).
func TestGuardRate(t *testing.T) {
	if !*rates {
		t.Skip("run by scripts/bench-pdq")
	}
	r := rand.New(rand.NewPCG(9, 7))
	for _, kind := range []string{"photo", "colours", "text", "waves", "dim"} {
		for _, size := range [][2]int{{300, 200}, {512, 512}, {1152, 864}} {
			guarded := 0
			for range 40 {
				g := draw(kind, r.Uint64(), size[0], size[1])
				if _, fast, err := computeRows(g.w, g.h, g.row); err != nil || !fast {
					guarded++
				}
			}
			t.Logf("%-8s %4d×%-4d guard hit on %2d of 40", kind, size[0], size[1], guarded)
		}
	}
}

// BenchmarkComputeRows compares the reference's arithmetic with the fast path
// on a picture for which the fast path answers.
func BenchmarkComputeRows(b *testing.B) {
	for _, size := range [][2]int{{512, 512}, {1152, 864}, {2272, 1704}} {
		g := unguarded(b, size[0], size[1])
		b.Run(fmt.Sprintf("exact/%dx%d", g.w, g.h), func(b *testing.B) {
			for b.Loop() {
				if _, err := Compute(g.w, g.h, g.row); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("fast/%dx%d", g.w, g.h), func(b *testing.B) {
			for b.Loop() {
				if _, fast, err := computeRows(g.w, g.h, g.row); err != nil || !fast {
					b.Fatal("not the fast path", err)
				}
			}
		})
	}
}

func unguarded(b *testing.B, w, h int) *gray {
	for seed := range uint64(40) {
		g := draw("photo", seed, w, h)
		if _, fast, err := computeRows(w, h, g.row); err == nil && fast {
			return g
		}
	}
	b.Skip("the guard hits on all pictures")
	return nil
}
