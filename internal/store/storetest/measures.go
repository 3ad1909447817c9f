package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

func measuresGroup(s *suite) {
	same(s, "no profile", []db.MeasureProfile(nil))(s.q.MeasureProfiles(s.ctx, 1))
	a := db.MeasureProfile{ID: "a", Profile: "{}", At: 1, Actor: "user:u", ActorName: "Ü"}
	b := db.MeasureProfile{ID: "b", Profile: `{"x":1}`, At: 2, Actor: "user:u", ActorName: "Ü"}
	s.ok(s.q.AddMeasureProfile(s.ctx, db.AddMeasureProfileParams(b)), s.q.AddMeasureProfile(s.ctx, db.AddMeasureProfileParams(a)))
	s.refused("a version twice", s.q.AddMeasureProfile(s.ctx, db.AddMeasureProfileParams(a)))
	same(s, "the latest", []db.MeasureProfile{b})(s.q.MeasureProfiles(s.ctx, 1))
	same(s, "all", []db.MeasureProfile{b, a})(s.q.MeasureProfiles(s.ctx, 9))
	r := db.MeasureRecord{ID: "1", Code: "X 1", Status: "in_effect", EffectiveOn: "2026-01-01", ReviewOn: "2027-01-01", Responsible: "R", Justification: "J", Note: "N", Links: "[]", At: 1, Actor: "user:u", ActorName: "Ü"}
	later, other := r, r
	later.ID, later.At, later.Status = "2", 2, "alternative"
	other.ID, other.At, other.Code = "3", 3, "X 2"
	for _, x := range []db.MeasureRecord{other, later, r} {
		s.ok(s.q.AddMeasureRecord(s.ctx, db.AddMeasureRecordParams(x)))
	}
	same(s, "all records, in the order of time", []db.MeasureRecord{r, later, other})(s.q.MeasureRecords(s.ctx))
	same(s, "of one measure, the latest first", []db.MeasureRecord{later, r})(s.q.MeasureRecordsOf(s.ctx, "X 1", 9))
	same(s, "the latest of one", []db.MeasureRecord{later})(s.q.MeasureRecordsOf(s.ctx, "X 1", 1))
}

// countsGroup: what transparency and the evidence of measures count.
func countsGroup(s *suite) {
	s.newCase("c")
	same(s, "no canary", int64(0))(s.q.LastCanary(s.ctx, true))
	s.ok(s.q.CreateCase(s.ctx, db.CreateCaseParams{ID: "t", State: "open", Canary: true, OpenedAt: 70}))
	same(s, "the canary", int64(70))(s.q.LastCanary(s.ctx, true))
	s.newItem("i", "c")
	s.newItem("j", "c")
	for id, f := range map[string]db.AddFindingParams{"1": {ItemID: "i", ListName: "l", ListKind: "illegal"}, "2": {ItemID: "i", ListName: "l", ListKind: "illegal"},
		"3": {ItemID: "j", ListName: "m", ListKind: "harmful"}, "4": {ItemID: "j", ListName: "t", ListKind: "canary"}} {
		f.ID = id
		s.ok(s.q.AddFinding(s.ctx, f))
	}
	s.ok(s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "dec-r", CaseID: "c", At: 500, Outcome: "confirmed", Viewed: "[]"}),
		s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "d2", CaseID: "t", At: 500, Outcome: "confirmed", Viewed: "[]"}),
		s.q.AppendEntry(s.ctx, db.AppendEntryParams{ID: "l2", At: 300, Actor: "u", Action: "case.claim", Subject: "c"}),
		s.q.AppendEntry(s.ctx, db.AppendEntryParams{ID: "l1", At: 200, Actor: "u", Action: "case.claim", Subject: "c"}))
	same(s, "times", []db.DecisionTimesRow{{ID: "dec-r", Outcome: "confirmed", At: 500, OpenedAt: 100, Surface: "public", ClaimedAt: 200}})(s.q.DecisionTimes(s.ctx, 500, 501, false))
	same(s, "none before", []db.DecisionTimesRow(nil))(s.q.DecisionTimes(s.ctx, 0, 500, false))
	same(s, "a content counts once for a list", []db.FindingCountsRow{{ListKind: "canary", ListName: "t", N: 1}, {ListKind: "harmful", ListName: "m", N: 1}, {ListKind: "illegal", ListName: "l", N: 1}})(s.q.FindingCounts(s.ctx, 2, 3))
	same(s, "actions", []db.ActionCountsRow{{ListKind: "harmful", Verdict: "block", N: 1}, {ListKind: "illegal", Verdict: "block", N: 1}})(s.q.ActionCounts(s.ctx, 2, 3))
	same(s, "scans", []db.ScanCountsRow{{Scan: "scanned", Verdict: "block", N: 2}})(s.q.ScanCounts(s.ctx, 2, 3))
	same(s, "no scans", []db.ScanCountsRow(nil))(s.q.ScanCounts(s.ctx, 3, 9))
	same(s, "outcomes", []db.ListOutcomesRow{{ListKind: "harmful", ListName: "m", Outcome: "confirmed", N: 1}, {ListKind: "illegal", ListName: "l", Outcome: "confirmed", N: 1}})(s.q.ListOutcomes(s.ctx, 500, 501))
	s.newReport("r", "c", 600)
	s.ok(s.q.AddReportFile(s.ctx, db.AddReportFileParams{ReportID: "r", EvidenceID: "e"}))
	same(s, "filed", int64(1))(s.q.CarryReport(s.ctx, db.CarryReportParams{ID: "r", State: "draft", State_2: "filed", RemoteID: "9", Receipt: []byte{}, FiledAt: 900, UpdatedAt: 900}))
	same(s, "reports", []db.ReportsBetweenRow{{Authority: "ncmec", Environment: "standin", IncidentType: "t", N: 1, Files: 1}})(s.q.ReportsBetween(s.ctx, 900, 901))
	same(s, "filing", []db.FilingTimesRow{{Authority: "ncmec", FiledAt: 900, DecidedAt: 500, OpenedAt: 100}})(s.q.FilingTimes(s.ctx, 900, 901, false))
	same(s, "undone", int64(1))(s.q.UndoDecision(s.ctx, "dec-r", 950))
	same(s, "no outcomes of what was taken back", []db.ListOutcomesRow(nil))(s.q.ListOutcomes(s.ctx, 500, 501))

	same(s, "no evidence", db.CountEvidenceRow{})(s.q.CountEvidence(s.ctx))
	for _, id := range []string{"e1", "e2", "e3"} {
		s.ok(s.q.AddEvidence(s.ctx, db.AddEvidenceParams{ID: id, CaseID: "c", ItemID: "i", Role: "original", Header: []byte("h"), Blob: id}))
	}
	same(s, "evidence", db.CountEvidenceRow{Kept: 3})(s.q.CountEvidence(s.ctx))
	s.ok(s.q.AddView(s.ctx, db.AddViewParams{ID: "v", CaseID: "c", EvidenceID: "e1", At: 5}))
	same(s, "views", int64(1))(s.q.CountViewsSince(s.ctx, 5))
	same(s, "no views", int64(0))(s.q.CountViewsSince(s.ctx, 6))
	s.ok(s.q.SetClock(s.ctx, db.SetClockParams{ID: "k1", CaseID: "c", Law: "L", UntilAt: 7}), s.q.SetClock(s.ctx, db.SetClockParams{ID: "k2", CaseID: "c", Law: "L", UntilAt: 9}))
	same(s, "clocks", []db.CountClocksRow{{Law: "L", N: 2, Latest: 9}})(s.q.CountClocks(s.ctx))
	s.ok(s.q.CreateUser(s.ctx, db.CreateUserParams{ID: "u", Name: "U", Role: "admin"}))
	same(s, "people", []db.CountUsersByRoleRow{{Role: "admin", N: 1}})(s.q.CountUsersByRole(s.ctx))
	s.newItem("k", "t")
	same(s, "scans of another case too", []db.ScanCountsRow{{Scan: "scanned", Verdict: "block", N: 3}})(s.q.ScanCounts(s.ctx, 2, 3))
	same(s, "no URLs", int64(0))(s.q.CountItemsOfHash(s.ctx, "url"))
}

func statementsGroup(s *suite) {
	add := func(puid, cause string, next int64) int64 {
		n, err := s.q.AddStatement(s.ctx, db.AddStatementParams{Puid: puid, Cause: cause, CaseID: "c", State: "waiting", Body: "{}", Problems: "[]", NextAttemptAt: next, CreatedAt: next})
		s.ok(err)
		return n
	}
	if add("a", "x", 10) != 1 || add("b", "y", 20) != 1 || add("a2", "x", 5) != 0 {
		s.t.Error("a cause has one statement")
	}
	row := db.Statement{Puid: "a", Cause: "x", CaseID: "c", State: "waiting", Body: "{}", Problems: "[]", NextAttemptAt: 10, CreatedAt: 10}
	same(s, "statement", row)(s.q.Statement(s.ctx, "a"))
	none[db.Statement](s, "no statement")(s.q.Statement(s.ctx, "z"))
	same(s, "due", []db.Statement{row})(s.q.DueStatements(s.ctx, 10, 9))
	same(s, "leased", int64(1))(s.q.LeaseStatement(s.ctx, "a", 10, 100))
	same(s, "leased by another", int64(0))(s.q.LeaseStatement(s.ctx, "a", 10, 100))
	same(s, "withdrawn on its way", int64(0))(s.q.WithdrawStatement(s.ctx, "a", 11))
	same(s, "marked instead", int64(1))(s.q.UndoStatement(s.ctx, "a", 11))
	same(s, "marked once", int64(0))(s.q.UndoStatement(s.ctx, "a", 12))
	same(s, "delayed", int64(1))(s.q.DelayStatement(s.ctx, "a", 200, "no answer"))
	same(s, "delayed when not on its way", int64(0))(s.q.DelayStatement(s.ctx, "a", 200, ""))
	same(s, "leased again", int64(1))(s.q.LeaseStatement(s.ctx, "a", 200, 300))
	same(s, "refused", int64(1))(s.q.RefuseStatement(s.ctx, "a", `["p"]`))
	same(s, "retried", int64(1))(s.q.RetryStatement(s.ctx, "a", 250, `{"x":1}`))
	same(s, "filed", int64(1))(s.q.FileStatement(s.ctx, "a", "uuid", 260))
	same(s, "filed twice", int64(0))(s.q.FileStatement(s.ctx, "a", "other", 270))
	same(s, "retried when filed", int64(0))(s.q.RetryStatement(s.ctx, "a", 280, "{}"))
	row.State, row.Body, row.RemoteID, row.FiledAt, row.UndoneAt, row.Attempts, row.NextAttemptAt = "filed", `{"x":1}`, "uuid", 260, 11, 2, 250
	same(s, "in the end", row)(s.q.Statement(s.ctx, "a"))
	same(s, "withdrawn", int64(1))(s.q.WithdrawStatement(s.ctx, "b", 30))
	same(s, "counts", []db.CountStatementsRow{{State: "filed", N: 1}, {State: "withdrawn", N: 1}})(s.q.CountStatements(s.ctx))
	puid := func(r db.Statement) string { return r.Puid }
	same(s, "newest first", []string{"b", "a"})(ids(s.q.StatementsByState(s.ctx, db.StatementsByStateParams{CreatedAt: 99, Puid: "~", Limit: 9}))(puid))
	same(s, "of a state, after a place", []string{"a"})(ids(s.q.StatementsByState(s.ctx, db.StatementsByStateParams{State: "filed", CreatedAt: 20, Puid: "b", Limit: 9}))(puid))
}
