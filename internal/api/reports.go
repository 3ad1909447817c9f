package api

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// ReportSummary is a report as lists show it.
type ReportSummary struct {
	ID            string     `json:"id"`
	CaseID        string     `json:"case_id"`
	Authority     string     `json:"authority" enum:"ncmec"`
	Environment   string     `json:"environment" enum:"standin,test,production"`
	State         string     `json:"state" enum:"draft,approved,opening,open,sealed,filed,withdrawn"`
	IncidentType  string     `json:"incident_type"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	RemoteID      string     `json:"remote_id,omitempty" doc:"The authority's number"`
	FiledAt       *time.Time `json:"filed_at,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
	Attempts      int64      `json:"attempts" doc:"Turns that failed"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`
}

// ReportDetail is everything about a report.
type ReportDetail struct {
	ReportSummary
	Draft        DraftModel        `json:"draft"`
	Completeness CompletenessModel `json:"completeness"`
	Files        []ReportFileModel `json:"files"`
	ApprovedBy   *PersonModel      `json:"approved_by,omitempty"`
	ApprovedAt   *time.Time        `json:"approved_at,omitempty"`
	Receipt      string            `json:"receipt,omitempty" doc:"The authority's receipt, verbatim"`
	XML          string            `json:"xml,omitempty" doc:"The document that was or would be sent"`
	Exchanges    []ExchangeModel   `json:"exchanges"`
	Problems     []ProblemModel    `json:"problems" doc:"What must be mended before it can be filed"`
}

// DraftModel is what a person can check and partly change before filing.
type DraftModel struct {
	Platform       string        `json:"platform"`
	IncidentAt     time.Time     `json:"incident_at"`
	EscalateReason string        `json:"escalate_reason,omitempty" doc:"Its presence escalates the report"`
	AdditionalInfo string        `json:"additional_info,omitempty"`
	ReportedUser   *KnownAccount `json:"reported_user,omitempty"`
}

// CompletenessModel says how useful the report is to an officer.
type CompletenessModel struct {
	Score   int            `json:"score" doc:"0 to 100"`
	Missing []MissingModel `json:"missing"`
}

// MissingModel is something that would help.
type MissingModel struct {
	Field string `json:"field"`
	Why   string `json:"why"`
}

// ReportFileModel is one file of a report.
type ReportFileModel struct {
	EvidenceID   string `json:"evidence_id"`
	Filename     string `json:"filename,omitempty"`
	MediaType    string `json:"media_type"`
	Size         int64  `json:"size"`
	MD5          string `json:"md5"`
	ViewedByESP  bool   `json:"viewed_by_esp" doc:"A person of the service viewed the whole file, by the view log"`
	NCMECClass   string `json:"ncmec_class,omitempty"`
	RemoteFileID string `json:"remote_file_id,omitempty"`
	State        string `json:"state" enum:"waiting,uploading,uploaded,describing,described"`
}

// ExchangeModel is one call to the authority.
type ExchangeModel struct {
	At         time.Time `json:"at"`
	Operation  string    `json:"operation"`
	HTTPStatus int64     `json:"http_status" doc:"0 when there was no answer"`
	Code       *int64    `json:"code,omitempty" doc:"The authority's response code"`
	RequestID  string    `json:"request_id,omitempty"`
	Error      string    `json:"error,omitempty"`
}

// ProblemModel is one thing that keeps a report from being filed.
type ProblemModel struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

type (
	reportsInput struct {
		State string `query:"state" enum:"draft,approved,opening,open,sealed,filed,withdrawn"`
		Page
	}
	reportsOutput struct {
		Body struct {
			Items      []ReportSummary `json:"items"`
			NextCursor string          `json:"next_cursor,omitempty"`
		}
	}
	ReportID struct {
		ID string `path:"id" maxLength:"64"`
	}
	reportOutput struct{ Body ReportDetail }
	editInput    struct {
		ReportID
		Body struct {
			EscalateReason *string    `json:"escalate_reason,omitempty" maxLength:"3000"`
			AdditionalInfo *string    `json:"additional_info,omitempty" maxLength:"20000"`
			IncidentAt     *time.Time `json:"incident_at,omitempty"`
		}
	}
	withdrawInput struct {
		ReportID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"2000"`
		}
	}
)

func (a *API) reportRoutes() {
	const tag = "Reports"
	handle(a, op{method: "GET", path: "/v1/reports", id: "get-reports", tag: tag, scope: access.ReportsRead, summary: "All reports, newest first"}, a.getReports)
	handle(a, op{method: "GET", path: "/v1/reports/{id}", id: "get-report", tag: tag, scope: access.ReportsRead, summary: "One report"}, a.getReport)
	handle(a, op{method: "PUT", path: "/v1/reports/{id}/draft", id: "edit-draft", tag: tag, scope: access.CasesDecide, summary: "Change a draft"}, a.editDraft)
	handle(a, op{method: "POST", path: "/v1/reports/{id}/approve", id: "approve-report", tag: tag, scope: access.ReportsApprove,
		summary: "File a report"}, a.approveReport)
	handle(a, op{method: "POST", path: "/v1/reports/{id}/withdraw", id: "withdraw-report", tag: tag, scope: access.ReportsApprove,
		summary: "Take back a report that is not open yet"}, a.withdrawReport)
	handle(a, op{method: "POST", path: "/v1/reports/{id}/retry", id: "retry-report", tag: tag, scope: access.ReportsApprove,
		summary: "Try again now"}, a.retryReport)
}

func reportSummary(r db.Report) ReportSummary {
	return ReportSummary{ID: r.ID, CaseID: r.CaseID, Authority: r.Authority, Environment: r.Environment, State: r.State,
		IncidentType: r.IncidentType, CreatedAt: store.Time(r.CreatedAt), UpdatedAt: store.Time(r.UpdatedAt), RemoteID: r.RemoteID,
		FiledAt: timeOrNil(r.FiledAt), LastError: r.LastError, Attempts: r.Attempts, NextAttemptAt: timeOrNil(r.NextAttemptAt)}
}

// timeMark is a place in an order by time and id, newest first.
type timeMark struct {
	At int64
	ID string
}

// newest comes before every row in that order.
func newest() timeMark { return timeMark{At: 1<<63 - 1, ID: "~"} }

func (a *API) getReports(ctx context.Context, in *reportsInput) (*reportsOutput, error) {
	at := newest()
	if err := position(in.Cursor, &at); err != nil {
		return nil, err
	}
	rows, err := a.Store.Read().ReportsByState(ctx, db.ReportsByStateParams{State: in.State, CreatedAt: at.At, ID: at.ID, Limit: int32(in.Limit)})
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	out := &reportsOutput{}
	out.Body.Items = make([]ReportSummary, len(rows))
	for i, r := range rows {
		out.Body.Items[i] = reportSummary(r)
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Body.NextCursor = mark(timeMark{last.CreatedAt, last.ID})
	}
	return out, nil
}

func (a *API) getReport(ctx context.Context, in *ReportID) (*reportOutput, error) {
	v, err := a.Reports.View(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &reportOutput{reportDetail(v)}, nil
}

func reportDetail(v *reporting.View) ReportDetail {
	r := v.Report
	out := ReportDetail{ReportSummary: reportSummary(r), Draft: DraftModel{Platform: v.Platform, IncidentAt: v.Record.IncidentAt,
		EscalateReason: v.Record.EscalateReason, AdditionalInfo: v.Record.AdditionalInfo, ReportedUser: knownAccount(v.Record.Account)},
		Completeness: CompletenessModel{Score: v.Score, Missing: []MissingModel{}}, Files: []ReportFileModel{},
		ApprovedAt: timeOrNil(r.ApprovedAt), Receipt: string(r.Receipt), XML: v.XML, Exchanges: []ExchangeModel{}, Problems: []ProblemModel{}}
	if r.ApprovedBy != "" {
		out.ApprovedBy = &PersonModel{r.ApprovedBy, r.ApprovedName}
	}
	for _, m := range v.Missing {
		out.Completeness.Missing = append(out.Completeness.Missing, MissingModel(m))
	}
	for _, f := range v.Files {
		out.Files = append(out.Files, ReportFileModel{EvidenceID: f.EvidenceID, Filename: f.Filename, MediaType: f.MediaType, Size: f.Size,
			MD5: f.MD5, ViewedByESP: f.Viewed, NCMECClass: f.Class, RemoteFileID: f.RemoteID, State: f.State})
	}
	for _, p := range v.Problems {
		out.Problems = append(out.Problems, ProblemModel(p))
	}
	for _, x := range v.Exchanges {
		m := ExchangeModel{At: store.Time(x.At), Operation: x.Operation, HTTPStatus: x.HttpStatus, RequestID: x.RequestID, Error: x.Error}
		if x.Code >= 0 {
			m.Code = &x.Code
		}
		out.Exchanges = append(out.Exchanges, m)
	}
	return out
}

// after answers with the report once a change is made.
func (a *API) after(ctx context.Context, id string, err error) (*reportOutput, error) {
	if err != nil {
		return nil, err
	}
	return a.getReport(ctx, &ReportID{id})
}

func (a *API) editDraft(ctx context.Context, in *editInput) (*reportOutput, error) {
	b := in.Body
	err := a.Reports.EditDraft(ctx, caller(ctx).Actor, in.ID, reporting.Edit{EscalateReason: b.EscalateReason,
		AdditionalInfo: b.AdditionalInfo, IncidentAt: b.IncidentAt})
	return a.after(ctx, in.ID, err)
}

func (a *API) approveReport(ctx context.Context, in *ReportID) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Approve(ctx, caller(ctx).Actor, in.ID, false))
}

func (a *API) withdrawReport(ctx context.Context, in *withdrawInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.WithdrawReport(ctx, caller(ctx).Actor, in.ID, in.Body.Reason))
}

func (a *API) retryReport(ctx context.Context, in *ReportID) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Retry(ctx, caller(ctx).Actor, in.ID))
}
