package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// streamGroup covers the event stream's settings and partitions.
func streamGroup(s *suite) {
	none[db.StreamSetting](s, "no settings")(s.q.StreamSettings(s.ctx))
	none[db.StreamSetting](s, "locking none")(s.q.LockStreamSettings(s.ctx))
	p := db.InitStreamParams{StreamID: "str", Partitions: 2, KeyCheck: "k", CreatedAt: 5}
	s.ok(s.q.InitStream(s.ctx, p), s.q.InitStream(s.ctx, db.InitStreamParams{StreamID: "other", Partitions: 9}))
	set := db.StreamSetting{ID: 1, StreamID: "str", Partitions: 2, KeyCheck: "k", CreatedAt: 5}
	same(s, "the first to say", set)(s.q.LockStreamSettings(s.ctx))
	same(s, "placed", int64(1))(s.q.PlaceStream(s.ctx, 10))
	same(s, "placed twice", int64(0))(s.q.PlaceStream(s.ctx, 11))
	same(s, "trimmed back", int64(0))(s.q.TrimmedStream(s.ctx, 9))
	same(s, "trimmed", int64(1))(s.q.TrimmedStream(s.ctx, 20))
	same(s, "lost, as another process counted", int64(0))(s.q.LostFromStream(s.ctx, 3, 30, 10))
	same(s, "lost", int64(1))(s.q.LostFromStream(s.ctx, 3, 30, 20))
	set.Placed, set.TrimmedTo, set.Lost = true, 30, 3
	same(s, "settings", set)(s.q.StreamSettings(s.ctx))
	s.ok(s.q.RewindStream(s.ctx, 4), s.q.RebaseStream(s.ctx, db.RebaseStreamParams{StreamID: "new", Partitions: 3, KeyCheck: "l"}))
	set.StreamID, set.Partitions, set.KeyCheck, set.Placed, set.TrimmedTo = "new", 3, "l", false, 4
	same(s, "rebased", set)(s.q.StreamSettings(s.ctx))

	s.ok(s.q.InitPartition(s.ctx, 1, 7), s.q.InitPartition(s.ctx, 0, 7), s.q.InitPartition(s.ctx, 1, 8))
	zero, one := db.StreamPartition{Partition: 0, AppliedSeq: 7}, db.StreamPartition{Partition: 1, AppliedSeq: 7}
	same(s, "partitions", []db.StreamPartition{zero, one})(s.q.StreamPartitions(s.ctx))
	zero.Owner, zero.Epoch, zero.Beat = "w", 1, 1
	same(s, "claimed", zero)(s.q.ClaimPartition(s.ctx, db.ClaimPartitionParams{Partition: 0, Owner: "w"}))
	none[db.StreamPartition](s, "claimed by the slower")(s.q.ClaimPartition(s.ctx, db.ClaimPartitionParams{Partition: 0, Owner: "v"}))
	same(s, "renewed", int64(1))(s.q.RenewPartitions(s.ctx, "w"))
	none[db.StreamPartition](s, "claimed while its owner lives")(s.q.ClaimPartition(s.ctx, db.ClaimPartitionParams{Partition: 0, Owner: "v", Epoch: 1, Beat: 1}))
	next := db.AdvancePartitionParams{AppliedSeq: 9, AppliedAt: 3, Partition: 0, Owner: "w", Epoch: 1, AppliedSeq_2: 7}
	for name, wrong := range map[string]db.AdvancePartitionParams{"owner": {Owner: "v", Epoch: 1, AppliedSeq_2: 7}, "epoch": {Owner: "w", Epoch: 2, AppliedSeq_2: 7},
		"sequence": {Owner: "w", Epoch: 1, AppliedSeq_2: 8}, "partition": {Owner: "w", Epoch: 1, AppliedSeq_2: 7, Partition: 1}} {
		same(s, "advanced with another "+name, int64(0))(s.q.AdvancePartition(s.ctx, wrong))
	}
	same(s, "advanced", int64(1))(s.q.AdvancePartition(s.ctx, next))
	zero.Beat, zero.AppliedSeq, zero.AppliedAt = 2, 9, 3
	same(s, "one", zero)(s.q.StreamPartition(s.ctx, 0))
	same(s, "rewound", int64(1))(s.q.RewindPartitions(s.ctx, 8))
	zero.Owner, zero.Epoch, zero.Beat, zero.AppliedSeq = "", 2, 3, 8
	same(s, "after it", zero)(s.q.StreamPartition(s.ctx, 0))
	same(s, "claimed again", db.StreamPartition{Partition: 0, Owner: "w", Epoch: 3, Beat: 4, AppliedSeq: 8, AppliedAt: 3})(
		s.q.ClaimPartition(s.ctx, db.ClaimPartitionParams{Partition: 0, Owner: "w", Epoch: 2, Beat: 3}))
	same(s, "released by another", int64(0))(s.q.ReleasePartition(s.ctx, 0, "v", 3))
	same(s, "released", int64(1))(s.q.ReleasePartition(s.ctx, 0, "w", 3))
	s.ok(s.q.DeletePartitions(s.ctx), s.q.BeatWorker(s.ctx, "v"), s.q.BeatWorker(s.ctx, "a"), s.q.BeatWorker(s.ctx, "v"))
	same(s, "no partitions", []db.StreamPartition(nil))(s.q.StreamPartitions(s.ctx))
	same(s, "workers", []db.StreamWorker{{ID: "a", Beat: 1}, {ID: "v", Beat: 2}})(s.q.StreamWorkers(s.ctx))
	s.ok(s.q.DeleteWorker(s.ctx, "a"))
	same(s, "one left", []db.StreamWorker{{ID: "v", Beat: 2}})(s.q.StreamWorkers(s.ctx))

	same(s, "seen", int64(1))(s.q.SeeEvent(s.ctx, "x", 5, 100))
	same(s, "seen twice", int64(0))(s.q.SeeEvent(s.ctx, "x", 6, 200))
	same(s, "another", int64(1))(s.q.SeeEvent(s.ctx, "y", 7, 100))
	same(s, "the first", db.StreamSeen{EventKey: "x", Seq: 5, SeenAt: 100})(s.q.SeenEvent(s.ctx, "x"))
	none[db.StreamSeen](s, "unseen")(s.q.SeenEvent(s.ctx, "z"))
	same(s, "above and up to", int64(1))(s.q.CountSeenEvents(s.ctx, 5, 7))
	same(s, "too young", int64(0))(s.q.ForgetSeen(s.ctx, 100, 9, 9))
	same(s, "still in the broker", int64(1))(s.q.ForgetSeen(s.ctx, 101, 7, 9))
	none[db.StreamSeen](s, "forgotten")(s.q.SeenEvent(s.ctx, "x"))
	same(s, "no more than asked", int64(0))(s.q.ForgetSeen(s.ctx, 101, 9, 0))
}

// quarantineGroup covers events that could not be applied.
func quarantineGroup(s *suite) {
	for _, id := range []string{"q2", "q1", "q3"} {
		s.ok(s.q.QuarantineEvent(s.ctx, db.QuarantineEventParams{ID: id, EventKey: "k" + id, Source: "s", Partition: 3, Seq: 4, At: 5, Reason: "r", Body: []byte{0, 1}}))
	}
	q1 := db.EventQuarantine{ID: "q1", EventKey: "kq1", Source: "s", Partition: 3, Seq: 4, At: 5, Reason: "r", Body: []byte{0, 1}, State: "held", Tries: 1}
	same(s, "one", q1)(s.q.QuarantinedEvent(s.ctx, "q1"))
	none[db.EventQuarantine](s, "none")(s.q.QuarantinedEvent(s.ctx, "q9"))
	same(s, "by key", q1)(s.q.QuarantinedByKey(s.ctx, "kq1"))
	none[db.EventQuarantine](s, "none by key")(s.q.QuarantinedByKey(s.ctx, "k"))
	same(s, "waiting", int64(3))(s.q.CountQuarantined(s.ctx))
	same(s, "a page", []db.QuarantinedEventsRow{{ID: "q2", EventKey: "kq2", Source: "s", Partition: 3, Seq: 4, At: 5, Reason: "r", State: "held", Tries: 1}})(
		s.q.QuarantinedEvents(s.ctx, "held", "q1", 1))
	same(s, "discarded", int64(1))(s.q.DiscardQuarantined(s.ctx, db.DiscardQuarantinedParams{ID: "q2", Body: []byte{}, DecidedBy: "u", DecidedAt: 8}))
	same(s, "decided after that", int64(0))(s.q.DecideQuarantined(s.ctx, db.DecideQuarantinedParams{ID: "q2", State: "replaying"}))
	same(s, "replayed unasked", int64(0))(s.q.ReplayedEvent(s.ctx, db.ReplayedEventParams{ID: "q1", EventKey: "kq1", Body: []byte{}}))
	for _, id := range []string{"q1", "q3"} {
		same(s, "asked", int64(1))(s.q.DecideQuarantined(s.ctx, db.DecideQuarantinedParams{ID: id, State: "replaying", DecidedBy: "u", DecidedAt: 9}))
	}
	same(s, "discarded after that", int64(0))(s.q.DiscardQuarantined(s.ctx, db.DiscardQuarantinedParams{ID: "q1", Body: []byte{}}))
	q1.State, q1.DecidedBy, q1.DecidedAt = "replaying", "u", 9
	q3 := q1
	q3.ID, q3.EventKey = "q3", "kq3"
	same(s, "asked lately", []db.EventQuarantine(nil))(s.q.ReplayingEvents(s.ctx, 9))
	same(s, "asked", []db.EventQuarantine{q1, q3})(s.q.ReplayingEvents(s.ctx, 10))
	same(s, "with another's key", int64(0))(s.q.ReplayedEvent(s.ctx, db.ReplayedEventParams{ID: "q1", EventKey: "kq3", Body: []byte{}}))
	same(s, "held with another's key", int64(0))(s.q.HoldAgain(s.ctx, db.HoldAgainParams{ID: "q1", EventKey: "kq3"}))
	same(s, "replayed", int64(1))(s.q.ReplayedEvent(s.ctx, db.ReplayedEventParams{ID: "q1", EventKey: "kq1", Body: []byte{}, Seq: 6}))
	same(s, "replayed twice", int64(0))(s.q.ReplayedEvent(s.ctx, db.ReplayedEventParams{ID: "q1", EventKey: "kq1", Body: []byte{}, Seq: 7}))
	same(s, "held again", int64(1))(s.q.HoldAgain(s.ctx, db.HoldAgainParams{ID: "q3", EventKey: "kq3", Reason: "t", Seq: 8}))
	q3.State, q3.Reason, q3.Seq, q3.Tries = "held", "t", 8, 2
	same(s, "as it is now", q3)(s.q.QuarantinedEvent(s.ctx, "q3"))
	same(s, "waiting", int64(1))(s.q.CountQuarantined(s.ctx))
}
