package cases_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

func (b *bench) pieces(caseID string, role vault.Role) (out []db.Evidence) {
	b.t.Helper()
	all, err := b.store.Read().EvidenceOfCase(context.Background(), caseID)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e db.Evidence) bool { return e.Role != string(role) })
}

func (b *bench) give(who safety.Actor, caseID string, g cases.GivenData) (out cases.Given, err error) {
	return out, b.store.Tx(context.Background(), func(tx *store.Tx) (err error) {
		out, err = b.desk.GiveRelevant(context.Background(), tx, who, caseID, g)
		return err
	})
}

// TestOpen_GathersRelevantData: the profile is sealed as it was at detection, and
// the platform is asked for the two weeks before the content.
func TestOpen_GathersRelevantData(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		ctx := t.Context()
		if err := b.store.Read().PutAccount(ctx, "acct", `{"names":["A"]}`, store.Micros(start)); err != nil {
			t.Fatal(err)
		}
		c := content("acct", "c1", safety.P2)
		c.CreatedAt = start.Add(-time.Hour)
		caseID := b.open(c).CaseID
		b.open(c) // the same again asks nothing
		c.ContentID, c.SHA256, c.CreatedAt = "c2", "c2", start.Add(-2*time.Hour)
		b.open(c) // another item asks for its own weeks, and the profile is there already
		if err := b.store.Read().PutAccount(ctx, "acct", `{"names":["B"]}`, store.Micros(start)); err != nil {
			t.Fatal(err)
		}
		kept := b.pieces(caseID, vault.Relevant)
		if len(kept) != 1 {
			t.Fatalf("%d snapshots, want 1", len(kept))
		}
		data, e, err := b.vault.Open(ctx, kept[0].ID)
		var got struct {
			ID      string
			Profile struct{ Names []string }
		}
		if err != nil || json.Unmarshal(data, &got) != nil || got.ID != "acct" || !slices.Equal(got.Profile.Names, []string{"A"}) || e.MediaType != "application/json" {
			t.Errorf("snapshot %s (%v)", data, err)
		}
		if len(b.wanted) != 2 || b.wanted[0].Subject != caseID || len(b.wanted[0].Data) != 4 || b.wanted[0].Data["account_id"] != "acct" ||
			b.wanted[0].Data["from"] != "2026-10-19T08:00:00Z" || b.wanted[0].Data["to"] != "2026-11-02T08:00:00Z" ||
			b.wanted[1].Data["to"] != "2026-11-02T07:00:00Z" {
			t.Errorf("asked %+v", b.wanted)
		}

		in := cases.GivenData{Kind: cases.RelevantChatLogs, MediaType: "text/csv", From: start.Add(-14 * 24 * time.Hour), To: start.Add(-time.Hour), Data: []byte("a,b")}
		given, err := b.give(robot, caseID, in)
		if err != nil || given.Late || given.Outside {
			t.Errorf("in time and window: %+v (%v)", given, err)
		}
		if data, _, err := b.vault.Open(ctx, given.EvidenceID); err != nil || string(data) != "a,b" {
			t.Errorf("kept %q (%v)", data, err)
		}
		out := in
		out.From = start.Add(-30 * 24 * time.Hour)
		if given, err := b.give(robot, caseID, out); err != nil || given.Late || !given.Outside {
			t.Errorf("out of the window: %+v (%v)", given, err)
		}
		b.later(25 * time.Hour)
		if given, err := b.give(robot, caseID, in); err != nil || !given.Late || given.Outside {
			t.Errorf("late: %+v (%v)", given, err)
		}
		if _, err := b.desk.Decide(ctx, anna, caseID, reject, types); err != nil {
			t.Fatal(err)
		}
		if given, err := b.give(robot, caseID, in); err != nil || !given.Late {
			t.Errorf("on a decided case: %+v (%v)", given, err)
		}
		if n := len(b.pieces(caseID, vault.Relevant)); n != 5 {
			t.Errorf("%d pieces, want 5", n)
		}
	})
}

// TestOpen_GathersOnlyForIllegal: nothing more is collected than the law asks for.
func TestOpen_GathersOnlyForIllegal(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	if err := b.store.Read().PutAccount(t.Context(), "acct", `{}`, 1); err != nil {
		t.Fatal(err)
	}
	harmful := content("acct", "c1", safety.P2)
	harmful.Findings[0].Kind = safety.ListHarmful
	caseID := b.open(harmful).CaseID
	b.open(content("", "c2", safety.P2)) // of no account
	if len(b.wanted) != 0 || len(b.pieces(caseID, vault.Relevant)) != 0 {
		t.Errorf("asked %+v", b.wanted)
	}
	given, err := b.give(robot, caseID, cases.GivenData{Kind: "other", MediaType: "x/y", From: start, To: start, Data: []byte("x")})
	if err != nil || given.Late || !given.Outside {
		t.Errorf("not asked for: %+v (%v)", given, err)
	}
}

func TestGiveRelevant_Refusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	caseID := b.fresh()
	good := cases.GivenData{Kind: "chat_logs", MediaType: "x/y", From: start, To: start, Data: []byte("x")}
	for name, change := range map[string]func(*cases.GivenData){
		"no kind":       func(g *cases.GivenData) { g.Kind = "" },
		"a sentence":    func(g *cases.GivenData) { g.Kind = "Chat logs" },
		"no data":       func(g *cases.GivenData) { g.Data = nil },
		"no beginning":  func(g *cases.GivenData) { g.From = time.Time{} },
		"the other way": func(g *cases.GivenData) { g.From = start.Add(time.Hour) },
	} {
		g := good
		change(&g)
		_, err := b.give(robot, caseID, g)
		wantKind(t, name, err, safety.Invalid)
	}
	_, err := b.give(robot, "none", good)
	wantKind(t, "no case", err, safety.NotFound)
}

// TestUndo_NotAfterDestruction: a case without a key is not opened again, or its
// account's next upload could not be kept.
func TestUndo_NotAfterDestruction(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	caseID := b.fresh()
	if _, err := b.desk.Decide(t.Context(), anna, caseID, confirm, types); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Read().DestroyCaseKey(t.Context(), caseID, []byte{}, 1); err != nil {
		t.Fatal(err)
	}
	_, err := b.desk.Undo(t.Context(), anna, caseID)
	wantKind(t, "undoing", err, safety.Conflict)
}
