package statement_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/fakes/dsa"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/statement"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var texts = map[safety.ListKind]statement.Text{
	safety.ListIllegal: {Ground: "illegal", LegalGround: "National law of the operator", Explanation: "The file is on a list of illegal material.", Facts: "A comparison with a list found it, and a person confirmed it.",
		Category: "STATEMENT_CATEGORY_PROTECTION_OF_MINORS", Specification: []string{"KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"}},
	safety.ListHarmful: {Ground: "incompatible", LegalGround: "Terms, section 4", Explanation: "The terms do not allow it.", Facts: "A comparison with a list found it.",
		Category: "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", ReferenceURL: "https://example.test/terms"},
}

type bench struct {
	*statement.Desk
	t     testing.TB
	store *store.Store
	dsa   *dsa.Server
	now   time.Time
	told  []safety.Event
}

func newBench(t testing.TB, s *store.Store, change func(*statement.Config)) *bench {
	t.Helper()
	b := &bench{t: t, store: s, dsa: dsa.New("tok"), now: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(b.dsa)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	cfg := statement.Config{Texts: texts, URL: server.URL + "/api/v1/statements", Token: "tok", Territory: []string{"DE", "FR"}}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	b.Desk = statement.NewDesk(s, func() time.Time { return b.now }, cfg, statement.Hooks{Announce: func(_ context.Context, _ *store.Tx, e safety.Event) error {
		b.told = append(b.told, e)
		return nil
	}})
	return b
}

func (b *bench) act(n int) {
	b.t.Helper()
	err := b.store.Tx(b.t.Context(), func(tx *store.Tx) error {
		return b.Acted(b.t.Context(), tx, statement.Act{CheckID: fmt.Sprintf("chk_%03d", n), ContentID: fmt.Sprintf("content %d", n), AccountID: "account-zq",
			Kinds: []safety.ListKind{safety.ListHarmful}, Verdict: safety.VerdictLimit, Format: "jpeg"})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) send() {
	b.t.Helper()
	if err := b.Send(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) states() map[string]int64 {
	b.t.Helper()
	rows, err := b.store.Read().CountStatements(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.State] = r.N
	}
	return out
}

func (b *bench) row(puid string) statement.View {
	b.t.Helper()
	r, err := b.store.Read().Statement(b.t.Context(), puid)
	if err != nil {
		b.t.Fatal(err)
	}
	v, err := statement.Show(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// decide makes a case with one item and a confirmed decision.
func (b *bench) decide(kind safety.ListKind) (caseID, decisionID string) {
	b.t.Helper()
	ctx := b.t.Context()
	caseID, decisionID = safety.NewID("cas", b.now), safety.NewID("dec", b.now)
	item := safety.NewID("itm", b.now)
	at := store.Micros(b.now)
	err := b.store.Tx(ctx, func(tx *store.Tx) error {
		for _, step := range []func() error{
			func() error {
				return tx.CreateCase(ctx, db.CreateCaseParams{ID: caseID, State: "decided", Queue: "q", Priority: "P2", AccountID: "account-zq", OpenedAt: at})
			},
			func() error {
				return tx.AddItem(ctx, db.AddItemParams{ID: item, CaseID: caseID, ContentID: "content-zq", AccountID: "account-zq", Verdict: "block", Format: "png", ReceivedAt: at, DedupeKey: item, Filename: "name-zq", Ip: "192.0.2.7", Url: "https://zq.example.test"})
			},
			func() error {
				return tx.AddFinding(ctx, db.AddFindingParams{ID: safety.NewID("fnd", b.now), ItemID: item, ListName: "list-zq", ListKind: string(kind)})
			},
			func() error {
				return tx.AddDecision(ctx, db.AddDecisionParams{ID: decisionID, CaseID: caseID, DecidedBy: "user:zq", DecidedName: "Name zq", At: at, Outcome: "confirmed", Reason: "reason zq", Note: "note zq"})
			},
			func() error { return b.Decided(ctx, tx, caseID, b.now.Add(10*time.Second)) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return caseID, decisionID
}

// TestDecided: a confirmed decision is sent once, under its own id, and nothing
// personal is in it.
func TestDecided(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t), nil)
		caseID, dec := b.decide(safety.ListIllegal)
		b.send()
		if len(b.dsa.Held()) != 0 {
			t.Fatal("it was sent before the decision was final")
		}
		b.now = b.now.Add(time.Minute)
		b.send()
		b.send()
		held := b.dsa.Held()
		if len(held) != 1 || held[dec] == nil || b.dsa.Asked() != 1 {
			t.Fatalf("the database holds %v after %d requests", held, b.dsa.Asked())
		}
		text, _ := json.Marshal(held)
		if strings.Contains(string(text), "zq") || strings.Contains(string(text), "192.0.2.7") || strings.Contains(string(text), caseID) {
			t.Errorf("the statement tells more than it may: %s", text)
		}
		if v := b.row(dec); v.State != statement.Filed || v.RemoteID != "uuid-"+dec || v.FiledAt == nil {
			t.Errorf("%+v", v)
		}
		if len(b.told) != 1 || b.told[0].Type != "decision.statement" || b.told[0].Subject != caseID {
			t.Errorf("the platform was told %+v", b.told)
		}
	})
}

func TestCanaryHasNone(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	b.decide(safety.ListCanary)
	if n := b.states(); len(n) != 0 {
		t.Error(n)
	}
}

// TestUndone: what was not sent never is; what may have been is marked.
func TestUndone(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	_, early := b.decide(safety.ListIllegal)
	undo := func(id string) {
		if err := b.store.Tx(t.Context(), func(tx *store.Tx) error { return b.Undone(t.Context(), tx, id) }); err != nil {
			t.Fatal(err)
		}
	}
	undo(early)
	undo("dec_unknown")
	_, late := b.decide(safety.ListIllegal)
	_, lost := b.decide(safety.ListIllegal)
	b.now = b.now.Add(time.Minute)
	b.dsa.Fail(dsa.Lost)
	b.send()
	undo(lost) // it may be there: it must be asked for all the same
	b.now = b.now.Add(time.Hour)
	b.send()
	undo(late)
	if v := b.row(early); v.State != statement.Withdrawn || b.dsa.Held()[early] != nil {
		t.Errorf("early: %+v", v)
	}
	for _, id := range []string{late, lost} {
		if v := b.row(id); v.State != statement.Filed || v.UndoneAt == nil {
			t.Errorf("%+v", v)
		}
	}
}

// TestFaults: whatever goes wrong, in the end each statement is at the database
// exactly once and known to be. The stand-in refuses a second copy, so a puid
// that it holds was taken once.
func TestFaults(t *testing.T) {
	all := []dsa.Fault{dsa.Lost, dsa.Truncated, dsa.HTML, dsa.HTMLAfter, dsa.Busy, dsa.Broken, dsa.Cut, dsa.Forgetful, dsa.Impatient, dsa.Unnamed, dsa.None}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t, storetest.Open(t), nil)
			n := []int{1, 2, 99, 101}[dice.IntN(4)]
			for i := range n {
				b.act(i)
			}
			faults := make([]dsa.Fault, dice.IntN(12))
			for i := range faults {
				faults[i] = all[dice.IntN(len(all))]
			}
			b.dsa.Fail(faults...)
			for range len(faults) + 4 {
				b.send()
				b.now = b.now.Add(25 * time.Hour)
			}
			if got := b.states(); got["filed"] != int64(n) || len(got) != 1 || len(b.dsa.Held()) != n {
				t.Errorf("%d statements, faults %v: %v here, %d there", n, faults, got, len(b.dsa.Held()))
			}
		})
	}
}

// TestEachFault goes through the faults one by one, so that none is left to luck.
func TestEachFault(t *testing.T) {
	for name, f := range map[string]dsa.Fault{"lost": dsa.Lost, "truncated": dsa.Truncated, "HTML": dsa.HTML, "HTML after": dsa.HTMLAfter, "busy": dsa.Busy, "broken": dsa.Broken,
		"cut": dsa.Cut, "forgetful": dsa.Forgetful, "impatient": dsa.Impatient, "redirect": dsa.Unnamed} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, storetest.Open(t), nil)
			for i := range 5 {
				b.act(i)
			}
			b.dsa.Fail(f)
			b.send()
			for puid, v := range map[string]statement.View{"chk_000": b.row("chk_000"), "chk_004": b.row("chk_004")} {
				if v.State == statement.Filed && b.dsa.Held()[puid] == nil {
					t.Errorf("%s counts as filed and is not", puid)
				}
			}
			b.now = b.now.Add(25 * time.Hour)
			b.send()
			if got := b.states(); got["filed"] != 5 || len(b.dsa.Held()) != 5 {
				t.Errorf("%v here, %d there", got, len(b.dsa.Held()))
			}
		})
	}
}

// TestVague: a refusal that does not say which statement is meant finds its way to
// the one that is.
func TestVague(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	for i := range 3 {
		b.act(i)
	}
	b.dsa.Fail(dsa.Vague, dsa.Vague) // the three, then the first alone
	b.send()
	if got := b.states(); got["filed"] != 2 || got["refused"] != 1 {
		t.Error(got)
	}
}

// TestRefused: a statement that the database finds wrong goes to a person, and
// the others of its batch are sent.
func TestRefused(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	for i := range 4 {
		b.act(i)
	}
	// The rules of the other side have changed since the draft: play it in the row.
	row := b.row("chk_002")
	row.Statement.DecisionFacts = ""
	text, _ := json.Marshal(row.Statement)
	if _, err := b.store.Read().RetryStatement(t.Context(), "chk_002", store.Micros(b.now), string(text)); err != nil {
		t.Fatal(err)
	}
	b.send()
	if got := b.states(); got["filed"] != 3 || got["refused"] != 1 {
		t.Fatal(got)
	}
	v := b.row("chk_002")
	if v.State != statement.Refused || len(v.Problems) != 1 || v.Problems[0].Field != "decision_facts" {
		t.Fatalf("%+v", v)
	}
	if err := b.Retry(t.Context(), safety.Actor{ID: "user:usr_1", Person: true}, "chk_002"); err != nil {
		t.Fatal(err)
	}
	b.send()
	if got := b.states(); got["filed"] != 4 || len(b.dsa.Held()) != 4 {
		t.Error(got)
	}
}

// TestToken: a token that is refused loses nothing.
func TestToken(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	b.dsa.Token = "other"
	b.act(1)
	b.send()
	if v := b.row("chk_001"); v.State != statement.Waiting || !strings.Contains(v.LastError, "token") {
		t.Fatalf("%+v", v)
	}
	b.dsa.Token = "tok"
	b.now = b.now.Add(31 * time.Minute)
	b.send()
	if v := b.row("chk_001"); v.State != statement.Filed {
		t.Errorf("%+v", v)
	}
}

// TestDied: what a process had on its way when it died is sent after its lease.
func TestDied(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	b.act(1)
	if n, err := b.store.Read().LeaseStatement(t.Context(), "chk_001", store.Micros(b.now), store.Micros(b.now.Add(5*time.Minute))); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b.send()
	if b.dsa.Asked() != 0 {
		t.Error("two processes send one statement")
	}
	b.now = b.now.Add(6 * time.Minute)
	b.send()
	if v := b.row("chk_001"); v.State != statement.Filed {
		t.Errorf("%+v", v)
	}
}

func TestNotSent(t *testing.T) {
	for name, change := range map[string]func(*statement.Config){
		"no address": func(c *statement.Config) { c.URL, c.Token = "", "" },
		"exempt": func(c *statement.Config) {
			c.Exempt = func(context.Context, *db.Queries) (bool, error) { return true, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, storetest.Open(t), change)
			b.act(1)
			b.send()
			if v := b.row("chk_001"); v.State != statement.Kept || b.dsa.Asked() != 0 || len(b.told) != 1 {
				t.Errorf("%+v, told %d", v, len(b.told))
			}
		})
	}
	t.Run("no texts", func(t *testing.T) {
		b := newBench(t, storetest.Open(t), func(c *statement.Config) { *c = statement.Config{} })
		b.act(1)
		if len(b.states()) != 0 {
			t.Error("a statement was drafted without any sentence")
		}
	})
	t.Run("no text for this kind", func(t *testing.T) {
		b := newBench(t, storetest.Open(t), nil)
		_, dec := b.decide(safety.ListTerrorism)
		b.now = b.now.Add(time.Minute)
		b.send()
		if v := b.row(dec); v.State != statement.Refused || len(v.Problems) == 0 || b.dsa.Asked() != 0 {
			t.Errorf("%+v", v)
		}
	})
}

func TestOncePerContent(t *testing.T) {
	b := newBench(t, storetest.Open(t), nil)
	b.act(1)
	b.act(1)
	if got := b.states(); got["waiting"] != 1 || len(b.told) != 1 {
		t.Errorf("%v, told %d times", got, len(b.told))
	}
}

// TestValidate: Rowan and the stand-in, which share no code, agree on what is
// wrong.
func TestValidate(t *testing.T) {
	pick := func(rt *rapid.T, name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
	long := func(n int) string { return strings.Repeat("ä", n) }
	rapid.Check(t, func(rt *rapid.T) {
		s := statement.Statement{
			PUID:                pick(rt, "puid", "dec_1", "a-b", "", "a b", "a\n", long(501)),
			DecisionVisibility:  rapid.SliceOfN(rapid.SampledFrom([]string{"DECISION_VISIBILITY_CONTENT_REMOVED", "DECISION_VISIBILITY_OTHER", "X"}), 0, 2).Draw(rt, "visibility"),
			DecisionGround:      pick(rt, "ground", statement.Illegal, statement.Incompatible, ""),
			IllegalLegalGround:  pick(rt, "legal", "", "law", long(500), long(501)),
			IllegalExplanation:  pick(rt, "explanation", "", "because", long(2000), long(2001)),
			IncompatibleGround:  pick(rt, "terms", "", "terms"),
			ContentType:         rapid.SliceOfN(rapid.SampledFrom([]string{"CONTENT_TYPE_IMAGE", "CONTENT_TYPE_OTHER", "X"}), 0, 2).Draw(rt, "type"),
			ContentTypeOther:    pick(rt, "other", "", "a link"),
			Category:            pick(rt, "category", "STATEMENT_CATEGORY_PROTECTION_OF_MINORS", ""),
			ContentDate:         pick(rt, "content date", "2000-01-01", "1999-12-31", "2026-02-30", "2038-01-02"),
			ApplicationDate:     pick(rt, "date", "2026-11-27", "2019-12-31"),
			DecisionFacts:       pick(rt, "facts", "facts", "", long(5000), long(5001)),
			SourceType:          pick(rt, "source", statement.Voluntary, "SOURCE_ARTICLE_16", "X"),
			SourceIdentity:      pick(rt, "identity", "", "somebody"),
			AutomatedDetection:  pick(rt, "detection", "Yes", "No", "yes"),
			AutomatedDecision:   pick(rt, "decision", statement.Fully, statement.Partially, ""),
			IncompatibleIllegal: "",
		}
		if s.DecisionGround == statement.Incompatible {
			s.IncompatibleExplanation = pick(rt, "why", "", "because")
		}
		ours := []string{}
		for _, p := range s.Validate() {
			ours = append(ours, p.Field)
		}
		slices.Sort(ours)
		theirs := dsa.Wrong(s)
		if !slices.Equal(slices.Compact(ours), theirs) {
			rt.Fatalf("we find %v, the stand-in %v", ours, theirs)
		}
	})
}

func TestConfigCheck(t *testing.T) {
	ok := statement.Config{Texts: texts, URL: "https://dsa.example.test/api/v1/statements", Token: "t"}
	if err := ok.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*statement.Config){
		"plain http": func(c *statement.Config) { c.URL = "http://dsa.example.test/api" },
		"no token":   func(c *statement.Config) { c.Token = "" },
		"no texts":   func(c *statement.Config) { c.Texts = nil },
		"unknown kind": func(c *statement.Config) {
			c.Texts = map[safety.ListKind]statement.Text{"x": texts[safety.ListHarmful]}
		},
		"sentence without facts": func(c *statement.Config) {
			c.Texts = map[safety.ListKind]statement.Text{safety.ListHarmful: {Ground: "incompatible", LegalGround: "a", Explanation: "b", Category: "STATEMENT_CATEGORY_VIOLENCE"}}
		},
		"a country that is none": func(c *statement.Config) { c.Territory = []string{"UK"} },
	} {
		c := ok
		change(&c)
		if c.Check() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
