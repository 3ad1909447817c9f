package media_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp" // the corpus may have some

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// TestEditMatrix edits pictures as people do, encodes them, and counts how many
// are found again at 31 bits: by plain PDQ as the reference computes it from the
// same file, with the eight orientations, and with what package undo guesses.
// Beside it stand the false matches: hashes of one picture near another.
//
// By itself it takes drawn scenes. ROWAN_EDIT_CORPUS names a folder of pictures
// to take instead, ROWAN_EDIT_PICTURES how many, and ROWAN_EDIT_FORMATS how many
// formats; scripts/bench-edits uses it.
func TestEditMatrix(t *testing.T) {
	pictures := corpus(t)
	formats := encoders(t)
	if os.Getenv("ROWAN_EDIT_CORPUS") == "" {
		formats = formats[:1] // the formats have a test of their own
	} else if n, err := strconv.Atoi(os.Getenv("ROWAN_EDIT_FORMATS")); err == nil {
		formats = formats[:min(n, len(formats))]
	}
	pool := newPool(t, media.Config{Limits: media.Limits{Undo: undo.Wide}})
	want := make([]pdq.Hash, len(pictures))
	for i, m := range pictures {
		r, err := pdq.FromImage(m)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = r.Hash
	}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	t.Logf("%d pictures × %d formats (%s)", len(pictures), len(formats), strings.Join(names, ", "))
	t.Logf("%-28s %7s %11s %7s %7s   %s", "edit", "plain", "orientation", "default", "wide", "found by")
	all := tally{false: map[string]int{}}
	only := os.Getenv("ROWAN_EDIT_ONLY")
	for _, e := range edits {
		if only != "" && e.name != only {
			continue
		}
		row := tally{by: map[string]int{}, false: all.false}
		for i, m := range pictures {
			edited := e.make(m)
			for _, f := range formats {
				r := look(t, pool, f.encode(t, edited))
				before := row.plain
				row.count(r, i, want)
				if e.name == "none" && row.plain == before {
					t.Logf("%s of picture %d: %d bits off, %s %s", f.name, i, bits(r, want[i]), r.Scan, r.Reason)
				}
			}
		}
		t.Logf("%-28s %6.1f%% %10.1f%% %6.1f%% %6.1f%%   %s", e.name, row.percent(row.plain), row.percent(row.turned),
			row.percent(row.usual), row.percent(row.wide), row.winners())
		all.files += row.files
		if e.least > 0 && os.Getenv("ROWAN_EDIT_CORPUS") == "" && row.percent(row.usual) < e.least {
			t.Errorf("%s: found %.1f%%, at least %.0f%% expected", e.name, row.percent(row.usual), e.least)
		}
		if row.usual < row.plain || row.wide < row.usual {
			t.Errorf("%s: a wider set found less", e.name)
		}
	}
	t.Logf("false matches among %d files × %d other pictures: %v", all.files, len(pictures)-1, all.false)
	for name, n := range all.false {
		if n > 0 && os.Getenv("ROWAN_EDIT_CORPUS") == "" {
			t.Errorf("%s: %d false matches", name, n)
		}
	}
}

// tally counts one row of the table.
type tally struct {
	files, plain, turned, usual, wide int
	by                                map[string]int // guesses that found what plain PDQ had lost
	false                             map[string]int
}

func (y *tally) count(r media.Report, own int, want []pdq.Hash) {
	y.files++
	var plain, turned, usual, wide bool
	for i, h := range slices.Concat(r.Hashes, r.Undone) {
		if h.Quality < pdq.MinQuality {
			continue
		}
		for j, w := range want {
			if h.PDQ.Distance(w) > pdq.MatchThreshold {
				continue
			}
			guess := i >= len(r.Hashes)
			switch {
			case j != own && guess:
				y.false[h.Variant]++
			case j != own:
				y.false["orientations"]++
			default:
				plain = plain || i == 0
				turned = turned || !guess
				usual = usual || !guess || slices.Contains(undo.Names(undo.Default), h.Variant)
				wide = true
				if guess && !turned {
					y.by[h.Variant]++
				}
			}
		}
	}
	for hit, n := range map[*bool]*int{&plain: &y.plain, &turned: &y.turned, &usual: &y.usual, &wide: &y.wide} {
		if *hit {
			*n++
		}
	}
}

// bits is how far the plain hash of a report is from another, -1 if it has none.
func bits(r media.Report, want pdq.Hash) int {
	if len(r.Hashes) == 0 {
		return -1
	}
	return r.Hashes[0].PDQ.Distance(want)
}

func (y *tally) percent(n int) float64 { return 100 * float64(n) / float64(max(y.files, 1)) }

// winners are the three guesses that won most.
func (y *tally) winners() string {
	names := slices.SortedFunc(func(yield func(string) bool) {
		for n := range y.by {
			if !yield(n) {
				return
			}
		}
	}, func(a, b string) int { return y.by[b] - y.by[a] })
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, y.by[n])
	}
	return strings.Join(names[:min(3, len(names))], ", ")
}

type edit struct {
	name  string
	least float64 // percent of the drawn scenes that are found by default
	make  func(*image.NRGBA) *image.NRGBA
}

var edits = []edit{
	{"none", 100, func(m *image.NRGBA) *image.NRGBA { return m }},
	{"resize 50 %", 100, func(m *image.NRGBA) *image.NRGBA { return resized(m, 0.5) }},
	{"resize 25 %", 100, func(m *image.NRGBA) *image.NRGBA { return resized(m, 0.25) }},
	{"brighter", 100, func(m *image.NRGBA) *image.NRGBA { return shaded(m, 1, 40) }},
	{"darker", 100, func(m *image.NRGBA) *image.NRGBA { return shaded(m, 0.6, 0) }},
	{"more contrast", 75, func(m *image.NRGBA) *image.NRGBA { return shaded(m, 1.5, -64) }},
	{"mirrored", 100, func(m *image.NRGBA) *image.NRGBA { return mirrored(m) }},
	{"crop 1 %", 100, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .005, .005, .005, .005) }},
	{"crop 3 %", 100, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .015, .015, .015, .015) }},
	{"crop 5 %", 100, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .025, .025, .025, .025) }},
	{"crop 10 %", 60, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .05, .05, .05, .05) }},
	{"crop 20 %", 0, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .1, .1, .1, .1) }},
	{"crop bottom 5 %", 80, func(m *image.NRGBA) *image.NRGBA { return cropped(m, 0, 0, 0, .05) }},
	{"crop bottom 10 %", 60, func(m *image.NRGBA) *image.NRGBA { return cropped(m, 0, 0, 0, .1) }},
	{"crop left 5 %", 80, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .05, 0, 0, 0) }},
	{"crop left and right 10 %", 60, func(m *image.NRGBA) *image.NRGBA { return cropped(m, .05, 0, .05, 0) }},
	{"border 2 %", 80, func(m *image.NRGBA) *image.NRGBA { return framed(m, .02, .02, color.NRGBA{A: 255}) }},
	{"border 10 % white", 80, func(m *image.NRGBA) *image.NRGBA { return framed(m, .1, .1, color.NRGBA{255, 255, 255, 255}) }},
	{"letterbox", 80, func(m *image.NRGBA) *image.NRGBA { return framed(m, 0, .17, color.NRGBA{A: 255}) }},
	{"pillar box", 80, func(m *image.NRGBA) *image.NRGBA { return framed(m, .3, 0, color.NRGBA{20, 20, 24, 255}) }},
	{"screenshot", 60, onScreen},
	{"turned 1°", 80, func(m *image.NRGBA) *image.NRGBA { return turned(m, 1) }},
	{"turned 2°", 80, func(m *image.NRGBA) *image.NRGBA { return turned(m, -2) }},
	{"turned 3°", 80, func(m *image.NRGBA) *image.NRGBA { return turned(m, 3) }},
	{"turned 5°", 0, func(m *image.NRGBA) *image.NRGBA { return turned(m, 5) }},
	{"turned 1°, cropped", 80, func(m *image.NRGBA) *image.NRGBA { return cropped(turned(m, 1), .012, .012, .012, .012) }},
	{"turned 2°, cropped", 60, func(m *image.NRGBA) *image.NRGBA { return cropped(turned(m, -2), .025, .025, .025, .025) }},
	{"watermark in a corner", 60, func(m *image.NRGBA) *image.NRGBA { return stamped(m, .86, .92, .12, .06, 255) }},
	{"large watermark", 0, func(m *image.NRGBA) *image.NRGBA { return stamped(m, .58, .82, .4, .16, 255) }},
	{"caption below", 0, func(m *image.NRGBA) *image.NRGBA {
		return stamped(stamped(m, .1, .84, .8, .12, 0), .2, .88, .6, .04, 255)
	}},
	{"letterbox and watermark", 0, func(m *image.NRGBA) *image.NRGBA {
		return framed(stamped(m, .86, .92, .12, .06, 255), 0, .17, color.NRGBA{A: 255})
	}},
}

// sampled draws a picture of w × h pixels out of m: from(x, y) is where in m a
// pixel comes from, and ground what lies beyond m; nil repeats the edge.
func sampled(m *image.NRGBA, w, h int, ground *color.NRGBA, from func(x, y float64) (float64, float64)) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			u, v := from(float64(x), float64(y))
			if ground != nil && (u < -.5 || v < -.5 || u > float64(m.Rect.Dx())-.5 || v > float64(m.Rect.Dy())-.5) {
				out.SetNRGBA(x, y, *ground)
				continue
			}
			out.SetNRGBA(x, y, between(m, u, v))
		}
	}
	return out
}

func between(m *image.NRGBA, u, v float64) color.NRGBA {
	u, v = min(max(u, 0), float64(m.Rect.Dx()-1)), min(max(v, 0), float64(m.Rect.Dy()-1))
	x, y := int(u), int(v)
	x1, y1 := min(x+1, m.Rect.Dx()-1), min(y+1, m.Rect.Dy()-1)
	a, b, c, d := m.NRGBAAt(x, y), m.NRGBAAt(x1, y), m.NRGBAAt(x, y1), m.NRGBAAt(x1, y1)
	fx, fy := u-float64(x), v-float64(y)
	mix := func(a, b, c, d uint8) uint8 {
		return uint8((float64(a)*(1-fx)+float64(b)*fx)*(1-fy) + (float64(c)*(1-fx)+float64(d)*fx)*fy + .5)
	}
	return color.NRGBA{mix(a.R, b.R, c.R, d.R), mix(a.G, b.G, c.G, d.G), mix(a.B, b.B, c.B, d.B), 255}
}

// resized makes the mean of the pixels that a smaller one covers.
func resized(m *image.NRGBA, k float64) *image.NRGBA {
	w, h := int(float64(m.Rect.Dx())*k), int(float64(m.Rect.Dy())*k)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var r, g, b, n int
			for j := y * m.Rect.Dy() / h; j < (y+1)*m.Rect.Dy()/h; j++ {
				for i := x * m.Rect.Dx() / w; i < (x+1)*m.Rect.Dx()/w; i++ {
					c := m.NRGBAAt(i, j)
					r, g, b, n = r+int(c.R), g+int(c.G), b+int(c.B), n+1
				}
			}
			out.SetNRGBA(x, y, color.NRGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255})
		}
	}
	return out
}

func shaded(m *image.NRGBA, times, plus float64) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = uint8(min(max(float64(v)*times+plus, 0), 255))
		if i%4 == 3 {
			out.Pix[i] = 255
		}
	}
	return out
}

func mirrored(m *image.NRGBA) *image.NRGBA {
	last := float64(m.Rect.Dx() - 1)
	return sampled(m, m.Rect.Dx(), m.Rect.Dy(), nil, func(x, y float64) (float64, float64) { return last - x, y })
}

// cropped removes parts of the width and height.
func cropped(m *image.NRGBA, left, top, right, bottom float64) *image.NRGBA {
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	x0, y0 := math.Round(w*left), math.Round(h*top)
	return sampled(m, int(w-x0-math.Round(w*right)), int(h-y0-math.Round(h*bottom)), nil,
		func(x, y float64) (float64, float64) { return x + x0, y + y0 })
}

func framed(m *image.NRGBA, across, down float64, c color.NRGBA) *image.NRGBA {
	mx, my := math.Round(float64(m.Rect.Dx())*across), math.Round(float64(m.Rect.Dy())*down)
	return sampled(m, m.Rect.Dx()+2*int(mx), m.Rect.Dy()+2*int(my), &c,
		func(x, y float64) (float64, float64) { return x - mx, y - my })
}

func turned(m *image.NRGBA, degrees float64) *image.NRGBA {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(m.Rect.Dx()-1)/2, float64(m.Rect.Dy()-1)/2
	return sampled(m, m.Rect.Dx(), m.Rect.Dy(), &color.NRGBA{A: 255}, func(x, y float64) (float64, float64) {
		return cx + (x-cx)*cos - (y-cy)*sin, cy + (x-cx)*sin + (y-cy)*cos
	})
}

// stamped lays a box over the picture; all in parts of its sides.
func stamped(m *image.NRGBA, x0, y0, w, h float64, shade uint8) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	copy(out.Pix, m.Pix)
	width, height := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	box := image.Rect(int(x0*width), int(y0*height), int((x0+w)*width), int((y0+h)*height))
	draw.Draw(out, box, image.NewUniform(color.NRGBA{shade, shade, shade, 255}), image.Point{}, draw.Src)
	return out
}

// onScreen is the picture as an upright telephone shows it in a conversation:
// a status line, a name, and buttons below.
func onScreen(m *image.NRGBA) *image.NRGBA {
	w := m.Rect.Dx()
	h := max(w*195/90, m.Rect.Dy()+w/2)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.NewUniform(color.NRGBA{250, 250, 252, 255}), image.Point{}, draw.Src)
	top := (h - m.Rect.Dy()) / 2
	draw.Draw(out, image.Rect(0, top, w, top+m.Rect.Dy()), m, m.Rect.Min, draw.Src)
	for _, b := range [][5]float64{{.05, .01, .12, .02, 30}, {.8, .01, .15, .02, 30}, {.05, .05, .1, .045, 120}, {.2, .06, .3, .015, 60},
		{.1, .95, .05, .02, 90}, {.3, .95, .05, .02, 90}, {.5, .95, .05, .02, 90}, {.7, .95, .05, .02, 90}} {
		out = stamped(out, b[0], b[1], b[2], b[3], uint8(b[4]))
	}
	return out
}

type encoder struct {
	name   string
	encode func(testing.TB, image.Image) []byte
}

// encoders are those of Go, and the tools for newer formats that are installed.
func encoders(t testing.TB) []encoder {
	t.Helper()
	out := []encoder{
		{"JPEG q85", func(t testing.TB, m image.Image) []byte { return asJPEG(t, m, 85) }},
		{"JPEG q30", func(t testing.TB, m image.Image) []byte { return asJPEG(t, m, 30) }},
		{"PNG", func(t testing.TB, m image.Image) []byte { return asPNG(t, m) }},
		{"GIF", func(t testing.TB, m image.Image) []byte { return asGIF(t, m, 256) }},
		{"TIFF", func(t testing.TB, m image.Image) []byte { return asTIFF(t, m, tiff.Uncompressed) }},
	}
	for _, tool := range []struct {
		name, format string
		args         func(in, out string) []string
	}{
		{"cwebp", "WebP", func(in, out string) []string { return []string{"-quiet", "-q", "75", in, "-o", out} }},
		{"avifenc", "AVIF", func(in, out string) []string { return []string{"-s", "10", in, out} }},
		{"heif-enc", "HEIC", func(in, out string) []string { return []string{"-q", "60", in, "-o", out} }},
		{"cjxl", "JPEG XL", func(in, out string) []string { return []string{"-e", "1", in, out} }},
	} {
		path, err := exec.LookPath(tool.name)
		if err != nil {
			continue
		}
		out = append(out, encoder{tool.format, func(t testing.TB, m image.Image) []byte {
			t.Helper()
			dir := t.TempDir()
			in, to := filepath.Join(dir, "in.png"), filepath.Join(dir, "out."+strings.ToLower(strings.ReplaceAll(tool.format, "JPEG XL", "jxl")))
			if err := os.WriteFile(in, asPNG(t, m), 0o600); err != nil {
				t.Fatal(err)
			}
			if text, err := exec.Command(path, tool.args(in, to)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", tool.name, err, text)
			}
			data, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}})
	}
	return out
}

// corpus is the pictures to edit, each unlike the others.
func corpus(t testing.TB) []*image.NRGBA {
	t.Helper()
	root := os.Getenv("ROWAN_EDIT_CORPUS")
	if root == "" {
		var out []*image.NRGBA
		for seed := range uint64(5) {
			out = append(out, drawnScene(seed, 640, 480))
		}
		return out
	}
	most, err := strconv.Atoi(os.Getenv("ROWAN_EDIT_PICTURES"))
	if err != nil {
		most = 40
	}
	var out []*image.NRGBA
	var hashes []pdq.Hash
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || len(out) >= most || !slices.Contains([]string{".jpg", ".jpeg", ".png", ".webp"}, strings.ToLower(filepath.Ext(path))) {
			return err
		}
		m, ok := load(path)
		if !ok {
			return nil
		}
		r, err := pdq.FromImage(m)
		// The same wallpaper comes in several sizes and crops; and one that has just
		// enough to see may have too little of it in a lossy copy.
		if err != nil || r.Quality < 70 || slices.ContainsFunc(hashes, func(h pdq.Hash) bool { return h.Distance(r.Hash) <= 80 }) {
			return err
		}
		out, hashes = append(out, m), append(hashes, r.Hash)
		return nil
	}
	if err := filepath.WalkDir(root, walk); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no pictures in %s", root)
	}
	return out
}

// load reads a photograph of at least 300 pixels a side and brings it to about
// a thousand: no platform gets more than that from a telephone's messenger.
func load(path string) (*image.NRGBA, bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil || min(img.Bounds().Dx(), img.Bounds().Dy()) < 300 {
		return nil, false
	}
	m := image.NewNRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(m, m.Rect, img, img.Bounds().Min, draw.Over)
	if longer := max(m.Rect.Dx(), m.Rect.Dy()); longer > 1024 {
		m = resized(m, 1024/float64(longer))
	}
	return m, true
}

// drawnScene is a landscape that differs with its seed.
func drawnScene(seed uint64, w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	type disc struct {
		x, y, r float64
		c       color.NRGBA
	}
	discs := make([]disc, 25)
	for i := range discs {
		discs[i] = disc{r.Float64(), r.Float64(), .02 + .12*r.Float64(), color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}}
	}
	a, b, c := 6*r.Float64(), 6*r.Float64(), 6*r.Float64()
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w), float64(y)/float64(h)
			p := color.NRGBA{uint8(120 + 60*v), uint8(160 + 40*v), uint8(230 - 40*v), 255}
			if v > .5+.1*math.Sin(5*u+a)+.05*math.Sin(17*u+b) {
				s := 30 * math.Sin(9*u+c)
				p = color.NRGBA{uint8(90 - 40*v + s), uint8(140 - 50*v + s), uint8(60 + s/2), 255}
			}
			for _, d := range discs {
				if math.Hypot(u-d.x, v-d.y) < d.r {
					p = d.c
				}
			}
			m.SetNRGBA(x, y, p)
		}
	}
	return m
}
