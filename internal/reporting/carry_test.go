package reporting_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/fakes/nca"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/vault"
)

// toNCA makes the bench one of a UK provider that reports to the NCA.
func (b *bench) toNCA() {
	b.cfg.Route, b.cfg.UK.Provider = reporting.NCA, true
	b.cfg.Reporter.Organisation = "Example Ltd"
}

// declare chooses a priority and approves, as reports to the NCA need.
func (b *bench) declare(id string, p safety.Priority) {
	b.t.Helper()
	d := b.desk(nil)
	if err := d.EditDraft(b.t.Context(), anna, id, reporting.Edit{Priority: &p, PriorityReason: new("test")}); err != nil {
		b.t.Fatalf("choosing a priority: %v", err)
	}
	if err := d.Approve(b.t.Context(), boris, id, true); err != nil {
		b.t.Fatalf("approving: %v", err)
	}
}

// byHand drives reports that people carry through what people can do, and returns
// their histories.
func (b *bench) byHand(t *testing.T) [][]reporting.State {
	t.Helper()
	route, uk := b.cfg.Route, b.cfg.UK
	defer func() { b.cfg.Route, b.cfg.UK = route, uk }()
	b.toNCA()
	d, ctx := b.desk(nil), t.Context()
	handOver := func(id string) error { return d.HandOver(ctx, anna, id) }
	reference := func(id string) error { return d.Reference(ctx, anna, id, "URN-1", "") }
	tests := []struct {
		name  string
		steps []func(string) error
		want  []reporting.State
	}{
		{"carried", []func(string) error{handOver, reference}, []reporting.State{"draft", "approved", "opening", "filed"}},
		{"the hand-over was forgotten", []func(string) error{reference}, []reporting.State{"draft", "approved", "filed"}},
		{"not found there", []func(string) error{handOver, func(id string) error { return d.Reconcile(ctx, anna, id, "", "looked at the list, not there") }, handOver, reference},
			[]reporting.State{"draft", "approved", "opening", "approved", "opening", "filed"}},
		{"found there", []func(string) error{handOver, func(id string) error { return d.Reconcile(ctx, anna, id, "URN-2", "looked at the list") }},
			[]reporting.State{"draft", "approved", "opening", "filed"}},
		{"mended", []func(string) error{func(id string) error { return d.Mend(ctx, anna, id, "a wrong name") }}, []reporting.State{"draft", "approved", "draft"}},
	}
	var out [][]reporting.State
	for _, tc := range tests {
		c := b.confirm(material{files: []string{"harmless " + tc.name}})
		b.declare(c.reportID, safety.P3)
		for i, step := range tc.steps {
			if err := step(c.reportID); err != nil {
				t.Fatalf("%s, step %d: %v", tc.name, i, err)
			}
			if _, err := b.file(b.desk(nil), c.reportID); err != nil {
				t.Errorf("%s: the job touches what people carry: %v", tc.name, err)
			}
		}
		if len(b.finished(c.caseID)) != 0 {
			t.Errorf("%s: a report to the NCA reached NCMEC", tc.name)
		}
		got := b.states(c.caseID)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: history (-want +got):\n%s", tc.name, diff)
		}
		out = append(out, got)
	}
	return out
}

func TestCarry_WhatIsNotAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.toNCA()
	c := b.confirm(material{files: []string{"harmless"}})
	d, ctx := b.desk(nil), t.Context()
	conflict := func(what string, err error) {
		t.Helper()
		if safety.KindOf(err) != safety.Conflict {
			t.Errorf("%s: %v, want a conflict", what, err)
		}
	}
	conflict("handing a draft over", d.HandOver(ctx, anna, c.reportID))
	conflict("a reference for a draft", d.Reference(ctx, anna, c.reportID, "URN-1", ""))
	conflict("a call about a draft", d.Called(ctx, anna, c.reportID, "duty officer", ""))
	b.declare(c.reportID, safety.P3)
	conflict("reconciling what was not on its way", d.Reconcile(ctx, anna, c.reportID, "", "looked"))
	for what, err := range map[string]error{"hand over": d.HandOver(ctx, robot, c.reportID), "reference": d.Reference(ctx, robot, c.reportID, "URN-1", "")} {
		if safety.KindOf(err) != safety.Forbidden {
			t.Errorf("a program, %s: %v, want forbidden", what, err)
		}
	}
	for _, bad := range []string{"", " ", strings.Repeat("x", 101), "URN\n1"} {
		if err := d.Reference(ctx, anna, c.reportID, bad, ""); safety.KindOf(err) != safety.Invalid {
			t.Errorf("reference %q: %v, want invalid", bad, err)
		}
	}
	b.cfg.Environment = reporting.Test
	conflict("handing over in another environment", b.desk(nil).HandOver(ctx, anna, c.reportID))
	b.cfg.Environment = reporting.Standin
	if err := d.HandOver(ctx, anna, c.reportID); err != nil {
		t.Fatal(err)
	}
	conflict("handing over twice", d.HandOver(ctx, boris, c.reportID))
	conflict("withdrawing what is on its way", d.WithdrawReport(ctx, anna, c.reportID, "slip"))
	conflict("mending what is on its way", d.Mend(ctx, anna, c.reportID, "slip"))
	if err := d.Reference(ctx, anna, c.reportID, " URN-7 ", "the receipt, word for word"); err != nil {
		t.Fatal(err)
	}
	conflict("a second reference", d.Reference(ctx, anna, c.reportID, "URN-8", ""))
	r := b.report(c.reportID)
	if r.RemoteID != "URN-7" || string(r.Receipt) != "the receipt, word for word" || r.FiledAt == 0 {
		t.Errorf("filed as %q with receipt %q", r.RemoteID, r.Receipt)
	}
	clocks, err := b.store.Read().ClocksOfCase(ctx, c.caseID)
	if err != nil || len(clocks) != 2 || clocks[0].Law != "SI 2026/268 reg. 8(1)(b)" || clocks[1].Law != "SI 2026/268 reg. 8(1)(a)" {
		t.Errorf("clocks %+v, %v: want the year of the content and the five of the reference", clocks, err)
	}
	ours := b.confirm(material{files: []string{"harmless"}})
	if err := d.Reroute(ctx, anna, ours.reportID, reporting.NCMEC, "test"); err != nil {
		t.Fatal(err)
	}
	b.approve(ours.reportID)
	conflict("carrying what Rowan files by itself", d.Reference(ctx, anna, ours.reportID, "1", ""))
}

// TestInterface_InFlightIsReconciled: what may have arrived is never sent again
// before a person has looked; what cannot have arrived is.
func TestInterface_InFlightIsReconciled(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault   nca.Fault
		arrived bool // at the first try
		state   reporting.State
	}{
		{nca.None, true, reporting.Filed},
		{nca.LostBefore, false, reporting.Opening},
		{nca.LostAfter, true, reporting.Opening},
		{nca.Busy, false, reporting.Opening},
		{nca.Page, true, reporting.Opening},
		{nca.NoReference, true, reporting.Opening},
		{nca.Refused, false, reporting.Draft},
	}
	for _, tc := range tests {
		b := newBench(t)
		b.toNCA()
		authority := &nca.Server{Token: "secret", Faults: func(n int) nca.Fault {
			if n == 1 {
				return tc.fault
			}
			return nca.None
		}}
		web := httptest.NewServer(authority)
		t.Cleanup(web.Close)
		b.cfg.NCA = &reporting.NCAInterface{URL: web.URL, Token: "secret", Reference: []string{"receipt", "reference"}}
		c := b.confirm(material{files: []string{"harmless", "two"}, viewed: []int{0}})
		b.declare(c.reportID, safety.P2)
		if _, err := b.file(b.desk(nil), c.reportID); err != nil {
			t.Errorf("fault %d: %v", tc.fault, err)
		}
		b.inState(c.reportID, tc.state)
		if got := len(authority.Reports()) == 1; got != tc.arrived {
			t.Fatalf("fault %d: arrived is %t, want %t", tc.fault, got, tc.arrived)
		}
		// The net under the queue, a restart and years do not send it again.
		b.clock.add(24 * time.Hour)
		if _, err := b.file(b.restart(), c.reportID); err != nil {
			t.Errorf("fault %d: %v", tc.fault, err)
		}
		if n := len(authority.Reports()); (n == 1) != tc.arrived {
			t.Fatalf("fault %d: sent again without a person: %d reports", tc.fault, n)
		}
		if tc.state == reporting.Opening {
			b.reconcile(c, authority, tc.arrived)
		}
		if tc.state != reporting.Draft {
			b.inState(c.reportID, reporting.Filed)
			if n := len(authority.Reports()); n != 1 {
				t.Errorf("fault %d: %d reports at the authority, want 1", tc.fault, n)
			}
		}
	}
}

// reconcile plays the person who looks at the authority.
func (b *bench) reconcile(c confirmed, authority *nca.Server, arrived bool) {
	b.t.Helper()
	d, reference := b.desk(nil), ""
	if r := b.report(c.reportID); !strings.Contains(r.LastError, "nobody knows") {
		b.t.Errorf("last error %q does not say that a person must look", r.LastError)
	}
	if arrived {
		reference = authority.Reports()[0].Reference
	}
	if err := d.Reconcile(b.t.Context(), anna, c.reportID, reference, "looked at the list of reports"); err != nil {
		b.t.Fatal(err)
	}
	if !arrived {
		if _, err := b.file(d, c.reportID); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestInterface_NotReached: a connection that never stood has carried nothing.
func TestInterface_NotReached(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.toNCA()
	authority := &nca.Server{Token: "secret"}
	web := httptest.NewServer(authority)
	url := web.URL
	web.Close()
	b.cfg.NCA = &reporting.NCAInterface{URL: url, Token: "secret", Reference: []string{"receipt", "reference"}}
	c := b.confirm(material{files: []string{"harmless"}})
	b.declare(c.reportID, safety.P2)
	if _, err := b.file(b.desk(nil), c.reportID); err == nil {
		t.Fatal("nothing was reached, and the job does not ask for another turn")
	}
	b.inState(c.reportID, reporting.Approved)
	up := httptest.NewServer(authority)
	t.Cleanup(up.Close)
	b.cfg.NCA.URL = up.URL
	b.clock.until(store.Time(b.report(c.reportID).NextAttemptAt))
	b.drive(b.desk(nil), c.reportID)
	if n := len(authority.Reports()); n != 1 {
		t.Errorf("%d reports, want 1", n)
	}
}

func TestRoute_Rules(t *testing.T) {
	t.Parallel()
	link := []reporting.UKLink{{Ground: "place", Evidence: "uploaded from a UK address"}}
	tests := []struct {
		name     string
		cfg      func(*reporting.Config)
		edit     reporting.Edit
		undeclar bool
		want     string // the rule that refuses; empty: none
	}{
		{name: "a UK provider", edit: reporting.Edit{Priority: new(safety.P1)}},
		{name: "no priority", want: "priority chosen by a person"},
		{name: "no declaration", edit: reporting.Edit{Priority: new(safety.P1)}, undeclar: true, want: "declaration"},
		{name: "from elsewhere, no link", cfg: func(c *reporting.Config) { c.UK.Provider = false }, edit: reporting.Edit{Priority: new(safety.P1)}, want: "link with the United Kingdom"},
		{name: "from elsewhere, linked", cfg: func(c *reporting.Config) { c.UK.Provider = false }, edit: reporting.Edit{Priority: new(safety.P1), UKLinks: &link}},
		{name: "reported abroad by arrangement", cfg: func(c *reporting.Config) { c.UK.Arrangement = true }, edit: reporting.Edit{Priority: new(safety.P1)}, want: "not reported elsewhere by arrangement"},
		{name: "production, not registered", cfg: func(c *reporting.Config) { c.Environment = reporting.Production }, edit: reporting.Edit{Priority: new(safety.P1)}, want: "registered with the NCA"},
		{name: "production, registered", cfg: func(c *reporting.Config) {
			c.Environment = reporting.Production
			c.UK.Administrator, c.UK.Replacement, c.UK.RegisteredAt = "A", "B", start
		}, edit: reporting.Edit{Priority: new(safety.P1)}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.toNCA()
			if tc.cfg != nil {
				tc.cfg(&b.cfg)
			}
			c := b.confirm(material{files: []string{"harmless"}})
			d := b.desk(nil)
			if err := d.EditDraft(t.Context(), anna, c.reportID, tc.edit); err != nil {
				t.Fatal(err)
			}
			err := d.Approve(t.Context(), boris, c.reportID, !tc.undeclar)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wrong, ok := errors.AsType[*reporting.WrongError](err)
			if !ok || len(wrong.Wrong) != 1 || wrong.Wrong[0].Path != tc.want {
				t.Errorf("got %v, want the rule %q alone", err, tc.want)
			}
			b.inState(c.reportID, reporting.Draft)
		})
	}
}

// TestRoute_OneItemOneAuthority: what was or will be reported to one authority is
// not reported to the other, whoever asks; a referral stands beside both.
func TestRoute_OneItemOneAuthority(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID)
	d, ctx := b.desk(nil), t.Context()
	if err := d.Reroute(ctx, anna, c.reportID, reporting.NCA, "test"); safety.KindOf(err) != safety.Conflict {
		t.Errorf("routing a filed report: %v, want a conflict", err)
	}
	// A second report of the same items, as a slip of somebody's would make it.
	b.cfg.Route, b.cfg.UK.Provider = reporting.NCA, true
	second := b.draftAgain(c)
	err := b.desk(nil).EditDraft(ctx, anna, second, reporting.Edit{Priority: new(safety.P2)})
	if err != nil {
		t.Fatal(err)
	}
	err = b.desk(nil).Approve(ctx, boris, second, true)
	if wrong, ok := errors.AsType[*reporting.WrongError](err); !ok || wrong.Wrong[0].Path != "one route" {
		t.Errorf("approved for both authorities: %v", err)
	}
	ref, err := d.Refer(ctx, anna, c.caseID, reporting.Agency{Name: "A police force", Reason: "the account lives there"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Approve(ctx, boris, ref, false); err != nil {
		t.Errorf("a referral beside a report: %v", err)
	}
	if err := d.Reference(ctx, anna, ref, "PF-1", ""); err != nil {
		t.Error(err)
	}
}

// draftAgain drafts a second report on a case with the desk's present route.
func (b *bench) draftAgain(c confirmed) string {
	b.t.Helper()
	ctx, id := b.t.Context(), ""
	b.tx(func(tx *store.Tx) error {
		r, err := tx.Report(ctx, c.reportID)
		if err != nil {
			return err
		}
		made, err := tx.Decision(ctx, r.DecisionID)
		if err != nil {
			return err
		}
		row, err := tx.CaseByID(ctx, c.caseID)
		if err != nil {
			return err
		}
		if err := b.desk(nil).Draft(ctx, tx, row, made); err != nil {
			return err
		}
		all, err := tx.ReportsOfDecision(ctx, made.ID)
		for _, o := range all {
			if o.ID != c.reportID {
				id = o.ID
			}
		}
		return err
	})
	return id
}

// TestSupplement_NamesAndDoesNotRepeat: what comes in after a filing goes into a
// report of its own, which names the first and holds only what is new.
func TestSupplement_NamesAndDoesNotRepeat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless one"}, viewed: []int{0}})
	d, ctx := b.desk(nil), t.Context()
	if _, err := d.Supplement(ctx, anna, c.reportID, "more came in"); safety.KindOf(err) != safety.Conflict {
		t.Errorf("supplementing a draft: %v, want a conflict", err)
	}
	b.approve(c.reportID)
	b.drive(d, c.reportID)
	first := b.finished(c.caseID)[0]
	b.tx(func(tx *store.Tx) error { return b.item(tx, c.caseID, "acct-1", new("harmless two")) })
	id, err := d.Supplement(ctx, anna, c.reportID, "more came in")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Supplement(ctx, anna, c.reportID, "again"); safety.KindOf(err) != safety.Conflict {
		t.Errorf("a second supplement while one is open: %v, want a conflict", err)
	}
	b.approve(id)
	b.drive(d, id)
	done := b.finished(c.caseID)
	if len(done) != 2 {
		t.Fatalf("%d finished reports, want the first and its supplement", len(done))
	}
	doc := string(done[1].XML)
	if !strings.Contains(doc, "<priorCTReports>"+b.report(c.reportID).RemoteID+"</priorCTReports>") || !strings.Contains(doc, "Supplement to an earlier report: more came in") {
		t.Error("the supplement does not name the report that it adds to")
	}
	if len(first.Files) != 1 || len(done[1].Files) != 1 || first.Files[0].SHA256 == done[1].Files[0].SHA256 {
		t.Error("the supplement repeats a file, or lacks the new one")
	}
}

// TestPriority_ChosenByPeople: a person's choice stays; nothing in Rowan lowers it.
func TestPriority_ChosenByPeople(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.toNCA()
	c := b.confirm(material{files: []string{"harmless"}})
	if err := b.desk(nil).EditDraft(t.Context(), robot, c.reportID, reporting.Edit{Priority: new(safety.P3)}); safety.KindOf(err) != safety.Forbidden {
		t.Errorf("a program chose the priority: %v", err)
	}
	b.declare(c.reportID, safety.P1)
	d := b.desk(nil)
	for _, err := range []error{d.Sweep(t.Context()), d.HandOver(t.Context(), anna, c.reportID), d.Reference(t.Context(), anna, c.reportID, "URN-1", "")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Late(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := d.Supplement(t.Context(), anna, c.reportID, "more")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{c.reportID, id} {
		if got := b.report(r).Priority; got != "P1" {
			t.Errorf("priority became %s", got)
		}
	}
}

func TestLate_ToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}}) // P2: four hours
	late := func(want int) {
		t.Helper()
		if n, err := b.desk(nil).Late(t.Context()); err != nil || n != want {
			t.Errorf("%d late reports told (%v), want %d", n, err, want)
		}
	}
	late(0)
	b.clock.add(4*time.Hour + time.Minute)
	late(1)
	late(0)
	if e := b.events[len(b.events)-1]; e.Type != "report.overdue" || e.Subject != c.caseID {
		t.Errorf("announced %+v", e)
	}
	b.approve(c.reportID)
	b.drive(b.desk(nil), c.reportID)
	late(0)
}

// TestDuty_PhoneCall: P1 and P2 outside the office's hours ask for a call, summer
// and winter time alike.
func TestDuty_PhoneCall(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		at       time.Time
		priority safety.Priority
		due      bool
	}{
		{"Monday at noon", time.Date(2026, 11, 9, 12, 0, 0, 0, london), safety.P1, false},
		{"Monday at noon, P2", time.Date(2026, 11, 9, 12, 0, 0, 0, london), safety.P2, false},
		{"Monday before seven", time.Date(2026, 11, 9, 6, 59, 0, 0, london), safety.P1, true},
		{"Monday at five", time.Date(2026, 11, 9, 17, 0, 0, 0, london), safety.P2, true},
		{"Monday at five, P3", time.Date(2026, 11, 9, 17, 0, 0, 0, london), safety.P3, false},
		{"Saturday", time.Date(2026, 11, 14, 12, 0, 0, 0, london), safety.P1, true},
		{"a holiday", time.Date(2026, 12, 25, 12, 0, 0, 0, london), safety.P1, true},
		{"half past six UTC in summer is open", time.Date(2027, 7, 5, 6, 30, 0, 0, time.UTC), safety.P1, false},
		{"half past four UTC in summer is closed", time.Date(2027, 7, 5, 16, 30, 0, 0, time.UTC), safety.P1, true},
		{"half past four UTC in winter is open", time.Date(2027, 1, 4, 16, 30, 0, 0, time.UTC), safety.P1, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.toNCA()
			b.cfg.UK.Zone, b.cfg.UK.Holidays = london, []time.Time{time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC)}
			c := b.confirm(material{files: []string{"harmless"}})
			b.clock.until(tc.at)
			b.declare(c.reportID, tc.priority)
			duties := func() []reporting.Duty {
				t.Helper()
				v, err := b.desk(nil).View(t.Context(), c.reportID)
				if err != nil {
					t.Fatal(err)
				}
				return v.Duties
			}
			got := duties()
			if tc.due != (len(got) == 1) {
				t.Fatalf("duties %+v, want a call: %t", got, tc.due)
			}
			if !tc.due {
				return
			}
			if got[0].Done {
				t.Error("the call is done before anybody called")
			}
			if err := b.desk(nil).Called(t.Context(), anna, c.reportID, "duty officer", "told"); err != nil {
				t.Fatal(err)
			}
			if !duties()[0].Done {
				t.Error("the call was made, and the duty does not say so")
			}
		})
	}
}

func TestSchema_ChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check := func(want bool) {
		t.Helper()
		changed, err := b.desk(nil).CheckSchema(t.Context())
		if err != nil || changed != want {
			t.Errorf("changed is %t (%v), want %t", changed, err, want)
		}
	}
	check(false) // the stand-in's note is no schema to compare with
	check(false)
	b.fake.SetXSD([]byte("<xs:schema>another</xs:schema>"))
	check(true)
	check(false)
	if e := b.events[len(b.events)-1]; e.Type != "authority.schema_changed" {
		t.Errorf("announced %+v", e)
	}
	// Against the real hosts, the first look compares with what was built for.
	other := newBench(t)
	other.cfg.Environment = reporting.Test
	if changed, err := other.desk(nil).CheckSchema(t.Context()); err != nil || !changed {
		t.Errorf("changed is %t (%v): another schema than ours went unnoticed", changed, err)
	}
}

// TestViewedFlag_WhatBrowsersDoNotDraw: a person who took a file that a browser
// cannot show whole has not viewed it.
func TestViewedFlag_WhatBrowsersDoNotDraw(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.confirm(material{files: []string{"harmless"}})
	var id string
	b.tx(func(tx *store.Tx) error {
		items, err := tx.ItemsOfCase(t.Context(), c.caseID)
		if err != nil {
			return err
		}
		id, err = b.vault.Seal(t.Context(), tx, vault.Piece{CaseID: c.caseID, ItemID: items[0].ID, Role: vault.Original, MediaType: "video/mp4", Data: []byte("a film")})
		return err
	})
	b.reveal(id, vault.ViewOriginal)
	second := b.draftAgainAfterWithdrawing(c)
	v, err := b.desk(nil).View(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Files {
		if f.Viewed || f.Class != "" {
			t.Errorf("%s is said to be viewed (%t), of class %q", f.MediaType, f.Viewed, f.Class)
		}
	}
	if len(v.Files) != 2 {
		t.Errorf("%d files, want 2", len(v.Files))
	}
}

// draftAgainAfterWithdrawing makes a new draft with what is in the case now.
func (b *bench) draftAgainAfterWithdrawing(c confirmed) string {
	b.t.Helper()
	if err := b.desk(nil).Reroute(b.t.Context(), anna, c.reportID, reporting.NCA, "test"); err != nil {
		b.t.Fatal(err)
	}
	if err := b.desk(nil).WithdrawReport(b.t.Context(), anna, c.reportID, "test"); err != nil {
		b.t.Fatal(err)
	}
	return b.draftAgain(c)
}
