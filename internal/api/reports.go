package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

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
		Body EditModel
	}
	approveInput struct {
		ReportID
		Body *ApproveModel
	}
	reasonInput struct {
		ReportID
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"2000"`
		}
	}
)

// EditModel is a change to a draft; what is left out stays.
type EditModel struct {
	IncidentType   *cybertip.IncidentType         `json:"incident_type,omitempty" maxLength:"100"`
	IncidentAt     *time.Time                     `json:"incident_at,omitempty"`
	IncidentNote   *string                        `json:"incident_note,omitempty" maxLength:"3000"`
	Annotations    *[]string                      `json:"annotations,omitempty" maxItems:"10"`
	Places         *[]reporting.Place             `json:"places,omitempty" maxItems:"50"`
	EscalateReason *string                        `json:"escalate_reason,omitempty" maxLength:"3000"`
	AdditionalInfo *string                        `json:"additional_info,omitempty" maxLength:"20000"`
	ThirdParty     *bool                          `json:"third_party,omitempty" doc:"The account is on a service that the reporter does not run"`
	People         *[]InvolvedModel               `json:"people,omitempty" maxItems:"100"`
	Contact        *reporting.Contact             `json:"contact,omitempty" doc:"What law enforcement knows already"`
	NoContact      bool                           `json:"no_contact,omitempty" doc:"Take what was said in contact away"`
	Prior          *[]reporting.Reference         `json:"prior,omitempty" maxItems:"50"`
	Files          map[string]reporting.FileNotes `json:"files,omitempty" doc:"By evidence id; those that are named are replaced"`
	Priority       *safety.Priority               `json:"priority,omitempty" enum:"P1,P2,P3" doc:"Only people choose it, and nothing lowers it"`
	PriorityReason *string                        `json:"priority_reason,omitempty" maxLength:"2000"`
	UKLinks        *[]reporting.UKLink            `json:"uk_links,omitempty" maxItems:"10"`
	Emergency      *string                        `json:"emergency,omitempty" maxLength:"4000" doc:"What was done to protect somebody at once"`
	Agency         *reporting.Agency              `json:"agency,omitempty" doc:"Whom a referral goes to"`
}

// ApproveModel goes with an approval.
type ApproveModel struct {
	Declared bool `json:"declared,omitempty" doc:"You make the declaration that reports to the NCA need"`
}

func (m EditModel) edit() reporting.Edit {
	e := reporting.Edit{IncidentType: m.IncidentType, IncidentAt: m.IncidentAt, IncidentNote: m.IncidentNote, Annotations: m.Annotations,
		Places: m.Places, EscalateReason: m.EscalateReason, AdditionalInfo: m.AdditionalInfo, ThirdParty: m.ThirdParty, Prior: m.Prior,
		Files: m.Files, Priority: m.Priority, PriorityReason: m.PriorityReason, UKLinks: m.UKLinks, Emergency: m.Emergency, Agency: m.Agency}
	if m.Contact != nil || m.NoContact {
		e.Contact = &m.Contact
	}
	if m.People != nil {
		people := list(*m.People, func(p InvolvedModel) reporting.Person {
			return reporting.Person{Role: p.Role, AccountID: p.AccountID, Name: p.Name, Age: p.Age, School: p.School, Note: p.Note}
		})
		e.People = &people
	}
	return e
}

func (a *API) reportRoutes() {
	const tag = "Reports"
	at := func(path string) string { return "/v1/reports/{id}" + path }
	approve := func(path, id, summary string) op {
		return op{method: "POST", path: at(path), id: id, tag: tag, scope: access.ReportsApprove, summary: summary}
	}
	handle(a, op{method: "GET", path: "/v1/reports", id: "get-reports", tag: tag, scope: access.ReportsRead, summary: "All reports, newest first"}, a.getReports)
	handle(a, op{method: "GET", path: at(""), id: "get-report", tag: tag, scope: access.ReportsRead, summary: "One report"}, a.getReport)
	handle(a, op{method: "GET", path: at("/document"), id: "get-report-document", tag: tag, scope: access.ReportsRead,
		summary: "The report as PDF, for people to read", more: answersWith("application/pdf")}, a.getDocument)
	handle(a, op{method: "PUT", path: at("/draft"), id: "edit-draft", tag: tag, scope: access.CasesDecide, summary: "Change a draft"}, a.editDraft)
	handle(a, approve("/approve", "approve-report", "File a report, or release it to the person who carries it"), a.approveReport)
	handle(a, approve("/withdraw", "withdraw-report", "Take back a report that is not open yet"), a.withdrawReport)
	handle(a, approve("/retry", "retry-report", "Try again now"), a.retryReport)
	handle(a, approve("/route", "route-report", "Send a draft to another authority"), a.routeReport)
	handle(a, approve("/supplement", "supplement-report", "Draft a report that adds to a filed one"), a.supplementReport)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/referrals", id: "refer-case", tag: tag, scope: access.ReportsApprove,
		summary: "Draft a referral of a confirmed case to a police force or another body"}, a.referCase)
	handle(a, approve("/hand-over", "hand-over-report", "You begin to submit it at the authority now"), a.handOver)
	handle(a, approve("/reference", "enter-reference", "Enter the authority's reference: the report is filed"), a.enterReference)
	handle(a, approve("/reconcile", "reconcile-report", "Say what you found at the authority about a report that was on its way"), a.reconcile)
	handle(a, approve("/mend", "mend-report", "Take an approved report that people carry back to a draft"), a.mend)
	handle(a, approve("/call", "report-call", "Record the phone call that an urgent report needs out of hours"), a.called)
	handle(a, op{method: "POST", path: at("/bundle"), id: "take-bundle", tag: tag, scope: access.ReportsApprove,
		summary: "Take the report and its files as an encrypted ZIP", more: answersWith("application/zip")}, a.takeBundle)
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
	out.Body.Items = list(rows, reportSummary)
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

func (a *API) getDocument(ctx context.Context, in *ReportID) (*bytesOutput, error) {
	_, pdf, err := a.Reports.Document(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &bytesOutput{ContentType: "application/pdf", Disposition: fmt.Sprintf("attachment; filename=%q", in.ID+".pdf"), Body: pdf}, nil
}

// after answers with the report once a change is made.
func (a *API) after(ctx context.Context, id string, err error) (*reportOutput, error) {
	if err != nil {
		return nil, err
	}
	return a.getReport(ctx, &ReportID{id})
}

func (a *API) editDraft(ctx context.Context, in *editInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.EditDraft(ctx, caller(ctx).Actor, in.ID, in.Body.edit()))
}

func (a *API) approveReport(ctx context.Context, in *approveInput) (*reportOutput, error) {
	declared := in.Body != nil && in.Body.Declared
	return a.after(ctx, in.ID, a.Reports.Approve(ctx, caller(ctx).Actor, in.ID, declared))
}

func (a *API) withdrawReport(ctx context.Context, in *reasonInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.WithdrawReport(ctx, caller(ctx).Actor, in.ID, in.Body.Reason))
}

func (a *API) retryReport(ctx context.Context, in *ReportID) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Retry(ctx, caller(ctx).Actor, in.ID))
}

type routeInput struct {
	ReportID
	Body struct {
		Authority reporting.Authority `json:"authority" enum:"ncmec,nca"`
		Reason    string              `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

func (a *API) routeReport(ctx context.Context, in *routeInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Reroute(ctx, caller(ctx).Actor, in.ID, in.Body.Authority, in.Body.Reason))
}

func (a *API) supplementReport(ctx context.Context, in *reasonInput) (*reportOutput, error) {
	id, err := a.Reports.Supplement(ctx, caller(ctx).Actor, in.ID, in.Body.Reason)
	return a.after(ctx, id, err)
}

type referInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body reporting.Agency
}

func (a *API) referCase(ctx context.Context, in *referInput) (*reportOutput, error) {
	id, err := a.Reports.Refer(ctx, caller(ctx).Actor, in.ID, in.Body)
	return a.after(ctx, id, err)
}

func (a *API) handOver(ctx context.Context, in *ReportID) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.HandOver(ctx, caller(ctx).Actor, in.ID))
}

type referenceInput struct {
	ReportID
	Body struct {
		Reference string `json:"reference" minLength:"1" maxLength:"100"`
		Receipt   string `json:"receipt,omitempty" maxLength:"20000" doc:"The automated receipt, word for word"`
	}
}

func (a *API) enterReference(ctx context.Context, in *referenceInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Reference(ctx, caller(ctx).Actor, in.ID, in.Body.Reference, in.Body.Receipt))
}

type reconcileInput struct {
	ReportID
	Body struct {
		Reference string `json:"reference,omitempty" maxLength:"100" doc:"Empty: it is not there, and may be tried again"`
		Note      string `json:"note" minLength:"1" maxLength:"2000" doc:"Where you looked, and what you saw"`
	}
}

func (a *API) reconcile(ctx context.Context, in *reconcileInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Reconcile(ctx, caller(ctx).Actor, in.ID, in.Body.Reference, in.Body.Note))
}

func (a *API) mend(ctx context.Context, in *reasonInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Mend(ctx, caller(ctx).Actor, in.ID, in.Body.Reason))
}

type callInput struct {
	ReportID
	Body struct {
		SpokeTo string `json:"spoke_to" minLength:"1" maxLength:"200"`
		Note    string `json:"note,omitempty" maxLength:"2000"`
	}
}

func (a *API) called(ctx context.Context, in *callInput) (*reportOutput, error) {
	return a.after(ctx, in.ID, a.Reports.Called(ctx, caller(ctx).Actor, in.ID, in.Body.SpokeTo, in.Body.Note))
}

type reportBundleInput struct {
	ReportID
	Body struct {
		Passphrase string `json:"passphrase" minLength:"20" maxLength:"200" doc:"It is not kept; without it nobody opens the bundle"`
	}
}

func (a *API) takeBundle(ctx context.Context, in *reportBundleInput) (*huma.StreamResponse, error) {
	b, err := a.Reports.Bundle(ctx, caller(ctx).Actor, in.ID, in.Body.Passphrase)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/zip")
		hc.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=%q", b.Name()))
		if err := b.WriteTo(hc.Context(), hc.BodyWriter()); err != nil {
			a.logged(ctx, "take-bundle", err)
			// The beginning is sent already. A connection that breaks is no file that
			// somebody could take for a whole one.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
