package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// newTakedown adds a notice.
func (s *suite) newTakedown(id, state string, received, due int64) db.Takedown {
	s.t.Helper()
	s.ok(s.q.AddTakedown(s.ctx, db.AddTakedownParams{ID: id, State: state, Law: "uk", AskedBy: "agent", UnderAge: "no", Signed: true, GoodFaith: false, Contact: []byte{1, 0, 2},
		Reference: "ref", ReceivedAt: received, RecordedAt: received + 1, OldReason: "o", DueAt: due, RecordedBy: "key:k"}))
	return db.Takedown{ID: id, State: state, Law: "uk", AskedBy: "agent", UnderAge: "no", Signed: true, Contact: []byte{1, 0, 2}, Reference: "ref", ReceivedAt: received,
		RecordedAt: received + 1, OldReason: "o", DueAt: due, RecordedBy: "key:k", UpdatedAt: received + 1}
}

// takedowns covers notices of intimate images.
func takedowns(s *suite) {
	one, two := s.newTakedown("t1", "open", 10, 100), s.newTakedown("t2", "open", 20, 90)
	same(s, "one", one)(s.q.Takedown(s.ctx, "t1"))
	none[db.Takedown](s, "none")(s.q.Takedown(s.ctx, "t9"))
	same(s, "locked", one)(s.q.LockTakedown(s.ctx, "t1"))
	none[db.Takedown](s, "locking nothing")(s.q.LockTakedown(s.ctx, "t9"))
	same(s, "the most urgent first", []db.Takedown{two, one})(s.q.TakedownsByDue(s.ctx, db.TakedownsByDueParams{Limit: 9}))
	same(s, "the second page", []db.Takedown{one})(s.q.TakedownsByDue(s.ctx, db.TakedownsByDueParams{State: "open", DueAt: 90, ID: "t2", Limit: 9}))
	same(s, "the newest first", []db.Takedown{two, one})(s.q.TakedownsNewest(s.ctx, db.TakedownsNewestParams{ReceivedAt: 20, ID: "t3", Limit: 9}))
	same(s, "newest of a state", []db.Takedown(nil))(s.q.TakedownsNewest(s.ctx, db.TakedownsNewestParams{State: "moved", ReceivedAt: 99, Limit: 9}))
	same(s, "between", []db.Takedown{one})(s.q.TakedownsBetween(s.ctx, 10, 20))
	same(s, "to warn", []db.Takedown{two})(s.q.TakedownsToWarn(s.ctx, 90))
	same(s, "overdue", []db.Takedown{two})(s.q.TakedownsOverdue(s.ctx, 91))
	same(s, "not yet over", []db.Takedown(nil))(s.q.TakedownsOverdue(s.ctx, 90))
	same(s, "late while it waits", int64(1))(s.q.CountLateTakedowns(s.ctx, 91, true))
	same(s, "warned", int64(1))(s.q.WarnTakedown(s.ctx, "t2", 5))
	same(s, "warned twice", int64(0))(s.q.WarnTakedown(s.ctx, "t2", 6))
	same(s, "alarmed", int64(1))(s.q.AlarmTakedown(s.ctx, "t2", 7))
	same(s, "alarmed twice", int64(0))(s.q.AlarmTakedown(s.ctx, "t2", 8))
	same(s, "nothing to warn", []db.Takedown(nil))(s.q.TakedownsToWarn(s.ctx, 90))
	same(s, "to search", []db.Takedown{one})(s.q.TakedownsToSearch(s.ctx, "", 5, 1))

	s.ok(s.q.SetTakedown(s.ctx, db.SetTakedownParams{ID: "t2", State: "removed", Outcome: "take_down", DecidedAt: 30, EndedAt: 95, Late: true, HeldAt: 25, CaseIds: "c d", UpdatedAt: 95}),
		s.q.SetTakedownListed(s.ctx, "t2", 30),
		s.q.TakedownSearched(s.ctx, db.TakedownSearchedParams{ID: "t2", SearchedTo: 34, Compared: 1, ExactOnly: 2, NotSearched: 3, KeptSince: 4, FullAt: 5}))
	two.State, two.Outcome, two.DecidedAt, two.EndedAt, two.Late, two.HeldAt, two.CaseIds, two.UpdatedAt = "removed", "take_down", 30, 95, true, 25, "c d", 95
	two.ListedAt, two.SearchedTo, two.Compared, two.ExactOnly, two.NotSearched, two.KeptSince, two.FullAt, two.WarnedAt, two.OverdueAt = 30, 34, 1, 2, 3, 4, 5, 5, 7
	same(s, "changed", two)(s.q.Takedown(s.ctx, "t2"))
	same(s, "what came before the list was in use", []db.Takedown{two})(s.q.TakedownsToSearch(s.ctx, "t1", 5, 9))
	same(s, "nothing comes any more", []db.Takedown(nil))(s.q.TakedownsToSearch(s.ctx, "t1", 4, 9))
	same(s, "waiting", []db.Takedown{one})(s.q.TakedownsByDue(s.ctx, db.TakedownsByDueParams{Limit: 9}))
	same(s, "ended late", int64(1))(s.q.CountLateTakedowns(s.ctx, 0, true))
	rows, err := s.q.CountTakedowns(s.ctx)
	by := map[string]int64{}
	for _, r := range rows {
		by[r.State] = r.N*1000 + r.Due
	}
	same(s, "counted", map[string]int64{"open": 1100, "removed": 1090})(by, err)
	same(s, "contacts to forget", []string{"t2"})(s.q.TakedownContactsToForget(s.ctx, []byte{}, 96))
	same(s, "not yet", []string(nil))(s.q.TakedownContactsToForget(s.ctx, []byte{}, 95))
	takedownParts(s)
	takedownJudgements(s)
	same(s, "forgotten", int64(1))(s.q.ForgetTakedownContact(s.ctx, "t2", []byte{}))
	same(s, "nothing to forget", []string(nil))(s.q.TakedownContactsToForget(s.ctx, []byte{}, 96))
}

// takedownParts covers contents and hashes.
func takedownParts(s *suite) {
	content := db.TakedownContent{ID: "c1", TakedownID: "t1", ContentID: "x", Relation: "similar", FoundAt: 3}
	add := func(c db.TakedownContent) (int64, error) {
		return s.q.AddTakedownContent(s.ctx, db.AddTakedownContentParams{ID: c.ID, TakedownID: c.TakedownID, ContentID: c.ContentID, Url: c.Url, Relation: c.Relation, Known: c.Known, LeftUp: c.LeftUp, FoundAt: c.FoundAt})
	}
	same(s, "added", int64(1))(add(content))
	same(s, "added twice", int64(0))(add(db.TakedownContent{ID: "c9", TakedownID: "t1", ContentID: "x", Relation: "same"}))
	first := db.TakedownContent{ID: "c2", TakedownID: "t1", Url: "https://example.test/", Relation: "reported", FoundAt: 9}
	same(s, "a url", int64(1))(add(first))
	_, err := add(db.TakedownContent{ID: "c3", TakedownID: "t9"})
	s.refused("a content of no notice", err)
	same(s, "known", int64(1))(s.q.KnowTakedownContent(s.ctx, "c2", true))
	same(s, "left up", int64(1))(s.q.LeaveTakedownContent(s.ctx, "c1", "t1", true))
	same(s, "left up for another", int64(0))(s.q.LeaveTakedownContent(s.ctx, "c1", "t2", true))
	same(s, "confirmed", int64(1))(s.q.ConfirmRemoval(s.ctx, db.ConfirmRemovalParams{ID: "c2", RemovedAt: 4, ConfirmedAt: 5, ConfirmedBy: "key:k"}))
	same(s, "confirmed twice", int64(0))(s.q.ConfirmRemoval(s.ctx, db.ConfirmRemovalParams{ID: "c2", RemovedAt: 6, ConfirmedAt: 7, ConfirmedBy: "key:k"}))
	content.LeftUp, first.Known, first.RemovedAt, first.ConfirmedAt, first.ConfirmedBy = true, true, 4, 5, "key:k"
	same(s, "what was reported first", []db.TakedownContent{first, content})(s.q.TakedownContents(s.ctx, "t1"))
	same(s, "none waits", int64(0))(s.q.CountUnconfirmedRemovals(s.ctx, true))
	s.ok(s.q.ResetRemovals(s.ctx, "t1"), s.q.SetTakedown(s.ctx, db.SetTakedownParams{ID: "t1", State: "decided"}))
	first.RemovedAt, first.ConfirmedAt, first.ConfirmedBy = 0, 0, ""
	same(s, "put back", []db.TakedownContent{first, content})(s.q.TakedownContents(s.ctx, "t1"))
	same(s, "one waits", int64(1))(s.q.CountUnconfirmedRemovals(s.ctx, false))

	hash := db.TakedownHash{TakedownID: "t1", HashType: "pdq", HashValue: "aa", Quality: -1, Turned: "bb"}
	p := db.AddTakedownHashParams{TakedownID: "t1", HashType: "pdq", HashValue: "aa", Quality: -1, Turned: "bb"}
	worse := p
	worse.Turned, p.Quality, hash.Quality = "", 70, 70
	other := p
	other.TakedownID = "t2"
	s.ok(s.q.AddTakedownHash(s.ctx, worse), s.q.AddTakedownHash(s.ctx, p), s.q.AddTakedownHash(s.ctx, worse), s.q.AddTakedownHash(s.ctx, other))
	s.ok(s.q.ListTakedownHash(s.ctx, db.ListTakedownHashParams{TakedownID: "t1", HashType: "pdq", HashValue: "aa", OnList: true}))
	hash.OnList = true
	same(s, "hashes", []db.TakedownHash{hash})(s.q.TakedownHashes(s.ctx, "t1"))
	same(s, "others", int64(1))(s.q.OthersWithHash(s.ctx, db.OthersWithHashParams{HashType: "pdq", HashValue: "aa", TakedownID: "t2", OnList: true}))
	same(s, "no others", int64(0))(s.q.OthersWithHash(s.ctx, db.OthersWithHashParams{HashType: "pdq", HashValue: "aa", TakedownID: "t1", OnList: true}))

	s.newCase("kase")
	item := s.newItem("i1", "kase")
	s.newItem("i2", "kase")
	got, err := s.q.ItemsOfContent(s.ctx, item.ContentID)
	same(s, "items of a content", 2)(len(got), err)
	got, err = s.q.ItemsAfter(s.ctx, "i1", 9)
	same(s, "items after", 1)(len(got), err)
	s.ok(s.q.AddRecent(s.ctx, db.AddRecentParams{ID: "r1", ContentID: "x", Turned: "tt"}))
	same(s, "uploads of a content", []db.Recent{{ID: "r1", ContentID: "x", Turned: "tt"}})(s.q.RecentsOfContent(s.ctx, "x"))
}

// takedownJudgements covers decisions and complaints.
func takedownJudgements(s *suite) {
	decide := func(id, notice, complaint, outcome, reason string, at int64) error {
		return s.q.AddTakedownDecision(s.ctx, db.AddTakedownDecisionParams{ID: id, TakedownID: notice, ComplaintID: complaint, Outcome: outcome, Reason: reason, Note: "n", DecidedBy: "u", DecidedName: "U", At: at})
	}
	s.ok(decide("d1", "t1", "", "refuse", "not_intimate_image", 1), decide("d2", "t2", "", "refuse", "not_intimate_image", 1), decide("d3", "t2", "p1", "take_down", "", 2))
	s.refused("decided twice", decide("d9", "t1", "", "take_down", "", 3))
	same(s, "decisions", []db.TakedownDecision{{ID: "d1", TakedownID: "t1", Outcome: "refuse", Reason: "not_intimate_image", Note: "n", DecidedBy: "u", DecidedName: "U", At: 1}})(s.q.TakedownDecisions(s.ctx, "t1"))
	s.ok(s.q.SetTakedown(s.ctx, db.SetTakedownParams{ID: "t1", State: "refused", Outcome: "refuse"}))
	same(s, "refusals that stand", []db.TakedownRefusalsBetweenRow{{Reason: "not_intimate_image", N: 1}})(s.q.TakedownRefusalsBetween(s.ctx, 0, 99))

	complain := func(id string) error {
		return s.q.AddTakedownComplaint(s.ctx, db.AddTakedownComplaintParams{ID: id, TakedownID: "t2", Party: "uploader", Text: "x", ReceivedAt: 1, RecordedAt: 2, RecordedBy: "k"})
	}
	s.ok(complain("p1"))
	s.refused("two complaints that wait", complain("p2"))
	want := db.TakedownComplaint{ID: "p1", TakedownID: "t2", Party: "uploader", Text: "x", ReceivedAt: 1, RecordedAt: 2, RecordedBy: "k"}
	same(s, "complaint", want)(s.q.TakedownComplaint(s.ctx, "p1", "t2"))
	none[db.TakedownComplaint](s, "of another")(s.q.TakedownComplaint(s.ctx, "p1", "t1"))
	same(s, "one waits", int64(1))(s.q.CountOpenTakedownComplaints(s.ctx))
	same(s, "its contact is kept", []string(nil))(s.q.TakedownContactsToForget(s.ctx, []byte{}, 96))
	j := db.JudgeTakedownComplaintParams{ID: "p1", Outcome: "upheld", Note: "n", DecidedBy: "v", DecidedName: "V", DecidedAt: 3}
	same(s, "judged", int64(1))(s.q.JudgeTakedownComplaint(s.ctx, j))
	same(s, "judged twice", int64(0))(s.q.JudgeTakedownComplaint(s.ctx, j))
	want.Outcome, want.Note, want.DecidedBy, want.DecidedName, want.DecidedAt = "upheld", "n", "v", "V", 3
	same(s, "complaints", []db.TakedownComplaint{want})(s.q.TakedownComplaints(s.ctx, "t2"))
	same(s, "none waits", int64(0))(s.q.CountOpenTakedownComplaints(s.ctx))
}
