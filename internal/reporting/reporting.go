// Package reporting files reports with authorities, so that each confirmed
// decision becomes exactly one finished report and none is lost.
//
// A confirmed decision makes a draft from what is known ([Desk.Draft]): a
// [Record], which is neutral between jurisdictions, and a route, which is the
// authority that the law asks for ([Desk.rules] has every rule with its source).
// A person completes it and approves ([Desk.Approve]).
//
// A report to NCMEC is then carried by a durable job through the states of
// [Transitions]: every answer of the authority is stored with the state that
// follows from it in one transaction, intents are stored before the calls that
// cannot be repeated, and after a crash the authority is asked (retract, finish)
// before anything is opened again. A report to the UK's NCA, or to a police
// force, is carried by a person ([Desk.HandOver], [Desk.Refer]): what is on its
// way must be looked for at the authority before it may be tried again. See
// docs/report.md for the machine and why it cannot file twice.
//
// The word "viewed" in a report comes from the vault's view log and from
// nowhere else.
package reporting

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Environment is which of the authority's hosts reports go to.
type Environment string

// The environments.
const (
	Standin    Environment = "standin"    // the local stand-in; nothing leaves the machine
	Test       Environment = "test"       // the authority's test host; reports there are discarded
	Production Environment = "production" // real reports
)

// State is where a report is. See [Transitions].
type State string

// The states.
const (
	Draft     State = "draft"     // made by a decision, waits for a person
	Approved  State = "approved"  // a person has approved; nothing is open at the authority
	Opening   State = "opening"   // submit was or is about to be called; no number is known
	Opened    State = "open"      // has a number at the authority; files are being sent
	Sealed    State = "sealed"    // everything is sent; finish was or is about to be called
	Filed     State = "filed"     // finished at the authority; the end
	Withdrawn State = "withdrawn" // taken back by a person before anything was opened; the other end
)

// Transitions is the whole state machine: what may follow what, and why. The
// diagram in docs/report.md and the tests are made from it.
var Transitions = []struct {
	From, To State
	Why      string
}{
	{Draft, Approved, "a person approves"},
	{Draft, Withdrawn, "a person withdraws, or the decision is undone"},
	{Approved, Withdrawn, "a person withdraws before anything was opened"},
	{Approved, Opening, "the intent to submit is stored"},
	{Opening, Opened, "the authority gave a number"},
	{Opening, Opening, "the answer to submit was lost; an orphan expires unfinished; submit again"},
	{Opening, Approved, "the authority did not take it for now"},
	{Opening, Draft, "the authority refused the document; a person must look"},
	{Opened, Sealed, "every file is sent and described; the intent to finish is stored"},
	{Opened, Approved, "retracted or expired; start again"},
	{Opened, Draft, "the authority refused a file; retracted; a person must look"},
	{Opened, Filed, "retract says that it was finished already"},
	{Sealed, Filed, "the authority says finished"},
	{Sealed, Approved, "the authority says that it does not exist or was retracted; start again"},
	{Sealed, Draft, "the authority refused to finish; retracted; a person must look"},
	{Opening, Filed, "a person, or the authority's interface, brought its reference"},
	{Approved, Filed, "a person brought the reference of a report whose hand-over nobody wrote down"},
	{Approved, Draft, "a person takes a report that people carry back to mend it"},
}

func allowed(from, to State) bool {
	for _, t := range Transitions {
		if t.From == from && t.To == to {
			return true
		}
	}
	return false
}

// Reporter is who reports: the service's own details.
type Reporter struct {
	Platform        string // name of the service, in every report
	FirstName       string
	LastName        string
	Email           string
	Phone           string
	ContactFirst    string // whom law enforcement should turn to, where that is another person
	ContactLast     string
	ContactEmail    string
	ContactPhone    string
	CompanyTemplate string // free text for law enforcement: how to serve process, emergency contact
	TermsURL        string
	LegalURL        string
	Organisation    string // legal name of the provider, for the NCA
}

// Config is what filing needs beside a database.
type Config struct {
	Environment Environment
	Route       Authority // where a report goes unless a person routes it elsewhere; NCMEC or NCA
	UK          UK
	Client      *cybertip.Client
	NCA         *NCAInterface // nil: a person carries reports to the portal
	Reporter    Reporter
	TwoPerson   bool // the approver must be another person than the decider
	// Keep is how long the evidence of a case is kept after its report was
	// withdrawn.
	Keep time.Duration
	// CallLimit bounds one call to an authority; 0 is four minutes, which is also
	// the most: a worker's lease must outlast it.
	CallLimit time.Duration
	// Due is by when a report must be filed, from its draft; the law gives P1 no
	// hours at all ("immediately"), and the others none either: these are alarms,
	// set by the operator. Defaults: [DefaultDue].
	Due map[safety.Priority]time.Duration
}

// DefaultDue are the alarms of reporting facts §2.3 (a recommendation [I]).
var DefaultDue = map[safety.Priority]time.Duration{safety.P1: 15 * time.Minute, safety.P2: 4 * time.Hour, safety.P3: 24 * time.Hour}

// Hooks are what happens beside a filing, in the same transaction.
type Hooks struct {
	Announce func(context.Context, *store.Tx, safety.Event) error
}

// Desk drafts, approves and files reports.
type Desk struct {
	store *store.Store
	vault *vault.Vault
	now   func() time.Time
	cfg   Config
	hooks Hooks

	metadata atomic.Pointer[Metadata]
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, v *vault.Vault, now func() time.Time, cfg Config, h Hooks) *Desk {
	if cfg.Route == "" {
		cfg.Route = NCMEC
	}
	if cfg.Due == nil {
		cfg.Due = DefaultDue
	}
	if cfg.CallLimit <= 0 || cfg.CallLimit > callLimit {
		cfg.CallLimit = callLimit
	}
	return &Desk{store: s, vault: v, now: now, cfg: cfg, hooks: h}
}

// Environment tells whether reports are real.
func (d *Desk) Environment() Environment { return d.cfg.Environment }

// Route is the authority that reports go to unless a person says otherwise.
func (d *Desk) Route() Authority { return d.cfg.Route }

// Draft makes the draft report of a confirmed decision in the decision's own
// transaction, to the authority that the operator has set.
func (d *Desk) Draft(ctx context.Context, tx *store.Tx, c db.Case, made db.Decision) error {
	_, err := d.draft(ctx, tx, safety.System, c, made, draft{authority: d.cfg.Route, priority: safety.Priority(c.Priority)})
	return err
}

// draft is what a new report begins with, beside its case and decision.
type draft struct {
	authority   Authority
	priority    safety.Priority
	sequence    int64
	supplements db.Report       // zero for a first report
	reason      string          // why there is a supplement
	agency      *Agency         // of a referral
	skip        map[string]bool // items and evidence that an earlier report has
}

func (d *Desk) draft(ctx context.Context, tx *store.Tx, who safety.Actor, c db.Case, made db.Decision, w draft) (string, error) {
	items, err := tx.ItemsOfCase(ctx, c.ID)
	if err != nil {
		return "", fmt.Errorf("reading items: %w", err)
	}
	items = slices.DeleteFunc(items, func(it db.Item) bool { return w.skip[it.ID] })
	rec := Record{NCMECClass: made.NcmecClass, UKClass: made.UkClass, AccountID: c.AccountID, Surface: safety.Surface(c.Surface), Canary: c.Canary,
		Agency: w.agency, Supplement: w.reason}
	for _, it := range items {
		rec.IncidentAt = earliest(rec.IncidentAt, it)
	}
	if rec.IncidentAt.IsZero() {
		rec.IncidentAt = store.Time(c.OpenedAt)
	}
	if rec.Account, err = account(ctx, tx.Queries, c.AccountID); err != nil {
		return "", err
	}
	text, err := json.Marshal(rec)
	if err != nil {
		return "", err
	}
	now := d.now()
	id := safety.NewID("rep", now)
	err = tx.CreateReport(ctx, db.CreateReportParams{ID: id, CaseID: c.ID, DecisionID: made.ID, Authority: string(w.authority),
		Environment: string(d.cfg.Environment), State: string(Draft), IncidentType: made.IncidentType, Draft: string(text),
		Receipt: []byte{}, CreatedAt: store.Micros(now), Priority: string(w.priority), Supplements: w.supplements.ID, Sequence: w.sequence,
		Carried: d.carried(w.authority), DueAt: store.Micros(now.Add(d.cfg.Due[w.priority]))})
	if err != nil {
		return "", fmt.Errorf("creating report: %w", err)
	}
	for _, it := range items {
		if err := tx.AddReportItem(ctx, id, it.ID); err != nil {
			return "", fmt.Errorf("adding item to report: %w", err)
		}
	}
	if err := d.addFiles(ctx, tx, id, c.ID, w.skip); err != nil {
		return "", err
	}
	return id, ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "report.draft", Subject: c.ID,
		Detail: fmt.Sprintf("%s to %s", id, w.authority)})
}

// carried says that people take reports to a.
func (d *Desk) carried(a Authority) bool { return a == Referral || (a == NCA && d.cfg.NCA == nil) }

// earliest is when the incident happened: when the first item was made on the
// platform, or, where that was not said, when Rowan received it.
func earliest(t time.Time, it db.Item) time.Time {
	at := store.Time(it.ContentAt)
	if at.IsZero() {
		at = store.Time(it.ReceivedAt)
	}
	if t.IsZero() || at.Before(t) {
		return at
	}
	return t
}

func account(ctx context.Context, q *db.Queries, id string) (*safety.Account, error) {
	row, err := q.Account(ctx, id)
	if store.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading account: %w", err)
	}
	var a safety.Account
	if err := json.Unmarshal([]byte(row.Profile), &a); err != nil {
		return nil, fmt.Errorf("stored account: %w", err)
	}
	a.ID, a.UpdatedAt = row.ID, store.Time(row.UpdatedAt)
	return &a, nil
}

// evidenceRoles are what goes to an authority.
var evidenceRoles = []string{string(vault.Original), string(vault.Transcript)}

func (d *Desk) addFiles(ctx context.Context, tx *store.Tx, reportID, caseID string, skip map[string]bool) error {
	pieces, err := tx.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	n := int64(0)
	for _, e := range pieces {
		if !slices.Contains(evidenceRoles, e.Role) || skip[e.ID] {
			continue
		}
		err := tx.AddReportFile(ctx, db.AddReportFileParams{ReportID: reportID, EvidenceID: e.ID, Position: n})
		if err != nil {
			return fmt.Errorf("adding file to report: %w", err)
		}
		n++
	}
	return nil
}

// Withdraw takes the drafts of a decision back because it was undone.
func (d *Desk) Withdraw(ctx context.Context, tx *store.Tx, who safety.Actor, decisionID string) error {
	all, err := tx.ReportsOfDecision(ctx, decisionID)
	if err != nil {
		return fmt.Errorf("reading reports: %w", err)
	}
	for _, r := range all {
		if r.State != string(Draft) && r.State != string(Withdrawn) {
			return safety.Errorf(safety.Conflict, "a report is approved already; withdraw the report first")
		}
	}
	for _, r := range all {
		if r.State == string(Withdrawn) {
			continue
		}
		if err := d.withdraw(ctx, tx, who, r, "the decision was undone"); err != nil {
			return err
		}
	}
	return nil
}

// WithdrawReport takes a report back that is not yet opened at the authority.
func (d *Desk) WithdrawReport(ctx context.Context, who safety.Actor, reportID, reason string) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person withdraws a report")
	}
	if reason == "" {
		return safety.Errorf(safety.Invalid, "withdrawing needs a reason")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.Report(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		return d.withdraw(ctx, tx, who, r, reason)
	})
}

func (d *Desk) withdraw(ctx context.Context, tx *store.Tx, who safety.Actor, r db.Report, reason string) error {
	n, err := tx.WithdrawReport(ctx, r.ID, store.Micros(d.now()))
	if err != nil {
		return fmt.Errorf("withdrawing report: %w", err)
	}
	if n == 0 {
		return safety.Errorf(safety.Conflict, "this report can no longer be withdrawn")
	}
	// Without a clock the evidence would stay for ever.
	err = d.vault.SetClock(ctx, tx, r.CaseID, vault.OperatorPolicy(d.cfg.Keep).Clock(d.now(), "to withdraw report "+r.ID))
	if err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.withdraw", Subject: r.CaseID,
		Detail: r.ID + ": " + reason})
}

// EditDraft changes a draft. A wrong value is refused, and nothing is changed.
func (d *Desk) EditDraft(ctx context.Context, who safety.Actor, reportID string, e Edit) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person completes a report")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		rec, err := record(r)
		if err != nil {
			return err
		}
		changed := e.apply(&rec)
		if e.Priority != nil {
			if !e.Priority.Valid() {
				return safety.Errorf(safety.Invalid, "priority must be P1, P2 or P3")
			}
			changed = append(changed, fmt.Sprintf("priority from %s to %s", r.Priority, *e.Priority))
			r.Priority, rec.PriorityBy = string(*e.Priority), who.ID
			r.DueAt = store.Micros(store.Time(r.CreatedAt).Add(d.cfg.Due[*e.Priority]))
		}
		if e.IncidentType != nil {
			if !slices.Contains(cybertip.IncidentTypes(), *e.IncidentType) {
				return safety.Errorf(safety.Invalid, "incident_type is not one of the types")
			}
			r.IncidentType = string(*e.IncidentType)
			changed = append(changed, "incident_type")
		}
		if err := fillPeople(ctx, tx.Queries, rec.People); err != nil {
			return err
		}
		wrong, err := unknownFiles(ctx, tx.Queries, r.ID, e.Files)
		if err != nil {
			return err
		}
		if wrong = append(wrong, rec.check(d.now())...); len(wrong) > 0 {
			return safety.Wrap(safety.Invalid, &WrongError{wrong}, "the draft holds wrong values; nothing was changed")
		}
		rec.Declaration = nil // what was declared was another text
		text, err := json.Marshal(rec)
		if err != nil {
			return err
		}
		n, err := tx.SetReportDraft(ctx, db.SetReportDraftParams{ID: r.ID, Draft: string(text), IncidentType: r.IncidentType,
			Priority: r.Priority, DueAt: r.DueAt, UpdatedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("changing draft: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this report is no longer a draft")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.edit", Subject: r.CaseID,
			Detail: r.ID + ": " + strings.Join(changed, ", ")})
	})
}

// unknownFiles finds notes on files that the report does not have.
func unknownFiles(ctx context.Context, q *db.Queries, reportID string, notes map[string]FileNotes) ([]Wrong, error) {
	if len(notes) == 0 {
		return nil, nil
	}
	rows, err := q.ReportFiles(ctx, reportID)
	if err != nil {
		return nil, fmt.Errorf("reading files: %w", err)
	}
	for id := range notes {
		if !slices.ContainsFunc(rows, func(f db.ReportFile) bool { return f.EvidenceID == id }) {
			return []Wrong{{"files", "names a file that is not in this report"}}, nil
		}
	}
	return nil, nil
}

// fillPeople adds what the platform has said of the people's accounts.
func fillPeople(ctx context.Context, q *db.Queries, people []Person) error {
	for i, p := range people {
		people[i].Account = nil // never from outside
		if p.AccountID == "" {
			continue
		}
		a, err := account(ctx, q, p.AccountID)
		if err != nil {
			return err
		}
		people[i].Account = a
	}
	return nil
}

// WrongError lists what is wrong with a record.
type WrongError struct{ Wrong []Wrong }

func (e *WrongError) Error() string {
	var b strings.Builder
	for i, w := range e.Wrong {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(w.Path + " " + w.Problem)
	}
	return b.String()
}

// Approve is a person's order to file. The rules of routing and the document are
// checked first; what is wrong is returned as a [*WrongError]. declared says that
// the person made the declaration of [DeclarationText], without which nothing
// goes to the NCA.
func (d *Desk) Approve(ctx context.Context, who safety.Actor, reportID string, declared bool) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person may file a report")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		// What is approved is what stands there now, and two reports of one case
		// that must exclude each other are looked at one after the other.
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		if err := tx.LockCaseOfReport(ctx, r.CaseID); err != nil {
			return fmt.Errorf("locking case: %w", err)
		}
		in, err := load(ctx, tx.Queries, reportID)
		if err != nil {
			return err
		}
		if err := d.mayApprove(in, who); err != nil {
			return err
		}
		if err := stands(ctx, tx, in.decision); err != nil {
			return err
		}
		if declared {
			in.body.Declaration = &Declaration{Text: DeclarationText, By: who.ID, Name: who.Name, At: d.now()}
		}
		if wrong := d.wrong(in); len(wrong) > 0 {
			return safety.Wrap(safety.Conflict, &WrongError{wrong}, "the report is not complete enough to be filed")
		}
		if err := fixViewed(ctx, tx, in); err != nil {
			return err
		}
		return d.approve(ctx, tx, who, in)
	})
}

func (d *Desk) approve(ctx context.Context, tx *store.Tx, who safety.Actor, in *input) error {
	text, err := json.Marshal(in.body)
	if err != nil {
		return err
	}
	authority := Authority(in.report.Authority)
	n, err := tx.ApproveReport(ctx, db.ApproveReportParams{ID: in.report.ID, ApprovedBy: who.ID, ApprovedName: who.Name,
		ApprovedAt: store.Micros(d.now()), Environment: string(d.cfg.Environment), Draft: string(text), Carried: d.carried(authority)})
	if err != nil {
		return fmt.Errorf("approving report: %w", err)
	}
	if n == 0 {
		return safety.Errorf(safety.Conflict, "this report is not a draft")
	}
	if !d.carried(authority) {
		if err := tx.Enqueue(ctx, FileArgs{ReportID: in.report.ID}, time.Time{}); err != nil {
			return err
		}
	}
	var held []string
	for _, r := range d.rules(in) {
		held = append(held, r.Name)
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.approve", Subject: in.report.CaseID,
		Detail: fmt.Sprintf("%s to %s, %s; rules that held: %s", in.report.ID, authority, d.cfg.Environment, strings.Join(held, ", "))})
}

func (d *Desk) mayApprove(in *input, who safety.Actor) error {
	if in.report.State != string(Draft) {
		return safety.Errorf(safety.Conflict, "this report is not a draft")
	}
	if in.body.Canary && d.cfg.Environment == Production {
		return safety.Errorf(safety.Conflict, "the canary is a test and is never filed with the real authority")
	}
	if d.cfg.TwoPerson && in.decision.DecidedBy == who.ID {
		return safety.Errorf(safety.Forbidden, "another person than the one who decided must approve")
	}
	return nil
}

// stands fails when a decision rests on one that was taken back: nothing goes to
// an authority on its ground.
func stands(ctx context.Context, tx *store.Tx, made db.Decision) error {
	if made.RestsOn == "" {
		return nil
	}
	base, err := tx.Decision(ctx, made.RestsOn)
	if err != nil {
		return fmt.Errorf("reading the decision that this one rests on: %w", err)
	}
	// It is taken back under the lock of its case.
	if err := tx.LockCaseOfReport(ctx, base.CaseID); err != nil {
		return fmt.Errorf("locking case: %w", err)
	}
	if base, err = tx.Decision(ctx, base.ID); err != nil {
		return fmt.Errorf("reading the decision that this one rests on: %w", err)
	}
	if base.UndoneAt != 0 {
		return safety.Errorf(safety.Conflict, "the decision rests on one that was taken back, on case %s; take it back too and look at this case", base.CaseID)
	}
	return nil
}

// fixViewed writes down, file by file, whether a person has viewed it, from
// the view log. What is viewed later does not change the report.
func fixViewed(ctx context.Context, tx *store.Tx, in *input) error {
	for _, f := range in.files {
		err := tx.SetReportFile(ctx, db.SetReportFileParams{ReportID: in.report.ID, EvidenceID: f.row.EvidenceID,
			Viewed: f.viewed, Md5: f.item.Md5, RemoteFileID: "", State: string(fileWaiting)})
		if err != nil {
			return fmt.Errorf("recording what was viewed: %w", err)
		}
	}
	return nil
}

// Ping asks the authority whether it is up and takes our credentials.
func (d *Desk) Ping(ctx context.Context) error {
	if d.cfg.Client == nil {
		return safety.Errorf(safety.Unavailable, "no authority is configured")
	}
	_, err := d.cfg.Client.Status(ctx)
	return err
}
