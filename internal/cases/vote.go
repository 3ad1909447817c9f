package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// vote passes a decision on to where the matching signals came from. Only
// signals that matched an item which the decider looked at count: a decision on
// the word of a list says nothing about the list. A test case says nothing
// either.
func (d *Desk) vote(ctx context.Context, tx *store.Tx, c db.Case, made db.Decision) error {
	if d.hooks.Vote == nil || c.Canary {
		return nil
	}
	var viewed []Viewed
	if err := json.Unmarshal([]byte(made.Viewed), &viewed); err != nil {
		return fmt.Errorf("reading what was viewed: %w", err)
	}
	evidence, err := tx.EvidenceOfCase(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	seen := map[string]bool{} // items
	for _, e := range evidence {
		seen[e.ItemID] = seen[e.ItemID] || slices.Contains(viewed, Viewed{EvidenceID: e.ID, Mode: "original"})
	}
	findings, err := tx.FindingsOfCase(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("reading findings: %w", err)
	}
	var signals []string
	for _, f := range findings {
		if seen[f.ItemID] && f.SignalID != "" && !slices.Contains(signals, f.SignalID) {
			signals = append(signals, f.SignalID)
		}
	}
	if len(signals) == 0 {
		return nil
	}
	return d.hooks.Vote(ctx, tx, c.ID, signals, made.Outcome == string(Confirmed))
}
