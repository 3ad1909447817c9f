package reporting_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/store"
)

// killAt returns a hook that kills the worker at its n-th moment (two to a
// call), and the count of moments so far. What a worker stores lies between two
// moments, so that these are all the points that differ.
func killAt(n int) (hook func(string, moment), count *int) {
	count = new(int)
	return func(string, moment) {
		if *count++; *count == n {
			panic(crash{})
		}
	}, count
}

// TestCrashBetweenFinishAndRecord_NoDuplicate is the crash that files twice
// elsewhere: the authority has finished the report, and nobody wrote it down.
func TestCrashBetweenFinishAndRecord_NoDuplicate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}, viewed: []int{0}})
	b.approve(c.reportID)
	killed, _ := b.file(b.desk(func(op string, m moment) {
		if op == "finish" && m == received {
			panic(crash{})
		}
	}), c.reportID)
	if !killed || len(b.finished(c.caseID)) != 1 {
		t.Fatal("the crash is not where the test wants it")
	}
	b.inState(c.reportID, reporting.Sealed)
	b.drive(b.restart(), c.reportID)
	b.verify(c, false)
}

// TestCrashEverywhere kills the worker at each moment of a filing, and the one
// that takes over at each moment of what remains.
func TestCrashEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	kills, runs := 0, 0
	for first := 1; ; first++ {
		hook, count := killAt(first)
		c := b.confirm(material{files: []string{fmt.Sprint("harmless ", first), "harmless two"}, viewed: []int{first % 2}})
		b.approve(c.reportID)
		killed, err := b.file(b.desk(hook), c.reportID)
		if err != nil {
			t.Fatal(err)
		}
		runs++
		if !killed {
			if *count != 2*6 {
				t.Fatalf("a filing of two files has %d moments, want 12", *count)
			}
			b.verify(c, false)
			break
		}
		kills++
		b.drive(b.restart(), c.reportID)
		b.verify(c, false)
	}
	for first := 1; first <= 8; first++ {
		for second := 1; ; second++ {
			c := b.confirm(material{files: []string{fmt.Sprint("harmless ", first, second)}, viewed: []int{0}})
			b.approve(c.reportID)
			hook, _ := killAt(first)
			if killed, err := b.file(b.desk(hook), c.reportID); !killed {
				t.Fatalf("moment %d was not reached: %v", first, err)
			}
			kills++
			hook, _ = killAt(second)
			b.restart()
			killed, err := b.file(b.desk(hook), c.reportID)
			if err != nil {
				t.Fatal(err)
			}
			runs++
			if killed {
				kills++
				b.drive(b.restart(), c.reportID)
			}
			b.verify(c, false)
			if !killed {
				break
			}
		}
	}
	t.Logf("%d filings, %d kills, one finished report each", runs, kills)
}

// TestLeaseHeartbeatAndFencing stalls a worker at each moment for longer than
// its lease; another takes over and ends the work; then the first one wakes up.
func TestLeaseHeartbeatAndFencing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for n := 1; n <= 12; n++ {
		c := b.confirm(material{files: []string{fmt.Sprint("harmless ", n), "harmless two"}, viewed: []int{1}})
		b.approve(c.reportID)
		count, other := 0, b.desk(nil)
		slow := b.desk(func(string, moment) {
			if count++; count != n {
				return
			}
			// While the lease lasts, nobody else touches the report.
			before := b.report(c.reportID)
			b.clock.add(4 * time.Minute)
			if _, err := b.file(other, c.reportID); err != nil {
				t.Errorf("moment %d: the second worker reports %v", n, err)
			}
			if diff := cmp.Diff(before, b.report(c.reportID)); diff != "" {
				t.Errorf("moment %d: a report was touched under its lease:\n%s", n, diff)
			}
			b.clock.add(2 * time.Minute)
			b.drive(other, c.reportID)
			b.verify(c, false)
		})
		if _, err := b.file(slow, c.reportID); err != nil {
			t.Errorf("moment %d: the worker that lost its lease asks for more: %v", n, err)
		}
		if count < n {
			t.Fatalf("moment %d was not reached", n)
		}
		b.verify(c, false)
	}
}

// TestTwoWorkersAtOnce races real goroutines for one report.
func TestTwoWorkersAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 10 {
		c := b.confirm(material{files: []string{"harmless"}})
		b.approve(c.reportID)
		errs := make(chan error)
		for range 4 {
			d := b.desk(nil)
			go func() { errs <- d.File(context.WithoutCancel(t.Context()), c.reportID) }()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		b.verify(c, false)
	}
}

// storm is a stream of random faults. It never lies with the three codes that
// the design trusts (5001, 5101, 5102) about finish and retract.
type storm struct {
	mu   sync.Mutex // the authority asks from goroutines of its own
	r    *rand.Rand
	left int // faults
	hits map[string]int
}

var stormCodes = []int{1000, 1100, 1111, 1300, 2000, 3000, 3100, 4000, 4100, 4110, 4200, 5002, 9999}

func (s *storm) strike(op string, p ncmec.Phase) ncmec.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || s.r.IntN(4) != 0 {
		return ncmec.Fault{}
	}
	kinds := []ncmec.FaultKind{ncmec.Drop, ncmec.Status, ncmec.Stall, ncmec.HTML, ncmec.Code}
	if p == ncmec.Before {
		kinds = append(kinds, ncmec.Twice)
	} else {
		kinds = append(kinds, ncmec.TruncatedXML, ncmec.CutBody, ncmec.WrongMD5)
	}
	s.left--
	f := ncmec.Fault{Kind: kinds[s.r.IntN(len(kinds))], Wait: time.Millisecond, Code: stormCodes[s.r.IntN(len(stormCodes))],
		Status: []int{401, 403, 404, 408, 429, 500, 502, 503, 504}[s.r.IntN(9)], RetryAfter: time.Duration(s.r.IntN(4)) * 40 * time.Minute}
	s.hits[fmt.Sprint(f.Kind, p)]++
	return f
}

// TestFaults_ExactlyOneFinished files many reports through random faults of the
// authority, random kills of the worker and random waits.
func TestFaults_ExactlyOneFinished(t *testing.T) {
	t.Parallel()
	runs := 150
	if n, err := strconv.Atoi(os.Getenv("ROWAN_TEST_STORM")); err == nil {
		runs = n // for a long run by hand
	}
	total := &stats{hits: map[string]int{}}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			b := newBench(t)
			r := rand.New(rand.NewPCG(seed, 2026))
			for i := range runs / 3 {
				total.add(b.throughStorm(r, fmt.Sprint(seed, "/", i)))
			}
		})
	}
	t.Logf("%d filings: %d faults of %d kinds, %d kills, %d refusals approved again", total.filings, total.faults, len(total.hits), total.kills, total.refusals)
	if total.faults < runs || total.kills < runs/10 || total.refusals == 0 || len(total.hits) < 12 {
		t.Errorf("the storm was a breeze: %+v", total)
	}
}

type stats struct {
	filings, faults, kills, refusals int
	hits                             map[string]int
}

func (s *stats) add(o stats) {
	s.filings, s.faults, s.kills, s.refusals = s.filings+o.filings, s.faults+o.faults, s.kills+o.kills, s.refusals+o.refusals
	for k, n := range o.hits {
		s.hits[k] += n
	}
}

func (b *bench) throughStorm(r *rand.Rand, name string) stats {
	b.t.Helper()
	m := material{account: fmt.Sprint("acct-", r.IntN(5))}
	for i := range r.IntN(4) {
		m.files = append(m.files, fmt.Sprint("harmless ", name, " ", i))
		if r.IntN(2) == 0 {
			m.viewed = append(m.viewed, i)
		}
	}
	c := b.confirm(m)
	s := &storm{r: rand.New(rand.NewPCG(r.Uint64(), 0)), left: 1 + r.IntN(10), hits: map[string]int{}}
	faults := s.left
	b.fake.SetFaults(s.strike)
	defer b.fake.SetFaults(nil)
	out := stats{filings: 1, hits: s.hits}
	b.approve(c.reportID)
	for turn := 0; b.report(c.reportID).State != "filed"; turn++ {
		if turn > 500 {
			b.t.Fatalf("%s: does not come to rest in state %s", name, b.report(c.reportID).State)
		}
		hook, _ := killAt(1 + r.IntN(40))
		killed, err := b.file(b.desk(hook), c.reportID)
		if killed {
			out.kills++
			b.clock.add(time.Duration(r.IntN(3)) * 13 * time.Hour)
			b.restart()
			continue
		}
		row := b.report(c.reportID)
		switch {
		case row.State == "draft":
			out.refusals++
			b.approve(c.reportID)
		case row.State != "filed" && err == nil:
			b.t.Fatalf("%s: the job is done in state %s", name, row.State)
		default:
			b.clock.until(store.Time(row.NextAttemptAt))
		}
		b.legal(c)
	}
	b.fake.SetFaults(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	out.faults = faults - s.left
	b.verify(c, true)
	return out
}

// legal checks a report's history against the table.
func (b *bench) legal(c confirmed) {
	b.t.Helper()
	history := b.states(c.caseID)
	for i := 1; i < len(history); i++ {
		if !inTable(history[i-1], history[i]) {
			b.t.Fatalf("report went from %s to %s", history[i-1], history[i])
		}
	}
}

func inTable(from, to reporting.State) bool {
	for _, tr := range reporting.Transitions {
		if tr.From == from && tr.To == to {
			return true
		}
	}
	return false
}

// TestTransitions_TableIsBehaviour drives a report over every row of the table,
// and finds no other step in any of the histories.
func TestTransitions_TableIsBehaviour(t *testing.T) {
	t.Parallel()
	code := func(n int) ncmec.Fault { return ncmec.Fault{Kind: ncmec.Code, Code: n} }
	drop := ncmec.Fault{Kind: ncmec.Drop}
	none := func(string, ncmec.Phase) ncmec.Fault { return ncmec.Fault{} }
	tests := []struct {
		name     string
		faults   ncmec.Faults
		kill     string // the worker dies before this call
		later    time.Duration
		withdraw string // before or after the approval
		want     []reporting.State
	}{
		{name: "filed at once", faults: none, want: []reporting.State{"draft", "approved", "opening", "open", "sealed", "filed"}},
		{name: "draft withdrawn", faults: none, withdraw: "draft", want: []reporting.State{"draft", "withdrawn"}},
		{name: "approved withdrawn", faults: none, withdraw: "approved", want: []reporting.State{"draft", "approved", "withdrawn"}},
		{name: "submit lost", faults: faults("submit", 1, ncmec.After, drop),
			want: []reporting.State{"draft", "approved", "opening", "opening", "open", "sealed", "filed"}},
		{name: "submit postponed", faults: faults("submit", 1, ncmec.Before, code(1000)),
			want: []reporting.State{"draft", "approved", "opening", "approved", "opening", "open", "sealed", "filed"}},
		{name: "submit refused", faults: faults("submit", 1, ncmec.Before, code(4100)), want: []reporting.State{"draft", "approved", "opening", "draft"}},
		{name: "upload lost", faults: faults("upload", 1, ncmec.After, drop),
			want: []reporting.State{"draft", "approved", "opening", "open", "approved", "opening", "open", "sealed", "filed"}},
		{name: "upload refused", faults: faults("upload", 1, ncmec.Before, code(4200)),
			want: []reporting.State{"draft", "approved", "opening", "open", "draft"}},
		{name: "finish refused", faults: faults("finish", 1, ncmec.Before, code(4100)),
			want: []reporting.State{"draft", "approved", "opening", "open", "sealed", "draft"}},
		{name: "finished, says the answer to retract", faults: faults("finish", 1, ncmec.After, code(4100)),
			want: []reporting.State{"draft", "approved", "opening", "open", "sealed", "filed"}},
		{name: "finish too late", faults: none, kill: "finish", later: 25 * time.Hour,
			want: []reporting.State{"draft", "approved", "opening", "open", "sealed", "approved", "opening", "open", "sealed", "filed"}},
		{name: "finished while open", faults: func(op string, p ncmec.Phase) ncmec.Fault {
			if op == "fileinfo" && p == ncmec.Before {
				return code(1000)
			}
			if op == "retract" && p == ncmec.Before {
				return code(5102) // the one lie that this row of the table needs
			}
			return ncmec.Fault{}
		}, want: []reporting.State{"draft", "approved", "opening", "open", "filed"}},
	}
	b := newBench(t)
	type step struct{ From, To reporting.State }
	walked := map[step]bool{}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := b.confirm(material{files: []string{"harmless"}})
			b.fake.SetFaults(tc.faults)
			defer b.fake.SetFaults(nil)
			if tc.withdraw != "draft" {
				b.approve(c.reportID)
			}
			if tc.withdraw != "" {
				if err := b.desk(nil).WithdrawReport(t.Context(), anna, c.reportID, "test"); err != nil {
					t.Fatal(err)
				}
			} else {
				killed, _ := b.file(b.desk(func(op string, m moment) {
					if op == tc.kill && m == sending {
						panic(crash{})
					}
				}), c.reportID)
				if killed != (tc.kill != "") {
					t.Fatal("the worker was not killed where the test wants it")
				}
				b.clock.add(tc.later)
				b.clock.until(store.Time(b.report(c.reportID).NextAttemptAt))
				b.restart()
				b.drive(b.desk(nil), c.reportID)
			}
			got := b.states(c.caseID)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			for i := 1; i < len(got); i++ {
				walked[step{got[i-1], got[i]}] = true
			}
		})
	}
	for _, history := range b.byHand(t) {
		for i := 1; i < len(history); i++ {
			walked[step{history[i-1], history[i]}] = true
		}
	}
	var table []step
	for _, tr := range reporting.Transitions {
		table = append(table, step{tr.From, tr.To})
	}
	var steps []step
	for s := range walked {
		steps = append(steps, s)
	}
	less := func(x, y step) bool {
		return slices.Compare([]reporting.State{x.From, x.To}, []reporting.State{y.From, y.To}) < 0
	}
	if diff := cmp.Diff(table, steps, cmpopts.SortSlices(less)); diff != "" {
		t.Errorf("table against behaviour (-table +behaviour):\n%s", diff)
	}
}
