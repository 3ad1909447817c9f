package media_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// newVideoPool is a pool that decodes videos with the system's ffmpeg.
func newVideoPool(t testing.TB, c media.Config) *media.Pool {
	t.Helper()
	needFFmpeg(t)
	c.Video.Program = cmp.Or(c.Video.Program, "ffmpeg")
	c.Children = cmp.Or(c.Children, 1)
	p := newPool(t, c)
	if note, ok := p.Video(t.Context()); !ok {
		t.Fatal(note)
	}
	return p
}

func needFFmpeg(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err == nil {
		return
	}
	if os.Getenv("ROWAN_TEST_REQUIRE") == "1" {
		t.Fatal("ffmpeg is not installed; scripts/setup installs it")
	}
	t.Skip("ffmpeg is NOT installed: videos are not tested")
}

// film makes a video with ffmpeg: args stand between the program and the name of
// the file, whose ending says which container it is.
func film(t testing.TB, ending string, args ...string) []byte {
	t.Helper()
	needFFmpeg(t)
	name := filepath.Join(t.TempDir(), "film."+ending)
	args = append([]string{"-nostdin", "-v", "error"}, append(args, "-fflags", "+bitexact", "-y", name)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lavfi(source string) []string { return []string{"-f", "lavfi", "-i", source} }

var (
	h264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	vp9  = []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k"}
)

// mandelbrot is 6 seconds of a picture that moves.
func mandelbrot(t testing.TB, ending string, codec ...string) []byte {
	return film(t, ending, slices.Concat(lavfi("mandelbrot=size=320x240:rate=25"), lavfi("sine=frequency=300"), []string{"-t", "6"}, codec)...)
}

func TestVideoFormats(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	note, _ := p.Video(t.Context())
	t.Log(note)
	base := look(t, p, mandelbrot(t, "mp4", h264...))
	if len(base.Hashes) != 6*8 {
		t.Fatalf("%d hashes of 6 seconds", len(base.Hashes))
	}
	for _, f := range []struct {
		name, format string
		data         []byte
	}{
		{"H.264 in MP4", "mp4", mandelbrot(t, "mp4", h264...)},
		{"H.264 in fragmented MP4", "mp4", mandelbrot(t, "mp4", slices.Concat(h264, []string{"-movflags", "frag_keyframe+empty_moov"})...)},
		{"MPEG-4 in QuickTime", "quicktime", mandelbrot(t, "mov", "-c:v", "mpeg4", "-q:v", "4")},
		{"VP9 in WebM", "webm", mandelbrot(t, "webm", slices.Concat(vp9, []string{"-c:a", "libvorbis"})...)},
		{"H.264 in Matroska", "matroska", mandelbrot(t, "mkv", h264...)},
		{"MPEG-4 in AVI", "avi", mandelbrot(t, "avi", "-c:v", "mpeg4", "-q:v", "4")},
		{"half the size", "mp4", mandelbrot(t, "mp4", slices.Concat(h264, []string{"-vf", "scale=160:120"})...)},
		{"recompressed hard", "mp4", mandelbrot(t, "mp4", slices.Concat(h264, []string{"-crf", "38"})...)},
	} {
		t.Run(f.name, func(t *testing.T) {
			r := look(t, p, f.data)
			sane(t, f.name, r)
			if r.Format != f.format || r.Scan != safety.ScanScanned || r.Streams != 1 || r.Frames < 6 || r.Frames > 7 || !r.Animated {
				t.Fatalf("%s %s %s, %d streams, %d frames", r.Format, r.Scan, r.Reason, r.Streams, r.Frames)
			}
			if r.Duration < 5*time.Second || r.Duration > 7*time.Second || len(r.PreviewPNG) == 0 {
				t.Errorf("%v long, preview of %d bytes", r.Duration, len(r.PreviewPNG))
			}
			for i, fr := range r.Video("original") {
				if d := (fr.At - time.Duration(i)*time.Second).Abs(); d > 150*time.Millisecond {
					t.Errorf("frame %d is at %v", i, fr.At)
				}
			}
			m := vpdq.Compare(r.Video("original"), base.Video("original"), vpdq.Options{})
			if m.QueryPercent < 80 || m.TargetPercent < 80 {
				t.Errorf("like the first: %.0f and %.0f %%", m.QueryPercent, m.TargetPercent)
			}
		})
	}
}

// TestVideoParity holds every frame of one of the reference's sample videos
// against the reference's hashes of it (testdata/README.md).
func TestVideoParity(t *testing.T) {
	p := newVideoPool(t, media.Config{Limits: media.Limits{VideoEvery: time.Microsecond}})
	f, err := os.Open("testdata/padded.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := vpdq.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	r := look(t, p, fixture(t, "padded.mp4"))
	got := r.Video("original")
	if r.Scan != safety.ScanScanned || len(got) != len(want) {
		t.Fatalf("%s %s, %d frames of %d", r.Scan, r.Reason, len(got), len(want))
	}
	same, worst, far := 0, 0, time.Duration(0)
	for i := range want {
		d := got[i].Hash.Distance(want[i].Hash)
		if d == 0 && got[i].Quality == want[i].Quality {
			same++
		}
		worst, far = max(worst, d), max(far, (got[i].At-want[i].At).Abs())
	}
	t.Logf("%d of %d frames identical, at most %d bits apart, times within %v", same, len(want), worst, far)
	// 0 with the version of Debian 12; other versions of the decoder may round otherwise.
	if worst > 6 || far > 40*time.Millisecond {
		t.Errorf("%d bits, %v", worst, far)
	}
	if m := vpdq.Compare(got, want, vpdq.Options{}); m.QueryPercent != 100 || m.TargetPercent != 100 {
		t.Errorf("match %.1f and %.1f %%", m.QueryPercent, m.TargetPercent)
	}
}

// TestVideoStreams: what a player can be told to show besides the first stream is
// examined too, and so is a video that does not begin as it goes on.
func TestVideoStreams(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	two := film(t, "mkv", slices.Concat(lavfi("testsrc2=size=160x120:rate=10"), lavfi("mandelbrot=size=320x240:rate=10"),
		[]string{"-map", "0:v", "-map", "1:v", "-t", "3"}, h264)...)
	r := look(t, p, two)
	if r.Scan != safety.ScanScanned || r.Streams != 2 || r.Frames != 6 {
		t.Errorf("two streams: %s %s, %d streams, %d frames", r.Scan, r.Reason, r.Streams, r.Frames)
	}
	want := look(t, p, film(t, "mp4", slices.Concat(lavfi("mandelbrot=size=320x240:rate=10"), []string{"-t", "3"}, h264)...))
	if m := vpdq.Compare(want.Video("original"), r.Video("original"), vpdq.Options{}); m.QueryPercent < 99 {
		t.Errorf("the second stream: %.0f %%", m.QueryPercent)
	}
	args := []string{}
	for i := range 6 {
		args = append(args, lavfi(fmt.Sprintf("testsrc2=size=64x64:rate=2:duration=%d", i+1))...)
	}
	for i := range 6 {
		args = append(args, "-map", fmt.Sprint(i))
	}
	r = look(t, p, film(t, "mkv", append(args, h264...)...))
	if r.Scan != safety.ScanPartial || r.Reason != media.ReasonTooManyStreams {
		t.Errorf("six streams: %s %s", r.Scan, r.Reason)
	}
	if r = look(t, p, film(t, "mp4", append(lavfi("sine"), "-t", "2")...)); r.Scan != safety.ScanUnsupported || r.Reason != media.ReasonNoVideoStream {
		t.Errorf("only sound: %s %s", r.Scan, r.Reason)
	}
	// Frames of one size after frames of another, in one stream.
	grows := func(first string) []byte {
		a := film(t, "mpg", slices.Concat(lavfi("testsrc2=size="+first+":rate=25:duration=2"), []string{"-c:v", "mpeg2video", "-f", "mpeg2video"})...)
		b := film(t, "mpg", slices.Concat(lavfi("mandelbrot=size=320x240:rate=25"), []string{"-t", "2", "-c:v", "mpeg2video", "-f", "mpeg2video"})...)
		name := filepath.Join(t.TempDir(), "both.m2v")
		if err := os.WriteFile(name, append(a, b...), 0o600); err != nil {
			t.Fatal(err)
		}
		return film(t, "mkv", "-fflags", "+genpts", "-r", "25", "-i", name, "-c", "copy")
	}
	r = look(t, p, grows("32x32"))
	if r.Scan == safety.ScanScanned {
		t.Errorf("a video that begins tiny: %s %s", r.Scan, r.Reason)
	}
	t.Logf("begins tiny: %s %s, %d frames", r.Scan, r.Reason, r.Frames)
	r = look(t, p, grows("160x120"))
	t.Logf("grows: %s %s, %d frames", r.Scan, r.Reason, r.Frames)
	if m := vpdq.Compare(want.Video("original"), r.Video("original"), vpdq.Options{}); m.QueryPercent < 50 {
		t.Errorf("what a video grows into: %.0f %%", m.QueryPercent)
	}
}

// TestVideoExtras: subtitles, attachments and chapters are passed over.
func TestVideoExtras(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	dir := t.TempDir()
	sub, extra := filepath.Join(dir, "s.srt"), filepath.Join(dir, "page.txt")
	if err := os.WriteFile(sub, []byte("1\n00:00:00,000 --> 00:00:02,000\nfile:///etc/passwd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(extra, []byte("#EXTM3U\nfile:///etc/passwd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := film(t, "mkv", slices.Concat(lavfi("testsrc2=size=160x120:rate=10"), []string{"-i", sub, "-attach", extra, "-metadata:s:t", "mimetype=text/plain",
		"-metadata", "title=two\nlines", "-map", "0", "-map", "1", "-t", "2"}, h264)...)
	if r := look(t, p, data); r.Scan != safety.ScanScanned || r.Frames != 2 || r.Streams != 1 {
		t.Errorf("%s %s, %d frames, %d streams", r.Scan, r.Reason, r.Frames, r.Streams)
	}
}

// TestVideoTruncated cuts videos at many places: none is scanned, unless nothing
// that is shown is gone.
func TestVideoTruncated(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	short := func(ending string, codec ...string) []byte {
		return film(t, ending, slices.Concat(lavfi("mandelbrot=size=160x120:rate=12"), []string{"-t", "3"}, codec)...)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"mp4", short("mp4", h264...)},
		{"mp4 with its index first", short("mp4", slices.Concat(h264, []string{"-movflags", "+faststart"})...)},
		{"webm", short("webm", vp9...)},
		{"avi", short("avi", "-c:v", "mpeg4")},
	} {
		outcomes := map[string]int{}
		whole := look(t, p, f.data)
		if whole.Scan != safety.ScanScanned {
			t.Fatalf("%s: %s %s", f.name, whole.Scan, whole.Reason)
		}
		for i := range 10 {
			cut := len(f.data) * (2*i + 1) / 20
			r := look(t, p, f.data[:cut])
			sane(t, f.name, r)
			outcomes[string(r.Scan)+" "+r.Reason]++
			if r.Scan == safety.ScanScanned {
				t.Errorf("%s cut at %d of %d is scanned, %d frames", f.name, cut, len(f.data), r.Frames)
			}
		}
		t.Log(f.name, outcomes)
	}
}

// TestVideoFlipped changes bits. What is scanned must have all frames.
func TestVideoFlipped(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	outcomes := map[string]int{}
	r := rand.New(rand.NewPCG(5, 6))
	for _, whole := range [][]byte{
		film(t, "mp4", slices.Concat(lavfi("mandelbrot=size=160x120:rate=12"), []string{"-t", "3"}, h264)...),
		film(t, "webm", slices.Concat(lavfi("mandelbrot=size=160x120:rate=12"), []string{"-t", "3"}, vp9)...),
	} {
		for i := range 16 {
			b := bytes.Clone(whole)
			area := len(b)
			if i%2 == 0 {
				area = min(area, 600)
			}
			for range 1 + i {
				b[r.IntN(area)] ^= 1 << r.IntN(8)
			}
			got, rise := measured(t, p, b)
			sane(t, "flipped", got)
			outcomes[string(got.Scan)+" "+got.Reason]++
			if rise > 64<<20 && !media.RaceDetector {
				t.Errorf("the server's memory rose by %d MiB", rise>>20)
			}
		}
	}
	t.Log(outcomes)
	noChildrenLeft(t)
}

// noChildrenLeft waits for all processes but those of idle pools to be gone.
func noChildrenLeft(t testing.TB) {
	t.Helper()
	for pid := range strings.FieldsSeq(kids()) {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil {
			continue
		}
		if i := bytes.LastIndexByte(b, ')'); i > 0 && i+2 < len(b) && b[i+2] == 'Z' {
			t.Errorf("process %s is a zombie", pid)
		}
		if bytes.Contains(b, []byte("(ffmpeg)")) {
			t.Errorf("ffmpeg still runs as %s", pid)
		}
	}
}

// TestVideoTime: a video that takes too long is answered with what was seen, and
// nothing goes on running.
func TestVideoTime(t *testing.T) {
	long := film(t, "mp4", slices.Concat(lavfi("mandelbrot=size=1280x720:rate=30:maxiter=60"), []string{"-t", "2", "-crf", "42"}, h264)...)
	name := filepath.Join(t.TempDir(), "long.mp4")
	if err := os.WriteFile(name, long, 0o600); err != nil {
		t.Fatal(err)
	}
	long = film(t, "mp4", "-stream_loop", "120", "-i", name, "-c", "copy")
	p := newVideoPool(t, media.Config{Limits: media.Limits{VideoTimeout: 2500 * time.Millisecond, MaxBytes: 256 << 20}})
	r := look(t, p, long)
	t.Logf("%s %s, %d frames of %v", r.Scan, r.Reason, r.Frames, r.Duration)
	if r.Scan != safety.ScanPartial || r.Reason != media.ReasonTimeout || r.Frames < 1 {
		t.Errorf("%s %s, %d frames", r.Scan, r.Reason, r.Frames)
	}
	noChildrenLeft(t)
	p = newVideoPool(t, media.Config{Limits: media.Limits{VideoFrames: 5}})
	r = look(t, p, mandelbrot(t, "mp4", h264...))
	if r.Scan != safety.ScanPartial || r.Reason != media.ReasonTooManyFrames || r.Frames != 5 {
		t.Errorf("too many frames: %s %s, %d", r.Scan, r.Reason, r.Frames)
	}
}

// TestVideoClaims: sizes and times are what the frames are, not what a header
// says, and large ones are refused before anything is decoded.
func TestVideoClaims(t *testing.T) {
	p := newVideoPool(t, media.Config{Limits: media.Limits{MaxSide: 1000, MaxPixels: 500_000}})
	for _, c := range []struct{ size, reason string }{{"1600x64", media.ReasonSideTooLong}, {"960x800", media.ReasonTooManyPixels}} {
		wide := film(t, "mp4", slices.Concat(lavfi("testsrc2=size="+c.size+":rate=5:duration=1"), h264)...)
		if r := look(t, p, wide); r.Scan != safety.ScanFailed || r.Reason != c.reason {
			t.Errorf("%s: %s %s", c.size, r.Scan, r.Reason)
		}
	}
	huge := film(t, "avi", slices.Concat(lavfi("testsrc2=size=64x64:rate=5:duration=1"), []string{"-c:v", "rawvideo"})...)
	i := bytes.Index(huge, []byte("strf")) + 8 + 4
	copy(huge[i:], "\xff\xff\x00\x00\xff\xff\x00\x00") // 65535 × 65535
	r, rise := measured(t, p, huge)
	if r.Scan == safety.ScanScanned || rise > 64<<20 && !media.RaceDetector {
		t.Errorf("65535 × 65535: %s %s, memory rose by %d MiB", r.Scan, r.Reason, rise>>20)
	}
	t.Logf("65535 × 65535: %s %s", r.Scan, r.Reason)
	hours := film(t, "mp4", slices.Concat(lavfi("mandelbrot=size=160x120:rate=1"), []string{"-frames:v", "4", "-vf", "setpts=N*10000/TB", "-fps_mode", "vfr"}, h264)...)
	r = look(t, p, hours)
	if r.Scan != safety.ScanScanned || r.Frames != 4 || r.Duration < 8*time.Hour {
		t.Errorf("four frames in ten hours: %s %s, %d frames, %v", r.Scan, r.Reason, r.Frames, r.Duration)
	}
}

// TestVideoAbsent: without ffmpeg a video is unsupported and says so, and a pool
// that must have it does not start.
func TestVideoAbsent(t *testing.T) {
	p := newPool(t, media.Config{Children: 1, Video: media.VideoConfig{Program: "/nonexistent/ffmpeg"}})
	note, ok := p.Video(t.Context())
	if ok || note != "ffmpeg is not installed" {
		t.Errorf("%q %t", note, ok)
	}
	if r := look(t, p, fixture(t, "padded.mp4")); r.Scan != safety.ScanUnsupported || r.Reason != media.ReasonNoVideoDecoder || r.Format != "mp4" {
		t.Errorf("%s %s %s", r.Format, r.Scan, r.Reason)
	}
	_, err := media.NewPool(t.Context(), media.Config{Children: 1, Video: media.VideoConfig{Program: "/nonexistent/ffmpeg", Require: true}})
	if err == nil || !strings.Contains(err.Error(), "ffmpeg is not installed") {
		t.Errorf("error %v", err)
	}
	p = newPool(t, media.Config{Children: 1, Video: media.VideoConfig{Program: "/bin/true"}})
	if note, ok := p.Video(t.Context()); ok || !strings.Contains(note, "test video") {
		t.Errorf("/bin/true for ffmpeg: %q %t", note, ok)
	}
}

// TestVideoFrameOfPicture finds a picture that a video shows for two seconds.
func TestVideoFrameOfPicture(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	data := withPicture(t)
	r := look(t, p, data)
	if r.Scan != safety.ScanScanned {
		t.Fatalf("%s %s", r.Scan, r.Reason)
	}
	var at []time.Duration
	want := sceneHash(t)
	for _, f := range r.Video("original") {
		if f.Quality >= pdq.MinQuality && f.Hash.Distance(want) <= pdq.MatchThreshold {
			at = append(at, f.At.Round(time.Second))
		}
	}
	if !slices.Equal(at, []time.Duration{3 * time.Second, 4 * time.Second}) {
		t.Errorf("the picture is at %v", at)
	}
}

// withPicture is a video of eight seconds that shows the scene from the third to
// the fifth.
func withPicture(t testing.TB) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "scene.png")
	if err := os.WriteFile(name, asPNG(t, scene(640, 480)), 0o600); err != nil {
		t.Fatal(err)
	}
	return film(t, "mp4", slices.Concat(lavfi("mandelbrot=size=640x480:rate=10"), []string{"-i", name, "-filter_complex",
		"[0:v][1:v]overlay=enable='gte(t,3)*lt(t,5)'", "-t", "8"}, h264)...)
}
