package intake_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/vpdq"
)

// TestAgain_Fresh: for uploads from before, a list that has grown finds what a
// fresh check of the same file finds: a mirrored copy in another format, a frame
// of a video, a video.
func TestAgain_Fresh(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
			t.Fatal("ffmpeg is not installed; scripts/setup installs it")
		}
		t.Skip("ffmpeg is NOT installed: videos are not tested")
	}
	b := newBench(t, policy.Default).ready(t)
	ctx := t.Context()
	picture := sample.Landscape(5, 480, 360)
	const pattern = "mandelbrot=size=480x360:rate=8"
	clip := film(t, "clip.mp4", "-f", "lavfi", "-i", pattern, "-t", "7", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	files := map[string][]byte{
		"same":      sample.PNG(picture),
		"mirrored":  sample.JPEG(sample.Mirror(picture), 80),
		"other":     sample.PNG(sample.Landscape(6, 480, 360)),
		"video":     clip,
		"flipped":   film(t, "flipped.mp4", "-f", "lavfi", "-i", pattern, "-t", "7", "-vf", "vflip", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
		"elsewhere": film(t, "elsewhere.mp4", "-f", "lavfi", "-i", "testsrc2=size=480x360:rate=8", "-t", "5", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
	}
	check := func(id string, file []byte) intake.Answer {
		t.Helper()
		c := content(file)
		c.ContentID, c.AccountID = id, id
		a, err := b.desk.Check(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for id, file := range files {
		if a := check(id, file); a.Verdict != safety.VerdictAllow {
			t.Fatalf("%s before: %+v", id, a)
		}
	}
	b.desk.Recents.Flush(ctx)
	for _, row := range rows(t, b) {
		t.Logf("%s: %d bytes are kept", row.ContentID, row.Size)
	}
	still, err := b.pool.Examine(ctx, files["same"])
	if err != nil {
		t.Fatal(err)
	}
	video, err := b.pool.Examine(ctx, clip)
	if err != nil {
		t.Fatal(err)
	}
	var film bytes.Buffer
	if err := vpdq.Format(&film, video.Video("original")); err != nil {
		t.Fatal(err)
	}
	frame := video.Video("original")[3].Hash
	lists := b.desk.Lists
	for _, l := range []struct {
		name   string
		format match.Format
		text   string
		want   int // uploads
	}{
		{"pictures", match.FormatHashes, "pdq:" + still.Hashes[0].PDQ.String(), 2},
		{"frames", match.FormatHashes, "pdq:" + frame.String(), 2},
		{"films", match.FormatVPDQ, film.String(), 2},
	} {
		if err := lists.Create(ctx, "t", match.List{Name: l.name, Kind: safety.ListIllegal, Threshold: -1}); err != nil {
			t.Fatal(err)
		}
		if _, err := lists.Import(ctx, "t", l.name, l.format, strings.NewReader(l.text), false); err != nil {
			t.Fatal(err)
		}
		if err := b.index.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		n, err := b.desk.Recents.Retro(ctx, func(ctx context.Context, u match.Upload) error {
			found[u.ContentID] = true
			fresh, _, err := b.desk.Look(ctx, withID(content(files[u.ContentID]), u.ContentID))
			if err != nil {
				return err
			}
			kept, err := b.index.Lookup(u.Query)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(fresh.Findings, kept, cmpopts.EquateEmpty()); diff != "" || len(kept) == 0 {
				t.Errorf("%s on %s (-fresh +kept):\n%s", u.ContentID, l.name, diff)
			}
			if u.Scan != fresh.Scan || u.Reason != fresh.ScanReason {
				t.Errorf("%s is kept as %s, %s", u.ContentID, u.Scan, u.Reason)
			}
			return b.desk.Again(ctx, u)
		})
		if err != nil || n != l.want || len(found) != l.want {
			t.Errorf("%s: %d uploads %v, want %d, %v", l.name, n, found, l.want, err)
		}
		for id := range files {
			fresh, _, err := b.desk.Look(ctx, withID(content(files[id]), id))
			if err != nil {
				t.Fatal(err)
			}
			on := false
			for _, f := range fresh.Findings {
				on = on || f.List == l.name
			}
			if on != found[id] {
				t.Errorf("%s: a fresh check finds it on %s: %v; found again: %v", id, l.name, on, found[id])
			}
		}
	}
	told := map[string]bool{}
	for _, e := range b.events {
		if e.Type == "verdict.made" {
			told[e.Data["content_id"].(string)] = e.Data["verdict"] == "block"
		}
	}
	if diff := cmp.Diff(map[string]bool{"same": true, "mirrored": true, "video": true, "flipped": true}, told); diff != "" {
		t.Errorf("the platform was told (-want +got):\n%s", diff)
	}
}

func withID(c intake.Content, id string) intake.Content {
	c.ContentID, c.AccountID = id, id
	return c
}

func rows(t *testing.T, b *bench) []db.Recent {
	t.Helper()
	out, err := b.store.Read().RecentsAfter(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAgain_NotPermitted: where known media may not be looked for any more, what
// is kept of an upload is not looked up.
func TestAgain_NotPermitted(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	u := match.Upload{ContentID: "c", Surface: safety.SurfaceEncrypted, At: time.Now(), Scan: safety.ScanScanned}
	if err := b.desk.Again(t.Context(), u); err != nil || len(b.events) != 0 || b.desk.Scans()[safety.ScanScanned] != 0 {
		t.Errorf("%v, %d events", err, len(b.events))
	}
}
