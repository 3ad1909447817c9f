package cases_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

// TestVote: a decision tells the sources of those signals only that matched
// what the decider looked at; undoing it takes that back.
func TestVote(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	var told []string
	desk := cases.NewDesk(b.store, b.vault, b.clock, time.Hour, cases.Hooks{
		Announce: func(context.Context, *store.Tx, safety.Event) error { return nil },
		Retract:  func(context.Context, *store.Tx, string) (int64, error) { return 1, nil },
		Vote: func(_ context.Context, _ *store.Tx, caseID string, signals []string, confirmed bool) error {
			told = append(told, fmt.Sprint(caseID, signals, confirmed))
			return nil
		},
		Unvote: func(_ context.Context, _ *store.Tx, caseID string) error {
			told = append(told, "undone "+caseID)
			return nil
		},
	})
	seen, unseen := content("acct", "one", safety.P2), content("acct", "two", safety.P2)
	seen.Findings = append(seen.Findings, seen.Findings...)
	seen.Findings[0].SignalID, seen.Findings[1].SignalID = "sig_seen", "sig_seen"
	unseen.Findings[0].SignalID = "sig_unseen"
	id := b.open(seen).CaseID
	b.open(unseen)
	if _, err := desk.Claim(t.Context(), anna, id); err != nil {
		t.Fatal(err)
	}
	view := func(content string) {
		items, err := b.store.Read().ItemsOfCase(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		evidence, err := b.store.Read().EvidenceOfCase(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range evidence {
			for _, it := range items {
				if e.ItemID == it.ID && it.ContentID == content && e.Role == string(vault.Original) {
					if _, _, err := b.vault.Reveal(t.Context(), vault.Viewer{ID: anna.ID}, anna.ID, e.ID, vault.ViewOriginal, "to decide"); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	decide := func() {
		t.Helper()
		if _, err := desk.Decide(t.Context(), anna, id, reject, types); err != nil {
			t.Fatal(err)
		}
	}
	decide() // on the word of the list
	if len(told) != 0 {
		t.Errorf("a decision without a look tells %q", told)
	}
	if _, err := desk.Undo(t.Context(), anna, id); err != nil {
		t.Fatal(err)
	}
	view("one")
	if _, err := desk.Claim(t.Context(), anna, id); err != nil {
		t.Fatal(err)
	}
	decide()
	if want := []string{"undone " + id, fmt.Sprint(id, []string{"sig_seen"}, false)}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
