package media_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/tiff"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

func TestMain(m *testing.M) {
	media.ChildMain()
	burglarMain()
	os.Exit(m.Run())
}

func newPool(t testing.TB, c media.Config) *media.Pool {
	t.Helper()
	c.AllowUnsandboxed = runtime.GOOS != "linux"
	if c.Video.Program == "" {
		c.Video.Program = "off" // newVideoPool has one that is on
	}
	p, err := media.NewPool(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func look(t testing.TB, p *media.Pool, data []byte) media.Report {
	t.Helper()
	r, err := p.Examine(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// nearest is the least distance of a usable hash in a report, and its variant.
func nearest(r media.Report, want pdq.Hash) (int, string) {
	best, name := 257, "none"
	for _, h := range r.Hashes {
		if d := h.PDQ.Distance(want); h.Quality >= pdq.MinQuality && d < best {
			best, name = d, fmt.Sprintf("%s of frame %d", h.Variant, h.Frame)
		}
	}
	return best, name
}

func sceneHash(t testing.TB) pdq.Hash {
	t.Helper()
	r, err := pdq.FromImage(scene(640, 480))
	if err != nil || r.Quality < pdq.MinQuality {
		t.Fatalf("the scene has quality %d, error %v", r.Quality, err)
	}
	return r.Hash
}

// outcome is the part of a report that the matrix fixes.
type outcome struct {
	Format      string
	Scan        safety.ScanState
	Reason      string
	Frames      int
	Orientation int
}

func outcomeOf(r media.Report) outcome {
	return outcome{r.Format, r.Scan, r.Reason, r.Frames, r.Orientation}
}

// TestFormatMatrix hides one picture in every format and variety that is read.
func TestFormatMatrix(t *testing.T) {
	type file struct {
		name string
		data []byte
		want outcome
	}
	still := func(format string) outcome { return outcome{format, safety.ScanScanned, "", 1, 1} }
	s := scene(640, 480)
	deep := convert(s, image.NewNRGBA64(s.Rect))
	files := []file{
		{"JPEG q90", asJPEG(t, s, 90), still("jpeg")},
		{"JPEG q50", asJPEG(t, s, 50), still("jpeg")},
		{"JPEG grey by Go", asJPEG(t, convert(s, image.NewGray(s.Rect)), 90), still("jpeg")},
		{"JPEG grey", fixture(t, "grey.jpg"), still("jpeg")},
		{"JPEG progressive", fixture(t, "progressive.jpg"), still("jpeg")},
		{"JPEG 4:2:0 q60", fixture(t, "subsampled.jpg"), still("jpeg")},
		{"JPEG YCCK", fixture(t, "cmyk.jpg"), still("jpeg")},
		{"PNG RGB", asPNG(t, s), still("png")},
		{"PNG 16 bits", asPNG(t, deep), still("png")},
		{"PNG grey", asPNG(t, convert(s, image.NewGray(s.Rect))), still("png")},
		{"PNG grey 16 bits", asPNG(t, convert(s, image.NewGray16(s.Rect))), still("png")},
		{"PNG palette of 256", asPNG(t, paletted(s, palette.Plan9)), still("png")},
		{"PNG web palette", asPNG(t, paletted(s, palette.WebSafe)), still("png")},
		{"PNG interlaced", fixture(t, "interlaced.png"), still("png")},
		{"PNG partly transparent", asPNG(t, cutOut(scene(640, 480))), still("png")},
		{"GIF 256", asGIF(t, s, 256), still("gif")},
		{"GIF 32", asGIF(t, s, 32), still("gif")},
		{"GIF animated", fixture(t, "animated.gif"), outcome{"gif", safety.ScanScanned, "", 4, 1}},
		{"BMP", asBMP(t, s), still("bmp")},
		{"BMP palette", fixture(t, "palette.bmp"), still("bmp")},
		{"TIFF", asTIFF(t, s, tiff.Uncompressed), still("tiff")},
		{"TIFF deflate", asTIFF(t, s, tiff.Deflate), still("tiff")},
		{"TIFF 16 bits", asTIFF(t, deep, tiff.Deflate), still("tiff")},
		{"TIFF LZW", fixture(t, "lzw.tiff"), still("tiff")},
		{"TIFF palette", fixture(t, "palette.tiff"), still("tiff")},
		{"TIFF two pages", fixture(t, "pages.tiff"), outcome{"tiff", safety.ScanScanned, "", 2, 1}},
		{"WebP lossy", fixture(t, "lossy.webp"), still("webp")},
		{"WebP lossless", fixture(t, "lossless.webp"), still("webp")},
		{"WebP alpha", fixture(t, "alpha.webp"), still("webp")},
		{"WebP animated", fixture(t, "animated.webp"), outcome{"webp", safety.ScanScanned, "", 4, 1}},
		{"HEIC", fixture(t, "scene.heic"), still("heic")},
		{"HEIC 10 bits", fixture(t, "deep.heic"), still("heic")},
		{"HEIC alpha", fixture(t, "alpha.heic"), still("heic")},
		{"AVIF", fixture(t, "scene.avif"), still("avif")},
		{"AVIF 10 bits", fixture(t, "deep.avif"), still("avif")},
		{"AVIF BT.2020 PQ", fixture(t, "wide.avif"), still("avif")},
		{"AVIF alpha", fixture(t, "alpha.avif"), still("avif")},
		{"AVIF turned by irot", fixture(t, "turned.avif"), outcome{"avif", safety.ScanScanned, "", 1, 8}},
		{"AVIF sequence and its still picture", fixture(t, "animated.avif"), outcome{"avif", safety.ScanScanned, "", 5, 1}},
		{"AVIF of 12 megapixels", fixture(t, "large.avif"), still("avif")},
		{"HEIC of 12 megapixels", fixture(t, "large.heic"), still("heic")},
		{"JPEG XL", fixture(t, "scene.jxl"), still("jxl")},
		{"JPEG XL 16 bits", fixture(t, "deep.jxl"), still("jxl")},
		{"JPEG XL alpha", fixture(t, "alpha.jxl"), still("jxl")},
		{"JPEG XL in boxes", fixture(t, "boxed.jxl"), still("jxl")},
		{"JPEG XL lossless", fixture(t, "lossless.jxl"), still("jxl")},
		{"JPEG XL animated", fixture(t, "animated.jxl"), outcome{"jxl", safety.ScanScanned, "", 4, 1}},
		{"APNG, seen in the last frame", animatedPNG(t, 320, 240, 3), outcome{"png", safety.ScanScanned, "", 3, 1}},
	}
	for o := 1; o <= 8; o++ {
		files = append(files, file{
			fmt.Sprintf("JPEG EXIF orientation %d", o), withEXIF(asJPEG(t, stored(s, o), 90), exif(o)),
			outcome{"jpeg", safety.ScanScanned, "", 1, o},
		})
	}
	p, want := newPool(t, media.Config{}), sceneHash(t)
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			r := look(t, p, f.data)
			if diff := cmp.Diff(f.want, outcomeOf(r)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			d, variant := nearest(r, want)
			if d > pdq.MatchThreshold {
				t.Errorf("the picture is not recognised: nearest is %s at %d bits", variant, d)
			}
			t.Logf("%3d bits, %s", d, variant)
		})
	}
}

// TestOrientation shows that orientation is applied, not only searched: the
// upright hash is the original one, and the stored one is reported too.
func TestOrientation(t *testing.T) {
	p, want := newPool(t, media.Config{Children: 1}), sceneHash(t)
	for o := 1; o <= 8; o++ {
		m := stored(scene(640, 480), o)
		r := look(t, p, withEXIF(asJPEG(t, m, 95), exif(o)))
		if r.Width != 640 || r.Height != 480 {
			t.Errorf("orientation %d: %d×%d", o, r.Width, r.Height)
		}
		if d := r.Hashes[0].PDQ.Distance(want); r.Hashes[0].Variant != "original" || d > 4 {
			t.Errorf("orientation %d: %s is %d bits off", o, r.Hashes[0].Variant, d)
		}
		raw, err := pdq.FromImage(m)
		if err != nil {
			t.Fatal(err)
		}
		last := r.Hashes[len(r.Hashes)-1]
		if o > 1 && (last.Variant != "stored" || last.PDQ.Distance(raw.Hash) > 4) {
			t.Errorf("orientation %d: %s is %d bits from the stored pixels", o, last.Variant, last.PDQ.Distance(raw.Hash))
		}
	}
	eXIf := asPNG(t, stored(scene(640, 480), 6))
	eXIf = bytes.Join([][]byte{eXIf[:33], pngChunk("eXIf", exif(6)), eXIf[33:]}, nil)
	if r := look(t, p, eXIf); r.Orientation != 6 || r.Hashes[0].PDQ.Distance(want) > 4 {
		t.Errorf("PNG eXIf: orientation %d", r.Orientation)
	}
}

// TestAlpha hides the scene in colour below transparent pixels, and a second
// picture in what shows on black.
func TestAlpha(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	m := scene(640, 480)
	black := image.NewNRGBA(m.Rect)
	for i := 0; i < len(m.Pix); i += 4 {
		m.Pix[i+3] = uint8((i/4%640/90+i/2560/70)%2*155 + 100)
		for c := range 3 {
			black.Pix[i+c] = uint8(int(m.Pix[i+c]) * int(m.Pix[i+3]) / 255)
		}
		black.Pix[i+3] = 255
	}
	shown, err := pdq.FromImage(black)
	if err != nil {
		t.Fatal(err)
	}
	r := look(t, p, asPNG(t, m))
	got := map[string]pdq.Hash{}
	for _, h := range r.Hashes {
		got[h.Variant] = h.PDQ
	}
	if len(got) != 24 {
		t.Errorf("%d variants, want 24", len(got))
	}
	if d := got["original"].Distance(sceneHash(t)); d != 0 {
		t.Errorf("alpha dropped: %d bits", d)
	}
	if d := got["alpha_black"].Distance(shown.Hash); d > 4 {
		t.Errorf("on black: %d bits", d)
	}
	if got["alpha_white"] == got["alpha_black"] || got["alpha_white_flipY"] == (pdq.Hash{}) {
		t.Error("white is like black, or without orientations")
	}
	if opaque := look(t, p, asPNG(t, scene(640, 480))); len(opaque.Hashes) != 8 {
		t.Errorf("an opaque picture has %d hashes, want 8", len(opaque.Hashes))
	}
}

// TestEveryFrame finds in an animation each of its frames.
func TestEveryFrame(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	for _, name := range []string{"animated.gif", "animated.webp", "animated.jxl"} {
		r := look(t, p, fixture(t, name))
		for i := range 4 {
			m := scene(320, 240)
			for y := range 60 {
				for x := range 80 {
					m.SetNRGBA(i*80+x, i*60+y, color.NRGBA{R: 220, G: 40, B: 40, A: 255})
				}
			}
			want, err := pdq.FromImage(m)
			if err != nil {
				t.Fatal(err)
			}
			if d, variant := nearest(r, want.Hash); d > 20 || variant != fmt.Sprintf("original of frame %d", i) {
				t.Errorf("%s: frame %d: nearest is %s at %d bits", name, i, variant, d)
			}
		}
	}
}

// TestCMYK compares with the RGB form that the Go toolchain carries.
func TestCMYK(t *testing.T) {
	dir := filepath.Join(runtime.GOROOT(), "src", "image", "testdata") //nolint:staticcheck // the only way to the toolchain's files
	cmyk, err := os.ReadFile(filepath.Join(dir, "video-001.cmyk.jpeg"))
	if err != nil {
		t.Log("the Go toolchain's pictures are ABSENT: CMYK without YCCK is not tested")
		return
	}
	rgb, err := os.ReadFile(filepath.Join(dir, "video-001.png"))
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(t, media.Config{Children: 1})
	if d, _ := nearest(look(t, p, cmyk), look(t, p, rgb).Hashes[0].PDQ); d > pdq.MatchThreshold {
		t.Errorf("%d bits between CMYK and RGB", d)
	}
}

// TestPreview checks the promise that nothing small survives in a preview.
func TestPreview(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	stripes := image.NewGray(image.Rect(0, 0, 960, 480))
	for i := range stripes.Pix {
		stripes.Pix[i] = uint8(i / 20 % 2 * 255) // 24 pairs across
	}
	r := look(t, p, asPNG(t, stripes))
	m, err := png.Decode(bytes.NewReader(r.PreviewPNG))
	if err != nil {
		t.Fatal(err)
	}
	g, grey := m.(*image.Gray)
	if !grey || g.Rect != image.Rect(0, 0, 96, 48) {
		t.Fatalf("%T of %v", m, m.Bounds())
	}
	lo, hi := g.Pix[0], g.Pix[0]
	for _, v := range g.Pix {
		lo, hi = min(lo, v), max(hi, v)
	}
	if hi-lo > 8 {
		t.Errorf("stripes show: %d to %d", lo, hi)
	}
	sky := look(t, p, asPNG(t, scene(640, 480))).PreviewPNG
	if m, err = png.Decode(bytes.NewReader(sky)); err != nil || m.Bounds() != image.Rect(0, 0, 96, 72) {
		t.Errorf("preview of the scene: %v, %v", m.Bounds(), err)
	}
}

func TestSandbox(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("no sandbox on this system")
		return
	}
	p, err := media.NewPool(context.Background(), media.Config{Children: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !strings.Contains(p.Sandbox(), "seccomp") {
		t.Errorf("sandbox: %s", p.Sandbox())
	}
	t.Log(p.Sandbox())
}

func TestNewPoolNeedsAChild(t *testing.T) {
	_, err := media.NewPool(context.Background(), media.Config{Executable: "/bin/true"})
	if err == nil || !strings.Contains(err.Error(), "ChildMain") {
		t.Errorf("error %v", err)
	}
}

func TestClosedAndCancelled(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Examine(ctx, asPNG(t, scene(64, 48))); err == nil {
		t.Error("no error after the context ended")
	}
	if r := look(t, p, asPNG(t, scene(640, 480))); r.Scan != safety.ScanScanned {
		t.Errorf("after a cancelled file: %s %s", r.Scan, r.Reason)
	}
	p.Close()
	p.Close()
	if _, err := p.Examine(context.Background(), []byte("x")); err != media.ErrClosed {
		t.Errorf("error %v, want ErrClosed", err)
	}
}

func TestDigest(t *testing.T) {
	d, err := media.Digest(strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	}
	if diff := cmp.Diff(want, []string{d.MD5.Value, d.SHA1.Value, d.SHA256.Value}); diff != "" || d.Bytes != 3 {
		t.Errorf("%d bytes (-want +got):\n%s", d.Bytes, diff)
	}
}

// TestLargePhoto decodes 12 megapixels in a child of 256 MiB.
func TestLargePhoto(t *testing.T) {
	if media.RaceDetector {
		t.Log("memory is NOT limited under the race detector: nothing to show")
		return
	}
	p := newPool(t, media.Config{Children: 1, Limits: media.Limits{ChildData: 256 << 20}})
	want := sceneHash(t)
	for name, photo := range map[string][]byte{
		"progressive": fixture(t, "large.jpg"), "baseline": asJPEG(t, scene(4032, 3024), 85),
	} {
		start := time.Now()
		r := look(t, p, photo)
		t.Logf("%s: %d×%d %s %s in %v", name, r.Width, r.Height, r.Scan, r.Reason, time.Since(start))
		if d, _ := nearest(r, want); r.Scan != safety.ScanScanned || d > pdq.MatchThreshold {
			t.Errorf("%s: %s %s, %d bits", name, r.Scan, r.Reason, d)
		}
	}
}
