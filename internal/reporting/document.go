package reporting

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Document is a report in full and in no authority's own format: what SI
// 2026/268 Schedule 1 asks for "where that information is available" ([S],
// reporting facts §2.2), and what a police force can read. It is written as JSON
// beside a PDF of the same. Times are RFC 3339 in UTC.
type Document struct {
	Format      string            `json:"format"` // DocumentFormat
	Test        bool              `json:"test"`   // true: not a real report
	ReportID    string            `json:"report_id"`
	CaseID      string            `json:"case_id"`
	Authority   Authority         `json:"authority"`
	Made        time.Time         `json:"made"` // when it was approved
	Priority    string            `json:"priority"`
	PriorityWhy string            `json:"priority_reason,omitempty"`
	Emergency   string            `json:"emergency_action,omitempty"`
	Escalate    string            `json:"escalation,omitempty"`
	Reporter    DocumentReporter  `json:"reporter"`
	Addressee   *Agency           `json:"addressee,omitempty"`
	Incident    DocumentIncident  `json:"incident"`
	Detection   DocumentDetection `json:"detection"`
	Judgement   DocumentJudgement `json:"judgement"`
	Content     []DocumentContent `json:"content"`
	Context     []DocumentFile    `json:"context_files,omitempty"`
	Users       []DocumentUser    `json:"users"`
	UKLinks     []UKLink          `json:"uk_links,omitempty"`
	Contact     *Contact          `json:"law_enforcement_contact,omitempty"`
	Prior       []Reference       `json:"reported_before"`
	Supplement  string            `json:"supplement,omitempty"`
	Other       string            `json:"other_information,omitempty"`
	Declaration *Declaration      `json:"declaration,omitempty"`
}

// DocumentFormat names the format and its version.
const DocumentFormat = "rowan-report/1"

// JSON writes the document as it goes out.
func (doc *Document) JSON() ([]byte, error) { return json.MarshalIndent(doc, "", "  ") }

// DocumentReporter is who reports.
type DocumentReporter struct {
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Email        string `json:"email"`
	Phone        string `json:"phone,omitempty"`
	Organisation string `json:"organisation"`
	Kind         string `json:"organisation_type"` // provider; third parties that report for one are not built
	Legal        string `json:"legal_process,omitempty"`
}

// DocumentIncident is what happened.
type DocumentIncident struct {
	Type        string    `json:"type"`
	At          time.Time `json:"at"`
	Note        string    `json:"note,omitempty"`
	Platform    string    `json:"platform"`
	Surface     string    `json:"surface"`
	Annotations []string  `json:"annotations,omitempty"`
	Places      []Place   `json:"places,omitempty"`
}

// DocumentDetection is how the content was found.
type DocumentDetection struct {
	At  time.Time `json:"at"`
	How []string  `json:"how"`
}

// DocumentJudgement is the person's decision that the report rests on.
type DocumentJudgement struct {
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	UKClass    string    `json:"uk_class,omitempty"`
	NCMECClass string    `json:"ncmec_class,omitempty"`
	Reason     string    `json:"reason"`
}

// DocumentContent is one item of content.
type DocumentContent struct {
	ItemID       string            `json:"item_id"`
	ContentID    string            `json:"content_id,omitempty"`
	URL          string            `json:"url,omitempty"`
	Filename     string            `json:"original_file_name,omitempty"`
	Uploaded     *time.Time        `json:"uploaded_at,omitempty"`
	Received     time.Time         `json:"received_at"`
	IP           string            `json:"upload_ip,omitempty"`
	Port         int64             `json:"upload_port,omitempty"`
	Public       bool              `json:"publicly_available"`
	Hashes       map[string]string `json:"hashes,omitempty"`
	AccountID    string            `json:"account_id,omitempty"`
	Jurisdiction string            `json:"jurisdiction,omitempty"`
	Files        []DocumentFile    `json:"files,omitempty"`
}

// DocumentFile is one file that goes with the report.
type DocumentFile struct {
	Name        string       `json:"name"` // in the folder "files"
	EvidenceID  string       `json:"evidence_id"`
	Kind        string       `json:"kind"`
	MediaType   string       `json:"media_type"`
	Size        int64        `json:"size"`
	SHA256      string       `json:"sha256"`
	Viewed      bool         `json:"viewed_in_full_by_staff"` // by the view log, at the approval
	Annotations []string     `json:"annotations,omitempty"`
	Note        string       `json:"note,omitempty"`
	EXIF        []NamedValue `json:"exif,omitempty"`
}

// NamedValue is one line of a file's metadata.
type NamedValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// DocumentUser is one person or account.
type DocumentUser struct {
	Role    string          `json:"role"` // suspect, victim, recipient, associated
	ID      string          `json:"account_id,omitempty"`
	Name    string          `json:"name,omitempty"`
	Age     *int            `json:"age,omitempty"`
	School  string          `json:"school,omitempty"`
	Note    string          `json:"note,omitempty"`
	Account *safety.Account `json:"account,omitempty"`
}

// ipMonths is how far back the addresses of logins go in a report to the NCA
// (Schedule 1 [S]); older ones are left out.
const ipMonths = 3

// document renders a report in full. It opens files only for their metadata.
func (d *Desk) document(ctx context.Context, in *input) (*Document, error) {
	b, c := &in.body, d.cfg.Reporter
	made := store.Time(in.report.ApprovedAt)
	if made.IsZero() {
		made = d.now()
	}
	out := &Document{Format: DocumentFormat, Test: d.cfg.Environment != Production || b.Canary, ReportID: in.report.ID, CaseID: in.report.CaseID,
		Authority: Authority(in.report.Authority), Made: made.UTC(), Priority: in.report.Priority, PriorityWhy: b.PriorityReason,
		Emergency: b.Emergency, Escalate: b.EscalateReason, Addressee: b.Agency, UKLinks: b.UKLinks, Contact: b.Contact,
		Supplement: b.Supplement, Other: b.AdditionalInfo, Declaration: b.Declaration, Prior: []Reference{}, Users: []DocumentUser{}, Content: []DocumentContent{},
		Reporter: DocumentReporter{FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, Phone: c.Phone,
			Organisation: c.Organisation, Kind: "provider", Legal: c.CompanyTemplate},
		Incident: DocumentIncident{Type: in.report.IncidentType, At: b.IncidentAt.UTC(), Note: b.IncidentNote, Platform: c.Platform,
			Surface: string(b.Surface), Annotations: b.Annotations, Places: b.Places},
		Judgement: DocumentJudgement{By: in.decision.DecidedName, At: store.Time(in.decision.At).UTC(), UKClass: b.UKClass, NCMECClass: b.NCMECClass, Reason: in.decision.Reason},
		Detection: DocumentDetection{How: detection(in)}}
	if out.Reporter.Organisation == "" {
		out.Reporter.Organisation = c.Platform
	}
	for _, r := range in.prior {
		out.Prior = append(out.Prior, Reference{r.Authority, r.RemoteID})
	}
	out.Prior = append(out.Prior, b.Prior...)
	d.documentUsers(in, out, made)
	return out, d.documentContent(ctx, in, out)
}

func (d *Desk) documentUsers(in *input, out *Document, made time.Time) {
	since := made.AddDate(0, -ipMonths, 0)
	if in.body.AccountID != "" || in.body.Account != nil {
		out.Users = append(out.Users, DocumentUser{Role: "suspect", ID: in.body.AccountID, Account: recent(in.body.Account, since)})
	}
	for _, p := range in.body.People {
		out.Users = append(out.Users, DocumentUser{Role: p.Role, ID: p.AccountID, Name: p.Name, Age: p.Age, School: p.School, Note: p.Note, Account: recent(p.Account, since)})
	}
}

// recent is a without the sightings before since.
func recent(a *safety.Account, since time.Time) *safety.Account {
	if a == nil {
		return nil
	}
	out := *a
	out.IPEvents = slices.DeleteFunc(slices.Clone(a.IPEvents), func(e safety.IPEvent) bool { return e.At.Before(since) })
	return &out
}

func (d *Desk) documentContent(ctx context.Context, in *input, out *Document) error {
	for _, it := range in.items {
		if t := store.Time(it.ReceivedAt).UTC(); out.Detection.At.IsZero() || t.Before(out.Detection.At) {
			out.Detection.At = t
		}
		out.Content = append(out.Content, documentItem(it))
	}
	for _, f := range in.files {
		exif, err := d.exif(ctx, f)
		if err != nil {
			return err
		}
		notes := in.body.Files[f.row.EvidenceID]
		viewed := f.viewed
		if in.report.ApprovedAt != 0 {
			viewed = f.row.Viewed
		}
		file := DocumentFile{Name: uploadName(f), EvidenceID: f.row.EvidenceID, Kind: f.evidence.Role, MediaType: f.evidence.MediaType, Size: f.evidence.Size,
			SHA256: f.evidence.Sha256, Viewed: viewed, Annotations: notes.Annotations, Note: notes.Note, EXIF: exif}
		i := slices.IndexFunc(out.Content, func(c DocumentContent) bool { return c.ItemID == f.evidence.ItemID })
		if f.supplemental() || i < 0 {
			out.Context = append(out.Context, file)
		} else {
			out.Content[i].Files = append(out.Content[i].Files, file)
		}
	}
	return nil
}

func documentItem(it db.Item) DocumentContent {
	out := DocumentContent{ItemID: it.ID, ContentID: it.ContentID, URL: it.Url, Filename: it.Filename, Received: store.Time(it.ReceivedAt).UTC(),
		IP: it.Ip, Port: it.Port, Public: it.Surface == string(safety.SurfacePublic), AccountID: it.AccountID, Jurisdiction: it.Jurisdiction, Hashes: map[string]string{}}
	if t := store.Time(it.ContentAt); !t.IsZero() {
		out.Uploaded = new(t.UTC())
	}
	for _, h := range hashes(it) {
		out.Hashes[h.Type] = h.Value
	}
	return out
}
