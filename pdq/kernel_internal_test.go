package pdq

import (
	"flag"
	"fmt"
	"image"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var planes = flag.Int("pdq-planes", 60, "planes of each kind in TestKernelsAgree")

// checkKernels demands the same bits from every kernel, at each stage.
func checkKernels(t *testing.T, g *gray) {
	t.Helper()
	var want [grid * grid]float32
	portable.downsample(g.w, g.h, g.row, &want)
	dct, sum := portable.transform(&want), portable.gradients(&want)
	for _, k := range kernels() {
		next := 0
		var got [grid * grid]float32
		k.downsample(g.w, g.h, func(y int, out []float32) {
			if y != next || len(out) != g.w {
				t.Fatalf("%s, %d×%d: asked for row %d with %d elements, want row %d", k.name, g.w, g.h, y, len(out), next)
			}
			next++
			g.row(y, out)
		}, &got)
		if next != g.h {
			t.Fatalf("%s, %d×%d: asked for %d rows", k.name, g.w, g.h, next)
		}
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("%s, %d×%d: sample %d is %g, want %g", k.name, g.w, g.h, i, got[i], want[i])
			}
		}
		if got := k.transform(&want); got != dct {
			t.Fatalf("%s, %d×%d: another transform", k.name, g.w, g.h)
		}
		if got := k.gradients(&want); got != sum {
			t.Fatalf("%s, %d×%d: gradients %d, want %d", k.name, g.w, g.h, got, sum)
		}
	}
}

func TestKernelsAgree(t *testing.T) {
	for _, k := range kernels() {
		t.Log("kernel", k.name)
	}
	r := rand.New(rand.NewPCG(11, 3))
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for i := range *planes {
			w, h := sizeFor(r)
			if i == 0 {
				w, h = 512, 512
			}
			g := draw(kind, r.Uint64(), w, h)
			checkLanes(t, g)
			checkKernels(t, g)
		}
	}
}

// TestKernelsEverySize takes every window up to 9 and every remainder of the
// sides by the vectors, and a few extreme sides.
func TestKernelsEverySize(t *testing.T) {
	for n := minSide; n < 1160; n++ {
		checkKernels(t, draw("colours", uint64(n), n, 5+n%37))
		checkKernels(t, draw("colours", uint64(n), 5+n%37, n))
	}
	for _, side := range []int{9001, 65535, maxSideTested} {
		checkKernels(t, draw("bytes", 1, side, 6))
		checkKernels(t, draw("bytes", 1, 6, side))
	}
}

// maxSideTested is beyond what the vector kernels take.
const maxSideTested = 1024*2*grid + 77

// TestSmallLuma goes down to the smallest values that Compute promises to treat
// like the reference.
func TestSmallLuma(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	for _, e := range []int{-10, -6, -2} {
		for _, size := range [][2]int{{300, 200}, {700, 900}} {
			g := &gray{w: size[0], h: size[1], pix: make([]float32, size[0]*size[1])}
			g.fill(func(x, y int) float32 {
				return float32(math.Ldexp(1+r.Float64(), e+r.IntN(8)*r.IntN(2)) * float64(r.IntN(2)))
			})
			checkKernels(t, g)
		}
	}
}

// TestNoLuma gives numbers that are no luma: there must be no panic.
func TestNoLuma(t *testing.T) {
	for _, size := range [][2]int{{5, 5}, {64, 64}, {5, 9000}, {300, 200}} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e38, -1e38, 1e-45} {
			for _, k := range kernels() {
				r, err := k.compute(size[0], size[1], func(y int, luma []float32) {
					for x := range luma {
						luma[x] = float32(v) * float32((x^y)&1)
					}
				})
				if err != nil || r.Quality < 0 || r.Quality > 100 {
					t.Errorf("%v of %g by %s: quality %d, error %v", size, v, k.name, r.Quality, err)
				}
			}
		}
	}
}

// FuzzKernels compares the kernels on pictures that repeat the input.
func FuzzKernels(f *testing.F) {
	f.Add(uint16(300), uint16(40), []byte("a picture"))
	f.Add(uint16(5), uint16(2000), []byte{0, 255, 1, 254, 77})
	f.Fuzz(func(t *testing.T, w, h uint16, data []byte) {
		width, height := int(w)%2500+minSide, int(h)%2500+minSide
		if width*height > 1<<19 || len(data) == 0 {
			t.Skip()
		}
		g := &gray{w: width, h: height, pix: make([]float32, width*height)}
		for i := range g.pix {
			a, b, c := data[i%len(data)], data[(i*7+3)%len(data)], data[i/3%len(data)]
			g.pix[i] = Luma(a, b, c)
		}
		checkKernels(t, g)
	})
}

func BenchmarkKernels(b *testing.B) {
	for _, size := range [][2]int{{512, 512}, {2272, 1704}} {
		g := draw("photo", 1, size[0], size[1])
		for _, k := range kernels() {
			b.Run(fmt.Sprintf("%dx%d/%s", g.w, g.h, k.name), func(b *testing.B) {
				for b.Loop() {
					if _, err := k.compute(g.w, g.h, g.row); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	var s [grid * grid]float32
	g := draw("photo", 1, 512, 512)
	downsample(512, 512, g.row, &s)
	for _, k := range kernels() {
		b.Run("tail/"+k.name, func(b *testing.B) {
			for b.Loop() {
				k.hash(&s)
			}
		})
		b.Run("dihedral/"+k.name, func(b *testing.B) {
			r := k.hash(&s)
			for b.Loop() {
				r.Dihedral()
			}
		})
	}
}

// TestLumaKernels compares rows of every length up to 70, and all values of
// each component.
func TestLumaKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for n := range 400 {
		length := n % 71
		if n > 390 {
			length = 4096
		}
		pix := make([]uint8, 4*length+4)
		for i := range pix {
			pix[i] = uint8(r.Uint32())
			if n%3 == 0 {
				pix[i] = []uint8{0, 1, 127, 128, 254, 255}[r.IntN(6)]
			}
		}
		check := func(name string, row func(k *kernel, out []float32)) {
			want := make([]float32, length)
			row(&portable, want)
			for _, k := range kernels() {
				got := make([]float32, length+1)
				row(k, got[:length:length])
				if !slices.Equal(got[:length], want) || got[length] != 0 {
					t.Fatalf("%s of %d pixels by %s differs", name, length, k.name)
				}
			}
		}
		y, cb, cr := pix[:length:length], pix[length:2*length:2*length], pix[2*length:3*length:3*length]
		check("rgba", func(k *kernel, out []float32) { k.rgba(pix[:4*length:4*length], out) })
		check("gray", func(k *kernel, out []float32) { k.grays(y, out) })
		check("4:4:4", func(k *kernel, out []float32) { k.ycbcr(y, cb, cr, 0, out) })
		c := (length + 1) / 2
		check("4:2:2", func(k *kernel, out []float32) { k.ycbcr(y, cb[:c:c], cr[:c:c], 1, out) })
	}
}

// BenchmarkImage is from pixels to hash.
func BenchmarkImage(b *testing.B) {
	m := photoColours(1, 512, 512, false)
	ycc := image.NewYCbCr(m.Rect, image.YCbCrSubsampleRatio420)
	for i := range ycc.Y {
		ycc.Y[i] = m.Pix[4*i]
	}
	for name, img := range map[string]image.Image{"NRGBA": m, "YCbCr420": ycc, "Gray": &image.Gray{Pix: ycc.Y, Stride: 512, Rect: m.Rect}} {
		b.Run("512x512/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := FromImage(img); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
