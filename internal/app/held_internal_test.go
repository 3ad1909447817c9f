package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/api"
	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/vault"
)

func TestMain(m *testing.M) {
	media.ChildMain()
	os.Exit(m.Run())
}

// walk tries every route to evidence that is held.
type walk struct {
	t    *testing.T
	a    *App
	rand *rand.Rand
	web  http.Handler
	doc  document
	keys []string
	ids  map[string][]string // by the beginning of a path
	pool []string            // all ids, and words that operations take
	held map[string]string   // evidence under a hold, to what was sealed

	answers map[int]int
	calls   map[string]int // methods that gave no error
}

// document is what the walk needs of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	OperationID string `json:"operationId"`
	RequestBody *struct {
		Content map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Enum       []any              `json:"enum"`
	Minimum    float64            `json:"minimum"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Encoding   string             `json:"contentEncoding"`
}

func newWalk(t *testing.T) *walk {
	ctx := t.Context()
	c := Config{Data: t.TempDir()}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	c.Evidence.KeepNotConfirmedDays = 0 // every clock of the operator has run out at once
	a, err := Open(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.openEvents(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Index.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	pool, err := a.NewPool(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	in := a.NewIntake(pool)
	rest := api.New(a.deps("test", pool, in, newTelemetry(a, in, pool)))
	w := &walk{t: t, a: a, web: rest.Handler(), rand: rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))), ids: map[string][]string{}, held: map[string]string{},
		answers: map[int]int{}, calls: map[string]int{}}
	text, err := rest.OpenAPI()
	if err == nil {
		err = json.Unmarshal(text, &w.doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []access.Role{access.Service, access.Reviewer, access.Supervisor, access.Admin, access.Admin} {
		_, key, err := a.Access.CreateKey(ctx, "cli", string(role), role)
		if err != nil {
			t.Fatal(err)
		}
		w.keys = append(w.keys, key)
	}
	w.pool = []string{"over", "legal_hold", "original", "preview", "relevant", "confirmed", "not_confirmed", "P1", "A1", "nca", "ncmec", "referral", "illegal", "evidence", "application/json"}
	return w
}

var maker = safety.Actor{ID: "cli", Name: "Command line", Person: true}

// fill makes decided cases whose clocks have run out, half of them under a hold,
// some of them of one account, and an open one.
func (w *walk) fill() {
	w.t.Helper()
	for i := range 8 {
		account := fmt.Sprintf("acct%d", i%5)
		opened, data := w.open(account, i)
		if i == 7 {
			w.add("/v1/cases/", opened.CaseID)
			continue
		}
		outcome := cases.Judgement{Outcome: cases.NotConfirmed, Reason: "over"}
		if i == 6 {
			outcome = cases.Judgement{Outcome: cases.Confirmed, Reason: "over", IncidentType: "Misleading Words or Digital Images on the Internet", NCMECClass: "B2"}
		}
		if _, err := w.a.Cases.Decide(w.t.Context(), maker, opened.CaseID, outcome, []string{outcome.IncidentType}); err != nil {
			w.t.Fatal(err)
		}
		if i == 6 { // beside the draft of a report, a clock that has run out
			w.tx(func(tx *store.Tx) error {
				return w.a.Vault.SetClock(w.t.Context(), tx, opened.CaseID, vault.Clock{Law: "test", Basis: "test", Until: time.Now()})
			})
		}
		w.seeCase(opened.CaseID, data, i%2 == 0)
		w.add("/v1/accounts/", account)
	}
}

func (w *walk) open(account string, i int) (opened cases.Opened, data string) {
	data = fmt.Sprintf("harmless %d", i)
	w.tx(func(tx *store.Tx) (err error) {
		if err := tx.PutAccount(w.t.Context(), account, "{}", 1); err != nil {
			return err
		}
		opened, err = w.a.Cases.Open(w.t.Context(), tx, cases.Content{ContentID: fmt.Sprint("content", i), AccountID: account, Surface: safety.SurfacePublic, ReceivedAt: time.Now(),
			Verdict: safety.VerdictBlock, Scan: safety.ScanScanned, Queue: "q", Priority: safety.P2, Reason: "r", SHA256: fmt.Sprint(i),
			Findings: []safety.Finding{{Detector: "pdq/1", List: "l", Kind: safety.ListIllegal, Match: safety.MatchNear}},
			Original: []byte(data), MediaType: "image/png", Preview: []byte(data)})
		return err
	})
	return opened, data
}

func (w *walk) tx(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.a.Store.Tx(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *walk) add(path string, ids ...string) {
	for _, id := range ids {
		if id != "" && !slices.Contains(w.ids[path], id) {
			w.ids[path] = append(w.ids[path], id)
			w.pool = append(w.pool, id)
		}
	}
}

// seeCase notes the ids of a case, and holds it.
func (w *walk) seeCase(id, data string, hold bool) {
	w.t.Helper()
	ctx, q := w.t.Context(), w.a.Store.Read()
	w.add("/v1/cases/", id)
	pieces, err := q.EvidenceOfCase(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range pieces {
		w.add("/v1/evidence/", e.ID)
		if hold && e.Role != string(vault.Relevant) {
			w.held[e.ID] = data
		}
	}
	decisions, err := q.DecisionsOfCase(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range decisions {
		w.add("decisions", d.ID)
	}
	reports, err := q.ReportsOfCase(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range reports {
		w.add("/v1/reports/", r.ID)
	}
	if hold {
		w.tx(func(tx *store.Tx) error {
			h, err := w.a.Vault.Hold(ctx, tx, maker, id, vault.NewHold{Kind: "legal_hold", Reason: "over"})
			w.add("/v1/holds/", h.ID)
			return err
		})
	}
}

func pick[T any](w *walk, from []T) T { return from[w.rand.IntN(len(from))] }

// request sends one random operation with a random caller.
func (w *walk) request() {
	w.t.Helper()
	path := pick(w, slices.Sorted(maps.Keys(w.doc.Paths)))
	method := pick(w, slices.Sorted(maps.Keys(w.doc.Paths[path])))
	op := w.doc.Paths[path][method]
	// These take the test's own keys away.
	if slices.Contains([]string{"delete-key", "change-user", "sign-out"}, op.OperationID) {
		return
	}
	url := path
	for before, rest, ok := strings.Cut(url, "{"); ok; before, rest, ok = strings.Cut(url, "{") {
		_, after, _ := strings.Cut(rest, "}")
		ids := w.ids[before]
		if len(ids) == 0 || w.rand.IntN(10) == 0 {
			ids = w.pool
		}
		url = before + strings.ReplaceAll(pick(w, ids), "/", "%2F") + after
	}
	var body []byte
	if op.RequestBody != nil {
		body, _ = json.Marshal(w.value(op.RequestBody.Content["application/json"].Schema, 0))
	}
	req := httptest.NewRequestWithContext(w.t.Context(), strings.ToUpper(method), url, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+pick(w, w.keys))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer := httptest.NewRecorder()
	w.web.ServeHTTP(answer, req)
	w.answers[answer.Code/100]++
	if answer.Code == http.StatusInternalServerError {
		w.t.Errorf("%s: %d %s", op.OperationID, answer.Code, answer.Body)
	}
	if answer.Code/100 == 2 {
		w.calls[op.OperationID]++
	}
}

// value is a random value that the schema takes, mostly.
func (w *walk) value(s *schema, depth int) any {
	for s != nil && s.Ref != "" {
		s = w.doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	switch {
	case s == nil || depth > 6:
		return nil
	case len(s.Enum) > 0:
		return pick(w, s.Enum)
	case s.Format == "date-time":
		return time.Now().Add(time.Duration(w.rand.Int64N(int64(48*time.Hour))) - 24*time.Hour).UTC().Format(time.RFC3339)
	case s.Encoding == "base64":
		return []byte("harmless")
	}
	switch s.Type {
	case "object":
		out := map[string]any{}
		for name, p := range s.Properties {
			if name != "$schema" && w.rand.IntN(4) > 0 {
				out[name] = w.value(p, depth+1)
			}
		}
		return out
	case "array":
		return []any{w.value(s.Items, depth+1)}
	case "integer", "number":
		return s.Minimum
	case "boolean":
		return w.rand.IntN(2) == 0
	}
	return w.word()
}

// word is an id of a random kind, or a word that operations take.
func (w *walk) word() string {
	if w.rand.IntN(4) > 0 {
		return pick(w, w.ids[pick(w, slices.Sorted(maps.Keys(w.ids)))])
	}
	return pick(w, w.pool)
}

// method calls one random exported method of a desk, with random arguments.
func (w *walk) method() {
	w.t.Helper()
	desk := reflect.ValueOf(pick(w, []any{w.a.Vault, w.a.Cases, w.a.Reports}))
	i := w.rand.IntN(desk.NumMethod())
	name := desk.Type().Elem().String() + "." + desk.Type().Method(i).Name
	// How far to believe the clock, how much of the disk to leave and how to read
	// files is said once, before anything else.
	if slices.Contains([]string{"vault.Vault.SetTrust", "vault.Vault.SetReserve", "reporting.Desk.UseMetadata"}, name) {
		return
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	var out []reflect.Value
	err := w.a.Store.Tx(ctx, func(tx *store.Tx) error {
		fn := desk.Method(i).Type()
		takesTx := false
		args := make([]reflect.Value, fn.NumIn())
		for j := range args {
			switch fn.In(j) {
			case reflect.TypeFor[context.Context]():
				args[j] = reflect.ValueOf(ctx)
			case reflect.TypeFor[*store.Tx]():
				args[j], takesTx = reflect.ValueOf(tx), true
			default:
				args[j] = reflect.New(fn.In(j)).Elem()
				w.random(args[j], 0)
			}
		}
		if !takesTx { // it begins its own, and SQLite has one writer
			return errNoTx{func() { out = desk.Method(i).Call(args) }}
		}
		out = desk.Method(i).Call(args)
		return failed(out)
	})
	if e, ok := err.(errNoTx); ok {
		e.call()
		err = failed(out)
	}
	if err == nil {
		w.calls[name]++
	}
	for _, o := range out { // what is to be done once the transaction has committed
		if after, ok := o.Interface().(func() error); ok && after != nil {
			_ = after()
		}
	}
}

// errNoTx rolls back the transaction of a method that wants none.
type errNoTx struct{ call func() }

func (errNoTx) Error() string { return "no transaction" }

func failed(out []reflect.Value) error {
	for _, o := range out {
		if err, ok := o.Interface().(error); ok && err != nil {
			return err
		}
	}
	return nil
}

// random fills v.
func (w *walk) random(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Now().Add(time.Duration(w.rand.Int64N(int64(48*time.Hour))) - 24*time.Hour)))
		return
	}
	if v.Type() == reflect.TypeFor[safety.Actor]() { // always the same person, or two of them could release a hold
		who := maker
		who.Person = w.rand.IntN(4) > 0
		v.Set(reflect.ValueOf(who))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(w.word())
	case reflect.Bool:
		v.SetBool(w.rand.IntN(2) == 0)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(w.rand.Int64N(3))
	case reflect.Slice:
		if n := w.rand.IntN(3); n > 0 && depth < 4 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				w.random(v.Index(i), depth+1)
			}
		}
	case reflect.Uint8:
		v.SetUint(uint64('x'))
	case reflect.Pointer:
		if w.rand.IntN(2) == 0 && depth < 4 {
			v.Set(reflect.New(v.Type().Elem()))
			w.random(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				w.random(field, depth+1)
			}
		}
	default: // maps, functions, interfaces stay empty
	}
}

func (w *walk) check(after int) {
	w.t.Helper()
	for id, want := range w.held {
		data, _, err := w.a.Vault.Open(w.t.Context(), id)
		if err != nil || string(data) != want {
			w.t.Fatalf("after %d steps held evidence %s is %q (%v)", after, id, data, err)
		}
	}
}

// TestHeld_NoRoute: nobody can destroy evidence that is held, through whatever
// operation of the API and whatever exported method of the rooms that hold it, in
// whatever order. All callers are one person, so no release is ever right.
func TestHeld_NoRoute(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	w.fill()
	if len(w.held) < 6 {
		t.Fatalf("only %d pieces are held", len(w.held))
	}
	// What nobody holds goes; the walk is not about a destroyer that does nothing.
	free := w.ids["/v1/cases/"][1]
	if n, err := w.a.Vault.Expire(t.Context()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if k, err := w.a.Store.Read().CaseKey(t.Context(), free); err != nil || k.DestroyedAt == 0 {
		t.Errorf("the case that nobody held is still there (%v)", err)
	}
	w.check(0)
	const steps = 4000
	for i := range steps {
		if i%2 == 0 {
			w.request()
		} else {
			w.method()
		}
		if i%50 == 0 {
			w.check(i)
		}
	}
	w.check(steps)
	t.Logf("answers by hundreds: %v; %d operations and methods worked at least once", w.answers, len(w.calls))
	if w.answers[2] < steps/20 {
		t.Errorf("only %d requests were taken: the walk goes nowhere", w.answers[2])
	}
	for _, name := range []string{"ask-release", "erase-account", "vault.Vault.Expire", "vault.Vault.Sweep", "vault.Vault.Erase"} {
		if w.calls[name] == 0 {
			t.Errorf("%s never worked", name)
		}
	}
	v, err := w.a.Vault.Verify(t.Context())
	if err != nil || len(v.Problems) > 0 {
		t.Errorf("verify: %+v (%v)", v, err)
	}
	// And a held case goes when two people have let it go.
	opened, data := w.open("released", 100)
	if _, err := w.a.Cases.Decide(t.Context(), maker, opened.CaseID, cases.Judgement{Outcome: cases.NotConfirmed, Reason: "over"}, nil); err != nil {
		t.Fatal(err)
	}
	w.seeCase(opened.CaseID, data, true)
	for _, gone := range []bool{false, true} {
		if gone {
			w.release(opened.CaseID)
		}
		if _, err := w.a.Vault.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k, err := w.a.Store.Read().CaseKey(t.Context(), opened.CaseID); err != nil || (k.DestroyedAt != 0) != gone {
			t.Errorf("released: %t, destroyed: %t (%v)", gone, k.DestroyedAt != 0, err)
		}
	}
}

// release releases every hold of a case, by two people.
func (w *walk) release(caseID string) {
	w.t.Helper()
	ctx := w.t.Context()
	w.tx(func(tx *store.Tx) error {
		holds, err := tx.HoldsOfCase(ctx, caseID)
		for _, h := range holds {
			if h.ReleasedAt != 0 {
				continue
			}
			if _, err := w.a.Vault.AskRelease(ctx, tx, safety.Actor{ID: "user:a", Person: true}, h.ID, "over"); err != nil {
				return err
			}
			if _, err := w.a.Vault.ConfirmRelease(ctx, tx, safety.Actor{ID: "user:b", Person: true}, h.ID, "over"); err != nil {
				return err
			}
		}
		return err
	})
}
