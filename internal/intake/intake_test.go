package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

func TestMain(m *testing.M) {
	media.ChildMain()
	os.Exit(m.Run())
}

// bench is a desk with everything real around it, and the parts that a test
// breaks.
type bench struct {
	desk   *intake.Desk
	store  *store.Store
	index  *match.Index
	pool   *media.Pool
	blobs  *vault.Folder
	dir    string
	events []safety.Event
}

func newBench(t *testing.T, rules []byte) *bench {
	t.Helper()
	b := &bench{store: storetest.Open(t), dir: filepath.Join(t.TempDir(), "evidence")}
	p, err := policy.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	master, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if b.blobs, err = vault.OpenFolder(b.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.blobs.Close() })
	if b.pool, err = media.NewPool(t.Context(), media.Config{Children: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.pool.Close)
	announce := func(_ context.Context, _ *store.Tx, e safety.Event) error {
		if e.Type != "case.relevant_data_wanted" { // package cases tests it
			b.events = append(b.events, e)
		}
		return nil
	}
	desk := cases.NewDesk(b.store, vault.New(b.store, master, b.blobs, time.Now), time.Now, time.Hour, cases.Hooks{Announce: announce})
	b.index = match.NewIndex(b.store, time.Now, slog.New(slog.DiscardHandler))
	log := slog.New(slog.DiscardHandler)
	recents := match.NewRecents(b.store, time.Hour, time.Now, log)
	recents.SetSettle(0)
	b.desk = intake.NewDesk(intake.Parts{Store: b.store, Index: b.index, Lists: match.NewLists(b.store, time.Now), Pool: b.pool, Rules: p,
		Recents: recents, Cases: desk, Announce: announce, Now: time.Now, Log: log})
	return b
}

// ready loads the lists, with the canary on one.
func (b *bench) ready(t *testing.T) *bench {
	t.Helper()
	if err := errors.Join(match.NewLists(b.store, time.Now).EnsureCanary(t.Context()), b.index.Refresh(t.Context())); err != nil {
		t.Fatal(err)
	}
	return b
}

func content(file []byte) intake.Content {
	return intake.Content{ContentID: "p_1", AccountID: "u_1", Surface: safety.SurfacePublic, File: file}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	unknown := sample.PNG(sample.Landscape(9, 400, 300))
	for _, tt := range []struct {
		name    string
		c       intake.Content
		verdict safety.Verdict
		scan    safety.ScanState
		reason  string
		isCase  bool
	}{
		{"unknown picture", content(unknown), safety.VerdictAllow, safety.ScanScanned, "", false},
		{"known picture", content(match.Canary), safety.VerdictBlock, safety.ScanScanned, "", true},
		{"a copy in another format", content(sample.JPEG(sample.Mirror(sample.Canary()), 70)), safety.VerdictBlock, safety.ScanScanned, "", true},
		{"cut off", content(unknown[:len(unknown)/2]), safety.VerdictHold, safety.ScanPartial, media.ReasonTruncated, false},
		{"no picture", content([]byte("text")), safety.VerdictHold, safety.ScanUnsupported, media.ReasonUnknownFormat, false},
		{"empty", content([]byte{}), safety.VerdictHold, safety.ScanFailed, media.ReasonEmpty, false},
		{"encrypted", func() intake.Content { c := content(match.Canary); c.Surface = safety.SurfaceEncrypted; return c }(),
			safety.VerdictHold, safety.ScanUnsupported, "surface_not_permitted", false},
		{"private in the EU", func() intake.Content {
			c := content(match.Canary)
			c.Surface, c.Jurisdiction = safety.SurfacePrivate, "FR"
			return c
		}(), safety.VerdictHold, safety.ScanUnsupported, "surface_not_permitted", false},
		{"one hash only", intake.Content{ContentID: "h", Surface: safety.SurfacePublic, Hashes: []safety.Hash{{Type: safety.MD5, Value: "d41d8cd98f00b204e9800998ecf8427e"}}},
			safety.VerdictHold, safety.ScanPartial, "hashes_incomplete", false},
	} {
		got, err := b.desk.Check(t.Context(), tt.c)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got.Verdict != tt.verdict || got.Scan != tt.scan || got.ScanReason != tt.reason || (got.CaseID != "") != tt.isCase {
			t.Errorf("%s: got %s, %s (%s), case %q", tt.name, got.Verdict, got.Scan, got.ScanReason, got.CaseID)
		}
	}
}

// TestNeverOpen: whatever is away, the answer is an error and not "allow".
func TestNeverOpen(t *testing.T) {
	t.Parallel()
	unknown := sample.PNG(sample.Landscape(9, 400, 300))
	for _, tt := range []struct {
		name  string
		file  []byte
		spoil func(*testing.T, *bench)
	}{
		{"lists not loaded", unknown, func(*testing.T, *bench) {}},
		{"decoders gone", unknown, func(t *testing.T, b *bench) { b.ready(t); b.pool.Close() }},
		{"database gone before a case", match.Canary, func(t *testing.T, b *bench) { b.ready(t); _ = b.store.Close() }},
		{"evidence cannot be written", match.Canary, func(t *testing.T, b *bench) { b.ready(t); _ = b.blobs.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, policy.Default)
			tt.spoil(t, b)
			got, err := b.desk.Check(t.Context(), content(tt.file))
			if err == nil || got.Verdict == safety.VerdictAllow {
				t.Errorf("got %+v, %v", got, err)
			}
			if b.desk.Errors() != 1 || b.desk.Scans()[safety.ScanScanned] != 0 {
				t.Error("the failure is not counted as one")
			}
		})
	}
}

// TestQuota: past its daily number a breaker gives the other verdict, and the
// case is opened all the same.
func TestQuota(t *testing.T) {
	t.Parallel()
	rules := []byte(`
version: t
rules:
  - {name: known, when: findings.size() > 0, verdict: block, case: {queue: q, priority: P2, reason: r}}
quotas:
  - {name: blocks, verdict: block, per_day: 2, then: hold}
`)
	b := newBench(t, rules).ready(t)
	for i, want := range []safety.Verdict{safety.VerdictBlock, safety.VerdictBlock, safety.VerdictHold, safety.VerdictHold} {
		c := content(match.Canary)
		c.ContentID = string(rune('a' + i))
		got, err := b.desk.Check(t.Context(), c)
		if err != nil || got.Verdict != want || got.CaseID == "" {
			t.Errorf("check %d: %s, case %q, %v; want %s", i, got.Verdict, got.CaseID, err, want)
		}
	}
}

// TestTwice: the same content is one item, and the platform is told once.
func TestTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	first, err := b.desk.Check(t.Context(), content(match.Canary))
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.desk.Check(t.Context(), content(match.Canary))
	if err != nil || second.CaseID != first.CaseID || len(b.events) != 1 {
		t.Errorf("cases %s and %s, %d events, %v", first.CaseID, second.CaseID, len(b.events), err)
	}
	if items, err := b.store.Read().ItemsOfCase(t.Context(), first.CaseID); err != nil || len(items) != 1 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

// TestAgain: an upload from before a signal came onto a list becomes a case when
// it does, and a flood of matches with one signal holds instead of blocking.
func TestAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default)
	ctx := t.Context()
	lists := b.desk.Lists
	lists.SetFlood(3)
	if err := errors.Join(lists.Create(ctx, "t", match.List{Name: "l", Kind: safety.ListIllegal, Threshold: -1}), b.index.Refresh(ctx)); err != nil {
		t.Fatal(err)
	}
	file := sample.PNG(sample.Landscape(3, 400, 300))
	if got, err := b.desk.Check(ctx, content(file)); err != nil || got.Verdict != safety.VerdictAllow {
		t.Fatalf("before: %+v, %v", got, err)
	}
	digests, err := media.Digest(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lists.Import(ctx, "t", "l", match.FormatHashes, strings.NewReader(digests.SHA256.Value), false); err != nil {
		t.Fatal(err)
	}
	if err := b.index.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := b.desk.Recents.Retro(ctx, b.desk.Again); n != 1 || err != nil {
		t.Fatalf("found %d uploads again, %v", n, err)
	}
	if len(b.events) != 1 || b.events[0].Data["content_id"] != "p_1" || b.events[0].Data["verdict"] != "block" {
		t.Errorf("the platform was told %+v", b.events)
	}
	if n, err := b.desk.Recents.Retro(ctx, b.desk.Again); n != 0 || err != nil {
		t.Errorf("a second run found %d, %v", n, err)
	}
	var last intake.Answer
	for i := range 4 { // with the first, five contents in an hour
		c := content(file)
		c.ContentID, c.AccountID = fmt.Sprint("q", i), fmt.Sprint("u", i)
		if last, err = b.desk.Check(ctx, c); err != nil {
			t.Fatal(err)
		}
		if err := b.index.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := b.store.Read().CaseByID(ctx, last.CaseID)
	if err != nil || last.Verdict != safety.VerdictHold || opened.Queue != "quarantine" {
		t.Errorf("in a flood: %s in queue %q, %v", last.Verdict, opened.Queue, err)
	}
	if e := b.events[3]; e.Type != "signal.quarantined" {
		t.Errorf("event %+v, want the quarantine", e)
	}
}
