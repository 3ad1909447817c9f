package reporting_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/vault"
)

// kills is how many processes [TestKill] kills; more by hand, for a long run.
var kills = flag.Int("kills", 2000, "processes that TestKill kills")

// Environment of a child process that files.
const (
	envChild = "ROWAN_TEST_FILER"     // folder of its database and vault
	envURL   = "ROWAN_TEST_FILER_URL" // the authority
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChild); dir != "" {
		if err := fileAll(dir, os.Getenv(envURL)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fileAll is the life of a process that files whatever is approved, and that may
// be killed at any instruction.
func fileAll(dir, url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "rowan.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	master, err := vault.LoadMaster(filepath.Join(dir, "vault.key"))
	if err != nil {
		return err
	}
	blobs, err := vault.OpenFolder(filepath.Join(dir, "evidence"))
	if err != nil {
		return err
	}
	client, err := cybertip.New(cybertip.Config{BaseURL: url + "/ispws", Username: "u", Password: "p"})
	if err != nil {
		return err
	}
	d := reporting.NewDesk(s, vault.New(s, master, blobs, time.Now), time.Now, killConfig(client), reporting.Hooks{
		Announce: func(context.Context, *store.Tx, safety.Event) error { return nil }})
	if err := d.Resume(ctx, true); err != nil {
		return err
	}
	for {
		rows, err := s.Read().UnfinishedReports(ctx, false)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return errors.Join(blobs.Close(), s.Close())
		}
		for _, r := range rows {
			// A turn that failed is tried again at once: what is tested is not the pause.
			if err := d.File(ctx, r.ID); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

func killConfig(c *cybertip.Client) reporting.Config {
	return reporting.Config{Environment: reporting.Standin, Client: c,
		Reporter: reporting.Reporter{Platform: "Example", FirstName: "Rep", LastName: "Orter", Email: "safety@example.test"}}
}

// TestKill files reports from processes that are killed (SIGKILL) at random
// points of the filing, by the thousand. Each approved report must end up finished
// at the authority exactly once, with its own files and what the view log says of
// them. Half of the kills strike at a random time; half as a request arrives at
// the authority, before or after it is carried out.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of processes")
	}
	total := &toll{}
	var wg sync.WaitGroup
	lanes := runtime.NumCPU()
	for lane := range lanes {
		wg.Go(func() { killLane(t, lane, (*kills+lanes-1)/lanes, total) })
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d processes killed in %d filings: %d in the middle of a report; %d reports begun again at the authority; 0 lost, 0 filed twice, 0 with wrong files",
		total.kills, total.reports, total.within, total.orphans)
	if total.kills < *kills || total.within < total.kills/4 {
		t.Errorf("too few kills, or too few that matter: %+v", total)
	}
}

// toll counts over all lanes.
type toll struct {
	mu                              sync.Mutex
	kills, within, reports, orphans int // guarded by mu
}

// killLane works on a database of its own until n processes were killed.
func killLane(t *testing.T, lane, n int, total *toll) {
	r := rand.New(rand.NewPCG(uint64(lane), 2026))
	k := newKillBench(t, lane)
	for done := 0; done < n && !t.Failed(); {
		batch := k.approved(r, 10)
		for round := 0; ; round++ {
			if round > 3000 {
				t.Errorf("lane %d: the reports do not come to rest", lane)
				return
			}
			killed, err := k.life(t.Context(), r, done < n)
			if err != nil {
				t.Errorf("lane %d: %v", lane, err)
				return
			}
			if !killed {
				break
			}
			done++
			total.mu.Lock()
			total.kills++
			if k.midway() {
				total.within++
			}
			total.mu.Unlock()
		}
		for _, c := range batch {
			k.verify(c, false)
		}
		total.mu.Lock()
		total.reports += len(batch)
		total.mu.Unlock()
	}
	for _, f := range k.fake.Reports() {
		if f.State != ncmec.Finished {
			total.mu.Lock()
			total.orphans++
			total.mu.Unlock()
		}
	}
}

// killBench is a bench whose filing happens in other processes.
type killBench struct {
	*bench
	dir string

	mu    sync.Mutex
	child *os.Process // guarded by mu; to be killed
	left  int         // guarded by mu; requests until it is killed, 0 for not by requests
	phase ncmec.Phase // guarded by mu
}

func newKillBench(t *testing.T, lane int) *killBench {
	t.Helper()
	k := &killBench{bench: newBench(t), dir: filepath.Join(t.TempDir(), fmt.Sprint(lane))}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// The bench's own parts, at places where another process finds them, by the
	// real clock, which is the only one that two processes share.
	now := time.Now
	k.data.URL = "sqlite:" + filepath.Join(k.dir, "rowan.db")
	k.store = k.data.Open(t)
	master, err := vault.LoadMaster(filepath.Join(k.dir, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(filepath.Join(k.dir, "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	k.vault = vault.New(k.store, master, blobs, now)
	k.clock.until(now())
	if k.fake, err = ncmec.New(ncmec.Config{Username: "u", Password: "p", Faults: k.strike}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(k.fake)
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	k.url = web.URL
	client, err := cybertip.New(cybertip.Config{BaseURL: k.url + "/ispws", Username: "u", Password: "p", HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	k.cfg = killConfig(client)
	return k
}

// approved makes n approved reports with up to two files each.
func (k *killBench) approved(r *rand.Rand, n int) []confirmed {
	k.t.Helper()
	k.clock.until(time.Now())
	out := make([]confirmed, n)
	for i := range out {
		m := material{}
		for f := range r.IntN(3) {
			m.files = append(m.files, fmt.Sprint("harmless ", r.Uint64(), f))
			if r.IntN(2) == 0 {
				m.viewed = append(m.viewed, f)
			}
		}
		out[i] = k.confirm(m)
		k.approve(out[i].reportID)
	}
	return out
}

// strike kills the child as its n-th request arrives, or is carried out.
func (k *killBench) strike(_ string, p ncmec.Phase) ncmec.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 || p != k.phase {
		return ncmec.Fault{}
	}
	if k.left--; k.left == 0 && k.child != nil {
		_ = k.child.Signal(syscall.SIGKILL)
	}
	return ncmec.Fault{}
}

// life runs one process that files. It tells whether it was killed before its
// work was done.
func (k *killBench) life(ctx context.Context, r *rand.Rand, kill bool) (killed bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), envChild+"="+k.dir, envURL+"="+k.url)
	cmd.Stderr = io.Discard
	byRequest := r.IntN(2) == 0
	k.mu.Lock()
	k.left, k.phase = 0, ncmec.Phase(r.IntN(2))
	if kill && byRequest {
		k.left = 1 + r.IntN(8)
	}
	if err := cmd.Start(); err != nil {
		k.mu.Unlock()
		return false, err
	}
	k.child = cmd.Process
	k.mu.Unlock()
	if kill && !byRequest {
		// From the first instruction to some filings later.
		timer := time.AfterFunc(time.Duration(15+r.IntN(100))*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer timer.Stop()
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true, nil
		}
	}
	return false, err
}

// midway reports whether a report stands in the middle of its filing.
func (k *killBench) midway() bool {
	rows, err := k.store.Read().UnfinishedReports(k.t.Context(), false)
	if err != nil {
		k.t.Error(err)
		return false
	}
	for _, r := range rows {
		if r.State != string(reporting.Approved) {
			return true
		}
	}
	return false
}
