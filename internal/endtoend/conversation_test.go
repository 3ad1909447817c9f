package endtoend

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/cybertip"
)

// readsPrivate lets the server read private text in one country.
const readsPrivate = "ROWAN_CONVERSATIONS_PRIVATE=GB:for tests"

// queued waits for the open case of a queue and gives its id.
func queued(c caller, queue, account string) string {
	c.t.Helper()
	var list struct {
		Items []struct {
			ID        string `json:"id"`
			AccountID string `json:"account_id"`
			Queue     string `json:"queue"`
			Priority  string `json:"priority"`
		} `json:"items"`
	}
	for range 200 {
		c.send("GET", "/v1/cases?queue="+queue, nil, &list)
		for _, x := range list.Items {
			if x.AccountID == account {
				return x.ID
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("no case of %s came into the queue %s", account, queue)
	return ""
}

// TestEndToEndConversations: the sample's conversations become cases; a reviewer sees
// why on the page, opens the messages for a reason that is on record, and confirms;
// then the ring of those who share a device shows.
func TestEndToEndConversations(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority, readsPrivate)
	a := newAuditor(b)
	reviewer := caller{t, s.base(), s.key("supervisor")}
	platform := client.New(s.base(), s.key("service"))
	b.signIn(s.link)
	s.run("sample", "--url", s.base())
	fast, slow, other := queued(reviewer, "extortion", "u_3002"), queued(reviewer, "grooming", "u_3001"), queued(reviewer, "grooming", "u_3004")

	for _, c := range []struct{ name, id, says string }{{"slow", slow, "asked who is near"}, {"fast", fast, "threatened to share"}} {
		b.visit("#/case/"+c.id, testid("why"))
		b.until(`document.querySelector('[data-testid="risk-curve"]')`)
		if text := b.text(testid("why")); !strings.Contains(text, c.says) {
			t.Errorf("%s: why is told as %q", c.name, text)
		}
		a.screen("conversation " + c.name)
	}
	b.click(testid("read-messages"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("why to read messages")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`document.querySelectorAll('[data-testid="message"]').length >= 8`)
	a.screen("conversation read")
	var detail struct {
		Views []struct {
			Reason string `json:"reason"`
		} `json:"views"`
	}
	reviewer.send("GET", "/v1/cases/"+fast, nil, &detail)
	if len(detail.Views) == 0 || detail.Views[0].Reason == "" {
		t.Errorf("what was read is not on record: %+v", detail.Views)
	}
	b.keys("\x1b")
	b.until(`!document.querySelector('[data-testid="message"]')`)

	s.contacts(platform)
	for _, id := range []string{slow, other} {
		reviewer.send("POST", "/v1/cases/"+id+"/decision", map[string]any{"outcome": "confirmed", "reason": "as the messages show", "incident_type": incidentEnticement}, nil)
	}
	b.visit("#/queue", testid("queue-row")) // away, so that the page is read anew
	b.visit("#/case/"+fast, testid("ring"))
	a.screen("conversation ring")
	t.Logf("%d screens × light, dark × two widths: %d violations", len(a.checked), a.violations)
	s.stop()
	s.verifyLedger()
}

// contacts asks about contacts and about a message on hold, as a platform would.
func (s *server) contacts(c *client.Client) {
	s.t.Helper()
	got, err := c.CheckContact(s.t.Context(), map[string]any{"actor": map[string]any{"id": "u_3001"}, "target": map[string]any{"id": "u_3103"}})
	if err != nil || got.Verdict != "deny" {
		s.t.Errorf("an account under friction may contact a child: %+v, %v", got, err)
	}
	got, err = c.CheckContact(s.t.Context(), map[string]any{"actor": map[string]any{"id": "u_3003"}, "target": map[string]any{"id": "u_3103"}, "connected": true})
	if err != nil || got.Verdict != "allow" {
		s.t.Errorf("two friends: %+v, %v", got, err)
	}
	event := client.Event{ID: "hold-1", Source: "test", Type: "message", Data: map[string]any{"conversation_id": "dm_h", "surface": "private", "jurisdiction": "GB",
		"from": map[string]any{"id": "u_3003"}, "to": []any{map[string]any{"id": "u_3103"}}, "text": "good morning"}}
	v, err := c.CheckMessage(s.t.Context(), event)
	if err != nil || v.Verdict != client.Allow || v.Scan != "scanned" {
		s.t.Errorf("an ordinary message on hold: %+v, %v", v, err)
	}
	if v, err = c.CheckMessage(s.t.Context(), event); err != nil || v.Verdict == "" {
		s.t.Errorf("the same again: %+v, %v", v, err)
	}
}

const incidentEnticement = string(cybertip.IncidentOnlineEnticement)

// TestEndToEndBadEvents: what is wrong with an event is told to its sender without
// repeating it, the rest of the batch is taken, and the bad one waits in quarantine.
func TestEndToEndBadEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t), readsPrivate)
	platform, supervisor := caller{t, s.base(), s.key("service")}, caller{t, s.base(), s.key("supervisor")}
	const canary = "zq-canary-zq"
	good := `{"specversion":"1.0","id":"g1","source":"t","type":"message","data":{"conversation_id":"c","surface":"private","jurisdiction":"GB","from":{"id":"a"},"to":[{"id":"b"}],"text":"hello"}}`
	bad := func(id, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"t","type":"message","data":%s}`, id, data)
	}
	cases := map[string]string{
		"encrypted text":  bad("b1", `{"conversation_id":"c","surface":"encrypted","from":{"id":"a"},"to":[{"id":"b"}],"text":"`+canary+`"}`),
		"unknown member":  bad("b2", `{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}],"`+canary+`":1}`),
		"wrong type":      bad("b3", `{"conversation_id":"c","surface":"`+canary+`","from":{"id":"a"},"to":[{"id":"b"}]}`),
		"no recipient":    bad("b4", `{"conversation_id":"c","surface":"private","from":{"id":"a"}}`),
		"not JSON":        `{"specversion":"1.0","id":"b5","source":"t","data":` + canary,
		"binary":          "{\"specversion\":\"1.0\",\"id\":\"b6\",\"source\":\"t\",\"type\":\"message\",\"data\":{\"text\":\"\xff\xfe\"}}",
		"rowan's own":     `{"specversion":"1.0","id":"b7","source":"t","type":"rowan.opinion","data":{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}],"external_score":1}}`,
		"a poisoned list": bad("b8", `{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}],"indicators":["`+canary+`"]}`),
	}
	n := 0
	for name, text := range cases {
		got := platform.do("POST", "/v1/events", "application/x-ndjson", []byte(good+"\n"+text+"\n"))
		if got.status != http.StatusMultiStatus || strings.Contains(string(got.body), canary) || !strings.Contains(string(got.body), `"quarantined":true`) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		n++
	}
	big := bad("b9", `{"conversation_id":"c","surface":"private","from":{"id":"a"},"to":[{"id":"b"}],"text":"`+strings.Repeat("x", 1<<20)+`"}`)
	if got := platform.do("POST", "/v1/events", "application/cloudevents+json", []byte(big)); got.status != http.StatusUnprocessableEntity || !strings.Contains(string(got.body), "too_large") {
		t.Errorf("1 MB: %d %.200s", got.status, got.body)
	}
	var q struct {
		Waiting int `json:"waiting"`
		Items   []struct {
			ID     string `json:"id"`
			Reason string `json:"reason"`
		} `json:"items"`
	}
	supervisor.send("GET", "/v1/events/quarantine", nil, &q)
	if q.Waiting != n || len(q.Items) != n {
		t.Fatalf("%d events in quarantine, want %d", q.Waiting, n)
	}
	for i, do := range []string{"discard", "replay"} {
		got := supervisor.do("POST", "/v1/events/quarantine/"+q.Items[i].ID+"/"+do, "application/json", []byte(`{"reason":"the sender has mended it"}`))
		if got.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", do, got.status, got.body)
		}
	}
	for range 100 { // the replayed one comes back: it is as wrong as before
		if supervisor.send("GET", "/v1/events/quarantine", nil, &q); q.Waiting == n-1 && len(q.Items) == n-1 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(q.Items) != n-1 {
		t.Errorf("%d wait after one was discarded and one came back", len(q.Items))
	}
	s.stop()
}
