package custody

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// record is everything of a case that a bundle tells.
type record struct {
	b         *Bundle
	made      time.Time
	exportID  string // of the ledger's entry that is about to be written
	c         db.Case
	items     []db.Item
	findings  []db.Finding
	decisions []db.Decision
	reports   []db.Report
	exchanges map[string][]db.ReportExchange
	steps     map[string][]db.ReportStep
	clocks    []db.Clock
	views     []db.View
	entries   []db.LedgerEntry // in the order of time
	handed    []db.HandOversOfCaseRow
	names     map[string]string
}

// collect reads the case in the transaction of the export, so that what the
// bundle tells is what the ledger held when the export's own entry came.
func (b *Bundle) collect(ctx context.Context, tx *store.Tx) (*record, error) {
	made := b.d.now().UTC().Truncate(time.Microsecond)
	r := &record{b: b, made: made, exportID: safety.NewID("led", made), exchanges: map[string][]db.ReportExchange{}, steps: map[string][]db.ReportStep{}}
	var err error
	if r.c, err = tx.CaseByID(ctx, b.req.CaseID); err != nil {
		return nil, store.NotFound(err, "case")
	}
	id := r.c.ID
	for _, read := range []func() error{
		func() (err error) { r.items, err = tx.ItemsOfCase(ctx, id); return },
		func() (err error) { r.findings, err = tx.FindingsOfCase(ctx, id); return },
		func() (err error) { r.decisions, err = tx.DecisionsOfCase(ctx, id); return },
		func() (err error) { r.reports, err = tx.ReportsOfCase(ctx, id); return },
		func() (err error) { r.clocks, err = tx.ClocksOfCase(ctx, id); return },
		func() (err error) { r.views, err = tx.ViewsOfCase(ctx, id); return },
		func() (err error) { r.handed, err = tx.HandOversOfCase(ctx, id); return },
		func() (err error) { r.entries, err = tx.EntriesOfSubject(ctx, id, "~", math.MaxInt32); return },
	} {
		if err := read(); err != nil {
			return nil, fmt.Errorf("reading the case: %w", err)
		}
	}
	for _, rep := range r.reports {
		if r.exchanges[rep.ID], err = tx.ExchangesOfReport(ctx, rep.ID); err != nil {
			return nil, fmt.Errorf("reading exchanges: %w", err)
		}
		if r.steps[rep.ID], err = tx.ReportSteps(ctx, rep.ID); err != nil {
			return nil, fmt.Errorf("reading steps: %w", err)
		}
	}
	slices.SortFunc(r.entries, func(a, b db.LedgerEntry) int { return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.ID, b.ID)) })
	if n := len(r.entries); n > 0 && r.entries[n-1].At > store.Micros(made) {
		r.made = store.Time(r.entries[n-1].At).UTC() // a clock went back: the export is still the last row
	}
	r.learnNames()
	return r, nil
}

func (r *record) learnNames() {
	r.names = map[string]string{"system": "Rowan", "cli": "the command line"} // whoever was at it: the entries' own words tell
	for _, d := range r.decisions {
		r.names[d.DecidedBy] = d.DecidedName
	}
	for _, v := range r.views {
		r.names[v.Viewer] = v.ViewerName
	}
	for _, rep := range r.reports {
		r.names[rep.ApprovedBy] = rep.ApprovedName
		for _, s := range r.steps[rep.ID] {
			r.names[s.Actor] = s.ActorName
		}
	}
}

func (r *record) who(id string) person { return person{id, cmp.Or(r.names[id], id)} }

func (r *record) entryIDs() []string {
	out := make([]string, 0, len(r.entries)+1)
	for _, e := range r.entries {
		out = append(out, e.ID)
	}
	return append(out, r.exportID)
}

type (
	chainFile struct {
		Case      string     `json:"case"`
		Evidence  []piece    `json:"evidence"`
		Rows      []chainRow `json:"rows"`
		Transfers []transfer `json:"transfers"`
	}
	piece struct {
		ID        string     `json:"id"`
		Item      string     `json:"item"`
		Role      string     `json:"role"`
		MediaType string     `json:"media_type"`
		Size      int64      `json:"size"`
		SHA256    string     `json:"sha256"`
		Sealed    time.Time  `json:"sealed"`
		Destroyed *time.Time `json:"destroyed,omitempty"`
		Member    string     `json:"member,omitempty"`
	}
	chainRow struct {
		N        int       `json:"n"`
		At       time.Time `json:"at"`
		Actor    person    `json:"actor"`
		Action   string    `json:"action"`
		Detail   string    `json:"detail,omitempty"`
		Evidence string    `json:"evidence,omitempty"`
		Mode     string    `json:"mode,omitempty"`
		Reason   string    `json:"reason,omitempty"`
		View     string    `json:"view,omitempty"`
		Entry    string    `json:"entry"`
	}
	transfer struct {
		At        time.Time `json:"at"`
		Report    string    `json:"report"`
		Authority string    `json:"authority"`
		Operation string    `json:"operation"`
		Status    int64     `json:"http_status"`
		Code      int64     `json:"code"`
		RequestID string    `json:"request_id,omitempty"`
		Request   string    `json:"request_sha256,omitempty"`
		Response  string    `json:"response_sha256,omitempty"`
		Error     string    `json:"error,omitempty"`
		// Of a bundle that was handed over on a request.
		Disclosure string `json:"disclosure,omitempty"`
		Bundle     string `json:"bundle_sha256,omitempty"`
		Entry      string `json:"entry"`
	}
)

// chain is the chain of custody: one row for each entry of the ledger about the
// case, in the order of time, and one for this export.
func (r *record) chain() chainFile {
	out := chainFile{Case: r.c.ID, Evidence: []piece{}, Rows: []chainRow{}, Transfers: r.transfers()}
	for _, f := range r.b.files {
		p := piece{ID: f.row.ID, Item: f.row.ItemID, Role: f.row.Role, MediaType: f.row.MediaType, Size: f.row.Size, SHA256: f.row.Sha256,
			Sealed: store.Time(f.row.CreatedAt).UTC(), Member: f.member}
		if f.row.DestroyedAt != 0 {
			p.Destroyed = new(store.Time(f.row.DestroyedAt).UTC())
		}
		out.Evidence = append(out.Evidence, p)
	}
	for _, e := range r.entries {
		row := chainRow{N: len(out.Rows) + 1, At: store.Time(e.At).UTC(), Actor: r.who(e.Actor), Action: e.Action, Detail: e.Detail, Entry: e.ID}
		if i := slices.IndexFunc(r.views, func(v db.View) bool {
			return e.Action == "evidence.view" && v.At == e.At && v.Viewer == e.Actor && e.Detail == v.Mode+" of "+v.EvidenceID+": "+v.Reason
		}); i >= 0 {
			v := r.views[i]
			row.View, row.Evidence, row.Mode, row.Reason = v.ID, v.EvidenceID, v.Mode, v.Reason
		}
		out.Rows = append(out.Rows, row)
	}
	out.Rows = append(out.Rows, chainRow{N: len(out.Rows) + 1, At: r.made, Actor: person{r.b.req.Who.ID, r.b.req.Who.Name}, Action: exportAction,
		Detail: "this bundle: " + r.b.req.Reason, Entry: r.exportID})
	return out
}

// transfers are the exchanges with authorities, and what was handed over on their
// requests. Each names the entry of the ledger under which it happened.
func (r *record) transfers() []transfer {
	out := []transfer{}
	for _, rep := range r.reports {
		for _, x := range r.exchanges[rep.ID] {
			t := transfer{At: store.Time(x.At).UTC(), Report: rep.ID, Authority: rep.Authority, Operation: x.Operation, Status: x.HttpStatus, Code: x.Code,
				RequestID: x.RequestID, Request: sum(x.Request), Response: sum(x.Response), Error: x.Error}
			for _, e := range r.entries {
				if strings.HasPrefix(e.Action, "report.") && (t.Entry == "" || e.At <= x.At) && strings.Contains(e.Detail, rep.ID) {
					t.Entry = e.ID
				}
			}
			out = append(out, t)
		}
	}
	for _, h := range r.handed {
		t := transfer{At: store.Time(h.HandedAt).UTC(), Authority: h.Authority, Operation: "hand_over", Disclosure: h.ID, Bundle: h.Sha256}
		for _, e := range r.entries {
			if e.Action == "disclosure.hand_over" && strings.HasPrefix(e.Detail, h.ID+" ") {
				t.Entry = e.ID
			}
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b transfer) int { return a.At.Compare(b.At) })
	return out
}

func sum(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// moment is a time, absent when it is not (yet).
func moment(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	return new(store.Time(us).UTC())
}
