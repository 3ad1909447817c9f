package app

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/api"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestTakedowns_API: who may do what, that a repeated call is one notice, and what
// no answer holds.
func TestTakedowns_API(t *testing.T) {
	a := open(t)
	in := a.NewIntake(nil)
	web := api.New(a.deps("test", nil, in, newTelemetry(a, in, nil))).Handler()
	keys := map[access.Role]string{}
	for _, r := range []access.Role{access.Service, access.Reviewer, access.Supervisor} {
		_, key, err := a.Access.CreateKey(t.Context(), "user:"+string(r), string(r), r)
		if err != nil {
			t.Fatal(err)
		}
		keys[r] = key
	}
	var answers strings.Builder
	call := func(role access.Role, method, path, idempotency, body string, want int) map[string]any {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+keys[role])
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", idempotency)
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		if w.Code != want {
			t.Fatalf("%s %s by %s: %d, want %d: %s", method, path, role, w.Code, want, w.Body)
		}
		answers.Write(w.Body.Bytes())
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	sum := strings.Repeat("ab", 32)
	// Not flushed: the call itself writes what was noted a moment before.
	a.Recents.Note(match.Upload{ContentID: "c", AccountID: "acct", Query: match.Query{Exact: []safety.Hash{{Type: safety.SHA256, Value: sum}}}, At: time.Now()})
	notice := `{"law":"uk","asked_by":"subject","under_age":"no","contact":"contact-zq","contents":[{"content_id":"c"}]}`
	for _, r := range []access.Role{access.Reviewer, access.Supervisor} {
		call(r, "POST", "/v1/takedowns", "", notice, 403)
	}
	first := call(access.Service, "POST", "/v1/takedowns", "k", notice, 201)
	again := call(access.Service, "POST", "/v1/takedowns", "k", notice, 201)
	if first["id"] != again["id"] || first["search"] != "pending" {
		t.Errorf("twice with one key: %v, %v", first, again)
	}
	call(access.Service, "POST", "/v1/takedowns", "k", strings.Replace(notice, "subject", "agent", 1), 409)
	call(access.Service, "POST", "/v1/takedowns", "", strings.Replace(notice, `"under_age":"no",`, "", 1), 422)
	id := first["id"].(string)
	for _, r := range []access.Role{access.Service, access.Reviewer} {
		call(r, "GET", "/v1/takedowns", "", "", 403)
		call(r, "GET", "/v1/takedowns/"+id, "", "", 403)
		call(r, "POST", "/v1/takedowns/"+id+"/decision", "", `{"outcome":"take_down"}`, 403)
		call(r, "POST", "/v1/takedowns/"+id+"/contact", "", `{"why":"x"}`, 403)
	}
	if list := call(access.Supervisor, "GET", "/v1/takedowns", "", "", 200); len(list["items"].([]any)) != 1 {
		t.Errorf("%v", list)
	}
	if err := a.searchTakedowns(t.Context()); err != nil {
		t.Fatal(err)
	}
	call(access.Supervisor, "POST", "/v1/takedowns/"+id+"/hold", "", "", 409) // not configured
	call(access.Supervisor, "POST", "/v1/takedowns/"+id+"/decision", "", `{"outcome":"refuse","reason":"allowed_by_terms"}`, 422)
	d := call(access.Supervisor, "POST", "/v1/takedowns/"+id+"/decision", "", `{"outcome":"take_down"}`, 200)
	if d["state"] != "decided" || d["search"] != "done" {
		t.Errorf("%v", d)
	}
	call(access.Service, "POST", "/v1/takedowns/"+id+"/removals", "", `{"items":[{"content_id":"c"}]}`, 200)
	call(access.Supervisor, "GET", "/v1/takedowns/"+id, "", "", 200)
	for _, q := range []string{"waiting", "open", "decided", "removed", "refused", "moved", "all"} {
		list := call(access.Supervisor, "GET", "/v1/takedowns?state="+q, "", "", 200)
		want := 0
		if q == "removed" || q == "all" {
			want = 1
		}
		if got := len(list["items"].([]any)); got != want {
			t.Errorf("%s: %d notices, want %d", q, got, want)
		}
	}
	if found := regexp.MustCompile(`[0-9a-f]{32}|contact-zq|"distance"`).FindString(answers.String()); found != "" {
		t.Errorf("an answer holds %q", found)
	}
}
