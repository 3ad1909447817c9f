package exchange

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

// clock is virtual time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// rig is one exchange, its stand-in, and the list that it feeds.
type rig struct {
	t      testing.TB
	clock  *clock
	store  *store.Store
	desk   *Desk
	lists  *match.Lists
	server *exchanges.Server
	url    string
	rand   *rand.Rand
	ids    int
	traits traits
	shift  func() // changes the world in the middle of a request; nil: mutate
}

// traits say what entries of a service look like.
type traits struct {
	service  exchanges.Service
	kind     Kind
	settings func(url string) Settings
	types    []string // of fingerprints that entries may carry
	single   bool     // one fingerprint an entry
	fixed    bool     // an entry is its fingerprint, and never changes it
}

var services = []traits{
	{service: exchanges.NCMEC, kind: NCMEC, types: []string{"md5", "sha1", "pdq", "photodna", "netclean"}, settings: func(u string) Settings {
		return Settings{URL: u, Start: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), Reasons: map[string]string{"md5": "guid-md5"}}
	}},
	{service: exchanges.StopNCII, kind: StopNCII, types: []string{"pdq", "md5"}, single: true, fixed: true, settings: func(u string) Settings { return Settings{URL: u} }},
	{service: exchanges.ThreatExchange, kind: ThreatExchange, types: []string{"pdq", "md5", "sha256"}, single: true, settings: func(u string) Settings { return Settings{URL: u, Group: "303"} }},
	{service: exchanges.TAT, kind: TAT, types: []string{"pdq", "md5", "sha256"}, single: true, settings: func(u string) Settings { return Settings{URL: u} }},
	{service: exchanges.CSV, kind: File, types: []string{"md5", "sha1", "sha256", "pdq"}, settings: func(u string) Settings {
		return Settings{URL: u + "/list", Format: "csv", Columns: map[string]string{"id": "Reference", "type": "Algorithm", "value": "Digest", "classification": "Grade"}}
	}},
	{service: exchanges.JSON, kind: File, types: []string{"md5", "sha1", "pdq", "photodna"}, settings: func(u string) Settings {
		return Settings{URL: u + "/list", Format: "json", Items: "data.items", Columns: map[string]string{"id": "ref", "md5": "hashes.md5", "sha1": "hashes.sha1", "pdq": "hashes.pdq", "photodna": "hashes.photodna"}}
	}},
}

var testCredentials = Credentials{Username: "user", Password: "correct horse", Token: "1|secret", FunctionKey: "fetch-key", FeedbackKey: "vote-key", SubscriptionKey: "sub-key"}

func newRig(t testing.TB, s *store.Store, tr traits, seed uint64) *rig {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	g := &rig{t: t, clock: c, store: s, rand: rand.New(rand.NewPCG(seed, 7)), traits: tr}
	g.lists = match.NewLists(s, c.now)
	master, err := vault.LoadMaster(filepath.Join(t.TempDir(), "key"))
	g.ok(err)
	v := vault.New(s, master, nil, c.now)
	g.desk = NewDesk(s, g.lists, v, t.TempDir(), c.now, slog.New(slog.DiscardHandler))
	g.desk.callLimit = 250 * time.Millisecond
	g.desk.jitter = g.rand.Float64
	cr := testCredentials
	g.server = exchanges.New(exchanges.Config{Service: tr.service, Username: cr.Username, Password: cr.Password, Token: cr.Token, FunctionKey: cr.FunctionKey,
		FeedbackKey: cr.FeedbackKey, SubscriptionKey: cr.SubscriptionKey, Group: "303", PageSize: 5, Now: c.now})
	h := httptest.NewServer(g.server)
	t.Cleanup(h.Close)
	g.url = h.URL
	g.ok(g.lists.Create(t.Context(), "test", match.List{Name: "fed", Kind: safety.ListIllegal, Threshold: -1}))
	settings, creds := tr.settings(h.URL), testCredentials
	if tr.kind == File {
		creds.Token = "" // basic authentication
	}
	g.ok(g.desk.Create(t.Context(), "test", "ex", tr.kind, "fed", Config{Settings: &settings, Credentials: &creds}))
	return g
}

func (g *rig) ok(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) value(kind string) string {
	size := map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32, "photodna": 144, "netclean": 24}[kind]
	var b strings.Builder
	for range size {
		fmt.Fprintf(&b, "%02x", g.rand.IntN(256))
	}
	return b.String()
}

// prints invents fingerprints, some of them those of other entries.
func (g *rig) prints() map[string]string {
	out := map[string]string{}
	n := 1
	if !g.traits.single {
		n += g.rand.IntN(len(g.traits.types))
	}
	live := g.server.World.Live()
	for range n {
		kind := g.traits.types[g.rand.IntN(len(g.traits.types))]
		out[kind] = g.value(kind)
		if !g.traits.fixed && len(live) > 0 && g.rand.IntN(4) == 0 {
			if v := live[g.rand.IntN(len(live))].Prints[kind]; v != "" {
				out[kind] = v // shared
			}
		}
	}
	if !g.traits.fixed && g.rand.IntN(12) == 0 {
		for kind := range out {
			out[kind] = "not a fingerprint" // one malformed among good ones
			break
		}
	}
	if g.rand.IntN(15) == 0 {
		if g.traits.single {
			clear(out)
		}
		out["crc9"] = "0123" // a type that nobody has heard of
	}
	return out
}

// mutate changes the world a little.
func (g *rig) mutate() {
	w := g.server.World
	for range 1 + g.rand.IntN(3) {
		live := w.Live()
		pick := func() exchanges.Entry { return live[g.rand.IntN(len(live))] }
		switch op := g.rand.IntN(5); {
		case g.ids < 60 && (op < 2 || len(live) < 20):
			g.ids++
			w.Put(fmt.Sprintf("e%04d", g.ids), g.prints())
		case op == 2 && !g.traits.fixed:
			w.Put(pick().ID, g.prints())
		case op < 4 || len(live) < 20:
			w.Restore(fmt.Sprintf("e%04d", 1+g.rand.IntN(g.ids)))
		default:
			w.Delete(pick().ID)
		}
	}
}

// source is what the list must be.
func (g *rig) source() map[string]bool {
	out := map[string]bool{}
	for _, e := range g.server.World.Live() {
		for kind, v := range e.Prints {
			if safety.HashType(kind).Known() && v != "not a fingerprint" {
				out[kind+":"+v] = true
			}
		}
	}
	return out
}

// held is which entry carries what.
func (g *rig) held() map[string]bool {
	out := map[string]bool{}
	for _, e := range g.server.World.Live() {
		for kind, v := range e.Prints {
			out[e.ID+" "+kind+":"+v] = true
		}
	}
	return out
}

func both(a, b map[string]bool) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		if b[k] {
			out[k] = true
		}
	}
	return out
}

// list is what the list is.
func (g *rig) list() map[string]bool {
	out := map[string]bool{}
	for after := ""; ; {
		rows, err := g.lists.Signals(g.t.Context(), "fed", after, 1000)
		g.ok(err)
		for _, r := range rows {
			out[r.HashType+":"+r.HashValue] = true
			after = r.ID
		}
		if len(rows) < 1000 {
			return out
		}
	}
}

var errKilled = errors.New("killed")

// sync runs a round, which may be killed.
func (g *rig) sync(ctx context.Context) (killed bool) {
	g.t.Helper()
	defer func() {
		if e := recover(); e != nil {
			if e != any(errKilled) {
				panic(e)
			}
			killed = true
		}
	}()
	g.ok(g.desk.SyncNamed(ctx, "ex"))
	return false
}

// settle syncs without faults until a round has worked.
func (g *rig) settle() Exchange {
	g.t.Helper()
	g.server.Disarm()
	g.desk.beside = func(string) {}
	for range 12 {
		g.clock.pass(lease + time.Minute)
		g.sync(g.t.Context())
		e, err := g.desk.Get(g.t.Context(), "ex")
		g.ok(err)
		if e.LastError == "" {
			return e
		}
	}
	e, _ := g.desk.Get(g.t.Context(), "ex")
	g.t.Fatalf("the exchange does not recover: %s", e.LastError)
	return e
}

func diff(want, got map[string]bool) string {
	missing, extra := 0, 0
	for k := range want {
		if !got[k] {
			missing++
		}
	}
	for k := range got {
		if !want[k] {
			extra++
		}
	}
	return fmt.Sprintf("%d of %d missing, %d too many", missing, len(want), extra)
}

// killKinds are faults of our own process.
const (
	killedAt    = "killed at a commit"
	interrupted = "stopped in the middle"
)

// TestFaults: after any fault, and with a process killed at any commit, the list
// becomes what the source has, and on the way nothing that the source has all
// along is missing from it.
func TestFaults(t *testing.T) {
	number := 100
	if asked := flag.Lookup("test.run"); asked != nil && strings.Contains(asked.Value.String(), "Faults") {
		number = 1000 // they take a minute or two, so only when asked for by name
	}
	if testing.Short() || raceEnabled {
		number = 40
	}
	var mu sync.Mutex
	var table [][]string
	t.Run("each", func(t *testing.T) {
		for _, tr := range services {
			t.Run(string(tr.service), func(t *testing.T) {
				t.Parallel()
				row := faults(t, tr, number)
				mu.Lock()
				defer mu.Unlock()
				table = append(table, row)
			})
		}
	})
	slices.SortFunc(table, slices.Compare[[]string])
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "EXCHANGE\tROUNDS\tFAULTS STRUCK\tKILLED\tREQUESTS\tSIGNALS ADDED\tREMOVED\tMALFORMED\tUNKNOWN\tOUTDATED\tLIST EQUALS SOURCE")
	for _, r := range table {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
	t.Log("\n" + b.String())
}

func faults(t *testing.T, tr traits, number int) []string {
	g := newRig(t, openFast(t), tr, 1)
	for range 30 {
		g.clock.pass(time.Hour)
		g.mutate()
	}
	g.settle()
	kinds := append([]exchanges.Fault{killedAt, interrupted}, exchanges.Faults...)
	struck, total, rounds, killed, equal := map[exchanges.Fault]int{}, 0, 0, 0, 0
	var added, removed int
	for round := 0; total < number; round++ {
		rounds++
		g.clock.pass(time.Duration(15+g.rand.IntN(60)) * time.Minute)
		before, held := g.list(), g.held()
		g.mutate()
		fault := kinds[g.rand.IntN(len(kinds))]
		held = both(held, g.held())
		// Every fourth round reads everything again. A complete reading forgets
		// when the list was last changed, and so believes an old file.
		if g.rand.IntN(4) == 0 && (tr.kind != File || fault != exchanges.Older && fault != exchanges.Repeated) {
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
		// What an entry carries all along must be there all along. (A whole list
		// that is old in all but its date cannot be told from a new one.)
		middle := g.list()
		for k := range both(held, g.held()) {
			if h := k[strings.Index(k, " ")+1:]; before[h] && !middle[h] && (tr.kind != File || fault != exchanges.Repeated) {
				t.Fatalf("round %d, %s: something that the source has was lost on the way", round, fault)
			}
		}
		e := g.settle()
		want, got := g.source(), g.list()
		if !maps.Equal(want, got) {
			t.Fatalf("round %d, %s: the list is not what the source has: %s (%+v)", round, fault, diff(want, got), e)
		}
		equal++
		for k := range got {
			if !before[k] {
				added++
			}
		}
		for k := range before {
			if !got[k] {
				removed++
			}
		}
		if v := g.server.Violations(); len(v) > 0 {
			t.Fatalf("round %d, %s: the client asked what it must not: %q", round, fault, v)
		}
	}
	if killed == 0 {
		t.Error("nothing was killed")
	}
	for _, f := range kinds {
		if struck[f] == 0 && number >= 1000 && (tr.kind != File || f != exchanges.Shuffled && f != exchanges.Repeated) {
			t.Errorf("%s never struck", f)
		}
	}
	e, err := g.desk.Get(t.Context(), "ex")
	g.ok(err)
	if (e.Malformed == 0 && !tr.fixed) || e.Unknown == 0 && tr.kind != File {
		t.Errorf("nothing malformed or unknown was counted: %+v", e)
	}
	return []string{string(tr.service), fmt.Sprint(rounds), fmt.Sprint(total), fmt.Sprint(killed), fmt.Sprint(g.server.Requests()), fmt.Sprint(added),
		fmt.Sprint(removed), fmt.Sprint(e.Malformed), fmt.Sprint(e.Unknown), fmt.Sprint(e.Outdated), fmt.Sprintf("%d of %d", equal, rounds)}
}

// strike runs one round with a fault in it.
func (g *rig) strike(fault exchanges.Fault) (hit, killed bool) {
	ctx, cancel := context.WithCancel(g.t.Context())
	defer cancel()
	countdown := 1 + g.rand.IntN(5)
	switch fault {
	case killedAt, interrupted:
		g.desk.beside = func(string) {
			if countdown--; countdown != 0 {
				return
			}
			hit = true
			if fault == interrupted {
				cancel()
				return
			}
			panic(errKilled)
		}
	default:
		n := 1 // a list is one request
		if g.traits.kind != File {
			n += g.rand.IntN(3)
		}
		shift := g.mutate
		if g.shift != nil {
			shift = g.shift
		}
		g.server.Arm(fault, n, shift)
	}
	killed = g.sync(ctx)
	return g.server.Disarm() || hit, killed
}

// openFast opens a database in memory-backed storage where there is any: these
// tests commit very often, and what they are about is not the disk.
func openFast(t testing.TB) *store.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "rowan-test-*")
	if err != nil {
		return storetest.Open(t)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return (&storetest.Database{URL: "sqlite:" + filepath.Join(dir, "rowan.db")}).Open(t)
}
