package scan_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/objects/objectstest"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/scan"
)

// TestBucket scans a bucket of a real S3 server: every object has its line, a
// scan that was broken off goes on, and what changed is looked at again.
func TestBucket(t *testing.T) {
	t.Parallel()
	s := objectstest.Start(t)
	const n = 1100 // more than a page
	for i := range n {
		s.Put(fmt.Sprintf("in/%d/%04d", i%7, i), fmt.Sprintf("object %d", i))
	}
	s.Put("in/known", "a known file")
	large := strings.Repeat("x", 5000)
	s.Put("in/large", large)
	s.Put("out/other", "not below the prefix")
	root, out := "s3://"+s.Bucket+"/in/", filepath.Join(t.TempDir(), "out.jsonl")

	// Broken off in the middle.
	d := &desk{}
	ctx, cancel := context.WithCancel(t.Context())
	d.stop = func(asked int) {
		if asked == 300 {
			cancel()
		}
	}
	if _, err := runBucket(ctx, t, s, d.look, out, root); err == nil {
		t.Fatal("a scan that was broken off says nothing")
	}
	d.stop = nil
	part := len(lines(t, out))
	if part == 0 || part > n {
		t.Fatalf("%d lines before it was broken off", part)
	}
	got, err := runBucket(t.Context(), t, s, d.look, out, root)
	if err != nil || got.Files != n+2 || got.Skipped != int64(part) || got.Matched != 1 || !got.Complete {
		t.Errorf("the second run: %+v, %v; %d were there", got, err, part)
	}
	all := lines(t, out)
	if len(all) != n+2 || all["known"].Verdict != safety.VerdictBlock || all["known"].ETag == "" || all["other"].Path != "" {
		t.Errorf("%d lines", len(all))
	}
	if all["known"].Path != root+"known" {
		t.Errorf("a path of %q", all["known"].Path)
	}
	if l := all["large"]; l.Scan != safety.ScanPartial || l.SHA256 != hash(large) || l.Reason != "too_many_bytes" {
		t.Errorf("an object that is too large: %+v", l)
	}
	if got, err := runBucket(t.Context(), t, s, d.look, out, root); err != nil || got.Done != 0 || got.Skipped != n+2 {
		t.Errorf("the third run: %+v, %v", got, err)
	}
	s.Put("in/6/1098", "known by now")
	s.Put("in/new", "new")
	s.Remove("in/0/0000")
	if got, err := runBucket(t.Context(), t, s, d.look, out, root); err != nil || got.Done != 2 || got.Skipped != n || got.Matched != 2 {
		t.Errorf("after changes: %+v, %v", got, err)
	}
	if _, err := runBucket(t.Context(), t, s, d.look, out, "s3://none/"); err == nil {
		t.Error("a bucket that is not there has been looked at")
	}
}

// TestBucket_Changed: an object that is written again after it was listed is not
// scanned, says so, and is looked at by the next run.
func TestBucket_Changed(t *testing.T) {
	t.Parallel()
	s := objectstest.Start(t)
	for i := range 100 {
		s.Put(fmt.Sprintf("%02d", i), "old text of one length")
	}
	out := filepath.Join(t.TempDir(), "out.jsonl")
	d, once := &desk{}, sync.Once{}
	look := func(ctx context.Context, c intake.Content) (intake.Answer, string, error) {
		once.Do(func() { // the page is listed, and the first of it is read
			s.Put("90", "known, of one length..")
			s.Remove("91")
		})
		return d.look(ctx, c)
	}
	got, err := runBucket(t.Context(), t, s, look, out, "s3://"+s.Bucket)
	if err != nil || got.Done != 100 || got.Matched != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	all := lines(t, out)
	for _, key := range []string{"90", "91"} {
		if l := all[key]; l.Scan != safety.ScanFailed || l.Reason != scan.ReasonChanged || l.SHA256 != "" || l.Verdict != "" {
			t.Errorf("%s: %+v", key, l)
		}
	}
	if got, err := runBucket(t.Context(), t, s, d.look, out, "s3://"+s.Bucket); err != nil || got.Done != 1 || got.Skipped != 98 || got.Matched != 1 {
		t.Errorf("the next run: %+v, %v", got, err)
	}
	if l := lines(t, out)["90"]; l.Verdict != safety.VerdictBlock {
		t.Errorf("%+v", l)
	}
}

func runBucket(ctx context.Context, t *testing.T, s *objectstest.Server, look func(context.Context, intake.Content) (intake.Answer, string, error), out string, roots ...string) (scan.Totals, error) {
	t.Helper()
	f, err := os.OpenFile(out, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return scan.Run(ctx, f, roots, scan.Config{Look: look, MaxFile: 1000, Workers: 2, Objects: s.Client(),
		Content: intake.Content{Surface: safety.SurfacePublic}})
}
