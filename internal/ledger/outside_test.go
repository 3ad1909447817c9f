package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/rowan-safety/rowan/internal/fakes/witness"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// served is a ledger over HTTP, with a hand in between that may change answers.
type served struct {
	*bench
	key   proof.Key
	alter func(path string, body []byte) (mediaType string, out []byte, status int)
	*httptest.Server
}

func serve(t *testing.T, d *storetest.Database) *served {
	t.Helper()
	s := &served{bench: newBench(t, d)}
	// x/mod's verifier does not tell its key, so a signer with a known one.
	skey, vkey, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), "example.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	if s.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if s.key, err = proof.ParseKey(vkey); err != nil || s.key.String() != vkey {
		t.Fatalf("%v: %s, %s", err, s.key, vkey)
	}
	s.log = ledger.NewLog(s.store, s.signer, func() time.Time { return start }, nil)
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *served) answer(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	var body []byte
	var err error
	mediaType := "application/octet-stream"
	rest, tile := strings.CutPrefix(path, "tile/")
	switch level, rest, _ := strings.Cut(rest, "/"); {
	case path == "checkpoint":
		var text string
		text, err = s.log.Published(r.Context())
		body, mediaType = []byte(text), "text/plain; charset=utf-8"
	case tile && level == "entries":
		body, _, err = s.log.EntryTile(r.Context(), rest)
	case tile:
		body, _, err = s.log.HashTile(r.Context(), level, rest)
	}
	status := http.StatusOK
	if safety.KindOf(err) == safety.NotFound {
		status = http.StatusNotFound
	} else if err != nil {
		status = http.StatusInternalServerError
	}
	if s.alter != nil {
		if m, b, st := s.alter(path, body); b != nil || st != 0 {
			body = b
			if m != "" {
				mediaType = m
			}
			if st != 0 {
				status = st
			}
		}
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *served) look(last string, witnesses ...proof.Key) (*proof.Seen, error) {
	return (&proof.Log{URL: s.URL, Key: s.key, Witnesses: witnesses}).Check(context.Background(), last)
}

// TestOutside: from outside, at every size around the edges of tiles, the ledger
// holds and has grown from what was seen before.
func TestOutside(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		s := serve(t, fresh(t))
		last, size := "", 0
		for _, grow := range []int{1, 254, 1, 1} {
			s.append(size, grow)
			size += grow
			s.seal()
			got, err := s.look(last)
			if err != nil {
				t.Fatalf("at %d: %v", size, err)
			}
			if got.Size != int64(size) || got.Entries != int64(size) || last != "" && got.Grown != int64(grow) {
				t.Errorf("at %d: %+v", size, got)
			}
			last = got.Checkpoint
		}
	})
}

// TestTiles_Outsider has golang.org/x/mod's own tile reader prove an entry from
// what is served.
func TestTiles_Outsider(t *testing.T) {
	t.Parallel()
	s := serve(t, storetest.New(t))
	const n = 600
	s.append(0, n)
	s.seal()
	got, err := s.look("")
	if err != nil {
		t.Fatal(err)
	}
	tree := tlog.Tree{N: n, Hash: tlog.Hash(got.Root)}
	p, err := tlog.ProveRecord(n, 300, tlog.TileHashReader(tree, tileReader{s}))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.store.Read().SealedEntries(t.Context(), 300, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(p, n, tree.Hash, 300, tlog.RecordHash(ledger.Leaf(rows[0]))); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"tile/0/003", "tile/0/002.p/89", "tile/0/002.p/0", "tile/0/002.p/256", "tile/0/002.p/088", "tile/0/2.p/88", "tile/0/x000/002.p/88", "tile/00/000", "tile/1/000", "tile/1/000.p/3",
		"tile/-1/000", "tile/9/000.p/1", "tile/entries/002.p/89", "tile/entries/002", "tile/0/x999/x999/x999/x999/999", "tile/0/"} {
		res, err := http.Get(s.URL + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

type tileReader struct{ s *served }

func (tileReader) Height() int                     { return 8 }
func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) (out [][]byte, err error) {
	for _, t := range tiles {
		// x/mod's own paths have the height in front, which C2SP fixed.
		res, err := http.Get(r.s.URL + "/" + strings.Replace(t.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %d, %v", t.Path(), res.StatusCode, err)
		}
		out = append(out, b)
	}
	return out, nil
}

func TestOutside_Wrong(t *testing.T) {
	t.Parallel()
	s := serve(t, storetest.New(t))
	s.append(0, 300)
	s.seal()
	before, err := s.look("")
	if err != nil {
		t.Fatal(err)
	}
	s.append(300, 300)
	s.seal()
	flip := func(want string, at int) func(string, []byte) (string, []byte, int) {
		return func(path string, body []byte) (string, []byte, int) {
			if path != want {
				return "", nil, 0
			}
			b := slices.Clone(body)
			b[(at+len(b))%len(b)] ^= 1
			return "", b, 0
		}
	}
	answer := func(want, mediaType string, body []byte, status int) func(string, []byte) (string, []byte, int) {
		return func(path string, _ []byte) (string, []byte, int) {
			if path != want {
				return "", nil, 0
			}
			return mediaType, body, status
		}
	}
	for name, tc := range map[string]struct {
		alter func(string, []byte) (string, []byte, int)
		wrong bool
	}{
		"checkpoint's text":        {flip("checkpoint", 25), true},
		"checkpoint's signature":   {flip("checkpoint", -9), true},
		"a leaf that was old":      {flip("tile/0/000", 40), true},
		"a leaf that is new":       {flip("tile/0/002.p/88", -1), true},
		"an upper tile":            {flip("tile/1/000.p/2", 0), true},
		"an entry":                 {flip("tile/entries/001", 99), true},
		"the last entry":           {flip("tile/entries/002.p/88", -1), true},
		"a tile cut short":         {answer("tile/0/001", "", make([]byte, 8191), 0), true},
		"a tile too long":          {answer("tile/0/001", "", make([]byte, 8193), 0), false},
		"a tile without end":       {answer("tile/0/001", "", make([]byte, 1<<20), 0), false},
		"entries without end":      {answer("tile/entries/000", "", make([]byte, 20<<20), 0), false},
		"an empty tile":            {answer("tile/0/001", "", []byte{}, 200), true},
		"entries cut short":        {answer("tile/entries/001", "", []byte{0}, 0), true},
		"a page of a proxy's":      {answer("tile/0/001", "text/html", []byte("<html>"), 0), false},
		"a page for a checkpoint":  {answer("checkpoint", "text/html", []byte("<html>"), 0), false},
		"a redirect":               {answer("checkpoint", "", []byte{}, 302), false},
		"entries that end halfway": {answer("tile/entries/001", "", []byte{}, 404), false},
		"an error":                 {answer("tile/1/000.p/2", "", []byte("no"), 500), false},
	} {
		s.alter = tc.alter
		_, err := s.look(before.Checkpoint)
		if err == nil || proof.IsWrong(err) != tc.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.alter = func(path string, _ []byte) (string, []byte, int) {
		if strings.HasPrefix(path, "tile/entries/") {
			return "application/problem+json", []byte("{}"), 401
		}
		return "", nil, 0
	}
	if got, err := s.look(before.Checkpoint); err != nil || got.Entries != 0 || got.Grown != 300 || len(got.Notes) != 1 {
		t.Errorf("entries that are not served: %+v, %v", got, err)
	}
	s.alter = nil
	if _, err := s.look("not a checkpoint"); err == nil {
		t.Error("a state file of something else is taken")
	}
}

// TestOutside_History: a ledger that was rolled back, and one that shows another
// history under the same key.
func TestOutside_History(t *testing.T) {
	t.Parallel()
	s := serve(t, storetest.New(t))
	s.append(0, 300)
	s.seal()
	seen, err := s.look("")
	if err != nil {
		t.Fatal(err)
	}
	// A log that publishes an older checkpoint, and still has the tiles, was not
	// rolled back.
	older, err := s.store.Read().CheckpointOf(t.Context(), 256)
	if err != nil {
		t.Fatal(err)
	}
	s.alter = func(path string, _ []byte) (string, []byte, int) {
		if path == "checkpoint" {
			return "", []byte(older.Note), 0
		}
		return "", nil, 0
	}
	if got, err := s.look(seen.Checkpoint); err != nil || got.Checkpoint != seen.Checkpoint || got.Grown != 0 || got.Size != 256 {
		t.Errorf("an older checkpoint: %+v, %v", got, err)
	}
	other := serve(t, storetest.New(t))
	other.append(1, 200)
	other.seal()
	if _, err := other.look(seen.Checkpoint); !proof.IsWrong(err) || !strings.Contains(err.Error(), "rolled back") {
		t.Errorf("a smaller ledger: %v", err)
	}
	other.append(201, 200)
	other.seal()
	if _, err := other.look(seen.Checkpoint); !proof.IsWrong(err) || !strings.Contains(err.Error(), "first 300 entries") {
		t.Errorf("another history: %v", err)
	}
	if _, err := other.look(""); err != nil {
		t.Errorf("the other history alone holds: %v", err) // which is why the state is kept, and why there are witnesses
	}
}

func TestWitness(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		s := serve(t, fresh(t))
		now := start
		s.log = ledger.NewLog(s.store, s.signer, func() time.Time { return now }, nil)
		fake := witness.New("witness.test/w1", 1, s.key, func() time.Time { return now })
		broken := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if broken {
				http.Error(w, "<html>", http.StatusBadGateway)
				return
			}
			fake.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		key, err := proof.ParseKey(fake.VKey())
		if err != nil {
			t.Fatal(err)
		}
		ws := ledger.NewWitnesses(s.log, []ledger.Witness{{URL: server.URL, Key: key}}, nil)
		ask := func() {
			t.Helper()
			if err := ws.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ask() // an empty ledger: nothing to show
		if fake.Asks() != 0 {
			t.Error("a witness was asked about nothing")
		}
		s.append(0, 5)
		ask()
		if got, err := s.look("", key); err != nil || fake.Size() != 5 {
			t.Fatalf("%+v, %v", got, err)
		}
		ask()
		if fake.Asks() != 1 {
			t.Errorf("asked %d times for one checkpoint", fake.Asks())
		}
		s.append(5, 60)
		ask()
		got, err := s.look("", key)
		if err != nil || got.Size != 65 {
			t.Fatalf("%+v, %v", got, err)
		}
		// A minute later there are entries that nobody has witnessed yet: the witnessed
		// checkpoint is still the one for outsiders, for a while.
		now = now.Add(time.Minute)
		s.append(65, 1)
		s.seal()
		if got, err := s.look("", key); err != nil || got.Size != 65 {
			t.Errorf("a minute later: %+v, %v", got, err)
		}
		broken = true
		ask()
		states, err := ws.States(t.Context())
		if err != nil || states[0].Failures != 1 || states[0].Behind != 1 || states[0].LastError == "" {
			t.Errorf("%+v, %v", states, err)
		}
		asks := fake.Asks()
		broken = false
		ask() // not yet due
		if fake.Asks() != asks {
			t.Error("a witness that failed was asked again at once")
		}
		now = now.Add(time.Hour)
		ask()
		if got, err := s.look("", key); err != nil || got.Size != 66 {
			t.Errorf("after the failure: %+v, %v", got, err)
		}
		// What it knew of the witness is lost: the witness tells, and all goes on.
		s.exec("delete from ledger_witnesses")
		s.append(66, 10)
		ask()
		if got, err := s.look("", key); err != nil || got.Size != 76 {
			t.Errorf("after a conflict: %+v, %v", got, err)
		}
		stranger := witness.New("witness.test/w2", 2, s.key, time.Now)
		strange, err := proof.ParseKey(stranger.VKey())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.look("", key, strange); !proof.IsWrong(err) {
			t.Errorf("a witness that has not signed: %v", err)
		}
	})
}

// TestWitness_Refuses: a ledger that was rewritten or rolled back finds no
// witness, and the state says so.
func TestWitness_Refuses(t *testing.T) {
	t.Parallel()
	honest := serve(t, storetest.New(t))
	fake := witness.New("witness.test/w1", 1, honest.key, func() time.Time { return start })
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	key, err := proof.ParseKey(fake.VKey())
	if err != nil {
		t.Fatal(err)
	}
	honest.append(0, 20)
	if err := ledger.NewWitnesses(honest.log, []ledger.Witness{{URL: server.URL, Key: key}}, nil).Ask(t.Context()); err != nil || fake.Size() != 20 {
		t.Fatalf("%v, %d", err, fake.Size())
	}
	for name, tc := range map[string]struct {
		from, n int
		says    string
	}{"rewritten": {1, 30, "422"}, "rewritten, same size": {1, 20, "422"}, "rolled back": {0, 10, "put back to an earlier state"}} {
		other := serve(t, storetest.New(t))
		other.append(tc.from, tc.n)
		ws := ledger.NewWitnesses(other.log, []ledger.Witness{{URL: server.URL, Key: key}}, nil)
		if err := ws.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		states, err := ws.States(t.Context())
		if err != nil || states[0].Failures != 1 || !strings.Contains(states[0].LastError, tc.says) {
			t.Errorf("%s: %+v, %v", name, states, err)
		}
		if _, err := other.look("", key); !proof.IsWrong(err) {
			t.Errorf("%s: bears a cosignature: %v", name, err)
		}
	}
	if fake.Size() != 20 {
		t.Errorf("the witness moved to %d", fake.Size())
	}
}
