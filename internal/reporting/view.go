package reporting

import (
	"context"
	"fmt"
	"slices"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// View is a report as a person looks at it.
type View struct {
	Report    db.Report
	Record    Record
	Platform  string
	Score     int
	Missing   []Missing
	Files     []FileView
	Rules     []Rule
	Duties    []Duty
	Problems  []Wrong // what keeps a draft from being filed
	XML       string  // to NCMEC: as sent, or as it would be sent now
	Prior     []db.Report
	Others    []db.Report // that speak of the same items
	Steps     []db.ReportStep
	Exchanges []db.ReportExchange
}

// FileView is one file of a report.
type FileView struct {
	EvidenceID, Filename, MediaType, MD5, RemoteID, State string
	Class                                                 string // of files that the decider viewed
	Supplemental                                          bool   // context, and not the content itself
	Size                                                  int64
	Viewed                                                bool
}

// View reads a report with everything that belongs to it.
func (d *Desk) View(ctx context.Context, reportID string) (*View, error) {
	q := d.store.Read()
	in, err := load(ctx, q, reportID)
	if err != nil {
		return nil, err
	}
	v := &View{Report: in.report, Record: in.body, Rules: d.rules(in), Duties: d.duties(in), Prior: in.prior, Others: in.others, Steps: in.steps, Platform: d.cfg.Reporter.Platform}
	if v.Exchanges, err = q.ExchangesOfReport(ctx, reportID); err != nil {
		return nil, fmt.Errorf("reading exchanges: %w", err)
	}
	v.Score, v.Missing = d.completeness(in)
	for _, f := range in.files {
		viewed := f.row.Viewed
		if in.report.State == string(Draft) || in.report.ApprovedAt == 0 {
			viewed = f.viewed // not written down yet; see fixViewed
		}
		v.Files = append(v.Files, FileView{EvidenceID: f.row.EvidenceID, Filename: f.item.Filename, MediaType: f.evidence.MediaType,
			MD5: f.item.Md5, Class: f.class, Supplemental: f.supplemental(), RemoteID: f.row.RemoteFileID, State: f.row.State, Size: f.evidence.Size, Viewed: viewed})
	}
	if Authority(in.report.Authority) == NCMEC {
		d.xml(in, v)
	}
	if in.report.State == string(Draft) {
		v.Problems = slices.DeleteFunc(d.wrong(in), func(w Wrong) bool { return w.Path == declared(in).Name })
	}
	return v, nil
}

// xml adds NCMEC's document: what was sent if anything was, else what would be.
func (d *Desk) xml(in *input, v *View) {
	for _, x := range v.Exchanges {
		if x.Operation == "submit" && len(x.Request) > 0 {
			v.XML = string(x.Request)
		}
	}
	if in.report.State != string(Draft) {
		return
	}
	// What cannot be written, the problems explain.
	if doc, err := cybertip.Marshal(d.compile(in)); err == nil {
		v.XML = string(doc)
	}
}

// Document renders a report in full, as it stands, and sets it for people to
// read. Both are what a bundle made now would hold.
func (d *Desk) Document(ctx context.Context, reportID string) (doc *Document, pdf []byte, err error) {
	in, err := load(ctx, d.store.Read(), reportID)
	if err != nil {
		return nil, nil, err
	}
	if doc, err = d.document(ctx, in); err != nil {
		return nil, nil, err
	}
	text, err := doc.JSON()
	if err != nil {
		return nil, nil, err
	}
	pdf, err = doc.PDF(text)
	return doc, pdf, err
}
