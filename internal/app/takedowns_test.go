package app

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/takedown"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (a *App) notice(t *testing.T, age, content string) (id string) {
	t.Helper()
	err := a.Store.Tx(t.Context(), func(tx *store.Tx) (err error) {
		id, err = a.Takedowns.Receive(t.Context(), tx, safety.Actor{ID: "key:k"}, takedown.Notice{Law: takedown.UK, AskedBy: "subject", UnderAge: age,
			Contents: []takedown.Named{{ContentID: content}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestTakedowns_Child: a notice that may be about a child is a case of the first
// priority in the account's name, also when the account has a case of lesser
// priority, and when the same content was decided before.
func TestTakedowns_Child(t *testing.T) {
	a := open(t)
	caseID, _ := a.decide(t) // c1 of a1
	cas := func(id string) (queue, priority string, items int) {
		n, err := a.Store.Read().Takedown(t.Context(), id)
		if err != nil || n.State != "moved" || n.CaseIds == "" {
			t.Fatalf("%+v, %v", n, err)
		}
		if n.CaseIds == caseID {
			t.Error("the notice is in a case that was decided")
		}
		c, err := a.Store.Read().CaseByID(t.Context(), n.CaseIds)
		if err != nil || c.State != string(cases.Open) || c.AccountID != "a1" {
			t.Errorf("%+v, %v", c, err)
		}
		its, err := a.Store.Read().ItemsOfCase(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Queue, c.Priority, len(its)
	}
	if q, p, n := cas(a.notice(t, "maybe", "c1")); q != childQueue || p != "P1" || n != 1 {
		t.Errorf("queue %s, %s, %d items", q, p, n)
	}
	if q, p, n := cas(a.notice(t, "yes", "c1")); q != childQueue || p != "P1" || n != 2 {
		t.Errorf("again: queue %s, %s, %d items", q, p, n)
	}
}

// TestTakedowns_Decided goes from an upload through a decision to a later upload
// that its own check answers.
func TestTakedowns_Decided(t *testing.T) {
	a := open(t)
	sum := strings.Repeat("ab", 32)
	a.Recents.Note(match.Upload{ContentID: "c", Query: match.Query{Exact: []safety.Hash{{Type: safety.SHA256, Value: sum}}}, At: time.Now()})
	a.Recents.Note(match.Upload{ContentID: "copy", Query: match.Query{Exact: []safety.Hash{{Type: safety.SHA256, Value: sum}}}, At: time.Now()})
	a.Recents.Flush(t.Context())
	id := a.notice(t, "no", "c")
	if err := a.searchTakedowns(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := a.Store.Tx(t.Context(), func(tx *store.Tx) error {
		return a.Takedowns.Decide(t.Context(), tx, ada, id, takedown.Decision{Outcome: takedown.TakeDown})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Index.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := safety.ParseHash(safety.SHA256, sum)
	if err != nil {
		t.Fatal(err)
	}
	found, err := a.Index.Lookup(match.Query{Exact: []safety.Hash{h}})
	if err != nil || len(found) != 1 || found[0].Kind != safety.ListIntimateImage {
		t.Fatalf("%+v, %v", found, err)
	}
	out := a.Policy.Decide(policy.Facts{Surface: safety.SurfacePublic, Scan: safety.ScanScanned, Findings: found})
	if out.Verdict != safety.VerdictBlock || out.Case != nil {
		t.Errorf("a later upload is answered %s, case %v", out.Verdict, out.Case)
	}

	r := prometheus.NewRegistry()
	r.MustRegister(takedownMetrics{a})
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`rowan_takedown_notices{state="decided"} 1`, "rowan_takedown_unconfirmed 2", "rowan_takedown_late 0", "rowan_takedown_seconds_left 1727"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %q:\n%s", want, w.Body)
		}
	}
}
