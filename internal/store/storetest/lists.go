package storetest

import (
	"github.com/rowan-safety/rowan/internal/store/db"
)

func (s *suite) newList(id, name string) {
	s.t.Helper()
	s.ok(s.q.CreateList(s.ctx, db.CreateListParams{ID: id, Name: name, Kind: "illegal", Source: "src", Threshold: 31, Enabled: true, CreatedAt: 1}))
}

func lists(s *suite) {
	s.newList("l2", "b")
	s.newList("l1", "c")
	s.refused("a second live list of a name", s.q.CreateList(s.ctx, db.CreateListParams{ID: "l3", Name: "b"}))
	s.ok(s.q.DeleteList(s.ctx, "l2", 5))
	none[db.List](s, "deleted by name")(s.q.ListByName(s.ctx, "b"))
	s.ok(s.q.CreateList(s.ctx, db.CreateListParams{ID: "l4", Name: "b"})) // the name is free again
	row := func(id, name string) db.List {
		return db.List{ID: id, Name: name, Kind: "illegal", Source: "src", Threshold: 31, Enabled: true, CreatedAt: 1, UpdatedAt: 1, Ratio: 10000}
	}
	deleted, again := row("l2", "b"), db.List{ID: "l4", Name: "b", Ratio: 10000}
	deleted.DeletedAt = 5
	same(s, "all", []db.List{row("l1", "c"), deleted, again})(s.q.AllLists(s.ctx))
	same(s, "live", []db.List{again, row("l1", "c")})(s.q.LiveLists(s.ctx))
	s.ok(s.q.SetListOptions(s.ctx, db.SetListOptionsParams{ID: "l1", Threshold: 7, Ratio: 5, OffUntil: 99}))
	s.ok(s.q.SetRetroVersion(s.ctx, "l1", 3), s.q.SetRetroVersion(s.ctx, "l1", 2)) // never back
	off := row("l1", "c")
	off.Enabled, off.Threshold, off.Ratio, off.OffUntil, off.RetroVersion = false, 7, 5, 99, 3
	same(s, "options", off)(s.q.ListByName(s.ctx, "c"))
	hold := func(now, held, until int64) (int64, error) {
		return s.q.HoldList(s.ctx, db.HoldListParams{ID: "l1", ImportingUntil: now, ImportingUntil_2: held, ImportingUntil_3: until})
	}
	same(s, "hold", int64(0))(hold(10, 0, 20))
	none[int64](s, "held by another")(hold(15, 0, 25))
	none[int64](s, "bump while held")(s.q.BumpList(s.ctx, "l1", 15, 0))
	same(s, "renew", int64(0))(hold(0, 20, 30))
	none[int64](s, "renew with an old hold")(hold(0, 20, 40))
	same(s, "publish", int64(1))(s.q.BumpList(s.ctx, "l1", 16, 30))
	same(s, "free again", int64(1))(hold(16, 0, 50))
	same(s, "taken over after the hold", int64(1))(hold(51, 0, 60))
	none[int64](s, "of a deleted list")(s.q.BumpList(s.ctx, "l2", 99, 0))
	none[int64](s, "hold of a deleted list")(s.q.HoldList(s.ctx, db.HoldListParams{ID: "l2", ImportingUntil: 99, ImportingUntil_3: 100}))
}

func scores(s *suite) {
	s.newList("l", "l")
	for _, id := range []string{"s1", "s2"} {
		_, err := s.q.AddSignal(s.ctx, db.AddSignalParams{ID: id, ListID: "l", HashType: "md5", HashValue: id, CreatedAt: 3})
		s.ok(err)
	}
	same(s, "first", db.SignalScore{SignalID: "s1", Seen: 1, FirstSeenAt: 10, LastSeenAt: 10, Hour: 7, HourSeen: 1})(s.q.CountSeen(s.ctx, "s1", 10, 7))
	same(s, "same hour", db.SignalScore{SignalID: "s1", Seen: 2, FirstSeenAt: 10, LastSeenAt: 11, Hour: 7, HourSeen: 2})(s.q.CountSeen(s.ctx, "s1", 11, 7))
	same(s, "next hour", db.SignalScore{SignalID: "s1", Seen: 3, FirstSeenAt: 10, LastSeenAt: 12, Hour: 8, HourSeen: 1})(s.q.CountSeen(s.ctx, "s1", 12, 8))
	s.ok(s.q.CountJudged(s.ctx, "s1", 2, 0), s.q.CountJudged(s.ctx, "s1", -1, 1), s.q.CountJudged(s.ctx, "s2", 0, 1))
	same(s, "quarantine", int64(1))(s.q.QuarantineSignal(s.ctx, "s1", 20))
	same(s, "twice", int64(0))(s.q.QuarantineSignal(s.ctx, "s1", 21))
	same(s, "quarantined", []string{"s1"})(s.q.QuarantinedSignals(s.ctx))
	row := db.SignalScore{SignalID: "s1", Seen: 3, Confirmed: 1, Refuted: 1, FirstSeenAt: 10, LastSeenAt: 12, Hour: 8, HourSeen: 1, QuarantinedAt: 20}
	same(s, "of a list", []db.SignalScore{row, {SignalID: "s2", Refuted: 1}})(s.q.ScoresOfSignals(s.ctx, "l", "", 5))
	same(s, "after the first", []db.SignalScore{{SignalID: "s2", Refuted: 1}})(s.q.ScoresOfSignals(s.ctx, "l", "s1", 5))
	same(s, "release", int64(1))(s.q.ReleaseSignal(s.ctx, "s1", 30))
	same(s, "released already", int64(0))(s.q.ReleaseSignal(s.ctx, "s1", 31))
	same(s, "nothing in quarantine", []string(nil))(s.q.QuarantinedSignals(s.ctx))
	same(s, "on its list", "s1")(s.q.SignalOnList(s.ctx, "s1", "l"))
	none[string](s, "on another")(s.q.SignalOnList(s.ctx, "s1", "m"))
}

func contents(s *suite) {
	s.newList("l", "l")
	add := func(id, value string, number int64) {
		_, err := s.q.AddSignal(s.ctx, db.AddSignalParams{ID: id, ListID: "l", HashType: "md5", HashValue: value, CreatedAt: 3, ContentNumber: number})
		s.ok(err)
	}
	add("s1", "a", 7)
	add("s2", "b", 7)
	add("s3", "c", 8)
	row := func(id, value string, number int64) db.Signal {
		return db.Signal{ID: id, ListID: "l", HashType: "md5", HashValue: value, CreatedAt: 3, ContentNumber: number}
	}
	same(s, "of one content", []db.Signal{row("s1", "a", 7), row("s2", "b", 7)})(s.q.SignalsOfContent(s.ctx, 7, "l"))
	same(s, "of another list", []db.Signal(nil))(s.q.SignalsOfContent(s.ctx, 7, "m"))
	same(s, "one signal", row("s3", "c", 8))(s.q.LiveSignal(s.ctx, "l", "md5", "c"))
	same(s, "by type", []db.SignalsByTypeRow{{HashType: "md5", N: 3, Newest: 3}})(s.q.SignalsByType(s.ctx))
	same(s, "removed", int64(2))(s.q.RemoveContentSignals(s.ctx, 7, "l", 2))
	same(s, "nothing left", []db.Signal(nil))(s.q.SignalsOfContent(s.ctx, 7, "l"))
	none[db.Signal](s, "gone")(s.q.LiveSignal(s.ctx, "l", "md5", "a"))
	none[db.Content](s, "nothing said")(s.q.Content(s.ctx, 7, "l"))
	s.ok(s.q.PutContent(s.ctx, db.PutContentParams{Number: 8, ListID: "l", Note: "n", Metadata: "{}", OffUntil: 50, UpdatedAt: 1}),
		s.q.PutContent(s.ctx, db.PutContentParams{Number: 8, ListID: "l", Note: "m", Metadata: "{}", OffUntil: 60, UpdatedAt: 2}))
	same(s, "said last", db.Content{Number: 8, ListID: "l", Note: "m", Metadata: "{}", OffUntil: 60, UpdatedAt: 2})(s.q.Content(s.ctx, 8, "l"))
	same(s, "off", []db.ContentsOffRow{{Number: 8, OffUntil: 60}})(s.q.ContentsOff(s.ctx, 59))
	same(s, "on again", []db.ContentsOffRow(nil))(s.q.ContentsOff(s.ctx, 60))
	s.ok(s.q.StampListVersion(s.ctx, "l", 3, "x"))
	same(s, "stamp", "x")(s.q.ListVersionStamp(s.ctx, "l", 3))
	none[string](s, "no such version")(s.q.ListVersionStamp(s.ctx, "l", 4))
	s.refused("a second stamp of a version", s.q.StampListVersion(s.ctx, "l", 3, "y"))
	s.ok(s.q.RenameList(s.ctx, "l", "new"))
	none[db.List](s, "old name")(s.q.ListByName(s.ctx, "l"))
}

func recents(s *suite) {
	p := db.AddRecentParams{ID: "r1", ContentID: "c", AccountID: "a", Surface: "public", Jurisdiction: "GB", Sha256: "s2", Sha1: "s1", Md5: "m", Pdq: "p", Quality: 90, SeenAt: 5, Prints: []byte{0, 1}, Size: 2}
	q := p
	q.ID, q.SeenAt, q.Prints = "r2", 6, nil
	s.ok(s.q.AddRecent(s.ctx, q), s.q.AddRecent(s.ctx, p))
	same(s, "in order", []db.Recent{db.Recent(p), db.Recent(q)})(s.q.RecentsAfter(s.ctx, "", 5))
	same(s, "a page", []db.Recent{db.Recent(q)})(s.q.RecentsAfter(s.ctx, "r1", 5))
	same(s, "their size", int64(4))(s.q.RecentsSize(s.ctx))
	same(s, "the oldest", []db.OldestRecentsRow{{ID: "r1", Size: 2}})(s.q.OldestRecents(s.ctx, 1))
	same(s, "too old", int64(1))(s.q.ForgetRecents(s.ctx, 6))
	same(s, "left", []db.Recent{db.Recent(q)})(s.q.RecentsAfter(s.ctx, "", 5))
	same(s, "none up to there", int64(0))(s.q.ForgetRecentsUpTo(s.ctx, "r1"))
	same(s, "up to the last", int64(1))(s.q.ForgetRecentsUpTo(s.ctx, "r2"))
	same(s, "the size of nothing", int64(0))(s.q.RecentsSize(s.ctx))
}

// before finds earlier decisions by file and by signal.
func before(s *suite) {
	for _, c := range []string{"c1", "c2", "c3", "c4"} {
		s.newCase(c)
	}
	item := func(id, caseID, sha, signal string) {
		p := db.AddItemParams{ID: id, CaseID: caseID, ContentID: id, Sha256: sha, DedupeKey: id}
		s.ok(s.q.AddItem(s.ctx, p), s.q.AddFinding(s.ctx, db.AddFindingParams{ID: "f" + id, ItemID: id, SignalID: signal}))
	}
	item("i1", "c1", "x", "s1")
	item("i2", "c2", "x", "s2")
	item("i3", "c3", "y", "s1")
	item("i4", "c4", "", "")
	for i, c := range []string{"c1", "c2", "c3", "c4"} {
		s.ok(s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "d" + c, CaseID: c, DecidedName: "N", At: int64(10 + i), Outcome: "confirmed", NcmecClass: "B2", Viewed: "[]"}))
	}
	row := func(item, caseID string, at int64, what string) db.DecidedBeforeRow {
		return db.DecidedBeforeRow{ItemID: item, CaseID: caseID, At: at, Outcome: "confirmed", NcmecClass: "B2", DecidedName: "N", Same: what}
	}
	same(s, "by signal and file", []db.DecidedBeforeRow{row("i3", "c3", 12, "signal"), row("i2", "c2", 11, "file")})(s.q.DecidedBefore(s.ctx, "c1", "x", "i1"))
	same(s, "nothing in common", []db.DecidedBeforeRow(nil))(s.q.DecidedBefore(s.ctx, "c4", "", "i4"))
	_, err := s.q.UndoDecision(s.ctx, "dc2", 50)
	s.ok(err)
	same(s, "undone", []db.DecidedBeforeRow{row("i3", "c3", 12, "signal")})(s.q.DecidedBefore(s.ctx, "c1", "x", "i1"))
}

func signals(s *suite) {
	s.newList("l", "l")
	add := func(id, value string, version int64) (int64, error) {
		return s.q.AddSignal(s.ctx, db.AddSignalParams{ID: id, ListID: "l", HashType: "md5", HashValue: value, Note: "n", Source: "s",
			Classification: "c", AddedVersion: version, CreatedAt: 3})
	}
	row := func(id, value string, added, removed int64) db.Signal {
		return db.Signal{ID: id, ListID: "l", HashType: "md5", HashValue: value, Note: "n", Source: "s", Classification: "c", AddedVersion: added, RemovedVersion: removed, CreatedAt: 3}
	}
	same(s, "added", int64(1))(add("s1", "aa", 1))
	same(s, "there already", int64(0))(add("s2", "aa", 2))
	same(s, "another", int64(1))(add("s3", "bb", 1))
	same(s, "staged only", []db.Signal(nil))(s.q.LiveSignals(s.ctx, "l", "", 10))
	same(s, "staged only", []db.CountSignalsRow(nil))(s.q.CountSignals(s.ctx))
	same(s, "bump", int64(1))(s.q.BumpList(s.ctx, "l", 1, 0))
	same(s, "live", []db.Signal{row("s1", "aa", 1, 0), row("s3", "bb", 1, 0)})(s.q.LiveSignals(s.ctx, "l", "", 10))
	same(s, "page", []db.Signal{row("s3", "bb", 1, 0)})(s.q.LiveSignals(s.ctx, "l", "s1", 1))
	same(s, "counted", []db.CountSignalsRow{{ListID: "l", HashType: "md5", N: 2}})(s.q.CountSignals(s.ctx))
	same(s, "removed", int64(1))(s.q.RemoveSignal(s.ctx, "s1", "l", 2))
	same(s, "removed twice", int64(0))(s.q.RemoveSignal(s.ctx, "s1", "l", 3))
	same(s, "removed from another list", int64(0))(s.q.RemoveSignal(s.ctx, "s3", "x", 3))
	same(s, "added again beside the removed", int64(1))(add("s4", "aa", 3))
	same(s, "first version", int64(1))(s.q.NextSignalVersion(s.ctx, "l", 0, 3))
	same(s, "next version", int64(3))(s.q.NextSignalVersion(s.ctx, "l", 1, 3))
	same(s, "no more", int64(0))(s.q.NextSignalVersion(s.ctx, "l", 1, 2))
	of := func(version int64, after string) ([]db.Signal, error) {
		return s.q.SignalsOfVersion(s.ctx, db.SignalsOfVersionParams{ListID: "l", AddedVersion: version, ID: after, Limit: 5})
	}
	same(s, "of a version", []db.Signal{row("s3", "bb", 1, 0)})(of(1, ""))
	same(s, "after the last", []db.Signal(nil))(of(1, "s3"))
	same(s, "of another", []db.Signal{row("s4", "aa", 3, 0)})(of(3, ""))
	ofType := func(after string) ([]db.Signal, error) {
		return s.q.SignalsOfType(s.ctx, db.SignalsOfTypeParams{ListID: "l", HashType: "md5", AddedVersion: 2, HashValue: after, Limit: 5})
	}
	same(s, "of a type, up to a version", []db.Signal{row("s3", "bb", 1, 0)})(ofType(""))
	same(s, "of a type, after the last", []db.Signal(nil))(ofType("bb"))
	same(s, "removed since", []db.Signal{row("s1", "aa", 1, 2)})(s.q.SignalsRemovedSince(s.ctx, "l", 1, 2))
	same(s, "removed later", []db.Signal(nil))(s.q.SignalsRemovedSince(s.ctx, "l", 2, 9))
	same(s, "dropped", int64(1))(s.q.DropStagedSignals(s.ctx, "l", 2))
	same(s, "nothing left to drop", int64(0))(s.q.DropStagedSignals(s.ctx, "l", 2))
	s.refused("a signal of no list", func() error {
		_, err := s.q.AddSignal(s.ctx, db.AddSignalParams{ID: "s9", ListID: "none", HashType: "md5", HashValue: "x"})
		return err
	}())
}
