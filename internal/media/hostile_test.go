package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/tiff"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
)

// reasons are all that a report may give.
func reasons() []string {
	return []string{
		"", media.ReasonEmpty, media.ReasonTooManyBytes, media.ReasonUnknownFormat, media.ReasonUnsupportedFormat,
		media.ReasonUnsupportedCoding, media.ReasonTooManyPixels, media.ReasonSideTooLong, media.ReasonTooMuchMemory,
		media.ReasonTooManyFrames, media.ReasonTooSmall, media.ReasonTruncated, media.ReasonCorrupt,
		media.ReasonTimeout, media.ReasonOutOfMemory, media.ReasonDecoderCrashed, media.ReasonNoVideoDecoder, media.ReasonNoVideoStream, media.ReasonTooManyStreams,
		media.ReasonSizeChanges, media.ReasonEncrypted,
	}
}

// effort is less of n under the race detector, which makes decoders very slow.
func effort(n int) int {
	if media.RaceDetector {
		return n / 10
	}
	return n
}

// sane holds for every report on anything.
func sane(t testing.TB, name string, r media.Report) {
	t.Helper()
	switch {
	case !slices.Contains(safety.ScanStates, r.Scan), !slices.Contains(reasons(), r.Reason),
		(r.Scan == safety.ScanScanned) != (r.Reason == ""),
		r.Scan == safety.ScanScanned && len(r.Hashes) == 0,
		r.Scan == safety.ScanPartial && len(r.Hashes) == 0,
		r.Scan == safety.ScanUnsupported && len(r.Hashes) > 0:
		t.Errorf("%s: a report that must not be: %s %q with %d hashes", name, r.Scan, r.Reason, len(r.Hashes))
	}
}

// samples is one small file of each format.
func samples(t testing.TB) map[string][]byte {
	s := scene(96, 64)
	return map[string][]byte{
		"jpeg": asJPEG(t, s, 80), "jpeg progressive": fixture(t, "progressive.jpg"),
		"png": asPNG(t, s), "apng": animatedPNG(t, 64, 48, 3),
		"gif": asGIF(t, s, 64), "gif animated": fixture(t, "animated.gif"),
		"bmp": asBMP(t, s), "tiff": asTIFF(t, s, tiff.Deflate), "tiff plain": asTIFF(t, s, tiff.Uncompressed),
		"tiff pages": fixture(t, "pages.tiff"),
		"webp lossy": fixture(t, "lossy.webp"), "webp lossless": fixture(t, "lossless.webp"),
		"webp animated": fixture(t, "animated.webp"),
		"heic":          fixture(t, "scene.heic"), "avif": fixture(t, "scene.avif"), "avif animated": fixture(t, "animated.avif"),
		"jxl": fixture(t, "scene.jxl"), "jxl animated": fixture(t, "animated.jxl"), "jxl boxed": fixture(t, "boxed.jxl"),
	}
}

func be32(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

func le16(v ...uint16) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

// bigJPEG is a small JPEG whose header claims other sides.
func bigJPEG(t testing.TB, w, h uint16, progressive bool) []byte {
	t.Helper()
	b := asJPEG(t, scene(8, 8), 50)
	i := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[i+5:], h)
	binary.BigEndian.PutUint16(b[i+7:], w)
	if progressive {
		b[i+1] = 0xc2
	}
	return b
}

func bigPNG(w, h uint32, kind byte) []byte {
	b := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(be32(w, h), 8, kind, 0, 0, 0))...)
	b = append(b, pngChunk("IDAT", []byte{0x78, 0x9c, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 1})...)
	return append(b, pngChunk("IEND", nil)...)
}

func bigGIF(w, h uint16) []byte {
	b := append([]byte("GIF89a"), le16(w, h)...)
	b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2c)
	b = append(b, le16(0, 0, w, h)...)
	return append(b, 0, 2, 2, 0x4c, 1, 0, 0x3b)
}

func bigBMP(w, h uint32) []byte {
	b := make([]byte, 54)
	copy(b, "BM")
	b[10], b[14], b[26], b[28] = 54, 40, 1, 24
	binary.LittleEndian.PutUint32(b[18:], w)
	binary.LittleEndian.PutUint32(b[22:], h)
	return b
}

// bigWebP is a VP8L picture of one colour: every pixel costs nothing in the
// file.
func bigWebP(w, h uint32) []byte {
	bits := (w - 1) | (h-1)<<14
	body := append([]byte{0x2f}, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24), 0x88, 0x88, 8, 0)
	out := append([]byte("RIFF"), byte(12+len(body)+1), 0, 0, 0)
	out = append(append(out, "WEBPVP8L"...), byte(len(body)), 0, 0, 0)
	return append(append(out, body...), 0)
}

func bigTIFF(t testing.TB, w uint32) []byte {
	t.Helper()
	b := asTIFF(t, image.NewGray(image.Rect(0, 0, 16, 16)), tiff.Uncompressed)
	at := int(binary.LittleEndian.Uint32(b[4:]))
	for i := range int(binary.LittleEndian.Uint16(b[at:])) {
		e := b[at+2+12*i:]
		if tag := binary.LittleEndian.Uint16(e); tag == 256 || tag == 257 {
			binary.LittleEndian.PutUint16(e[2:], 4)
			binary.LittleEndian.PutUint32(e[8:], w)
		}
	}
	return b
}

// TestHostileBombs: files that claim to be large are refused from their
// headers, at once.
func TestHostileBombs(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	for _, c := range []struct {
		name   string
		data   []byte
		reason string
	}{
		{"JPEG 65535²", bigJPEG(t, 65535, 65535, false), media.ReasonSideTooLong},
		{"JPEG progressive 16000²", bigJPEG(t, 16000, 16000, true), media.ReasonTooManyPixels},
		{"JPEG progressive 7700²", bigJPEG(t, 7700, 7700, true), media.ReasonTooMuchMemory},
		{"PNG 30000²", bigPNG(30000, 30000, 6), media.ReasonSideTooLong},
		{"PNG 60000² grey", bigPNG(60000, 60000, 0), media.ReasonSideTooLong},
		{"PNG 16000²", bigPNG(16000, 16000, 6), media.ReasonTooManyPixels},
		{"PNG 2³¹", bigPNG(0x7fffffff, 0x7fffffff, 0), media.ReasonSideTooLong},
		{"PNG 0×0", bigPNG(0, 0, 0), media.ReasonCorrupt},
		{"GIF 65535²", bigGIF(65535, 65535), media.ReasonSideTooLong},
		{"GIF 7700²", bigGIF(7700, 7700), media.ReasonTooMuchMemory},
		{"BMP 30000²", bigBMP(30000, 30000), media.ReasonSideTooLong},
		{"BMP 12000²", bigBMP(12000, 12000), media.ReasonTooManyPixels},
		{"WebP 16384²", bigWebP(16384, 16384), media.ReasonTooManyPixels},
		{"TIFF 30000²", bigTIFF(t, 30000), media.ReasonSideTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			r := look(t, p, c.data)
			sane(t, c.name, r)
			if r.Reason != c.reason || r.Scan != safety.ScanFailed {
				t.Errorf("%s %s, want failed %s", r.Scan, r.Reason, c.reason)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	stillWorks(t, p)
}

func stillWorks(t testing.TB, p *media.Pool) {
	t.Helper()
	if r := look(t, p, asPNG(t, scene(320, 240))); r.Scan != safety.ScanScanned {
		t.Errorf("the pool no longer works: %s %s", r.Scan, r.Reason)
	}
}

// TestHostileResources lets files within the limits of size use up time and
// memory.
func TestHostileResources(t *testing.T) {
	t.Run("time", func(t *testing.T) {
		p := newPool(t, media.Config{Children: 1, Limits: media.Limits{Timeout: 300 * time.Millisecond, ChildData: 1 << 30}})
		start := time.Now()
		r := look(t, p, bigWebP(7700, 7700))
		if r.Reason != media.ReasonTimeout || r.Scan != safety.ScanFailed {
			t.Errorf("%s %s after %v", r.Scan, r.Reason, time.Since(start))
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("killed only after %v", took)
		}
		stillWorks(t, p)
	})
	t.Run("memory", func(t *testing.T) {
		p := newPool(t, media.Config{Children: 1, Limits: media.Limits{ChildData: 128 << 20, MaxBytes: 256 << 20}})
		if media.RaceDetector {
			t.Log("memory is NOT limited under the race detector")
			return
		}
		r := look(t, p, greedy())
		if r.Scan != safety.ScanFailed || r.Reason != media.ReasonOutOfMemory {
			t.Errorf("%s %s", r.Scan, r.Reason)
		}
		stillWorks(t, p)
	})
	t.Run("packed strip", func(t *testing.T) {
		p := newPool(t, media.Config{Children: 1})
		r := look(t, p, packedTIFF(900<<20))
		t.Logf("900 MB from PackBits: %s %s", r.Scan, r.Reason)
		if r.Scan != safety.ScanFailed {
			t.Errorf("%s %s", r.Scan, r.Reason)
		}
		stillWorks(t, p)
	})
}

// greedy is a file that a child of 128 MiB cannot even take in.
func greedy() []byte { return append([]byte("GIF89a"), make([]byte, 140<<20)...) }

// packedTIFF is a 16×16 picture whose one strip unpacks to n bytes.
func packedTIFF(n int) []byte {
	strip := bytes.Repeat([]byte{0x81, 0}, n/128) // each pair is 128 zeros
	entry := func(tag, kind uint16, v uint32) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(le16(tag, kind), 1), v)
	}
	b := append([]byte("II*\x00"), 8, 0, 0, 0, 9, 0)
	for _, e := range [][3]uint32{
		{256, 4, 16}, {257, 4, 16}, {258, 3, 8}, {259, 3, 32773}, {262, 3, 1},
		{273, 4, 8 + 2 + 9*12 + 4}, {277, 3, 1}, {278, 4, 16}, {279, 4, uint32(len(strip))},
	} {
		b = append(b, entry(uint16(e[0]), uint16(e[1]), e[2])...)
	}
	return append(append(b, 0, 0, 0, 0), strip...)
}

// TestHostileTruncation cuts every format at every 97th byte: none of it may
// count as scanned.
func TestHostileTruncation(t *testing.T) {
	p := newPool(t, media.Config{})
	salvaged := map[string]int{}
	for name, whole := range samples(t) {
		if r := look(t, p, whole); r.Scan != safety.ScanScanned {
			t.Errorf("%s, whole: %s %s", name, r.Scan, r.Reason)
		}
		step := 97 * max(1, len(whole)/97/effort(120)) // at most some 120 cuts of the longer ones
		cuts := []int{1, 2, 3, len(whole) - 1, len(whole) - 2}
		for n := 97; n < len(whole); n += step {
			cuts = append(cuts, n)
		}
		for _, n := range cuts {
			r := look(t, p, whole[:n])
			sane(t, name, r)
			if r.Scan == safety.ScanScanned {
				t.Errorf("%s, cut at %d of %d: scanned", name, n, len(whole))
			}
			if r.Scan == safety.ScanPartial {
				salvaged[name]++
			}
		}
	}
	t.Logf("cuts that were still hashed in part: %v", salvaged)
	stillWorks(t, p)
}

// TestHostileFlips damages files at random. Damage may go unnoticed, since the
// formats hardly protect their contents, but every outcome is a proper one.
func TestHostileFlips(t *testing.T) {
	p := newPool(t, media.Config{Limits: media.Limits{Timeout: 3 * time.Second}})
	r := rand.New(rand.NewPCG(11, 11))
	outcomes := map[string]int{}
	for name, whole := range samples(t) {
		for range effort(60) {
			data := bytes.Clone(whole)
			for range 1 + r.IntN(8) {
				at := r.IntN(len(data))
				if r.IntN(2) == 0 {
					at = r.IntN(min(len(data), 300)) // headers are more sensitive
				}
				data[at] ^= 1 << r.IntN(8)
			}
			report := look(t, p, data)
			sane(t, name, report)
			outcomes[string(report.Scan)+" "+report.Reason]++
		}
	}
	t.Logf("%v", outcomes)
	stillWorks(t, p)
}

func TestHostileOddities(t *testing.T) {
	p := newPool(t, media.Config{Children: 1, Limits: media.Limits{MaxBytes: 1 << 20}})
	s := scene(96, 64)
	type want struct {
		scan     safety.ScanState
		reason   string
		format   string
		trailing int64
		second   string
	}
	zip := append([]byte("PK\x03\x04"), make([]byte, 96)...)
	for _, c := range []struct {
		name string
		data []byte
		want want
	}{
		{"no bytes", nil, want{"failed", "empty", "", 0, ""}},
		{"one byte", []byte{0xff}, want{"unsupported", "unknown_format", "", 0, ""}},
		{"text", []byte("hello, world"), want{"unsupported", "unknown_format", "", 0, ""}},
		{"too long", make([]byte, 1<<20+1), want{"failed", "too_many_bytes", "", 0, ""}},
		{"HEIC of nothing", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), want{"failed", "corrupt", "heic", 0, ""}},
		{"AVIF, its first bytes", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"), want{"failed", "truncated", "avif", 0, ""}},
		{"JPEG XL, its first bytes", []byte("\xff\x0a\x00\x00"), want{"failed", "truncated", "jxl", 0, ""}},
		{"MP4", []byte("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00"), want{"unsupported", "no_video_decoder", "mp4", 0, ""}},
		{"SVG", []byte("<?xml version='1.0'?><svg></svg>"), want{"unsupported", "unsupported_format", "svg", 0, ""}},
		{"JPEG, arithmetic", bytes.Replace(asJPEG(t, s, 50), []byte{0xff, 0xc0}, []byte{0xff, 0xc9}, 1), want{"unsupported", "unsupported_coding", "jpeg", 0, ""}},
		{"1×1", asPNG(t, scene(1, 1)), want{"partial", "too_small", "png", 0, ""}},
		{"4×400", asPNG(t, scene(4, 400)), want{"partial", "too_small", "png", 0, ""}},
		{"PNG and a byte", append(asPNG(t, s), 0), want{"scanned", "", "png", 1, ""}},
		{"PNG and ZIP", append(asPNG(t, s), zip...), want{"scanned", "", "png", 100, "zip"}},
		{"GIF and ZIP", append(asGIF(t, s, 32), zip...), want{"scanned", "", "gif", 100, "zip"}},
		{"BMP and ZIP", append(asBMP(t, s), zip...), want{"scanned", "", "bmp", 100, "zip"}},
		{"JPEG and GIF", append(asJPEG(t, s, 80), bigGIF(9, 9)...), want{"scanned", "", "jpeg", int64(len(bigGIF(9, 9))), "gif"}},
		{"AVIF and ZIP", append(fixture(t, "scene.avif"), zip...), want{"scanned", "", "avif", 100, "zip"}},
		{"HEIC and ZIP", append(fixture(t, "scene.heic"), zip...), want{"scanned", "", "heic", 100, "zip"}},
		{"JPEG 2000", []byte("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00"), want{"unsupported", "unsupported_format", "jpeg2000", 0, ""}},
		{"WebP and PDF", append(fixture(t, "lossy.webp"), "%PDF-1.4"...), want{"scanned", "", "webp", 8, "pdf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := look(t, p, c.data)
			sane(t, c.name, r)
			if got := (want{r.Scan, r.Reason, r.Format, r.TrailingBytes, r.TrailingFormat}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.want.reason == "too_small" && slices.ContainsFunc(r.Hashes, func(h media.FrameHash) bool { return h.Quality != 0 }) {
				t.Error("a tiny picture has quality")
			}
		})
	}
}

// TestManyFrames: an animation with more frames than are read or kept is
// partial, and the frames that are kept are spread over it.
func TestManyFrames(t *testing.T) {
	long := animatedPNG(t, 32, 24, 300)
	for _, c := range []struct {
		lim    media.Limits
		scan   safety.ScanState
		reason string
	}{
		{media.Limits{}, safety.ScanScanned, ""},
		{media.Limits{MaxFrames: 299}, safety.ScanPartial, media.ReasonTooManyFrames},
		{media.Limits{TotalPixels: 32 * 24 * 10}, safety.ScanPartial, media.ReasonTooManyFrames},
	} {
		p := newPool(t, media.Config{Children: 1, Limits: c.lim})
		r := look(t, p, long)
		if r.Scan != c.scan || r.Reason != c.reason || r.Frames != 300 || !r.Animated {
			t.Errorf("%+v: %s %s, %d frames", c.lim, r.Scan, r.Reason, r.Frames)
		}
		if c.reason == "" && r.Hashes[len(r.Hashes)-1].Frame != 299 {
			t.Error("the one frame that differs is not in the report")
		}
	}
	p := newPool(t, media.Config{Children: 1, Limits: media.Limits{MaxHashed: 2}})
	r := look(t, p, fixture(t, "animated.gif"))
	if r.Scan != safety.ScanPartial || len(r.Hashes) != 16 || r.Hashes[15].Frame != 2 {
		t.Errorf("%s %s with %d hashes", r.Scan, r.Reason, len(r.Hashes))
	}
}

// TestPoolInParallel asks more than there are children, with files that kill
// among them.
func TestPoolInParallel(t *testing.T) {
	p := newPool(t, media.Config{Children: 2, Limits: media.Limits{ChildData: 128 << 20, MaxBytes: 256 << 20}})
	good, bad := asJPEG(t, scene(320, 240), 80), greedy()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			data, want := good, safety.ScanScanned
			if i%8 == 0 && !media.RaceDetector {
				data, want = bad, safety.ScanFailed
			}
			r, err := p.Examine(context.Background(), data)
			if err != nil || r.Scan != want {
				t.Errorf("%d: %s %s, error %v", i, r.Scan, r.Reason, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkExamine(b *testing.B) {
	p := newPool(b, media.Config{Children: 1})
	for _, side := range []int{512, 1024} {
		data := asJPEG(b, scene(side, side*3/4), 85)
		b.Run(fmt.Sprintf("JPEG %d", side), func(b *testing.B) {
			for b.Loop() {
				look(b, p, data)
			}
		})
	}
}
