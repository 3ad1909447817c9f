package media_test

import (
	"bytes"
	"encoding/binary"
	"image/color/palette"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// TestDamagedIsHashed: a viewer shows such a file, so it must be matched as far
// as it can be, and never counts as scanned.
func TestDamagedIsHashed(t *testing.T) {
	p, want, s := newPool(t, media.Config{Children: 1}), sceneHash(t), scene(640, 480)
	web := func(name string) []byte { return fixture(t, name) }
	for _, c := range []struct {
		name string
		data []byte
		keep int // percent
		far  int // bits that are allowed
	}{
		{"JPEG", web("subsampled.jpg"), 99, 31}, {"JPEG", web("subsampled.jpg"), 90, 31},
		{"JPEG progressive", web("progressive.jpg"), 90, 31}, {"JPEG progressive", web("progressive.jpg"), 60, 31},
		{"JPEG CMYK", web("cmyk.jpg"), 95, 31},
		{"PNG", asPNG(t, s), 97, 31}, {"PNG palette", asPNG(t, paletted(s, palette.Plan9)), 97, 31},
		{"PNG with alpha", asPNG(t, cutOut(scene(640, 480))), 97, 31},
		{"GIF", asGIF(t, s, 256), 96, 31},
		{"WebP lossy", web("lossy.webp"), 97, 31},
		{"BMP", asBMP(t, s), 96, 31},
		{"TIFF", plainTIFF(640, 480), 96, 31},
	} {
		cut := c.data[:len(c.data)*c.keep/100]
		r := look(t, p, cut)
		d, variant := nearest(r, want)
		t.Logf("%s, %d %%: %s %s, %s at %d bits", c.name, c.keep, r.Scan, r.Reason, variant, d)
		if r.Scan != safety.ScanPartial || r.Reason != media.ReasonTruncated || d > c.far || !strings.HasPrefix(variant, "damaged") {
			t.Errorf("%s, %d %%: %s %s, %s at %d bits", c.name, c.keep, r.Scan, r.Reason, variant, d)
		}
	}
	if d := p.Stats().Died; d != 0 {
		t.Errorf("%d children died", d)
	}
	if media.RaceDetector {
		return
	}
	// 12 megapixels, progressive, in the memory that Rowan gives.
	big := fixture(t, "large.jpg")
	small := newPool(t, media.Config{Children: 1, Limits: media.Limits{ChildData: 256 << 20}})
	for _, keep := range []int{97, 80, 40} {
		r := look(t, small, big[:len(big)*keep/100])
		d, variant := nearest(r, want)
		t.Logf("12 MP, %d %%: %s %s, %s at %d bits", keep, r.Scan, r.Reason, variant, d)
		if r.Scan != safety.ScanPartial || r.Reason != media.ReasonTruncated || keep > 50 && d > pdq.MatchThreshold {
			t.Errorf("12 MP, %d %%: %s %s at %d bits", keep, r.Scan, r.Reason, d)
		}
	}
}

// plainTIFF is the scene with its directory at the start.
func plainTIFF(w, h int) []byte {
	s := scene(w, h)
	b := append([]byte("II*\x00"), 8, 0, 0, 0, 10, 0)
	const end = 8 + 2 + 10*12 + 4 + 6
	for _, e := range [][3]uint32{
		{256, 4, uint32(w)}, {257, 4, uint32(h)}, {258, 3, end - 6}, {259, 3, 1}, {262, 3, 2},
		{273, 4, end}, {277, 3, 3}, {278, 4, uint32(h)}, {279, 4, uint32(3 * w * h)}, {284, 3, 1},
	} {
		count := uint32(1)
		if e[0] == 258 {
			count = 3
		}
		b = append(b, le16(uint16(e[0]), uint16(e[1]))...)
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, count), e[2])
	}
	b = append(append(b, 0, 0, 0, 0), le16(8, 8, 8)...)
	for i := 0; i < len(s.Pix); i += 4 {
		b = append(b, s.Pix[i:i+3]...)
	}
	return b
}

// TestDamageInside breaks files whose ends are there.
func TestDamageInside(t *testing.T) {
	p, want := newPool(t, media.Config{Children: 1}), sceneHash(t)
	file := fixture(t, "large.jpg")
	broken := bytes.Clone(file)
	copy(broken[len(file)*9/10:], bytes.Repeat([]byte{0xff, 0xc0, 0, 4, 1, 1}, 20)) // a second frame header
	png := bytes.Clone(asPNG(t, scene(640, 480)))
	png[len(png)*97/100] ^= 1 // the checksum of this chunk is wrong now
	for name, data := range map[string][]byte{"JPEG": broken, "PNG": png} {
		r := look(t, p, data)
		d, variant := nearest(r, want)
		t.Logf("%s: %s %s, %s at %d bits", name, r.Scan, r.Reason, variant, d)
		if r.Scan == safety.ScanScanned {
			t.Errorf("%s: scanned", name)
		}
		if name == "PNG" && (r.Scan != safety.ScanPartial || r.Reason != media.ReasonCorrupt || d > pdq.MatchThreshold) {
			t.Errorf("%s: %s %s, %d bits", name, r.Scan, r.Reason, d)
		}
	}
	// Bytes of a scan that mean nothing, with the end in place.
	mild := bytes.Clone(asJPEG(t, scene(640, 480), 80))
	for i := len(mild) * 93 / 100; i < len(mild)*95/100; i++ {
		mild[i] = 0xfe
	}
	r := look(t, p, mild)
	d, variant := nearest(r, want)
	t.Logf("JPEG with garbage in its scan: %s %s, %s at %d bits", r.Scan, r.Reason, variant, d)
	if r.Scan == safety.ScanFailed || d > pdq.MatchThreshold {
		t.Errorf("JPEG with garbage in its scan: %s %s, %d bits", r.Scan, r.Reason, d)
	}
}

// TestTruncationEverywhere cuts a small sample of each format at every byte.
func TestTruncationEverywhere(t *testing.T) {
	p := newPool(t, media.Config{})
	s := scene(48, 32)
	small := map[string][]byte{
		"jpeg": asJPEG(t, s, 40), "png": asPNG(t, scene(24, 16)), "apng": animatedPNG(t, 24, 16, 3), "gif": asGIF(t, s, 16),
		"bmp": asBMP(t, scene(24, 16)), "tiff": asTIFF(t, scene(24, 16), tiff.Deflate), "tiff plain": plainTIFF(24, 16),
		"heic": fixture(t, "small.heic"), "avif": fixture(t, "small.avif"), "jxl": fixture(t, "small.jxl"),
		"jpeg progressive": fixture(t, "small.progressive.jpg"), "webp": fixture(t, "small.webp"),
		"webp lossless": fixture(t, "small.lossless.webp"),
	}
	var all sync.WaitGroup
	for name, whole := range small {
		all.Go(func() { cutEverywhere(t, p, name, whole) })
	}
	all.Wait()
	if d := p.Stats().Died; d != 0 {
		t.Errorf("%d children died", d)
	}
	stillWorks(t, p)
}

func cutEverywhere(t *testing.T, p *media.Pool, name string, whole []byte) {
	if r, err := p.Examine(t.Context(), whole); err != nil || r.Scan != safety.ScanScanned {
		t.Errorf("%s, whole: %s %s, error %v", name, r.Scan, r.Reason, err)
	}
	outcomes, plain := map[string]int{}, 0
	for n := range len(whole) {
		if n%10 != 0 && media.RaceDetector {
			continue
		}
		r, err := p.Examine(t.Context(), whole[:n])
		if err != nil {
			t.Error(name, err)
			return
		}
		sane(t, name, r)
		outcomes[strings.TrimSpace(string(r.Scan)+" "+r.Reason)]++
		if r.Scan == safety.ScanScanned {
			t.Errorf("%s, cut at %d of %d: scanned", name, n, len(whole))
		}
		if r.Frames == 1 && slices.ContainsFunc(r.Hashes, func(h media.FrameHash) bool { return h.Variant == "original" }) {
			plain++ // nothing of the pixels is missing
		}
	}
	t.Logf("%s, %d bytes: %v; under plain names: %d", name, len(whole), outcomes, plain)
	if plain > 40 && name != "apng" { // whose frames before the cut are whole
		t.Errorf("%s: %d cuts were hashed as if nothing were missing", name, plain)
	}
}
