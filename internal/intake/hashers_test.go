package intake_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
)

// average stands for an operator's hasher: the file in eight parts, the mean of
// the bytes of each.
func average(file []byte) string {
	var out strings.Builder
	for i := range 8 {
		sum, part := 0, file[len(file)*i/8:len(file)*(i+1)/8]
		for _, b := range part {
			sum += int(b)
		}
		fmt.Fprintf(&out, "%02x", sum/max(len(part), 1))
	}
	return out.String()
}

// TestHashers: a picture that only an operator's hasher knows again is found by
// it; and where the hasher did not scan, nothing is allowed.
func TestHashers(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default)
	var broken atomic.Bool
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		if broken.Load() {
			_, _ = io.WriteString(w, "<html>no match</html>")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"type":"x_average","hex":"%s"}`, average(body))
	}))
	t.Cleanup(server.Close)
	spec := hasher.Spec{Type: "x_average", Bytes: 8, Distance: hasher.L1, Threshold: 3}
	h := hasher.New(hasher.Config{Spec: spec, URL: server.URL, Timeout: time.Minute, MaxBytes: 1 << 20, Concurrency: 2,
		Surfaces: []safety.Surface{safety.SurfacePublic}, Media: []hasher.Media{hasher.Image}}, time.Now)
	b.desk.Hashers = []*hasher.Hasher{h}
	b.index.SetSpecs([]hasher.Spec{spec})
	known, other := sample.PNG(sample.Landscape(3, 400, 300)), sample.PNG(sample.Landscape(8, 400, 300))
	ctx := t.Context()
	err := errors.Join(b.desk.Lists.Create(ctx, "t", match.List{Name: "l", Kind: safety.ListIllegal, Threshold: -1}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.desk.Lists.Import(ctx, "t", "l", match.FormatHashes, strings.NewReader("x_average:"+average(known)), false); err != nil {
		t.Fatal(err)
	}
	b.ready(t)
	check := func(c intake.Content) intake.Answer {
		t.Helper()
		a, err := b.desk.Check(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	private := func(c intake.Content) intake.Content { c.Surface = safety.SurfacePrivate; return c }

	a := check(content(known))
	if a.Verdict != safety.VerdictBlock || a.Scan != safety.ScanScanned || len(a.Findings) != 1 || a.Findings[0].Detector != "hasher-x_average" ||
		a.Findings[0].Distance != 0 || a.CaseID == "" {
		t.Errorf("the listed picture: %+v", a)
	}
	if a := check(content(other)); a.Verdict != safety.VerdictAllow || a.Scan != safety.ScanScanned {
		t.Errorf("another: %+v", a)
	}
	// It has not been declared for private content.
	n := asked.Load()
	if a := check(private(content(known))); a.Verdict != safety.VerdictAllow || asked.Load() != n {
		t.Errorf("private: %+v, asked %d times", a, asked.Load()-n)
	}
	// What is no picture does not go there.
	if a := check(content([]byte("text"))); a.Scan != safety.ScanUnsupported || asked.Load() != n {
		t.Errorf("text: %+v, asked %d times", a, asked.Load()-n)
	}
	// Hashes only.
	exact := safety.Hash{Type: safety.MD5, Value: strings.Repeat("0a", 16)}
	near := safety.Hash{Type: safety.PDQ, Value: strings.Repeat("0a", 32)}
	given := intake.Content{ContentID: "h", Surface: safety.SurfacePublic, PDQQuality: 90, Hashes: []safety.Hash{exact, near}}
	if a := check(given); a.Scan != safety.ScanPartial || a.ScanReason != "hashes_incomplete" || a.Verdict != safety.VerdictHold {
		t.Errorf("hashes without the hasher's: %+v", a)
	}
	given.Hashes = append(given.Hashes, safety.Hash{Type: "x_average", Value: average(known)[:14]})
	if a := check(given); a.Scan != safety.ScanPartial {
		t.Errorf("with one of another length: %+v", a)
	}
	given.Hashes[2].Value = average(known)
	if a := check(given); a.Scan != safety.ScanScanned || a.Verdict != safety.VerdictBlock {
		t.Errorf("with the hasher's: %+v", a)
	}
	given.Hashes[2].Value = average(other)
	if a := check(given); a.Scan != safety.ScanScanned || a.Verdict != safety.VerdictAllow {
		t.Errorf("with that of another: %+v", a)
	}
	// It breaks.
	broken.Store(true)
	for _, file := range [][]byte{known, other} {
		if a := check(content(file)); a.Verdict != safety.VerdictHold || a.Scan != safety.ScanPartial || a.ScanReason != intake.ReasonHasher {
			t.Errorf("the hasher is broken: %+v", a)
		}
	}
	if a := check(content(match.Canary)); a.Verdict != safety.VerdictBlock || a.Scan != safety.ScanPartial {
		t.Errorf("the hasher is broken, and another detector knows the picture: %+v", a)
	}
	if n := h.Stats().Failures[hasher.NotJSON]; n != 3 {
		t.Errorf("%d failures counted", n)
	}
}
