package scan_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/scan"
)

// desk answers by the words in a file, and counts how often each was asked for.
type desk struct {
	mu    sync.Mutex
	asked map[string]int
	away  atomic.Bool // as if the decoders were gone
	stop  func(n int) // called with the number of questions so far
}

func (d *desk) look(_ context.Context, c intake.Content) (intake.Answer, string, error) {
	d.mu.Lock()
	if d.asked == nil {
		d.asked = map[string]int{}
	}
	d.asked[c.ContentID]++
	n := 0
	for _, k := range d.asked {
		n += k
	}
	d.mu.Unlock()
	if d.stop != nil {
		d.stop(n)
	}
	if d.away.Load() {
		return intake.Answer{}, "", safety.Errorf(safety.Unavailable, "away")
	}
	a := intake.Answer{Scan: safety.ScanScanned, Verdict: safety.VerdictAllow}
	known := safety.Finding{Detector: "sha256/1", List: "l", Kind: safety.ListIllegal, Match: safety.MatchExact, SignalID: "sig_secret", Distance: 7}
	switch {
	case c.File == nil:
		a.Scan, a.ScanReason, a.Verdict = safety.ScanPartial, "hashes_incomplete", safety.VerdictHold
	case bytes.Contains(c.File, []byte("known")):
		a.Verdict, a.Findings = safety.VerdictBlock, []safety.Finding{known}
	case bytes.Contains(c.File, []byte("fine")):
		known.Kind = safety.ListAllow
		a.Findings = []safety.Finding{known}
	case c.Surface == safety.SurfaceEncrypted:
		a.Scan, a.ScanReason, a.Verdict = safety.ScanUnsupported, "surface_not_permitted", safety.VerdictHold
	case bytes.Contains(c.File, []byte("text")):
		a.Scan, a.ScanReason, a.Verdict = safety.ScanUnsupported, "unknown_format", safety.VerdictHold
	}
	sum := sha256.Sum256(c.File)
	return a, hex.EncodeToString(sum[:]), nil
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func run(t *testing.T, ctx context.Context, d *desk, out string, roots ...string) (scan.Totals, error) {
	t.Helper()
	return runOn(t, ctx, safety.SurfacePublic, d, out, roots...)
}

func runOn(t *testing.T, ctx context.Context, surface safety.Surface, d *desk, out string, roots ...string) (scan.Totals, error) {
	t.Helper()
	f, err := os.OpenFile(out, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	totals, err := scan.Run(ctx, f, roots, scan.Config{Look: d.look, Workers: 3, MaxFile: 100, Content: intake.Content{Surface: surface}})
	if e := f.Close(); e != nil {
		t.Fatal(e)
	}
	return totals, err
}

// lines are the last lines of each file.
func lines(t *testing.T, out string) map[string]scan.Line {
	t.Helper()
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := map[string]scan.Line{}
	in := bufio.NewScanner(f)
	for in.Scan() {
		var l scan.Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		if bytes.Contains(in.Bytes(), []byte("sig_secret")) || bytes.Contains(in.Bytes(), []byte("istance")) {
			t.Errorf("the output tells of the list: %s", in.Text())
		}
		got[filepath.Base(l.Path)] = l
	}
	return got
}

// TestRun: every file has a line that says what became of it, and a second run
// has nothing left to do.
func TestRun(t *testing.T) {
	root := tree(t, map[string]string{"a/known": "known", "a/b/plain": "x", "fine": "fine", "text": "text", "large": string(make([]byte, 101))})
	if err := os.Symlink("/etc/hostname", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	d := &desk{}
	totals, err := run(t, t.Context(), d, out, root)
	if err != nil || totals.Files != 5 || totals.Done != 5 || totals.Matched != 1 || totals.NotSeen != 1 || !totals.Complete {
		t.Errorf("%+v, %v", totals, err)
	}
	got := lines(t, out)
	if l := got["known"]; l.Verdict != safety.VerdictBlock || len(l.Findings) != 1 || l.Findings[0].List != "l" || l.SHA256 != hash("known") {
		t.Errorf("known: %+v", l)
	}
	if l := got["large"]; l.Scan != safety.ScanPartial || l.Reason != "too_many_bytes" || l.SHA256 != hash(string(make([]byte, 101))) {
		t.Errorf("large: %+v", l)
	}
	if _, ok := got["link"]; ok || len(got) != 5 {
		t.Errorf("lines of %d files", len(got))
	}
	totals, err = run(t, t.Context(), d, out, root)
	if err != nil || totals.Done != 0 || totals.Skipped != 5 || totals.Matched != 1 || totals.NotSeen != 1 {
		t.Errorf("the second run: %+v, %v", totals, err)
	}
	if err := os.WriteFile(filepath.Join(root, "fine"), []byte("now known"), 0o600); err != nil {
		t.Fatal(err)
	}
	if totals, err = run(t, t.Context(), d, out, root); err != nil || totals.Done != 1 || totals.Matched != 2 {
		t.Errorf("after a file changed: %+v, %v", totals, err)
	}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestResume breaks a scan off in the middle of a line, and again and again.
func TestResume(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("%02d/%03d", i%10, i)] = fmt.Sprint("x", i)
	}
	root, out := tree(t, files), filepath.Join(t.TempDir(), "out")
	d := &desk{}
	for round := 1; ; round++ {
		ctx, cancel := context.WithCancel(t.Context())
		limit := 40 * round
		d.stop = func(n int) {
			if n >= limit {
				cancel()
			}
		}
		totals, err := run(t, ctx, d, out, root)
		cancel()
		if err == nil {
			if totals.Done+totals.Skipped != 200 || !totals.Complete {
				t.Errorf("at the end: %+v", totals)
			}
			break
		}
		if !errors.Is(err, context.Canceled) || totals.Done+totals.Skipped == 200 || round > 20 {
			t.Fatalf("round %d: %+v, %v", round, totals, err)
		}
		// A crash leaves half a line.
		if text, err := os.ReadFile(out); err != nil || len(text) > 30 && os.WriteFile(out, text[:len(text)-20], 0o600) != nil {
			t.Fatal("cutting the output", err)
		}
	}
	if got := lines(t, out); len(got) != 200 {
		t.Errorf("lines of %d files", len(got))
	}
	for name, n := range d.asked {
		if n > 10 {
			t.Errorf("%s was looked at %d times", name, n)
		}
	}
}

// TestAway: what could not be looked at says so and is tried again.
func TestAway(t *testing.T) {
	root, out := tree(t, map[string]string{"a": "x", "b": "known"}), filepath.Join(t.TempDir(), "out")
	d := &desk{}
	d.away.Store(true)
	totals, err := run(t, t.Context(), d, out, root)
	if got := lines(t, out); err != nil || totals.NotSeen != 2 || got["b"].Scan != safety.ScanFailed || got["b"].Reason != scan.ReasonUnavailable || got["b"].Verdict == safety.VerdictAllow {
		t.Errorf("away: %+v, %v, %+v", totals, err, got["b"])
	}
	d.away.Store(false)
	totals, err = run(t, t.Context(), d, out, root)
	if got := lines(t, out); err != nil || totals.Done != 2 || totals.NotSeen != 0 || totals.Matched != 1 || got["b"].Scan != safety.ScanScanned {
		t.Errorf("back: %+v, %v, %+v", totals, err, got["b"])
	}
}

// TestNotPermitted: what no detector may look at is not seen, and is looked at
// when one may.
func TestNotPermitted(t *testing.T) {
	root, out := tree(t, map[string]string{"a": "x", "b": "y"}), filepath.Join(t.TempDir(), "out")
	d := &desk{}
	if totals, err := runOn(t, t.Context(), safety.SurfaceEncrypted, d, out, root); err != nil || totals.NotSeen != 2 {
		t.Errorf("not permitted: %+v, %v", totals, err)
	}
	if totals, err := run(t, t.Context(), d, out, root); err != nil || totals.Done != 2 || totals.NotSeen != 0 {
		t.Errorf("permitted: %+v, %v", totals, err)
	}
}

// TestForeign: another file is not overwritten.
func TestForeign(t *testing.T) {
	root, out := tree(t, map[string]string{"a": "x"}), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out, []byte("my diary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, t.Context(), &desk{}, out, root); err == nil {
		t.Error("a file that is no output was taken for one")
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "my diary\n" {
		t.Errorf("it is now %q, %v", text, err)
	}
}
