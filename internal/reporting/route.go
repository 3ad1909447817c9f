package reporting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// UK is what United Kingdom law makes depend on the provider.
type UK struct {
	// Provider says that the provider is a UK provider (Online Safety Act 2023
	// s.70(2) and (3) [P]). Others report UK-linked content only (s.66(2) [P]).
	Provider bool
	// Arrangement says that content is reported to a foreign agency under
	// arrangements, so that it is not "unreported" (s.70(5) [P]).
	Arrangement bool
	// Administrator and Replacement are the people who are registered with the
	// NCA (SI 2026/268 reg. 5 [S]); registration comes before the first report
	// (reg. 4(1) [S]).
	Administrator string
	Replacement   string
	RegisteredAt  time.Time
	// Holidays are days on which the NCA's office is closed beside weekends.
	Holidays []time.Time
	Zone     *time.Location // Europe/London
}

// Rule is one rule of routing or filing, and whether a report keeps it.
type Rule struct {
	Name   string // a few words
	Holds  bool
	Why    string // a sentence for the person who looks
	Source string // where the rule comes from, with the facts' tag of how it was verified
}

// rules are those that must hold before a report may be filed.
func (d *Desk) rules(in *input) []Rule {
	a := Authority(in.report.Authority)
	out := []Rule{d.oneRoute(in)}
	if a == NCA {
		out = append(out, d.ukLink(in), d.unreported(), d.registered(), priorityChosen(in), declared(in))
	}
	if a == Referral {
		out = append(out, addressee(in))
	}
	if d.cfg.TwoPerson {
		out = append(out, Rule{"two people", true, "another person than the one who decided approves", "operator's setting"})
	}
	return out
}

// oneRoute: one item is reported to NCMEC or to the NCA, never to both.
func (d *Desk) oneRoute(in *input) Rule {
	r := Rule{Name: "one route", Source: "Online Safety Act 2023 s.70(5) [P]; the NCA's page: no duplicate referrals [S]"}
	mine := Authority(in.report.Authority)
	for _, o := range in.others {
		if mine != Referral && Authority(o.Authority) != Referral && Authority(o.Authority) != mine {
			r.Why = fmt.Sprintf("report %s to %s speaks of the same items; withdraw it, or this one", o.ID, Authority(o.Authority).name())
			return r
		}
	}
	r.Holds, r.Why = true, "no other report to another authority speaks of the same items"
	return r
}

func (d *Desk) ukLink(in *input) Rule {
	r := Rule{Name: "link with the United Kingdom", Source: "Online Safety Act 2023 s.66(2), s.70(6) [P]"}
	switch {
	case d.cfg.UK.Provider:
		r.Holds, r.Why = true, "a UK provider reports all detected content"
	case len(in.body.UKLinks) > 0:
		r.Holds, r.Why = true, "a ground is given: "+in.body.UKLinks[0].Ground
	default:
		r.Why = "a provider outside the United Kingdom reports to the NCA only what is linked with it; give a ground and the evidence"
	}
	return r
}

func (d *Desk) unreported() Rule {
	r := Rule{Name: "not reported elsewhere by arrangement", Source: "Online Safety Act 2023 s.70(5) [P]", Holds: !d.cfg.UK.Arrangement}
	r.Why = "no arrangement to report to a foreign agency is set"
	if !r.Holds {
		r.Why = "the operator has set that content is reported to a foreign agency by arrangement; it is not reported to the NCA again"
	}
	return r
}

func (d *Desk) registered() Rule {
	u := d.cfg.UK
	r := Rule{Name: "registered with the NCA", Source: "SI 2026/268 reg. 4(1), 5 [S]"}
	switch {
	case d.cfg.Environment != Production:
		r.Holds, r.Why = true, "not asked for outside production"
	case u.Administrator != "" && u.Replacement != "" && !u.RegisteredAt.IsZero():
		r.Holds, r.Why = true, "registered on "+u.RegisteredAt.Format(time.DateOnly)
	default:
		r.Why = "the provider must be registered, with an organisation administrator and a replacement, before its first report; with an imminent risk, call 999"
	}
	return r
}

func priorityChosen(in *input) Rule {
	r := Rule{Name: "priority chosen by a person", Source: "SI 2026/268 reg. 7 [S]", Holds: in.body.PriorityBy != ""}
	r.Why = "chosen: " + in.report.Priority
	if !r.Holds {
		r.Why = "a person must choose P1, P2 or P3"
	}
	return r
}

func declared(in *input) Rule {
	r := Rule{Name: "declaration", Source: "SI 2026/268 Schedule 1 [S]", Holds: in.body.Declaration != nil}
	if r.Why = "made by the approver"; !r.Holds {
		r.Why = "the approver must declare that the report is true and complete"
	}
	return r
}

func addressee(in *input) Rule {
	r := Rule{Name: "addressee and reason", Source: "ours", Holds: in.body.Agency != nil && in.body.Agency.Name != "" && in.body.Agency.Reason != ""}
	if r.Why = "given"; !r.Holds {
		r.Why = "say whom the referral goes to, and on what ground"
	}
	return r
}

// wrong is all that keeps a report from being filed.
func (d *Desk) wrong(in *input) []Wrong {
	var out []Wrong
	for _, r := range d.rules(in) {
		if !r.Holds {
			out = append(out, Wrong{r.Name, r.Why})
		}
	}
	if Authority(in.report.Authority) != NCMEC {
		return append(out, in.body.check(d.now())...)
	}
	if bad, ok := errors.AsType[*cybertip.ValidationError](d.compile(in).Validate(d.now())); ok {
		for _, p := range bad.Problems {
			out = append(out, Wrong(p))
		}
	}
	return out
}

// Reroute sends a draft to another authority than the one that it was made for.
func (d *Desk) Reroute(ctx context.Context, who safety.Actor, reportID string, to Authority, reason string) error {
	switch {
	case !who.Person:
		return safety.Errorf(safety.Forbidden, "only a person chooses where a report goes")
	case to != NCMEC && to != NCA:
		return safety.Errorf(safety.Invalid, "a report goes to ncmec or nca; a referral is made apart")
	case strings.TrimSpace(reason) == "":
		return safety.Errorf(safety.Invalid, "choosing another route needs a reason")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		if Authority(r.Authority) == Referral {
			return safety.Errorf(safety.Conflict, "a referral stays a referral")
		}
		n, err := tx.RouteReport(ctx, db.RouteReportParams{ID: r.ID, Authority: string(to), Carried: d.carried(to), UpdatedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("routing report: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this report is no longer a draft")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.route", Subject: r.CaseID,
			Detail: fmt.Sprintf("%s from %s to %s: %s", r.ID, r.Authority, to, reason)})
	})
}

// Supplement drafts a report that adds to a filed one: what came in since, or
// what was missing. Authorities take no changes to a filed report; they take
// another one that names it.
func (d *Desk) Supplement(ctx context.Context, who safety.Actor, reportID, reason string) (string, error) {
	if !who.Person {
		return "", safety.Errorf(safety.Forbidden, "only a person supplements a report")
	}
	if strings.TrimSpace(reason) == "" {
		return "", safety.Errorf(safety.Invalid, "a supplement needs a reason")
	}
	var id string
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		if r.State != string(Filed) {
			return safety.Errorf(safety.Conflict, "only a filed report is supplemented; change this one")
		}
		c, made, err := caseAndDecision(ctx, tx, r)
		if err != nil {
			return err
		}
		w := draft{authority: Authority(r.Authority), priority: safety.Priority(r.Priority), supplements: r, reason: reason, skip: map[string]bool{}}
		if err := w.after(ctx, tx, r); err != nil {
			return err
		}
		id, err = d.draft(ctx, tx, who, c, made, w)
		return err
	})
	return id, err
}

// after counts the reports of the decision to the authority, and collects what
// they have said already.
func (w *draft) after(ctx context.Context, tx *store.Tx, r db.Report) error {
	all, err := tx.ReportsOfDecision(ctx, r.DecisionID)
	if err != nil {
		return fmt.Errorf("reading reports: %w", err)
	}
	for _, o := range all {
		if o.Authority != r.Authority {
			continue
		}
		w.sequence = max(w.sequence, o.Sequence+1)
		if o.State == string(Withdrawn) {
			continue
		}
		if o.State != string(Filed) {
			return safety.Errorf(safety.Conflict, "report %s is not filed yet; add to that one", o.ID)
		}
		items, err := tx.ReportItems(ctx, o.ID)
		if err != nil {
			return fmt.Errorf("reading items of report: %w", err)
		}
		files, err := tx.ReportFiles(ctx, o.ID)
		if err != nil {
			return fmt.Errorf("reading files of report: %w", err)
		}
		for _, it := range items {
			w.skip[it] = true
		}
		for _, f := range files {
			w.skip[f.EvidenceID] = true
		}
	}
	return nil
}

func caseAndDecision(ctx context.Context, tx *store.Tx, r db.Report) (db.Case, db.Decision, error) {
	c, err := tx.CaseByID(ctx, r.CaseID)
	if err != nil {
		return c, db.Decision{}, fmt.Errorf("reading case: %w", err)
	}
	made, err := tx.Decision(ctx, r.DecisionID)
	if err != nil {
		return c, made, fmt.Errorf("reading decision: %w", err)
	}
	return c, made, nil
}

// Refer drafts a referral of a confirmed case to a police force or another body,
// beside the report that the law asks for.
func (d *Desk) Refer(ctx context.Context, who safety.Actor, caseID string, to Agency) (string, error) {
	if !who.Person {
		return "", safety.Errorf(safety.Forbidden, "only a person refers a case")
	}
	if strings.TrimSpace(to.Name) == "" || strings.TrimSpace(to.Reason) == "" {
		return "", safety.Errorf(safety.Invalid, "a referral needs an addressee and a reason")
	}
	var id string
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.LockCaseOfReport(ctx, caseID); err != nil {
			return fmt.Errorf("locking case: %w", err)
		}
		c, err := tx.CaseByID(ctx, caseID)
		if err != nil {
			return store.NotFound(err, "case")
		}
		made, err := confirmedDecision(ctx, tx, caseID)
		if err != nil {
			return err
		}
		all, err := tx.ReportsOfDecision(ctx, made.ID)
		if err != nil {
			return fmt.Errorf("reading reports: %w", err)
		}
		w := draft{authority: Referral, priority: safety.Priority(c.Priority), agency: &to}
		for _, o := range all {
			if Authority(o.Authority) == Referral {
				w.sequence = max(w.sequence, o.Sequence+1)
			}
		}
		id, err = d.draft(ctx, tx, who, c, made, w)
		return err
	})
	return id, err
}

func confirmedDecision(ctx context.Context, tx *store.Tx, caseID string) (db.Decision, error) {
	all, err := tx.DecisionsOfCase(ctx, caseID)
	if err != nil {
		return db.Decision{}, fmt.Errorf("reading decisions: %w", err)
	}
	for _, m := range slices.Backward(all) {
		if m.UndoneAt == 0 && m.Outcome == "confirmed" {
			return m, nil
		}
	}
	return db.Decision{}, safety.Errorf(safety.Conflict, "only a case that a person has confirmed is referred")
}
