package reporting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// input is everything that a report is made of, read in one go.
type input struct {
	report   db.Report
	body     Record
	decision db.Decision
	items    []db.Item
	findings []db.Finding
	files    []file
	prior    []db.Report // filed earlier, on the account or in the case, any authority
	others   []db.Report // reports under way or filed that speak of the same items
	steps    []db.ReportStep
}

type file struct {
	row      db.ReportFile
	evidence db.Evidence
	item     db.Item
	viewed   bool // by a person, in full, by the view log as it stands
	class    string
}

// supplemental says that the file is context and not the content itself.
func (f *file) supplemental() bool { return f.evidence.Role != string(vault.Original) }

func load(ctx context.Context, q *db.Queries, reportID string) (*input, error) {
	r, err := q.Report(ctx, reportID)
	if err != nil {
		return nil, store.NotFound(err, "report")
	}
	in := &input{report: r}
	if in.body, err = record(r); err != nil {
		return nil, err
	}
	if in.decision, err = q.Decision(ctx, r.DecisionID); err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	if in.items, err = q.ItemsOfCase(ctx, r.CaseID); err != nil {
		return nil, fmt.Errorf("reading items: %w", err)
	}
	if in.findings, err = q.FindingsOfCase(ctx, r.CaseID); err != nil {
		return nil, fmt.Errorf("reading findings: %w", err)
	}
	if err := in.loadFiles(ctx, q); err != nil {
		return nil, err
	}
	if err := in.chosenItems(ctx, q); err != nil {
		return nil, err
	}
	if in.others, err = q.OtherReportsOfItems(ctx, r.ID); err != nil {
		return nil, fmt.Errorf("reading other reports: %w", err)
	}
	if in.steps, err = q.ReportSteps(ctx, r.ID); err != nil {
		return nil, fmt.Errorf("reading steps: %w", err)
	}
	return in, in.loadPrior(ctx, q)
}

// chosenItems leaves the items that the report speaks of: a supplement says
// nothing of those that the report before it spoke of.
func (in *input) chosenItems(ctx context.Context, q *db.Queries) error {
	chosen, err := q.ReportItems(ctx, in.report.ID)
	if err != nil {
		return fmt.Errorf("reading items of report: %w", err)
	}
	in.items = slices.DeleteFunc(in.items, func(it db.Item) bool { return !slices.Contains(chosen, it.ID) })
	in.findings = slices.DeleteFunc(in.findings, func(f db.Finding) bool { return !slices.Contains(chosen, f.ItemID) })
	return nil
}

func (in *input) loadFiles(ctx context.Context, q *db.Queries) error {
	rows, err := q.ReportFiles(ctx, in.report.ID)
	if err != nil {
		return fmt.Errorf("reading files: %w", err)
	}
	seen, err := seenByDecider(in.decision)
	if err != nil {
		return err
	}
	views, err := q.ViewsOfCase(ctx, in.report.CaseID)
	if err != nil {
		return fmt.Errorf("reading views: %w", err)
	}
	for _, row := range rows {
		f := file{row: row}
		if f.evidence, err = q.Evidence(ctx, row.EvidenceID); err != nil {
			return fmt.Errorf("reading evidence: %w", err)
		}
		for _, it := range in.items {
			if it.ID == f.evidence.ItemID {
				f.item = it
			}
		}
		for _, v := range views {
			f.viewed = f.viewed || (v.EvidenceID == row.EvidenceID && v.Mode == string(vault.ViewOriginal))
		}
		// Of a video, or of what no browser draws, a person who took the original has
		// not seen the entire content, which is what "viewed" means to an authority.
		f.viewed = f.viewed && safety.ShownWhole(f.evidence.MediaType)
		if f.supplemental() {
			// Context is not classified: NCMEC refuses it (reporting facts §1.5).
		} else if seen[row.EvidenceID] && safety.ShownWhole(f.evidence.MediaType) {
			f.class = in.body.NCMECClass
		}
		in.files = append(in.files, f)
	}
	return nil
}

// seenByDecider says which files the person who classified the case had looked
// at. The class is said of those only: of the others it would be a guess.
func seenByDecider(made db.Decision) (map[string]bool, error) {
	var viewed []struct {
		EvidenceID string `json:"evidence_id"`
		Mode       string `json:"mode"`
	}
	if err := json.Unmarshal([]byte(made.Viewed), &viewed); err != nil {
		return nil, fmt.Errorf("stored decision %s: %w", made.ID, err)
	}
	out := map[string]bool{}
	for _, v := range viewed {
		out[v.EvidenceID] = v.Mode == string(vault.ViewOriginal)
	}
	return out, nil
}

// loadPrior finds what was filed before on the account and on the case, in the
// same environment: numbers of one environment mean nothing in another.
func (in *input) loadPrior(ctx context.Context, q *db.Queries) error {
	rows, err := q.FiledReportsOfCase(ctx, in.report.CaseID)
	if err != nil {
		return fmt.Errorf("reading earlier reports: %w", err)
	}
	if in.body.AccountID != "" {
		for _, a := range Authorities {
			more, err := q.FiledReportsOfAccount(ctx, in.body.AccountID, string(a), in.report.Environment)
			if err != nil {
				return fmt.Errorf("reading earlier reports: %w", err)
			}
			rows = append(rows, more...)
		}
	}
	for _, r := range rows {
		known := slices.ContainsFunc(in.prior, func(p db.Report) bool { return p.ID == r.ID })
		if r.ID != in.report.ID && r.Environment == in.report.Environment && r.RemoteID != "" && !known {
			in.prior = append(in.prior, r)
		}
	}
	slices.SortFunc(in.prior, func(a, b db.Report) int { return cmp.Or(cmp.Compare(a.FiledAt, b.FiledAt), cmp.Compare(a.ID, b.ID)) })
	return nil
}

// priorNumbers are the authority's numbers of earlier reports.
func (in *input) priorNumbers(a Authority) []string {
	var out []string
	for _, r := range in.prior {
		if r.Authority == string(a) {
			out = append(out, r.RemoteID)
		}
	}
	for _, p := range in.body.Prior {
		if strings.EqualFold(p.Body, string(a)) && !slices.Contains(out, p.Number) {
			out = append(out, p.Number)
		}
	}
	return out
}
