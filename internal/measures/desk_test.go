package measures_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files")

var who = safety.Actor{ID: "user:usr_1", Name: "Ada", Person: true}

// bench is a desk on a database of its own, with a clock that tests move.
type bench struct {
	*measures.Desk
	t     *testing.T
	store *store.Store
	now   time.Time
}

// probes answer for every name of the catalogue; change replaces some.
func probes(t *testing.T, change map[string]measures.Probe) map[string]measures.Probe {
	out := map[string]measures.Probe{}
	for _, name := range load(t).ProbeNames() {
		out[name] = func(context.Context) (measures.Evidence, error) {
			return measures.Evidence{Facts: []measures.Fact{{Label: "Probe", Value: name + " was read"}}}, nil
		}
	}
	maps.Copy(out, change)
	return out
}

func newBench(t *testing.T, s *store.Store, change map[string]measures.Probe) *bench {
	t.Helper()
	b := &bench{t: t, store: s, now: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	var err error
	if b.Desk, err = measures.NewDesk(s, func() time.Time { return b.now }, slog.New(slog.DiscardHandler), probes(t, change)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) view() *measures.Register {
	b.t.Helper()
	r, err := b.View(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) entry(code string) measures.Entry {
	b.t.Helper()
	for _, e := range b.view().Measures {
		if e.Code == code {
			return e
		}
	}
	b.t.Fatalf("there is no %s", code)
	return measures.Entry{}
}

func TestUnknownProbe(t *testing.T) {
	if _, err := measures.NewDesk(nil, time.Now, slog.New(slog.DiscardHandler), nil); err == nil {
		t.Error("a catalogue that names probes which nobody has was taken")
	}
}

// TestUnread: a probe that fails is neither evidence nor a gap, and what it said
// stays inside.
func TestUnread(t *testing.T) {
	b := newBench(t, storetest.Open(t), map[string]measures.Probe{
		"policy": func(context.Context) (measures.Evidence, error) {
			return measures.Evidence{}, errors.New("secret cause")
		},
		"ledger":   func(context.Context) (measures.Evidence, error) { return measures.Evidence{}, nil },
		"webhooks": func(context.Context) (measures.Evidence, error) { return measures.Evidence{Gap: "nobody is told"}, nil },
	})
	if e := b.entry("ICU C1"); e.Holding != measures.Unreadable {
		t.Errorf("ICU C1 holds %s", e.Holding)
	}
	if e := b.entry("ICU A4"); e.Holding != measures.HasGap {
		t.Errorf("a probe without facts gives %s", e.Holding)
	}
	if e := b.entry("DSA Art. 17"); e.Holding != measures.HasGap {
		t.Errorf("a probe with a gap gives %s", e.Holding)
	}
	for form := range measures.Forms {
		out, err := b.view().Export(form)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte("secret cause")) {
			t.Errorf("%s: the cause of an error is in the export", form)
		}
	}
	md, _ := b.view().Export(measures.Markdown)
	if !bytes.Contains(md, []byte("Could not be read: policy.")) {
		t.Error("the export does not say what could not be read")
	}
}

func TestRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s := open(t)
		b := newBench(t, s, nil)
		ctx := t.Context()
		if b.view().Profile != nil || b.entry("ICU C1").Record != nil {
			t.Fatal("an empty register knows something")
		}
		p := uk(10, nil)
		if err := b.SetProfile(ctx, who, p); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Hour)
		p.Name = "Second"
		if err := b.SetProfile(ctx, who, p); err != nil {
			t.Fatal(err)
		}
		first := measures.Record{Code: "ICU C1", Status: measures.InEffect, EffectiveOn: "2025-03-17", ReviewOn: "2026-11-27", Responsible: "Grace", Links: []string{"https://wiki.example.test/c1"}}
		if err := b.SetRecord(ctx, who, first); err != nil {
			t.Fatal(err)
		}
		if e := b.entry("ICU C1"); e.Record == nil || e.Record.Status != measures.InEffect || !e.ReviewDue || e.Record.By != "Ada" || len(e.Record.Links) != 1 {
			t.Errorf("the register shows %+v", e.Record)
		}
		b.now = b.now.Add(time.Hour)
		if err := b.SetRecord(ctx, who, measures.Record{Code: "ICU C1", Status: measures.Alternative, Justification: "another way"}); err != nil {
			t.Fatal(err)
		}
		history, err := b.History(ctx, "ICU C1")
		if err != nil || len(history) != 2 || history[0].Status != measures.Alternative || history[1].Status != measures.InEffect {
			t.Errorf("history: %+v, %v", history, err)
		}
		versions, err := b.Profiles(ctx, 10)
		if err != nil || len(versions) != 2 || versions[0].Profile.Name != "Second" || versions[1].Profile.Name != "" {
			t.Errorf("versions: %+v, %v", versions, err)
		}
		rows, err := s.Read().Entries(ctx, "~", 10)
		if err != nil || len(rows) != 4 {
			t.Errorf("%d ledger rows for 4 changes, %v", len(rows), err)
		}
	})
}

func TestRecordRefused(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	for name, c := range map[string]struct {
		r    measures.Record
		kind safety.Kind
	}{
		"no such measure":               {measures.Record{Code: "X", Status: measures.NotAdopted}, safety.NotFound},
		"no status":                     {measures.Record{Code: "ICU C1"}, safety.Invalid},
		"alternative without a reason":  {measures.Record{Code: "ICU C1", Status: measures.Alternative}, safety.Invalid},
		"in effect without a date":      {measures.Record{Code: "ICU C1", Status: measures.InEffect}, safety.Invalid},
		"a day that is none":            {measures.Record{Code: "ICU C1", Status: measures.NotAdopted, ReviewOn: "2026-02-30"}, safety.Invalid},
		"a link that runs in a browser": {measures.Record{Code: "ICU C1", Status: measures.NotAdopted, Links: []string{"javascript:alert(1)"}}, safety.Invalid},
	} {
		if err := b.SetRecord(t.Context(), who, c.r); safety.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows, err := b.store.Read().Entries(t.Context(), "~", 10); err != nil || len(rows) != 0 {
		t.Errorf("%d ledger rows for nothing, %v", len(rows), err)
	}
}

var claims = regexp.MustCompile(`(?i)complian(t|ce (is|with))|\bcompl(y|ies)\b|fulfils|meets the duty`)

// TestNoClaim: no form of the register says that a duty is met.
func TestNoClaim(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	if err := b.SetProfile(t.Context(), who, uk(8_000_000, map[string]measures.Level{"csam_image": "high"})); err != nil {
		t.Fatal(err)
	}
	for _, form := range []measures.Form{measures.JSON, measures.Markdown, measures.CSV} {
		out, err := b.view().Export(form)
		if err != nil {
			t.Fatal(err)
		}
		if m := claims.Find(out); m != nil {
			t.Errorf("%s says %q", form, m)
		}
	}
	for _, file := range []string{"catalogue.yaml", "export.go", "register.go", "../app/measures.go", "../../web/console/src/screens/Measures.svelte"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := claims.Find(text); m != nil {
			t.Errorf("%s says %q", file, m)
		}
	}
}

// services are the examples of the golden files.
var services = map[string]measures.Profile{
	"small-forum": {Name: "A small forum", UKUsers: new(int64(12_000)), Serves: []string{"UK", "EU"}, Provider: "UK", MicroOrSmall: new(true),
		ChildAccess: new(false), DeterminesAge: new(false), UsesHEAA: new(false), AdultService: new(false), Category1: new(false), RisksComplete: new(true),
		Risks:     map[string]measures.Level{"csea": "low", "grooming": "low", "csam_image": "low", "csam_url": "low", "terrorism": "low", "hate": "medium", "harassment": "low", "foreign_interference": "negligible", "fraud": "low", "intimate_image": "low"},
		Functions: measures.Functions{UserToUser: new(true), PrivateMessaging: new(true), EncryptedMessaging: new(false), Livestream: new(false), ImageSharing: new(true), FileSharing: new(false), Recommender: new(false), RecommenderTests: new(false), Spaces: new(false), Comments: new(true), Connections: new(false)}},
	"large-social-network": {Name: "A large social network", UKUsers: new(int64(21_000_000)), Serves: []string{"UK", "EU", "US"}, Provider: "US", MicroOrSmall: new(false),
		ChildAccess: new(true), DeterminesAge: new(true), UsesHEAA: new(true), AdultService: new(false), Category1: new(true), RisksComplete: new(true),
		Risks:     map[string]measures.Level{"csea": "high", "grooming": "high", "csam_image": "high", "csam_url": "medium", "terrorism": "medium", "hate": "high", "harassment": "high", "foreign_interference": "medium", "fraud": "high", "intimate_image": "high"},
		Functions: measures.Functions{UserToUser: new(true), PrivateMessaging: new(true), EncryptedMessaging: new(false), Livestream: new(true), ImageSharing: new(true), FileSharing: new(false), Recommender: new(true), RecommenderTests: new(true), Spaces: new(false), Comments: new(true), Connections: new(true)}},
	"vr-platform": {Name: "A VR platform with encrypted chat", UKUsers: new(int64(900_000)), Serves: []string{"UK", "US"}, Provider: "UK",
		ChildAccess: new(true), DeterminesAge: new(true), AdultService: new(false), // its size class and category are not said
		Risks:     map[string]measures.Level{"csea": "high", "grooming": "high", "csam_image": "medium", "csam_url": "low", "harassment": "medium"},
		Functions: measures.Functions{UserToUser: new(true), PrivateMessaging: new(true), EncryptedMessaging: new(true), Livestream: new(true), ImageSharing: new(true), FileSharing: new(false), Recommender: new(false), RecommenderTests: new(false), Spaces: new(true), Comments: new(false), Connections: new(true)}},
}

// TestGolden lists, for three services, which measures apply, which cannot be
// told, and what Rowan holds. The probes are those of a test: package app has
// its own test that the real ones read a real database.
func TestGolden(t *testing.T) {
	for name, p := range services {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, storetest.Open(t), map[string]measures.Probe{
				"canary": func(context.Context) (measures.Evidence, error) {
					return measures.Evidence{Gap: "The canary has never been sent."}, nil
				},
				"exchanges": func(context.Context) (measures.Evidence, error) {
					return measures.Evidence{}, errors.New("database is away")
				},
			})
			if err := b.SetProfile(t.Context(), who, p); err != nil {
				t.Fatal(err)
			}
			got, err := b.view().Export(measures.Markdown)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("go test ./internal/measures -run Golden -update writes it (-kept +made):\n%s", diff)
			}
		})
	}
}

func TestExport(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	p := services["large-social-network"]
	p.Name = "=cmd <b>&"
	if err := errors.Join(b.SetProfile(t.Context(), who, p),
		b.SetRecord(t.Context(), who, measures.Record{Code: "ICU C1", Status: measures.NotAdopted, Responsible: "=1+1", Justification: "a\n# b <script>"})); err != nil {
		t.Fatal(err)
	}
	r := b.view()
	out, err := r.Export(measures.JSON)
	var back measures.Register
	if err != nil || json.Unmarshal(out, &back) != nil || len(back.Measures) != len(r.Measures) {
		t.Errorf("json: %v", err)
	}
	out, err = r.Export(measures.CSV)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil || len(rows) != len(r.Measures)+1 {
		t.Errorf("csv: %d rows, %v", len(rows), err)
	}
	if !strings.Contains(string(out), "'=1+1") {
		t.Error("a spreadsheet would run what an operator wrote")
	}
	if out, _ = r.Export(measures.Markdown); bytes.Contains(out, []byte("\n# b")) || bytes.Contains(out, []byte("<script>")) {
		t.Error("an operator's text breaks out of its line")
	}
	if out, err = r.Export(measures.PDF); err != nil || !bytes.HasPrefix(out, []byte("%PDF-")) {
		t.Errorf("pdf: %v", err)
	}
	if again, _ := r.Export(measures.PDF); !bytes.Equal(out, again) {
		t.Error("the same register gives two PDFs")
	}
	if _, err = r.Export("doc"); safety.KindOf(err) != safety.Invalid {
		t.Errorf("an unknown form: %v", err)
	}
}
