package reporting

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
)

// A report that people carry has the same states as one that Rowan files. It is
// Opening while a person takes it to the authority: from then on nobody can know
// by looking at Rowan alone whether it has arrived. It becomes Filed with the
// authority's reference, and Approved again only when a person has looked at the
// authority (the NCA portal's "Previously submitted reports" [S]) and not found it.

// Step is something that a person did for a report by hand.
type Step string

// The steps.
const (
	StepBundle    Step = "bundle"     // took the encrypted bundle
	StepHandOver  Step = "hand_over"  // began to submit it
	StepReference Step = "reference"  // brought the authority's reference
	StepNotFound  Step = "not_found"  // looked at the authority, and it is not there
	StepFound     Step = "found"      // looked at the authority, and it is there
	StepCall      Step = "phone_call" // called, out of hours
	StepMend      Step = "mend"       // took it back to a draft
)

// HandOver records that a person begins to submit the report now.
func (d *Desk) HandOver(ctx context.Context, who safety.Actor, reportID string) error {
	return d.carry(ctx, who, reportID, []State{Approved}, func(tx *store.Tx, r *db.Report) (Step, string, error) {
		if r.Environment != string(d.cfg.Environment) {
			return "", "", safety.Errorf(safety.Conflict, "this report was approved for %s, and Rowan now reports to %s", r.Environment, d.cfg.Environment)
		}
		r.State, r.OpenedAt = string(Opening), store.Micros(d.now())
		return StepHandOver, "", nil
	})
}

// Reference records the authority's reference, with which the report is filed. It
// is taken at any time after the approval: a reference that exists must never be
// lost for a step that somebody forgot. receipt is the automated receipt, word
// for word, where there is one.
func (d *Desk) Reference(ctx context.Context, who safety.Actor, reportID, reference, receipt string) error {
	return d.carry(ctx, who, reportID, []State{Approved, Opening}, func(tx *store.Tx, r *db.Report) (Step, string, error) {
		return StepReference, reference, d.filedByHand(ctx, tx, r, reference, receipt)
	})
}

// Reconcile records what a person found at the authority about a report that was
// on its way: its reference, or, with an empty one, that it is not there.
func (d *Desk) Reconcile(ctx context.Context, who safety.Actor, reportID, reference, note string) error {
	if strings.TrimSpace(note) == "" {
		return safety.Errorf(safety.Invalid, "say where you looked and what you saw")
	}
	return d.carry(ctx, who, reportID, []State{Opening}, func(tx *store.Tx, r *db.Report) (Step, string, error) {
		if reference != "" {
			return StepFound, reference + ": " + note, d.filedByHand(ctx, tx, r, reference, "")
		}
		// A report that the interface tried to carry stays with people from now on
		// only if there is no interface; else the job takes it up again.
		r.State, r.OpenedAt = string(Approved), 0
		if !r.Carried {
			return StepNotFound, note, tx.Enqueue(ctx, FileArgs{ReportID: r.ID}, time.Time{})
		}
		return StepNotFound, note, nil
	})
}

// Mend takes an approved report that people carry back to a draft.
func (d *Desk) Mend(ctx context.Context, who safety.Actor, reportID, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return safety.Errorf(safety.Invalid, "taking a report back needs a reason")
	}
	return d.carry(ctx, who, reportID, []State{Approved}, func(_ *store.Tx, r *db.Report) (Step, string, error) {
		r.State = string(Draft)
		return StepMend, reason, nil
	})
}

// Called records the phone call that P1 and P2 reports to the NCA need out of
// hours [S]. It is taken in every state after the approval.
func (d *Desk) Called(ctx context.Context, who safety.Actor, reportID, spokeTo, note string) error {
	if !who.Person || strings.TrimSpace(spokeTo) == "" {
		return safety.Errorf(safety.Invalid, "say whom you spoke to")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		if Authority(r.Authority) != NCA || State(r.State) == Draft || State(r.State) == Withdrawn {
			return safety.Errorf(safety.Conflict, "no call is due for this report")
		}
		return d.step(ctx, tx, who, r, StepCall, strings.TrimSpace(spokeTo+": "+note))
	})
}

// carry makes one step of a person's with a report, from one of the states from.
func (d *Desk) carry(ctx context.Context, who safety.Actor, reportID string, from []State, fn func(*store.Tx, *db.Report) (Step, string, error)) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person carries a report")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		if Authority(r.Authority) == NCMEC {
			return safety.Errorf(safety.Conflict, "Rowan files this report by itself")
		}
		was := State(r.State)
		if !slices.Contains(from, was) {
			return safety.Errorf(safety.Conflict, "this report is %s; look again", was)
		}
		if r.LeaseUntil > store.Micros(d.now()) {
			return safety.Errorf(safety.Conflict, "Rowan is sending this report at this moment; look again in some minutes")
		}
		step, detail, err := fn(tx, &r)
		if err != nil {
			return err
		}
		if now := State(r.State); !allowed(was, now) {
			return fmt.Errorf("report may not go from %s to %s", was, now)
		}
		n, err := tx.CarryReport(ctx, db.CarryReportParams{ID: r.ID, State: string(was), State_2: r.State, RemoteID: r.RemoteID, Receipt: notNil(r.Receipt),
			OpenedAt: r.OpenedAt, FiledAt: r.FiledAt, UpdatedAt: store.Micros(d.now()), Carried: r.Carried})
		if err != nil {
			return fmt.Errorf("storing report: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this report has changed; look again")
		}
		return d.step(ctx, tx, who, r, step, detail)
	})
}

func (d *Desk) step(ctx context.Context, tx *store.Tx, who safety.Actor, r db.Report, s Step, detail string) error {
	now := d.now()
	err := tx.AddReportStep(ctx, db.AddReportStepParams{ID: safety.NewID("stp", now), ReportID: r.ID, At: store.Micros(now),
		Actor: who.ID, ActorName: who.Name, Step: string(s), Detail: detail})
	if err != nil {
		return fmt.Errorf("storing step: %w", err)
	}
	text := r.ID
	if detail != "" {
		text += ": " + detail
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "report." + string(s), Subject: r.CaseID, Detail: text})
}

// filedByHand ends a report with the reference that a person brought.
func (d *Desk) filedByHand(ctx context.Context, tx *store.Tx, r *db.Report, reference, receipt string) error {
	reference = strings.TrimSpace(reference)
	if reference == "" || utf8.RuneCountInString(reference) > 100 || strings.ContainsFunc(reference, func(c rune) bool { return c < ' ' }) {
		return safety.Errorf(safety.Invalid, "the reference has 1 to 100 characters")
	}
	now := d.now()
	r.State, r.RemoteID, r.FiledAt = string(Filed), reference, store.Micros(now)
	if r.OpenedAt == 0 {
		r.OpenedAt = r.FiledAt
	}
	if r.Receipt = []byte(receipt); receipt == "" {
		r.Receipt = fmt.Appendf(nil, "Reference %s, entered by a person.", reference)
	}
	return d.filed(ctx, tx, *r)
}

// Duty is something that a filing still asks of a person.
type Duty struct {
	Name, Why, Source string
	Done              bool
}

// duties are what a report to the NCA asks of people beside the filing.
func (d *Desk) duties(in *input) []Duty {
	r := in.report
	if Authority(r.Authority) != NCA || (State(r.State) != Approved && State(r.State) != Opening && State(r.State) != Filed) {
		return nil
	}
	var out []Duty
	urgent := r.Priority == string(safety.P1) || r.Priority == string(safety.P2)
	when := store.Time(max(r.OpenedAt, r.ApprovedAt))
	if urgent && !officeHours(when, d.cfg.UK) {
		called := slices.ContainsFunc(in.steps, func(s db.ReportStep) bool { return s.Step == string(StepCall) })
		out = append(out, Duty{"phone call", "P1 and P2 reports outside Monday to Friday, 7:00 to 17:00 in London are announced by phone", "practice at the NCA's portal [S]", called})
	}
	return out
}

// officeHours reports whether the NCA's office answers at t: Monday to Friday,
// 7:00 to 17:00 in London, holidays aside (reporting facts §2.4 [S]).
func officeHours(t time.Time, uk UK) bool {
	if uk.Zone != nil {
		t = t.In(uk.Zone)
	}
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() < 7 || t.Hour() >= 17 {
		return false
	}
	y, m, day := t.Date()
	return !slices.ContainsFunc(uk.Holidays, func(h time.Time) bool {
		hy, hm, hd := h.Date()
		return hy == y && hm == m && hd == day
	})
}

// LateArgs is the durable job that tells of late reports.
type LateArgs struct{}

// Kind names the job.
func (LateArgs) Kind() string { return "report_late" }

// Late tells of the reports that were not filed by their time: once each, by an
// event and a ledger row. It returns how many.
func (d *Desk) Late(ctx context.Context) (int, error) {
	rows, err := d.store.Read().LateReports(ctx, store.Micros(d.now()))
	if err != nil {
		return 0, fmt.Errorf("looking for late reports: %w", err)
	}
	n := 0
	for _, r := range rows {
		err := d.store.Tx(ctx, func(tx *store.Tx) error {
			first, err := tx.AlarmReport(ctx, r.ID, store.Micros(d.now()))
			if err != nil || first == 0 {
				return err
			}
			n++
			if err := d.hooks.Announce(ctx, tx, safety.Event{Type: "report.overdue", Subject: r.CaseID, Data: map[string]any{"case_id": r.CaseID,
				"report_id": r.ID, "authority": r.Authority, "priority": r.Priority, "state": r.State, "due_at": store.Time(r.DueAt).UTC().Format(time.RFC3339)}}); err != nil {
				return err
			}
			return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: safety.System.ID, Action: "report.overdue", Subject: r.CaseID,
				Detail: fmt.Sprintf("%s, %s, is %s past its time", r.ID, r.Priority, r.State)})
		})
		if err != nil {
			return n, fmt.Errorf("telling of a late report: %w", err)
		}
	}
	return n, nil
}
