package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// queries is every generated query.
type queries = *db.Queries

func (s *suite) newCase(id string) db.CreateCaseParams {
	s.t.Helper()
	p := db.CreateCaseParams{ID: id, State: "open", Queue: "known", Priority: "P2", AccountID: "acct", Reason: "r", Surface: "public",
		Jurisdiction: "GB", OpenedAt: 100}
	s.ok(s.q.CreateCase(s.ctx, p))
	return p
}

func (s *suite) newItem(id, caseID string) db.AddItemParams {
	s.t.Helper()
	p := db.AddItemParams{ID: id, CaseID: caseID, ContentID: "content", AccountID: "acct", Surface: "public", Jurisdiction: "GB",
		Filename: "ф name.png", Url: "https://example.test/", Ip: "2001:db8::1", Port: 65535, ContentAt: 1, ReceivedAt: 2, Verdict: "block",
		Scan: "scanned", ScanReason: "", PolicyVersion: "v", Format: "png", Width: 3, Height: 4, Frames: 5, Size: math.MaxInt64,
		Sha256: "s2", Sha1: "s1", Md5: "m5", Pdq: "pd", DedupeKey: id}
	s.ok(s.q.AddItem(s.ctx, p))
	return p
}

func accounts(s *suite) {
	none[db.Account](s, "no account")(s.q.Account(s.ctx, "a"))
	s.ok(s.q.PutAccount(s.ctx, "a", `{"names":["Ä"]}`, 1), s.q.PutAccount(s.ctx, "b", "{}", 2), s.q.PutAccount(s.ctx, "a", "{}", 3))
	same(s, "updated", db.Account{ID: "a", Profile: "{}", UpdatedAt: 3})(s.q.Account(s.ctx, "a"))
	same(s, "untouched", db.Account{ID: "b", Profile: "{}", UpdatedAt: 2})(s.q.Account(s.ctx, "b"))
}

func casesGroup(s *suite) {
	p := s.newCase("c1")
	row := db.Case{ID: "c1", State: "open", Queue: "known", Priority: "P2", AccountID: "acct", Reason: "r", Surface: "public", Jurisdiction: "GB",
		Revision: 1, OpenedAt: 100, UpdatedAt: 100}
	same(s, "case", row)(s.q.CaseByID(s.ctx, "c1"))
	row.Revision, row.UpdatedAt = 2, 200
	same(s, "locked", row)(s.q.LockCase(s.ctx, "c1", 200))
	for range 2 { // the second finds the row of the first
		if err := s.q.LockCases(s.ctx, "account acct"); err != nil {
			s.t.Errorf("locking an account: %v", err)
		}
	}
	none[db.Case](s, "locking nothing")(s.q.LockCase(s.ctx, "c9", 200))
	same(s, "open case of the account", row)(s.q.OpenCaseOfAccount(s.ctx, "acct", false))
	none[db.Case](s, "canary case of the account")(s.q.OpenCaseOfAccount(s.ctx, "acct", true))
	p.ID, p.Canary, p.OpenedAt = "c0", true, 50
	s.ok(s.q.CreateCase(s.ctx, p))
	same(s, "canary is kept apart", db.Case{ID: "c0", State: "open", Queue: "known", Priority: "P2", AccountID: "acct", Reason: "r", Surface: "public",
		Jurisdiction: "GB", Canary: true, Revision: 1, OpenedAt: 50, UpdatedAt: 50})(s.q.OpenCaseOfAccount(s.ctx, "acct", true))
	p.ID, p.Canary, p.AccountID = "c2", false, ""
	s.ok(s.q.CreateCase(s.ctx, p))
	none[db.Case](s, "no account has no open case")(s.q.OpenCaseOfAccount(s.ctx, "", false))
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c1", State: "decided", Queue: "q", Priority: "P1", Reason: "x", AssignedTo: "u", LeaseUntil: 9, UpdatedAt: 10}))
	row.State, row.Queue, row.Priority, row.Reason, row.AssignedTo, row.LeaseUntil, row.UpdatedAt = "decided", "q", "P1", "x", "u", 9, 10
	same(s, "updated", row)(s.q.CaseByID(s.ctx, "c1"))
	none[db.Case](s, "decided is not open")(s.q.OpenCaseOfAccount(s.ctx, "acct", false))
	s.pages()
}

// pages walks the queue in pages of two, and claims from it.
func (s *suite) pages() {
	p := db.CreateCaseParams{State: "waiting", Queue: "a"}
	for i, x := range []struct {
		priority string
		at       int64
	}{{"P2", 5}, {"P1", 9}, {"P2", 5}, {"P3", 1}, {"P1", 2}, {"P2", 4}} {
		p.ID, p.Priority, p.OpenedAt = fmt.Sprintf("w%d", i), x.priority, x.at
		p.Queue = []string{"a", "b"}[i%2]
		s.ok(s.q.CreateCase(s.ctx, p))
	}
	walk := func(queue string) (all []string) {
		after := db.CasesByStateParams{State: "waiting", Queue: queue, Limit: 2}
		for {
			rows, err := s.q.CasesByState(s.ctx, after)
			s.ok(err)
			if len(rows) == 0 {
				return all
			}
			for _, c := range rows {
				all = append(all, c.ID)
				after.Priority, after.OpenedAt, after.ID = c.Priority, c.OpenedAt, c.ID
			}
		}
	}
	same(s, "all pages", []string{"w4", "w1", "w5", "w0", "w2", "w3"})(walk(""), nil)
	same(s, "pages of one queue", []string{"w1", "w5", "w3"})(walk("b"), nil)
	next := func(who string, now int64) (string, error) { c, err := s.q.NextCase(s.ctx, who, now); return c.ID, err }
	same(s, "next", "c0")(next("u", 1)) // c0 and c2 are open, P2, opened at 50
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c0", State: "open", Priority: "P2", AssignedTo: "u", LeaseUntil: 100}))
	same(s, "next for another", "c2")(next("v", 1))
	same(s, "own claim comes first", "c0")(next("u", 1))
	same(s, "a lease that ends now holds", "c2")(next("v", 100))
	same(s, "a lease has run out", "c0")(next("v", 101))
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c2", State: "open", Priority: "P1"}))
	counts, err := s.q.CountOpenCases(s.ctx)
	s.ok(err)
	got := map[string]db.CountOpenCasesRow{}
	for _, c := range counts {
		got[c.Priority] = c
	}
	same(s, "open cases", map[string]db.CountOpenCasesRow{"P1": {Priority: "P1", N: 1, Oldest: 50}, "P2": {Priority: "P2", N: 1, Oldest: 50}})(got, nil)
}

// itemRow is the row of an item that is no picture yet.
func itemRow(p db.AddItemParams) db.Item {
	return db.Item{ID: p.ID, CaseID: p.CaseID, ContentID: p.ContentID, AccountID: p.AccountID, Surface: p.Surface, Jurisdiction: p.Jurisdiction,
		Filename: p.Filename, Url: p.Url, Ip: p.Ip, Port: p.Port, ContentAt: p.ContentAt, ReceivedAt: p.ReceivedAt, Verdict: p.Verdict,
		Scan: p.Scan, ScanReason: p.ScanReason, PolicyVersion: p.PolicyVersion, Format: p.Format, Width: p.Width, Height: p.Height,
		Frames: p.Frames, Size: p.Size, Sha256: p.Sha256, Sha1: p.Sha1, Md5: p.Md5, Pdq: p.Pdq, DedupeKey: p.DedupeKey}
}

func items(s *suite) {
	s.newCase("c")
	s.newCase("d")
	p := s.newItem("i1", "c")
	row := itemRow(p)
	same(s, "by key", row)(s.q.ItemByDedupeKey(s.ctx, "i1"))
	none[db.Item](s, "no such key")(s.q.ItemByDedupeKey(s.ctx, "i9"))
	p.ID, p.ReceivedAt = "i0", 1
	s.refused("a second item of one key", s.q.AddItem(s.ctx, p))
	p.DedupeKey = "a\x01b"
	s.ok(s.q.AddItem(s.ctx, p))
	same(s, "items in order", []db.Item{itemRow(p), row})(s.q.ItemsOfCase(s.ctx, "c"))
	same(s, "count", int64(2))(s.q.CountItems(s.ctx, "c"))
	same(s, "count of none", int64(0))(s.q.CountItems(s.ctx, "d"))
	same(s, "counts", []db.ItemCountsRow{{CaseID: "c", N: 2}})(s.q.ItemCounts(s.ctx))
	f := db.AddFindingParams{ID: "f2", ItemID: "i1", Detector: "pdq/1", ListName: "l", ListKind: "illegal", Match: "near", Variant: "rotate90", Frame: 7, Distance: 31, SignalID: "sig"}
	g := f
	g.ID, g.ItemID = "f1", "i0"
	s.ok(s.q.AddFinding(s.ctx, f), s.q.AddFinding(s.ctx, g))
	same(s, "findings", []db.Finding{db.Finding(g), db.Finding(f)})(s.q.FindingsOfCase(s.ctx, "c"))
	same(s, "findings of none", []db.Finding(nil))(s.q.FindingsOfCase(s.ctx, "d"))
}

func decisions(s *suite) {
	s.newCase("c")
	p := db.AddDecisionParams{ID: "d2", CaseID: "c", DecidedBy: "u", DecidedName: "U", At: 5, Outcome: "confirmed", NcmecClass: "B2", UkClass: "C",
		IncidentType: "t", Reason: "r", Note: "n", Viewed: "[]"}
	s.ok(s.q.AddDecision(s.ctx, p))
	row := db.Decision{ID: "d2", CaseID: "c", DecidedBy: "u", DecidedName: "U", At: 5, Outcome: "confirmed", NcmecClass: "B2", UkClass: "C",
		IncidentType: "t", Reason: "r", Note: "n", Viewed: "[]"}
	same(s, "decision", row)(s.q.Decision(s.ctx, "d2"))
	none[db.Decision](s, "no decision")(s.q.Decision(s.ctx, "d9"))
	same(s, "undone", int64(1))(s.q.UndoDecision(s.ctx, "d2", 7))
	same(s, "undone twice", int64(0))(s.q.UndoDecision(s.ctx, "d2", 8))
	p.ID, p.At = "d1", 9
	s.ok(s.q.AddDecision(s.ctx, p))
	row.UndoneAt = 7
	later := row
	later.ID, later.At, later.UndoneAt = "d1", 9, 0
	same(s, "decisions by time", []db.Decision{row, later})(s.q.DecisionsOfCase(s.ctx, "c"))
}

func quotas(s *suite) {
	for i := range int64(3) {
		same(s, "used", i+1)(s.q.UseQuota(s.ctx, "2026-11-02", "q"))
	}
	same(s, "another day", int64(1))(s.q.UseQuota(s.ctx, "2026-11-03", "q"))
	same(s, "of a day", []db.Quota{{Day: "2026-11-02", Name: "q", Used: 3}})(s.q.QuotasOfDay(s.ctx, "2026-11-02"))
	p := db.SetIdempotentParams{Key: "k", Request: []byte{0, 255}, Status: 201, Response: []byte("{}"), CreatedAt: 5}
	same(s, "first", int64(1))(s.q.SetIdempotent(s.ctx, p))
	p.Response = []byte("other")
	same(s, "second loses", int64(0))(s.q.SetIdempotent(s.ctx, p))
	same(s, "answer", db.Idempotency{Key: "k", Request: []byte{0, 255}, Status: 201, Response: []byte("{}"), CreatedAt: 5})(s.q.Idempotent(s.ctx, "k"))
	same(s, "too young", int64(0))(s.q.ForgetIdempotent(s.ctx, 5))
	same(s, "forgotten", int64(1))(s.q.ForgetIdempotent(s.ctx, 6))
	none[db.Idempotency](s, "forgotten")(s.q.Idempotent(s.ctx, "k"))
}

func vaultGroup(s *suite) {
	s.newCase("c")
	s.newItem("i", "c")
	none[db.CaseKey](s, "no key")(s.q.CaseKey(s.ctx, "c"))
	s.ok(s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: "c", Recipient: "r", Wrapped: []byte{1, 0, 2}, CreatedAt: 1}))
	s.refused("a second key", s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: "c", Wrapped: []byte{3}}))
	same(s, "key", db.CaseKey{CaseID: "c", Recipient: "r", Wrapped: []byte{1, 0, 2}, CreatedAt: 1})(s.q.CaseKey(s.ctx, "c"))
	p := db.AddEvidenceParams{ID: "e1", CaseID: "c", ItemID: "i", Role: "original", MediaType: "image/png", Size: 4, Sha256: "s", Header: []byte("h"), Blob: "b", CreatedAt: 2}
	prev := p
	prev.ID, prev.Role = "e2", "preview"
	s.ok(s.q.AddEvidence(s.ctx, p), s.q.AddEvidence(s.ctx, prev))
	row := func(p db.AddEvidenceParams) db.Evidence {
		return db.Evidence{ID: p.ID, CaseID: p.CaseID, ItemID: p.ItemID, Role: p.Role, MediaType: p.MediaType, Size: p.Size, Sha256: p.Sha256,
			Header: p.Header, Blob: p.Blob, CreatedAt: p.CreatedAt}
	}
	same(s, "evidence", row(p))(s.q.Evidence(s.ctx, "e1"))
	none[db.Evidence](s, "no evidence")(s.q.Evidence(s.ctx, "e9"))
	same(s, "of the case", []db.Evidence{row(p), row(prev)})(s.q.EvidenceOfCase(s.ctx, "c"))
	same(s, "of the item", row(prev))(s.q.EvidenceOfItem(s.ctx, "i", "preview"))
	same(s, "all, paged", []db.Evidence{row(prev)})(s.q.AllEvidence(s.ctx, "e1", 5))
	same(s, "destroyed", int64(1))(s.q.DestroyEvidence(s.ctx, "e1", []byte{}, 9))
	same(s, "destroyed twice", int64(0))(s.q.DestroyEvidence(s.ctx, "e1", []byte{}, 10))
	gone := row(p)
	gone.Header, gone.DestroyedAt = nil, 9
	same(s, "without its header", gone)(s.q.Evidence(s.ctx, "e1"))
	same(s, "key destroyed", int64(1))(s.q.DestroyCaseKey(s.ctx, "c", []byte{}, 9))
	same(s, "key destroyed twice", int64(0))(s.q.DestroyCaseKey(s.ctx, "c", []byte{}, 10))
	same(s, "key is empty", db.CaseKey{CaseID: "c", Recipient: "r", CreatedAt: 1, DestroyedAt: 9})(s.q.CaseKey(s.ctx, "c"))
	v := db.AddViewParams{ID: "v2", CaseID: "c", EvidenceID: "e1", Viewer: "u", ViewerName: "U", Mode: "original", Reason: "r", At: 5}
	w := v
	w.ID, w.At = "v1", 6
	s.ok(s.q.AddView(s.ctx, w), s.q.AddView(s.ctx, v))
	same(s, "views by time", []db.View{db.View(v), db.View(w)})(s.q.ViewsOfCase(s.ctx, "c"))
	k := db.SetClockParams{ID: "k1", CaseID: "c", Law: "l", Basis: "b", UntilAt: 20, CreatedAt: 1}
	l := k
	l.ID, l.UntilAt = "k2", 10
	s.ok(s.q.SetClock(s.ctx, k), s.q.SetClock(s.ctx, l))
	same(s, "clocks by end", []db.Clock{db.Clock(l), db.Clock(k)})(s.q.ClocksOfCase(s.ctx, "c"))
}

func expiry(s *suite) {
	make := func(id, state string, until ...int64) {
		p := db.CreateCaseParams{ID: id, State: state}
		s.ok(s.q.CreateCase(s.ctx, p), s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: id, Wrapped: []byte{1}}))
		for i, u := range until {
			s.ok(s.q.SetClock(s.ctx, db.SetClockParams{ID: fmt.Sprint(id, i), CaseID: id, UntilAt: u}))
		}
	}
	make("a", "decided", 10, 20)
	make("b", "decided", 10)
	make("c", "open", 10)
	make("d", "decided")
	make("e", "decided", 10)
	s.ok(s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r", CaseID: "e", DecisionID: "d", State: "draft", Receipt: []byte{}}))
	same(s, "before any", []string(nil))(s.q.ExpiredCases(s.ctx, 9, ""))
	same(s, "some", []string{"b"})(s.q.ExpiredCases(s.ctx, 10, ""))
	same(s, "later", []string{"a", "b"})(s.q.ExpiredCases(s.ctx, 20, ""))
	same(s, "withdrawn", int64(1))(s.q.WithdrawReport(s.ctx, "r", 1))
	same(s, "with the report settled", []string{"a", "b", "e"})(s.q.ExpiredCases(s.ctx, 20, ""))
	same(s, "destroyed", int64(1))(s.q.DestroyCaseKey(s.ctx, "a", []byte{}, 5))
	same(s, "without the destroyed", []string{"b", "e"})(s.q.ExpiredCases(s.ctx, 20, ""))
}

func (s *suite) newReport(id, caseID string, created int64) db.Report {
	s.t.Helper()
	p := db.CreateReportParams{ID: id, CaseID: caseID, DecisionID: "dec-" + id, Authority: "ncmec", Environment: "standin", State: "draft",
		IncidentType: "t", Draft: "{}", Receipt: []byte{}, CreatedAt: created}
	s.ok(s.q.CreateReport(s.ctx, p))
	return db.Report{ID: id, CaseID: caseID, DecisionID: p.DecisionID, Authority: "ncmec", Environment: "standin", State: "draft", IncidentType: "t",
		Draft: "{}", Epoch: 1, CreatedAt: created, UpdatedAt: created}
}

func reports(s *suite) {
	s.newCase("c")
	row := s.newReport("r", "c", 1)
	same(s, "report", row)(s.q.Report(s.ctx, "r"))
	same(s, "locked report", row)(s.q.LockReport(s.ctx, "r"))
	none[db.Report](s, "locking no report")(s.q.LockReport(s.ctx, "x"))
	none[db.Report](s, "no report")(s.q.Report(s.ctx, "x"))
	same(s, "of the decision", []db.Report{row})(s.q.ReportsOfDecision(s.ctx, "dec-r"))
	s.refused("a second report of a decision", s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r2", CaseID: "c", DecisionID: "dec-r", Authority: "ncmec", Receipt: []byte{}}))
	same(s, "draft set", int64(1))(s.q.SetReportDraft(s.ctx, db.SetReportDraftParams{ID: "r", Draft: `{"a":1}`, IncidentType: "u", UpdatedAt: 2}))
	none[db.Report](s, "claiming a draft")(s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 3, LeaseUntil: 9}))
	same(s, "approved", int64(1))(s.q.ApproveReport(s.ctx, db.ApproveReportParams{ID: "r", ApprovedBy: "u", ApprovedName: "U", ApprovedAt: 3, Environment: "test", Draft: `{"a":1}`}))
	same(s, "approved twice", int64(0))(s.q.ApproveReport(s.ctx, db.ApproveReportParams{ID: "r"}))
	same(s, "draft set too late", int64(0))(s.q.SetReportDraft(s.ctx, db.SetReportDraftParams{ID: "r"}))
	row.State, row.Draft, row.IncidentType, row.ApprovedBy, row.ApprovedName, row.ApprovedAt, row.Environment = "approved", `{"a":1}`, "u", "u", "U", 3, "test"
	row.Epoch, row.LeaseUntil, row.UpdatedAt = 2, 9, 4
	same(s, "claimed", row)(s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 4, LeaseUntil: 9}))
	none[db.Report](s, "claimed by another")(s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 9, LeaseUntil: 20}))
	adv := db.AdvanceReportParams{ID: "r", Epoch: 2, State: "open", RemoteID: "900", Receipt: []byte{0, 1}, OpenedAt: 5, TouchedAt: 6, FiledAt: 0, UpdatedAt: 7, LeaseUntil: 12}
	same(s, "advanced", int64(1))(s.q.AdvanceReport(s.ctx, adv))
	row.State, row.RemoteID, row.Receipt, row.OpenedAt, row.TouchedAt, row.UpdatedAt, row.LeaseUntil = "open", "900", []byte{0, 1}, 5, 6, 7, 12
	same(s, "report", row)(s.q.Report(s.ctx, "r"))
	adv.Epoch = 1
	same(s, "advanced by the former holder", int64(0))(s.q.AdvanceReport(s.ctx, adv))
	same(s, "failed", int64(1))(s.q.ReportFailed(s.ctx, db.ReportFailedParams{ID: "r", Epoch: 2, LastError: "e", NextAttemptAt: 50, UpdatedAt: 8}))
	row.Attempts, row.LastError, row.NextAttemptAt, row.LeaseUntil, row.UpdatedAt = 1, "e", 50, 0, 8
	same(s, "unfinished", []db.Report{row})(s.q.UnfinishedReports(s.ctx, false))
	same(s, "withdrawn too late", int64(0))(s.q.WithdrawReport(s.ctx, "r", 9))
	_, err := s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 9, LeaseUntil: 99})
	s.ok(err, s.q.ReleaseReport(s.ctx, "r", 1)) // of a former epoch: nothing
	none[db.Report](s, "claimed by another")(s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 10, LeaseUntil: 99}))
	s.ok(s.q.ReleaseReport(s.ctx, "r", 3))
	_, err = s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 10, LeaseUntil: 99})
	s.ok(err, s.q.BreakReportLeases(s.ctx))
	_, err = s.q.ClaimReport(s.ctx, db.ClaimReportParams{ID: "r", UpdatedAt: 10, LeaseUntil: 99})
	s.ok(err)
	s.reportFiles()
}

func (s *suite) reportFiles() {
	s.ok(s.q.AddReportFile(s.ctx, db.AddReportFileParams{ReportID: "r", EvidenceID: "e2", Position: 0, Viewed: true, Md5: "m"}),
		s.q.AddReportFile(s.ctx, db.AddReportFileParams{ReportID: "r", EvidenceID: "e1", Position: 1}))
	s.refused("a file twice", s.q.AddReportFile(s.ctx, db.AddReportFileParams{ReportID: "r", EvidenceID: "e1", Position: 2}))
	s.ok(s.q.SetReportFile(s.ctx, db.SetReportFileParams{ReportID: "r", EvidenceID: "e1", Viewed: true, Md5: "x", RemoteFileID: "f", State: "described"}))
	same(s, "files", []db.ReportFile{{ReportID: "r", EvidenceID: "e2", Viewed: true, Md5: "m", State: "waiting"},
		{ReportID: "r", EvidenceID: "e1", Position: 1, Viewed: true, Md5: "x", RemoteFileID: "f", State: "described"}})(s.q.ReportFiles(s.ctx, "r"))
	s.ok(s.q.ForgetReportFiles(s.ctx, "r"))
	same(s, "files forgotten", []db.ReportFile{{ReportID: "r", EvidenceID: "e2", Viewed: true, Md5: "m", State: "waiting"},
		{ReportID: "r", EvidenceID: "e1", Position: 1, Viewed: true, Md5: "x", State: "waiting"}})(s.q.ReportFiles(s.ctx, "r"))
	p := db.AddExchangeParams{ID: "x2", ReportID: "r", At: 1, Operation: "submit", Request: []byte{}, HttpStatus: 200, Code: -1, RequestID: "q", Response: []byte{0xff, 0}, Error: ""}
	o := p
	o.ID, o.At = "x1", 2
	s.ok(s.q.AddExchange(s.ctx, o), s.q.AddExchange(s.ctx, p))
	same(s, "exchanges by time", []db.ReportExchange{db.ReportExchange(p), db.ReportExchange(o)})(s.q.ExchangesOfReport(s.ctx, "r"))
}

func reportPages(s *suite) {
	s.newCase("c")
	s.ok(s.q.CreateCase(s.ctx, db.CreateCaseParams{ID: "d", AccountID: "other"}))
	for i, at := range []int64{1, 3, 3, 2} {
		s.newReport(fmt.Sprintf("r%d", i), []string{"c", "d"}[i/3], at)
	}
	walk := func(state string) (all []string) {
		p := db.ReportsByStateParams{State: state, CreatedAt: math.MaxInt64, Limit: 2}
		for {
			rows, err := s.q.ReportsByState(s.ctx, p)
			s.ok(err)
			if len(rows) == 0 {
				return all
			}
			for _, r := range rows {
				all = append(all, r.ID)
				p.CreatedAt, p.ID = r.CreatedAt, r.ID
			}
		}
	}
	same(s, "newest first", []string{"r2", "r1", "r3", "r0"})(walk(""), nil)
	same(s, "withdrawn", int64(1))(s.q.WithdrawReport(s.ctx, "r1", 9))
	same(s, "drafts", []string{"r2", "r3", "r0"})(walk("draft"), nil)
	byID := func(r db.Report) string { return r.ID }
	same(s, "of a case", []string{"r0", "r1", "r2"})(ids(s.q.ReportsOfCase(s.ctx, "c"))(byID))
	for i, id := range []string{"r2", "r0", "r3"} {
		same(s, "filed", int64(1))(s.q.AdvanceReport(s.ctx, db.AdvanceReportParams{ID: id, Epoch: 1, State: "filed", RemoteID: id, Receipt: []byte{1}, FiledAt: int64(10 - i)}))
	}
	same(s, "filed on the account, by time", []string{"r0", "r2"})(ids(s.q.FiledReportsOfAccount(s.ctx, "acct", "ncmec", "standin"))(byID))
	same(s, "filed elsewhere", []string{})(ids(s.q.FiledReportsOfAccount(s.ctx, "acct", "ncmec", "production"))(byID))
	counts, err := s.q.CountReports(s.ctx)
	s.ok(err)
	got := map[string]int64{}
	for _, c := range counts {
		got[fmt.Sprint(c.State, c.Failing)] = c.N
	}
	same(s, "counts", map[string]int64{"filedfalse": 3, "withdrawnfalse": 1})(got, nil)
	same(s, "failing", int64(1))(s.q.ReportFailed(s.ctx, db.ReportFailedParams{ID: "r3", Epoch: 1, LastError: "e"}))
	if counts, err = s.q.CountReports(s.ctx); err != nil || len(counts) != 3 {
		s.t.Errorf("counts with a failing one: %+v (%v)", counts, err)
	}
}

func ledgerGroup(s *suite) {
	for _, id := range []string{"b", "a", "c"} {
		s.ok(s.q.AppendEntry(s.ctx, db.AppendEntryParams{ID: id, At: 1, Actor: "x", Action: "y", Subject: "s" + id[:0], Detail: "d"}))
	}
	row := func(id string, leaf int64) db.LedgerEntry {
		return db.LedgerEntry{ID: id, At: 1, Actor: "x", Action: "y", Subject: "s", Detail: "d", LeafIndex: leaf}
	}
	same(s, "pending", []db.LedgerEntry{row("a", -1), row("b", -1)})(s.q.PendingEntries(s.ctx, 2))
	same(s, "count", int64(3))(s.q.CountPendingEntries(s.ctx))
	same(s, "head", int64(0))(s.q.Head(s.ctx))
	same(s, "head locked", int64(0))(s.q.LockHead(s.ctx))
	s.ok(s.q.SealEntry(s.ctx, "b", 0), s.q.SealEntry(s.ctx, "a", 1), s.q.SetHead(s.ctx, 2))
	same(s, "head", int64(2))(s.q.Head(s.ctx))
	same(s, "sealed", []db.LedgerEntry{row("b", 0), row("a", 1)})(s.q.SealedEntries(s.ctx, 0, 10))
	same(s, "entry", row("c", -1))(s.q.Entry(s.ctx, "c"))
	same(s, "newest first", []db.LedgerEntry{row("b", 0), row("a", 1)})(s.q.Entries(s.ctx, "c", 10))
	same(s, "of a subject", []db.LedgerEntry{row("c", -1), row("b", 0)})(s.q.EntriesOfSubject(s.ctx, "s", "zz", 2))
	hash := bytes.Repeat([]byte{0, 0xff}, 16)
	s.ok(s.q.AddLedgerHash(s.ctx, 7, hash))
	s.refused("a hash twice", s.q.AddLedgerHash(s.ctx, 7, hash))
	same(s, "hash", hash)(s.q.LedgerHash(s.ctx, 7))
	none[[]byte](s, "no hash")(s.q.LedgerHash(s.ctx, 8))
	none[db.LedgerCheckpoint](s, "no checkpoint")(s.q.LatestCheckpoint(s.ctx))
	s.ok(s.q.AddCheckpoint(s.ctx, 2, "two\n", 5), s.q.AddCheckpoint(s.ctx, 10, "ten\n", 6))
	same(s, "latest", db.LedgerCheckpoint{Size: 10, Note: "ten\n", At: 6})(s.q.LatestCheckpoint(s.ctx))
	same(s, "since", []db.LedgerCheckpoint{{Size: 10, Note: "ten\n", At: 6}})(s.q.Checkpoints(s.ctx, 2, 5))
	same(s, "of a size", db.LedgerCheckpoint{Size: 2, Note: "two\n", At: 5})(s.q.CheckpointOf(s.ctx, 2))
	none[db.LedgerCheckpoint](s, "no checkpoint of a size")(s.q.CheckpointOf(s.ctx, 3))
	s.ok(s.q.AddLedgerHash(s.ctx, 9, hash), s.q.AddLedgerHash(s.ctx, 8, hash))
	same(s, "a run of hashes", []db.LedgerHash{{ID: 7, Hash: hash}, {ID: 8, Hash: hash}})(s.q.LedgerHashes(s.ctx, 7, 9))
	none[db.LedgerWitness](s, "no witness")(s.q.WitnessState(s.ctx, "w"))
	s.ok(s.q.PutWitness(s.ctx, db.PutWitnessParams{Witness: "w", Size: 1, At: 2, Failures: 3, LastError: "e", NextAt: 4}),
		s.q.PutWitness(s.ctx, db.PutWitnessParams{Witness: "w", Size: 5, At: 6, Failures: 0, LastError: "", NextAt: 0}))
	same(s, "witness", db.LedgerWitness{Witness: "w", Size: 5, At: 6})(s.q.WitnessState(s.ctx, "w"))
	for _, c := range []db.AddCosignatureParams{{Size: 2, Witness: "w", Line: "old", At: 1}, {Size: 2, Witness: "w", Line: "— w\n", At: 2}, {Size: 2, Witness: "v", Line: "— v\n", At: 3}, {Size: 10, Witness: "w", Line: "l", At: 4}} {
		s.ok(s.q.AddCosignature(s.ctx, c))
	}
	same(s, "cosignatures", []db.LedgerCosignature{{Size: 2, Witness: "v", Line: "— v\n", At: 3}, {Size: 2, Witness: "w", Line: "— w\n", At: 2}})(s.q.Cosignatures(s.ctx, 2))
	same(s, "cosigned", []db.CosignedSizesRow{{Size: 10, N: 1}, {Size: 2, N: 2}})(s.q.CosignedSizes(s.ctx))
}

func users(s *suite) {
	s.ok(s.q.CreateUser(s.ctx, db.CreateUserParams{ID: "u", Name: "Ü", Role: "admin", CreatedAt: 2}), s.q.CreateUser(s.ctx, db.CreateUserParams{ID: "v", CreatedAt: 1}))
	s.ok(s.q.SetUser(s.ctx, "u", "reviewer", 9))
	same(s, "user", db.User{ID: "u", Name: "Ü", Role: "reviewer", CreatedAt: 2, DisabledAt: 9})(s.q.User(s.ctx, "u"))
	none[db.User](s, "no user")(s.q.User(s.ctx, "x"))
	s.ok(s.q.AddPasskey(s.ctx, db.AddPasskeyParams{ID: "p", UserID: "u", Credential: "{}", CreatedAt: 3}), s.q.SetPasskey(s.ctx, "p", "{1}"))
	same(s, "passkey", db.Passkey{ID: "p", UserID: "u", Credential: "{1}", CreatedAt: 3})(s.q.Passkey(s.ctx, "p"))
	same(s, "passkeys", []db.Passkey{{ID: "p", UserID: "u", Credential: "{1}", CreatedAt: 3}})(s.q.PasskeysOfUser(s.ctx, "u"))
	same(s, "users", []db.UsersRow{{ID: "v", CreatedAt: 1}, {ID: "u", Name: "Ü", Role: "reviewer", CreatedAt: 2, DisabledAt: 9, Passkeys: 1}})(s.q.Users(s.ctx))
	s.refused("a passkey of nobody", s.q.AddPasskey(s.ctx, db.AddPasskeyParams{ID: "q", UserID: "none"}))
}

func keys(s *suite) {
	p := db.CreateKeyParams{ID: "k", Name: "n", Role: "service", Scopes: "a b", Hash: []byte{0, 1, 2}, CreatedBy: "cli", CreatedAt: 1}
	s.ok(s.q.CreateKey(s.ctx, p))
	p.ID = "l"
	s.refused("a second key of one hash", s.q.CreateKey(s.ctx, p))
	row := db.ApiKey{ID: "k", Name: "n", Role: "service", Scopes: "a b", Hash: []byte{0, 1, 2}, CreatedBy: "cli", CreatedAt: 1}
	same(s, "by hash", row)(s.q.KeyByHash(s.ctx, []byte{0, 1, 2}))
	none[db.ApiKey](s, "another hash")(s.q.KeyByHash(s.ctx, []byte{0, 1}))
	s.ok(s.q.TouchKey(s.ctx, "k", 7))
	same(s, "revoked", int64(1))(s.q.RevokeKey(s.ctx, "k", 8))
	same(s, "revoked twice", int64(0))(s.q.RevokeKey(s.ctx, "k", 9))
	row.LastUsedAt, row.RevokedAt = 7, 8
	same(s, "keys", []db.ApiKey{row})(s.q.Keys(s.ctx))
}

func sessions(s *suite) {
	s.ok(s.q.CreateUser(s.ctx, db.CreateUserParams{ID: "u", Name: "U", Role: "admin"}))
	link, other := []byte{1}, []byte{2}
	s.ok(s.q.CreateSignInLink(s.ctx, db.CreateSignInLinkParams{Hash: link, UserID: "u", CreatedAt: 1, ExpiresAt: 10}),
		s.q.CreateSignInLink(s.ctx, db.CreateSignInLinkParams{Hash: other, UserID: "u", CreatedAt: 1, ExpiresAt: 10}))
	same(s, "used", "u")(s.q.UseSignInLink(s.ctx, link, 9))
	none[string](s, "used twice")(s.q.UseSignInLink(s.ctx, link, 9))
	none[string](s, "expired")(s.q.UseSignInLink(s.ctx, other, 10))
	one, two := []byte("one"), []byte("two")
	s.ok(s.q.CreateSession(s.ctx, db.CreateSessionParams{Hash: one, UserID: "u", CreatedAt: 1, ExpiresAt: 10}),
		s.q.CreateSession(s.ctx, db.CreateSessionParams{Hash: two, UserID: "u", CreatedAt: 1, ExpiresAt: 10}), s.q.TouchSession(s.ctx, one, 5))
	same(s, "session", db.SessionByHashRow{Hash: one, UserID: "u", CreatedAt: 1, ExpiresAt: 10, SeenAt: 5, Name: "U", Role: "admin"})(s.q.SessionByHash(s.ctx, one))
	s.ok(s.q.DeleteSession(s.ctx, one))
	none[db.SessionByHashRow](s, "ended")(s.q.SessionByHash(s.ctx, one))
	s.ok(s.q.DeleteSessionsOfUser(s.ctx, "u"))
	none[db.SessionByHashRow](s, "ended with the others")(s.q.SessionByHash(s.ctx, two))
}

func webhooks(s *suite) {
	s.ok(s.q.CreateWebhook(s.ctx, db.CreateWebhookParams{ID: "h", Url: "https://example.test/", Secret: "x", Events: "a b", CreatedAt: 1}))
	hook := db.Webhook{ID: "h", Url: "https://example.test/", Secret: "x", Events: "a b", CreatedAt: 1}
	same(s, "hooks", []db.Webhook{hook})(s.q.Webhooks(s.ctx))
	add := func(id string, at, next int64) {
		s.ok(s.q.AddDelivery(s.ctx, db.AddDeliveryParams{ID: id, WebhookID: "h", EventID: "e", EventType: "t", Subject: "c", Body: "{}", NextAttemptAt: next, CreatedAt: at}))
	}
	add("d1", 1, 50)
	add("d2", 2, 10)
	add("d3", 2, 50)
	s.ok(s.q.DeliveryDone(s.ctx, "d1", 204, 9))
	s.ok(s.q.DeliveryFailed(s.ctx, db.DeliveryFailedParams{ID: "d3", State: "failing", LastStatus: 500, LastError: "e", NextAttemptAt: 60}))
	row := func(id string) db.Delivery {
		return db.Delivery{ID: id, WebhookID: "h", EventID: "e", EventType: "t", Subject: "c", Body: "{}", CreatedAt: 2, Attempts: 1}
	}
	done, failing, pending := row("d1"), row("d3"), row("d2")
	done.State, done.LastStatus, done.DeliveredAt, done.CreatedAt = "delivered", 204, 9, 1
	failing.State, failing.LastStatus, failing.LastError, failing.NextAttemptAt = "failing", 500, "e", 60
	pending.State, pending.NextAttemptAt, pending.Attempts = "pending", 10, 0
	same(s, "done", done)(s.q.Delivery(s.ctx, "d1"))
	same(s, "newest first", []db.Delivery{failing, pending})(s.q.Deliveries(s.ctx, math.MaxInt64, "", 2))
	same(s, "page", []db.Delivery{done})(s.q.Deliveries(s.ctx, 2, "d2", 2))
	same(s, "overdue", []string{"d2", "d3"})(s.q.OverdueDeliveries(s.ctx, 61))
	same(s, "overdue earlier", []string{"d2"})(s.q.OverdueDeliveries(s.ctx, 60))
	same(s, "not overdue", []string(nil))(s.q.OverdueDeliveries(s.ctx, 10))
	same(s, "already due", int64(0))(s.q.CancelDeliveries(s.ctx, "c", 10))
	same(s, "cancelled", int64(1))(s.q.CancelDeliveries(s.ctx, "c", 9))
	counts, err := s.q.CountDeliveries(s.ctx)
	s.ok(err)
	got := map[string]int64{}
	for _, c := range counts {
		got[c.State] = c.N
	}
	same(s, "counts", map[string]int64{"delivered": 1, "failing": 1, "cancelled": 1})(got, nil)
	same(s, "deleted", int64(1))(s.q.DeleteWebhook(s.ctx, "h", 5))
	same(s, "deleted twice", int64(0))(s.q.DeleteWebhook(s.ctx, "h", 6))
	same(s, "no hooks", []db.Webhook(nil))(s.q.Webhooks(s.ctx))
	hook.DeletedAt = 5
	same(s, "still there for its deliveries", hook)(s.q.Webhook(s.ctx, "h"))
}

// values carries awkward values through text, bytea, bigint and boolean.
func values(s *suite) {
	for i, text := range []string{"", " ", "'\"\\%_", "Ünïcödé ☃ 🌳", "line\nbreak\ttab", strings.Repeat("x", 1<<14), "NULL", "\u2028"} {
		id := fmt.Sprint("t", i)
		s.ok(s.q.PutAccount(s.ctx, id, text, int64(i)))
		same(s, "text", db.Account{ID: id, Profile: text, UpdatedAt: int64(i)})(s.q.Account(s.ctx, id))
	}
	for i, raw := range [][]byte{{}, {0}, {0xff, 0xfe, 0}, []byte("text"), bytes.Repeat([]byte{7, 0}, 1<<13)} {
		id := fmt.Sprint("b", i)
		same(s, "set", int64(1))(s.q.SetIdempotent(s.ctx, db.SetIdempotentParams{Key: id, Request: raw, Response: raw}))
		same(s, "bytea", db.Idempotency{Key: id, Request: raw, Response: raw})(s.q.Idempotent(s.ctx, id))
	}
	for i, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1} {
		id := fmt.Sprint("n", i)
		s.ok(s.q.PutAccount(s.ctx, id, "", n))
		same(s, "bigint", db.Account{ID: id, UpdatedAt: n})(s.q.Account(s.ctx, id))
	}
	at := store.Micros(store.Time(1793610000123456))
	if at != 1793610000123456 || !store.Time(0).IsZero() || store.Micros(store.Time(0)) != 0 {
		s.t.Errorf("times do not come back: %d", at)
	}
}

func constraints(s *suite) {
	s.newCase("c")
	s.refused("a case twice", s.q.CreateCase(s.ctx, db.CreateCaseParams{ID: "c"}))
	s.refused("an item of no case", s.q.AddItem(s.ctx, db.AddItemParams{ID: "i", CaseID: "none"}))
	s.refused("a finding of no item", s.q.AddFinding(s.ctx, db.AddFindingParams{ID: "f", ItemID: "none"}))
	s.refused("a decision on no case", s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "d", CaseID: "none"}))
	s.refused("a report on no case", s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r", CaseID: "none", Receipt: []byte{}}))
	s.refused("evidence of no case", s.q.AddEvidence(s.ctx, db.AddEvidenceParams{ID: "e", CaseID: "none", ItemID: "i", Header: []byte{1}}))
	s.refused("bytea that is nil", s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r", CaseID: "c"}))
	s.refused("a session of nobody", s.q.CreateSession(s.ctx, db.CreateSessionParams{Hash: []byte{1}, UserID: "none"}))
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := s.q.Head(ctx); err == nil {
		s.t.Error("a cancelled query answers")
	}
}
