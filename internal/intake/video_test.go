package intake_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
	"github.com/rowan-safety/rowan/vpdq"
)

// film makes a video with the system's ffmpeg.
func film(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	args = append([]string{"-nostdin", "-v", "error"}, append(args, "-y", name)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCheckVideo: a video that shows a listed picture for two seconds, and a copy
// of a known video, are blocked, and the case says from when to when.
func TestCheckVideo(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
			t.Fatal("ffmpeg is not installed; scripts/setup installs it")
		}
		t.Skip("ffmpeg is NOT installed: videos are not tested")
	}
	b := newBench(t, policy.Default).ready(t)
	picture := filepath.Join(t.TempDir(), "canary.png")
	if err := os.WriteFile(picture, sample.PNG(sample.Canary()), 0o600); err != nil {
		t.Fatal(err)
	}
	const pattern = "mandelbrot=size=480x360:rate=8"
	plain := film(t, "plain.mp4", "-f", "lavfi", "-i", pattern, "-t", "7", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	shows := film(t, "shows.webm", "-f", "lavfi", "-i", pattern, "-i", picture, "-filter_complex",
		"[1:v]scale=480:360,hflip[p];[0:v][p]overlay=enable='gte(t,2)*lt(t,4)'", "-t", "7", "-pix_fmt", "yuv420p", "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "900k")

	got, err := b.desk.Check(t.Context(), content(plain))
	if err != nil || got.Verdict != safety.VerdictAllow || got.Scan != safety.ScanScanned {
		t.Fatalf("unknown video: %+v, %v", got, err)
	}
	c := content(shows)
	c.ContentID = "shows"
	got, err = b.desk.Check(t.Context(), c)
	if err != nil || got.Verdict != safety.VerdictBlock || got.Scan != safety.ScanScanned || len(got.Findings) != 1 {
		t.Fatalf("with the picture: %+v, %v", got, err)
	}
	if f := got.Findings[0]; f.Detector != "pdq/1" || f.Variant != "flipY" || f.From.Round(time.Second) != 2*time.Second || f.To.Round(time.Second) != 4*time.Second {
		t.Errorf("%+v", f)
	}
	kept, err := b.store.Read().FindingsOfCase(t.Context(), got.CaseID)
	if err != nil || len(kept) != 1 || kept[0].ToMs != got.Findings[0].To.Milliseconds() {
		t.Errorf("the case keeps %+v, %v", kept, err)
	}

	report, err := b.pool.Examine(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := vpdq.Format(&text, report.Video("original")); err != nil {
		t.Fatal(err)
	}
	lists := match.NewLists(b.store, time.Now)
	if err := lists.Create(t.Context(), "test", match.List{Name: "films", Kind: safety.ListIllegal, Threshold: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := lists.Import(t.Context(), "test", "films", match.FormatVPDQ, &text, false); err != nil {
		t.Fatal(err)
	}
	if err := b.index.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(t.TempDir(), "plain.mp4")
	if err := os.WriteFile(original, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][]string{
		"recompressed.mp4": {"-crf", "36"}, "half.mp4": {"-vf", "scale=240:180"}, "cut.mp4": {"-ss", "2", "-t", "4"},
		"mirrored.mp4": {"-vf", "hflip"}, "mpeg4.avi": {"-c:v", "mpeg4", "-q:v", "5"},
	} {
		c := content(film(t, name, append([]string{"-i", original}, edit...)...))
		c.ContentID = name
		got, err := b.desk.Check(t.Context(), c)
		if err != nil || got.Verdict != safety.VerdictBlock || len(got.Findings) != 1 || got.Findings[0].Detector != "vpdq/1" || got.Findings[0].To == 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		f := got.Findings[0]
		t.Logf("%s: %s, %d %% of it missing, from %v to %v", name, f.Variant, f.Distance, f.From, f.To)
	}
}
