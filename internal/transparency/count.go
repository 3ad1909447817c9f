// Package transparency counts what Rowan did in a period, for the people who
// answer for it and, with small counts withheld, for the public.
//
// [Desk.Count] is the whole, as it is. [Publish] makes the tables that may be
// published: a count under k is shown as "<k", and whatever would let somebody
// work it out (a total, a second table of the same things) is withheld too.
//
// Promise: no published figure depends on the value of a withheld count, other
// than that it is under k. docs/transparency.md says what each figure counts, what
// Rowan does not hold, and where our column names are our own.
package transparency

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Desk counts.
type Desk struct {
	store *store.Store
	now   func() time.Time
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, now func() time.Time) *Desk { return &Desk{store: s, now: now} }

// Median is the middle of N waits. Nil seconds: there were none.
type Median struct {
	N       int    `json:"n"`
	Seconds *int64 `json:"seconds,omitempty"`
}

// Precision is how often people confirmed what a list had found.
type Precision struct {
	List         string   `json:"list"`
	Kind         string   `json:"kind"`
	Confirmed    int64    `json:"confirmed"`
	NotConfirmed int64    `json:"not_confirmed"`
	Rate         *float64 `json:"rate,omitempty"` // of what was reviewed
	Low          *float64 `json:"low,omitempty"`  // 95 % interval (Wilson)
	High         *float64 `json:"high,omitempty"`
}

// Kind counts contents by the kind and list that they met.
type Kind struct {
	Kind     string `json:"kind"`
	List     string `json:"list"`
	Contents int64  `json:"contents"`
}

// Scan counts contents that left a record by what was seen of them.
type Scan struct {
	Scan     string `json:"scan"`
	Verdict  string `json:"verdict"`
	Contents int64  `json:"contents"`
}

// Action counts contents by the kind of list that they met and the verdict.
type Action struct {
	Kind     string `json:"kind"`
	Verdict  string `json:"verdict"`
	Contents int64  `json:"contents"`
}

// Filed counts reports that authorities have receipts for.
type Filed struct {
	Authority    string `json:"authority"`
	Environment  string `json:"environment"` // only "production" is real
	IncidentType string `json:"incident_type"`
	Reports      int64  `json:"reports"`
	Files        int64  `json:"files"`
}

// Counts are the whole, nothing withheld.
type Counts struct {
	From         time.Time        `json:"from"`
	To           time.Time        `json:"to"` // not in the period any more
	Made         time.Time        `json:"made"`
	Confirmed    int64            `json:"confirmed"`     // decisions that stand
	NotConfirmed int64            `json:"not_confirmed"` // likewise
	Undone       int64            `json:"undone"`        // decisions taken back by who made them
	FirstLook    Median           `json:"first_look"`    // from the opening of a case to the first claim
	Decision     Median           `json:"decision"`      // from the opening to the decision
	Filing       Median           `json:"filing"`        // from the decision to the receipt
	Findings     []Kind           `json:"findings"`
	Actions      []Action         `json:"actions"`
	Scans        []Scan           `json:"scans"`
	Precision    []Precision      `json:"precision"`
	Filed        []Filed          `json:"filed"`
	Statements   map[string]int64 `json:"statements"` // by state, of all time
	Takedowns    Takedowns        `json:"takedowns"`
	Requests     Requests         `json:"requests"`
}

// Reviewed is how many decisions were made, taken back or not.
func (c *Counts) Reviewed() int64 { return c.Confirmed + c.NotConfirmed + c.Undone }

// Count counts the period from from until before to. Test pictures do not count
// among decisions.
func (d *Desk) Count(ctx context.Context, from, to time.Time) (*Counts, error) {
	if !from.Before(to) || to.Sub(from) > 5*366*24*time.Hour {
		return nil, safety.Errorf(safety.Invalid, "the period ends after it begins, and is five years at most")
	}
	c := &Counts{From: from.UTC(), To: to.UTC(), Made: d.now().UTC(), Findings: []Kind{}, Actions: []Action{}, Scans: []Scan{}, Precision: []Precision{}, Filed: []Filed{}, Statements: map[string]int64{}}
	q, a, b := d.store.Read(), store.Micros(from), store.Micros(to)
	for what, count := range map[string]func(context.Context, *db.Queries, *Counts, int64, int64) error{
		"decisions": decisions, "contents": contents, "lists": lists, "reports": filed, "takedowns": takedowns, "requests": requests} {
		if err := count(ctx, q, c, a, b); err != nil {
			return nil, fmt.Errorf("counting %s: %w", what, err)
		}
	}
	return c, nil
}

func decisions(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	rows, err := q.DecisionTimes(ctx, from, to, false)
	var look, decide []int64
	for _, r := range rows {
		switch {
		case r.UndoneAt != 0:
			c.Undone++
			continue
		case r.Outcome == "confirmed":
			c.Confirmed++
		default:
			c.NotConfirmed++
		}
		decide = append(decide, r.At-r.OpenedAt)
		if r.ClaimedAt > 0 {
			look = append(look, r.ClaimedAt-r.OpenedAt)
		}
	}
	c.FirstLook, c.Decision = median(look), median(decide)
	if err != nil {
		return err
	}
	filings, err := q.FilingTimes(ctx, from, to, false)
	var file []int64
	for _, r := range filings {
		file = append(file, r.FiledAt-r.DecidedAt)
	}
	c.Filing = median(file)
	return err
}

func contents(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	kinds, err := q.FindingCounts(ctx, from, to)
	if err != nil {
		return err
	}
	for _, r := range kinds {
		c.Findings = append(c.Findings, Kind{r.ListKind, r.ListName, r.N})
	}
	actions, err := q.ActionCounts(ctx, from, to)
	if err != nil {
		return err
	}
	for _, r := range actions {
		c.Actions = append(c.Actions, Action{r.ListKind, r.Verdict, r.N})
	}
	scans, err := q.ScanCounts(ctx, from, to)
	for _, r := range scans {
		c.Scans = append(c.Scans, Scan{r.Scan, r.Verdict, r.N})
	}
	return err
}

func lists(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	rows, err := q.ListOutcomes(ctx, from, to)
	for _, r := range rows {
		if n := len(c.Precision); n == 0 || c.Precision[n-1].List != r.ListName || c.Precision[n-1].Kind != r.ListKind {
			c.Precision = append(c.Precision, Precision{List: r.ListName, Kind: r.ListKind})
		}
		p := &c.Precision[len(c.Precision)-1]
		if r.Outcome == "confirmed" {
			p.Confirmed = r.N
		} else {
			p.NotConfirmed = r.N
		}
	}
	for i := range c.Precision {
		c.Precision[i].rate()
	}
	return err
}

func filed(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	rows, err := q.ReportsBetween(ctx, from, to)
	if err != nil {
		return err
	}
	for _, r := range rows {
		c.Filed = append(c.Filed, Filed{r.Authority, r.Environment, r.IncidentType, r.N, r.Files})
	}
	states, err := q.CountStatements(ctx)
	for _, r := range states {
		c.Statements[r.State] = r.N
	}
	return err
}

func (p *Precision) rate() {
	if n := p.Confirmed + p.NotConfirmed; n > 0 {
		low, high := Wilson(p.Confirmed, n)
		p.Rate, p.Low, p.High = new(float64(p.Confirmed)/float64(n)), &low, &high
	}
}

// Wilson is the 95 % score interval of k of n (E. B. Wilson, 1927).
func Wilson(k, n int64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, m := float64(k)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, (mid-half)/(1+z*z/m)), min(1, (mid+half)/(1+z*z/m))
}

// median is of microseconds, in seconds; of an even number, the lower of the two
// in the middle, which was really waited.
func median(waits []int64) Median {
	if len(waits) == 0 {
		return Median{}
	}
	slices.Sort(waits)
	return Median{len(waits), new(waits[(len(waits)-1)/2] / 1_000_000)}
}
