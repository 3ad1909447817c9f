package reporting_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

func TestFile_HappyPath(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless one", "harmless two"}, viewed: []int{1}})
	b.inState(c.reportID, reporting.Draft)
	b.approve(c.reportID)
	if turns := b.drive(b.desk(nil), c.reportID); turns != 1 {
		t.Errorf("took %d turns, want 1", turns)
	}
	want := []reporting.State{reporting.Draft, reporting.Approved, reporting.Opening, reporting.Opened, reporting.Sealed, reporting.Filed}
	if diff := cmp.Diff(want, b.states(c.caseID)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	b.verify(c, false)
	x, err := b.store.Read().ExchangesOfReport(t.Context(), c.reportID)
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, e := range x {
		ops = append(ops, e.Operation)
	}
	if diff := cmp.Diff([]string{"submit", "upload", "fileinfo", "upload", "fileinfo", "finish"}, ops); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(b.events) != 1 || b.events[0].Type != "report.filed" || b.events[0].Subject != c.caseID {
		t.Errorf("announced %+v", b.events)
	}
	before := len(b.fake.Reports())
	if _, err := b.file(b.desk(nil), c.reportID); err != nil || len(b.fake.Reports()) != before {
		t.Errorf("filing again did something: %v", err)
	}
}

func TestTextOnlyEnticementFiled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{kind: cybertip.IncidentOnlineEnticement})
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

func TestSecondReportSameSubject_FiledWithPriorIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var numbers []string
	for range 3 {
		c := b.confirm(material{account: "same", files: []string{"harmless"}})
		b.approve(c.reportID)
		b.drive(b.desk(nil), c.reportID)
		b.verify(c, false)
		doc := string(b.finished(c.caseID)[0].XML)
		if n := strings.Count(doc, "<priorCTReports>"); n != len(numbers) {
			t.Errorf("names %d earlier reports, want %d", n, len(numbers))
		}
		for _, n := range numbers {
			if !strings.Contains(doc, "<priorCTReports>"+n+"</priorCTReports>") {
				t.Errorf("earlier report %s is not named", n)
			}
		}
		numbers = append(numbers, b.report(c.reportID).RemoteID)
	}
	other := b.confirm(material{account: "other"})
	b.approve(other.reportID)
	b.drive(b.desk(nil), other.reportID)
	if strings.Contains(string(b.finished(other.caseID)[0].XML), "priorCTReports") {
		t.Error("a report names the earlier reports of another account")
	}
}

func TestViewedFlagOnlyFromRevealLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"h1", "h2", "h3", "h4"}, viewed: []int{0}})
	b.reveal(c.evidence[1], vault.ViewPreview) // a preview is not the entire content
	b.approve(c.reportID)
	b.reveal(c.evidence[2], vault.ViewOriginal) // after the approval: too late for this report
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false) // c.viewed holds evidence 0 only
}

func TestApprove_Refusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		m    material
		cfg  func(*reporting.Config)
		who  safety.Actor
		kind safety.Kind
	}{
		{name: "a program", who: robot, kind: safety.Forbidden},
		{name: "two persons: the decider", cfg: func(c *reporting.Config) { c.TwoPerson = true }, who: anna, kind: safety.Forbidden},
		{name: "the canary in production", m: material{canary: true}, cfg: func(c *reporting.Config) { c.Environment = reporting.Production }, who: boris, kind: safety.Conflict},
		{name: "a reporter without e-mail", cfg: func(c *reporting.Config) { c.Reporter.Email = "" }, who: boris, kind: safety.Conflict},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.confirm(tc.m)
			if tc.cfg != nil {
				tc.cfg(&b.cfg)
			}
			err := b.desk(nil).Approve(t.Context(), tc.who, c.reportID, false)
			if err == nil || safety.KindOf(err) != tc.kind {
				t.Fatalf("got %v, want an error that says %s", err, tc.kind)
			}
			b.inState(c.reportID, reporting.Draft)
			if _, err := b.file(b.desk(nil), c.reportID); err != nil || len(b.fake.Reports()) != 0 {
				t.Errorf("an unapproved report reached the authority (%v)", err)
			}
		})
	}
}

// TestApprove_RestsOnAnother: what rests on another decision is filed, and is not
// once that one was taken back.
func TestApprove_RestsOnAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	base := b.confirm(material{files: []string{"harmless"}, viewed: []int{0}})
	good, late := b.confirm(material{files: []string{"harmless"}, restsOn: base.decisionID}), b.confirm(material{files: []string{"harmless"}, restsOn: base.decisionID})
	b.approve(good.reportID)
	b.drive(b.desk(nil), good.reportID)
	b.verify(good, false) // its own file was not viewed, and the report says so

	b.tx(func(tx *store.Tx) error {
		_, err := tx.UndoDecision(t.Context(), base.decisionID, store.Micros(b.clock.now()))
		return err
	})
	if err := b.desk(nil).Approve(t.Context(), boris, late.reportID, false); safety.KindOf(err) != safety.Conflict || !strings.Contains(fmt.Sprint(err), base.caseID) {
		t.Errorf("got %v, want a conflict that names the case", err)
	}
	b.inState(late.reportID, reporting.Draft)
}

func TestApprove_TwoPersons(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.TwoPerson = true
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID) // by Boris; Anna decided
	if err := b.desk(nil).Approve(t.Context(), boris, c.reportID, false); safety.KindOf(err) != safety.Conflict {
		t.Errorf("approving twice: %v, want a conflict", err)
	}
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

func TestCanaryFiledWithStandin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{canary: true, files: []string{"canary"}})
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
	if !strings.Contains(string(b.finished(c.caseID)[0].XML), "TEST: Rowan") {
		t.Error("the canary's report does not say that it is a test")
	}
}

func TestEnvironmentSwitchRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	for _, env := range []reporting.Environment{reporting.Test, reporting.Production} {
		b.cfg.Environment = env
		if _, err := b.file(b.desk(nil), c.reportID); err == nil {
			t.Fatalf("approved for the stand-in, filed with %s", env)
		}
		r := b.report(c.reportID)
		if r.State != "approved" || !strings.Contains(r.LastError, "approved for standin") || len(b.fake.Reports()) != 0 {
			t.Errorf("state %s, last error %q, %d reports at the authority", r.State, r.LastError, len(b.fake.Reports()))
		}
		b.clock.until(store.Time(r.NextAttemptAt))
	}
	b.cfg.Environment = reporting.Standin
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

func TestCredentialsFailureRecovers(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"submit", "upload", "fileinfo", "finish"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.confirm(material{files: []string{"harmless"}})
			b.approve(c.reportID)
			b.fake.SetFaults(func(o string, p ncmec.Phase) ncmec.Fault {
				if p == ncmec.Before && (o == op || o == "retract") {
					return ncmec.Fault{Kind: ncmec.Status, Status: 401}
				}
				return ncmec.Fault{}
			})
			for range 5 {
				if _, err := b.file(b.desk(nil), c.reportID); err == nil {
					t.Fatal("went on with refused credentials")
				}
				r := b.report(c.reportID)
				if !strings.Contains(r.LastError, "an operator must act") {
					t.Errorf("last error %q does not call an operator", r.LastError)
				}
				b.clock.until(store.Time(r.NextAttemptAt))
			}
			b.fake.SetFaults(nil)
			b.drive(b.desk(nil), c.reportID)
			b.verify(c, false)
		})
	}
}

// TestFailedFilingVisible_Refused: what the authority will never take comes
// back to a person, with the reason, and can be approved again.
func TestFailedFilingVisible_Refused(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"submit", "upload", "fileinfo", "finish"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.confirm(material{files: []string{"harmless"}})
			b.approve(c.reportID)
			b.fake.SetFaults(faults(op, 1, ncmec.Before, ncmec.Fault{Kind: ncmec.Code, Code: 4100}))
			b.drive(b.desk(nil), c.reportID)
			b.inState(c.reportID, reporting.Draft)
			r := b.report(c.reportID)
			if !strings.Contains(r.LastError, "4100") {
				t.Errorf("the draft says %q, want the authority's refusal", r.LastError)
			}
			for _, f := range b.fake.Reports() {
				if f.State == ncmec.Open {
					t.Error("a report was left open at the authority")
				}
			}
			counts, err := b.store.Read().CountReports(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]db.CountReportsRow{{State: "draft", Failing: true, N: 1}}, counts); diff != "" {
				t.Errorf("overview (-want +got):\n%s", diff)
			}
			b.approve(c.reportID)
			b.drive(b.desk(nil), c.reportID)
			b.verify(c, false)
		})
	}
}

func TestFailedFilingVisibleAndPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults("submit", 1, ncmec.Before, ncmec.Fault{Kind: ncmec.Status, Status: 503, RetryAfter: 20 * time.Minute}))
	if _, err := b.file(b.desk(nil), c.reportID); err == nil {
		t.Fatal("no further attempt was asked for")
	}
	r := b.report(c.reportID)
	if wait := store.Time(r.NextAttemptAt).Sub(b.clock.now()); wait < 19*time.Minute || wait > 21*time.Minute {
		t.Errorf("next attempt in %v, want the authority's 20 minutes", wait)
	}
	counts, err := b.store.Read().CountReports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]db.CountReportsRow{{State: r.State, Failing: true, N: 1}}, counts); diff != "" {
		t.Errorf("overview (-want +got):\n%s", diff)
	}
	v, err := b.desk(nil).View(t.Context(), c.reportID)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Exchanges) != 1 || v.Exchanges[0].HttpStatus != 503 || v.Exchanges[0].Error == "" || v.XML == "" {
		t.Errorf("the failed exchange is not to be seen: %d exchanges", len(v.Exchanges))
	}
}

func TestRetryNeverGivesUpSilently(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(func(_ string, p ncmec.Phase) ncmec.Fault {
		if p == ncmec.Before {
			return ncmec.Fault{Kind: ncmec.Drop}
		}
		return ncmec.Fault{}
	})
	d := b.desk(nil)
	for i := range 60 {
		if _, err := b.file(d, c.reportID); err == nil {
			t.Fatalf("attempt %d was the last one", i+1)
		}
		r := b.report(c.reportID)
		wait := store.Time(r.NextAttemptAt).Sub(b.clock.now())
		if r.Attempts != int64(i+1) || r.LastError == "" || wait > 10*time.Minute {
			t.Fatalf("attempt %d: counted %d, error %q, next in %v", i+1, r.Attempts, r.LastError, wait)
		}
		b.clock.until(store.Time(r.NextAttemptAt).Add(16 * time.Hour)) // 40 days in all
	}
	b.fake.SetFaults(nil)
	b.drive(d, c.reportID)
	b.verify(c, false)
}

func TestPreservationFailsAfterFiling_Retried(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.refuse = errors.New("hook fails")
	if _, err := b.file(b.desk(nil), c.reportID); err == nil {
		t.Fatal("the failure was swallowed")
	}
	b.inState(c.reportID, reporting.Sealed) // nothing of the filing may be half stored
	if clocks, err := b.store.Read().ClocksOfCase(t.Context(), c.caseID); err != nil || len(clocks) != 0 {
		t.Errorf("a clock without its state: %v, %v", clocks, err)
	}
	b.refuse = nil
	b.clock.add(time.Minute)
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

// TestLostSubmitReply_OneFinished and the others below lose one answer each.
func TestLostSubmitReply_OneFinished(t *testing.T)        { lostReply(t, "submit") }
func TestLostUploadReply_FileOnce(t *testing.T)           { lostReply(t, "upload") }
func TestLostFileInfoReply_DetailsOnce(t *testing.T)      { lostReply(t, "fileinfo") }
func TestLostFinishReply_OneFinished(t *testing.T)        { lostReply(t, "finish") }
func TestFinishAnsweredWithPage_OneFinished(t *testing.T) { garbledReply(t, ncmec.HTML) }
func TestFinishAnswerCut_OneFinished(t *testing.T)        { garbledReply(t, ncmec.CutBody) }
func TestFinishAnswerTruncated_OneFinished(t *testing.T)  { garbledReply(t, ncmec.TruncatedXML) }

func lostReply(t *testing.T, op string) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless one", "harmless two"}, viewed: []int{0}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults(op, 1, ncmec.After, ncmec.Fault{Kind: ncmec.Drop}))
	if turns := b.drive(b.desk(nil), c.reportID); turns != 2 {
		t.Errorf("took %d turns, want 2", turns)
	}
	b.verify(c, false)
}

func garbledReply(t *testing.T, kind ncmec.FaultKind) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults("finish", 1, ncmec.After, ncmec.Fault{Kind: kind}))
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

// TestRetractOracle_AlreadyFinished: when finish was carried out and its answer
// says otherwise, the answer to retract tells the truth.
func TestRetractOracle_AlreadyFinished(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults("finish", 1, ncmec.After, ncmec.Fault{Kind: ncmec.Code, Code: 4100}))
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
}

func TestWrongMD5_RetractedAndSentAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults("upload", 1, ncmec.After, ncmec.Fault{Kind: ncmec.WrongMD5}))
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
	all := b.fake.Reports()
	if len(all) != 2 || all[0].State != ncmec.Retracted {
		t.Errorf("the report with the wrong file was not retracted: %d reports, the first %s", len(all), all[0].State)
	}
}

// TestExpiredOpenReport_BegunAgain: the authority deletes what is not finished
// in time.
func TestExpiredOpenReport_BegunAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		op    string // the worker dies before this call
		later time.Duration
	}{
		{"open, within the authority's day but past ours", "fileinfo", 2 * time.Hour},
		{"open, expired", "upload", 25 * time.Hour},
		{"sealed, expired", "finish", 25 * time.Hour},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.confirm(material{files: []string{"harmless"}, viewed: []int{0}})
			b.approve(c.reportID)
			killed, err := b.file(b.desk(func(op string, m moment) {
				if op == tc.op && m == sending {
					panic(crash{})
				}
			}), c.reportID)
			if !killed {
				t.Fatalf("worker was not killed: %v", err)
			}
			b.clock.add(tc.later)
			b.drive(b.restart(), c.reportID)
			b.verify(c, false)
			if n := len(b.fake.Reports()); n != 2 {
				t.Errorf("%d reports at the authority, want the lost one and the filed one", n)
			}
		})
	}
}

// TestStaleOpenReport_BegunAgain: the work stood still for longer than an open
// report may be added to, and no call was under way.
func TestStaleOpenReport_BegunAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	blob := func(name string) {
		t.Helper()
		if _, err := b.sql().ExecContext(t.Context(), "update evidence set blob = $1 where id = $2", name, c.evidence[0]); err != nil {
			t.Fatal(err)
		}
	}
	blob("missing")
	if _, err := b.file(b.desk(nil), c.reportID); err == nil {
		t.Fatal("sent evidence that cannot be read")
	}
	b.inState(c.reportID, reporting.Opened)
	if e := b.report(c.reportID).LastError; !strings.Contains(e, "cannot be read") {
		t.Errorf("last error %q", e)
	}
	blob(c.evidence[0])
	b.clock.add(2 * time.Hour)
	b.drive(b.desk(nil), c.reportID)
	b.verify(c, false)
	if all := b.fake.Reports(); len(all) != 2 || all[0].State != ncmec.Retracted {
		t.Errorf("the stale report was not retracted: %d reports, the first %s", len(all), all[0].State)
	}
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		approved bool
		who      safety.Actor
		reason   string
		kind     safety.Kind
		ok       bool
	}{
		{name: "a draft", who: anna, reason: "slip", ok: true},
		{name: "an approved one", approved: true, who: anna, reason: "slip", ok: true},
		{name: "no reason", who: anna, kind: safety.Invalid},
		{name: "a program", who: robot, reason: "slip", kind: safety.Forbidden},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.confirm(material{files: []string{"harmless"}})
			if tc.approved {
				b.approve(c.reportID)
			}
			err := b.desk(nil).WithdrawReport(t.Context(), tc.who, c.reportID, tc.reason)
			if !tc.ok {
				if err == nil || safety.KindOf(err) != tc.kind {
					t.Fatalf("got %v, want an error that says %s", err, tc.kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.file(b.desk(nil), c.reportID); err != nil || len(b.fake.Reports()) != 0 {
				t.Errorf("a withdrawn report reached the authority (%v)", err)
			}
			b.inState(c.reportID, reporting.Withdrawn)
			if err := b.desk(nil).Approve(t.Context(), boris, c.reportID, false); safety.KindOf(err) != safety.Conflict {
				t.Errorf("approving a withdrawn report: %v, want a conflict", err)
			}
		})
	}
}

func TestWithdraw_TooLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	var got []error
	d := b.desk(func(_ string, m moment) {
		if m == received {
			got = append(got, b.desk(nil).WithdrawReport(t.Context(), anna, c.reportID, "slip"))
		}
	})
	b.drive(d, c.reportID)
	b.verify(c, false)
	for i, err := range got {
		if safety.KindOf(err) != safety.Conflict {
			t.Errorf("withdrawing during call %d: %v, want a conflict", i+1, err)
		}
	}
	if len(got) != 4 {
		t.Errorf("tried %d times, want 4", len(got))
	}
}

func TestSweep_EnqueuesWhatIsDue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.fake.SetFaults(faults("submit", 1, ncmec.Before, ncmec.Fault{Kind: ncmec.Drop}))
	jobs := func() (n int) {
		t.Helper()
		row := b.sql().QueryRowContext(t.Context(), "select count(*) from river_job where kind = 'report_file'")
		if err := row.Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	sweep := func(alone bool) {
		t.Helper()
		if err := b.desk(nil).Resume(t.Context(), alone); err != nil {
			t.Fatal(err)
		}
	}
	base := jobs()
	if base != 1 {
		t.Fatalf("approval enqueued %d jobs, want 1", base)
	}
	if _, err := b.file(b.desk(nil), c.reportID); err == nil {
		t.Fatal("no fault")
	}
	if sweep(false); jobs() != base {
		t.Error("swept before the next attempt was due")
	}
	b.clock.until(store.Time(b.report(c.reportID).NextAttemptAt))
	if sweep(false); jobs() != base+1 {
		t.Error("what was due was not swept")
	}
	killed, _ := b.file(b.desk(func(op string, _ moment) { panic(crash{}) }), c.reportID)
	if !killed {
		t.Fatal("worker was not killed")
	}
	if sweep(false); jobs() != base+1 {
		t.Error("swept what another worker may hold")
	}
	if sweep(true); jobs() != base+2 {
		t.Error("a process alone did not take over the lease of a dead one")
	}
	b.drive(b.desk(nil), c.reportID)
	if sweep(true); jobs() != base+2 {
		t.Error("swept a filed report")
	}
}
