package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
)

var ada = safety.Actor{ID: "user:usr_1", Name: "Ada", Person: true}

func open(t *testing.T) *App {
	t.Helper()
	c := Config{Data: t.TempDir(), DSA: DSAConfig{Statements: StatementsConfig{Texts: map[safety.ListKind]statement.Text{
		safety.ListIllegal: {Ground: "illegal", LegalGround: "law", Explanation: "on a list", Facts: "a comparison found it", Category: "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"},
		safety.ListHarmful: {Ground: "incompatible", LegalGround: "terms", Explanation: "not allowed", Facts: "a comparison found it", Category: "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"},
	}}}}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// decide takes a case through the real desk to a confirmed decision.
func (a *App) decide(t *testing.T) (caseID, decisionID string) {
	t.Helper()
	err := a.Store.Tx(t.Context(), func(tx *store.Tx) error {
		o, err := a.Cases.Open(t.Context(), tx, cases.Content{ContentID: "c1", AccountID: "a1", Verdict: safety.VerdictBlock, Scan: safety.ScanScanned, Format: "png", SHA256: "00",
			ReceivedAt: time.Now(), Queue: "known", Priority: safety.P2, Findings: []safety.Finding{{List: "l", Kind: safety.ListIllegal}}})
		caseID = o.CaseID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Cases.Claim(t.Context(), ada, caseID); err != nil {
		t.Fatal(err)
	}
	made, err := a.Cases.Decide(t.Context(), ada, caseID, cases.Judgement{Outcome: cases.Confirmed, Reason: "r", IncidentType: "x"}, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	return caseID, made.ID
}

// TestProbes: every probe of the catalogue reads a real database, empty or not.
func TestProbes(t *testing.T) {
	a := open(t)
	look := func() *measures.Register {
		t.Helper()
		r, err := a.Measures.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Measures {
			if e.Holding == measures.Unreadable {
				t.Errorf("%s could not be read", e.Code)
			}
		}
		return r
	}
	look()
	a.decide(t)
	if _, err := a.Ledger.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range look().Measures {
		if e.Code != "ICU C4" {
			continue
		}
		text, _ := json.Marshal(e.Evidence)
		if e.Holding != measures.HasEvidence {
			t.Errorf("after a decision, ICU C4 holds %s: %s", e.Holding, text)
		}
	}
}

// TestProbesFail: a database that does not answer is never evidence.
func TestProbesFail(t *testing.T) {
	a := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, probe := range a.probes() {
		switch name {
		case "reporting", "policy", "nca": // from the configuration alone
			continue
		}
		if e, err := probe(ctx); err == nil {
			t.Errorf("%s finds %v in a database that does not answer", name, e)
		}
	}
}

// TestStatementsWired: a confirmed decision has a statement, taking it back
// withdraws it, and an automatic verdict without a case has one too.
func TestStatementsWired(t *testing.T) {
	a := open(t)
	caseID, dec := a.decide(t)
	state := func(puid string) string {
		t.Helper()
		s, err := a.Store.Read().Statement(t.Context(), puid)
		if err != nil {
			t.Fatal(err)
		}
		return s.State
	}
	if got := state(dec); got != "kept" { // nothing is sent without an address
		t.Errorf("the statement is %s", got)
	}
	if _, err := a.Cases.Undo(t.Context(), ada, caseID); err != nil {
		t.Fatal(err)
	}
	if got := state(dec); got != "withdrawn" {
		t.Errorf("after the decision was taken back, it is %s", got)
	}
	err := a.Store.Tx(t.Context(), func(tx *store.Tx) error {
		return a.acted(t.Context(), tx, intake.Acted{CheckID: "chk_1", Kinds: []safety.ListKind{safety.ListHarmful}, Verdict: safety.VerdictLimit})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := state("chk_1"); got != "kept" {
		t.Errorf("the statement is %s", got)
	}
}
