package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// OutcomeKinds are what may come of a report or of a request.
var OutcomeKinds = []string{"child_safeguarded", "suspect_identified", "arrest", "charge", "conviction", "no_action", "not_enough_information", "other"}

// Outcome is what an authority told.
type Outcome struct {
	RequestID string // of a request, or
	ReportID  string // of a filed report
	CaseID    string // of a request that names several; empty for none or the only one
	Kind      string
	At        time.Time // when it happened, or was told
	Source    string    // who told
	Note      string
}

func (o Outcome) check(now time.Time) error {
	switch {
	case (o.RequestID == "") == (o.ReportID == ""):
		return safety.Errorf(safety.Invalid, "an outcome is of one request or of one report")
	case !slices.Contains(OutcomeKinds, o.Kind):
		return safety.Errorf(safety.Invalid, "kind must be one of %s", strings.Join(OutcomeKinds, ", "))
	case o.At.IsZero() || o.At.After(now.Add(time.Minute)):
		return safety.Errorf(safety.Invalid, "at is when it happened or was told, and not in the future")
	case utf8.RuneCountInString(o.Source) > 200 || utf8.RuneCountInString(o.Note) > 2000:
		return safety.Errorf(safety.Invalid, "source has at most 200 characters and note 2000")
	}
	return nil
}

// Record writes down an outcome. Several may come of one thing.
func (d *Desk) Record(ctx context.Context, who safety.Actor, o Outcome) (db.Outcome, error) {
	if !who.Person {
		return db.Outcome{}, errPerson
	}
	now := d.now()
	if err := o.check(now); err != nil {
		return db.Outcome{}, err
	}
	id := safety.NewID("out", now)
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		caseID, err := caseOf(ctx, tx, o)
		if err != nil {
			return err
		}
		err = tx.AddOutcome(ctx, db.AddOutcomeParams{ID: id, RequestID: o.RequestID, ReportID: o.ReportID, CaseID: caseID, Kind: o.Kind, At: store.Micros(o.At),
			Source: o.Source, Note: o.Note, RecordedBy: who.ID, RecordedName: who.Name, RecordedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("recording outcome: %w", err)
		}
		subject := caseID
		if subject == "" {
			subject = o.RequestID
		}
		return d.tell(ctx, tx, who, subject, "outcome.record", fmt.Sprintf("%s of %s%s: %s", id, o.RequestID, o.ReportID, o.Kind))
	})
	if err != nil {
		return db.Outcome{}, err
	}
	return d.store.Read().OutcomeByID(ctx, id)
}

// caseOf is the case that an outcome is about.
func caseOf(ctx context.Context, tx *store.Tx, o Outcome) (string, error) {
	if o.ReportID != "" {
		r, err := tx.Report(ctx, o.ReportID)
		if err != nil {
			return "", store.NotFound(err, "report")
		}
		if r.FiledAt == 0 {
			return "", safety.Errorf(safety.Conflict, "this report has not been filed, so nothing can have come of it")
		}
		return r.CaseID, nil
	}
	if _, err := tx.RequestByID(ctx, o.RequestID); err != nil {
		return "", store.NotFound(err, "request")
	}
	cases, err := tx.CasesOfRequest(ctx, o.RequestID)
	if err != nil {
		return "", fmt.Errorf("reading cases: %w", err)
	}
	switch {
	case o.CaseID == "" && len(cases) == 1:
		return cases[0].ID, nil
	case o.CaseID == "" || slices.ContainsFunc(cases, func(c db.Case) bool { return c.ID == o.CaseID }):
		return o.CaseID, nil
	}
	return "", safety.Errorf(safety.Invalid, "the request does not name this case")
}

// Withdraw takes an outcome back that was written down by mistake. It stays on
// record, and counts no more.
func (d *Desk) Withdraw(ctx context.Context, who safety.Actor, id string) (db.Outcome, error) {
	if !who.Person {
		return db.Outcome{}, errPerson
	}
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		o, err := tx.OutcomeByID(ctx, id)
		if err != nil {
			return store.NotFound(err, "outcome")
		}
		n, err := tx.WithdrawOutcome(ctx, db.WithdrawOutcomeParams{ID: id, WithdrawnBy: who.ID, WithdrawnName: who.Name, WithdrawnAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("withdrawing outcome: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this outcome was withdrawn already")
		}
		subject := o.CaseID
		if subject == "" {
			subject = o.RequestID
		}
		return d.tell(ctx, tx, who, subject, "outcome.withdraw", id)
	})
	if err != nil {
		return db.Outcome{}, err
	}
	return d.store.Read().OutcomeByID(ctx, id)
}
