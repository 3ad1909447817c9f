package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// requests are those of law enforcement; package disclosure has the rules.
func requests(s *suite) {
	s.newCase("c1")
	s.newCase("c2")
	c1, err := s.q.CaseByID(s.ctx, "c1")
	s.ok(err)
	s.ok(s.q.AddItem(s.ctx, db.AddItemParams{ID: "i2", CaseID: "c2", ContentID: "content", DedupeKey: "i2"}))
	add := func(id string, received, due int64, subjects ...string) {
		s.ok(s.q.AddRequest(s.ctx, db.AddRequestParams{ID: id, Authority: "A", Basis: "other", ReceivedAt: received, DueAt: due}))
		for i := 0; i < len(subjects); i += 2 {
			s.ok(s.q.AddRequestSubject(s.ctx, id, subjects[i], subjects[i+1]), s.q.AddRequestSubject(s.ctx, id, subjects[i], subjects[i+1]))
		}
	}
	add("q1", 1, 90, "case", "c1")
	add("q2", 2, 50, "account", c1.AccountID)
	add("q3", 3, 50, "content", "content", "account", "nobody")
	s.refused("a subject of no request", s.q.AddRequestSubject(s.ctx, "none", "case", "c1"))
	ids := func(rows []db.Request, err error) ([]string, error) {
		var out []string
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out, err
	}
	caseIDs := func(rows []db.Case, err error) ([]string, error) {
		var out []string
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out, err
	}
	same(s, "by time left", []string{"q2", "q3", "q1"})(ids(s.q.OpenRequests(s.ctx, 0, "", 5)))
	same(s, "a page", []string{"q3", "q1"})(ids(s.q.OpenRequests(s.ctx, 50, "q2", 5)))
	same(s, "late", db.CountOpenRequestsRow{N: 3, Overdue: 2})(s.q.CountOpenRequests(s.ctx, 51))
	same(s, "cases of a content", []string{"c2"})(caseIDs(s.q.CasesOfRequest(s.ctx, "q3")))
	same(s, "requests of an account", []string{"q2"})(s.q.OpenRequestsOfAccount(s.ctx, c1.AccountID))
	same(s, "requests of a case", []string{"q1", "q2"})(s.q.OpenRequestsOfCase(s.ctx, "c1", c1.AccountID))
	same(s, "requests of a case without account", []string{"q1"})(s.q.OpenRequestsOfCase(s.ctx, "c1", ""))
	same(s, "hastened", int64(1))(s.q.SetRequestDue(s.ctx, "q1", 80))
	same(s, "put off", int64(0))(s.q.SetRequestDue(s.ctx, "q1", 81))
	end := db.EndRequestParams{ID: "q2", State: "refused", EndedAt: 70, EndedBy: "u", EndedName: "U", EndedNote: "n"}
	same(s, "ended", int64(1))(s.q.EndRequest(s.ctx, end))
	same(s, "ended twice", int64(0))(s.q.EndRequest(s.ctx, end))
	same(s, "ended", []string{"q2"})(ids(s.q.EndedRequests(s.ctx, 99, "", 5)))
	same(s, "ended, after it", []string(nil))(ids(s.q.EndedRequests(s.ctx, 70, "q2", 5)))
	same(s, "an ended one keeps nothing", []string{"q1"})(s.q.OpenRequestsOfCase(s.ctx, "c1", c1.AccountID))
	same(s, "all of a case", []string{"q2", "q1"})(ids(s.q.RequestsOfCase(s.ctx, "c1", c1.AccountID)))
	same(s, "came in a time", []db.RequestsEndedRow{{Basis: "other", State: "refused", ReceivedAt: 2, DueAt: 50, EndedAt: 70}})(s.q.RequestsEnded(s.ctx, 2, 3))

	out := db.AddOutcomeParams{ID: "o1", RequestID: "q1", CaseID: "c1", Kind: "arrest", At: 5}
	s.ok(s.q.AddOutcome(s.ctx, out))
	out.ID, out.RequestID, out.ReportID, out.At = "o2", "", "r", 6
	s.ok(s.q.AddOutcome(s.ctx, out))
	out.ID, out.Kind, out.At = "o3", "charge", 4
	s.ok(s.q.AddOutcome(s.ctx, out))
	outcomes := func(rows []db.Outcome, err error) ([]string, error) {
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return ids, err
	}
	same(s, "of a case", []string{"o3", "o1", "o2"})(outcomes(s.q.OutcomesOfCase(s.ctx, "c1")))
	same(s, "of a request", []string{"o1"})(outcomes(s.q.OutcomesOfRequest(s.ctx, "q1")))
	same(s, "counted", []db.CountOutcomesRow{{Kind: "arrest", N: 2}, {Kind: "charge", N: 1}})(s.q.CountOutcomes(s.ctx, 4, 7))
	w := db.WithdrawOutcomeParams{ID: "o1", WithdrawnBy: "u", WithdrawnAt: 9}
	same(s, "withdrawn", int64(1))(s.q.WithdrawOutcome(s.ctx, w))
	got, err := s.q.OutcomeByID(s.ctx, "o1")
	s.ok(err)
	same(s, "outcome", "u")(got.WithdrawnBy, nil)
	same(s, "withdrawn twice", int64(0))(s.q.WithdrawOutcome(s.ctx, w))
	same(s, "counted no more", []db.CountOutcomesRow{{Kind: "arrest", N: 1}})(s.q.CountOutcomes(s.ctx, 5, 7))

	locked, err := s.q.LockRequest(s.ctx, "q1")
	s.ok(err)
	same(s, "locked", locked)(s.q.RequestByID(s.ctx, "q1"))
	none[db.Request](s, "no request")(s.q.LockRequest(s.ctx, "none"))
	same(s, "subjects", []db.RequestSubject{{RequestID: "q3", Kind: "account", SubjectID: "nobody"}, {RequestID: "q3", Kind: "content", SubjectID: "content"}})(s.q.SubjectsOfRequest(s.ctx, "q3"))

	s.ok(s.q.AddEvidence(s.ctx, db.AddEvidenceParams{ID: "e", CaseID: "c2", ItemID: "i2", Role: "disclosure", Header: []byte{1}, Blob: "e"}))
	for _, id := range []string{"d1", "d2"} {
		s.ok(s.q.AddDisclosure(s.ctx, db.AddDisclosureParams{ID: id, RequestID: "q3", CaseID: "c2", EvidenceID: "e", Sha256: "s", Size: 3, WithContent: true,
			PreparedBy: "u", PreparedName: "U", PreparedAt: 5}))
	}
	d := db.Disclosure{ID: "d1", RequestID: "q3", CaseID: "c2", EvidenceID: "e", Sha256: "s", Size: 3, WithContent: true, PreparedBy: "u", PreparedName: "U", PreparedAt: 5}
	same(s, "bundle", d)(s.q.DisclosureByID(s.ctx, "d1"))
	hand := db.HandDisclosureParams{ID: "d1", HandedBy: "h", HandedName: "H", HandedAt: 8, HandedTo: "t", HandedMeans: "m"}
	same(s, "handed over before it was approved", int64(0))(s.q.HandDisclosure(s.ctx, hand))
	same(s, "taken out before it was approved", int64(0))(s.q.TakeDisclosure(s.ctx, "d1", 6))
	approve := db.ApproveDisclosureParams{ID: "d1", ApprovedBy: "a", ApprovedName: "A", ApprovedAt: 6}
	same(s, "approved", int64(1))(s.q.ApproveDisclosure(s.ctx, approve))
	same(s, "approved twice", int64(0))(s.q.ApproveDisclosure(s.ctx, approve))
	same(s, "handed over before it was taken out", int64(0))(s.q.HandDisclosure(s.ctx, hand))
	same(s, "taken out", int64(1))(s.q.TakeDisclosure(s.ctx, "d1", 7))
	same(s, "taken out again", int64(1))(s.q.TakeDisclosure(s.ctx, "d1", 9))
	same(s, "handed over", int64(1))(s.q.HandDisclosure(s.ctx, hand))
	same(s, "handed over twice", int64(0))(s.q.HandDisclosure(s.ctx, hand))
	same(s, "taken out after that", int64(0))(s.q.TakeDisclosure(s.ctx, "d1", 10))
	same(s, "of the case", []db.HandOversOfCaseRow{{ID: "d1", Sha256: "s", HandedAt: 8, Authority: "A"}})(s.q.HandOversOfCase(s.ctx, "c2"))
	drop := db.DropDisclosureParams{ID: "d1", DroppedBy: "x", DroppedName: "X", DroppedAt: 9}
	same(s, "dropped after it was handed over", int64(0))(s.q.DropDisclosure(s.ctx, drop))
	d.ApprovedBy, d.ApprovedName, d.ApprovedAt, d.TakenAt = "a", "A", 6, 7
	d.HandedBy, d.HandedName, d.HandedAt, d.HandedTo, d.HandedMeans = "h", "H", 8, "t", "m"
	drop.ID, approve.ID = "d2", "d2"
	same(s, "dropped", int64(1))(s.q.DropDisclosure(s.ctx, drop))
	same(s, "approved after it was dropped", int64(0))(s.q.ApproveDisclosure(s.ctx, approve))
	e := d
	e.ID, e.ApprovedBy, e.ApprovedName, e.ApprovedAt, e.TakenAt = "d2", "", "", 0, 0
	e.HandedBy, e.HandedName, e.HandedAt, e.HandedTo, e.HandedMeans = "", "", 0, "", ""
	e.DroppedBy, e.DroppedName, e.DroppedAt = "x", "X", 9
	same(s, "bundles of a request", []db.Disclosure{d, e})(s.q.DisclosuresOfRequest(s.ctx, "q3"))
}
