package media

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 2000)])
	}
	f.Add([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"))
}

// FuzzLayout feeds the parsers of structure, which run before any decoder.
func FuzzLayout(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := sniff(data); !plainWord(s) {
			t.Errorf("format %q", s)
		}
		if s := second(data); !plainWord(s) {
			t.Errorf("second format %q", s)
		}
		if o := exifOrientation(data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
		for name, end := range map[string]int{
			"jpeg": layJPEG(data).end, "png": layPNG(data).end,
			"gif": layGIF(data, 10).end, "webp": layWebP(data).end,
		} {
			if end < 0 || end > len(data) {
				t.Errorf("%s ends at %d of %d", name, end, len(data))
			}
		}
		layTIFF(data, 10)
		if l := layISO(data); l.end < 0 || l.end > len(data) || l.turn < 1 || l.turn > 8 {
			t.Errorf("iso: %+v", l)
		}
		if w, h, ok := jxlSize(data); ok && (w < 0 || h < 1) {
			t.Errorf("jxl: %d by %d", w, h)
		}
		iccConversion(data)
		inflated(data)
	})
}

// FuzzExamine runs the decoders, within limits that keep them quick.
func FuzzExamine(f *testing.F) {
	seed(f)
	lim := Limits{MaxPixels: 1 << 16, MaxFrames: 4, TotalPixels: 1 << 18}.orDefault()
	f.Fuzz(func(t *testing.T, data []byte) {
		r, p := examine(data, lim, nil, func() bool { return false })
		if err := (&reply{Report: r}).check(); err != nil {
			t.Errorf("%v: %+v", err, r)
		}
		if _, err := p.encode(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzMetadata feeds the reader of metadata, whose parsers are a library's.
func FuzzMetadata(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := metadataFormats[sniff(data)]; !ok {
			return
		}
		told := readMetadata(data, time.Second)
		for _, tag := range told.clean() {
			if len([]rune(tag.Name)) > 65 || len([]rune(tag.Value)) > maxTagValue+1 || strings.ContainsFunc(tag.Name+tag.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("tag %q: %q", tag.Name, tag.Value)
			}
		}
	})
}
