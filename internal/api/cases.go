package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// PersonModel names somebody.
type PersonModel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// CaseSummary is a case as the queue shows it.
type CaseSummary struct {
	ID           string       `json:"id"`
	State        string       `json:"state" enum:"open,decided"`
	Queue        string       `json:"queue"`
	Priority     string       `json:"priority" enum:"P1,P2,P3"`
	OpenedAt     time.Time    `json:"opened_at"`
	UpdatedAt    time.Time    `json:"updated_at"`
	AccountID    string       `json:"account_id"`
	Items        int64        `json:"items"`
	Reason       string       `json:"reason" doc:"Why it is here, in a sentence"`
	Canary       bool         `json:"canary" doc:"A test of the whole path"`
	Surface      string       `json:"surface"`
	Jurisdiction string       `json:"jurisdiction"`
	AssignedTo   *PersonModel `json:"assigned_to,omitempty"`
	LeaseUntil   *time.Time   `json:"lease_until,omitempty"`
}

// CaseDetail is everything that a reviewer needs.
type CaseDetail struct {
	CaseSummary
	Content   []ItemModel     `json:"content"`
	Account   *KnownAccount   `json:"account,omitempty"`
	Decisions []DecisionModel `json:"decisions"`
	Reports   []ReportSummary `json:"reports"`
	Clocks    []ClockModel    `json:"clocks"`
	Views     []ViewModel     `json:"views"`
	History   []HistoryModel  `json:"history"`

	Holds       []HoldModel       `json:"holds"`
	Certificate *CertificateModel `json:"certificate,omitempty" doc:"Of a case whose evidence was destroyed"`
	Relevant    *RelevantModel    `json:"relevant,omitempty" doc:"What is kept of the account around the incident"`

	Precedent *PrecedentModel  `json:"precedent,omitempty" doc:"Of an open case: the decision on another case with the same pictures. Absent where people have judged them differently"`
	Requests  []RequestSummary `json:"requests" doc:"Of law enforcement, that name this case; empty without the scope requests:read"`
	Outcomes  []OutcomeModel   `json:"outcomes" doc:"What came of reports and requests"`

	Copies []CaseSummary `json:"copies" doc:"Open cases that hold the same pictures and nothing else, 200 at most"`
}

// ItemModel is one piece of content on a case.
type ItemModel struct {
	ID            string         `json:"id"`
	ContentID     string         `json:"content_id"`
	PictureID     string         `json:"picture_id,omitempty" doc:"Items that share it are copies of one picture: the same bytes, or nearly the same to look at"`
	Filename      string         `json:"filename,omitempty"`
	URL           string         `json:"url,omitempty"`
	Surface       string         `json:"surface"`
	Jurisdiction  string         `json:"jurisdiction"`
	CreatedAt     *time.Time     `json:"created_at,omitempty"`
	ReceivedAt    time.Time      `json:"received_at"`
	Verdict       string         `json:"verdict" enum:"allow,warn,limit,hold,block"`
	Scan          string         `json:"scan" enum:"scanned,partial,failed,unsupported"`
	ScanReason    string         `json:"scan_reason,omitempty"`
	PolicyVersion string         `json:"policy_version"`
	Media         *MediaModel    `json:"media,omitempty"`
	Findings      []FindingModel `json:"findings"`
	Evidence      *EvidenceModel `json:"evidence,omitempty" doc:"Absent when only hashes were sent"`
	DecidedBefore []EarlierModel `json:"decided_before,omitempty" doc:"Decisions that stand on other cases with the same file, picture or signal, latest first: nobody has to look at it twice"`
}

// EarlierModel is an earlier decision on the same picture.
type EarlierModel struct {
	CaseID       string    `json:"case_id"`
	Same         string    `json:"same" enum:"file,picture,signal" doc:"What the two have in common"`
	At           time.Time `json:"at"`
	By           string    `json:"by"`
	Outcome      string    `json:"outcome" enum:"confirmed,not_confirmed"`
	NCMECClass   string    `json:"ncmec_class,omitempty" enum:"A1,A2,B1,B2"`
	UKClass      string    `json:"uk_class,omitempty" enum:"A,B,C"`
	IncidentType string    `json:"incident_type,omitempty"`
}

// MediaModel describes a file.
type MediaModel struct {
	Format string `json:"format"`
	Width  int64  `json:"width"`
	Height int64  `json:"height"`
	Frames int64  `json:"frames"`
	Size   int64  `json:"size" doc:"Bytes"`
}

// EvidenceModel is what the vault holds of an item.
type EvidenceModel struct {
	ID         string `json:"id"`
	MediaType  string `json:"media_type"`
	Size       int64  `json:"size"`
	HasPreview bool   `json:"has_preview"`
	Destroyed  bool   `json:"destroyed"`
	ViewedByMe bool   `json:"viewed_by_me"`
	Viewed     bool   `json:"viewed" doc:"By anybody, in full"`
}

// DecisionModel is a person's judgement.
type DecisionModel struct {
	ID           string        `json:"id"`
	Outcome      string        `json:"outcome" enum:"confirmed,not_confirmed"`
	By           PersonModel   `json:"by"`
	At           time.Time     `json:"at"`
	NCMECClass   string        `json:"ncmec_class,omitempty" enum:"A1,A2,B1,B2"`
	UKClass      string        `json:"uk_class,omitempty" enum:"A,B,C"`
	IncidentType string        `json:"incident_type,omitempty"`
	Reason       string        `json:"reason"`
	Note         string        `json:"note,omitempty"`
	Viewed       []ViewedModel `json:"viewed"`
	UndoneAt     *time.Time    `json:"undone_at,omitempty"`
	CanUndo      bool          `json:"can_undo"`
	RestsOn      *RestsOnModel `json:"rests_on,omitempty" doc:"The decision that was taken over without another look"`
}

// ViewedModel says how the decider saw one piece of evidence.
type ViewedModel struct {
	EvidenceID string `json:"evidence_id"`
	Mode       string `json:"mode" enum:"original,not_viewed"`
}

// ClockModel says until when a case must be kept, and by what law.
type ClockModel struct {
	Law   string    `json:"law"`
	Basis string    `json:"basis"`
	Until time.Time `json:"until"`
	Keeps string    `json:"keeps" enum:"evidence,record" doc:"The evidence, or the report's own row with its reference"`
}

// ViewModel is one look at evidence.
type ViewModel struct {
	EvidenceID string    `json:"evidence_id"`
	By         string    `json:"by"`
	Mode       string    `json:"mode" enum:"preview,original"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

// HistoryModel is one row of the ledger on a case.
type HistoryModel struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Detail string    `json:"detail"`
}

// DecisionInput is what a reviewer decides.
type DecisionInput struct {
	Outcome      string `json:"outcome" enum:"confirmed,not_confirmed"`
	Reason       string `json:"reason" minLength:"1" maxLength:"2000"`
	Note         string `json:"note,omitempty" maxLength:"4000"`
	NCMECClass   string `json:"ncmec_class,omitempty" enum:"A1,A2,B1,B2"`
	UKClass      string `json:"uk_class,omitempty" enum:"A,B,C"`
	IncidentType string `json:"incident_type,omitempty" maxLength:"100" doc:"Needed when confirmed; see /v1/incident-types"`
	Priority     string `json:"priority,omitempty" enum:"P1,P2,P3" doc:"Changes the case's"`
	Items        int64  `json:"items,omitempty" minimum:"0" doc:"How many items you saw; 409 when there are others by now"`
}

type (
	casesInput struct {
		State string `query:"state" enum:"open,decided" default:"open"`
		Queue string `query:"queue" maxLength:"64"`
		Page
	}
	casesOutput struct {
		Body struct {
			Items      []CaseSummary `json:"items"`
			NextCursor string        `json:"next_cursor,omitempty"`
		}
	}
	CaseID struct {
		ID string `path:"id" maxLength:"64"`
	}
	summaryOutput struct{ Body CaseSummary }
	detailOutput  struct{ Body CaseDetail }
	decideInput   struct {
		CaseID
		Body DecisionInput
	}
	decideOutput  struct{ Body DecisionModel }
	incidentTypes struct {
		Body struct {
			Items []IncidentTypeModel `json:"items"`
		}
	}
)

// IncidentTypeModel is one of the authority's incident types.
type IncidentTypeModel struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

func (a *API) caseRoutes() {
	const tag = "Cases"
	handle(a, op{method: "GET", path: "/v1/cases", id: "get-cases", tag: tag, scope: access.CasesRead, summary: "The queue, most urgent first"}, a.getCases)
	handle(a, op{method: "POST", path: "/v1/cases/next", id: "next-case", tag: tag, scope: access.CasesDecide, summary: "Claim the most urgent case"}, a.nextCase)
	handle(a, op{method: "GET", path: "/v1/cases/{id}", id: "get-case", tag: tag, scope: access.CasesRead, summary: "One case"}, a.getCase)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/claim", id: "claim-case", tag: tag, scope: access.CasesDecide, summary: "Take a case"},
		a.caseChange(a.Cases.Claim))
	handle(a, op{method: "POST", path: "/v1/cases/{id}/release", id: "release-case", tag: tag, scope: access.CasesDecide, summary: "Give a case back"},
		a.caseChange(a.Cases.Release))
	handle(a, op{method: "POST", path: "/v1/cases/{id}/decision", id: "decide-case", tag: tag, scope: access.CasesDecide, summary: "Decide a case"}, a.decideCase)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/follow", id: "follow-decision", tag: tag, scope: access.CasesDecide,
		summary: "Decide a case as another with the same pictures was decided"}, a.followDecision)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/undo", id: "undo-decision", tag: tag, scope: access.CasesDecide, summary: "Take a decision back"},
		a.caseChange(a.Cases.Undo))
	handle(a, op{method: "GET", path: "/v1/incident-types", id: "get-incident-types", tag: tag, scope: access.CasesRead,
		summary: "What a confirmed case can be"}, a.getIncidentTypes)
}

func (a *API) getIncidentTypes(context.Context, *struct{}) (*incidentTypes, error) {
	out := &incidentTypes{}
	for _, t := range cybertip.IncidentTypes() {
		out.Body.Items = append(out.Body.Items, IncidentTypeModel{Value: string(t), Label: string(t)})
	}
	return out, nil
}

func incidentValues() []string {
	var out []string
	for _, t := range cybertip.IncidentTypes() {
		out = append(out, string(t))
	}
	return out
}

// queueMark is the place of a case in the queue's order.
type queueMark struct {
	Priority string
	OpenedAt int64
	ID       string
}

func (a *API) getCases(ctx context.Context, in *casesInput) (*casesOutput, error) {
	var at queueMark
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	q := a.Store.Read()
	rows, err := q.CasesByState(ctx, db.CasesByStateParams{State: in.State, Queue: in.Queue, Priority: at.Priority, OpenedAt: at.OpenedAt,
		ID: at.ID, Limit: int32(in.Limit)})
	if err != nil {
		return nil, fmt.Errorf("reading cases: %w", err)
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	out := &casesOutput{}
	out.Body.Items = make([]CaseSummary, len(rows))
	for i, c := range rows {
		if out.Body.Items[i], err = a.summary(ctx, c, names); err != nil {
			return nil, err
		}
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Body.NextCursor = mark(queueMark{last.Priority, last.OpenedAt, last.ID})
	}
	return out, nil
}

// names maps the ledger's names of actors to those of people and keys.
func (a *API) names(ctx context.Context) (map[string]string, error) {
	out := map[string]string{"system": "Rowan", "cli": "Command line"}
	users, err := a.Access.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		out["user:"+u.ID] = u.Name
	}
	keys, err := a.Access.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		out["key:"+k.ID] = k.Name
	}
	return out, nil
}

func (a *API) summary(ctx context.Context, c db.Case, names map[string]string) (CaseSummary, error) {
	n, err := a.Store.Read().CountItems(ctx, c.ID)
	if err != nil {
		return CaseSummary{}, fmt.Errorf("counting items: %w", err)
	}
	out := CaseSummary{ID: c.ID, State: c.State, Queue: c.Queue, Priority: c.Priority, OpenedAt: store.Time(c.OpenedAt),
		UpdatedAt: store.Time(c.UpdatedAt), AccountID: c.AccountID, Items: n, Reason: c.Reason, Canary: c.Canary,
		Surface: c.Surface, Jurisdiction: c.Jurisdiction}
	if c.AssignedTo != "" && c.LeaseUntil > store.Micros(a.Now()) {
		out.AssignedTo = &PersonModel{c.AssignedTo, names[c.AssignedTo]}
		out.LeaseUntil = timeOrNil(c.LeaseUntil)
	}
	return out, nil
}

func timeOrNil(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	return new(store.Time(us))
}

func (a *API) summaryOf(ctx context.Context, c db.Case, err error) (*summaryOutput, error) {
	if err != nil {
		return nil, err
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.summary(ctx, c, names)
	return &summaryOutput{s}, err
}

func (a *API) nextCase(ctx context.Context, _ *struct{}) (*summaryOutput, error) {
	c, err := a.Cases.Next(ctx, caller(ctx).Actor)
	return a.summaryOf(ctx, c, err)
}

// caseChange makes a handler of a change that needs only the case and who.
func (a *API) caseChange(fn func(context.Context, safety.Actor, string) (db.Case, error)) func(context.Context, *CaseID) (*summaryOutput, error) {
	return func(ctx context.Context, in *CaseID) (*summaryOutput, error) {
		c, err := fn(ctx, caller(ctx).Actor, in.ID)
		return a.summaryOf(ctx, c, err)
	}
}

func (a *API) decideCase(ctx context.Context, in *decideInput) (*decideOutput, error) {
	b := in.Body
	made, err := a.Cases.Decide(ctx, caller(ctx).Actor, in.ID, cases.Judgement{Outcome: cases.Outcome(b.Outcome), Reason: b.Reason,
		Note: b.Note, NCMECClass: b.NCMECClass, UKClass: b.UKClass, IncidentType: b.IncidentType, Priority: safety.Priority(b.Priority), Items: b.Items},
		incidentValues())
	if err != nil {
		return nil, err
	}
	m, err := a.decision(ctx, made, nil)
	return &decideOutput{m}, err
}

func (a *API) decision(ctx context.Context, d db.Decision, reports []db.Report) (DecisionModel, error) {
	out := DecisionModel{ID: d.ID, Outcome: d.Outcome, By: PersonModel{d.DecidedBy, d.DecidedName}, At: store.Time(d.At),
		NCMECClass: d.NcmecClass, UKClass: d.UkClass, IncidentType: d.IncidentType, Reason: d.Reason, Note: d.Note,
		Viewed: []ViewedModel{}, UndoneAt: timeOrNil(d.UndoneAt)}
	var viewed []cases.Viewed
	if err := json.Unmarshal([]byte(d.Viewed), &viewed); err != nil {
		return out, fmt.Errorf("stored decision: %w", err)
	}
	for _, v := range viewed {
		out.Viewed = append(out.Viewed, ViewedModel(v))
	}
	state := "draft" // a decision just made has just been drafted
	for _, r := range reports {
		if r.DecisionID == d.ID {
			state = r.State
		}
	}
	out.CanUndo = a.Cases.CanUndo(caller(ctx).Actor, d, state)
	if d.RestsOn != "" {
		base, err := a.Store.Read().Decision(ctx, d.RestsOn)
		if err != nil {
			return out, fmt.Errorf("reading the decision that %s rests on: %w", d.ID, err)
		}
		out.RestsOn = &RestsOnModel{DecisionID: base.ID, CaseID: base.CaseID, Undone: base.UndoneAt != 0}
	}
	return out, nil
}

func (a *API) getCase(ctx context.Context, in *CaseID) (*detailOutput, error) {
	q := a.Store.Read()
	c, err := q.CaseByID(ctx, in.ID)
	if err != nil {
		return nil, store.NotFound(err, "case")
	}
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	out := &detailOutput{}
	if out.Body.CaseSummary, err = a.summary(ctx, c, names); err != nil {
		return nil, err
	}
	for _, fill := range []func(context.Context, *db.Queries, db.Case, map[string]string, *CaseDetail) error{
		a.fillContent, a.fillDecisions, a.fillAccount, a.fillRecord, a.fillKeeping, a.fillCopies, a.fillRequests} {
		if err := fill(ctx, q, c, names, &out.Body); err != nil {
			return nil, fmt.Errorf("reading case: %w", err)
		}
	}
	return out, nil
}

func (a *API) fillContent(ctx context.Context, q *db.Queries, c db.Case, _ map[string]string, out *CaseDetail) error {
	items, err := q.ItemsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	findings, err := q.FindingsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	pieces, err := q.EvidenceOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	views, err := q.ViewsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	out.Content = make([]ItemModel, len(items))
	for i, it := range items {
		m := itemModel(it)
		for _, f := range findings {
			if f.ItemID == it.ID {
				m.Findings = append(m.Findings, FindingModel{f.Detector, f.ListName, f.ListKind, f.Match, f.Variant, int(f.Frame), f.FromMs, f.ToMs})
			}
		}
		m.Evidence = evidenceModel(it.ID, pieces, views, caller(ctx).Actor.ID)
		if m.DecidedBefore, err = decidedBefore(ctx, q, it); err != nil {
			return err
		}
		out.Content[i] = m
	}
	return nil
}

func decidedBefore(ctx context.Context, q *db.Queries, it db.Item) ([]EarlierModel, error) {
	rows, err := q.DecidedBefore(ctx, it.CaseID, it.Sha256, it.ID)
	if err != nil {
		return nil, err
	}
	var out []EarlierModel
	for _, r := range rows {
		out = append(out, EarlierModel{CaseID: r.CaseID, Same: r.Same, At: store.Time(r.At), By: r.DecidedName, Outcome: r.Outcome,
			NCMECClass: r.NcmecClass, UKClass: r.UkClass, IncidentType: r.IncidentType})
	}
	return out, nil
}

func itemModel(it db.Item) ItemModel {
	m := ItemModel{ID: it.ID, ContentID: it.ContentID, PictureID: it.PictureID, Filename: it.Filename, URL: it.Url, Surface: it.Surface, Jurisdiction: it.Jurisdiction,
		CreatedAt: timeOrNil(it.ContentAt), ReceivedAt: store.Time(it.ReceivedAt), Verdict: it.Verdict, Scan: it.Scan,
		ScanReason: it.ScanReason, PolicyVersion: it.PolicyVersion, Findings: []FindingModel{}}
	if it.Size > 0 {
		m.Media = &MediaModel{it.Format, it.Width, it.Height, it.Frames, it.Size}
	}
	return m
}

func evidenceModel(itemID string, pieces []db.Evidence, views []db.View, me string) *EvidenceModel {
	var out *EvidenceModel
	preview := false
	for _, e := range pieces {
		if e.ItemID != itemID || e.Role == string(vault.Relevant) || e.Role == string(vault.Disclosure) {
			continue
		}
		if e.Role == string(vault.Preview) {
			preview = true
			continue
		}
		out = &EvidenceModel{ID: e.ID, MediaType: e.MediaType, Size: e.Size, Destroyed: e.DestroyedAt != 0}
		for _, v := range views {
			if v.EvidenceID == e.ID && v.Mode == string(vault.ViewOriginal) {
				out.Viewed = true
				out.ViewedByMe = out.ViewedByMe || v.Viewer == me
			}
		}
	}
	if out != nil {
		out.HasPreview = preview
	}
	return out
}

func (a *API) fillDecisions(ctx context.Context, q *db.Queries, c db.Case, _ map[string]string, out *CaseDetail) error {
	reports, err := q.ReportsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	decisions, err := q.DecisionsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	out.Reports, out.Decisions = make([]ReportSummary, len(reports)), make([]DecisionModel, len(decisions))
	for i, r := range reports {
		out.Reports[i] = reportSummary(r)
	}
	for i, d := range decisions {
		if out.Decisions[i], err = a.decision(ctx, d, reports); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) fillAccount(ctx context.Context, q *db.Queries, c db.Case, _ map[string]string, out *CaseDetail) error {
	row, err := q.Account(ctx, c.AccountID)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var account safety.Account
	if err := json.Unmarshal([]byte(row.Profile), &account); err != nil {
		return err
	}
	account.ID, account.UpdatedAt = row.ID, store.Time(row.UpdatedAt)
	out.Account = knownAccount(&account)
	return nil
}

func (a *API) fillRecord(ctx context.Context, q *db.Queries, c db.Case, names map[string]string, out *CaseDetail) error {
	clocks, err := q.ClocksOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	views, err := q.ViewsOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	entries, err := q.EntriesOfSubject(ctx, c.ID, "~", 200) // "~" sorts after every id
	if err != nil {
		return err
	}
	out.Clocks, out.Views, out.History = []ClockModel{}, []ViewModel{}, []HistoryModel{}
	for _, k := range clocks {
		out.Clocks = append(out.Clocks, ClockModel{k.Law, k.Basis, store.Time(k.UntilAt), k.Keeps})
	}
	for _, v := range views {
		out.Views = append(out.Views, ViewModel{v.EvidenceID, v.ViewerName, v.Mode, v.Reason, store.Time(v.At)})
	}
	for _, e := range entries {
		out.History = append(out.History, HistoryModel{store.Time(e.At), nameOr(names, e.Actor), e.Action, e.Detail})
	}
	return nil
}

func nameOr(names map[string]string, id string) string {
	if n, ok := names[id]; ok {
		return n
	}
	return id
}
