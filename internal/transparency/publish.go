package transparency

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// DefaultK is the smallest count that is published as it is.
const DefaultK = 10

// Days reads a period: the first and the last day, both in it.
func Days(from, to string) (time.Time, time.Time, error) {
	a, err := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	if err != nil || err2 != nil {
		return a, b, safety.Errorf(safety.Invalid, "days are written YYYY-MM-DD")
	}
	return a, b.AddDate(0, 0, 1), nil
}

// Table is counts by two things. Totals are worked out when it is published.
type Table struct {
	Name string // of the file, without ".csv"
	Row  string // what a row is
	Rows []string
	Cols []string
	N    [][]int64 // by row, then column
}

// Published is a table as the public may see it. Cells are numbers, "<k", or
// "withheld".
type Published struct {
	Name   string
	Header []string
	Rows   [][]string
}

const withheld = "withheld"

// small reports whether any count of t is under k.
func (t *Table) small(k int64) bool {
	for _, row := range t.N {
		for _, n := range row {
			if n < k {
				return true
			}
		}
	}
	return false
}

// Publish shows tables that count the same things in different ways. A count
// under k is "<k". A total is withheld when any count that it covers is. As soon
// as there is a small count in one of the tables, only the first is published:
// two tables of the same things give equations, and an equation may give the
// count away.
func Publish(k int64, same ...Table) []Published {
	small := slices.ContainsFunc(same, func(t Table) bool { return t.small(k) })
	out := make([]Published, len(same))
	for i := range same {
		out[i] = same[i].publish(k, small && i > 0)
	}
	return out
}

func (t *Table) publish(k int64, all bool) Published {
	p := Published{Name: t.Name, Header: append(append([]string{t.Row}, t.Cols...), "total")}
	sums, closed := make([]int64, len(t.Cols)+1), make([]bool, len(t.Cols)+1)
	for i, name := range t.Rows {
		row, sum, open := []string{name}, int64(0), true
		for j, n := range t.N[i] {
			row = append(row, cell(n, k, all))
			sums[j] += n
			sum += n
			if n < k {
				open, closed[j] = false, true
			}
		}
		p.Rows = append(p.Rows, append(row, total(sum, k, open && !all)))
		sums[len(t.Cols)] += sum
		closed[len(t.Cols)] = closed[len(t.Cols)] || !open
	}
	last := []string{"total"}
	for j, n := range sums {
		last = append(last, total(n, k, !closed[j] && !all))
	}
	p.Rows = append(p.Rows, last)
	return p
}

func cell(n, k int64, all bool) string {
	switch {
	case all:
		return withheld
	case n < k:
		return fmt.Sprintf("<%d", k)
	}
	return strconv.FormatInt(n, 10)
}

func total(n, k int64, open bool) string {
	if !open || n < k {
		return withheld
	}
	return strconv.FormatInt(n, 10)
}

// tally fills a table from its parts; rows and columns come in order of name.
func tally(name, row string, cols []string, add func(put func(row, col string, n int64))) Table {
	by := map[[2]string]int64{}
	t := Table{Name: name, Row: row, Cols: cols}
	add(func(r, c string, n int64) {
		if !slices.Contains(t.Rows, r) {
			t.Rows = append(t.Rows, r)
		}
		by[[2]string{r, c}] += n
	})
	slices.Sort(t.Rows)
	for _, r := range t.Rows {
		line := make([]int64, len(cols))
		for j, c := range cols {
			line[j] = by[[2]string{r, c}]
		}
		t.N = append(t.N, line)
	}
	return t
}

var verdicts = []string{"warn", "limit", "hold", "block"}

// families are the tables, by what they count.
func (c *Counts) families() [][]Table {
	moderation := tally("dsa-1.4-own-initiative", "category", verdicts, func(put func(string, string, int64)) {
		for _, s := range c.Actions {
			put(s.Kind, s.Verdict, s.Contents)
		}
	})
	scans := tally("scan-states", "scan_state", verdicts, func(put func(string, string, int64)) {
		for _, s := range c.Scans {
			put(s.Scan, s.Verdict, s.Contents)
		}
	})
	outcomes := tally("dsa-1.6-automated-means", "list", []string{"confirmed", "not_confirmed"}, func(put func(string, string, int64)) {
		for _, p := range c.Precision {
			put(p.Kind+"/"+p.List, "confirmed", p.Confirmed)
			put(p.Kind+"/"+p.List, "not_confirmed", p.NotConfirmed)
		}
	})
	decisions := Table{Name: "dsa-1.5-decisions", Row: "outcome", Rows: []string{"confirmed", "not_confirmed", "taken_back"}, Cols: []string{"decisions"},
		N: [][]int64{{c.Confirmed}, {c.NotConfirmed}, {c.Undone}}}
	reports := tally("reports-to-authorities", "authority_and_incident_type", []string{"reports", "files"}, func(put func(string, string, int64)) {
		for _, f := range c.Filed {
			if f.Environment == "production" { // the others are tests
				put(f.Authority+"/"+f.IncidentType, "reports", f.Reports)
				put(f.Authority+"/"+f.IncidentType, "files", f.Files)
			}
		}
	})
	asked, came := c.Requests.tables()
	return [][]Table{{moderation, scans}, {outcomes, decisions}, {reports}, c.Takedowns.tables(), asked, came}
}

// Export is a ZIP of the tables as CSV.
func (d *Desk) Export(c *Counts) ([]byte, error) { return c.Export(DefaultK) }

// Export is a ZIP of the tables as CSV, counts under k withheld.
func (c *Counts) Export(k int64) ([]byte, error) {
	if k < 3 { // a row that is there at all has a count of 1 at least: of "<2" that would be all
		return nil, safety.Errorf(safety.Invalid, "k is 3 at least")
	}
	all := []Published{c.identification(k)}
	for _, f := range c.families() {
		all = append(all, Publish(k, f...)...)
	}
	all = append(all, c.rates(k), c.times(k), notHeld())
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range all {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.Name + ".csv", Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if err := csv.NewWriter(w).WriteAll(append([][]string{p.Header}, p.Rows...)); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

func (c *Counts) identification(k int64) Published {
	return Published{Name: "dsa-1.1-identification", Header: []string{"field", "value"}, Rows: [][]string{
		{"period_from", c.From.Format(time.DateOnly)}, {"period_to", c.To.AddDate(0, 0, -1).Format(time.DateOnly)}, {"made", c.Made.Format(time.RFC3339)},
		{"counts_withheld_under", strconv.FormatInt(k, 10)}, {"service", ""}, {"provider", ""}}}
}

// rates are shown only where both counts behind them are.
func (c *Counts) rates(k int64) Published {
	p := Published{Name: "precision-by-list", Header: []string{"list", "confirmed_of_reviewed", "low_95", "high_95"}}
	for _, l := range c.Precision {
		row := []string{l.Kind + "/" + l.List, withheld, withheld, withheld}
		if l.Confirmed >= k && l.NotConfirmed >= k {
			row = []string{row[0], share(*l.Rate), share(*l.Low), share(*l.High)}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

func share(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }

// times are medians; how many were measured is not said.
func (c *Counts) times(k int64) Published {
	p := Published{Name: "median-times", Header: []string{"wait", "seconds"}}
	for _, m := range []struct {
		what string
		Median
	}{{"case_to_first_look", c.FirstLook}, {"case_to_decision", c.Decision}, {"decision_to_receipt", c.Filing}, {"takedown_receipt_to_end", c.Takedowns.End}, {"request_receipt_to_end", c.Requests.End}} {
		v := withheld
		if int64(m.N) >= k {
			v = strconv.FormatInt(*m.Seconds, 10)
		}
		p.Rows = append(p.Rows, []string{m.what, v})
	}
	return p
}

// notHeld names the sections that Rowan knows nothing of, so that an empty file
// is not taken for a nought.
func notHeld() Published {
	p := Published{Name: "not-held-by-rowan", Header: []string{"section", "why"}}
	for _, s := range []string{"1.2 Member State orders: requests of law enforcement are counted by ground (law-enforcement-requests), and not by Member State or kind of content", "1.3 Notices: Rowan takes in notices of intimate images (takedown-notices) and no others",
		"1.5 Complaints and disputes: there are complaints about takedown decisions, and no other appeals; else only decisions taken back by who made them are counted",
		"1.7 Human resources by language: Rowan knows no languages of staff", "1.8 Recipients by Member State: Rowan knows no recipients",
		"Allowed content: a check that finds nothing leaves a count in the metrics and no record"} {
		section, why, _ := strings.Cut(s, ": ")
		p.Rows = append(p.Rows, []string{section, why})
	}
	return p
}
