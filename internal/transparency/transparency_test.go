package transparency_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// one is a content as two tables count it.
type one struct{ kind, scan, verdict int }

var (
	kindNames    = []string{"a", "b", "c"}
	scanNames    = []string{"scanned", "failed"}
	verdictNames = []string{"hold", "block", "limit"}
)

// tables counts contents in two ways, as a family of published tables does.
func tables(all []one) []transparency.Table {
	count := func(name string, rows []string, row func(one) int) transparency.Table {
		t := transparency.Table{Name: name, Row: "row", Rows: rows, Cols: verdictNames}
		for range rows {
			t.N = append(t.N, make([]int64, len(verdictNames)))
		}
		for _, o := range all {
			t.N[row(o)][o.verdict]++
		}
		return t
	}
	return []transparency.Table{count("kinds", kindNames, func(o one) int { return o.kind }), count("scans", scanNames, func(o one) int { return o.scan })}
}

// TestNothingDerived: take any withheld small count and give it any other small
// value. What is published must not change in one letter: then nobody can work
// the count out from it, whatever they do with totals and with the other table.
func TestNothingDerived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := int64(rapid.IntRange(3, 8).Draw(t, "k"))
		var all []one
		for kind := range kindNames {
			for scan := range scanNames {
				for verdict := range verdictNames {
					n := rapid.OneOf(rapid.IntRange(0, 4), rapid.IntRange(8, 12)).Draw(t, "n")
					all = append(all, slices.Repeat([]one{{kind, scan, verdict}}, n)...)
				}
			}
		}
		family := tables(all)
		shown := transparency.Publish(k, family...)
		for i, line := range family[0].N {
			for j, n := range line {
				if n >= k {
					continue
				}
				if got := shown[0].Rows[i][j+1]; got != fmt.Sprintf("<%d", k) {
					t.Fatalf("a count of %d is shown as %q", n, got)
				}
				other := int64(rapid.IntRange(0, int(k)-1).Draw(t, "other"))
				changed := slices.DeleteFunc(slices.Clone(all), func(o one) bool { return o.kind == i && o.verdict == j })
				scan := rapid.IntRange(0, len(scanNames)-1).Draw(t, "scan")
				changed = append(changed, slices.Repeat([]one{{i, scan, j}}, int(other))...)
				if diff := cmp.Diff(shown, transparency.Publish(k, tables(changed)...)); diff != "" {
					t.Fatalf("k %d: with %d instead of %d something else is published:\n%s", k, other, n, diff)
				}
			}
		}
	})
}

// TestShown: what is large enough is shown, with its totals.
func TestShown(t *testing.T) {
	got := transparency.Publish(10,
		transparency.Table{Name: "x", Row: "r", Rows: []string{"a", "b"}, Cols: []string{"c", "d"}, N: [][]int64{{10, 20}, {30, 9}}},
		transparency.Table{Name: "y", Row: "r", Rows: []string{"a"}, Cols: []string{"c"}, N: [][]int64{{69}}})
	want := []transparency.Published{
		{Name: "x", Header: []string{"r", "c", "d", "total"}, Rows: [][]string{{"a", "10", "20", "30"}, {"b", "30", "<10", "withheld"}, {"total", "40", "withheld", "withheld"}}},
		{Name: "y", Header: []string{"r", "c", "total"}, Rows: [][]string{{"a", "withheld", "withheld"}, {"total", "withheld", "withheld"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = transparency.Publish(10, transparency.Table{Name: "x", Row: "r", Rows: []string{"a", "b"}, Cols: []string{"c"}, N: [][]int64{{10}, {30}}})
	if diff := cmp.Diff([][]string{{"a", "10", "10"}, {"b", "30", "30"}, {"total", "40", "40"}}, got[0].Rows); diff != "" {
		t.Error(diff)
	}
}

// TestWilson: the interval's ends solve its own equation, (p-q)² = z² q(1-q)/n.
func TestWilson(t *testing.T) {
	const z2 = 1.959963984540054 * 1.959963984540054
	for _, c := range [][2]int64{{0, 10}, {5, 10}, {81, 263}, {10, 10}, {1, 1}} {
		p, n := float64(c[0])/float64(c[1]), float64(c[1])
		low, high := transparency.Wilson(c[0], c[1])
		for _, q := range []float64{low, high} {
			if d := (p-q)*(p-q) - z2*q*(1-q)/n; math.Abs(d) > 1e-12 {
				t.Errorf("%d of %d: %v is off by %g", c[0], c[1], q, d)
			}
		}
		if low > p || high < p {
			t.Errorf("%d of %d: %v to %v", c[0], c[1], low, high)
		}
	}
	if low, high := transparency.Wilson(0, 0); low != 0 || high != 1 {
		t.Error(low, high)
	}
}

var start = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// fill writes cases with decisions: outcome, how long it took to be claimed and
// decided, and whether it was taken back.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	n := 0
	add := func(outcome string, open time.Time, claimed, decided time.Duration, undone, canary bool) {
		n++
		id := fmt.Sprintf("cas_%d", n)
		err := s.Tx(ctx, func(tx *store.Tx) error {
			at := func(d time.Duration) int64 { return store.Micros(open.Add(d)) }
			steps := []error{
				tx.CreateCase(ctx, db.CreateCaseParams{ID: id, State: "decided", Queue: "q", Priority: "P2", Canary: canary, OpenedAt: at(0)}),
				tx.AddItem(ctx, db.AddItemParams{ID: "i" + id, CaseID: id, Verdict: "block", Scan: "scanned", ReceivedAt: at(0), DedupeKey: id}),
				tx.AddFinding(ctx, db.AddFindingParams{ID: "f" + id, ItemID: "i" + id, ListName: "list", ListKind: map[bool]string{true: "canary", false: "illegal"}[canary]}),
				tx.AppendEntry(ctx, db.AppendEntryParams{ID: "led_b" + id, At: at(claimed), Actor: "user:a", Action: "case.claim", Subject: id}),
				tx.AppendEntry(ctx, db.AppendEntryParams{ID: "led_c" + id, At: at(claimed + time.Hour), Actor: "user:a", Action: "case.claim", Subject: id}),
				tx.AddDecision(ctx, db.AddDecisionParams{ID: "d" + id, CaseID: id, DecidedBy: "user:a", At: at(decided), Outcome: outcome, Viewed: "[]"}),
			}
			for _, err := range steps {
				if err != nil {
					return err
				}
			}
			if undone {
				_, err := tx.UndoDecision(ctx, "d"+id, at(decided+time.Second))
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("confirmed", start, time.Minute, 2*time.Hour, false, false)
	add("confirmed", start.Add(time.Hour), 3*time.Minute, 5*time.Hour, false, false)
	add("not_confirmed", start.Add(2*time.Hour), 2*time.Minute, 3*time.Hour, false, false)
	add("confirmed", start.Add(3*time.Hour), 9*time.Minute, 9*time.Hour, true, false)
	add("confirmed", start, time.Second, time.Minute, false, true)                   // a test picture
	add("confirmed", start.AddDate(0, 1, 0), time.Second, time.Minute, false, false) // after the period
}

func TestCount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s := open(t)
		fill(t, s)
		d := transparency.NewDesk(s, func() time.Time { return start.AddDate(0, 2, 0) })
		c, err := d.Count(t.Context(), start, start.AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if c.Confirmed != 2 || c.NotConfirmed != 1 || c.Undone != 1 || c.Reviewed() != 4 {
			t.Errorf("%+v", c)
		}
		if *c.FirstLook.Seconds != 120 || c.FirstLook.N != 3 || *c.Decision.Seconds != 3*3600 || c.Filing.Seconds != nil {
			t.Errorf("times: %+v %+v %+v", c.FirstLook, c.Decision, c.Filing)
		}
		if len(c.Precision) != 1 || c.Precision[0].Confirmed != 2 || c.Precision[0].NotConfirmed != 1 {
			t.Errorf("precision: %+v", c.Precision)
		}
		if len(c.Actions) != 1 || c.Actions[0] != (transparency.Action{Kind: "illegal", Verdict: "block", Contents: 4}) {
			t.Errorf("actions: %+v", c.Actions)
		}
		out, err := c.Export(10)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(r).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Errorf("%s: %d rows, %v", f.Name, len(rows), err)
			}
			for _, row := range rows[1:] {
				for _, cell := range row[1:] {
					if strings.ContainsAny(cell, "0123456789") && !strings.HasPrefix(cell, "<") && !strings.HasPrefix(f.Name, "dsa-1.1") {
						t.Errorf("%s shows %q of a period with four decisions", f.Name, cell)
					}
				}
			}
		}
	})
}

func TestRefused(t *testing.T) {
	d := transparency.NewDesk(nil, time.Now)
	if _, err := d.Count(t.Context(), start, start); safety.KindOf(err) != safety.Invalid {
		t.Error(err)
	}
	if _, _, err := transparency.Days("2026-13-01", "2026-01-01"); safety.KindOf(err) != safety.Invalid {
		t.Error(err)
	}
	if _, err := (&transparency.Counts{}).Export(2); safety.KindOf(err) != safety.Invalid {
		t.Error(err)
	}
	if from, to, err := transparency.Days("2026-01-01", "2026-01-31"); err != nil || to.Sub(from) != 31*24*time.Hour {
		t.Error(from, to, err)
	}
}
