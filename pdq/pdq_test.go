package pdq_test

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/pdq"
	"pgregory.net/rapid"
)

func anyHash() *rapid.Generator[pdq.Hash] {
	return rapid.Custom(func(t *rapid.T) pdq.Hash {
		return pdq.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
	})
}

func TestDistanceIsAMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyHash().Draw(t, "a"), anyHash().Draw(t, "b"), anyHash().Draw(t, "c")
		if a.Distance(a) != 0 {
			t.Fatal("a hash is not at distance 0 from itself")
		}
		if (a.Distance(b) == 0) != (a == b) {
			t.Fatal("distance 0 between different hashes")
		}
		if a.Distance(b) != b.Distance(a) {
			t.Fatal("distance is not symmetric")
		}
		if a.Distance(c) > a.Distance(b)+b.Distance(c) {
			t.Fatal("the triangle inequality does not hold")
		}
	})
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHash().Draw(t, "h")
		for _, text := range []string{h.String(), strings.ToUpper(h.String())} {
			got, err := pdq.ParseHash(text)
			if err != nil || got != h {
				t.Fatalf("ParseHash(%q) = %v, %v", text, got, err)
			}
		}
	})
}

func TestParseHashRefuses(t *testing.T) {
	good := strings.Repeat("0f", 32)
	for name, text := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "0", "not hexadecimal": "g" + good[1:],
		"space before": " " + good, "newline after": good + "\n", "wide digits": strings.Repeat("０", 64),
	} {
		t.Run(name, func(t *testing.T) {
			h, err := pdq.ParseHash(text)
			if err == nil {
				t.Fatalf("accepted as %v", h)
			}
			if text != "" && strings.Contains(err.Error(), text) {
				t.Error("the error repeats the text")
			}
		})
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("")
	f.Add(strings.Repeat("a5", 32))
	f.Add(strings.Repeat("a5", 31) + "\x00g")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := pdq.ParseHash(text)
		if err == nil && h.String() != strings.ToLower(text) {
			t.Errorf("%q came back as %q", text, h)
		}
	})
}

func TestComputeSizes(t *testing.T) {
	for _, s := range [][2]int{{0, 5}, {5, 0}, {-1, 5}, {5, -1}} {
		if _, err := pdq.Compute(s[0], s[1], nil); err == nil {
			t.Errorf("no error for %v", s)
		}
	}
	for _, s := range [][2]int{{1, 1}, {4, 1000}, {1000, 4}} {
		r, err := pdq.Compute(s[0], s[1], nil)
		if diff := cmp.Diff(pdq.Result{}, r, cmp.AllowUnexported(pdq.Result{})); err != nil || diff != "" {
			t.Errorf("%v: error %v, result (-want +got):\n%s", s, err, diff)
		}
		if r.Dihedral() != [8]pdq.Hash{} {
			t.Errorf("%v: a tiny picture has orientations", s)
		}
	}
}

func TestComputeAsksForEachRowOnce(t *testing.T) {
	next := 0
	_, err := pdq.Compute(70, 300, func(y int, luma []float32) {
		if y != next || len(luma) != 70 {
			t.Fatalf("asked for row %d with %d elements, want row %d with 70", y, len(luma), next)
		}
		next++
	})
	if err != nil || next != 300 {
		t.Errorf("asked for %d rows, error %v", next, err)
	}
}

// TestDihedral turns the picture itself. The sample grid is half a pixel off
// the centre, so the prediction is close, not equal; on pictures under 256
// pixels, which are hardly blurred, it can be 30 bits off. Noise of seed 23 in
// 390×389 is 26 bits off.
func TestDihedral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := picture{
			Kind: "noise", Seed: rapid.Uint32().Draw(t, "seed"),
			Width:  rapid.Uint32Range(257, 400).Draw(t, "width"),
			Height: rapid.Uint32Range(257, 400).Draw(t, "height"),
		}
		original := p.plane()
		r, err := original.hash()
		if err != nil {
			t.Fatal(err)
		}
		predicted := r.Dihedral()
		for v, name := range pdq.VariantNames() {
			turned, err := original.orient(name).hash()
			if err != nil {
				t.Fatal(err)
			}
			if d := predicted[v].Distance(turned.Hash); d > 32 {
				t.Errorf("%s: %d bits from the prediction", name, d)
			}
		}
	})
}

// colourful is a picture in straight colours, some of them transparent.
func colourful(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(3, 5, 3+w, 5+h))
	for y := range h {
		for x := range w {
			at := func(seed uint32) uint8 { return uint8(noise(seed, uint32(x), uint32(y), uint32(w), uint32(h))) }
			m.SetNRGBA(3+x, 5+y, color.NRGBA{R: at(1), G: at(11), B: at(21), A: at(31)})
		}
	}
	return m
}

// plain hides the concrete type of a picture, and so every fast path.
type plain struct{ image.Image }

func TestFromImage(t *testing.T) {
	m := colourful(150, 90)
	want, err := pdq.FromImage(m)
	if err != nil {
		t.Fatal(err)
	}
	opaque := image.NewNRGBA(m.Rect)
	rgba := image.NewRGBA(m.Rect)
	deep := image.NewNRGBA64(m.Rect)
	for i := 0; i < len(m.Pix); i += 4 {
		copy(opaque.Pix[i:], m.Pix[i:i+3])
		opaque.Pix[i+3] = 255
		copy(rgba.Pix[i:], opaque.Pix[i:i+4])
		for c := range 4 {
			deep.Pix[2*(i+c)] = m.Pix[i+c]
		}
	}
	for name, img := range map[string]image.Image{
		"alpha is dropped": opaque, "opaque RGBA": rgba, "16 bits": deep, "any other type": plain{m},
		"part of a picture": larger(m).SubImage(m.Rect),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pdq.FromImage(img)
			if err != nil || got != want {
				t.Errorf("hash %v, error %v, want %v", got.Hash, err, want.Hash)
			}
		})
	}
	if _, err := pdq.FromImage(image.NewGray(image.Rectangle{})); err == nil {
		t.Error("no error for an empty picture")
	}
}

// larger surrounds m with a border of another colour.
func larger(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(m.Rect.Inset(-2))
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			out.SetNRGBA(x, y, m.NRGBAAt(x, y))
		}
	}
	return out
}

func TestFromImageFastPathsAgree(t *testing.T) {
	r := image.Rect(1, 1, 101, 78)
	grey := image.NewGray(r)
	ycc := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
	pal := image.NewPaletted(r, nil)
	for i := range 256 {
		pal.Palette = append(pal.Palette, color.NRGBA{R: uint8(i), G: uint8(255 - i), B: uint8(i * 7), A: uint8(i)})
	}
	for i := range grey.Pix {
		grey.Pix[i] = uint8(mix(uint32(i / 9)))
		pal.Pix[i] = grey.Pix[i]
		ycc.Y[i] = grey.Pix[i]
	}
	for i := range ycc.Cb {
		ycc.Cb[i], ycc.Cr[i] = uint8(mix(uint32(i))), uint8(mix(uint32(i+1)))
	}
	for _, img := range []image.Image{grey, ycc, pal} {
		t.Run(fmt.Sprintf("%T", img), func(t *testing.T) {
			fast, err := pdq.FromImage(img)
			if err != nil {
				t.Fatal(err)
			}
			slow, err := pdq.FromImage(plain{img})
			if err != nil {
				t.Fatal(err)
			}
			if fast != slow {
				t.Errorf("fast %v, slow %v", fast.Hash, slow.Hash)
			}
		})
	}
}

func TestPaletteIndexOutOfRange(t *testing.T) {
	m := image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.White})
	m.Pix[4] = 200
	if _, err := pdq.FromImage(m); err != nil {
		t.Error(err)
	}
}

func BenchmarkCompute(b *testing.B) {
	for _, size := range [][2]uint32{{512, 512}, {2272, 1704}} {
		p := picture{Kind: "noise", Seed: 1, Width: size[0], Height: size[1]}.plane()
		b.Run(fmt.Sprintf("%dx%d", p.w, p.h), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.hash(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	p := picture{Kind: "noise", Seed: 1, Width: 64, Height: 64}.plane()
	b.Run("dihedral", func(b *testing.B) {
		r, err := p.hash()
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			r.Dihedral()
		}
	})
}
