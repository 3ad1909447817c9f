package reporting

import (
	"context"
	"errors"
	"fmt"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// View is a report as a person looks at it.
type View struct {
	Report    db.Report
	Body      Body
	Platform  string
	Score     int
	Missing   []Missing
	Files     []FileView
	Problems  []cybertip.Problem // what keeps a draft from being filed
	XML       string             // as sent, or as it would be sent now
	Exchanges []db.ReportExchange
}

// FileView is one file of a report.
type FileView struct {
	EvidenceID, Filename, MediaType, MD5, RemoteID, State string
	Class                                                 string // of files that the decider viewed
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
	v := &View{Report: in.report, Body: in.body, Platform: d.cfg.Reporter.Platform}
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
			MD5: f.item.Md5, Class: f.class, RemoteID: f.row.RemoteFileID, State: f.row.State, Size: f.evidence.Size, Viewed: viewed})
	}
	d.document(in, v)
	return v, nil
}

// document adds the XML: what was sent if anything was, else what would be, and
// what is wrong with that.
func (d *Desk) document(in *input, v *View) {
	for _, x := range v.Exchanges {
		if x.Operation == "submit" && len(x.Request) > 0 {
			v.XML = string(x.Request)
		}
	}
	if in.report.State != string(Draft) {
		return
	}
	r := d.compile(in)
	if bad, ok := errors.AsType[*cybertip.ValidationError](r.Validate(d.now())); ok {
		v.Problems = bad.Problems
	}
	// What cannot be written, Validate has explained.
	if doc, err := cybertip.Marshal(r); err == nil {
		v.XML = string(doc)
	}
}
