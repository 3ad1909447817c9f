package conversation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
)

func cloudEvent(kind, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"i","source":"s","type":%q,"time":"2026-11-02T09:00:00Z","data":%s}`, kind, data)
}

const plainMessage = `{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}],"text":"hello"}`

// TestParse: what is wrong is told, by kind, and never repeated.
func TestParse(t *testing.T) {
	t.Parallel()
	if _, err := conversation.Parse([]byte(cloudEvent("message", plainMessage))); err != nil {
		t.Fatal(err)
	}
	const canary = "zqcanary"
	with := func(old, new string) string { return cloudEvent("message", strings.Replace(plainMessage, old, new, 1)) }
	for name, text := range map[string]string{
		"no JSON":                 canary,
		"cut short":               `{"specversion":"1.0","id":"` + canary,
		"another version":         strings.Replace(cloudEvent("message", plainMessage), "1.0", "0.3", 1),
		"no id":                   strings.Replace(cloudEvent("message", plainMessage), `"id":"i"`, `"id":""`, 1),
		"a long id":               strings.Replace(cloudEvent("message", plainMessage), `"id":"i"`, `"id":"`+strings.Repeat(canary, 60)+`"`, 1),
		"a type":                  cloudEvent(canary, plainMessage),
		"a time":                  strings.Replace(cloudEvent("message", plainMessage), "2026-11-02T09:00:00Z", canary, 1),
		"base64 data":             strings.Replace(cloudEvent("message", plainMessage), `"data":`, `"data_base64":"x","data":`, 1),
		"a member":                with(`"text"`, `"`+canary+`"`),
		"a surface":               with(`"private"`, `"`+canary+`"`),
		"encrypted text":          with(`"private"`, `"encrypted"`),
		"nobody":                  with(`"to":[{"id":"b"}]`, `"to":[]`),
		"to oneself":              with(`{"id":"b"}`, `{"id":"a"}`),
		"no conversation":         with(`"conversation_id":"c",`, ""),
		"an age":                  with(`{"id":"b"}`, `{"id":"b","age":-3}`),
		"age and band":            with(`{"id":"b"}`, `{"id":"b","age":30,"age_band":"13-15"}`),
		"an age source":           with(`{"id":"b"}`, `{"id":"b","age_source":"`+canary+`"}`),
		"a country":               with(`{"id":"b"}`, `{"id":"b","jurisdiction":"`+canary+`"}`),
		"an indicator":            with(`"text":"hello"`, `"indicators":["`+canary+`"]`),
		"an indicator of ours":    with(`"text":"hello"`, `"indicators":["external_score"]`),
		"a score":                 with(`"text":"hello"`, `"external_score":1.5`),
		"a stranger's first":      with(`"text":"hello"`, `"relation":{"first_contact_by":"`+canary+`"}`),
		"text of a block":         cloudEvent("block", `{"from":{"id":"a"},"to":[{"id":"b"}],"text":"`+canary+`"}`),
		"an opinion from outside": cloudEvent("rowan.opinion", `{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}]}`),
		"not UTF-8":               with("hello", "\xff\xfe"),
	} {
		_, err := conversation.Parse([]byte(text))
		if safety.KindOf(err) != safety.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error repeats what was sent: %v", name, err)
		}
	}
	if _, err := conversation.Parse([]byte(with("hello", strings.Repeat("x", conversation.MaxEventBytes)))); safety.KindOf(err) != safety.TooLarge {
		t.Errorf("1 MB: %v", err)
	}
}

// FuzzParse: whatever comes is an event that passes the checks, or a typed error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(cloudEvent("message", plainMessage)))
	f.Add([]byte(cloudEvent("block", `{"from":{"id":"a"},"to":[{"id":"b"}]}`)))
	f.Add([]byte(`{"specversion":"1.0"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := conversation.Parse(text)
		switch k := safety.KindOf(err); {
		case err == nil && (e.ID == "" || e.From.ID == "" || e.PartitionKey() == ""):
			t.Errorf("taken without a name: %+v", e)
		case err != nil && k != safety.Invalid && k != safety.TooLarge:
			t.Errorf("%v: %v", k, err)
		}
	})
}

// TestOrder: events that come late, twice, from the future and with clocks that are
// wrong are all taken, and nothing of a conversation scores higher for it.
func TestOrder(t *testing.T) {
	t.Parallel()
	b, talks := open(t, config()), 0
	rapid.Check(t, func(r *rapid.T) {
		talks++
		id := fmt.Sprintf("c%d", talks)
		texts := []string{"how old are you", "did you see the new map", "don't tell anyone", "lunch was good", "are you home alone"}
		var events []event
		for range rapid.IntRange(1, 12).Draw(r, "messages") {
			e := b.say(id, adult, child, rapid.SampledFrom(texts).Draw(r, "text"))
			e.at = b.now.Add(time.Duration(rapid.IntRange(-100*24, 400*24).Draw(r, "hours off")) * time.Hour)
			events = append(events, e)
		}
		for _, a := range b.apply(events...) {
			if a.Scan != safety.ScanScanned {
				r.Errorf("answered %+v", a)
			}
		}
	})
}

// TestLongConversation: 100,000 messages take no more room than 1,000, and ordinary
// talk of any length asks for nobody.
func TestLongConversation(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	b := open(t, config())
	friend := conversation.Party{ID: "friend", AgeBand: "13-15"}
	lines := []string{"did you see the new map", "lunch was good", "haha yes", "the boats are so fast now", "see you mate", "do you want to meet up on saturday", "what school do you go to"}
	for sent := 0; sent < n; {
		var batch []event
		for range min(250, n-sent) {
			from, to := friend, child
			if sent%2 == 1 {
				from, to = child, friend
			}
			line := lines[sent%5]
			if sent%997 == 0 {
				line = lines[5+sent/997%2]
			}
			e := b.say("long", from, to, line)
			e.data.Relation = &conversation.Relation{Connected: new(true), Mutuals: new(7)}
			batch, sent = append(batch, e), sent+1
		}
		b.apply(batch...)
		clear(b.log)
	}
	rows, err := b.store.Read().ConversationsOfActor(t.Context(), friend.ID, 9)
	if err != nil || len(rows) != 1 || rows[0].Messages != int64(n) || len(rows[0].State) > 512 || len(rows[0].Recent) > 80 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	marks, err := b.store.Read().CountMarks(t.Context(), rows[0].ID)
	if err != nil || marks > 200 {
		t.Errorf("%d marks, %v", marks, err)
	}
	if got := b.desk.Counts(); got["reviews"] != 0 || got["fast"] != 0 {
		t.Errorf("friends were reported: %v", got)
	}
	t.Logf("%d messages, state %d bytes, %d marks, score %.2f", n, len(rows[0].State), marks, rows[0].Score)
}
