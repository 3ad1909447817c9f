package exchange

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

var shieldTraits = traits{service: exchanges.Arachnid, kind: Arachnid, types: []string{"pdq"}, single: true,
	settings: func(u string) Settings { return Settings{URL: u} }}

// shield is a rig with uploads.
type shield struct {
	*rig
	uploads []db.Recent
}

func newShield(t testing.TB, s *store.Store, seed uint64) *shield {
	t.Helper()
	return &shield{rig: newRig(t, s, shieldTraits, seed)}
}

// upload remembers an upload with this hash.
func (g *shield) upload(change func(*db.Recent), hash pdq.Hash) {
	g.t.Helper()
	at := g.clock.now()
	u := db.Recent{ID: safety.NewID("rec", at), ContentID: fmt.Sprint("c", len(g.uploads)), AccountID: "a", Surface: "public", Pdq: hash.String(),
		Quality: 100, SeenAt: store.Micros(at)}
	if change != nil {
		change(&u)
	}
	g.ok(g.store.Read().AddRecent(g.t.Context(), db.AddRecentParams(u)))
	g.uploads = append(g.uploads, u)
}

// expected is what the list must be: the hashes of uploads that Shield knows now.
func (g *shield) expected() map[string]bool {
	out := map[string]bool{}
	live := g.server.World.Live()
	for _, u := range g.uploads {
		h, err := pdq.ParseHash(u.Pdq)
		if err != nil || u.Surface != "public" || u.Quality < pdq.MinQuality {
			continue
		}
		nearest, class := 32, ""
		for _, e := range live {
			k, err := pdq.ParseHash(e.Prints["pdq"])
			g.ok(err)
			if d := h.Distance(k); d < nearest {
				nearest, class = d, e.Prints["classification"]
			}
		}
		if nearest < 32 && class != "harmful-abusive-material" && class != "test" {
			out["pdq:"+u.Pdq] = true
		}
	}
	return out
}

func (g *shield) hash() (h pdq.Hash) {
	for i := range h {
		h[i] = byte(g.rand.IntN(256))
	}
	return h
}

func near(r *rand.Rand, h pdq.Hash, bits int) pdq.Hash {
	for _, b := range r.Perm(256)[:bits] {
		h[b/8] ^= 1 << (b % 8)
	}
	return h
}

func (g *shield) put(id string, h pdq.Hash, class string) {
	p := map[string]string{"pdq": h.String()}
	if class != "" {
		p["classification"] = class
	}
	g.server.World.Put(id, p)
}

func TestArachnid(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		g := newShield(t, open(t), 5)
		known, harmful, new1 := g.hash(), g.hash(), g.hash()
		g.put("known", known, "")
		g.put("harmful", harmful, "harmful-abusive-material")
		g.put("new", new1, "a-class-of-next-year")
		g.upload(nil, known)
		g.upload(nil, near(g.rand, known, 31))
		g.upload(nil, near(g.rand, known, 32))
		g.upload(nil, harmful)
		g.upload(nil, new1)
		g.upload(nil, known)                                               // once more
		g.upload(func(u *db.Recent) { u.Surface = "private" }, known)      // nobody allowed that
		g.upload(func(u *db.Recent) { u.Quality = 49 }, g.hash())          // says nothing
		g.upload(func(u *db.Recent) { u.Pdq = "" }, pdq.Hash{})            // a film
		g.upload(func(u *db.Recent) { u.Surface = "encrypted" }, g.hash()) // never
		g.sync(t.Context())
		if got := g.list(); len(got) != 0 {
			t.Errorf("asked before every process had time to write its uploads: %v", got)
		}
		g.clock.pass(3 * time.Minute)
		g.sync(t.Context())
		if got, want := g.list(), g.expected(); !maps.Equal(got, want) || len(want) != 3 {
			t.Errorf("list: %s", diff(want, got))
		}
		e, err := g.desk.Get(t.Context(), "ex")
		g.ok(err)
		if e.LastError != "" || e.Asked != 6 || e.Skipped != 4 || e.Unknown != 1 || e.Interval != time.Minute {
			t.Errorf("%+v", e)
		}
		n := g.server.Requests()
		g.clock.pass(3 * time.Minute)
		g.sync(t.Context())
		if g.server.Requests() != n {
			t.Error("the same uploads were asked about twice")
		}

		// What Shield withdraws leaves the list within a day, and comes back with the next upload.
		g.server.World.Delete("known")
		g.clock.pass(25 * time.Hour)
		g.sync(t.Context())
		if got, want := g.list(), g.expected(); !maps.Equal(got, want) || len(want) != 1 {
			t.Errorf("after it was withdrawn: %s", diff(want, got))
		}
		g.server.World.Restore("known")
		g.upload(nil, known)
		g.clock.pass(3 * time.Minute)
		g.sync(t.Context())
		if got := g.list(); !got["pdq:"+known.String()] || len(got) != 2 {
			t.Errorf("after it came back: %d signals", len(got))
		}
		rows, err := g.lists.Signals(t.Context(), "fed", "", 10)
		g.ok(err)
		for _, r := range rows {
			if r.Source != "Arachnid Shield" || r.Classification == "" {
				t.Errorf("provenance: %+v", r)
			}
		}
		if v := g.server.Violations(); len(v) > 0 {
			t.Errorf("asked what it must not: %q", v)
		}
	})
}

// TestArachnid_Found: an upload that Shield recognises is found again among the
// uploads, as with any list that grows.
func TestArachnid_Found(t *testing.T) {
	t.Parallel()
	g := newShield(t, storetest.Open(t), 9)
	h := g.hash()
	g.put("known", near(g.rand, h, 12), "")
	recents := match.NewRecents(g.store, 24*time.Hour, g.clock.now, g.desk.log)
	recents.SetSettle(0)
	recents.Note(match.Upload{ContentID: "c1", AccountID: "a1", Surface: safety.SurfacePublic, Query: match.Query{Near: []match.Near{{Hash: h, Quality: 90, Variant: "original"}}}, At: g.clock.now()})
	recents.Note(match.Upload{ContentID: "c2", AccountID: "a2", Surface: safety.SurfacePublic, Query: match.Query{Near: []match.Near{{Hash: g.hash(), Quality: 90, Variant: "original"}}}, At: g.clock.now()})
	recents.Flush(t.Context())
	g.clock.pass(3 * time.Minute)
	g.sync(t.Context())
	var found []string
	n, err := recents.Retro(t.Context(), func(_ context.Context, u match.Upload) error { found = append(found, u.ContentID); return nil })
	if err != nil || n != 1 || len(found) != 1 || found[0] != "c1" {
		t.Errorf("found %v, %d (%v)", found, n, err)
	}
}

func TestArachnid_Settings(t *testing.T) {
	t.Parallel()
	g := newShield(t, storetest.Open(t), 3)
	for name, s := range map[string]Settings{
		"encrypted":         {Surfaces: []safety.Surface{safety.SurfaceEncrypted}},
		"an unknown class":  {Classifications: []string{"csam", "other"}},
		"plain http":        {URL: "http://shield.example.test"},
		"another service's": {URL: "https://user:pw@shield.example.test"},
	} {
		if err := g.desk.Change(t.Context(), "test", "ex", Config{Settings: &s, Credentials: &testCredentials}); safety.KindOf(err) != safety.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := 30 * time.Second
	if err := g.desk.Change(t.Context(), "test", "ex", Config{Interval: &short}); safety.KindOf(err) != safety.Invalid {
		t.Errorf("every half a minute: %v", err)
	}
	s := shieldTraits.settings(g.url)
	s.Surfaces, s.Classifications = []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}, []string{"harmful-abusive-material"}
	g.ok(g.desk.Change(t.Context(), "test", "ex", Config{Settings: &s, Credentials: &testCredentials}))
	a, b := g.hash(), g.hash()
	g.put("csam", a, "")
	g.put("harmful", b, "harmful-abusive-material")
	g.upload(nil, a)
	g.upload(func(u *db.Recent) { u.Surface = "private" }, b)
	g.clock.pass(3 * time.Minute)
	g.sync(t.Context())
	if got := g.list(); len(got) != 1 || !got["pdq:"+b.String()] {
		t.Errorf("list: %v", got)
	}
	g.desk.NoUploads = true
	g.clock.pass(time.Minute)
	g.sync(t.Context())
	if e, err := g.desk.Get(t.Context(), "ex"); err != nil || !strings.Contains(e.LastError, "retro_days") {
		t.Errorf("where uploads are not remembered: %q, %v", e.LastError, err)
	}
}

// TestArachnid_Answers: an answer that does not speak of each hash, once and in one
// voice, is none, and the uploads are asked about again.
func TestArachnid_Answers(t *testing.T) {
	t.Parallel()
	h := pdq.Hash{1, 2, 3}
	key := "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, c := range map[string]struct {
		answer string
		class  string
		ok     bool
	}{
		"no match":            {`{"scanned_hashes":{"KEY":{"classification":"no-known-match","match_type":null,"near_match_details":null}}}`, "", true},
		"null":                {`{"scanned_hashes":{"KEY":null}}`, "", true},
		"near":                {`{"scanned_hashes":{"KEY":{"classification":"csam","match_type":"near","near_match_details":[{"timestamp":0}],"more":1}}}`, "csam", true},
		"a new kind of match": {`{"scanned_hashes":{"KEY":{"classification":"csam","match_type":"exact"}}}`, "csam", true},
		"nothing":             {`{}`, "", false},
		"left out":            {`{"scanned_hashes":{}}`, "", false},
		"one too many":        {`{"scanned_hashes":{"KEY":null,"x":null}}`, "", false},
		"another":             {`{"scanned_hashes":{"x":null}}`, "", false},
		"says nothing":        {`{"scanned_hashes":{"KEY":{}}}`, "", false},
		"known and no match":  {`{"scanned_hashes":{"KEY":{"classification":"csam","match_type":null}}}`, "", false},
		"unknown and a match": {`{"scanned_hashes":{"KEY":{"classification":"no-known-match","match_type":"near"}}}`, "", false},
		"of another form":     {`{"scanned_hashes":[null]}`, "", false},
		"an error with 200":   {`{"detail":"try later"}`, "", false},
		"two documents":       {`{"scanned_hashes":{"KEY":null}}{}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(strings.ReplaceAll(c.answer, "KEY", key)))
			}))
			defer server.Close()
			a := newArachnid(Settings{URL: server.URL}, testCredentials, nil, "", time.Minute, time.Now)
			got, err := a.ask(t.Context(), []string{hex.EncodeToString(h[:])})
			if (err == nil) != c.ok || got[h.String()] != c.class {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestFaults_Arachnid: after any fault, and with a process killed at any commit,
// the list becomes what Shield recognises of the uploads.
func TestFaults_Arachnid(t *testing.T) {
	number := 100
	if asked := flag.Lookup("test.run"); asked != nil && strings.Contains(asked.Value.String(), "Faults") {
		number = 1000
	}
	if testing.Short() || raceEnabled {
		number = 40
	}
	g := newShield(t, openFast(t), 1)
	g.shift = func() {
		g.server.World.Delete(fmt.Sprintf("e%04d", 1+g.rand.IntN(60)))
	}
	kinds := append([]exchanges.Fault{killedAt, interrupted}, exchanges.Faults...)
	struck, total, rounds, killed := map[exchanges.Fault]int{}, 0, 0, 0
	for total < number {
		rounds++
		for range 1 + g.rand.IntN(4) {
			h := g.hash()
			if len(g.uploads) > 0 && g.rand.IntN(3) == 0 {
				old, err := pdq.ParseHash(g.uploads[g.rand.IntN(len(g.uploads))].Pdq)
				g.ok(err)
				h = near(g.rand, old, g.rand.IntN(40))
			}
			if len(g.uploads) < 120 {
				g.upload(nil, h)
			} else {
				old, err := pdq.ParseHash(g.uploads[g.rand.IntN(len(g.uploads))].Pdq)
				g.ok(err)
				h = old
			}
			g.clock.pass(time.Second)
			switch g.rand.IntN(4) {
			case 0:
				g.ids = g.ids%60 + 1
				g.put(fmt.Sprintf("e%04d", g.ids), near(g.rand, h, g.rand.IntN(34)), []string{"", "harmful-abusive-material", "next-year"}[g.rand.IntN(3)])
			case 1:
				g.shift()
			}
		}
		g.clock.pass(25 * time.Hour) // what is known is asked about again
		fault := kinds[g.rand.IntN(len(kinds))]
		if g.rand.IntN(8) == 0 {
			g.ok(g.desk.Ask(t.Context(), "test", "ex", true))
		}
		hit, wasKilled := g.strike(fault)
		if hit {
			struck[fault]++
			total++
		}
		if wasKilled {
			killed++
		}
		g.clock.pass(25 * time.Hour)
		// What is held back waits for a person; this one consents.
		if e, err := g.desk.Get(t.Context(), "ex"); err == nil && e.Held > 0 {
			g.ok(g.desk.Allow(t.Context(), "test", "ex"))
		}
		g.settle()
		// What came to be known after an upload was asked about is found when everything is asked again.
		g.ok(g.desk.Ask(t.Context(), "test", "ex", true))
		e := g.settle()
		if want, got := g.expected(), g.list(); !maps.Equal(want, got) {
			t.Fatalf("round %d, %s: the list is not what Shield recognises: %s (%+v)", rounds, fault, diff(want, got), e)
		}
		if v := g.server.Violations(); len(v) > 0 {
			t.Fatalf("round %d, %s: the client asked what it must not: %q", rounds, fault, v)
		}
	}
	if killed == 0 {
		t.Error("nothing was killed")
	}
	for _, f := range kinds {
		if struck[f] == 0 && number >= 1000 {
			t.Errorf("%s never struck", f)
		}
	}
	t.Logf("%d rounds, %d faults struck, %d killed, %d requests, %d uploads, %d on the list at the end; equal in every round", rounds, total, killed,
		g.server.Requests(), len(g.uploads), len(g.list()))
}
