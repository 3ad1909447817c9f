package storetest

import (
	"slices"

	"github.com/rowan-safety/rowan/internal/store/db"
)

func (s *suite) newExchange(id, name, list string) db.Exchange {
	s.t.Helper()
	p := db.CreateExchangeParams{ID: id, Name: name, Kind: "ncmec", ListID: list, Settings: "{}", Sealed: []byte{1, 0}, IntervalUs: 60, Enabled: true,
		NextAt: 10, CreatedAt: 5}
	s.ok(s.q.CreateExchange(s.ctx, p))
	return db.Exchange{ID: id, Name: name, Kind: "ncmec", ListID: list, Settings: "{}", Sealed: []byte{1, 0}, IntervalUs: 60, Enabled: true,
		NextAt: 10, CreatedAt: 5, UpdatedAt: 5}
}

func exchanges(s *suite) {
	s.newList("l1", "l1")
	s.newList("l2", "l2")
	b := s.newExchange("x2", "b", "l1")
	s.refused("a second exchange of a list", s.q.CreateExchange(s.ctx, db.CreateExchangeParams{ID: "x9", Name: "z", ListID: "l1", Sealed: []byte{}}))
	s.refused("a second exchange of a name", s.q.CreateExchange(s.ctx, db.CreateExchangeParams{ID: "x9", Name: "b", ListID: "l2", Sealed: []byte{}}))
	s.refused("an exchange of no list", s.q.CreateExchange(s.ctx, db.CreateExchangeParams{ID: "x9", Name: "z", ListID: "none", Sealed: []byte{}}))
	a := s.newExchange("x1", "a", "l2")
	none[[]byte](s, "no credentials of a kind")(s.q.ExchangeCredentials(s.ctx, "ncmec"))
	s.ok(s.q.PutExchangeCredentials(s.ctx, "ncmec", []byte{0, 1}, 1), s.q.PutExchangeCredentials(s.ctx, "tat", []byte{7}, 1),
		s.q.PutExchangeCredentials(s.ctx, "ncmec", []byte{2}, 2))
	same(s, "credentials of a kind", []byte{2})(s.q.ExchangeCredentials(s.ctx, "ncmec"))
	s.ok(s.q.DropExchangeCredentials(s.ctx, "ncmec"))
	none[[]byte](s, "dropped credentials")(s.q.ExchangeCredentials(s.ctx, "ncmec"))
	same(s, "credentials of another kind", []byte{7})(s.q.ExchangeCredentials(s.ctx, "tat"))
	same(s, "by id", b)(s.q.Exchange(s.ctx, "x2"))
	same(s, "by name", a)(s.q.ExchangeByName(s.ctx, "a"))
	same(s, "by list", b)(s.q.ExchangeOfList(s.ctx, "l1"))
	same(s, "all by name", []db.Exchange{a, b})(s.q.LiveExchanges(s.ctx))
	l, err := s.q.ExchangeList(s.ctx, "l1")
	same(s, "its list", "l1")(l.Name, err)
	same(s, "not due", []db.Exchange(nil))(s.q.DueExchanges(s.ctx, 9))
	same(s, "due", []db.Exchange{a, b})(s.q.DueExchanges(s.ctx, 10))
	s.ok(s.q.ScheduleExchange(s.ctx, "x1", 50))
	a.NextAt = 50
	same(s, "due later", []db.Exchange{b})(s.q.DueExchanges(s.ctx, 10))
	b.Epoch, b.LeaseUntil, b.LastStartedAt = 1, 30, 20
	same(s, "claimed", b)(s.q.ClaimExchange(s.ctx, "x2", 20, 30))
	none[db.Exchange](s, "claimed before its time")(s.q.ClaimExchange(s.ctx, "x1", 49, 60))
	none[db.Exchange](s, "claimed twice")(s.q.ClaimExchange(s.ctx, "x2", 30, 40))
	same(s, "nobody else's turn", []db.Exchange(nil))(s.q.DueExchanges(s.ctx, 30))
	adv := db.AdvanceExchangeParams{ID: "x2", Epoch: 1, Checkpoint: "c", Generation: 2, GuardLive: 3, GuardRemoved: 4, LeaseUntil: 35, Changes: 5, Removals: 6,
		Malformed: 7, Unknown: 8, Outdated: 9}
	same(s, "advanced", int64(1))(s.q.AdvanceExchange(s.ctx, adv))
	same(s, "advanced again", int64(1))(s.q.AdvanceExchange(s.ctx, adv))
	adv.Epoch = 0
	same(s, "by an old worker", int64(0))(s.q.AdvanceExchange(s.ctx, adv))
	b.Checkpoint, b.Generation, b.GuardLive, b.GuardRemoved, b.LeaseUntil, b.Pages = "c", 2, 3, 4, 35, 2
	b.Changes, b.Removals, b.Malformed, b.Unknown, b.Outdated = 10, 12, 14, 16, 18
	same(s, "counted", b)(s.q.Exchange(s.ctx, "x2"))
	fin := db.FinishExchangeParams{ID: "x2", Epoch: 1, NextAt: 90, Attempts: 2, LastSuccessAt: 80, LastError: "e", Held: 11, Allowed: 0, GuardLive: 3, GuardRemoved: 4}
	same(s, "finished", int64(1))(s.q.FinishExchange(s.ctx, fin))
	fin.Epoch = 7
	same(s, "by another worker", int64(0))(s.q.FinishExchange(s.ctx, fin))
	same(s, "allowed", int64(1))(s.q.AllowRemovals(s.ctx, "x2", 91))
	same(s, "allowed twice", int64(0))(s.q.AllowRemovals(s.ctx, "x2", 92))
	b.LeaseUntil, b.NextAt, b.Attempts, b.LastSuccessAt, b.LastError, b.Held, b.Allowed = 0, 91, 2, 80, "e", 0, 11
	same(s, "outcome", b)(s.q.Exchange(s.ctx, "x2"))
	s.ok(s.q.ChangeExchange(s.ctx, db.ChangeExchangeParams{ID: "x2", Settings: "{1}", Sealed: []byte{9}, IntervalUs: 61, Enabled: true, Feedback: true, UpdatedAt: 95}),
		s.q.RestartExchange(s.ctx, "x2", 96))
	b.Settings, b.Sealed, b.IntervalUs, b.Feedback, b.UpdatedAt = "{1}", []byte{9}, 61, true, 95
	b.Checkpoint, b.Epoch, b.GuardLive, b.GuardRemoved, b.Allowed, b.NextAt = "", 2, 0, 0, 0, 96
	same(s, "changed and begun again", b)(s.q.Exchange(s.ctx, "x2"))
	if _, err := s.q.ClaimExchange(s.ctx, "x2", 100, 200); err != nil {
		s.t.Fatal(err)
	}
	s.ok(s.q.BreakExchangeLeases(s.ctx))
	b.Epoch, b.LastStartedAt = 4, 100
	same(s, "freed", b)(s.q.Exchange(s.ctx, "x2"))
	s.ok(s.q.DeleteExchange(s.ctx, "x2", 300, []byte{}))
	none[db.Exchange](s, "deleted")(s.q.Exchange(s.ctx, "x2"))
	none[db.Exchange](s, "deleted, by list")(s.q.ExchangeOfList(s.ctx, "l1"))
	none[db.Exchange](s, "deleted, claimed")(s.q.ClaimExchange(s.ctx, "x2", 900, 901))
	s.newExchange("x3", "b", "l1") // name and list are free again
}

func entries(s *suite) {
	s.newList("l", "l")
	s.newExchange("x", "x", "l")
	none[db.ExchangeEntry](s, "no entry")(s.q.ExchangeEntry(s.ctx, "x", "k"))
	put := func(key string, stamp, generation int64, deleted bool) {
		s.t.Helper()
		s.ok(s.q.PutExchangeEntry(s.ctx, db.PutExchangeEntryParams{ExchangeID: "x", EntryKey: key, Stamp: stamp, Digest: "d", Deleted: deleted, Generation: generation}))
	}
	put("k2", 1, 1, false)
	put("k1", 1, 1, false)
	put("k3", 1, 1, true)
	put("k2", 2, 2, false)
	same(s, "updated", db.ExchangeEntry{ExchangeID: "x", EntryKey: "k2", Stamp: 2, Digest: "d", Generation: 2})(s.q.ExchangeEntry(s.ctx, "x", "k2"))
	same(s, "live", int64(2))(s.q.CountEntries(s.ctx, "x"))
	same(s, "unseen", int64(1))(s.q.CountUnseen(s.ctx, "x", 2))
	same(s, "unseen", []string{"k1"})(s.q.UnseenEntries(s.ctx, "x", 2, 5))
	same(s, "unseen, a page", []string{"k1"})(s.q.UnseenEntries(s.ctx, "x", 3, 1))
	same(s, "live, by key", []string{"k1", "k2"})(s.q.EntriesAfter(s.ctx, "x", "", 5))
	same(s, "live, a page", []string{"k2"})(s.q.EntriesAfter(s.ctx, "x", "k1", 1))
	s.ok(s.q.BuryEntry(s.ctx, "x", "k1"))
	same(s, "buried", db.ExchangeEntry{ExchangeID: "x", EntryKey: "k1", Stamp: 1, Deleted: true, Generation: 1})(s.q.ExchangeEntry(s.ctx, "x", "k1"))
	print := func(key, value string) db.AddPrintParams {
		return db.AddPrintParams{ExchangeID: "x", EntryKey: key, HashType: "md5", HashValue: value}
	}
	s.ok(s.q.AddPrint(s.ctx, print("k2", "b")), s.q.AddPrint(s.ctx, print("k2", "a")), s.q.AddPrint(s.ctx, print("k1", "a")))
	s.refused("a print twice", s.q.AddPrint(s.ctx, print("k2", "a")))
	s.refused("a print of no entry", s.q.AddPrint(s.ctx, print("none", "a")))
	same(s, "prints", []db.ExchangePrint{db.ExchangePrint(print("k2", "a")), db.ExchangePrint(print("k2", "b"))})(s.q.EntryPrints(s.ctx, "x", "k2"))
	holders, err := s.q.PrintHolders(s.ctx, "x", "md5", "a")
	slices.Sort(holders)
	same(s, "holders", []string{"k1", "k2"})(holders, err)
	s.ok(s.q.DropPrint(s.ctx, db.DropPrintParams(print("k1", "a"))))
	same(s, "holders left", []string{"k2"})(s.q.PrintHolders(s.ctx, "x", "md5", "a"))
	s.ok(s.q.AddPrintBody(s.ctx, "d", []byte{0, 1}), s.q.AddPrintBody(s.ctx, "d", []byte{2}))
	same(s, "body", []byte{0, 1})(s.q.PrintBody(s.ctx, "d"))
	none[[]byte](s, "no body")(s.q.PrintBody(s.ctx, "e"))
	if _, err := s.q.AddSignal(s.ctx, db.AddSignalParams{ID: "s1", ListID: "l", HashType: "md5", HashValue: "a", AddedVersion: 1}); err != nil {
		s.t.Fatal(err)
	}
	sig := db.Signal{ID: "s1", ListID: "l", HashType: "md5", HashValue: "a", AddedVersion: 1}
	same(s, "signal of a print", sig)(s.q.SignalOfPrint(s.ctx, "l", "md5", "a"))
	same(s, "signal", sig)(s.q.ExchangeSignal(s.ctx, "s1"))
	same(s, "removed", int64(1))(s.q.RemoveSignal(s.ctx, "s1", "l", 2))
	none[db.Signal](s, "removed")(s.q.SignalOfPrint(s.ctx, "l", "md5", "a"))
}

func votes(s *suite) {
	s.newList("l", "l")
	x := s.newExchange("x", "x", "l")
	put := func(id, entry string, yes bool, caseID string, next int64) (int64, error) {
		return s.q.PutVote(s.ctx, db.PutVoteParams{ID: id, ExchangeID: "x", EntryKey: entry, HashType: "md5", HashValue: "a", Affirmative: yes, CaseID: caseID, NextAt: next, CreatedAt: 1})
	}
	same(s, "noted", int64(1))(put("v1", "k1", true, "c1", 10))
	same(s, "the same again", int64(0))(put("v2", "k1", true, "c2", 11))
	same(s, "another entry", int64(1))(put("v3", "k2", true, "c1", 12))
	same(s, "feedback is off", []db.ExchangeVote(nil))(s.q.DueVotes(s.ctx, 99, 9))
	s.ok(s.q.ChangeExchange(s.ctx, db.ChangeExchangeParams{ID: "x", Settings: x.Settings, Sealed: x.Sealed, Enabled: true, Feedback: true}))
	v1 := db.ExchangeVote{ID: "v1", ExchangeID: "x", EntryKey: "k1", HashType: "md5", HashValue: "a", Affirmative: true, CaseID: "c1", State: "waiting", NextAt: 10, CreatedAt: 1}
	v3 := v1
	v3.ID, v3.EntryKey, v3.NextAt = "v3", "k2", 12
	same(s, "due", []db.ExchangeVote{v1, v3})(s.q.DueVotes(s.ctx, 12, 9))
	same(s, "due, a page", []db.ExchangeVote{v1})(s.q.DueVotes(s.ctx, 12, 1))
	v1.Attempts, v1.NextAt = 1, 70
	same(s, "claimed", v1)(s.q.ClaimVote(s.ctx, "v1", 12, 70))
	none[db.ExchangeVote](s, "claimed twice")(s.q.ClaimVote(s.ctx, "v1", 12, 70))
	same(s, "failed, by another", int64(0))(s.q.VoteFailed(s.ctx, db.VoteFailedParams{ID: "v1", Attempts: 9, State: "waiting", NextAt: 1}))
	same(s, "failed", int64(1))(s.q.VoteFailed(s.ctx, db.VoteFailedParams{ID: "v1", Attempts: 1, State: "waiting", NextAt: 20, LastError: "e"}))
	if _, err := s.q.ClaimVote(s.ctx, "v1", 20, 80); err != nil {
		s.t.Fatal(err)
	}
	same(s, "sent, by an old worker", int64(0))(s.q.VoteSent(s.ctx, "v1", 1, 30))
	same(s, "sent", int64(1))(s.q.VoteSent(s.ctx, "v1", 2, 30))
	same(s, "counts", []db.CountVotesRow{{ExchangeID: "x", State: "sent", N: 1}, {ExchangeID: "x", State: "waiting", N: 1}})(s.q.CountVotes(s.ctx))
	same(s, "withdrawn before sending", int64(1))(s.q.WithdrawVotes(s.ctx, "c1"))
	same(s, "the same again after sending", int64(0))(put("v4", "k1", true, "c3", 11))
	same(s, "another judgement", int64(1))(put("v5", "k1", false, "c3", 40))
	v1.Affirmative, v1.CaseID, v1.State, v1.Attempts, v1.NextAt, v1.SentAt = false, "c3", "waiting", 0, 40, 30
	same(s, "waits again", []db.ExchangeVote{v1})(s.q.DueVotes(s.ctx, 40, 9))
}
