package cases

import (
	"context"
	"encoding/json"
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

// Outcome is what a person decided.
type Outcome string

// The outcomes.
const (
	Confirmed    Outcome = "confirmed"     // it is what the list says; a report is drafted
	NotConfirmed Outcome = "not_confirmed" // it is not
)

// NCMECClasses are the industry classification (Tech Coalition, 2014, updated
// 2022): the letter is apparent age, the digit content rank.
var NCMECClasses = []string{"A1", "A2", "B1", "B2"}

// UKClasses are the categories of the UK Sentencing Council: the letter is the
// act. The two schemes do not convert into each other and are kept separately.
var UKClasses = []string{"A", "B", "C"}

// Judgement is a person's decision on a case.
type Judgement struct {
	Outcome      Outcome
	Reason       string
	Note         string
	NCMECClass   string
	UKClass      string
	IncidentType string
	Priority     safety.Priority // empty keeps the case's
	Items        int64           // how many items the decider saw; 0 skips the comparison

	restsOn string // the decision that is taken over, see [Desk.Follow]
}

// Viewed says how the decider saw one piece of evidence.
type Viewed struct {
	EvidenceID string `json:"evidence_id"`
	Mode       string `json:"mode"` // "original" or "not_viewed"
}

func (j Judgement) check(incidentTypes []string) error {
	switch {
	case j.Outcome != Confirmed && j.Outcome != NotConfirmed:
		return safety.Errorf(safety.Invalid, "outcome must be confirmed or not_confirmed")
	case strings.TrimSpace(j.Reason) == "":
		return safety.Errorf(safety.Invalid, "a decision needs a reason")
	case utf8.RuneCountInString(j.Reason) > 2000 || utf8.RuneCountInString(j.Note) > 4000:
		return safety.Errorf(safety.Invalid, "reason is over 2000 characters or note over 4000")
	case j.NCMECClass != "" && !slices.Contains(NCMECClasses, j.NCMECClass):
		return safety.Errorf(safety.Invalid, "ncmec_class must be A1, A2, B1 or B2")
	case j.UKClass != "" && !slices.Contains(UKClasses, j.UKClass):
		return safety.Errorf(safety.Invalid, "uk_class must be A, B or C")
	case j.Priority != "" && !j.Priority.Valid():
		return safety.Errorf(safety.Invalid, "priority must be P1, P2 or P3")
	case j.Outcome == Confirmed && !slices.Contains(incidentTypes, j.IncidentType):
		return safety.Errorf(safety.Invalid, "a confirmed decision needs one of the incident types")
	}
	return nil
}

// Decide records a person's judgement. incidentTypes are the values that the
// authority takes.
func (d *Desk) Decide(ctx context.Context, who safety.Actor, caseID string, j Judgement, incidentTypes []string) (db.Decision, error) {
	if !who.Person {
		return db.Decision{}, safety.Errorf(safety.Forbidden, "only a person decides a case")
	}
	if err := j.check(incidentTypes); err != nil {
		return db.Decision{}, err
	}
	var made db.Decision
	_, err := d.change(ctx, caseID, func(tx *store.Tx, c db.Case) (db.Case, error) {
		if c.State != string(Open) {
			return c, safety.Errorf(safety.Conflict, "this case is decided already")
		}
		if err := d.mine(c, who); err != nil {
			return c, err
		}
		if err := sameItems(ctx, tx.Queries, c.ID, j.Items); err != nil {
			return c, err
		}
		c.State, c.AssignedTo, c.LeaseUntil = string(Decided), "", 0
		if j.Priority != "" {
			c.Priority = string(j.Priority)
		}
		if err := d.update(ctx, tx, c); err != nil {
			return c, err
		}
		var err error
		made, err = d.record(ctx, tx, who, c, j)
		return c, err
	})
	return made, err
}

// sameItems fails when something came in after the decider looked.
func sameItems(ctx context.Context, q *db.Queries, caseID string, seen int64) error {
	if seen == 0 {
		return nil
	}
	n, err := q.CountItems(ctx, caseID)
	if err != nil {
		return fmt.Errorf("counting items: %w", err)
	}
	if n != seen {
		return safety.Errorf(safety.Conflict, "something new came in on this case since you looked; look again")
	}
	return nil
}

func (d *Desk) record(ctx context.Context, tx *store.Tx, who safety.Actor, c db.Case, j Judgement) (db.Decision, error) {
	now := d.now()
	viewed, err := viewedBy(ctx, tx.Queries, c.ID, who.ID)
	if err != nil {
		return db.Decision{}, err
	}
	text, err := json.Marshal(viewed)
	if err != nil {
		return db.Decision{}, err
	}
	p := db.AddDecisionParams{ID: safety.NewID("dec", now), CaseID: c.ID, DecidedBy: who.ID, DecidedName: who.Name,
		At: store.Micros(now), Outcome: string(j.Outcome), NcmecClass: j.NCMECClass, UkClass: j.UKClass,
		IncidentType: j.IncidentType, Reason: j.Reason, Note: j.Note, Viewed: string(text), RestsOn: j.restsOn}
	if err := tx.AddDecision(ctx, p); err != nil {
		return db.Decision{}, fmt.Errorf("recording decision: %w", err)
	}
	made, err := tx.Decision(ctx, p.ID)
	if err != nil {
		return made, fmt.Errorf("reading decision back: %w", err)
	}
	if err := d.consequences(ctx, tx, c, made); err != nil {
		return made, err
	}
	detail := fmt.Sprintf("%s: %s, viewed %d of %d", made.ID, j.Outcome, count(viewed), len(viewed))
	if j.restsOn != "" {
		detail += ", rests on " + j.restsOn
	}
	return made, ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "case.decide", Subject: c.ID, Detail: detail})
}

// consequences drafts the report of a confirmed case, starts the clock of one
// that was not, and tells the platform once the decision can no longer be undone
// by a slip.
func (d *Desk) consequences(ctx context.Context, tx *store.Tx, c db.Case, made db.Decision) error {
	now := d.now()
	if made.Outcome == string(Confirmed) {
		if err := d.hooks.Draft(ctx, tx, c, made); err != nil {
			return fmt.Errorf("drafting report: %w", err)
		}
	} else if err := d.vault.SetClock(ctx, tx, c.ID, vault.OperatorPolicy(d.keep).Clock(now, "of not confirmed")); err != nil {
		return err
	}
	if err := d.vote(ctx, tx, c, made); err != nil {
		return err
	}
	if err := d.judged(ctx, tx, made, 1); err != nil {
		return err
	}
	items, err := tx.ItemsOfCase(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("reading items: %w", err)
	}
	contents := make([]string, len(items))
	for i, it := range items {
		contents[i] = it.ContentID
	}
	return d.hooks.Announce(ctx, tx, safety.Event{Type: "case.decided", Subject: c.ID, After: now.Add(UndoWindow),
		Data: map[string]any{"case_id": c.ID, "account_id": c.AccountID, "content_ids": contents,
			"outcome": made.Outcome, "decided_at": now.UTC().Format(time.RFC3339)}})
}

// judged tells the signals of a case how it was decided.
func (d *Desk) judged(ctx context.Context, tx *store.Tx, made db.Decision, by int64) error {
	if d.hooks.Judged == nil {
		return nil
	}
	findings, err := tx.FindingsOfCase(ctx, made.CaseID)
	if err != nil {
		return fmt.Errorf("reading findings: %w", err)
	}
	var signals []string
	for _, f := range findings {
		if f.SignalID != "" {
			signals = append(signals, f.SignalID)
		}
	}
	slices.Sort(signals)
	return d.hooks.Judged(ctx, tx, slices.Compact(signals), made.Outcome == string(Confirmed), by)
}

func viewedBy(ctx context.Context, q *db.Queries, caseID, viewer string) ([]Viewed, error) {
	evidence, err := q.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	views, err := q.ViewsOfCase(ctx, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading views: %w", err)
	}
	out := []Viewed{}
	for _, e := range evidence {
		if e.Role != string(vault.Original) {
			continue
		}
		v := Viewed{EvidenceID: e.ID, Mode: "not_viewed"}
		for _, w := range views {
			if w.EvidenceID == e.ID && w.Viewer == viewer && w.Mode == string(vault.ViewOriginal) {
				v.Mode = "original"
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func count(vs []Viewed) int {
	n := 0
	for _, v := range vs {
		if v.Mode == "original" {
			n++
		}
	}
	return n
}

// CanUndo reports whether a decision may still be taken back by who: it is
// theirs, and either its report is a draft or the platform was not told yet.
func (d *Desk) CanUndo(who safety.Actor, made db.Decision, reportState string) bool {
	if made.UndoneAt != 0 || made.DecidedBy != who.ID {
		return false
	}
	if made.Outcome == string(Confirmed) {
		return reportState == "draft"
	}
	return d.now().Before(store.Time(made.At).Add(UndoWindow))
}

// Undo takes back who's last decision on a case and opens it again.
func (d *Desk) Undo(ctx context.Context, who safety.Actor, caseID string) (db.Case, error) {
	return d.change(ctx, caseID, func(tx *store.Tx, c db.Case) (db.Case, error) {
		made, err := lastDecision(ctx, tx.Queries, caseID)
		if err != nil {
			return c, safety.Wrap(safety.Conflict, err, "there is no decision to undo")
		}
		if made.DecidedBy != who.ID {
			return c, safety.Errorf(safety.Conflict, "only the person who decided can undo")
		}
		// An open case without a key would take no evidence in any more.
		if k, err := tx.CaseKey(ctx, caseID); err == nil && k.DestroyedAt != 0 {
			return c, safety.Errorf(safety.Conflict, "the evidence of this case was destroyed; its decision stands")
		} else if err != nil && !store.IsNotFound(err) {
			return c, fmt.Errorf("reading case key: %w", err)
		}
		if made.Outcome == string(Confirmed) {
			if err := d.hooks.Withdraw(ctx, tx, who, made.ID); err != nil {
				return c, err
			}
		} else if !d.CanUndo(who, made, "") {
			return c, safety.Errorf(safety.Conflict, "the platform has been told; this decision can no longer be undone")
		}
		if d.hooks.Unvote != nil {
			if err := d.hooks.Unvote(ctx, tx, caseID); err != nil {
				return c, err
			}
		}
		if _, err := tx.UndoDecision(ctx, made.ID, store.Micros(d.now())); err != nil {
			return c, fmt.Errorf("undoing decision: %w", err)
		}
		if err := d.judged(ctx, tx, made, -1); err != nil {
			return c, err
		}
		if err := d.reopen(ctx, tx, &c); err != nil {
			return c, err
		}
		return c, ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "case.undo", Subject: caseID, Detail: made.ID})
	})
}

// reopen puts the case back in the queue and takes back, or corrects, what the
// platform was told.
func (d *Desk) reopen(ctx context.Context, tx *store.Tx, c *db.Case) error {
	c.State = string(Open)
	if err := d.update(ctx, tx, *c); err != nil {
		return err
	}
	cancelled, err := d.hooks.Retract(ctx, tx, c.ID)
	if err != nil || cancelled > 0 {
		return err
	}
	return d.hooks.Announce(ctx, tx, safety.Event{Type: "case.reopened", Subject: c.ID,
		Data: map[string]any{"case_id": c.ID, "account_id": c.AccountID}})
}

func lastDecision(ctx context.Context, q *db.Queries, caseID string) (db.Decision, error) {
	all, err := q.DecisionsOfCase(ctx, caseID)
	if err != nil {
		return db.Decision{}, err
	}
	for _, m := range slices.Backward(all) {
		if m.UndoneAt == 0 {
			return m, nil
		}
	}
	return db.Decision{}, errNoDecision
}
