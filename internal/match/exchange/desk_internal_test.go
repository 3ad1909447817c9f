package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

func trait(s exchanges.Service) traits {
	return services[slices.IndexFunc(services, func(t traits) bool { return t.service == s })]
}

func (g *rig) get() Exchange {
	g.t.Helper()
	e, err := g.desk.Get(g.t.Context(), "ex")
	g.ok(err)
	return e
}

// TestEach: on both engines, each service is read to its end and followed, and a
// second reading changes nothing.
func TestEach(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		for _, tr := range services {
			t.Run(string(tr.service), func(t *testing.T) {
				g := newRig(t, open(t), tr, 3)
				for range 12 {
					g.clock.pass(time.Hour)
					g.mutate()
				}
				e := g.settle()
				if want, got := g.source(), g.list(); len(want) < 5 || diff(want, got) != diff(want, want) {
					t.Fatal(diff(want, got))
				}
				g.clock.pass(time.Hour)
				g.sync(t.Context())
				if again := g.get(); again.Changes != e.Changes || again.Entries != e.Entries || again.LastError != "" {
					t.Errorf("a second reading changed something: %+v, then %+v", e, again)
				}
				g.mutate()
				g.settle()
				if want, got := g.source(), g.list(); diff(want, got) != diff(want, want) {
					t.Error(diff(want, got))
				}
				if v := g.server.Violations(); len(v) > 0 {
					t.Errorf("the client asked what it must not: %q", v)
				}
			})
		}
	})
}

// TestHeld: removals beyond the guard wait for a person, whoever asks for them,
// and go through once allowed.
func TestHeld(t *testing.T) {
	for _, service := range []exchanges.Service{exchanges.NCMEC, exchanges.CSV, exchanges.ThreatExchange} {
		t.Run(string(service), func(t *testing.T) {
			g := newRig(t, storetest.Open(t), trait(service), 4)
			for i := range 60 {
				g.server.World.Put(fmt.Sprint("e", i), map[string]string{"md5": g.value("md5")})
			}
			g.settle()
			before := g.list()
			for i := range 45 {
				g.server.World.Delete(fmt.Sprint("e", i))
			}
			g.clock.pass(time.Hour)
			g.sync(t.Context())
			e := g.get()
			if e.Held == 0 || e.LastError == "" || len(before) != 60 || len(g.list()) < 40 {
				t.Fatalf("nothing was held back: %+v, %d signals", e, len(g.list()))
			}
			g.clock.pass(time.Hour)
			g.sync(t.Context()) // asking again is no consent
			if len(g.list()) < 40 {
				t.Fatal("asking again removed them")
			}
			for range 9 { // a source that tells deletions page by page is allowed page by page
				if err := g.desk.Allow(t.Context(), "test", "ex"); err != nil {
					break
				}
				g.clock.pass(time.Hour)
				g.sync(t.Context())
			}
			if e := g.get(); len(g.list()) != 15 || e.Held != 0 || e.LastError != "" {
				t.Errorf("%d signals after consent: %+v", len(g.list()), e)
			}
			if err := g.desk.Allow(t.Context(), "test", "ex"); safety.KindOf(err) != safety.Conflict {
				t.Errorf("consent to nothing: %v", err)
			}
		})
	}
}

// TestHeld_AllGone: a list that is empty all of a sudden stays, however short.
func TestHeld_AllGone(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.CSV), 4)
	g.server.World.Put("a", map[string]string{"md5": g.value("md5")})
	g.settle()
	g.server.World.Delete("a")
	g.clock.pass(time.Hour)
	g.sync(t.Context())
	if e := g.get(); e.Held != 1 || len(g.list()) != 1 {
		t.Errorf("%+v, %d signals", e, len(g.list()))
	}
	g.server.World.Restore("a")
	g.settle()
	if e := g.get(); e.Held != 0 || len(g.list()) != 1 {
		t.Errorf("the source came round: %+v", e)
	}
}

// TestShared: a signal goes with the last entry that carries it, and one that a
// person removed stays away.
func TestShared(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.NCMEC), 5)
	one, two := g.value("md5"), g.value("md5")
	w := g.server.World
	w.Put("a", map[string]string{"md5": one, "sha1": g.value("sha1")})
	w.Put("b", map[string]string{"md5": one})
	w.Put("c", map[string]string{"md5": two})
	g.settle()
	w.Delete("a")
	g.settle()
	if got := g.list(); !got["md5:"+one] || len(got) != 2 {
		t.Errorf("after one of two entries went: %d signals", len(got))
	}
	w.Delete("b")
	g.settle()
	if got := g.list(); got["md5:"+one] || len(got) != 1 {
		t.Errorf("after both went: %d signals", len(got))
	}
	rows, err := g.lists.Signals(t.Context(), "fed", "", 9)
	g.ok(err)
	g.ok(g.lists.RemoveSignal(t.Context(), "test", "fed", rows[0].ID))
	w.Put("d", map[string]string{"md5": two})
	w.Put("c", map[string]string{"md5": two, "pdq": g.value("pdq")})
	g.settle()
	if got := g.list(); got["md5:"+two] || len(got) != 1 {
		t.Errorf("a signal that a person removed came back")
	}
}

// TestOpaque: what Rowan cannot compute is kept, typed, and harms no lookup.
func TestOpaque(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.NCMEC), 6)
	settings := trait(exchanges.NCMEC).settings(g.url)
	settings.FetchLarge = true
	g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Settings: &settings}))
	md5 := g.value("md5")
	g.server.World.Put("v", map[string]string{"md5": md5, "photodna": g.value("photodna"), "tmk_pdqf": "a large binary fingerprint, "})
	g.settle()
	l, err := g.lists.Get(t.Context(), "fed")
	g.ok(err)
	if l.Signals[safety.MD5] != 1 || l.Signals[safety.PhotoDNA] != 1 || l.Signals[safety.TMKPDQF] != 1 {
		t.Errorf("%v", l.Signals)
	}
	rows, err := g.lists.Signals(t.Context(), "fed", "", 9)
	g.ok(err)
	for _, r := range rows {
		if r.HashType != string(safety.TMKPDQF) {
			continue
		}
		body, err := g.store.Read().PrintBody(t.Context(), r.HashValue)
		if err != nil || !bytes.Equal(body, bytes.Repeat([]byte("a large binary fingerprint, "), 64)) {
			t.Errorf("the body is not there: %v", err)
		}
	}
	x := match.NewIndex(g.store, g.clock.now, slog.New(slog.DiscardHandler))
	g.ok(x.Refresh(t.Context()))
	found, err := x.Lookup(match.Query{Exact: []safety.Hash{{Type: safety.MD5, Value: md5}}})
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestCreate: what an operator may not do.
func TestCreate(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.CSV), 7)
	ctx := t.Context()
	g.ok(g.lists.Create(ctx, "test", match.List{Name: "other", Kind: safety.ListIllegal, Threshold: -1}))
	g.ok(g.lists.Create(ctx, "test", match.List{Name: "full", Kind: safety.ListIllegal, Threshold: -1}))
	_, err := g.lists.Import(ctx, "test", "full", match.FormatHashes, strings.NewReader(strings.Repeat("0", 31)+"1\n"), false)
	g.ok(err)
	good := Settings{URL: "https://lists.example.test/x", Format: "csv"}
	off, day := false, 24*time.Hour
	for _, tt := range []struct {
		name, list string
		kind       Kind
		s          Settings
		c          Credentials
		want       safety.Kind
	}{
		{"ok", "other", File, good, Credentials{}, -1},
		{"ok", "other", File, good, Credentials{}, safety.Conflict},
		{"same-list", "fed", File, good, Credentials{}, safety.Conflict},
		{"full-list", "full", File, good, Credentials{}, safety.Conflict},
		{"no-list", "none", File, good, Credentials{}, safety.NotFound},
		{"Bad Name", "full", File, good, Credentials{}, safety.Invalid},
		{"plain-http", "full", File, Settings{URL: "http://lists.example.test/x", Format: "csv"}, Credentials{}, safety.Invalid},
		{"password-in-url", "full", File, Settings{URL: "https://u:p@lists.example.test/x", Format: "csv"}, Credentials{}, safety.Invalid},
		{"absolute-file", "full", File, Settings{URL: "file:/etc/passwd", Format: "csv"}, Credentials{}, safety.Invalid},
		{"file-of-a-service", "full", TAT, Settings{URL: "file:x"}, testCredentials, safety.Invalid},
		{"format", "full", File, Settings{URL: good.URL, Format: "xls"}, Credentials{}, safety.Invalid},
		{"column", "full", File, Settings{URL: good.URL, Format: "csv", Columns: map[string]string{"crc": "x"}}, Credentials{}, safety.Invalid},
		{"vics-without-map", "full", File, Settings{URL: good.URL, Format: "vics"}, Credentials{}, safety.Invalid},
		{"no-credentials", "full", NCMEC, Settings{URL: "https://hashes.example.test"}, Credentials{}, safety.Invalid},
		{"no-environment", "full", NCMEC, Settings{}, testCredentials, safety.Invalid},
		{"no-group", "full", ThreatExchange, Settings{}, testCredentials, safety.Invalid},
		{"unknown", "full", "gopher", good, Credentials{}, safety.Invalid},
	} {
		err := g.desk.Create(ctx, "test", tt.name, tt.kind, tt.list, Config{Settings: &tt.s, Credentials: &tt.c, Enabled: &off, Interval: &day})
		if (err == nil) != (tt.want == -1) || (err != nil && safety.KindOf(err) != tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := g.lists.Import(ctx, "test", "fed", match.FormatHashes, strings.NewReader(""), false); safety.KindOf(err) != safety.Conflict {
		t.Errorf("an import by hand into a fed list: %v", err)
	}
	yes := true
	if err := g.desk.Change(ctx, "test", "ok", Config{Feedback: &yes}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("feedback to a file: %v", err)
	}
	short := time.Minute
	if err := g.desk.Change(ctx, "test", "ok", Config{Interval: &short}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("every minute: %v", err)
	}
	g.ok(g.desk.Delete(ctx, "test", "ok"))
	if _, err := g.desk.Get(ctx, "ok"); safety.KindOf(err) != safety.NotFound {
		t.Errorf("a deleted exchange: %v", err)
	}
}

// TestSecrets: credentials are sealed in the database and printed nowhere.
func TestSecrets(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.StopNCII), 8)
	row, err := g.store.Read().ExchangeByName(t.Context(), "ex")
	g.ok(err)
	if text := fmt.Sprintf("%v %+v %#v", testCredentials, Config{Credentials: &testCredentials}, testCredentials); strings.Contains(text, testCredentials.FunctionKey) {
		t.Error("printing credentials tells them")
	}
	if bytes.Contains(row.Sealed, []byte(testCredentials.FunctionKey)) || len(row.Sealed) == 0 {
		t.Error("credentials are not sealed")
	}
	// Another address does not get what the old one was told.
	elsewhere := Settings{URL: "https://elsewhere.example.test"}
	if err := g.desk.Change(t.Context(), "test", "ex", Config{Settings: &elsewhere}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("another address with the old credentials: %v", err)
	}
	row.ID = "another"
	if _, err := g.desk.credentials(row); err == nil {
		t.Error("sealed credentials open for another exchange")
	}
	wrong := testCredentials
	wrong.FunctionKey = "wrong"
	g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Credentials: &wrong}))
	g.sync(t.Context())
	if e := g.get(); !strings.Contains(e.LastError, "credentials") || strings.Contains(e.LastError, "wrong") {
		t.Errorf("%q", e.LastError)
	}
}

// TestPause: failures are asked again later and later, Retry-After is honoured,
// and success is remembered.
func TestPause(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.ThreatExchange), 9)
	g.server.World.Put("a", map[string]string{"md5": g.value("md5")})
	g.server.Arm(exchanges.Status429, 1, nil)
	g.sync(t.Context())
	e := g.get()
	if wait := e.NextAt.Sub(g.clock.now()); wait != 30*time.Minute || e.Failures != 1 {
		t.Errorf("after 429 with Retry-After of half an hour: %s, %d", wait, e.Failures)
	}
	var waits []time.Duration
	before := g.server.Requests()
	row, err := g.store.Read().ExchangeByName(t.Context(), "ex")
	g.ok(err)
	g.ok(g.desk.Sync(t.Context(), row.ID)) // a second job of the same exchange
	if g.server.Requests() != before {
		t.Error("the source was asked before its time")
	}
	for range 10 {
		g.server.Arm(exchanges.Status500, 1, nil)
		g.clock.pass(7 * time.Hour)
		g.sync(t.Context())
		waits = append(waits, g.get().NextAt.Sub(g.clock.now()))
	}
	if waits[0] > 2*time.Minute || waits[9] < 30*time.Minute || waits[9] > 6*time.Hour {
		t.Errorf("waits %v", waits)
	}
	if e := g.get(); !e.Stale || e.Failures != 11 {
		t.Errorf("after days of failures: %+v", e)
	}
	g.settle()
	if e := g.get(); e.Stale || e.Failures != 0 || e.LastSuccess.IsZero() {
		t.Errorf("after success: %+v", e)
	}
}

// TestForgotten: a service that forgets deletions is read again as a whole after
// a long silence, and what is gone meanwhile goes.
func TestForgotten(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.ThreatExchange), 10)
	for i := range 30 {
		g.server.World.Put(fmt.Sprint("e", i), map[string]string{"md5": g.value("md5")})
	}
	g.settle()
	g.server.World.Forget("e3")
	g.clock.pass(86 * 24 * time.Hour)
	g.settle()
	if want, got := g.source(), g.list(); len(got) != 29 || diff(want, got) != diff(want, want) {
		t.Error(diff(want, got))
	}
}

// TestOneAtATime: a second worker leaves an exchange alone, and one that was
// overtaken stores nothing.
func TestOneAtATime(t *testing.T) {
	g := newRig(t, storetest.Open(t), trait(exchanges.NCMEC), 11)
	for i := range 12 {
		g.server.World.Put(fmt.Sprint("e", i), map[string]string{"md5": g.value("md5")})
	}
	g.clock.pass(time.Hour)
	n := 0
	g.desk.beside = func(when string) {
		if n++; n == 1 {
			before := g.server.Requests()
			g.ok(g.desk.SyncNamed(t.Context(), "ex"))
			if g.server.Requests() != before {
				t.Error("two workers at once")
			}
			g.clock.pass(lease + time.Minute)
			g.desk.beside = func(string) {}
			g.ok(g.desk.SyncNamed(t.Context(), "ex")) // the lease has run out
			if len(g.list()) != 12 {
				t.Errorf("the second worker brought %d", len(g.list()))
			}
		}
	}
	g.sync(t.Context())
	if e := g.get(); e.LastError != "" || len(g.list()) != 12 || e.Running {
		t.Errorf("%+v", e)
	}
}

// TestVotes: a reviewer's judgement reaches each service once, after the time to
// take it back, and only when an operator asked for it.
func TestVotes(t *testing.T) {
	for _, service := range []exchanges.Service{exchanges.NCMEC, exchanges.StopNCII, exchanges.ThreatExchange} {
		t.Run(string(service), func(t *testing.T) {
			g := newRig(t, storetest.Open(t), trait(service), 12)
			g.server.World.Put("a", map[string]string{"md5": g.value("md5")})
			g.settle()
			rows, err := g.lists.Signals(t.Context(), "fed", "", 9)
			g.ok(err)
			judge := func(caseID string, yes bool) {
				g.ok(g.store.Tx(t.Context(), func(tx *store.Tx) error {
					return g.desk.Feedback(t.Context(), tx, rows[0].ID, Verdict{CaseID: caseID, Affirmative: yes, NotBefore: g.clock.now().Add(VoteDelay)})
				}))
			}
			judge("c0", true) // nobody asked for feedback
			yes := true
			g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Feedback: &yes}))
			judge("c1", true)
			judge("c2", true)
			g.ok(g.desk.Send(t.Context()))
			if n := len(g.server.Ballots()); n != 0 {
				t.Fatalf("%d votes before the time to take them back was over", n)
			}
			g.clock.pass(VoteDelay + time.Minute)
			g.server.Arm(exchanges.Status500, 1, nil)
			g.ok(g.desk.Send(t.Context()))
			g.clock.pass(time.Hour)
			for range 3 {
				g.ok(g.desk.Send(t.Context()))
				g.clock.pass(time.Hour)
			}
			if b := g.server.Ballots(); len(b) != 1 || !b[0].Affirmative || b[0].Entry != "a" {
				t.Fatalf("%+v", b)
			}
			judge("c3", false)
			g.clock.pass(2 * time.Hour)
			g.ok(g.desk.Send(t.Context()))
			if b := g.server.Ballots(); len(b) != 2 || b[1].Affirmative || (service == exchanges.NCMEC && b[1].Reason != "guid-md5") {
				t.Errorf("after another judgement: %+v", b)
			}
			judge("c4", true)
			g.ok(g.store.Tx(t.Context(), func(tx *store.Tx) error { return g.desk.Withdraw(t.Context(), tx, "c4") }))
			if e := g.get(); e.VotesSent+e.VotesWaiting != 1 || e.VotesRefused != 0 {
				t.Errorf("%+v", e)
			}
			if v := g.server.Violations(); len(v) > 0 {
				t.Errorf("%q", v)
			}
		})
	}
}

// TestRedirect: nothing, and no credentials, go to another host.
func TestRedirect(t *testing.T) {
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	hop := httptest.NewServer(http.RedirectHandler(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/list", http.StatusFound))
	defer hop.Close()
	for _, tr := range services {
		g := newRig(t, storetest.Open(t), tr, 13)
		settings, credentials := tr.settings(hop.URL), testCredentials
		g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Settings: &settings, Credentials: &credentials}))
		g.sync(t.Context())
		if e := g.get(); e.LastError == "" || asked > 0 {
			t.Errorf("%s: %q, %d requests elsewhere", tr.service, e.LastError, asked)
		}
	}
}

// TestFiles: each form of a list.
func TestFiles(t *testing.T) {
	const md5, other = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
	for _, tt := range []struct {
		name, text, problem string
		s                   Settings
		want                int
		malformed           int64
	}{
		{"csv", "MD5,note\n" + md5 + ",a\n" + other + ",b\n", "", Settings{Format: "csv"}, 2, 0},
		{"csv with a mark", "\ufeffmd5\n" + md5 + "\n", "", Settings{Format: "csv"}, 1, 0},
		{"csv, one bad row", "md5\n" + md5 + "\nzz\n", "", Settings{Format: "csv"}, 1, 1},
		{"csv, a column that is not there", "md5\n" + md5 + "\n", "no column for sha1", Settings{Format: "csv", Columns: map[string]string{"sha1": "SHA"}}, 0, 0},
		{"csv, largely garbage", "md5\n" + strings.Repeat("zz\n", 30) + md5 + "\n", "malformed", Settings{Format: "csv"}, 0, 0},
		{"csv, removed", "md5,id,removed\n" + md5 + ",1,yes\n" + other + ",2,no\n", "", Settings{Format: "csv"}, 1, 0},
		{"json", `{"v":1,"a":{"b":[{"h":"` + md5 + `"},{"h":"` + other + `"}]},"z":[1]}`, "", Settings{Format: "json", Items: "a.b", Columns: map[string]string{"md5": "h"}}, 2, 0},
		{"json, cut short", `{"a":[{"md5":"` + md5 + `"},`, "cut short", Settings{Format: "json", Items: "a"}, 0, 0},
		{"json, another member", `{"x":[]}`, "cut short", Settings{Format: "json", Items: "a"}, 0, 0},
		{"json lines", `{"md5":"` + md5 + `"}` + "\n" + `{"type":"MD5","value":"` + other + `"}`, "", Settings{Format: "json"}, 2, 0},
		{"urls", "# a comment\nhttp://example.test/a\n*.example.test/*\n\n" + strings.Repeat("0a", 32) + "\n", "", Settings{Format: "urls"}, 3, 0},
		{"hashes", md5 + "\nsha1:" + md5 + "00000000\n", "", Settings{Format: "hashes"}, 2, 0},
		{"vics", `{"value":[{"Category":1,"MD5":"` + md5 + `"},{"Category":0,"MD5":"` + other + `"}]}`, "", Settings{Format: "vics", Categories: "us"}, 1, 0},
		{"vics, of our own", `{"value":[{"Media":[{"Category":7,"MD5":"` + md5 + `","SHA1":"` + md5 + `00000000"}]}]}`, "", Settings{Format: "vics", Categories: "custom",
			CategoryMap: map[string]Category{"7": {Label: "x", Include: true}}}, 2, 0},
		{"vics, cut short", `{"value":[{"Category":1,"MD5":"` + md5 + `"}`, "cut short", Settings{Format: "vics", Categories: "uk"}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, storetest.Open(t), trait(exchanges.CSV), 14)
			tt.s.URL = "file:x"
			g.ok(os.WriteFile(filepath.Join(g.desk.folder, "x"), []byte(tt.text), 0o600))
			g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Settings: &tt.s}))
			g.sync(t.Context())
			e := g.get()
			if len(g.list()) != tt.want || e.Malformed != tt.malformed || !strings.Contains(e.LastError, tt.problem) || (tt.problem == "") != (e.LastError == "") {
				t.Errorf("%d signals, %q, %+v", len(g.list()), e.LastError, e)
			}
		})
	}
	g := newRig(t, storetest.Open(t), trait(exchanges.CSV), 14)
	g.ok(os.WriteFile(filepath.Join(filepath.Dir(g.desk.folder), "outside"), []byte("md5\n"+md5+"\n"), 0o600))
	s := Settings{URL: "file:../outside", Format: "csv"}
	g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Settings: &s}))
	g.sync(t.Context())
	if e := g.get(); e.LastError == "" || len(g.list()) != 0 {
		t.Errorf("a file outside the folder was read: %+v", e)
	}
}

func FuzzLists(f *testing.F) {
	f.Add("csv", "md5\n00\n")
	f.Add("json", `[{"md5":"00"}]`)
	f.Add("urls", "http://a.test")
	f.Add("vics", `{"value":[]}`)
	f.Fuzz(func(t *testing.T, format, text string) {
		read, err := newListReader(Settings{Format: format, Categories: "us"})
		if err != nil {
			return
		}
		_ = read(strings.NewReader(text), func(c Change, ok bool) error {
			if ok && c.Key == "" {
				t.Error("an entry without a key")
			}
			for _, p := range c.Prints {
				if _, err := safety.ParseSignal(p.Type, p.Value); ok && err != nil {
					t.Error(err)
				}
			}
			return nil
		})
	})
}

// FuzzCursor: no checkpoint makes a feed panic or go round for ever.
func FuzzCursor(f *testing.F) {
	f.Add(`{"since":1,"token":"x"}`)
	f.Fuzz(func(t *testing.T, checkpoint string) {
		n := 0
		feed := feed{now: time.Now, fetch: func(_ context.Context, c cursor) (answer, error) {
			if n++; n > 20 {
				t.Fatal("it does not end")
			}
			return answer{}, nil
		}, until: func(since int64) (int64, bool) { return max(since, 100) + 1, true }}
		for p, err := range feed.Pages(t.Context(), checkpoint) {
			if err == nil && !json.Valid([]byte(p.Checkpoint)) {
				t.Error("a checkpoint that cannot be read")
			}
		}
	})
}
