package intake_test

import (
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
)

// links puts links on lists.
func (b *bench) links(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for name, entry := range map[string]struct {
		kind safety.ListKind
		link string
	}{"illegal": {safety.ListIllegal, "example.test/bad/*"}, "harmful": {safety.ListHarmful, "*.harm.test/*"}, "fine": {safety.ListAllow, "example.test/bad/fine"}} {
		if err := b.desk.Lists.Create(ctx, "t", match.List{Name: name, Kind: entry.kind, Threshold: -1}); err != nil {
			t.Fatal(err)
		}
		h, err := match.URLSignal(entry.link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.desk.Lists.AddContent(ctx, "t", name, match.ContentOnList{Signals: []safety.Hash{h}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.index.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCheckLinks(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	b.links(t)
	public := intake.Content{ContentID: "post", AccountID: "u", Surface: safety.SurfacePublic}
	for _, tt := range []struct {
		name, link string
		surface    safety.Surface
		place      safety.Jurisdiction
		verdict    safety.Verdict
		scan       safety.ScanState
		reason     string
		isCase     bool
	}{
		{"unknown", "https://example.test/other", safety.SurfacePublic, "", safety.VerdictAllow, safety.ScanScanned, "", false},
		{"listed", "https://example.test/bad/1", safety.SurfacePublic, "", safety.VerdictBlock, safety.ScanScanned, "", true},
		{"listed, spelt otherwise", `HTTPS:\\user@Example.test\x\..\%62ad\2`, safety.SurfacePublic, "", safety.VerdictBlock, safety.ScanScanned, "", true},
		{"harmful", "http://a.b.harm.test/", safety.SurfacePublic, "", safety.VerdictLimit, safety.ScanScanned, "", false},
		{"on a list and on an allow list", "https://example.test/bad/fine", safety.SurfacePublic, "", safety.VerdictBlock, safety.ScanScanned, "", true},
		{"no link", "javascript:alert(1)", safety.SurfacePublic, "", safety.VerdictHold, safety.ScanFailed, intake.ReasonLinkUnreadable, false},
		{"empty", "", safety.SurfacePublic, "", safety.VerdictHold, safety.ScanFailed, intake.ReasonLinkUnreadable, false},
		{"encrypted", "https://example.test/bad/1", safety.SurfaceEncrypted, "", safety.VerdictHold, safety.ScanUnsupported, "surface_not_permitted", false},
		{"private in the EU", "https://example.test/bad/1", safety.SurfacePrivate, "FR", safety.VerdictHold, safety.ScanUnsupported, "surface_not_permitted", false},
		{"private elsewhere", "https://example.test/bad/1", safety.SurfacePrivate, "GB", safety.VerdictBlock, safety.ScanScanned, "", true},
	} {
		c := public
		c.Surface, c.Jurisdiction = tt.surface, tt.place
		got, err := b.desk.CheckLinks(t.Context(), c, []string{tt.link})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
			continue
		}
		if a := got[0]; a.Verdict != tt.verdict || a.Scan != tt.scan || a.ScanReason != tt.reason || (a.CaseID != "") != tt.isCase {
			t.Errorf("%s: got %s, %s (%s), case %q", tt.name, a.Verdict, a.Scan, a.ScanReason, a.CaseID)
		}
	}
}

// TestCheckLinks_Case: each link of a content is an item of its own, once, with
// the link and without a file; the platform is told; what needs no case is
// stored nowhere.
func TestCheckLinks_Case(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	b.links(t)
	c := intake.Content{ContentID: "post", AccountID: "u", Surface: safety.SurfacePublic}
	all := []string{"https://example.test/bad/1", "https://example.test/unlisted", "https://example.test/bad/2", "example.test/bad/3 x"}
	var caseID string
	for range 2 {
		got, err := b.desk.CheckLinks(t.Context(), c, all)
		if err != nil || len(got) != 4 || got[1].Verdict != safety.VerdictAllow || got[0].CaseID == "" || got[2].CaseID != got[0].CaseID || got[3].CaseID != got[0].CaseID {
			t.Fatalf("%+v, %v", got, err)
		}
		if f := got[0].Findings; len(f) != 1 || f[0].List != "illegal" || f[0].Match != safety.MatchExact || f[0].Detector != "url/1" {
			t.Errorf("findings %+v", f)
		}
		caseID = got[0].CaseID
	}
	items, err := b.store.Read().ItemsOfCase(t.Context(), caseID)
	if err != nil || len(items) != 3 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	var stored strings.Builder
	for _, it := range items {
		stored.WriteString(it.Url + "\n")
		if it.Format != "link" || it.Size != 0 || it.Sha256 != "" {
			t.Errorf("item %+v", it)
		}
	}
	if len(b.events) != 3 || !strings.Contains(stored.String(), "https://example.test/bad/2\n") || !strings.Contains(stored.String(), "http://example.test/bad/3%20x\n") {
		t.Errorf("%d events, links %q", len(b.events), stored.String())
	}
}

// TestCheckLinks_NeverOpen: whatever is away, the answer is an error.
func TestCheckLinks_NeverOpen(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*bench){
		"lists not loaded":            func(*bench) {},
		"database gone before a case": func(b *bench) { b.ready(t); b.links(t); _ = b.store.Close() },
	} {
		b := newBench(t, policy.Default)
		spoil(b)
		got, err := b.desk.CheckLinks(t.Context(), intake.Content{ContentID: "p", AccountID: "u", Surface: safety.SurfacePublic}, []string{"https://example.test/ok", "https://example.test/bad/1"})
		if err == nil || got != nil {
			t.Errorf("%s: got %+v", name, got)
		}
		if b.desk.Errors() != 1 {
			t.Errorf("%s: %d errors are counted", name, b.desk.Errors())
		}
	}
}
