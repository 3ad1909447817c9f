package cases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// RelevantWindow is how far back relevant data of an account reaches, from the
// moment of the content: the two-week period of SI 2026/268 reg. 8(2) [S].
const RelevantWindow = 14 * 24 * time.Hour

// relevantDue is how long the platform may take before the case says overdue. No
// law says so [I]: what rolls off on the platform is lost if it takes long.
const relevantDue = 24 * time.Hour

// maxGiven bounds the pieces of a case, so that a platform that repeats itself
// without end does not fill the disk.
const maxGiven = 500

// Kinds of relevant data. The regulation lists five, of which our sources name two
// [S]; for the others the platform may use a word of its own.
const (
	RelevantProfile     = "profile" // Rowan's own snapshot
	RelevantChatLogs    = "chat_logs"
	RelevantConnections = "account_connections"
)

// gather keeps, at the moment of detection, what may be gone later: it seals what
// Rowan knows of the account and asks the platform for the two weeks before. It
// does so for every item with illegal material, in the item's own transaction.
func (d *Desk) gather(ctx context.Context, tx *store.Tx, caseID, itemID string, c Content) error {
	illegal := slices.ContainsFunc(c.Findings, func(f safety.Finding) bool { return f.Kind == safety.ListIllegal })
	if !illegal || c.AccountID == "" {
		return nil
	}
	now := d.now()
	to := c.CreatedAt
	if to.IsZero() {
		to = c.ReceivedAt
	}
	from := to.Add(-RelevantWindow)
	_, err := tx.AddRelevantWant(ctx, db.AddRelevantWantParams{ID: safety.NewID("rel", now), CaseID: caseID, ItemID: itemID, AccountID: c.AccountID,
		FromAt: store.Micros(from), ToAt: store.Micros(to), AskedAt: store.Micros(now), DueAt: store.Micros(now.Add(relevantDue))})
	if err != nil {
		return fmt.Errorf("asking for relevant data: %w", err)
	}
	if err := d.snapshot(ctx, tx, caseID, itemID, c.AccountID, from, to); err != nil {
		return err
	}
	return d.hooks.Announce(ctx, tx, safety.Event{Type: "case.relevant_data_wanted", Subject: caseID, Data: map[string]any{
		"case_id": caseID, "account_id": c.AccountID, "from": from.UTC().Format(time.RFC3339), "to": to.UTC().Format(time.RFC3339)}})
}

// snapshot seals the profile that the platform has sent, if it has.
func (d *Desk) snapshot(ctx context.Context, tx *store.Tx, caseID, itemID, accountID string, from, to time.Time) error {
	row, err := tx.Account(ctx, accountID)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading account: %w", err)
	}
	text, err := json.Marshal(struct {
		ID        string          `json:"id"`
		UpdatedAt time.Time       `json:"updated_at"`
		Profile   json.RawMessage `json:"profile"`
	}{row.ID, store.Time(row.UpdatedAt), json.RawMessage(row.Profile)})
	if err != nil {
		return fmt.Errorf("stored account: %w", err)
	}
	if same, err := d.hasSnapshot(ctx, tx, caseID, text); err != nil || same {
		return err
	}
	_, err = d.keepRelevant(ctx, tx, safety.System, caseID, itemID, GivenData{Kind: RelevantProfile, MediaType: "application/json", From: from, To: to, Data: text}, nil)
	return err
}

// hasSnapshot says whether the case holds this very snapshot, of another item.
func (d *Desk) hasSnapshot(ctx context.Context, tx *store.Tx, caseID string, text []byte) (bool, error) {
	pieces, err := tx.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return false, fmt.Errorf("reading evidence: %w", err)
	}
	sum := sha256.Sum256(text)
	return slices.ContainsFunc(pieces, func(e db.Evidence) bool {
		return e.Role == string(vault.Relevant) && e.Sha256 == hex.EncodeToString(sum[:])
	}), nil
}

// GivenData is relevant data as the platform hands it in.
type GivenData struct {
	Kind      string
	MediaType string
	From, To  time.Time
	Data      []byte
}

func (g GivenData) check() error {
	switch {
	case g.Kind == "" || len(g.Kind) > 64 || strings.Trim(g.Kind, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return safety.Errorf(safety.Invalid, "kind is a word of lower-case letters, digits and underscores")
	case len(g.Data) == 0:
		return safety.Errorf(safety.Invalid, "there are no data")
	case g.From.IsZero() || g.To.IsZero() || g.To.Before(g.From):
		return safety.Errorf(safety.Invalid, "from and to must be moments, in this order")
	}
	return nil
}

// Given is what became of it.
type Given struct {
	EvidenceID string
	Late       bool // it came after it was due
	Outside    bool // it reaches out of every window that was asked for
}

// GiveRelevant seals what the platform hands in for a case. What is late, or was
// not asked for, is kept all the same, and marked.
func (d *Desk) GiveRelevant(ctx context.Context, tx *store.Tx, who safety.Actor, caseID string, g GivenData) (Given, error) {
	if err := g.check(); err != nil {
		return Given{}, err
	}
	// The case is not destroyed meanwhile.
	if _, err := tx.LockCaseRow(ctx, caseID); err != nil {
		return Given{}, store.NotFound(err, "case")
	}
	items, err := tx.ItemsOfCase(ctx, caseID)
	if err != nil {
		return Given{}, fmt.Errorf("reading items: %w", err)
	}
	wants, err := tx.RelevantWantsOfCase(ctx, caseID)
	if err != nil {
		return Given{}, fmt.Errorf("reading what was asked for: %w", err)
	}
	if len(items) == 0 {
		return Given{}, safety.Errorf(safety.Conflict, "this case has no item that data could belong to")
	}
	if there, err := tx.RelevantDataOfCase(ctx, caseID); err != nil {
		return Given{}, fmt.Errorf("reading relevant data: %w", err)
	} else if len(there) >= maxGiven {
		return Given{}, safety.Errorf(safety.Conflict, "this case has %d pieces of relevant data, which is all that it takes", len(there))
	}
	return d.keepRelevant(ctx, tx, who, caseID, itemOf(g, wants, items[0].ID), g, wants)
}

// itemOf is the item whose window the data lie in.
func itemOf(g GivenData, wants []db.RelevantWant, otherwise string) string {
	for _, w := range wants {
		if inside(g, w) {
			return w.ItemID
		}
	}
	if len(wants) > 0 {
		return wants[0].ItemID
	}
	return otherwise
}

// inside allows for the microseconds that a time in seconds loses.
func inside(g GivenData, w db.RelevantWant) bool {
	const second = int64(time.Second / time.Microsecond)
	return store.Micros(g.From) >= w.FromAt-second && store.Micros(g.To) <= w.ToAt+second
}

// keepRelevant seals data and says how they came.
func (d *Desk) keepRelevant(ctx context.Context, tx *store.Tx, who safety.Actor, caseID, itemID string, g GivenData, wants []db.RelevantWant) (Given, error) {
	out := Given{Outside: who != safety.System, Late: len(wants) > 0}
	now := store.Micros(d.now())
	for _, w := range wants {
		if inside(g, w) {
			out.Outside = false
		}
		if now <= w.DueAt {
			out.Late = false
		}
	}
	var err error
	out.EvidenceID, err = d.vault.Seal(ctx, tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Relevant, MediaType: g.MediaType, Data: g.Data})
	if err != nil {
		return out, err
	}
	err = tx.AddRelevantData(ctx, db.AddRelevantDataParams{EvidenceID: out.EvidenceID, CaseID: caseID, Kind: g.Kind, FromAt: store.Micros(g.From),
		ToAt: store.Micros(g.To), GivenBy: who.ID, GivenAt: now, Late: out.Late, Outside: out.Outside})
	if err != nil {
		return out, fmt.Errorf("recording relevant data: %w", err)
	}
	detail := fmt.Sprintf("%s: %s, %d bytes", out.EvidenceID, g.Kind, len(g.Data))
	if out.Late {
		detail += ", late"
	}
	if out.Outside {
		detail += ", outside of what was asked for"
	}
	return out, ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "evidence.relevant", Subject: caseID, Detail: detail})
}
