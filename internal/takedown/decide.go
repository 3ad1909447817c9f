package takedown

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Decision is what a person says of a notice.
type Decision struct {
	Outcome Outcome
	Reason  string   // of a refusal
	Note    string   // kept in the table, never in the ledger
	LeaveUp []string // ids of contents that were found and are another thing after all
}

func (x Decision) check(l Law) error {
	switch {
	case x.Outcome != TakeDown && x.Outcome != Refuse:
		return safety.Errorf(safety.Invalid, "outcome must be take_down or refuse")
	case x.Outcome == Refuse && !slices.Contains(l.Reasons(), x.Reason):
		return safety.Errorf(safety.Invalid, "a refusal needs a reason: %s", strings.Join(l.Reasons(), ", "))
	case x.Outcome == TakeDown && x.Reason != "":
		return safety.Errorf(safety.Invalid, "only a refusal has a reason")
	case x.Outcome == Refuse && len(x.LeaveUp) > 0:
		return safety.Errorf(safety.Invalid, "a refusal leaves everything up")
	case utf8.RuneCountInString(x.Note) > maxNote:
		return safety.Errorf(safety.Invalid, "a note has at most %d characters", maxNote)
	}
	return nil
}

// Decide is the first decision about a notice.
func (d *Desk) Decide(ctx context.Context, tx *store.Tx, who safety.Actor, id string, x Decision) error {
	if err := person(who); err != nil {
		return err
	}
	n, err := d.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	if State(n.State) != Open {
		return safety.Errorf(safety.Conflict, "this notice is %s already", n.State)
	}
	return d.settle(ctx, tx, who, n, "", x)
}

// settle makes a decision true: the row of who decided, what the platform is told,
// the list, the state.
func (d *Desk) settle(ctx context.Context, tx *store.Tx, who safety.Actor, before db.Takedown, complaintID string, x Decision) error {
	if err := x.check(Law(before.Law)); err != nil {
		return err
	}
	n, at := before, d.at(before)
	decision := safety.NewID("tkx", store.Time(at))
	err := tx.AddTakedownDecision(ctx, db.AddTakedownDecisionParams{ID: decision, TakedownID: n.ID, ComplaintID: complaintID, Outcome: string(x.Outcome),
		Reason: x.Reason, Note: x.Note, DecidedBy: who.ID, DecidedName: who.Name, At: at})
	if err != nil {
		return fmt.Errorf("keeping decision: %w", err)
	}
	n.Outcome, n.DecidedAt = string(x.Outcome), at
	if x.Outcome == TakeDown {
		err = d.takeDown(ctx, tx, who, &n, x.LeaveUp, at)
	} else {
		err = d.refuse(ctx, tx, who, &n, at)
	}
	if err != nil {
		return err
	}
	if err := d.save(ctx, tx, before, n); err != nil {
		return err
	}
	rows, err := tx.TakedownContents(ctx, n.ID)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	if err := d.tell(ctx, tx, "takedown.decided", n, decision, names(rows)); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: store.Time(at), Actor: who.ID, Action: "takedown.decide", Subject: n.ID,
		Detail: strings.TrimSpace(fmt.Sprintf("%s: %s %s", decision, x.Outcome, x.Reason))})
}

func (d *Desk) takeDown(ctx context.Context, tx *store.Tx, who safety.Actor, n *db.Takedown, leaveUp []string, at int64) error {
	rows, err := tx.TakedownContents(ctx, n.ID)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	for _, id := range leaveUp {
		i := slices.IndexFunc(rows, func(r db.TakedownContent) bool { return r.ID == id })
		if i < 0 || rows[i].Relation == string(Reported) {
			return safety.Errorf(safety.Invalid, "only contents that were found for this notice can stay up")
		}
		rows[i].LeftUp = true
		if _, err := tx.LeaveTakedownContent(ctx, id, n.ID, true); err != nil {
			return fmt.Errorf("leaving a content up: %w", err)
		}
	}
	if err := d.list(ctx, tx, who, n.ID); err != nil {
		return err
	}
	n.State, n.EndedAt = string(Decided), 0
	if !unconfirmed(rows) { // the platform was quicker
		n.State, n.EndedAt = string(Removed), at
	}
	return nil
}

// list puts the hashes of a notice onto the list of what was taken down. When a
// person has left a near picture up, only exact hashes: the list would block it.
func (d *Desk) list(ctx context.Context, tx *store.Tx, who safety.Actor, id string) error {
	if err := lockList(ctx, tx); err != nil {
		return err
	}
	rows, err := tx.TakedownHashes(ctx, id)
	if err != nil {
		return fmt.Errorf("reading hashes: %w", err)
	}
	contents, err := tx.TakedownContents(ctx, id)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	exactly := slices.ContainsFunc(contents, func(c db.TakedownContent) bool { return c.LeftUp })
	var hs []safety.Hash
	for _, r := range rows {
		if !r.OnList && usable(r) && (!exactly || r.HashType != string(safety.PDQ)) {
			hs = append(hs, safety.Hash{Type: safety.HashType(r.HashType), Value: r.HashValue})
		}
	}
	if len(hs) == 0 {
		return nil
	}
	kept, err := d.hooks.Keep(ctx, tx, who.ID, id, hs)
	if err != nil {
		return err
	}
	if err := tx.SetTakedownListed(ctx, id, store.Micros(d.now())); err != nil {
		return fmt.Errorf("noting the list: %w", err)
	}
	return mark(ctx, tx, id, kept, true)
}

// lockList puts decisions that touch the list one after the other: two reversals
// at once would each leave a shared hash to the other.
func lockList(ctx context.Context, tx *store.Tx) error {
	if err := tx.LockCases(ctx, "takedown list"); err != nil {
		return fmt.Errorf("locking the list of notices: %w", err)
	}
	return nil
}

// unlist takes them off again, but for those that another notice keeps there.
func (d *Desk) unlist(ctx context.Context, tx *store.Tx, who safety.Actor, id string) error {
	if err := lockList(ctx, tx); err != nil {
		return err
	}
	rows, err := tx.TakedownHashes(ctx, id)
	if err != nil {
		return fmt.Errorf("reading hashes: %w", err)
	}
	var mine, drop []safety.Hash
	for _, r := range rows {
		if !r.OnList {
			continue
		}
		h := safety.Hash{Type: safety.HashType(r.HashType), Value: r.HashValue}
		others, err := tx.OthersWithHash(ctx, db.OthersWithHashParams{HashType: r.HashType, HashValue: r.HashValue, TakedownID: id, OnList: true})
		if err != nil {
			return fmt.Errorf("looking for other notices: %w", err)
		}
		mine = append(mine, h)
		if others == 0 {
			drop = append(drop, h)
		}
	}
	if err := d.hooks.Drop(ctx, tx, who.ID, id, drop); err != nil {
		return err
	}
	if err := tx.SetTakedownListed(ctx, id, 0); err != nil {
		return fmt.Errorf("noting the list: %w", err)
	}
	return mark(ctx, tx, id, mine, false)
}

func mark(ctx context.Context, tx *store.Tx, id string, hs []safety.Hash, on bool) error {
	for _, h := range hs {
		if err := tx.ListTakedownHash(ctx, db.ListTakedownHashParams{TakedownID: id, HashType: string(h.Type), HashValue: h.Value, OnList: on}); err != nil {
			return fmt.Errorf("marking hashes: %w", err)
		}
	}
	return nil
}

func (d *Desk) refuse(ctx context.Context, tx *store.Tx, who safety.Actor, n *db.Takedown, at int64) error {
	if err := d.unlist(ctx, tx, who, n.ID); err != nil {
		return err
	}
	if err := tx.ResetRemovals(ctx, n.ID); err != nil {
		return fmt.Errorf("forgetting removals: %w", err)
	}
	n.State, n.EndedAt = string(Refused), at
	return nil
}

// eventContents is how many contents one event names at most.
const eventContents = 200

// tell queues events for the platform. decision_id and the contents make them
// idempotent for it: told twice, there is nothing more to do.
func (d *Desk) tell(ctx context.Context, tx *store.Tx, kind string, n db.Takedown, decision string, contents []Named) error {
	for part := range slices.Chunk(contents, eventContents) {
		err := d.hooks.Announce(ctx, tx, safety.Event{Type: kind, Subject: n.ID, Data: map[string]any{"takedown_id": n.ID, "decision_id": decision,
			"outcome": n.Outcome, "contents": part, "reference": n.Reference, "due_at": stamp(n.DueAt)}})
		if err != nil {
			return err
		}
	}
	return nil
}

// Hold asks the platform to limit what a notice names while a person decides.
func (d *Desk) Hold(ctx context.Context, tx *store.Tx, who safety.Actor, id string) error {
	if err := person(who); err != nil {
		return err
	}
	before, err := d.lock(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case !d.cfg.MayHold:
		return safety.Errorf(safety.Conflict, "temporary limits are switched off (takedown.hold)")
	case State(before.State) != Open:
		return safety.Errorf(safety.Conflict, "this notice is %s already", before.State)
	case before.HeldAt != 0:
		return safety.Errorf(safety.Conflict, "a temporary limit was asked for already")
	}
	n, at := before, d.at(before)
	n.HeldAt = at
	if err := d.save(ctx, tx, before, n); err != nil {
		return err
	}
	rows, err := tx.TakedownContents(ctx, id)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	if err := d.tell(ctx, tx, "takedown.hold", n, "", names(rows)); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: store.Time(at), Actor: who.ID, Action: "takedown.hold", Subject: id, Detail: "temporary limit until the decision"})
}

// Removal is a content that the platform says is gone.
type Removal struct {
	Named
	At time.Time // when it went; zero: now
}

// Confirm writes down what the platform says is gone. What was confirmed before
// stays as it was said first.
func (d *Desk) Confirm(ctx context.Context, tx *store.Tx, who safety.Actor, id string, gone []Removal) error {
	before, err := d.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	if !in(before.State, Open, Decided, Removed) {
		return safety.Errorf(safety.Conflict, "this notice is %s: nothing of it is to be removed", before.State)
	}
	rows, err := tx.TakedownContents(ctx, id)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	at, fresh := d.at(before), 0
	for _, g := range gone {
		i := slices.IndexFunc(rows, func(r db.TakedownContent) bool { return g.is(r) })
		switch {
		case i < 0:
			return safety.Errorf(safety.Invalid, "a content is not one of this notice")
		case g.At.After(store.Time(at).Add(clockTolerate)):
			return safety.Errorf(safety.Invalid, "removed_at is in the future")
		case rows[i].ConfirmedAt != 0:
			continue
		}
		removed := store.Micros(g.At)
		if removed == 0 || removed > at {
			removed = at
		}
		if _, err := tx.ConfirmRemoval(ctx, db.ConfirmRemovalParams{ID: rows[i].ID, RemovedAt: removed, ConfirmedAt: at, ConfirmedBy: who.ID}); err != nil {
			return fmt.Errorf("confirming removal: %w", err)
		}
		rows[i].ConfirmedAt = at
		fresh++
	}
	if fresh == 0 {
		return nil
	}
	n := before
	if State(n.State) == Decided && !unconfirmed(rows) {
		n.State, n.EndedAt = string(Removed), at
	}
	if err := d.save(ctx, tx, before, n); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: store.Time(at), Actor: who.ID, Action: "takedown.removal", Subject: id, Detail: fmt.Sprintf("%d contents confirmed, %s", fresh, n.State)})
}

// is takes the content's id where there is one, and its URL otherwise.
func (c Named) is(r db.TakedownContent) bool {
	return (c.ContentID != "" && c.ContentID == r.ContentID && (c.URL == "" || c.URL == r.Url)) || (c.ContentID == "" && c.URL != "" && c.URL == r.Url)
}

func unconfirmed(rows []db.TakedownContent) bool {
	return slices.ContainsFunc(rows, func(r db.TakedownContent) bool { return !r.LeftUp && r.ConfirmedAt == 0 })
}

// Complaint is about a decision, by the one who asked or by the one whose content
// went (OSA s.21(2A): expedited).
type Complaint struct {
	Party      string // reporter or uploader
	Text       string
	ReceivedAt time.Time
}

// Parties are who may complain.
var Parties = []string{"reporter", "uploader"}

// Complain records a complaint about the decision that stands.
func (d *Desk) Complain(ctx context.Context, tx *store.Tx, who safety.Actor, id string, c Complaint) (string, error) {
	n, err := d.lock(ctx, tx, id)
	if err != nil {
		return "", err
	}
	at := d.at(n)
	switch {
	case !slices.Contains(Parties, c.Party) || utf8.RuneCountInString(c.Text) > maxNote:
		return "", safety.Errorf(safety.Invalid, "a complaint is by the reporter or the uploader and has at most %d characters", maxNote)
	case c.ReceivedAt.After(store.Time(at).Add(clockTolerate)):
		return "", safety.Errorf(safety.Invalid, "received_at is in the future")
	case c.Party == "reporter" && State(n.State) != Refused, c.Party == "uploader" && !in(n.State, Decided, Removed):
		return "", safety.Errorf(safety.Conflict, "this notice is %s: the %s has no decision to complain about", n.State, c.Party)
	}
	all, err := tx.TakedownComplaints(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading complaints: %w", err)
	}
	if slices.ContainsFunc(all, func(c db.TakedownComplaint) bool { return c.Outcome == "" }) {
		return "", safety.Errorf(safety.Conflict, "a complaint about this notice waits already")
	}
	received := store.Micros(c.ReceivedAt)
	if received == 0 || received > at {
		received = at
	}
	cid := safety.NewID("tkp", store.Time(at))
	err = tx.AddTakedownComplaint(ctx, db.AddTakedownComplaintParams{ID: cid, TakedownID: id, Party: c.Party, Text: c.Text, ReceivedAt: received, RecordedAt: at, RecordedBy: who.ID})
	if err != nil {
		return "", fmt.Errorf("keeping complaint: %w", err)
	}
	return cid, ledger.Append(ctx, tx, ledger.Entry{At: store.Time(at), Actor: who.ID, Action: "takedown.complain", Subject: id, Detail: cid + " by the " + c.Party})
}

// Judgement is what a person says of a complaint.
type Judgement struct {
	Upheld bool
	Reason string // when an upheld complaint makes a refusal
	Note   string
}

// Judge decides a complaint. Whoever has decided about the notice before cannot.
// One that is upheld turns the decision round, with all its effects.
func (d *Desk) Judge(ctx context.Context, tx *store.Tx, who safety.Actor, id, complaintID string, j Judgement) error {
	if err := person(who); err != nil {
		return err
	}
	n, err := d.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	c, err := tx.TakedownComplaint(ctx, complaintID, id)
	if err != nil {
		return store.NotFound(err, "complaint")
	}
	switch {
	case c.Outcome != "":
		return safety.Errorf(safety.Conflict, "this complaint was decided already")
	case j.Upheld && State(n.State) == Moved:
		return safety.Errorf(safety.Conflict, "this notice is a case on the child-safety path now; decide there")
	case utf8.RuneCountInString(j.Note) > maxNote:
		return safety.Errorf(safety.Invalid, "a note has at most %d characters", maxNote)
	}
	if err := d.another(ctx, tx, who, id); err != nil {
		return err
	}
	at, outcome := d.at(n), "rejected"
	if j.Upheld {
		outcome = "upheld"
	}
	_, err = tx.JudgeTakedownComplaint(ctx, db.JudgeTakedownComplaintParams{ID: complaintID, Outcome: outcome, Note: j.Note, DecidedBy: who.ID, DecidedName: who.Name, DecidedAt: at})
	if err != nil {
		return fmt.Errorf("deciding complaint: %w", err)
	}
	if err := ledger.Append(ctx, tx, ledger.Entry{At: store.Time(at), Actor: who.ID, Action: "takedown.judge", Subject: id, Detail: complaintID + " " + outcome}); err != nil {
		return err
	}
	if !j.Upheld {
		return nil
	}
	x := Decision{Outcome: TakeDown, Note: j.Note}
	if Outcome(n.Outcome) == TakeDown {
		x.Outcome, x.Reason = Refuse, j.Reason
	}
	return d.settle(ctx, tx, who, n, complaintID, x)
}

// another fails when who has decided about the notice before.
func (d *Desk) another(ctx context.Context, tx *store.Tx, who safety.Actor, id string) error {
	made, err := tx.TakedownDecisions(ctx, id)
	if err != nil {
		return fmt.Errorf("reading decisions: %w", err)
	}
	for _, m := range made {
		same, err := vault.SamePerson(ctx, tx, m.DecidedBy, who.ID)
		if err != nil {
			return err
		}
		if same {
			return safety.Errorf(safety.Forbidden, "a complaint is decided by another person than the one who decided before")
		}
	}
	return nil
}
