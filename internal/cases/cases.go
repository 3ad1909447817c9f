// Package cases holds what a person reviews: one or more findings on one
// account, in a queue, with a priority. A case is opened from intake, claimed
// by one reviewer at a time under a lease, and decided with a classification, a
// reason and a record of what was viewed.
//
// Every change is one transaction together with its ledger row, the webhooks
// that announce it and, for a confirmed case, the draft of its report. Code may
// raise a priority; only a person may lower one. Nothing here closes a case
// because something failed: no media, no answer and no error ever amounts to a
// decision.
package cases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
	"github.com/rowan-safety/rowan/pdq"
)

// State is where a case is in its life.
type State string

// The states. A decided case goes back to open when its decision is undone.
const (
	Open    State = "open"
	Decided State = "decided"
)

// Lease is how long a claim lasts without a sign of life from its reviewer.
const Lease = 15 * time.Minute

// UndoWindow is how long a decision waits before the platform is told.
const UndoWindow = 10 * time.Second

// Hooks are what happens beside a case's own change, in the same transaction.
// Package app connects them to the rooms that do it.
type Hooks struct {
	// Announce queues an event for the platform.
	Announce func(context.Context, *store.Tx, safety.Event) error
	// Retract cancels the events on a case that have not gone out, and tells how many.
	Retract func(ctx context.Context, tx *store.Tx, caseID string) (int64, error)
	// Draft makes the draft report of a confirmed decision.
	Draft func(context.Context, *store.Tx, db.Case, db.Decision) error
	// Withdraw removes the draft of a decision. It fails with a Conflict when
	// the report is past being a draft.
	Withdraw func(ctx context.Context, tx *store.Tx, who safety.Actor, decisionID string) error
	// Vote tells where lists come from what a person who looked thinks of the
	// signals that had matched; Unvote takes it back. Nil: nobody is told.
	Vote   func(ctx context.Context, tx *store.Tx, caseID string, signals []string, confirmed bool) error
	Unvote func(ctx context.Context, tx *store.Tx, caseID string) error
	// Judged counts a decision (by is 1), or that it was taken back (-1), on the
	// scores of the signals that brought the case here. It may be nil.
	Judged func(ctx context.Context, tx *store.Tx, signals []string, confirmed bool, by int64) error
}

// Desk works on cases.
type Desk struct {
	store *store.Store
	vault *vault.Vault
	now   func() time.Time
	keep  time.Duration
	hooks Hooks
}

// NewDesk returns a desk. keep is how long the evidence of a case that was not
// confirmed is kept after the decision.
func NewDesk(s *store.Store, v *vault.Vault, now func() time.Time, keep time.Duration, h Hooks) *Desk {
	return &Desk{store: s, vault: v, now: now, keep: keep, hooks: h}
}

// Keep is how long the evidence of a case that was not confirmed is kept.
func (d *Desk) Keep() time.Duration { return d.keep }

// Content is what intake knows of one piece of content that needs a person.
type Content struct {
	ContentID    string
	AccountID    string
	Surface      safety.Surface
	Jurisdiction safety.Jurisdiction
	Filename     string
	URL          string
	IP           string
	Port         int
	CreatedAt    time.Time // on the platform
	ReceivedAt   time.Time // by Rowan

	Verdict       safety.Verdict
	Scan          safety.ScanState
	ScanReason    string
	PolicyVersion string
	Findings      []safety.Finding

	Format        string
	Width, Height int
	Frames        int
	Size          int64
	SHA256, SHA1  string
	MD5, PDQ      string
	// Looks are the PDQ hashes of a single picture in its eight orientations, the
	// one it came in first: see [Looks]. Nil for what they do not tell apart, such
	// as videos.
	Looks []pdq.Hash

	Original  []byte // nil when the service sent hashes only
	MediaType string
	Preview   []byte // PNG, nil when none could be made

	Queue    string
	Priority safety.Priority
	Reason   string
	Canary   bool
	Notice   string // of somebody about this content, where there is one: then it is an item of its own, and looked at anew
}

// dedupeKey makes the same content from the same account one item. It is a
// hash, because PostgreSQL takes no zero byte in a text, and ids are of any form.
func (c Content) dedupeKey() string {
	what := c.SHA256 + "\x00" + c.MD5 + c.SHA1 + c.PDQ
	if what == "\x00" { // a link: a content may have many
		what += c.URL
	}
	if c.Notice != "" {
		what += "\x00" + c.Notice
	}
	sum := sha256.Sum256([]byte(c.AccountID + "\x00" + c.ContentID + "\x00" + what))
	return hex.EncodeToString(sum[:])
}

// lockID is what contents that may join one case have in common.
func (c Content) lockID() string {
	if c.AccountID == "" {
		return "item " + c.dedupeKey()
	}
	return "account " + c.AccountID
}

// Opened is what [Desk.Open] did.
type Opened struct {
	CaseID, ItemID string
	New            bool // false when this content was there already
}

// Open puts content before a person: on the account's open case if there is
// one, else on a new case. The same content twice is one item.
func (d *Desk) Open(ctx context.Context, tx *store.Tx, c Content) (Opened, error) {
	if err := tx.LockCases(ctx, c.lockID()); err != nil {
		return Opened{}, fmt.Errorf("locking account: %w", err)
	}
	if it, err := tx.ItemByDedupeKey(ctx, c.dedupeKey()); err == nil {
		return Opened{CaseID: it.CaseID, ItemID: it.ID}, nil
	} else if !store.IsNotFound(err) {
		return Opened{}, fmt.Errorf("looking for item: %w", err)
	}
	caseID, err := d.caseFor(ctx, tx, c)
	if err != nil {
		return Opened{}, err
	}
	itemID, err := d.addItem(ctx, tx, caseID, c)
	if err != nil {
		return Opened{}, err
	}
	if err := d.seal(ctx, tx, caseID, itemID, c); err != nil {
		return Opened{}, err
	}
	if err := d.gather(ctx, tx, caseID, itemID, c); err != nil {
		return Opened{}, err
	}
	// Late, because it takes turns with every other case that is being opened.
	if err := d.place(ctx, tx, itemID, c); err != nil {
		return Opened{}, err
	}
	err = ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: safety.System.ID, Action: "case.item", Subject: caseID,
		Detail: fmt.Sprintf("%s: verdict %s, %s, policy %s", itemID, c.Verdict, c.Scan, c.PolicyVersion)})
	return Opened{CaseID: caseID, ItemID: itemID, New: true}, err
}

// caseFor finds the account's open case, raising its priority if needed, or
// opens a new one.
func (d *Desk) caseFor(ctx context.Context, tx *store.Tx, c Content) (string, error) {
	now := d.now()
	open, err := tx.OpenCaseOfAccount(ctx, c.AccountID, c.Canary)
	if err == nil {
		// LockCase counts a revision: who is deciding must look again.
		if open, err = tx.LockCase(ctx, open.ID, store.Micros(now)); err != nil {
			return "", fmt.Errorf("locking case: %w", err)
		}
		if p := safety.Highest(safety.Priority(open.Priority), c.Priority); p != safety.Priority(open.Priority) {
			open.Priority, open.Queue, open.Reason = string(p), c.Queue, c.Reason
		}
		return open.ID, d.update(ctx, tx, open)
	}
	if !store.IsNotFound(err) {
		return "", fmt.Errorf("looking for open case: %w", err)
	}
	id := safety.NewID("cas", now)
	err = tx.CreateCase(ctx, db.CreateCaseParams{ID: id, State: string(Open), Queue: c.Queue, Priority: string(c.Priority),
		AccountID: c.AccountID, Reason: c.Reason, Surface: string(c.Surface), Jurisdiction: string(c.Jurisdiction),
		Canary: c.Canary, OpenedAt: store.Micros(now)})
	if err != nil {
		return "", fmt.Errorf("opening case: %w", err)
	}
	return id, ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "case.open", Subject: id,
		Detail: fmt.Sprintf("queue %s, priority %s", c.Queue, c.Priority)})
}

// Retell changes why an open case is here, where it still says what it said then:
// what opened it has learned more.
func (d *Desk) Retell(ctx context.Context, tx *store.Tx, caseID, then, now string) error {
	c, err := tx.LockCase(ctx, caseID, store.Micros(d.now()))
	if err != nil {
		return store.NotFound(err, "case")
	}
	if c.State != string(Open) || c.Reason != then || then == now {
		return nil
	}
	c.Reason = now
	return d.update(ctx, tx, c)
}

func (d *Desk) update(ctx context.Context, tx *store.Tx, c db.Case) error {
	err := tx.UpdateCase(ctx, db.UpdateCaseParams{ID: c.ID, State: c.State, Queue: c.Queue, Priority: c.Priority, Reason: c.Reason,
		AssignedTo: c.AssignedTo, LeaseUntil: c.LeaseUntil, UpdatedAt: store.Micros(d.now())})
	if err != nil {
		return fmt.Errorf("updating case: %w", err)
	}
	return nil
}

func (d *Desk) addItem(ctx context.Context, tx *store.Tx, caseID string, c Content) (string, error) {
	id := safety.NewID("itm", d.now())
	err := tx.AddItem(ctx, db.AddItemParams{ID: id, CaseID: caseID, ContentID: c.ContentID, AccountID: c.AccountID,
		Surface: string(c.Surface), Jurisdiction: string(c.Jurisdiction), Filename: c.Filename, Url: c.URL, Ip: c.IP, Port: int64(c.Port),
		ContentAt: store.Micros(c.CreatedAt), ReceivedAt: store.Micros(c.ReceivedAt), Verdict: string(c.Verdict),
		Scan: string(c.Scan), ScanReason: c.ScanReason, PolicyVersion: c.PolicyVersion, Format: c.Format,
		Width: int64(c.Width), Height: int64(c.Height), Frames: int64(c.Frames), Size: c.Size,
		Sha256: c.SHA256, Sha1: c.SHA1, Md5: c.MD5, Pdq: c.PDQ, DedupeKey: c.dedupeKey()})
	if err != nil {
		return "", fmt.Errorf("adding item: %w", err)
	}
	for _, f := range c.Findings {
		err := tx.AddFinding(ctx, db.AddFindingParams{ID: safety.NewID("fnd", d.now()), ItemID: id, Detector: f.Detector,
			ListName: f.List, ListKind: string(f.Kind), Match: string(f.Match), Variant: f.Variant, Frame: int64(f.Frame),
			Distance: int64(f.Distance), SignalID: f.SignalID, FromMs: f.From.Milliseconds(), ToMs: f.To.Milliseconds()})
		if err != nil {
			return "", fmt.Errorf("adding finding: %w", err)
		}
	}
	return id, nil
}

func (d *Desk) seal(ctx context.Context, tx *store.Tx, caseID, itemID string, c Content) error {
	if c.Original == nil {
		return nil
	}
	_, err := d.vault.Seal(ctx, tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Original,
		MediaType: c.MediaType, Data: c.Original})
	if err == nil && c.Preview != nil {
		_, err = d.vault.Seal(ctx, tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Preview,
			MediaType: "image/png", Data: c.Preview})
	}
	return err
}

// Claim gives a case to a reviewer for [Lease]; claiming again renews it.
func (d *Desk) Claim(ctx context.Context, who safety.Actor, caseID string) (db.Case, error) {
	return d.change(ctx, caseID, func(tx *store.Tx, c db.Case) (db.Case, error) {
		if c.State != string(Open) {
			return c, safety.Errorf(safety.Conflict, "this case is decided")
		}
		if err := d.mine(c, who); err != nil {
			return c, err
		}
		fresh := c.AssignedTo != who.ID
		c.AssignedTo, c.LeaseUntil = who.ID, store.Micros(d.now().Add(Lease))
		if err := d.update(ctx, tx, c); err != nil || !fresh {
			return c, err
		}
		return c, ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "case.claim", Subject: caseID})
	})
}

// Next claims the most urgent case that nobody else holds.
func (d *Desk) Next(ctx context.Context, who safety.Actor) (db.Case, error) {
	for range 5 {
		c, err := d.store.Read().NextCase(ctx, who.ID, store.Micros(d.now()))
		if err != nil {
			return c, store.NotFound(err, "waiting case")
		}
		c, err = d.Claim(ctx, who, c.ID)
		if err == nil || safety.KindOf(err) != safety.Conflict {
			return c, err
		}
	}
	return db.Case{}, safety.Errorf(safety.Conflict, "others took the waiting cases; try again")
}

// Release gives a claimed case back to the queue.
func (d *Desk) Release(ctx context.Context, who safety.Actor, caseID string) (db.Case, error) {
	return d.change(ctx, caseID, func(tx *store.Tx, c db.Case) (db.Case, error) {
		if c.AssignedTo != who.ID {
			return c, safety.Errorf(safety.Conflict, "you do not hold this case")
		}
		c.AssignedTo, c.LeaseUntil = "", 0
		if err := d.update(ctx, tx, c); err != nil {
			return c, err
		}
		return c, ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "case.release", Subject: caseID})
	})
}

// mine fails when somebody else holds the case.
func (d *Desk) mine(c db.Case, who safety.Actor) error {
	if c.AssignedTo != "" && c.AssignedTo != who.ID && c.LeaseUntil > store.Micros(d.now()) {
		return safety.Errorf(safety.Conflict, "somebody else is working on this case")
	}
	return nil
}

// change runs fn on the locked case in a transaction.
func (d *Desk) change(ctx context.Context, caseID string, fn func(*store.Tx, db.Case) (db.Case, error)) (out db.Case, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		c, err := tx.LockCase(ctx, caseID, store.Micros(d.now()))
		if err != nil {
			return store.NotFound(err, "case")
		}
		out, err = fn(tx, c)
		return err
	})
	return out, err
}

var errNoDecision = errors.New("case has no decision to undo")
