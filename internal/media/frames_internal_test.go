package media

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/safety"
)

const oneStream = "[info]   Duration: 01:02:03.50, start: 0.000000\n[info]   Stream #0:0[0x1](und): Video: h264\n[info]   Stream #0:0(und): Video: ppm\n"

// picture is one as ffmpeg writes it.
func picture(w, h int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "P6\n%d %d\n255\n", w, h)
	for i := range 3 * w * h {
		b.WriteByte(byte(i * i >> 5))
	}
	return b.String()
}

func shownLine(at string, size string) string {
	return "[Parsed_showinfo_1 @ 0x55e5524af100] [info] n:   0 pts:      0 pts_time:" + at + " pos: 48 fmt:yuv420p s:" + size + " i:P iskey:1 type:I \n"
}

func TestWatchFrames(t *testing.T) {
	p, good := picture(64, 64), shownLine("0", "64x64")
	for _, c := range []struct {
		name, pictures, words string
		scan                  safety.ScanState
		reason                string
		frames                int
	}{
		{"one frame", p, oneStream + good, "scanned", "", 1},
		{"nothing", "", "", "unsupported", ReasonNoVideoStream, 0},
		{"a frame of which the log does not tell", p + p, oneStream + good, "partial", ReasonCorrupt, 2},
		{"a frame of which only the log tells", p, oneStream + good + good, "partial", ReasonCorrupt, 1},
		{"a picture cut", p[:5000], oneStream + good, "failed", ReasonTruncated, 0},
		{"the second picture cut", p + p[:5000], oneStream + good + good, "partial", ReasonTruncated, 1},
		{"a header cut", p + "P6\n64", oneStream + good, "partial", ReasonTruncated, 1},
		{"no picture", "GIF89a and so on\n\n\n", oneStream + good, "failed", ReasonTruncated, 0},
		{"negative sides", "P6\n-4 -4\n255\n", oneStream, "failed", ReasonTruncated, 0},
		{"absurd sides", "P6\n70000 70000\n255\n", oneStream, "failed", ReasonSideTooLong, 0},
		{"absurd area", "P6\n16000 16000\n255\n", oneStream, "failed", ReasonTooManyPixels, 0},
		{"tiny", picture(4, 3), oneStream + shownLine("0", "4x3"), "partial", ReasonTooSmall, 1},
		{"an error", p, oneStream + "[error] anything\n" + good, "partial", ReasonCorrupt, 1},
		{"an error within two components", p, oneStream + good + "[h264 @ 0x1] [IMGUTILS @ 0x2] [error] Picture size 9x9 exceeds specified max pixel count 8\n", "partial", ReasonTooManyPixels, 1},
		{"an error without a newline", p, oneStream + good + "[fatal] Cannot allocate memory", "partial", ReasonOutOfMemory, 1},
		{"an error after a very long line", p, oneStream + good + strings.Repeat("x", 1<<18) + "\n[error] x\n", "partial", ReasonCorrupt, 1},
		{"sound that is not decoded", p, oneStream + "[aac @ 0x1] [error] Codec (aac) not on whitelist 'h264'\n" + good, "scanned", "", 1},
		{"a title that plays the log", p, "[info]     title : x\n" + good + oneStream + good, "partial", ReasonCorrupt, 1},
		{"begins tiny and grows", picture(32, 32) + picture(32, 32), oneStream + shownLine("0", "32x32") + shownLine("1", "640x480"), "partial", ReasonSizeChanges, 2},
		{"grows", p + p, oneStream + good + shownLine("1", "640x480"), "scanned", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, small := watchFrames(strings.NewReader(c.pictures), strings.NewReader(c.words), DefaultLimits())
			if r.Scan != c.scan || r.Reason != c.reason || r.Frames != c.frames {
				t.Errorf("%s %s, %d frames; want %s %s, %d", r.Scan, r.Reason, r.Frames, c.scan, c.reason, c.frames)
			}
			if err := (&reply{Report: r, Preview: small}).check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAccount(t *testing.T) {
	a := readAccount(strings.NewReader(oneStream + "[info]   Stream #0:2: Video: mjpeg\n" +
		shownLine("NOPTS", "16x9") + shownLine("12.3456", "16x9") + shownLine("-1", "16x9") + shownLine("1e300", "axb")))
	want := &account{streams: 2, duration: time.Hour + 2*time.Minute + 3500*time.Millisecond,
		shown: []shownFrame{{0, 16, 9}, {12346 * time.Millisecond, 16, 9}, {0, 16, 9}, {1e7 * time.Second, 0, 0}}}
	if diff := cmp.Diff(want, a, cmp.AllowUnexported(account{}, shownFrame{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzWatchFrames: whatever ffmpeg says, the report is one that the server takes,
// and "scanned" needs a frame for each line.
func FuzzWatchFrames(f *testing.F) {
	f.Add([]byte(picture(8, 8)), []byte(oneStream+shownLine("0", "8x8")))
	f.Add([]byte(picture(2, 2)+"P6\n"), []byte("[error] x"))
	lim := Limits{MaxSide: 64, MaxPixels: 4096, VideoFrames: 3}.orDefault()
	f.Fuzz(func(t *testing.T, pictures, words []byte) {
		r, small := watchFrames(bytes.NewReader(pictures), bytes.NewReader(words), lim)
		if err := (&reply{Report: r, Preview: small}).check(); err != nil {
			t.Fatalf("%v: %s %s", err, r.Scan, r.Reason)
		}
		if r.Scan == safety.ScanScanned && bytes.Contains(words, []byte("[error] ")) && !bytes.Contains(words, []byte("whitelist")) {
			t.Fatal("scanned in spite of an error")
		}
	})
}
