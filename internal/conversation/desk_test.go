package conversation_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/talk"
)

// extortion is a threat and a demand; the child is asked for a picture before.
func (b *bench) extortion(actor conversation.Party) []conversation.Answer {
	return b.apply(
		b.say("c1", actor, child, "send a selfie"),
		b.say("c1", child, actor, "ok wait a bit"),
		b.say("c1", actor, child, "i will send this to all your friends"),
		b.say("c1", child, actor, "no, please stop"),
		b.say("c1", actor, child, "you have to pay me"))
}

// TestExtortion: a threat and a demand show the child help and pause the channel at
// once, whoever makes them, and put a P1 case before a person.
func TestExtortion(t *testing.T) {
	t.Parallel()
	for name, actor := range map[string]conversation.Party{"an adult": adult, "age unknown": unknown, "another child": {ID: "peer", AgeBand: "13-15"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, config())
			answers := b.extortion(actor)
			last := answers[4]
			if last.Verdict != safety.VerdictHold || !slices.Contains(last.Steps, "help_screen") || !slices.Contains(last.Steps, "channel_pause") {
				t.Errorf("the demand is answered %+v", last)
			}
			if n := len(b.announced("child.help_screen")); n != 1 {
				t.Errorf("the help screen was asked for %d times", n)
			}
			if e := b.announced("channel.pause"); len(e) != 1 || e[0].Data["from_account_id"] != actor.ID || e[0].Data["conversation_id"] != "c1" {
				t.Errorf("pauses: %+v", e)
			}
			c := b.caseOf(actor.ID)
			if c.Queue != conversation.QueueExtortion || c.Priority != string(safety.P1) {
				t.Errorf("the case is in %s at %s", c.Queue, c.Priority)
			}
			views, err := b.desk.OfCase(t.Context(), c.ID)
			if err != nil || len(views) != 1 {
				t.Fatalf("conversations of the case: %v, %v", views, err)
			}
			v := views[0]
			if v.Cause != "fast" || !slices.Contains(v.Fast, "threat_and_demand") || len(v.Steps) < 2 || len(v.Marks) < 4 {
				t.Errorf("the view: %+v", v)
			}
			if !strings.Contains(v.Summary, "threatened to share") || !strings.Contains(v.Summary, "demanded money") {
				t.Errorf("the summary does not say why: %q", v.Summary)
			}
			b.extortion(actor)
			if n := len(b.announced("child.help_screen")); n != 1 {
				t.Errorf("within a day the help screen was asked for again: %d", n)
			}
		})
	}
}

// TestMessages: a person sees the messages round an alert, before and after, each
// view is on record, and a machine sees none.
func TestMessages(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	for i := range 20 {
		b.apply(b.say("c1", child, adult, "early line "+string(rune('a'+i))))
	}
	b.extortion(adult)
	for i := range 15 {
		b.apply(b.say("c1", child, adult, "late line "+string(rune('a'+i))))
	}
	c := b.caseOf(adult.ID)
	views, err := b.desk.OfCase(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.desk.Messages(t.Context(), robot, c.ID, views[0].ID, "because"); safety.KindOf(err) != safety.Forbidden {
		t.Errorf("a machine: %v", err)
	}
	if _, err := b.desk.Messages(t.Context(), anna, c.ID, views[0].ID, " "); safety.KindOf(err) != safety.Invalid {
		t.Errorf("no reason: %v", err)
	}
	lines, err := b.desk.Messages(t.Context(), anna, c.ID, views[0].ID, "to decide")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, l := range lines {
		texts = append(texts, l.Text)
	}
	all := strings.Join(texts, "|")
	if !strings.Contains(all, "early line t|") || strings.Contains(all, "early line a|") {
		t.Errorf("before: %s", all)
	}
	if !strings.Contains(all, "late line a|") || !strings.Contains(all, "late line j") || strings.Contains(all, "late line k") {
		t.Errorf("after: %s", all)
	}
	if n := len(lines); n != 10+10 {
		t.Errorf("%d messages", n)
	}
	seen, err := b.store.Read().ViewsOfCase(t.Context(), c.ID)
	if err != nil || len(seen) == 0 || seen[0].Reason != "to decide" || seen[0].Viewer != anna.ID {
		t.Errorf("views on record: %+v, %v", seen, err)
	}
	hit := slices.IndexFunc(lines, func(l conversation.Line) bool { return l.Text == "you have to pay me" })
	if hit < 0 || len(lines[hit].Hits) == 0 {
		t.Error("the demand is not marked in its text")
	}
}

// TestNoText: whatever is said, no database row holds it; below review no vault does
// either.
func TestNoText(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	b := newBench(t, s.Open(t), config())
	const canary = "zanzibarquux"
	b.apply(b.say("c1", adult, child, "how old are you "+canary), b.say("c1", adult, child, "don't tell anyone "+canary))
	b.extortion(adult)
	b.apply(b.say("c1", adult, child, "send the code "+canary))
	if len(b.announced("child.help_screen")) == 0 {
		t.Fatal("nothing happened")
	}
	dir := filepath.Dir(strings.TrimPrefix(s.URL, "sqlite:"))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%s holds what was said", f.Name())
		}
	}
}

// TestPermission: private text is read only where both places allow it; encrypted
// text is refused; what is not read says so, and is never an allow.
func TestPermission(t *testing.T) {
	t.Parallel()
	text := "you have to pay me"
	for name, c := range map[string]struct {
		surface      safety.Surface
		jurisdiction safety.Jurisdiction
		target       conversation.Party
		scan         safety.ScanState
		reason       string
	}{
		"private, a ground is named":    {safety.SurfacePrivate, "GB", child, safety.ScanScanned, ""},
		"private, no ground":            {safety.SurfacePrivate, "DE", child, safety.ScanUnsupported, "no_legal_ground_for_private_text"},
		"private, nobody says where":    {safety.SurfacePrivate, "", child, safety.ScanUnsupported, "no_legal_ground_for_private_text"},
		"private, only one side allows": {safety.SurfacePrivate, "GB", conversation.Party{ID: "kim", AgeBand: "13-15", Jurisdiction: "FR"}, safety.ScanUnsupported, "no_legal_ground_for_private_text"},
		"public":                        {safety.SurfacePublic, "DE", child, safety.ScanScanned, ""},
		"between adults":                {safety.SurfacePublic, "GB", conversation.Party{ID: "pat", AgeBand: "adult"}, safety.ScanUnsupported, "adults_only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, config())
			e := b.say("c1", adult, c.target, text)
			e.data.Surface, e.data.Jurisdiction = c.surface, c.jurisdiction
			got := b.apply(e)[0]
			if got.Scan != c.scan || got.ScanReason != c.reason {
				t.Errorf("answered %+v", got)
			}
			if (got.Verdict == "") != (c.scan == safety.ScanUnsupported) {
				t.Errorf("a verdict %q on what is %s", got.Verdict, got.Scan)
			}
		})
	}
}

// TestMetadata: on an encrypted surface, whom an actor approaches and how children
// answer is enough for friction by signs of two kinds; it never refers to a person.
func TestMetadata(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	actor := conversation.Party{ID: "mr-x", AgeBand: "adult", AgeSource: "verified", CreatedAt: start.Add(-24 * time.Hour)}
	for i := range 14 {
		kid := conversation.Party{ID: "kid" + string(rune('a'+i)), AgeBand: "13-15"}
		b.now = b.now.Add(10 * time.Minute)
		b.apply(event{kind: "message", data: conversation.Data{ConversationID: "c" + kid.ID, Surface: safety.SurfaceEncrypted, Jurisdiction: "DE", From: actor,
			To: []conversation.Party{kid}, Relation: stranger}},
			event{kind: "block", data: conversation.Data{From: kid, To: []conversation.Party{actor}}})
	}
	if n := len(b.announced("account.friction")); n != 1 {
		t.Errorf("friction was asked for %d times", n)
	}
	f, err := b.desk.Friction(t.Context(), actor.ID)
	if err != nil || !f.Active || len(f.Why) < 2 || f.Until.Sub(f.From) != 72*time.Hour {
		t.Errorf("friction: %+v, %v", f, err)
	}
	if _, err := b.store.Read().OpenCaseOfAccount(t.Context(), actor.ID, false); err == nil {
		t.Error("metadata alone opened a case")
	}
	if e := b.announced("account.friction")[0]; len(e.Data) != 4 || e.Data["account_id"] != actor.ID {
		t.Errorf("the platform is told more than it must know: %v", e.Data)
	}
	f, err = b.desk.Lift(t.Context(), anna, actor.ID, "appeal upheld")
	if err != nil || f.Active || f.LiftedBy != anna.ID {
		t.Errorf("lifted: %+v, %v", f, err)
	}
	if _, err := b.desk.Lift(t.Context(), anna, actor.ID, "again"); safety.KindOf(err) != safety.Conflict {
		t.Errorf("lifting twice: %v", err)
	}
	if _, err := b.desk.Impose(t.Context(), robot, actor.ID, "a machine"); err == nil {
		t.Error("a machine imposed friction by hand")
	}
	kid := conversation.Party{ID: "kidz", AgeBand: "13-15"}
	b.apply(event{kind: "message", data: conversation.Data{ConversationID: "cz", Surface: safety.SurfaceEncrypted, From: actor, To: []conversation.Party{kid}, Relation: stranger}})
	if n := len(b.announced("account.friction")); n != 1 {
		t.Error("a machine began again what a person had lifted, within its time")
	}
}

// TestShadow: in shadow everything is counted and nothing is done.
func TestShadow(t *testing.T) {
	t.Parallel()
	c := config()
	c.Shadow = true
	b := open(t, c)
	b.extortion(adult)
	if len(b.events) != 0 {
		t.Errorf("the platform was asked for %v", b.events)
	}
	if n := b.desk.Counts()["fast"]; n != 1 {
		t.Errorf("%d alerts counted", n)
	}
	if _, err := b.store.Read().OpenCaseOfAccount(t.Context(), adult.ID, false); err == nil {
		t.Error("a case in shadow")
	}
}

// TestOneBatchOrMany: what is kept does not depend on how the stream cuts batches.
func TestOneBatchOrMany(t *testing.T) {
	t.Parallel()
	run := func(many bool) conversation.View {
		b := open(t, config())
		var events []event
		for _, text := range []string{"how old are you", "what school do you go to", "don't tell anyone", "are you home alone", "send a selfie", "keep this between us", "can we meet at the mall"} {
			e := b.say("c1", adult, child, text)
			e.data.Relation = stranger
			events = append(events, e)
		}
		if many {
			for _, e := range events {
				b.apply(e)
			}
		} else {
			b.apply(events...)
		}
		views, err := b.desk.OfCase(t.Context(), b.caseOf(adult.ID).ID)
		if err != nil || len(views) != 1 {
			t.Fatalf("%v, %v", views, err)
		}
		return views[0]
	}
	one, many := run(false), run(true)
	if len(one.Marks) != len(many.Marks) || one.Marks[len(one.Marks)-1].Score != many.Marks[len(many.Marks)-1].Score || one.Cause != "review" {
		t.Errorf("one batch: %d marks to %.3f; many: %d to %.3f", len(one.Marks), one.Marks[len(one.Marks)-1].Score, len(many.Marks), many.Marks[len(many.Marks)-1].Score)
	}
}

// TestAgain: after a case was decided, a new alert in the same conversation is
// looked at anew, and the messages that come do not go to the decided case.
func TestAgain(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	b.extortion(adult)
	first := b.caseOf(adult.ID)
	if _, err := b.cases.Decide(t.Context(), anna, first.ID, cases.Judgement{Outcome: cases.NotConfirmed, Reason: "a game"}, nil); err != nil {
		t.Fatal(err)
	}
	before, err := b.store.Read().EvidenceOfCase(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.apply(b.say("c1", child, adult, "an ordinary line"))
	after, err := b.store.Read().EvidenceOfCase(t.Context(), first.ID)
	if err != nil || len(after) != len(before) {
		t.Errorf("a decided case got %d more pieces, %v", len(after)-len(before), err)
	}
	b.now = b.now.Add(30 * time.Hour)
	b.extortion(adult)
	if second := b.caseOf(adult.ID); second.ID == first.ID {
		t.Error("the alert went to the decided case")
	}
}

// TestMore: while a person has not decided, what else is seen of the same cause
// comes to the same item, and the child is not shown the same again.
func TestMore(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	b.apply(b.say("c1", adult, child, "send a selfie"))
	picture := b.say("c1", child, adult, "")
	picture.kind, picture.data.Text = "media_sent", nil
	b.apply(picture)
	b.apply(b.say("c1", adult, child, "i have your friend list"), b.say("c1", adult, child, "i will post it everywhere"), b.say("c1", adult, child, "you have to pay me"))
	views, err := b.desk.OfCase(t.Context(), b.caseOf(adult.ID).ID)
	if err != nil || len(views) != 1 {
		t.Fatalf("%d conversations, %v", len(views), err)
	}
	if v := views[0]; len(v.Fast) != 3 || !strings.Contains(v.Summary, "demanded money") {
		t.Errorf("reasons %v, summary %q", v.Fast, v.Summary)
	}
	if c := b.caseOf(adult.ID); c.Reason != views[0].Summary {
		t.Errorf("the queue says %q, the page %q", c.Reason, views[0].Summary)
	}
	if n, err := b.store.Read().CountItems(t.Context(), b.caseOf(adult.ID).ID); err != nil || n != 1 {
		t.Errorf("%d items, %v", n, err)
	}
	if n := len(b.announced("child.help_screen")); n != 1 {
		t.Errorf("the help screen was asked for %d times", n)
	}
	lines, err := b.desk.Messages(t.Context(), anna, b.caseOf(adult.ID).ID, views[0].ID, "to decide")
	if err != nil || len(lines) != 5 {
		t.Errorf("%d messages are kept, %v", len(lines), err)
	}
}

// TestOutcomes: what people have decided comes out without text, replays to nearly
// the score that it had, and the draws of the audit weigh by their chance.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	b := open(t, config())
	b.extortion(adult)
	for i := range 8 {
		kid := conversation.Party{ID: "kid" + string(rune('a'+i)), AgeBand: "13-15"}
		b.apply(b.say("o"+kid.ID, conversation.Party{ID: "friend" + kid.ID, AgeBand: "13-15"}, kid, "see you at school"), b.say("o"+kid.ID, kid, conversation.Party{ID: "friend" + kid.ID, AgeBand: "13-15"}, "yes, lunch was good"))
	}
	drawn, err := b.desk.Audit(t.Context(), 2, rand.New(rand.NewPCG(1, 2)))
	if err != nil || drawn != 2 {
		t.Fatalf("%d drawn, %v", drawn, err)
	}
	cs, err := b.store.Read().CasesByState(t.Context(), db.CasesByStateParams{State: "open", Limit: 20})
	if err != nil || len(cs) != 3 {
		t.Fatalf("%d cases, %v", len(cs), err)
	}
	for _, c := range cs {
		j := cases.Judgement{Outcome: cases.NotConfirmed, Reason: "friends"}
		if c.AccountID == adult.ID {
			j = cases.Judgement{Outcome: cases.Confirmed, Reason: "as it says", IncidentType: "x"}
		}
		if _, err := b.cases.Decide(t.Context(), anna, c.ID, j, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	weights, err := talk.StartingWeights()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	harm, benign := 0, 0
	err = b.desk.Outcomes(t.Context(), func(h *talk.History) error {
		if err := h.Check(); err != nil {
			t.Errorf("%s: %v", h.ID, err)
		}
		if h.Harm {
			harm++
			state := h.Replay(weights, nil)
			row, err := b.store.Read().Conversation(t.Context(), h.ID)
			if err != nil {
				return err
			}
			if got := state.Score(weights, &h.Relation); got < row.Score-.5 || got > row.Score+.5 {
				t.Errorf("a replay scores %.2f, live it was %.2f", got, row.Score)
			}
		} else {
			benign++
			if h.Weight != 8 { // 16 directions, 2 drawn
				t.Errorf("the weight of a draw is %v", h.Weight)
			}
		}
		return json.NewEncoder(&file).Encode(h)
	})
	if err != nil || harm != 1 || benign != 2 {
		t.Errorf("%d of harm, %d of none, %v", harm, benign, err)
	}
	if strings.Contains(file.String(), "school") || strings.Contains(file.String(), "mr-x") {
		t.Error("an outcome holds text or an account")
	}
}
