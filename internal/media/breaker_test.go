package media_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestBreaker: a file that runs out of time kills one child, however often it
// comes, and other files are none the worse.
func TestBreaker(t *testing.T) {
	p := newPool(t, media.Config{Children: 2, Limits: media.Limits{Timeout: 300 * time.Millisecond, ChildData: 1 << 30}})
	slow := bigWebP(7700, 7700)
	for i := range 5 {
		r := look(t, p, slow)
		if r.Scan != safety.ScanFailed || r.Reason != media.ReasonTimeout || r.Format != "webp" || len(r.Hashes) != 0 {
			t.Errorf("%d: %s %s %s", i, r.Format, r.Scan, r.Reason)
		}
	}
	if s := p.Stats(); s.Died != 1 || s.Spared != 4 {
		t.Errorf("%+v, want 1 death and 4 spared", s)
	}
	if r := look(t, p, asPNG(t, scene(64, 48))); r.Scan != safety.ScanScanned {
		t.Errorf("another file: %s %s", r.Scan, r.Reason)
	}
}

// TestGreedyIsHeld: a file that takes all memory kills one child, however often
// it comes.
func TestGreedyIsHeld(t *testing.T) {
	if media.RaceDetector {
		t.Log("memory is NOT limited under the race detector: nothing kills here")
		return
	}
	p := newPool(t, media.Config{Children: 1, Limits: media.Limits{ChildData: 128 << 20, MaxBytes: 256 << 20}})
	for range 3 {
		if r := look(t, p, greedy()); r.Scan != safety.ScanFailed || r.Reason != media.ReasonOutOfMemory {
			t.Errorf("%s %s", r.Scan, r.Reason)
		}
	}
	if s := p.Stats(); s.Died != 1 || s.Spared != 2 {
		t.Errorf("%+v, want 1 death and 2 spared", s)
	}
}

// TestCancelledIsNotHeld: when the one who asks goes away, the file is not to
// blame.
func TestCancelledIsNotHeld(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	photo := fixture(t, "large.avif")
	if _, err := p.Examine(ctx, photo); err == nil {
		t.Fatal("the file was decoded within 50 ms: this test shows nothing")
	}
	if r := look(t, p, photo); r.Scan != safety.ScanScanned {
		t.Errorf("%s %s", r.Scan, r.Reason)
	}
	if s := p.Stats(); s.Died != 0 || s.Spared != 0 {
		t.Errorf("%+v", s)
	}
}

// TestManyKinds: children for each of the Wasm formats come and go beside those
// of the others, and no more are kept than the pool says.
func TestManyKinds(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	for range 2 {
		for _, name := range []string{"small.heic", "small.avif", "small.jxl", "small.webp"} {
			if r := look(t, p, fixture(t, name)); r.Scan != safety.ScanScanned {
				t.Errorf("%s: %s %s", name, r.Scan, r.Reason)
			}
		}
	}
	if n := len(strings.Fields(kids())); n > 4 {
		t.Errorf("%d children for one file at a time", n)
	}
}

// kids are the process identifiers of our children.
func kids() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var all strings.Builder
	for _, name := range lists {
		b, _ := os.ReadFile(name) // fails for threads that have ended
		all.Write(b)
		all.WriteByte(' ')
	}
	return all.String()
}
