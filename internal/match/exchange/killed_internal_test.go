package exchange

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/exchanges"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

// victim is what a process that will be killed works on.
type victim struct {
	URL, Key, Folder string
	Now              time.Time
}

const victimVariable = "ROWAN_TEST_EXCHANGE_VICTIM"

// TestKilled: a real process is killed again and again while it syncs, and the
// next one goes on; in the end the list is what the source has, and the work
// was not begun anew each time.
func TestKilled(t *testing.T) {
	if text := os.Getenv(victimVariable); text != "" {
		die(t, text)
		return
	}
	for _, service := range []exchanges.Service{exchanges.NCMEC, exchanges.JSON} {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			d := storetest.New(t)
			s := d.Open(t)
			g := newRig(t, s, trait(service), 20)
			for i := range 300 {
				g.server.World.Put(fmt.Sprintf("e%03d", i), g.prints())
			}
			g.clock.pass(time.Hour)
			v := victim{URL: d.URL, Key: filepath.Join(t.TempDir(), "key"), Folder: t.TempDir(), Now: g.clock.now()}
			// The victim has a vault of its own: give it the credentials anew.
			creds := testCredentials
			if g.traits.kind == File {
				creds.Token = ""
			}
			vd := v.desk(t, s)
			g.ok(vd.Change(t.Context(), "test", "ex", Config{Credentials: &creds}))
			text, err := json.Marshal(v)
			g.ok(err)
			kills, done := 0, false
			for pause := 30 * time.Millisecond; !done && kills < 200; pause += 2 * time.Millisecond {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
				cmd.Env = append(os.Environ(), victimVariable+"="+string(text))
				g.ok(cmd.Start())
				killed := time.AfterFunc(pause, func() { _ = cmd.Process.Kill() })
				done = cmd.Wait() == nil
				if !killed.Stop() && !done {
					kills++
				}
			}
			if want, got := g.source(), g.list(); !done || diff(want, got) != diff(want, want) {
				t.Errorf("after %d kills, done %t: %s", kills, done, diff(want, got))
			}
			t.Logf("%d kills, %d requests", kills, g.server.Requests())
		})
	}
}

func (v victim) desk(t *testing.T, s *store.Store) *Desk {
	t.Helper()
	master, err := vault.LoadMaster(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return v.Now }
	return NewDesk(s, match.NewLists(s, now), vault.New(s, master, nil, now), v.Folder, now, slog.New(slog.DiscardHandler))
}

func die(t *testing.T, text string) {
	t.Helper()
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	s := (&storetest.Database{URL: v.URL}).Open(t)
	d := v.desk(t, s)
	if err := d.Resume(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	d.beside = func(string) { time.Sleep(time.Millisecond) } // there is time to be killed
	if err := d.SyncNamed(t.Context(), "ex"); err != nil {
		t.Fatal(err)
	}
	if e, err := d.Get(t.Context(), "ex"); err != nil || e.LastError != "" {
		t.Fatal(err, e.LastError)
	}
}
