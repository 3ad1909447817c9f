package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// carriedReports covers what reports to several authorities add.
func carriedReports(s *suite) {
	s.newCase("c")
	s.ok(s.q.LockCaseOfReport(s.ctx, "c"))
	for _, id := range []string{"i1", "i2", "i3"} {
		s.ok(s.q.AddItem(s.ctx, db.AddItemParams{ID: id, CaseID: "c", DedupeKey: id}))
	}
	p := db.CreateReportParams{ID: "r", CaseID: "c", DecisionID: "d", Authority: "nca", Environment: "test", State: "draft", Draft: "{}", Receipt: []byte{},
		CreatedAt: 1, Priority: "P2", Sequence: 0, Carried: true, DueAt: 10}
	s.ok(s.q.CreateReport(s.ctx, p))
	s.refused("a second one with the same number", s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "x", CaseID: "c", DecisionID: "d", Authority: "nca", Receipt: []byte{}}))
	more := p
	more.ID, more.Sequence, more.Supplements, more.CreatedAt, more.DueAt = "r2", 1, "r", 2, 0
	s.ok(s.q.CreateReport(s.ctx, more))
	other := db.CreateReportParams{ID: "r3", CaseID: "c", DecisionID: "d", Authority: "ncmec", State: "draft", Draft: "{}", Receipt: []byte{}, CreatedAt: 3}
	s.ok(s.q.CreateReport(s.ctx, other))
	s.ok(s.q.AddReportItem(s.ctx, "r", "i2"), s.q.AddReportItem(s.ctx, "r", "i1"), s.q.AddReportItem(s.ctx, "r2", "i3"), s.q.AddReportItem(s.ctx, "r3", "i1"), s.q.AddReportItem(s.ctx, "r3", "i2"))
	s.refused("an item twice", s.q.AddReportItem(s.ctx, "r", "i1"))
	s.refused("an item that is not there", s.q.AddReportItem(s.ctx, "r", "none"))
	same(s, "items", []string{"i1", "i2"})(s.q.ReportItems(s.ctx, "r"))
	sameIDs(s, "sharing items", []string{"r3"})(s.q.OtherReportsOfItems(s.ctx, "r"))
	sameIDs(s, "sharing none", nil)(s.q.OtherReportsOfItems(s.ctx, "r2"))
	same(s, "withdrawn", int64(1))(s.q.WithdrawReport(s.ctx, "r3", 4))
	sameIDs(s, "sharing with a withdrawn one", nil)(s.q.OtherReportsOfItems(s.ctx, "r"))
	sameIDs(s, "of the decision", []string{"r", "r2", "r3"})(s.q.ReportsOfDecision(s.ctx, "d"))

	same(s, "routed", int64(1))(s.q.RouteReport(s.ctx, db.RouteReportParams{ID: "r2", Authority: "ncmec", Carried: false, UpdatedAt: 5}))
	same(s, "not late", []db.Report(nil))(s.q.LateReports(s.ctx, 9))
	sameIDs(s, "late", []string{"r"})(s.q.LateReports(s.ctx, 10))
	same(s, "late by priority", []db.CountLateReportsRow{{Priority: "P2", N: 1}})(s.q.CountLateReports(s.ctx, 10))
	same(s, "alarmed", int64(1))(s.q.AlarmReport(s.ctx, "r", 11))
	same(s, "alarmed twice", int64(0))(s.q.AlarmReport(s.ctx, "r", 12))
	sameIDs(s, "late and told", nil)(s.q.LateReports(s.ctx, 10))

	same(s, "approved", int64(1))(s.q.ApproveReport(s.ctx, db.ApproveReportParams{ID: "r", ApprovedAt: 3, Environment: "test", Draft: "{}", Carried: true}))
	none[db.Report](s, "claimed what people carry")(s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 4, LeaseUntil: 9}))
	same(s, "routed too late", int64(0))(s.q.RouteReport(s.ctx, db.RouteReportParams{ID: "r", Authority: "ncmec"}))
	sameIDs(s, "unfinished, carried", []string{"r"})(s.q.UnfinishedReports(s.ctx, true))
	sameIDs(s, "unfinished, by itself", nil)(s.q.UnfinishedReports(s.ctx, false))
	step := db.CarryReportParams{ID: "r", State: "approved", State_2: "filed", RemoteID: "U-1", Receipt: []byte{1}, OpenedAt: 5, FiledAt: 6, UpdatedAt: 7, Carried: true}
	same(s, "carried", int64(1))(s.q.CarryReport(s.ctx, step))
	same(s, "carried twice", int64(0))(s.q.CarryReport(s.ctx, step))
	r, err := s.q.Report(s.ctx, "r")
	same(s, "filed", "filed U-1")(r.State+" "+r.RemoteID, err)
	sameIDs(s, "filed of the case", []string{"r"})(s.q.FiledReportsOfCase(s.ctx, "c"))

	a := db.AddReportStepParams{ID: "s2", ReportID: "r", At: 1, Actor: "user:u", ActorName: "U", Step: "hand_over", Detail: ""}
	b := db.AddReportStepParams{ID: "s1", ReportID: "r", At: 2, Actor: "user:u", ActorName: "U", Step: "reference", Detail: "U-1"}
	s.ok(s.q.AddReportStep(s.ctx, b), s.q.AddReportStep(s.ctx, a))
	same(s, "steps by time", []db.ReportStep{db.ReportStep(a), db.ReportStep(b)})(s.q.ReportSteps(s.ctx, "r"))

	none[db.Schema](s, "no schema seen")(s.q.Schema(s.ctx, "ncmec"))
	s.ok(s.q.PutSchema(s.ctx, db.PutSchemaParams{Authority: "ncmec", Digest: "a", SeenAt: 1, ChangedAt: 1}),
		s.q.PutSchema(s.ctx, db.PutSchemaParams{Authority: "ncmec", Digest: "b", SeenAt: 3, ChangedAt: 2}))
	same(s, "schema", db.Schema{Authority: "ncmec", Digest: "b", SeenAt: 3, ChangedAt: 2})(s.q.Schema(s.ctx, "ncmec"))
}

func sameIDs(s *suite, name string, want []string) func([]db.Report, error) {
	return func(rows []db.Report, err error) {
		s.t.Helper()
		var got []string
		for _, r := range rows {
			got = append(got, r.ID)
		}
		same(s, name, want)(got, err)
	}
}
