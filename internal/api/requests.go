package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/disclosure"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// SubjectModel is something that a request names.
type SubjectModel struct {
	Kind string `json:"kind" enum:"case,account,content,report"`
	ID   string `json:"id" minLength:"1" maxLength:"256"`
}

// RequestSummary is a request of law enforcement as the list shows it.
type RequestSummary struct {
	ID            string     `json:"id"`
	State         string     `json:"state" enum:"open,answered,refused,withdrawn"`
	Basis         string     `json:"basis" enum:"nca_information_request,court_order,legal_process,preservation_request,emergency,mutual_assistance,voluntary,other"`
	Authority     string     `json:"authority"`
	AuthorityKind string     `json:"authority_kind" enum:"police,nca,prosecutor,court,regulator,other"`
	Country       string     `json:"country,omitempty"`
	Reference     string     `json:"reference,omitempty" doc:"The authority's own"`
	ReceivedAt    time.Time  `json:"received_at"`
	DueAt         time.Time  `json:"due_at"`
	Late          bool       `json:"late" doc:"It is open and its time is over, or it ended after its time"`
	EndedAt       *time.Time `json:"ended_at,omitempty"`
}

// RequestDetail is everything about a request.
type RequestDetail struct {
	RequestSummary
	Officer     string            `json:"officer,omitempty"`
	Contact     string            `json:"contact,omitempty"`
	Means       string            `json:"means" enum:"portal,email,letter,phone,in_person,other"`
	Asks        string            `json:"asks,omitempty"`
	RecordedBy  PersonModel       `json:"recorded_by"`
	RecordedAt  time.Time         `json:"recorded_at"`
	LawDueAt    *time.Time        `json:"law_due_at,omitempty" doc:"The latest time that the law allows; absent where no law that Rowan knows sets one"`
	HandsOver   bool              `json:"hands_over" doc:"False for what only asks to keep"`
	NothingHeld bool              `json:"nothing_held"`
	EndedBy     *PersonModel      `json:"ended_by,omitempty"`
	EndedNote   string            `json:"ended_note,omitempty"`
	Subjects    []SubjectModel    `json:"subjects"`
	Cases       []CaseSummary     `json:"cases" doc:"That it names, directly or through an account, a content or a report; they are kept while it is open"`
	Disclosures []DisclosureModel `json:"disclosures"`
	Outcomes    []OutcomeModel    `json:"outcomes"`
	History     []HistoryModel    `json:"history"`
}

// DisclosureModel is a bundle that was prepared for an authority.
type DisclosureModel struct {
	ID          string       `json:"id"`
	CaseID      string       `json:"case_id"`
	State       string       `json:"state" enum:"prepared,approved,handed_over,dropped"`
	SHA256      string       `json:"sha256" doc:"Of the exact bytes"`
	Size        int64        `json:"size" doc:"Bytes"`
	WithContent bool         `json:"with_content"`
	PreparedBy  PersonModel  `json:"prepared_by"`
	PreparedAt  time.Time    `json:"prepared_at"`
	ApprovedBy  *PersonModel `json:"approved_by,omitempty"`
	ApprovedAt  *time.Time   `json:"approved_at,omitempty"`
	TakenAt     *time.Time   `json:"taken_at,omitempty" doc:"When the bytes were first taken out"`
	HandedBy    *PersonModel `json:"handed_by,omitempty"`
	HandedAt    *time.Time   `json:"handed_at,omitempty"`
	HandedTo    string       `json:"handed_to,omitempty"`
	HandedMeans string       `json:"handed_means,omitempty"`
}

// OutcomeModel is what came of a request or of a filed report.
type OutcomeModel struct {
	ID          string      `json:"id"`
	RequestID   string      `json:"request_id,omitempty"`
	ReportID    string      `json:"report_id,omitempty"`
	CaseID      string      `json:"case_id,omitempty"`
	Kind        string      `json:"kind" enum:"child_safeguarded,suspect_identified,arrest,charge,conviction,no_action,not_enough_information,other"`
	At          time.Time   `json:"at"`
	Source      string      `json:"source,omitempty"`
	Note        string      `json:"note,omitempty"`
	RecordedBy  PersonModel `json:"recorded_by"`
	RecordedAt  time.Time   `json:"recorded_at"`
	WithdrawnAt *time.Time  `json:"withdrawn_at,omitempty" doc:"It was written down by mistake and does not count"`
}

// GroundModel is a ground of requests.
type GroundModel struct {
	Basis     string `json:"basis"`
	Words     string `json:"words"`
	HandsOver bool   `json:"hands_over"`
	Law       string `json:"law,omitempty" doc:"That sets a time"`
	Limit     string `json:"limit,omitempty" doc:"The time, in words"`
}

// NewRequestModel records a request.
type NewRequestModel struct {
	Authority     string         `json:"authority" minLength:"1" maxLength:"200"`
	AuthorityKind string         `json:"authority_kind" enum:"police,nca,prosecutor,court,regulator,other"`
	Country       string         `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2"`
	Officer       string         `json:"officer,omitempty" maxLength:"200"`
	Contact       string         `json:"contact,omitempty" maxLength:"500"`
	Reference     string         `json:"reference,omitempty" maxLength:"200"`
	Means         string         `json:"means" enum:"portal,email,letter,phone,in_person,other"`
	Basis         string         `json:"basis" enum:"nca_information_request,court_order,legal_process,preservation_request,emergency,mutual_assistance,voluntary,other"`
	Asks          string         `json:"asks,omitempty" maxLength:"4000" doc:"What is asked, in words; kept out of the ledger"`
	ReceivedAt    time.Time      `json:"received_at"`
	DueAt         *time.Time     `json:"due_at,omitempty" doc:"Needed where no law sets a time; never later than the law's"`
	Subjects      []SubjectModel `json:"subjects" minItems:"1" maxItems:"200"`
}

type (
	requestsInput struct {
		State string `query:"state" enum:"open,ended" default:"open"`
		Page
	}
	requestsOutput struct {
		Body struct {
			Items      []RequestSummary `json:"items"`
			NextCursor string           `json:"next_cursor,omitempty"`
		}
	}
	groundsOutput struct {
		Body struct {
			Items []GroundModel `json:"items"`
		}
	}
	newRequestInput struct{ Body NewRequestModel }
	RequestID       struct {
		ID string `path:"id" maxLength:"64"`
	}
	requestOutput struct{ Body RequestDetail }
	hastenInput   struct {
		RequestID
		Body struct {
			DueAt time.Time `json:"due_at"`
		}
	}
	prepareInput struct {
		RequestID
		Body struct {
			CaseID         string `json:"case_id" minLength:"1" maxLength:"64"`
			Passphrase     string `json:"passphrase,omitempty" minLength:"20" maxLength:"200" doc:"Of the AES ZIP file around the bundle; not kept. Needed unless without_content is true"`
			WithoutContent bool   `json:"without_content,omitempty" doc:"Hashes and custody only, no evidence files"`
		}
	}
	endInput struct {
		RequestID
		Body struct {
			State       string `json:"state" enum:"answered,refused,withdrawn"`
			NothingHeld bool   `json:"nothing_held,omitempty" doc:"Answered, because there is nothing to hand over"`
			Note        string `json:"note,omitempty" maxLength:"4000" doc:"The ground of a refusal, or what was answered; kept out of the ledger"`
		}
	}
	approveDisclosureInput struct {
		RequestID
		Body struct {
			SHA256 string `json:"sha256" minLength:"64" maxLength:"64" doc:"Of the bundle that you mean"`
		}
	}
	handOverDisclosureInput struct {
		RequestID
		Body struct {
			To    string `json:"to" minLength:"1" maxLength:"200"`
			Means string `json:"means" enum:"portal,email,letter,phone,in_person,other"`
		}
	}
	disclosureOutput struct{ Body DisclosureModel }
	outcomeInput     struct {
		Body struct {
			RequestID string    `json:"request_id,omitempty" maxLength:"64"`
			ReportID  string    `json:"report_id,omitempty" maxLength:"64"`
			CaseID    string    `json:"case_id,omitempty" maxLength:"64" doc:"Which of a request's cases"`
			Kind      string    `json:"kind" enum:"child_safeguarded,suspect_identified,arrest,charge,conviction,no_action,not_enough_information,other"`
			At        time.Time `json:"at" doc:"When it happened or was told"`
			Source    string    `json:"source,omitempty" maxLength:"200"`
			Note      string    `json:"note,omitempty" maxLength:"2000"`
		}
	}
	outcomeOutput struct{ Body OutcomeModel }
)

func (a *API) requestRoutes() {
	const tag = "Requests of law enforcement"
	handle(a, op{method: "GET", path: "/v1/requests", id: "get-requests", tag: tag, scope: access.RequestsRead, summary: "Requests, the open ones by time left"}, a.getRequests)
	handle(a, op{method: "GET", path: "/v1/request-grounds", id: "get-request-grounds", tag: tag, scope: access.RequestsRead,
		summary: "Grounds of requests, and the times that laws set"}, a.getGrounds)
	handle(a, op{method: "POST", path: "/v1/requests", id: "record-request", tag: tag, scope: access.RequestsWrite, status: http.StatusCreated,
		summary: "Record a request; what it names is kept from now on"}, a.newRequest)
	handle(a, op{method: "GET", path: "/v1/requests/{id}", id: "get-request", tag: tag, scope: access.RequestsRead, summary: "One request"}, a.getRequest)
	handle(a, op{method: "POST", path: "/v1/requests/{id}/due", id: "hasten-request", tag: tag, scope: access.RequestsWrite,
		summary: "Bring the time to answer forward; it is never put off"}, a.hastenRequest)
	handle(a, op{method: "POST", path: "/v1/requests/{id}/disclosures", id: "prepare-disclosure", tag: tag, scope: access.RequestsWrite, status: http.StatusCreated,
		summary: "Make the evidence bundle of a case, sealed as it will be handed over"}, a.prepareDisclosure)
	handle(a, op{method: "POST", path: "/v1/requests/{id}/end", id: "end-request", tag: tag, scope: access.RequestsWrite,
		summary: "Answer, refuse or withdraw a request"}, a.endRequest)
	handle(a, op{method: "POST", path: "/v1/disclosures/{id}/approve", id: "approve-disclosure", tag: tag, scope: access.RequestsApprove,
		summary: "The second person's word that a bundle may be handed over"}, a.approveDisclosure)
	handle(a, op{method: "POST", path: "/v1/disclosures/{id}/file", id: "take-disclosure", tag: tag, scope: access.RequestsWrite,
		summary: "Put a look on record, then get the approved bytes", more: answersWith("application/zip")}, a.takeDisclosure)
	handle(a, op{method: "POST", path: "/v1/disclosures/{id}/hand-over", id: "hand-over-disclosure", tag: tag, scope: access.RequestsWrite,
		summary: "Record that a bundle was handed over"}, a.handOverDisclosure)
	handle(a, op{method: "POST", path: "/v1/disclosures/{id}/drop", id: "drop-disclosure", tag: tag, scope: access.RequestsWrite,
		summary: "Give up a bundle that was not handed over"}, a.dropDisclosure)
	handle(a, op{method: "POST", path: "/v1/outcomes", id: "record-outcome", tag: tag, scope: access.RequestsWrite, status: http.StatusCreated,
		summary: "Write down what came of a request or of a filed report"}, a.recordOutcome)
	handle(a, op{method: "POST", path: "/v1/outcomes/{id}/withdraw", id: "withdraw-outcome", tag: tag, scope: access.RequestsWrite,
		summary: "Take an outcome back that was written down by mistake"}, a.withdrawOutcome)
}

// requestMark is the place of a request in its list.
type requestMark struct {
	At int64
	ID string
}

func (a *API) getRequests(ctx context.Context, in *requestsInput) (*requestsOutput, error) {
	var at requestMark
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	var rows []db.Request
	var err error
	q := a.Store.Read()
	if in.State == "open" {
		rows, err = q.OpenRequests(ctx, at.At, at.ID, int32(in.Limit))
	} else {
		if in.Cursor == "" {
			at = requestMark{1<<62 - 1, ""}
		}
		rows, err = q.EndedRequests(ctx, at.At, at.ID, int32(in.Limit))
	}
	if err != nil {
		return nil, fmt.Errorf("reading requests: %w", err)
	}
	out := &requestsOutput{}
	out.Body.Items = make([]RequestSummary, len(rows))
	for i, r := range rows {
		out.Body.Items[i] = a.requestSummary(r)
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		m := requestMark{last.DueAt, last.ID}
		if in.State != "open" {
			m.At = last.EndedAt
		}
		out.Body.NextCursor = mark(m)
	}
	return out, nil
}

func (a *API) requestSummary(r db.Request) RequestSummary {
	end := r.EndedAt
	if end == 0 {
		end = store.Micros(a.Now())
	}
	return RequestSummary{ID: r.ID, State: r.State, Basis: r.Basis, Authority: r.Authority, AuthorityKind: r.AuthorityKind, Country: r.Country,
		Reference: r.Reference, ReceivedAt: store.Time(r.ReceivedAt), DueAt: store.Time(r.DueAt), Late: end > r.DueAt, EndedAt: timeOrNil(r.EndedAt)}
}

func (a *API) getGrounds(context.Context, *struct{}) (*groundsOutput, error) {
	out := &groundsOutput{}
	for _, g := range disclosure.Grounds {
		m := GroundModel{Basis: string(g.Basis), Words: g.Words, HandsOver: g.HandsOver}
		if g.Law != nil {
			m.Law, m.Limit = g.Law.Name, g.Law.For+" from "+g.Law.From
		}
		out.Body.Items = append(out.Body.Items, m)
	}
	return out, nil
}

func (a *API) newRequest(ctx context.Context, in *newRequestInput) (*requestOutput, error) {
	b := in.Body
	n := disclosure.New{Authority: b.Authority, AuthorityKind: b.AuthorityKind, Country: b.Country, Officer: b.Officer, Contact: b.Contact,
		Reference: b.Reference, Means: b.Means, Basis: disclosure.Basis(b.Basis), Asks: b.Asks, ReceivedAt: b.ReceivedAt}
	if b.DueAt != nil {
		n.DueAt = *b.DueAt
	}
	for _, s := range b.Subjects {
		n.Subjects = append(n.Subjects, disclosure.Subject(s))
	}
	r, err := a.Requests.Receive(ctx, caller(ctx).Actor, n)
	return a.requestOf(ctx, r, err)
}

func (a *API) getRequest(ctx context.Context, in *RequestID) (*requestOutput, error) {
	r, err := a.Store.Read().RequestByID(ctx, in.ID)
	if err != nil {
		err = store.NotFound(err, "request")
	}
	return a.requestOf(ctx, r, err)
}

func (a *API) hastenRequest(ctx context.Context, in *hastenInput) (*requestOutput, error) {
	r, err := a.Requests.Hasten(ctx, caller(ctx).Actor, in.ID, in.Body.DueAt)
	return a.requestOf(ctx, r, err)
}

func (a *API) endRequest(ctx context.Context, in *endInput) (*requestOutput, error) {
	r, err := a.Requests.End(ctx, caller(ctx).Actor, in.ID, disclosure.End{State: disclosure.State(in.Body.State), NothingHeld: in.Body.NothingHeld, Note: in.Body.Note})
	return a.requestOf(ctx, r, err)
}

// requestOf reads everything about a request.
func (a *API) requestOf(ctx context.Context, r db.Request, err error) (*requestOutput, error) {
	if err != nil {
		return nil, err
	}
	q := a.Store.Read()
	names, err := a.names(ctx)
	if err != nil {
		return nil, err
	}
	b := RequestDetail{RequestSummary: a.requestSummary(r), Officer: r.Officer, Contact: r.Contact, Means: r.Means, Asks: r.Asks,
		RecordedBy: PersonModel{r.RecordedBy, r.RecordedName}, RecordedAt: store.Time(r.RecordedAt), LawDueAt: timeOrNil(r.LawDueAt),
		NothingHeld: r.NothingHeld, EndedNote: r.EndedNote, Subjects: []SubjectModel{}, Cases: []CaseSummary{}, Disclosures: []DisclosureModel{},
		Outcomes: []OutcomeModel{}, History: []HistoryModel{}}
	if r.EndedAt != 0 {
		b.EndedBy = &PersonModel{r.EndedBy, r.EndedName}
	}
	for _, g := range disclosure.Grounds {
		b.HandsOver = b.HandsOver || string(g.Basis) == r.Basis && g.HandsOver
	}
	subjects, err := q.SubjectsOfRequest(ctx, r.ID)
	if err != nil {
		return nil, fmt.Errorf("reading subjects: %w", err)
	}
	for _, s := range subjects {
		b.Subjects = append(b.Subjects, SubjectModel{s.Kind, s.SubjectID})
	}
	cases, err := q.CasesOfRequest(ctx, r.ID)
	if err != nil {
		return nil, fmt.Errorf("reading cases: %w", err)
	}
	for _, c := range cases {
		s, err := a.summary(ctx, c, names)
		if err != nil {
			return nil, err
		}
		b.Cases = append(b.Cases, s)
	}
	disclosures, err := q.DisclosuresOfRequest(ctx, r.ID)
	if err != nil {
		return nil, fmt.Errorf("reading hand-overs: %w", err)
	}
	for _, d := range disclosures {
		b.Disclosures = append(b.Disclosures, disclosureModel(d))
	}
	outcomes, err := q.OutcomesOfRequest(ctx, r.ID)
	if err != nil {
		return nil, fmt.Errorf("reading outcomes: %w", err)
	}
	b.Outcomes = outcomeModels(outcomes)
	if b.History, err = requestHistory(ctx, q, r.ID, disclosures, names); err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	return &requestOutput{b}, nil
}

// requestHistory is what the ledger says of a request and of its bundles, whose rows
// stand with their cases; latest first.
func requestHistory(ctx context.Context, q *db.Queries, id string, ds []db.Disclosure, names map[string]string) ([]HistoryModel, error) {
	entries, err := q.EntriesOfSubject(ctx, id, "~", 200)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range ds {
		if seen[d.CaseID] {
			continue
		}
		seen[d.CaseID] = true
		rows, err := q.EntriesOfSubject(ctx, d.CaseID, "~", 1000)
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			if strings.HasPrefix(e.Action, "disclosure.") && slices.ContainsFunc(ds, func(d db.Disclosure) bool { return strings.HasPrefix(e.Detail, d.ID) }) {
				entries = append(entries, e)
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b db.LedgerEntry) int { return cmp.Compare(b.At, a.At) })
	out := make([]HistoryModel, len(entries))
	for i, e := range entries {
		out[i] = HistoryModel{store.Time(e.At), nameOr(names, e.Actor), e.Action, e.Detail}
	}
	return out, nil
}

func disclosureModel(d db.Disclosure) DisclosureModel {
	m := DisclosureModel{ID: d.ID, CaseID: d.CaseID, State: "prepared", SHA256: d.Sha256, Size: d.Size, WithContent: d.WithContent,
		PreparedBy: PersonModel{d.PreparedBy, d.PreparedName}, PreparedAt: store.Time(d.PreparedAt), ApprovedAt: timeOrNil(d.ApprovedAt),
		TakenAt: timeOrNil(d.TakenAt), HandedAt: timeOrNil(d.HandedAt), HandedTo: d.HandedTo, HandedMeans: d.HandedMeans}
	if d.ApprovedAt != 0 {
		m.State, m.ApprovedBy = "approved", &PersonModel{d.ApprovedBy, d.ApprovedName}
	}
	if d.HandedAt != 0 {
		m.State, m.HandedBy = "handed_over", &PersonModel{d.HandedBy, d.HandedName}
	}
	if d.DroppedAt != 0 {
		m.State = "dropped"
	}
	return m
}

func (a *API) prepareDisclosure(ctx context.Context, in *prepareInput) (*disclosureOutput, error) {
	b := in.Body
	return disclosureOf(a.Requests.Prepare(ctx, caller(ctx).Actor, in.ID, b.CaseID, b.Passphrase, b.WithoutContent))
}

func (a *API) approveDisclosure(ctx context.Context, in *approveDisclosureInput) (*disclosureOutput, error) {
	return disclosureOf(a.Requests.Approve(ctx, caller(ctx).Actor, in.ID, in.Body.SHA256))
}

func (a *API) takeDisclosure(ctx context.Context, in *RequestID) (*bytesOutput, error) {
	data, d, err := a.Requests.Take(ctx, caller(ctx).Actor, in.ID)
	if err != nil {
		return nil, err
	}
	return &bytesOutput{ContentType: "application/zip", Disposition: `attachment; filename="` + d.ID + `.zip"`, Body: data}, nil
}

func (a *API) handOverDisclosure(ctx context.Context, in *handOverDisclosureInput) (*disclosureOutput, error) {
	return disclosureOf(a.Requests.HandOver(ctx, caller(ctx).Actor, in.ID, in.Body.To, in.Body.Means))
}

func (a *API) dropDisclosure(ctx context.Context, in *RequestID) (*disclosureOutput, error) {
	return disclosureOf(a.Requests.Drop(ctx, caller(ctx).Actor, in.ID))
}

func disclosureOf(d db.Disclosure, err error) (*disclosureOutput, error) {
	if err != nil {
		return nil, err
	}
	return &disclosureOutput{disclosureModel(d)}, nil
}

func outcomeModel(o db.Outcome) OutcomeModel {
	return OutcomeModel{ID: o.ID, RequestID: o.RequestID, ReportID: o.ReportID, CaseID: o.CaseID, Kind: o.Kind, At: store.Time(o.At), Source: o.Source,
		Note: o.Note, RecordedBy: PersonModel{o.RecordedBy, o.RecordedName}, RecordedAt: store.Time(o.RecordedAt), WithdrawnAt: timeOrNil(o.WithdrawnAt)}
}

func outcomeModels(rows []db.Outcome) []OutcomeModel {
	out := make([]OutcomeModel, len(rows))
	for i, o := range rows {
		out[i] = outcomeModel(o)
	}
	return out
}

func (a *API) recordOutcome(ctx context.Context, in *outcomeInput) (*outcomeOutput, error) {
	b := in.Body
	o, err := a.Requests.Record(ctx, caller(ctx).Actor, disclosure.Outcome{RequestID: b.RequestID, ReportID: b.ReportID, CaseID: b.CaseID, Kind: b.Kind,
		At: b.At, Source: b.Source, Note: b.Note})
	if err != nil {
		return nil, err
	}
	return &outcomeOutput{outcomeModel(o)}, nil
}

func (a *API) withdrawOutcome(ctx context.Context, in *RequestID) (*outcomeOutput, error) {
	o, err := a.Requests.Withdraw(ctx, caller(ctx).Actor, in.ID)
	if err != nil {
		return nil, err
	}
	return &outcomeOutput{outcomeModel(o)}, nil
}

// fillRequests says which requests name a case and what came of it. The words of
// requests are for those who may read them.
func (a *API) fillRequests(ctx context.Context, q *db.Queries, c db.Case, _ map[string]string, out *CaseDetail) error {
	outcomes, err := q.OutcomesOfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	out.Outcomes, out.Requests = outcomeModels(outcomes), []RequestSummary{}
	if !caller(ctx).Can(access.RequestsRead) {
		for i := range out.Outcomes {
			out.Outcomes[i].Source, out.Outcomes[i].Note = "", ""
		}
		return nil
	}
	rows, err := q.RequestsOfCase(ctx, c.ID, c.AccountID)
	for _, r := range rows {
		out.Requests = append(out.Requests, a.requestSummary(r))
	}
	return err
}
