package api

import (
	"time"

	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// ReportSummary is a report as lists show it.
type ReportSummary struct {
	ID            string     `json:"id"`
	CaseID        string     `json:"case_id"`
	Authority     string     `json:"authority" enum:"ncmec,nca,referral"`
	Environment   string     `json:"environment" enum:"standin,test,production"`
	State         string     `json:"state" enum:"draft,approved,opening,open,sealed,filed,withdrawn"`
	Carried       bool       `json:"carried" doc:"A person takes it to the authority"`
	Priority      string     `json:"priority" doc:"P1, P2 or P3; empty in reports of versions before it was kept"`
	IncidentType  string     `json:"incident_type"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	DueAt         *time.Time `json:"due_at,omitempty" doc:"When the operator's alarm goes off, if it is not filed by then"`
	RemoteID      string     `json:"remote_id,omitempty" doc:"The authority's number"`
	FiledAt       *time.Time `json:"filed_at,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
	Attempts      int64      `json:"attempts" doc:"Turns that failed"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`
	Supplements   string     `json:"supplements,omitempty" doc:"The filed report that this one adds to"`
}

// ReportDetail is everything about a report.
type ReportDetail struct {
	ReportSummary
	Draft        DraftModel        `json:"draft"`
	Completeness CompletenessModel `json:"completeness"`
	Files        []ReportFileModel `json:"files"`
	Rules        []RuleModel       `json:"rules" doc:"What must hold before it may be filed, and whether it does"`
	Duties       []DutyModel       `json:"duties" doc:"What the filing still asks of people"`
	Prior        []PriorModel      `json:"prior" doc:"Filed before on the account or the case"`
	Steps        []StepModel       `json:"steps" doc:"What people did by hand"`
	ApprovedBy   *PersonModel      `json:"approved_by,omitempty"`
	ApprovedAt   *time.Time        `json:"approved_at,omitempty"`
	Receipt      string            `json:"receipt,omitempty" doc:"The authority's receipt, verbatim"`
	XML          string            `json:"xml,omitempty" doc:"To NCMEC: the document that was or would be sent"`
	Declaration  string            `json:"declaration,omitempty" doc:"What the approver must declare"`
	Exchanges    []ExchangeModel   `json:"exchanges"`
	Problems     []ProblemModel    `json:"problems" doc:"What must be mended before it can be filed"`
}

// DraftModel is what a person can check and change before filing.
type DraftModel struct {
	Platform       string                         `json:"platform"`
	IncidentAt     time.Time                      `json:"incident_at"`
	IncidentNote   string                         `json:"incident_note,omitempty"`
	Annotations    []string                       `json:"annotations"`
	Places         []reporting.Place              `json:"places"`
	EscalateReason string                         `json:"escalate_reason,omitempty" doc:"Its presence escalates the report"`
	AdditionalInfo string                         `json:"additional_info,omitempty"`
	ThirdParty     *bool                          `json:"third_party,omitempty"`
	ReportedUser   *KnownAccount                  `json:"reported_user,omitempty"`
	People         []InvolvedModel                `json:"people"`
	Contact        *reporting.Contact             `json:"contact,omitempty"`
	Prior          []reporting.Reference          `json:"prior" doc:"Earlier reports that Rowan does not know of"`
	Files          map[string]reporting.FileNotes `json:"files" doc:"Notes by evidence id"`
	PriorityChosen bool                           `json:"priority_chosen" doc:"A person has chosen the priority"`
	PriorityReason string                         `json:"priority_reason,omitempty"`
	UKLinks        []reporting.UKLink             `json:"uk_links"`
	Emergency      string                         `json:"emergency,omitempty"`
	Agency         *reporting.Agency              `json:"agency,omitempty"`
	Supplement     string                         `json:"supplement,omitempty"`
	NCMECClass     string                         `json:"ncmec_class,omitempty"`
	UKClass        string                         `json:"uk_class,omitempty"`
}

// InvolvedModel is somebody beside the reported account.
type InvolvedModel struct {
	Role      string        `json:"role" enum:"victim,recipient,associated"`
	AccountID string        `json:"account_id,omitempty" maxLength:"255"`
	Name      string        `json:"name,omitempty" maxLength:"200"`
	Age       *int          `json:"age,omitempty" minimum:"0" maximum:"150"`
	School    string        `json:"school,omitempty" maxLength:"255"`
	Note      string        `json:"note,omitempty" maxLength:"4000"`
	Account   *KnownAccount `json:"account,omitempty" readOnly:"true" doc:"What the platform has said of the account"`
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

// RuleModel is a rule of routing or filing.
type RuleModel struct {
	Name   string `json:"name"`
	Holds  bool   `json:"holds"`
	Why    string `json:"why"`
	Source string `json:"source" doc:"Where the rule comes from; [P] was read in the original, [S] in secondary sources"`
}

// DutyModel is something that a filing asks of a person.
type DutyModel struct {
	Name   string `json:"name"`
	Why    string `json:"why"`
	Source string `json:"source"`
	Done   bool   `json:"done"`
}

// PriorModel is an earlier report.
type PriorModel struct {
	ID        string     `json:"id"`
	Authority string     `json:"authority"`
	RemoteID  string     `json:"remote_id"`
	FiledAt   *time.Time `json:"filed_at,omitempty"`
}

// StepModel is what a person did for a report.
type StepModel struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Step   string    `json:"step"`
	Detail string    `json:"detail,omitempty"`
}

// ReportFileModel is one file of a report.
type ReportFileModel struct {
	EvidenceID   string `json:"evidence_id"`
	Filename     string `json:"filename,omitempty"`
	MediaType    string `json:"media_type"`
	Size         int64  `json:"size"`
	MD5          string `json:"md5"`
	ViewedByESP  bool   `json:"viewed_by_esp" doc:"A person of the service viewed the whole file, by the view log"`
	Supplemental bool   `json:"supplemental" doc:"Context, and not the content itself"`
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

func reportSummary(r db.Report) ReportSummary {
	return ReportSummary{ID: r.ID, CaseID: r.CaseID, Authority: r.Authority, Environment: r.Environment, State: r.State, Carried: r.Carried,
		Priority: r.Priority, IncidentType: r.IncidentType, CreatedAt: store.Time(r.CreatedAt), UpdatedAt: store.Time(r.UpdatedAt),
		DueAt: timeOrNil(r.DueAt), RemoteID: r.RemoteID, FiledAt: timeOrNil(r.FiledAt), LastError: r.LastError, Attempts: r.Attempts,
		NextAttemptAt: timeOrNil(r.NextAttemptAt), Supplements: r.Supplements}
}

func reportDetail(v *reporting.View) ReportDetail {
	r := v.Report
	out := ReportDetail{ReportSummary: reportSummary(r), Draft: draftModel(v), Completeness: CompletenessModel{Score: v.Score},
		ApprovedAt: timeOrNil(r.ApprovedAt), Receipt: string(r.Receipt), XML: v.XML}
	if r.ApprovedBy != "" {
		out.ApprovedBy = &PersonModel{r.ApprovedBy, r.ApprovedName}
	}
	if reporting.Authority(r.Authority) == reporting.NCA {
		out.Declaration = reporting.DeclarationText
	}
	out.Completeness.Missing = list(v.Missing, func(m reporting.Missing) MissingModel { return MissingModel(m) })
	out.Rules = list(v.Rules, func(x reporting.Rule) RuleModel { return RuleModel(x) })
	out.Duties = list(v.Duties, func(x reporting.Duty) DutyModel { return DutyModel(x) })
	out.Problems = list(v.Problems, func(p reporting.Wrong) ProblemModel { return ProblemModel(p) })
	out.Files = list(v.Files, func(f reporting.FileView) ReportFileModel {
		return ReportFileModel{EvidenceID: f.EvidenceID, Filename: f.Filename, MediaType: f.MediaType, Size: f.Size, MD5: f.MD5,
			ViewedByESP: f.Viewed, Supplemental: f.Supplemental, NCMECClass: f.Class, RemoteFileID: f.RemoteID, State: f.State}
	})
	out.Prior = list(v.Prior, func(p db.Report) PriorModel {
		return PriorModel{ID: p.ID, Authority: p.Authority, RemoteID: p.RemoteID, FiledAt: timeOrNil(p.FiledAt)}
	})
	out.Steps = list(v.Steps, func(s db.ReportStep) StepModel {
		return StepModel{At: store.Time(s.At), By: s.ActorName, Step: s.Step, Detail: s.Detail}
	})
	out.Exchanges = list(v.Exchanges, callMade)
	return out
}

func callMade(x db.ReportExchange) ExchangeModel {
	m := ExchangeModel{At: store.Time(x.At), Operation: x.Operation, HTTPStatus: x.HttpStatus, RequestID: x.RequestID, Error: x.Error}
	if x.Code >= 0 {
		m.Code = &x.Code
	}
	return m
}

func draftModel(v *reporting.View) DraftModel {
	b := v.Record
	return DraftModel{Platform: v.Platform, IncidentAt: b.IncidentAt, IncidentNote: b.IncidentNote, Annotations: copied(b.Annotations),
		Places: copied(b.Places), EscalateReason: b.EscalateReason, AdditionalInfo: b.AdditionalInfo, ThirdParty: b.ThirdParty,
		ReportedUser: knownAccount(b.Account), People: list(b.People, func(p reporting.Person) InvolvedModel {
			return InvolvedModel{Role: p.Role, AccountID: p.AccountID, Name: p.Name, Age: p.Age, School: p.School, Note: p.Note, Account: knownAccount(p.Account)}
		}), Contact: b.Contact, Prior: copied(b.Prior), Files: b.Files, PriorityChosen: b.PriorityBy != "", PriorityReason: b.PriorityReason,
		UKLinks: copied(b.UKLinks), Emergency: b.Emergency, Agency: b.Agency, Supplement: b.Supplement, NCMECClass: b.NCMECClass, UKClass: b.UKClass}
}

// list is [each] that makes an empty list of nothing, for answers whose lists are
// never null.
func list[A, B any](from []A, to func(A) B) []B {
	out := make([]B, len(from))
	for i, x := range from {
		out[i] = to(x)
	}
	return out
}

// copied is never nil.
func copied[A any](from []A) []A { return append([]A{}, from...) }
