package endtoend

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
)

var pathRuns = flag.Int("runs", 40, "conversations of TestEndToEndExtortionPath")

// TestEndToEndExtortionPath: from the demand of money to the platform's webhook that
// shows the child the help screen, over the whole server: HTTP, stream, database,
// webhook. The times are printed, and every child gets it exactly once.
func TestEndToEndExtortionPath(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t), readsPrivate)
	var mu sync.Mutex
	arrived, times := map[string]time.Time{}, map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct {
			Type string `json:"type"`
			Data struct {
				ConversationID string `json:"conversation_id"`
			} `json:"data"`
		}
		if err := json.NewDecoder(r.Body).Decode(&e); err == nil && e.Type == "child.help_screen" {
			mu.Lock()
			defer mu.Unlock()
			arrived[e.Data.ConversationID] = time.Now()
			times[e.Data.ConversationID]++
		}
	}))
	defer hook.Close()
	supervisor := caller{t, s.base(), s.key("supervisor")}
	supervisor.send("POST", "/v1/webhooks", map[string]any{"url": hook.URL, "events": []string{"child.help_screen"}}, nil)
	platform := client.New(s.base(), s.key("service"))
	sent := make([]time.Time, *pathRuns)
	say := func(run, n int, text string) client.Event {
		return client.Event{ID: fmt.Sprintf("x%d-%d", run, n), Source: "path", Type: "message", Data: map[string]any{"conversation_id": fmt.Sprintf("p%d", run), "surface": "private",
			"jurisdiction": "GB", "from": map[string]any{"id": fmt.Sprintf("actor%d", run)}, "to": []any{map[string]any{"id": fmt.Sprintf("kid%d", run), "age_band": "13-15"}}, "text": text}}
	}
	for run := range *pathRuns {
		if _, err := platform.SendEvents(t.Context(), say(run, 1, "i will send this to all your friends")); err != nil {
			t.Fatal(err)
		}
		sent[run] = time.Now()
		if _, err := platform.SendEvents(t.Context(), say(run, 2, "you have to pay me")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // a platform under some load, not a flood
	}
	got := func() int { mu.Lock(); defer mu.Unlock(); return len(arrived) }
	for end := time.Now().Add(time.Minute); got() < *pathRuns && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	var took []time.Duration
	for run := range *pathRuns {
		id := fmt.Sprintf("p%d", run)
		if times[id] != 1 {
			t.Errorf("%s: the help screen was asked for %d times", id, times[id])
			continue
		}
		took = append(took, arrived[id].Sub(sent[run]))
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	ms := func(part float64) time.Duration { return took[int(part*float64(len(took)-1))].Round(time.Millisecond) }
	t.Logf("%d runs, from the demand to the platform's webhook: p50 %s, p90 %s, p99 %s, longest %s", len(took), ms(.5), ms(.9), ms(.99), ms(1))
}
