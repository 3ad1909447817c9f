package custody

import (
	"time"

	"github.com/rowan-safety/rowan/internal/store"
)

type (
	caseFile struct {
		ID           string        `json:"id"`
		Platform     string        `json:"platform"`
		State        string        `json:"state"`
		Priority     string        `json:"priority"`
		Queue        string        `json:"queue"`
		Account      string        `json:"account"`
		Surface      string        `json:"surface"`
		Jurisdiction string        `json:"jurisdiction,omitempty"`
		Canary       bool          `json:"canary,omitempty"`
		Opened       time.Time     `json:"opened"`
		Items        []itemDoc     `json:"items"`
		Decisions    []decisionDoc `json:"decisions"`
		Reports      []reportDoc   `json:"reports"`
		Clocks       []clockDoc    `json:"clocks"`
	}
	itemDoc struct {
		ID       string       `json:"id"`
		Content  string       `json:"content"`
		Filename string       `json:"filename,omitempty"`
		URL      string       `json:"url,omitempty"`
		IP       string       `json:"ip,omitempty"`
		Port     int64        `json:"port,omitempty"`
		Made     *time.Time   `json:"made,omitempty"`
		Received time.Time    `json:"received"`
		Verdict  string       `json:"verdict"`
		Scan     string       `json:"scan"`
		Policy   string       `json:"policy"`
		Format   string       `json:"format,omitempty"`
		Size     int64        `json:"size,omitempty"`
		SHA256   string       `json:"sha256,omitempty"`
		SHA1     string       `json:"sha1,omitempty"`
		MD5      string       `json:"md5,omitempty"`
		PDQ      string       `json:"pdq,omitempty"`
		Findings []findingDoc `json:"findings"`
	}
	findingDoc struct {
		Detector string `json:"detector"`
		List     string `json:"list,omitempty"`
		Kind     string `json:"kind,omitempty"`
		Match    string `json:"match"`
		Variant  string `json:"variant,omitempty"`
		Frame    int64  `json:"frame"`
		Distance int64  `json:"distance"`
	}
	decisionDoc struct {
		ID           string     `json:"id"`
		By           person     `json:"by"`
		At           time.Time  `json:"at"`
		Outcome      string     `json:"outcome"`
		NCMECClass   string     `json:"ncmec_class,omitempty"`
		UKClass      string     `json:"uk_class,omitempty"`
		IncidentType string     `json:"incident_type,omitempty"`
		Reason       string     `json:"reason"`
		Note         string     `json:"note,omitempty"`
		Undone       *time.Time `json:"undone,omitempty"`
	}
	reportDoc struct {
		ID          string     `json:"id"`
		Authority   string     `json:"authority"`
		Environment string     `json:"environment"`
		State       string     `json:"state"`
		Number      string     `json:"number,omitempty"`
		Approved    *time.Time `json:"approved,omitempty"`
		ApprovedBy  *person    `json:"approved_by,omitempty"`
		Filed       *time.Time `json:"filed,omitempty"`
		Receipt     string     `json:"receipt,omitempty"`
	}
	clockDoc struct {
		Law   string    `json:"law"`
		Basis string    `json:"basis"`
		Until time.Time `json:"until"`
	}
)

// caseDocument tells the case. A finding names its list; what the list holds, and
// under which id, stays secret.
func (r *record) caseDocument() caseFile {
	c := r.c
	out := caseFile{ID: c.ID, Platform: r.b.d.cfg.Platform, State: c.State, Priority: c.Priority, Queue: c.Queue, Account: c.AccountID, Surface: c.Surface,
		Jurisdiction: c.Jurisdiction, Canary: c.Canary, Opened: store.Time(c.OpenedAt).UTC(), Items: []itemDoc{}, Decisions: []decisionDoc{}, Reports: []reportDoc{}, Clocks: []clockDoc{}}
	for _, i := range r.items {
		doc := itemDoc{ID: i.ID, Content: i.ContentID, Filename: i.Filename, URL: i.Url, IP: i.Ip, Port: i.Port, Made: moment(i.ContentAt), Received: store.Time(i.ReceivedAt).UTC(),
			Verdict: i.Verdict, Scan: i.Scan, Policy: i.PolicyVersion, Format: i.Format, Size: i.Size, SHA256: i.Sha256, SHA1: i.Sha1, MD5: i.Md5, PDQ: i.Pdq, Findings: []findingDoc{}}
		for _, f := range r.findings {
			if f.ItemID == i.ID {
				doc.Findings = append(doc.Findings, findingDoc{f.Detector, f.ListName, f.ListKind, f.Match, f.Variant, f.Frame, f.Distance})
			}
		}
		out.Items = append(out.Items, doc)
	}
	for _, d := range r.decisions {
		out.Decisions = append(out.Decisions, decisionDoc{ID: d.ID, By: person{d.DecidedBy, d.DecidedName}, At: store.Time(d.At).UTC(), Outcome: d.Outcome, NCMECClass: d.NcmecClass,
			UKClass: d.UkClass, IncidentType: d.IncidentType, Reason: d.Reason, Note: d.Note, Undone: moment(d.UndoneAt)})
	}
	for _, p := range r.reports {
		doc := reportDoc{ID: p.ID, Authority: p.Authority, Environment: p.Environment, State: p.State, Number: p.RemoteID, Approved: moment(p.ApprovedAt), Filed: moment(p.FiledAt), Receipt: string(p.Receipt)}
		if p.ApprovedBy != "" {
			doc.ApprovedBy = &person{p.ApprovedBy, p.ApprovedName}
		}
		out.Reports = append(out.Reports, doc)
	}
	for _, k := range r.clocks {
		out.Clocks = append(out.Clocks, clockDoc{k.Law, k.Basis, store.Time(k.UntilAt).UTC()})
	}
	return out
}
