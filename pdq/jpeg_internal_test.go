package pdq

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const testPixels = 1 << 26

// photoColours draws a smooth picture with grain, coloured moderately or, with
// vivid, up to the corners of the colour cube.
func photoColours(seed uint64, w, h int, vivid bool) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 5))
	y, u, v := draw("photo", r.Uint64(), w, h), draw("waves", r.Uint64(), w, h), draw("waves", r.Uint64(), w, h)
	k := 0.2
	if vivid {
		k = 2
	}
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range y.pix {
		b, c1, c2 := float64(y.pix[i]), k*(float64(u.pix[i])-110), k*(float64(v.pix[i])-110)
		at := func(x float64) uint8 { return uint8(max(0, min(255, x))) }
		m.SetNRGBA(i%w, i/w, color.NRGBA{R: at(b + c1), G: at(b - c1/2 - c2/2), B: at(b + c2), A: 255})
	}
	return m
}

func encode(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ppm(m *image.NRGBA) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "P6\n%d %d\n255\n", m.Rect.Dx(), m.Rect.Dy())
	for i := 0; i < len(m.Pix); i += 4 {
		b.Write(m.Pix[i : i+3])
	}
	return b.Bytes()
}

// cjpeg encodes with libjpeg's program; it skips the test if there is none.
func cjpeg(t testing.TB, m *image.NRGBA, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("cjpeg")
	if err != nil {
		t.Skip("ABSENT: cjpeg (Debian: libjpeg-turbo-progs); its variants were not tested")
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(ppm(m))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cjpeg %v: %v", args, err)
	}
	return out
}

// cjpegVariants are the kinds of files that cjpeg can write and that are read.
var cjpegVariants = []string{
	"-sample 2x2", "-sample 2x1", "-sample 1x2", "-sample 1x1", "-sample 4x1", "-sample 2x2,1x2,1x2", "-grayscale",
	"-progressive", "-progressive -sample 1x1", "-progressive -sample 2x1", "-progressive -grayscale",
	"-restart 1", "-restart 3B", "-restart 1B -sample 1x1", "-progressive -restart 1", "-progressive -restart 5B",
	"-optimize", "-quality 1", "-quality 1 -baseline", "-quality 4", "-progressive -quality 2", "-quality 100", "-progressive -quality 100 -sample 1x1",
	"-dct float", "-smooth 30",
}

// decodeFully is the oracle: image/jpeg, or libjpeg's program for the files that
// image/jpeg refuses (some progressive ones with restarts).
func decodeFully(t testing.TB, name string, data []byte) image.Image {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err == nil {
		return m
	}
	path, lookErr := exec.LookPath("djpeg")
	if lookErr != nil {
		t.Skipf("ABSENT: djpeg, the second oracle; %s: %v", name, err)
	}
	cmd := exec.Command(path, "-grayscale")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: oracle: %v", name, err)
	}
	var w, h, most int
	if _, err := fmt.Sscanf(string(out[:40]), "P5\n%d %d\n%d", &w, &h, &most); err != nil {
		t.Fatalf("%s: oracle: %v", name, err)
	}
	return &image.Gray{Pix: out[len(out)-w*h:], Stride: w, Rect: image.Rect(0, 0, w, h)}
}

// compareLuma demands the samples of the decoded luma plane, to the rounding of
// pixels.
func compareLuma(t *testing.T, name string, data []byte) image.Image {
	t.Helper()
	d := jpegDecoder{data: data, maxPixels: testPixels}
	if err := d.decode(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	m := decodeFully(t, name, data)
	g := lumaPlane(t, m)
	var want [grid * grid]float32
	if g.w == grid && g.h == grid {
		copy(want[:], g.pix)
	} else {
		portable.downsample(g.w, g.h, g.row, &want)
	}
	// Where the decoder cut pixels to 0 to 255 no comparison holds.
	cut := false
	for _, v := range g.pix {
		cut = cut || v == 0 || v == 255
	}
	worst := 0.
	for i := range want {
		worst = max(worst, math.Abs(float64(want[i]-d.fold.samples[i])))
	}
	if worst > 1.2 && !cut {
		t.Errorf("%s: samples up to %.2f from the decoded luma", name, worst)
	}
	return m
}

func lumaPlane(t *testing.T, m image.Image) *gray {
	t.Helper()
	b := m.Bounds()
	g := &gray{w: b.Dx(), h: b.Dy(), pix: make([]float32, b.Dx()*b.Dy())}
	switch m := m.(type) {
	case *image.YCbCr:
		g.fill(func(x, y int) float32 { return float32(m.Y[m.YOffset(x, y)]) })
	case *image.Gray:
		g.fill(func(x, y int) float32 { return float32(m.GrayAt(x, y).Y) })
	default:
		t.Fatalf("oracle gave %T", m)
	}
	return g
}

// TestScreenVariants reads everything that image/jpeg and cjpeg write, at sizes
// on both sides of a block and a group of blocks.
func TestScreenVariants(t *testing.T) {
	for _, size := range [][2]int{{5, 5}, {8, 8}, {17, 9}, {64, 64}, {65, 130}, {300, 31}, {257, 513}} {
		m := photoColours(uint64(size[0]), size[0], size[1], false)
		for _, q := range []int{3, 50, 95} {
			compareLuma(t, fmt.Sprintf("image/jpeg %v quality %d", size, q), encode(t, m, q))
		}
		for _, args := range cjpegVariants {
			compareLuma(t, fmt.Sprintf("cjpeg %s %v", args, size), cjpeg(t, m, strings.Fields(args)...))
		}
	}
}

// toolchainFiles are the Go toolchain's JPEG files.
func toolchainFiles(t testing.TB) map[string][]byte {
	t.Helper()
	dir := filepath.Join(runtime.GOROOT(), "src", "image", "testdata") //nolint:staticcheck // the only way to the toolchain's files
	paths, err := filepath.Glob(filepath.Join(dir, "*.jpeg"))
	if err != nil || len(paths) == 0 {
		t.Skip("ABSENT: the toolchain's pictures")
	}
	files := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = data
	}
	return files
}

func TestScreenToolchain(t *testing.T) {
	for name, data := range toolchainFiles(t) {
		if strings.Contains(name, "rgb") || strings.Contains(name, "cmyk") {
			if _, err := ScreenJPEG(data, testPixels); !errors.Is(err, ErrJPEGVariety) {
				t.Errorf("%s: %v, want ErrJPEGVariety", name, err)
			}
			continue
		}
		compareLuma(t, name, data)
	}
}

var histogram = flag.Bool("pdq-histogram", false, "measure the distances of more pictures")

// TestScreenMargin measures how far screening hashes are from those of the
// decoded colours.
func TestScreenMargin(t *testing.T) {
	count := 1
	if *histogram {
		count = 40
	}
	r := rand.New(rand.NewPCG(77, 1))
	for _, vivid := range []bool{false, true} {
		for _, quality := range []int{20, 30, 75, 95} {
			var bins [257]int
			faint, worst, worstQ := 0, 0, 0
			for i := range count {
				w, h := 128+r.IntN(900), 128+r.IntN(900)
				if i == 0 {
					w, h = 512, 512
				}
				m := photoColours(r.Uint64(), w, h, vivid)
				data := encode(t, m, quality)
				got, err := ScreenJPEG(data, testPixels)
				full, fullErr := FromImage(decodeFully(t, "", data))
				if fullErr != nil {
					t.Fatal(fullErr)
				}
				if err != nil {
					faint++
					continue
				}
				d := got.Hash.Distance(full.Hash)
				bins[d]++
				if d > worst {
					worst, worstQ = d, got.Quality
				}
			}
			var line strings.Builder
			for d, n := range bins {
				if n > 0 {
					fmt.Fprintf(&line, " %d×%d", n, d)
				}
			}
			t.Logf("vivid %-5v quality %2d: %d refused, worst %d (quality %d), pictures × bits apart:%s", vivid, quality, faint, worst, worstQ, line.String())
			if worst > ScreenMargin {
				t.Errorf("%d bits", worst)
			}
		}
	}
}

func sceneJPEG(t testing.TB) []byte { return encode(t, photoColours(3, 200, 150, false), 60) }

func typed(err error) bool {
	return errors.Is(err, ErrJPEGVariety) || errors.Is(err, ErrJPEGDamaged) || errors.Is(err, ErrJPEGUnfit) || errors.Is(err, ErrJPEGSize)
}

// TestScreenTruncated cuts files at every byte: what is left is never hashed.
func TestScreenTruncated(t *testing.T) {
	files := toolchainFiles(t)
	for name, data := range map[string][]byte{
		"baseline": sceneJPEG(t), "progressive": files["video-001.q50.420.progressive.jpeg"], "restarts": files["video-001.restart2.jpeg"],
	} {
		if len(data) == 0 {
			t.Fatalf("%s: no file", name)
		}
		for n := range data[:len(data)-1] {
			if _, err := ScreenJPEG(data[:n:n], testPixels); !errors.Is(err, ErrJPEGDamaged) {
				t.Fatalf("%s cut to %d of %d bytes: %v, want ErrJPEGDamaged", name, n, len(data), err)
			}
		}
	}
}

// TestScreenFlipped flips bits and overwrites bytes.
func TestScreenFlipped(t *testing.T) {
	files := toolchainFiles(t)
	r := rand.New(rand.NewPCG(6, 6))
	for _, data := range [][]byte{sceneJPEG(t), files["video-001.q50.422.progressive.jpeg"], files["video-001.restart2.jpeg"]} {
		for range 3000 {
			bad := bytes.Clone(data)
			for range 1 + r.IntN(4) {
				at := r.IntN(len(bad))
				if r.IntN(2) == 0 {
					at = r.IntN(min(len(bad), 700)) // the headers
				}
				bad[at] ^= byte(1 << r.IntN(8))
				if r.IntN(8) == 0 {
					bad[at] = 0xff
				}
			}
			if _, err := ScreenJPEG(bad, testPixels); err != nil && !typed(err) {
				t.Fatal(err)
			}
		}
	}
}

// frameHeader is the start of a file up to its frame.
func frameHeader(marker byte, w, h, bits int, ids string) []byte {
	s := []byte{0xff, soi, 0xff, marker, 0, byte(8 + 3*len(ids)), byte(bits), byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(len(ids))}
	for i := range ids {
		s = append(s, ids[i], 0x11, 0)
	}
	return s
}

func TestScreenRefuses(t *testing.T) {
	enough := bytes.Repeat([]byte{0}, 5000)
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrJPEGDamaged},
		{"a PNG", []byte("\x89PNG\r\n\x1a\n"), ErrJPEGDamaged},
		{"no scan", append(frameHeader(sof0, 300, 300, 8, "\x01"), enough...), ErrJPEGDamaged},
		{"end without a scan", append(frameHeader(sof0, 300, 300, 8, "\x01"), append(enough, 0xff, eoi)...), ErrJPEGDamaged},
		{"65535 by 65535 in 20 bytes", frameHeader(sof2, 65535, 65535, 8, "\x01"), ErrJPEGSize},
		{"8000 by 8000 in 20 bytes", frameHeader(sof2, 8000, 8000, 8, "\x01"), ErrJPEGDamaged},
		{"arithmetic", append(frameHeader(0xc9, 300, 300, 8, "\x01"), enough...), ErrJPEGVariety},
		{"lossless", append(frameHeader(0xc3, 300, 300, 8, "\x01"), enough...), ErrJPEGVariety},
		{"12 bits", append(frameHeader(sof1, 300, 300, 12, "\x01"), enough...), ErrJPEGVariety},
		{"four components", append(frameHeader(sof0, 300, 300, 8, "\x01\x02\x03\x04"), enough...), ErrJPEGVariety},
		{"second start", append([]byte{0xff, soi}, sceneJPEG(t)...), ErrJPEGDamaged},
		{"height later", append(frameHeader(sof0, 300, 0, 8, "\x01"), enough...), ErrJPEGVariety},
		{"width 0", append(frameHeader(sof0, 0, 300, 8, "\x01"), enough...), ErrJPEGDamaged},
		{"two frames", append(frameHeader(sof0, 300, 300, 8, "\x01"), append(frameHeader(sof0, 300, 300, 8, "\x01")[2:], enough...)...), ErrJPEGDamaged},
		{"small", encode(t, photoColours(1, 127, 300, false), 90), ErrJPEGUnfit},
		{"blank", encode(t, image.NewGray(image.Rect(0, 0, 300, 300)), 90), ErrJPEGUnfit},
		{"coarse", encode(t, photoColours(1, 300, 300, false), 5), ErrJPEGUnfit},
	} {
		if r, err := ScreenJPEG(c.data, testPixels); !errors.Is(err, c.want) || r != (Result{}) {
			t.Errorf("%s: hash %v, error %v, want %v", c.name, r.Hash, err, c.want)
		}
	}
	// The same file with Adobe's marker for RGB after the frame.
	scene := sceneJPEG(t)
	at := bytes.Index(scene, []byte{0xff, dht})
	adobe := []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")
	if _, err := ScreenJPEG(slices.Insert(bytes.Clone(scene), at, adobe...), testPixels); !errors.Is(err, ErrJPEGVariety) {
		t.Errorf("RGB: %v, want ErrJPEGVariety", err)
	}
	for _, args := range []string{"-arithmetic", "-rgb"} {
		if _, err := ScreenJPEG(cjpeg(t, photoColours(1, 200, 200, false), args), testPixels); !errors.Is(err, ErrJPEGVariety) {
			t.Errorf("cjpeg %s: %v, want ErrJPEGVariety", args, err)
		}
	}
	if _, err := ScreenJPEG(sceneJPEG(t), 200*150-1); !errors.Is(err, ErrJPEGSize) {
		t.Errorf("one pixel too many: %v", err)
	}
}

// FuzzScreenJPEG demands of whatever is read in full what image/jpeg's luma
// gives, unless that was cut to 0 to 255.
func FuzzScreenJPEG(f *testing.F) {
	f.Add(sceneJPEG(f))
	f.Add(encode(f, photoColours(3, 33, 40, true), 90))
	for name, data := range toolchainFiles(f) {
		if len(data) < 6000 || strings.Contains(name, "restart") {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ScreenJPEG(data, 1<<18); err != nil && !typed(err) {
			t.Fatal(err)
		}
		d := jpegDecoder{data: data, maxPixels: 1 << 18}
		if d.decode() != nil || min(d.width, d.height) < minSide {
			return
		}
		if _, err := jpeg.Decode(bytes.NewReader(data)); err == nil {
			compareLuma(t, "fuzzed", data)
		}
	})
}
