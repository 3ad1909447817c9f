package storetest

import (
	"slices"

	"github.com/rowan-safety/rowan/internal/store/db"
)

func (s *suite) newConversation(id, actor, target string, score float64, last int64) db.Conversation {
	s.t.Helper()
	s.ok(s.q.AddConversation(s.ctx, db.AddConversationParams{ID: id, ConversationID: "talk " + id, ActorID: actor, TargetID: target, Surface: "private", Jurisdiction: "GB",
		Mode: "full", Relation: "{}", State: []byte{1, 0, 2}, StartedAt: 1, LastAt: last, Messages: 3, Unscanned: 1, Score: score, Tier: 2, Families: "risk",
		Recent: []byte{0, 9}, CaseID: "", ItemID: "", Capture: 4, TippedAt: 5, FastAt: 6, SecondAt: 7, Kept: 11, Forgotten: 12}))
	return db.Conversation{ID: id, ConversationID: "talk " + id, ActorID: actor, TargetID: target, Surface: "private", Jurisdiction: "GB", Mode: "full", Relation: "{}",
		State: []byte{1, 0, 2}, StartedAt: 1, LastAt: last, Messages: 3, Unscanned: 1, Score: score, Tier: 2, Families: "risk", Recent: []byte{0, 9}, Capture: 4,
		TippedAt: 5, FastAt: 6, SecondAt: 7, Kept: 11, Forgotten: 12}
}

// conversations covers what is kept of talk.
func conversations(s *suite) {
	one, two := s.newConversation("v1", "a", "k1", 7.25, 10), s.newConversation("v2", "a", "k2", 1e-12, 20)
	same(s, "one", one)(s.q.Conversation(s.ctx, "v1"))
	none[db.Conversation](s, "none")(s.q.Conversation(s.ctx, "v9"))
	same(s, "the riskiest first", []db.Conversation{one, two})(s.q.ConversationsOfActor(s.ctx, "a", 9))
	same(s, "between", []db.Conversation{two})(s.q.ConversationsBetween(s.ctx, "a", "k2", 9))
	same(s, "of an account", []string{"v2"})(s.q.ConversationsOfAccount(s.ctx, "k2"))
	audit := db.ConversationsToAuditParams{Score: 1, Score_2: 9, LastAt: 10, Limit: 9}
	same(s, "to audit", []db.Conversation{one})(s.q.ConversationsToAudit(s.ctx, audit))
	same(s, "count to audit", int64(1))(s.q.CountToAudit(s.ctx, 0, 1e-9, 10))
	same(s, "counted", []db.CountConversationsRow{{Mode: "full", Tier: 2, N: 2}})(s.q.CountConversations(s.ctx))

	s.newCase("c1")
	one.Kept, one.Forgotten = 13, 14
	one.Surface, one.Score, one.CaseID, one.ItemID, one.Messages, one.Recent = "public", 8, "c1", "i1", 4, []byte{}
	s.ok(s.q.SetConversation(s.ctx, db.SetConversationParams{ID: "v1", Surface: "public", Jurisdiction: "GB", Mode: "full", Relation: "{}", State: []byte{1, 0, 2}, LastAt: 10,
		Messages: 4, Unscanned: 1, Score: 8, Tier: 2, Families: "risk", Recent: []byte{}, CaseID: "c1", ItemID: "i1", Capture: 4, TippedAt: 5, FastAt: 6, StartedAt: 1, SecondAt: 7, Kept: 13, Forgotten: 14}))
	same(s, "changed", []db.Conversation{one})(s.q.ConversationsOfCase(s.ctx, "c1"))
	same(s, "idle: not what an open case holds", []string{"v2"})(s.q.IdleConversations(s.ctx, 99, 9))
	same(s, "no outcome yet", []db.ConversationOutcomesRow(nil))(s.q.ConversationOutcomes(s.ctx, "", 9))
	s.ok(s.q.SetAudited(s.ctx, db.SetAuditedParams{ID: "v2", AuditedAt: 30, AuditWeight: 2.5, CaseID: "c1", ItemID: "i2"}))
	same(s, "nothing to audit", []db.Conversation(nil))(s.q.ConversationsToAudit(s.ctx, db.ConversationsToAuditParams{Score_2: 9, Limit: 9}))
	conversationParts(s)
	conversationOutcomes(s)
	s.ok(s.q.ForgetMarks(s.ctx, "v1"), s.q.ForgetAlerts(s.ctx, "v1"), s.q.ForgetSteps(s.ctx, "v1"), s.q.ForgetConversation(s.ctx, "v1"))
	none[db.Conversation](s, "forgotten")(s.q.Conversation(s.ctx, "v1"))
}

func conversationParts(s *suite) {
	mark := func(seq int64) db.AddMarkParams {
		return db.AddMarkParams{Conversation: "v1", Seq: seq, EventID: "e", At: 1, FromTarget: true, Found: 3, ValuesJson: "{}", Refuses: true, Media: true, Score: 1.5, Tier: 1, Fast: 1}
	}
	s.ok(s.q.AddMark(s.ctx, mark(1)), s.q.AddMark(s.ctx, mark(2)), s.q.KeepMark(s.ctx, "v1", 2, true))
	s.refused("a mark twice", s.q.AddMark(s.ctx, mark(2)))
	same(s, "newest mark", []db.ConversationMark{{Conversation: "v1", Seq: 2, EventID: "e", At: 1, FromTarget: true, Found: 3, ValuesJson: "{}", Refuses: true, Media: true, Score: 1.5, Tier: 1, Fast: 1, Kept: true}})(
		s.q.MarksOfConversation(s.ctx, "v1", 1))
	same(s, "marks", int64(2))(s.q.CountMarks(s.ctx, "v1"))
	s.ok(s.q.AddAlert(s.ctx, db.AddAlertParams{ID: "l1", Conversation: "v1", CaseID: "c1", ItemID: "i1", At: 3, Cause: "fast", Explanation: "{}"}))
	same(s, "alerts", []db.ConversationAlert{{ID: "l1", Conversation: "v1", CaseID: "c1", ItemID: "i1", At: 3, Cause: "fast", Explanation: "{}"}})(s.q.AlertsOfCase(s.ctx, "c1"))
	none[db.ConversationAlert](s, "no alert")(s.q.AlertOf(s.ctx, "v1", "c1", "review"))
	s.ok(s.q.SetAlert(s.ctx, "l1", `{"a":1}`, 9))
	same(s, "alert", db.ConversationAlert{ID: "l1", Conversation: "v1", CaseID: "c1", ItemID: "i1", At: 9, Cause: "fast", Explanation: `{"a":1}`})(s.q.AlertOf(s.ctx, "v1", "c1", "fast"))
	step := db.ConversationStep{ID: "s1", Conversation: "v1", AccountID: "k1", Kind: "tip", At: 4, UntilAt: 5, Detail: "d"}
	s.ok(s.q.AddStep(s.ctx, db.AddStepParams(step)))
	same(s, "steps", []db.ConversationStep{step})(s.q.StepsOfConversation(s.ctx, "v1"))
	same(s, "steps of an account", []db.ConversationStep{step})(s.q.StepsOfAccount(s.ctx, "k1", 9))
	same(s, "counted steps", []db.CountStepsRow{{Kind: "tip", N: 1}})(s.q.CountSteps(s.ctx, 4))
	same(s, "steps forgotten", int64(1))(s.q.ForgetStepsOfAccount(s.ctx, "k1"))
}

func conversationOutcomes(s *suite) {
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c1", State: "decided", Queue: "q", Priority: "P1", Reason: "r", UpdatedAt: 1}),
		s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "d1", CaseID: "c1", DecidedBy: "u", DecidedName: "U", At: 2, Outcome: "confirmed", Reason: "r", Viewed: "[]"}))
	rows, err := s.q.ConversationOutcomes(s.ctx, "", 9)
	same(s, "outcomes", []db.ConversationOutcomesRow{{ID: "v1", Relation: "{}", Outcome: "confirmed"}, {ID: "v2", Relation: "{}", AuditWeight: 2.5, Outcome: "confirmed"}})(rows, err)
	same(s, "confirmed", []string{"acct"})(s.q.ConfirmedAccounts(s.ctx, false, 9))
	same(s, "newest case", "c1")(s.q.NewestCaseOfAccount(s.ctx, "acct"))
	none[string](s, "no case")(s.q.NewestCaseOfAccount(s.ctx, "nobody"))
}

// actors covers accounts, ties and signals.
func actors(s *suite) {
	lock := func(at int64) (db.Actor, error) {
		return s.q.LockActor(s.ctx, db.LockActorParams{AccountID: "a", Conduct: []byte{}, UpdatedAt: at})
	}
	row := db.Actor{AccountID: "a", UpdatedAt: 1}
	same(s, "made", row)(lock(1))
	row.UpdatedAt = 2
	same(s, "locked", row)(lock(2))
	none[db.Actor](s, "unknown")(s.q.Actor(s.ctx, "b"))
	s.ok(s.q.SetActor(s.ctx, db.SetActorParams{AccountID: "a", AgeLower: 13, AgeUpper: 15, AgeAssured: true, OpenedAt: 3, Jurisdiction: "GB", Conduct: []byte{7}, Score: -1, Assessment: "{}",
		FrictionFrom: 50, FrictionWhy: "reach", FrictionBy: "u", LiftedAt: 0, LiftedBy: "w", ReviewedAt: 9}))
	row = db.Actor{AccountID: "a", AgeLower: 13, AgeUpper: 15, AgeAssured: true, OpenedAt: 3, Jurisdiction: "GB", Conduct: []byte{7}, Score: -1, Assessment: "{}", FrictionFrom: 50, FrictionWhy: "reach",
		FrictionBy: "u", LiftedBy: "w", ReviewedAt: 9, UpdatedAt: 2}
	same(s, "set", row)(s.q.Actor(s.ctx, "a"))
	same(s, "children", []string{"a"})(s.q.ChildrenAmong(s.ctx, "", 9))
	same(s, "friction", int64(1))(s.q.CountFriction(s.ctx, 49))
	same(s, "friction is over", int64(0))(s.q.CountFriction(s.ctx, 50))

	tie := func(kind, account, other string, at int64) error {
		return s.q.AddTie(s.ctx, db.AddTieParams{Kind: kind, AccountID: account, Other: other, At: at})
	}
	s.ok(tie("device", "a", "x", 5), tie("device", "acct", "x", 6), tie("device", "a", "x", 3), tie("victim", "a", "k", 1))
	all, err := s.q.Ties(s.ctx, db.TiesParams{Limit: 9})
	same(s, "ties", []db.Ty{{Kind: "device", AccountID: "a", Other: "x", At: 5}, {Kind: "device", AccountID: "acct", Other: "x", At: 6}, {Kind: "victim", AccountID: "a", Other: "k", At: 1}})(all, err)
	same(s, "the next page", all[1:])(s.q.Ties(s.ctx, db.TiesParams{Kind: "device", AccountID: "a", Other: "x", Limit: 9}))
	s.newCase("c1")
	s.ok(s.q.UpdateCase(s.ctx, db.UpdateCaseParams{ID: "c1", State: "decided", Queue: "q", Priority: "P1", Reason: "r", UpdatedAt: 1}),
		s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: "d1", CaseID: "c1", DecidedBy: "u", DecidedName: "U", At: 2, Outcome: "confirmed", Reason: "r", Viewed: "[]"}))
	same(s, "harm through a thing", []string{"acct"})(s.q.HarmfulThrough(s.ctx, "device", "x", "a"))
	same(s, "not through oneself", []string(nil))(s.q.HarmfulThrough(s.ctx, "device", "x", "acct"))
	same(s, "old ties", int64(1))(s.q.ForgetOldTies(s.ctx, 2))
	same(s, "ties of an account", int64(1))(s.q.ForgetTies(s.ctx, "a"))
	same(s, "account forgotten", int64(1))(s.q.ForgetActor(s.ctx, "a"))
	s.ok(func() error { _, err := lock(7); return err }())
	same(s, "not idle", int64(0))(s.q.ForgetIdleActors(s.ctx, 7))
	same(s, "idle", int64(1))(s.q.ForgetIdleActors(s.ctx, 8))
	outgoing(s)
}

func outgoing(s *suite) {
	add := func(id string, at int64) db.OutgoingSignal {
		x := db.OutgoingSignal{ID: id, CaseID: "c1", Type: "account", Value: "h", Hashing: "hmac-sha256", KeyID: "k", Harm: "extortion", FirstSeen: 1, Expiry: 9, Provenance: "p",
			ConfirmedBy: "u", ConfirmedAt: 2, State: "stands", ChangedBy: "u", ChangedWhy: "w", ChangedAt: at}
		s.ok(s.q.AddOutgoing(s.ctx, db.AddOutgoingParams(x)))
		return x
	}
	one, two := add("s1", 10), add("s2", 10)
	same(s, "one", one)(s.q.Outgoing(s.ctx, "s1"))
	same(s, "locked", one)(s.q.LockOutgoing(s.ctx, "s1"))
	none[db.OutgoingSignal](s, "none")(s.q.Outgoing(s.ctx, "s9"))
	same(s, "since", []db.OutgoingSignal{two})(s.q.OutgoingSince(s.ctx, 10, "s1", 9))
	s.ok(s.q.SetOutgoing(s.ctx, db.SetOutgoingParams{ID: "s1", State: "withdrawn", ChangedBy: "v", ChangedWhy: "x", ChangedAt: 20}))
	rows, err := s.q.OutgoingSince(s.ctx, 0, "", 9)
	s.ok(err)
	if got := slices.IndexFunc(rows, func(r db.OutgoingSignal) bool { return r.ID == "s1" && r.State == "withdrawn" && r.ChangedWhy == "x" }); got != 1 {
		s.t.Errorf("the changed signal is at %d of %d", got, len(rows))
	}
}
