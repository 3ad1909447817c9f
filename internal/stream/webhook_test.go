package stream_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

const actor = "user:usr_anna"

// TestSign_StandardWebhooksVector is the example of the specification's
// reference libraries.
func TestSign_StandardWebhooksVector(t *testing.T) {
	t.Parallel()
	got := stream.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if got := stream.Sign("whsec_not base 64", "id", start, nil); got != "" {
		t.Errorf("a secret that is none signs: %s", got)
	}
}

// request is what an endpoint has received.
type request struct {
	header http.Header
	body   string
}

// endpoint is a receiver whose answers are a list, the last one for ever.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	got     []request // guarded by mu
	answers []int     // guarded by mu
}

func newEndpoint(t *testing.T, answers ...int) *endpoint {
	t.Helper()
	e := &endpoint{answers: answers}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.got = append(e.got, request{r.Header.Clone(), string(body)})
		status := e.answers[0]
		if len(e.answers) > 1 {
			e.answers = e.answers[1:]
		}
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) requests() []request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]request(nil), e.got...)
}

type bench struct {
	t     *testing.T
	now   time.Time
	data  *storetest.Database
	store *store.Store
	hooks *stream.Webhooks
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: start, data: storetest.New(t)}
	b.store = b.data.Open(t)
	b.hooks = stream.NewWebhooks(b.store, func() time.Time { return b.now })
	return b
}

func (b *bench) create(url string, events ...string) db.Webhook {
	b.t.Helper()
	h, err := b.hooks.Create(b.t.Context(), actor, url, events)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

func (b *bench) announce(e safety.Event) {
	b.t.Helper()
	if err := b.store.Tx(b.t.Context(), func(tx *store.Tx) error { return b.hooks.Announce(b.t.Context(), tx, e) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) deliveries() []db.Delivery {
	b.t.Helper()
	rows, err := b.store.Read().Deliveries(b.t.Context(), 1<<62, "", 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

func (b *bench) only() db.Delivery {
	b.t.Helper()
	all := b.deliveries()
	if len(all) != 1 {
		b.t.Fatalf("%d deliveries, want one", len(all))
	}
	return all[0]
}

func (b *bench) jobs() (n int) {
	b.t.Helper()
	if err := b.data.SQL(b.t).QueryRowContext(b.t.Context(), "select count(*) from river_job where kind = 'webhook_deliver'").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

var decided = safety.Event{Type: "case.decided", Subject: "cas_1", Data: map[string]any{"case_id": "cas_1", "outcome": "confirmed"}}

func TestDeliver_Success(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 204)
	h := b.create(e.URL)
	b.announce(decided)
	d := b.only()
	if b.jobs() != 1 || d.State != "pending" {
		t.Errorf("%d jobs, state %s", b.jobs(), d.State)
	}
	b.now = start.Add(time.Minute)
	if err := b.hooks.Deliver(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	got := e.requests()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	r := got[0]
	if r.header.Get("webhook-id") != d.EventID || r.header.Get("webhook-timestamp") != fmt.Sprint(b.now.Unix()) || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Secret, "whsec_"))
	if err != nil || len(key) != 24 {
		t.Fatalf("secret of %d bytes (%v)", len(key), err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(r.header.Get("webhook-id") + "." + r.header.Get("webhook-timestamp") + "." + r.body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("webhook-signature") != want {
		t.Error("the signature does not verify")
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "case.decided", "timestamp": start.Format(time.RFC3339), "data": map[string]any{"case_id": "cas_1", "outcome": "confirmed"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if d := b.only(); d.State != "delivered" || d.LastStatus != 204 || d.Attempts != 1 || d.DeliveredAt == 0 {
		t.Errorf("delivery %+v", d)
	}
	if err := b.hooks.Deliver(t.Context(), d.ID); err != nil || len(e.requests()) != 1 {
		t.Errorf("a delivered one went again (%v)", err)
	}
}

func TestDeliver_RetriesWithOneID(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 500, 429, 200)
	b.create(e.URL)
	b.announce(decided)
	d := b.only()
	for i, want := range []int64{500, 429} {
		if err := b.hooks.Deliver(t.Context(), d.ID); err == nil {
			t.Fatal("no further attempt was asked for")
		}
		got := b.only()
		if got.State != "failing" || got.LastStatus != want || got.Attempts != int64(i+1) || got.NextAttemptAt <= store.Micros(b.now) {
			t.Errorf("after attempt %d: %+v", i+1, got)
		}
		b.now = store.Time(got.NextAttemptAt)
	}
	if err := b.hooks.Deliver(t.Context(), d.ID); err != nil || b.only().State != "delivered" || b.only().LastError != "" {
		t.Errorf("%v, %+v", err, b.only())
	}
	ids, bodies := map[string]bool{}, map[string]bool{}
	for _, r := range e.requests() {
		ids[r.header.Get("webhook-id")], bodies[r.body] = true, true
	}
	if len(ids) != 1 || len(bodies) != 1 {
		t.Errorf("%d ids and %d bodies for one event", len(ids), len(bodies))
	}
}

func TestDeliver_ThreeDaysThenAnOperator(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 503)
	b.create(e.URL)
	b.announce(decided)
	d, attempts := b.only(), 0
	for {
		attempts++
		if err := b.hooks.Deliver(t.Context(), d.ID); err == nil {
			break
		}
		b.now = store.Time(b.only().NextAttemptAt)
		if attempts > 100 {
			t.Fatal("never ends")
		}
	}
	if lasted := b.now.Sub(start); lasted < 70*time.Hour || lasted > 90*time.Hour || attempts < 8 {
		t.Errorf("%d attempts in %v, want about three days", attempts, lasted)
	}
	if got := b.only(); got.State != "failing" || got.NextAttemptAt != 0 {
		t.Errorf("an operator does not see it: %+v", got)
	}
	jobs := b.jobs()
	if err := b.hooks.Retry(t.Context(), actor, d.ID); err != nil || b.jobs() != jobs+1 {
		t.Errorf("retry: %v", err)
	}
	e.mu.Lock()
	e.answers = []int{200}
	e.mu.Unlock()
	if err := b.hooks.Deliver(t.Context(), d.ID); err != nil || b.only().State != "delivered" {
		t.Errorf("after the retry: %v", err)
	}
	if err := b.hooks.Retry(t.Context(), actor, d.ID); safety.KindOf(err) != safety.Conflict {
		t.Errorf("retrying a delivered one: %v", err)
	}
}

func TestSweep_OverdueOnly(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 200)
	b.create(e.URL)
	b.announce(decided)
	jobs := b.jobs()
	for _, step := range []struct {
		after time.Duration
		more  int
	}{{30 * time.Second, 0}, {2 * time.Minute, 1}} {
		b.now = start.Add(step.after)
		if err := b.hooks.Sweep(t.Context()); err != nil || b.jobs() != jobs+step.more {
			t.Errorf("after %v: %d jobs, want %d (%v)", step.after, b.jobs(), jobs+step.more, err)
		}
	}
	if err := b.hooks.Deliver(t.Context(), b.only().ID); err != nil {
		t.Fatal(err)
	}
	b.now = start.Add(time.Hour)
	if err := b.hooks.Sweep(t.Context()); err != nil || b.jobs() != jobs+1 {
		t.Errorf("swept a delivered one (%v)", err)
	}
}

func TestRetract(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 200)
	b.create(e.URL)
	later := decided
	later.After = start.Add(10 * time.Second)
	b.announce(later)
	other := later
	other.Subject = "cas_2"
	b.announce(other)
	retract := func() (n int64) {
		t.Helper()
		if err := b.store.Tx(t.Context(), func(tx *store.Tx) (err error) {
			n, err = b.hooks.Retract(t.Context(), tx, "cas_1")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := retract(); n != 1 {
		t.Errorf("cancelled %d, want 1", n)
	}
	b.now = start.Add(time.Minute)
	states := map[string]string{}
	for _, d := range b.deliveries() {
		if err := b.hooks.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range b.deliveries() {
		states[d.Subject] = d.State
	}
	if diff := cmp.Diff(map[string]string{"cas_1": "cancelled", "cas_2": "delivered"}, states); diff != "" || len(e.requests()) != 1 {
		t.Errorf("%d requests; states (-want +got):\n%s", len(e.requests()), diff)
	}
	b.announce(decided) // due at once
	if n := retract(); n != 0 {
		t.Errorf("cancelled %d that may be on their way", n)
	}
}

func TestDelete_StopsWhatIsQueued(t *testing.T) {
	t.Parallel()
	b, e := newBench(t), newEndpoint(t, 200)
	h := b.create(e.URL)
	b.announce(decided)
	if err := b.hooks.Delete(t.Context(), actor, h.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.hooks.Deliver(t.Context(), b.only().ID); err != nil || b.only().State != "cancelled" || len(e.requests()) != 0 {
		t.Errorf("%v, %+v, %d requests", err, b.only(), len(e.requests()))
	}
	b.announce(decided)
	if n := len(b.deliveries()); n != 1 {
		t.Errorf("%d deliveries after the endpoint was deleted", n)
	}
	if err := b.hooks.Delete(t.Context(), actor, h.ID); safety.KindOf(err) != safety.NotFound {
		t.Errorf("deleting twice: %v", err)
	}
}

func TestAnnounce_OnlyWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("https://a.example.test/", "case.decided", "report.filed")
	b.create("https://b.example.test/", "report.filed")
	b.create("https://c.example.test/")
	b.announce(decided)
	if n := len(b.deliveries()); n != 2 {
		t.Errorf("%d deliveries, want two", n)
	}
	ids := map[string]bool{}
	for _, d := range b.deliveries() {
		ids[d.EventID] = true
	}
	if len(ids) != 1 {
		t.Error("one event has several ids")
	}
}

// TestDeliver_Unreachable: nothing of secret or address is in what is stored.
func TestDeliver_Unreachable(t *testing.T) {
	t.Parallel()
	closed := newEndpoint(t, 200)
	closed.Close()
	redirect := newEndpoint(t, 302, 200)
	for name, tc := range map[string]struct{ url, says string }{
		"nobody listens": {closed.URL + "/token-in-path", "cannot be reached"},
		"a redirect":     {redirect.URL, "answered 302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			h := b.create(tc.url)
			b.announce(decided)
			err := b.hooks.Deliver(t.Context(), b.only().ID)
			if err == nil {
				t.Fatal("delivered")
			}
			d := b.only()
			if d.State != "failing" || !strings.Contains(d.LastError, tc.says) {
				t.Errorf("state %s, error %q", d.State, d.LastError)
			}
			for _, secret := range []string{h.Secret, strings.TrimPrefix(h.Secret, "whsec_"), "token-in-path"} {
				if strings.Contains(d.LastError+err.Error(), secret) {
					t.Errorf("the error tells a secret: %s / %v", d.LastError, err)
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := len(redirect.requests()); n > 1 {
			t.Errorf("a redirect was followed: %d requests", n)
		}
	})
}

func TestCreate_Refusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, u := range []string{"", "example.test", "ftp://example.test/", "https://", "https://user:password@example.test/", "javascript:x", "https://example.test/" + strings.Repeat("a", 2000)} {
		if _, err := b.hooks.Create(t.Context(), actor, u, nil); safety.KindOf(err) != safety.Invalid {
			t.Errorf("%q: %v", u, err)
		} else if strings.Contains(err.Error(), "password@") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
	if _, err := b.hooks.Create(t.Context(), actor, "https://example.test/", []string{"case.opened"}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("an unknown event: %v", err)
	}
	h := b.create("https://example.test/")
	rows, err := b.store.Read().EntriesOfSubject(context.Background(), h.ID, "~", 10)
	if err != nil || len(rows) != 1 || strings.Contains(rows[0].Detail, h.Secret) {
		t.Errorf("ledger: %+v (%v)", rows, err)
	}
}
