package conversation_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/stream"
)

// TestSecond: a conversation that alarms is looked at a second time, once a day; the
// opinion comes back as an event, in its place, and adds what the weights allow.
func TestSecond(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	for _, text := range []string{"how old are you", "are you home alone", "how old are you", "do your parents check your phone"} {
		e := b.say("c1", adult, child, text)
		e.data.Relation = stranger
		b.apply(e)
	}
	if len(b.seconds) != 1 {
		t.Fatalf("asked %d times", len(b.seconds))
	}
	w, err := b.desk.Recent(t.Context(), b.seconds[0])
	if err != nil || len(w.Lines) != 4 || w.Lines[0].Text != "how old are you" || w.Language != "en" {
		t.Fatalf("the window: %+v, %v", w, err)
	}
	before, err := b.store.Read().Conversation(t.Context(), b.seconds[0])
	if err != nil {
		t.Fatal(err)
	}
	body, err := conversation.Opinion("o1", w, 1, b.now)
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := b.desk.Apply(t.Context(), tx, 0, []stream.Envelope{{Seq: 99, Key: "o1", Source: "rowan", ID: "o1", Body: body}})
		return err
	})
	after, rerr := b.store.Read().Conversation(t.Context(), b.seconds[0])
	if err != nil || rerr != nil || after.Score <= before.Score || after.Score > before.Score+2.1 || after.Messages != before.Messages || after.Jurisdiction != "GB" {
		t.Errorf("from %.2f to %.2f, %d messages, %v, %v", before.Score, after.Score, after.Messages, err, rerr)
	}
	b.forgotten = true
	if w, err := b.desk.Recent(t.Context(), b.seconds[0]); err != nil || len(w.Lines) != 0 {
		t.Errorf("the stream has forgotten, and there are %d lines, %v", len(w.Lines), err)
	}
}

// TestForget: what is idle goes, unless a person is on it; an erased account leaves
// nothing.
func TestForget(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	b.extortion(adult)
	friend := conversation.Party{ID: "friend", AgeBand: "13-15", Devices: []string{"d1"}}
	b.apply(b.say("c2", friend, child, "see you at school"))
	b.now = b.now.Add(61 * 24 * time.Hour)
	if _, err := b.desk.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := b.store.Read().ConversationsOfActor(t.Context(), adult.ID, 9)
	if err != nil || len(rows) != 1 {
		t.Errorf("the conversation of an open case: %d, %v", len(rows), err)
	}
	if rows, err := b.store.Read().ConversationsOfActor(t.Context(), "friend", 9); err != nil || len(rows) != 0 {
		t.Errorf("an idle conversation: %d, %v", len(rows), err)
	}
	err = b.store.Tx(t.Context(), func(tx *store.Tx) error { _, err := conversation.Erase(t.Context(), tx, adult.ID); return err })
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := b.store.Read().ConversationsOfActor(t.Context(), adult.ID, 9); err != nil || len(rows) != 0 {
		t.Errorf("an erased account: %d, %v", len(rows), err)
	}
	if _, err := b.store.Read().Actor(t.Context(), adult.ID); !store.IsNotFound(err) {
		t.Errorf("an erased account is known: %v", err)
	}
	b.now = b.now.Add(200 * 24 * time.Hour)
	if _, err := b.desk.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ties, err := b.store.Read().Ties(t.Context(), db.TiesParams{Limit: 9}); err != nil || len(ties) != 0 {
		t.Errorf("%d ties, %v", len(ties), err)
	}
}

// TestRings: accounts that share a device and children hang together round one that a
// person has confirmed; the children are counted and never named.
func TestRings(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	var cs []string
	for i := range 4 {
		actor := conversation.Party{ID: "ring" + string(rune('a'+i)), AgeBand: "adult", AgeSource: "verified", Devices: []string{"shared"}, Payments: []string{"wallet"}}
		for _, text := range []string{"send a selfie", "i will show everyone", "you have to pay me"} {
			b.apply(b.say("r"+actor.ID, actor, child, text))
		}
		cs = append(cs, b.caseOf(actor.ID).ID)
	}
	if _, rings, err := b.desk.RingsOf(t.Context(), "ringb"); err != nil || len(rings) != 0 {
		t.Errorf("a ring before anybody confirmed anything: %v, %v", rings, err)
	}
	for _, id := range cs[:2] {
		if _, err := b.cases.Decide(t.Context(), anna, id, cases.Judgement{Outcome: cases.Confirmed, Reason: "as it says", IncidentType: "x"}, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	b.now = b.now.Add(time.Minute)
	n, rings, err := b.desk.RingsOf(t.Context(), "ringc")
	if err != nil || len(rings) != 1 || len(rings[0].Members) != 4 || rings[0].Children != 1 || n.Partial {
		t.Fatalf("rings %+v, %v", rings, err)
	}
	for _, m := range rings[0].Members {
		if m.AccountID == child.ID || m.AccountID == "" || len(m.Why) == 0 || m.CaseID == "" {
			t.Errorf("a member: %+v", m)
		}
	}
	// A new account on the same device is linked at once.
	b.apply(event{kind: "account_seen", data: conversation.Data{From: conversation.Party{ID: "new", Devices: []string{"shared"}}}})
	row, err := b.store.Read().Actor(t.Context(), "new")
	if err != nil || row.Score < 1000 || !strings.Contains(row.Assessment, "links") {
		t.Errorf("the new account: %d, %v", row.Score, err)
	}
}

// TestShare: a signal for other platforms takes a confirmed case and a person.
func TestShare(t *testing.T) {
	t.Parallel()
	c := config()
	c.Sharing = conversation.Sharing{Provenance: "example", Key: conduct.SignalKey{ID: "k1", Secret: make([]byte, 32)}}
	b := open(t, c)
	b.extortion(adult)
	id := b.caseOf(adult.ID).ID
	draft := conduct.Draft{Type: conduct.SignalAccount, Value: "Mr X", Harm: conduct.HarmExtortion, FirstSeen: start, Expiry: b.now.Add(24 * time.Hour)}
	if _, err := b.desk.Share(t.Context(), anna, id, draft); safety.KindOf(err) != safety.Conflict {
		t.Errorf("of an open case: %v", err)
	}
	if _, err := b.cases.Decide(t.Context(), anna, id, cases.Judgement{Outcome: cases.Confirmed, Reason: "as it says", IncidentType: "x"}, []string{"x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.desk.Share(t.Context(), robot, id, draft); safety.KindOf(err) != safety.Forbidden {
		t.Errorf("by a machine: %v", err)
	}
	s, err := b.desk.Share(t.Context(), anna, id, draft)
	if err != nil {
		t.Fatal(err)
	}
	list, last, after, err := b.desk.Signals(t.Context(), time.Time{}, "", 9)
	if err != nil || len(list) != 1 || !list[0].Usable(b.now) {
		t.Fatalf("%v, %v", list, err)
	}
	text, err := list[0].MarshalJSON()
	same, serr := s.MarshalJSON()
	if err != nil || serr != nil || !bytes.Equal(text, same) || bytes.Contains(bytes.ToLower(text), []byte("mr x")) || bytes.Contains(text, []byte(anna.ID)) {
		t.Errorf("leaves as %s", text)
	}
	if more, _, _, err := b.desk.Signals(t.Context(), last, after, 9); err != nil || len(more) != 0 {
		t.Errorf("nothing is new, and %d come", len(more))
	}
	b.now = b.now.Add(time.Hour)
	if _, err := b.desk.MoveSignal(t.Context(), anna, s.Stored().ID, conduct.SignalWithdrawn, "appeal upheld"); err != nil {
		t.Fatal(err)
	}
	if list, _, _, err = b.desk.Signals(t.Context(), last, after, 9); err != nil || len(list) != 1 || list[0].State() != conduct.SignalWithdrawn {
		t.Errorf("a withdrawal is not told: %v, %v", list, err)
	}
}
