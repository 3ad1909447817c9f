package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// holds covers holds and what they keep.
func holds(s *suite) {
	s.newCase("c")
	row, err := s.q.LockCaseRow(s.ctx, "c")
	same(s, "locked without a revision", int64(1))(row.Revision, err)
	none[db.Case](s, "locking nothing")(s.q.LockCaseRow(s.ctx, "none"))
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c", State: "decided"}), s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: "c", Wrapped: []byte{1}}),
		s.q.SetClock(s.ctx, db.SetClockParams{ID: "k", CaseID: "c", UntilAt: 5, Keeps: "evidence"}),
		s.q.SetClock(s.ctx, db.SetClockParams{ID: "r", CaseID: "c", UntilAt: 500, Keeps: "record"}))
	same(s, "a clock of the record keeps no evidence", []string{"c"})(s.q.ExpiredCases(s.ctx, 10, ""))
	same(s, "after it", []string(nil))(s.q.ExpiredCases(s.ctx, 10, "c"))
	p := db.AddHoldParams{ID: "h1", CaseID: "c", Kind: "legal_hold", Reason: "r", Authority: "a", Reference: "f", PlacedBy: "u", PlacedName: "U", PlacedAt: 2}
	q := p
	q.ID, q.PlacedAt = "h2", 1
	s.ok(s.q.AddHold(s.ctx, p), s.q.AddHold(s.ctx, q))
	s.refused("a hold on no case", s.q.AddHold(s.ctx, db.AddHoldParams{ID: "h3", CaseID: "none"}))
	hold := func(p db.AddHoldParams) db.Hold {
		return db.Hold{ID: p.ID, CaseID: p.CaseID, Kind: p.Kind, Reason: p.Reason, Authority: p.Authority, Reference: p.Reference, PlacedBy: p.PlacedBy,
			PlacedName: p.PlacedName, PlacedAt: p.PlacedAt}
	}
	h1, h2 := hold(p), hold(q)
	same(s, "hold", h1)(s.q.Hold(s.ctx, "h1"))
	none[db.Hold](s, "no hold")(s.q.Hold(s.ctx, "h9"))
	same(s, "held", []string(nil))(s.q.ExpiredCases(s.ctx, 10, ""))
	same(s, "released unasked", int64(0))(s.q.ReleaseHold(s.ctx, db.ReleaseHoldParams{ID: "h1", ReleasedBy: "v", ReleasedAt: 9}))
	same(s, "asked", int64(1))(s.q.AskRelease(s.ctx, db.AskReleaseParams{ID: "h1", AskedBy: "u", AskedName: "U", AskedAt: 3, AskedReason: "x"}))
	same(s, "released by the same", int64(0))(s.q.ReleaseHold(s.ctx, db.ReleaseHoldParams{ID: "h1", ReleasedBy: "u", ReleasedAt: 9}))
	same(s, "released", int64(1))(s.q.ReleaseHold(s.ctx, db.ReleaseHoldParams{ID: "h1", ReleasedBy: "v", ReleasedName: "V", ReleasedAt: 9}))
	same(s, "released twice", int64(0))(s.q.ReleaseHold(s.ctx, db.ReleaseHoldParams{ID: "h1", ReleasedBy: "w", ReleasedAt: 9}))
	same(s, "asked too late", int64(0))(s.q.AskRelease(s.ctx, db.AskReleaseParams{ID: "h1", AskedBy: "u", AskedAt: 3}))
	h1.AskedBy, h1.AskedName, h1.AskedAt, h1.AskedReason, h1.ReleasedBy, h1.ReleasedName, h1.ReleasedAt = "u", "U", 3, "x", "v", "V", 9
	same(s, "of the case, by time", []db.Hold{h2, h1})(s.q.HoldsOfCase(s.ctx, "c"))
	same(s, "running", []db.Hold{h2})(s.q.HoldsRunning(s.ctx))
	same(s, "asked", int64(1))(s.q.AskRelease(s.ctx, db.AskReleaseParams{ID: "h2", AskedBy: "u", AskedAt: 3}))
	same(s, "released", int64(1))(s.q.ReleaseHold(s.ctx, db.ReleaseHoldParams{ID: "h2", ReleasedBy: "v", ReleasedAt: 9}))
	same(s, "released all", []string{"c"})(s.q.ExpiredCases(s.ctx, 10, ""))

	none[string](s, "no key")(s.q.KeyMaker(s.ctx, "k"))
	s.ok(s.q.CreateKey(s.ctx, db.CreateKeyParams{ID: "k", Hash: []byte{1}, CreatedBy: "user:u"}))
	same(s, "maker", "user:u")(s.q.KeyMaker(s.ctx, "k"))
	s.ok(s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r1", CaseID: "c", DecisionID: "d", State: "draft", Draft: "{}", Receipt: []byte{}}),
		s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r2", CaseID: "c", DecisionID: "d2", State: "filed", Draft: "{}", Receipt: []byte{}}))
	sameIDs(s, "unfinished", []string{"r1"})(s.q.UnfinishedReportsOfCase(s.ctx, "c"))
}

// destruction covers what proves a destruction, and the destroyer's clock.
func destruction(s *suite) {
	for _, id := range []string{"c", "d"} {
		s.newCase(id)
		s.ok(s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: id, Wrapped: []byte{1}}))
	}
	s.newItem("i", "c")
	s.newItem("j", "d")
	for _, e := range []struct{ id, caseID, itemID string }{{"e1", "c", "i"}, {"e2", "c", "i"}, {"e3", "d", "j"}} {
		s.ok(s.q.AddEvidence(s.ctx, db.AddEvidenceParams{ID: e.id, CaseID: e.caseID, ItemID: e.itemID, Role: "original", Header: []byte{1}, Blob: e.id}))
	}
	s.ok(s.q.BodyDeleted(s.ctx, "e1", 8))
	e, err := s.q.Evidence(s.ctx, "e1")
	same(s, "not marked while it is kept", int64(0))(e.DeletedAt, err)
	for _, id := range []string{"e1", "e2"} {
		same(s, "destroyed", int64(1))(s.q.DestroyEvidence(s.ctx, id, []byte{}, 7))
	}
	p := db.AddCertificateParams{ID: "x", CaseID: "c", At: 7, Actor: "system", Reason: "r", Pieces: 2, Bytes: 3, Roles: "{}", Clocks: "[]"}
	s.ok(s.q.AddCertificate(s.ctx, p))
	p.ID = "y"
	s.refused("a second certificate", s.q.AddCertificate(s.ctx, p))
	cert := db.Certificate{ID: "x", CaseID: "c", At: 7, Actor: "system", Reason: "r", Pieces: 2, Bytes: 3, Roles: "{}", Clocks: "[]"}
	same(s, "certificate", cert)(s.q.CertificateOfCase(s.ctx, "c"))
	none[db.Certificate](s, "no certificate")(s.q.CertificateOfCase(s.ctx, "d"))
	same(s, "certificates", []db.Certificate{cert})(s.q.Certificates(s.ctx, "", 5))
	id := func(e db.Evidence) string { return e.ID }
	same(s, "to delete", []string{"e1", "e2"})(ids(s.q.BodiesToDelete(s.ctx, "", 5))(id))
	same(s, "to delete, paged", []string{"e2"})(ids(s.q.BodiesToDelete(s.ctx, "e1", 5))(id))
	s.ok(s.q.BodyDeleted(s.ctx, "e1", 8))
	same(s, "one is still there", int64(0))(s.q.CloseCertificates(s.ctx, 9))
	s.ok(s.q.BodyDeleted(s.ctx, "e2", 8))
	same(s, "all are gone", int64(1))(s.q.CloseCertificates(s.ctx, 9))
	same(s, "closed once", int64(0))(s.q.CloseCertificates(s.ctx, 10))
	cert.DeletedAt = 9
	same(s, "closed", cert)(s.q.CertificateOfCase(s.ctx, "c"))
	same(s, "keys", []string{"d"})(ids(s.q.CaseKeys(s.ctx, "c", 5))(func(k db.CaseKey) string { return k.CaseID }))

	d := db.Destroyer{ID: 1, Epoch: 1}
	same(s, "at first", d)(s.q.Destroyer(s.ctx))
	s.ok(s.q.TrustTime(s.ctx, 20), s.q.TrustTime(s.ctx, 10))
	d.TrustedAt = 20
	same(s, "never back", d)(s.q.LockDestroyer(s.ctx))
	same(s, "not paused", int64(0))(s.q.ResumeDestroyer(s.ctx, 15))
	same(s, "paused", int64(1))(s.q.PauseDestroyer(s.ctx, 30, "why"))
	same(s, "paused once", int64(0))(s.q.PauseDestroyer(s.ctx, 31, "again"))
	d.PausedAt, d.Reason = 30, "why"
	same(s, "pause", d)(s.q.Destroyer(s.ctx))
	same(s, "resumed", int64(1))(s.q.ResumeDestroyer(s.ctx, 15))
	same(s, "a person may set it back", db.Destroyer{ID: 1, TrustedAt: 15, Epoch: 2})(s.q.Destroyer(s.ctx))

	for i, a := range []string{"a", "b", "c", "a"} {
		s.ok(s.q.AppendEntry(s.ctx, db.AppendEntryParams{ID: string(rune('1' + i)), Actor: "x", Action: a, Subject: "s"}))
	}
	actions := db.EntriesOfActionsParams{Action: "a", Action_2: "c", Action_3: "none", Action_4: "none", ID: "1", Limit: 5}
	same(s, "entries by action", []string{"3", "4"})(ids(s.q.EntriesOfActions(s.ctx, actions))(func(e db.LedgerEntry) string { return e.ID }))
	s.ok(s.q.AddView(s.ctx, db.AddViewParams{ID: "v", CaseID: "c", EvidenceID: "lost"}), s.q.AddView(s.ctx, db.AddViewParams{ID: "w", CaseID: "c", EvidenceID: "e1"}))
	same(s, "lost", []db.LostPiecesRow{{ID: "lost", SpokenOfBy: "a view"}})(s.q.LostPieces(s.ctx))
}

// relevant covers what is known of an account around an incident, and erasures.
func relevant(s *suite) {
	s.newCase("c")
	s.newItem("i", "c")
	w := db.AddRelevantWantParams{ID: "w", CaseID: "c", ItemID: "i", AccountID: "acct", FromAt: 1, ToAt: 2, AskedAt: 3, DueAt: 4}
	same(s, "asked", int64(1))(s.q.AddRelevantWant(s.ctx, w))
	same(s, "asked twice", int64(0))(s.q.AddRelevantWant(s.ctx, w))
	same(s, "wants", []db.RelevantWant{db.RelevantWant(w)})(s.q.RelevantWantsOfCase(s.ctx, "c"))
	s.ok(s.q.AddCaseKey(s.ctx, db.AddCaseKeyParams{CaseID: "c", Wrapped: []byte{1}}),
		s.q.AddEvidence(s.ctx, db.AddEvidenceParams{ID: "e", CaseID: "c", ItemID: "i", Role: "relevant", MediaType: "t", Size: 5, Sha256: "s", Header: []byte{1}, Blob: "e"}))
	d := db.AddRelevantDataParams{EvidenceID: "e", CaseID: "c", Kind: "chat_logs", FromAt: 1, ToAt: 2, GivenBy: "key:k", GivenAt: 9, Late: true}
	s.ok(s.q.AddRelevantData(s.ctx, d))
	same(s, "data", []db.RelevantDataOfCaseRow{{EvidenceID: "e", CaseID: "c", Kind: "chat_logs", FromAt: 1, ToAt: 2, GivenBy: "key:k", GivenAt: 9, Late: true,
		MediaType: "t", Size: 5, Sha256: "s"}})(s.q.RelevantDataOfCase(s.ctx, "c"))

	none[db.Erasure](s, "no request")(s.q.Erasure(s.ctx, "acct"))
	s.ok(s.q.AskErasure(s.ctx, "acct", "key:k", 5), s.q.AskErasure(s.ctx, "acct", "key:other", 6), s.q.AskErasure(s.ctx, "b", "key:k", 5))
	row := db.Erasure{AccountID: "acct", AskedBy: "key:k", AskedAt: 5}
	same(s, "the first", row)(s.q.Erasure(s.ctx, "acct"))
	same(s, "locked", row)(s.q.LockErasure(s.ctx, "acct"))
	account := func(e db.Erasure) string { return e.AccountID }
	same(s, "open", []string{"acct", "b"})(ids(s.q.OpenErasures(s.ctx, "", 5))(account))
	s.ok(s.q.CompleteErasure(s.ctx, "acct", 7))
	same(s, "open, paged", []string{"b"})(ids(s.q.OpenErasures(s.ctx, "", 5))(account))

	id := func(c db.Case) string { return c.ID }
	same(s, "cases", []string{"c"})(ids(s.q.CasesOfAccount(s.ctx, "acct"))(id))
	same(s, "of nobody", []string{})(ids(s.q.CasesOfAccount(s.ctx, ""))(id))
	s.ok(s.q.PutAccount(s.ctx, "acct", "{}", 1), s.q.AddRecent(s.ctx, db.AddRecentParams{ID: "1", AccountID: "acct"}))
	same(s, "profile", int64(1))(s.q.ForgetAccount(s.ctx, "acct"))
	same(s, "recents", int64(1))(s.q.ForgetRecentsOfAccount(s.ctx, "acct"))
	same(s, "wants of another", int64(0))(s.q.ForgetWants(s.ctx, "c", "other"))
	same(s, "wants forgotten", int64(1))(s.q.ForgetWants(s.ctx, "c", "acct"))
	same(s, "items of another", int64(0))(s.q.ForgetItems(s.ctx, "c", "other"))
	same(s, "items forgotten", int64(1))(s.q.ForgetItems(s.ctx, "c", "acct"))
	items, err := s.q.ItemsOfCase(s.ctx, "c")
	same(s, "what is left", "erased i ||||")(items[0].DedupeKey+" "+items[0].AccountID+"|"+items[0].Ip+"|"+items[0].Filename+"|"+items[0].Sha256+"|"+items[0].Pdq, err)
	same(s, "case forgotten", int64(1))(s.q.ForgetCaseAccount(s.ctx, "c", "acct"))
	same(s, "no case left", []string{})(ids(s.q.CasesOfAccount(s.ctx, "acct"))(id))
	s.ok(s.q.CreateReport(s.ctx, db.CreateReportParams{ID: "r", CaseID: "c", DecisionID: "d", State: "filed", Draft: `{"a":1}`, Receipt: []byte{}}),
		s.q.AddExchange(s.ctx, db.AddExchangeParams{ID: "x", ReportID: "r", Request: []byte("<a/>"), Response: []byte{}}))
	same(s, "report forgotten", int64(1))(s.q.ForgetReportContents(s.ctx, "c"))
	same(s, "report forgotten twice", int64(0))(s.q.ForgetReportContents(s.ctx, "c"))
	same(s, "requests forgotten", int64(1))(s.q.ForgetReportRequests(s.ctx, "c", []byte{}))
	same(s, "requests forgotten twice", int64(0))(s.q.ForgetReportRequests(s.ctx, "c", []byte{}))
}
