// Package reporting files reports with authorities, so that each confirmed
// decision becomes exactly one finished report and none is lost.
//
// A confirmed decision makes a draft from what is known ([Desk.Draft]). A person
// looks at it and approves ([Desk.Approve]). Then a durable job carries it
// through the states of [Transitions]: every answer of the authority is stored
// with the state that follows from it in one transaction, intents are stored
// before the calls that cannot be repeated, and after a crash the authority is
// asked (retract, finish) before anything is opened again. See docs/report.md
// for the machine and why it cannot file twice.
//
// The word "viewed" in a report comes from the vault's view log and from
// nowhere else.
package reporting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Authority is the only one so far: the US National Center for Missing &
// Exploited Children.
const Authority = "ncmec"

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
	CompanyTemplate string // free text for law enforcement: how to serve process, emergency contact
	TermsURL        string
	LegalURL        string
}

// Config is what filing needs beside a database.
type Config struct {
	Environment Environment
	Client      *cybertip.Client
	Reporter    Reporter
	TwoPerson   bool // the approver must be another person than the decider
	// Keep is how long the evidence of a case is kept after its report was
	// withdrawn.
	Keep time.Duration
}

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
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, v *vault.Vault, now func() time.Time, cfg Config, h Hooks) *Desk {
	return &Desk{store: s, vault: v, now: now, cfg: cfg, hooks: h}
}

// Environment tells where reports go.
func (d *Desk) Environment() Environment { return d.cfg.Environment }

// Body is the part of a report that is known when it is drafted and that a
// person may still change.
type Body struct {
	IncidentAt     time.Time       `json:"incident_at"`
	EscalateReason string          `json:"escalate_reason,omitempty"` // its presence escalates
	AdditionalInfo string          `json:"additional_info,omitempty"`
	NCMECClass     string          `json:"ncmec_class,omitempty"`
	Account        *safety.Account `json:"account,omitempty"` // as known when drafted
	AccountID      string          `json:"account_id,omitempty"`
	Surface        safety.Surface  `json:"surface"`
	Canary         bool            `json:"canary,omitempty"`
}

// Draft makes the draft report of a confirmed decision in the decision's own
// transaction.
func (d *Desk) Draft(ctx context.Context, tx *store.Tx, c db.Case, made db.Decision) error {
	items, err := tx.ItemsOfCase(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("reading items: %w", err)
	}
	body := Body{NCMECClass: made.NcmecClass, AccountID: c.AccountID, Surface: safety.Surface(c.Surface), Canary: c.Canary}
	for _, it := range items {
		body.IncidentAt = earliest(body.IncidentAt, it)
	}
	if body.Account, err = account(ctx, tx.Queries, c.AccountID); err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	now := d.now()
	id := safety.NewID("rep", now)
	err = tx.CreateReport(ctx, db.CreateReportParams{ID: id, CaseID: c.ID, DecisionID: made.ID, Authority: Authority,
		Environment: string(d.cfg.Environment), State: string(Draft), IncidentType: made.IncidentType, Draft: string(text),
		Receipt: []byte{}, CreatedAt: store.Micros(now)})
	if err != nil {
		return fmt.Errorf("creating report: %w", err)
	}
	if err := d.addFiles(ctx, tx, id, c.ID); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "report.draft", Subject: c.ID, Detail: id})
}

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

func (d *Desk) addFiles(ctx context.Context, tx *store.Tx, reportID, caseID string) error {
	pieces, err := tx.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	n := int64(0)
	for _, e := range pieces {
		if e.Role != string(vault.Original) {
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

// Withdraw takes a draft back because its decision was undone.
func (d *Desk) Withdraw(ctx context.Context, tx *store.Tx, who safety.Actor, decisionID string) error {
	r, err := tx.ReportOfDecision(ctx, decisionID, Authority)
	if err != nil {
		return store.NotFound(err, "report")
	}
	if r.State != string(Draft) {
		return safety.Errorf(safety.Conflict, "the report is approved already; withdraw the report first")
	}
	return d.withdraw(ctx, tx, who, r, "the decision was undone")
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
	err = d.vault.SetClock(ctx, tx, r.CaseID, vault.Clock{Law: "operator policy", Until: d.now().Add(d.cfg.Keep),
		Basis: fmt.Sprintf("%d days from the withdrawal of report %s", int(d.cfg.Keep/(24*time.Hour)), r.ID)})
	if err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.withdraw", Subject: r.CaseID,
		Detail: r.ID + ": " + reason})
}

// Edit is a person's change to a draft; nil keeps what is there.
type Edit struct {
	EscalateReason *string
	AdditionalInfo *string
	IncidentAt     *time.Time
}

// EditDraft changes a draft.
func (d *Desk) EditDraft(ctx context.Context, who safety.Actor, reportID string, e Edit) error {
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := tx.LockReport(ctx, reportID)
		if err != nil {
			return store.NotFound(err, "report")
		}
		body, err := body(r)
		if err != nil {
			return err
		}
		if e.EscalateReason != nil {
			body.EscalateReason = *e.EscalateReason
		}
		if e.AdditionalInfo != nil {
			body.AdditionalInfo = *e.AdditionalInfo
		}
		if e.IncidentAt != nil {
			body.IncidentAt = *e.IncidentAt
		}
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		n, err := tx.SetReportDraft(ctx, db.SetReportDraftParams{ID: r.ID, Draft: string(text), IncidentType: r.IncidentType, UpdatedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("changing draft: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this report is no longer a draft")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.edit", Subject: r.CaseID, Detail: r.ID})
	})
}

func body(r db.Report) (Body, error) {
	var b Body
	if err := json.Unmarshal([]byte(r.Draft), &b); err != nil {
		return b, fmt.Errorf("stored draft of %s: %w", r.ID, err)
	}
	return b, nil
}

// Approve is a person's order to file. The document is checked first; what is
// wrong with it is returned as a [*cybertip.ValidationError].
func (d *Desk) Approve(ctx context.Context, who safety.Actor, reportID string) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person may file a report")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		// What is approved is what stands there now.
		if _, err := tx.LockReport(ctx, reportID); err != nil {
			return store.NotFound(err, "report")
		}
		in, err := load(ctx, tx.Queries, reportID)
		if err != nil {
			return err
		}
		if err := d.mayApprove(in, who); err != nil {
			return err
		}
		if err := d.compile(in).Validate(d.now()); err != nil {
			return safety.Wrap(safety.Conflict, err, "the report is not complete enough to be filed")
		}
		if err := fixViewed(ctx, tx, in); err != nil {
			return err
		}
		n, err := tx.ApproveReport(ctx, db.ApproveReportParams{ID: reportID, ApprovedBy: who.ID, ApprovedName: who.Name,
			ApprovedAt: store.Micros(d.now()), Environment: string(d.cfg.Environment)})
		if err != nil {
			return fmt.Errorf("approving report: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this report is not a draft")
		}
		if err := tx.Enqueue(ctx, FileArgs{ReportID: reportID}, time.Time{}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "report.approve", Subject: in.report.CaseID,
			Detail: fmt.Sprintf("%s to %s, %s", reportID, Authority, d.cfg.Environment)})
	})
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
