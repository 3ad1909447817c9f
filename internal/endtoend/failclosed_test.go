package endtoend

import (
	"encoding/json"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// answers is what became of checks of a picture that is on a list.
type answers struct{ blocked, held, refused int }

// checkKnown asks about a listed picture and fails the test on the one answer
// that must never come: allow, or anything but a block that says "scanned".
func (s *server) checkKnown(t *testing.T, key, id string, file []byte, n *answers) {
	t.Helper()
	a := (caller{t, s.base(), key}).do("POST", "/v1/media/check", checkKind, checkForm(t, id, file))
	if a.status != 200 {
		n.refused++
		return
	}
	var r client.Result
	if err := json.Unmarshal(a.body, &r); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	switch {
	case r.Verdict == client.Allow, r.Scan == "scanned" && r.Verdict != "block":
		t.Fatalf("a listed picture got %s, %s (%s)", r.Verdict, r.Scan, r.ScanReason)
	case r.Verdict == "block":
		n.blocked++
	default:
		n.held++
	}
}

// TestEndToEndFailClosed takes away what a check needs while checks of a listed
// picture run: none of them is answered with "allow".
func TestEndToEndFailClosed(t *testing.T) {
	t.Parallel()
	t.Run("decoders killed", decodersKilled)
	t.Run("disk full", diskFull)
	t.Run("database away", databaseAway)
}

// near is the picture in another file: only its perceptual hash is on the list,
// so that a decoder is needed.
func near(t *testing.T, s *server, seed int) []byte {
	t.Helper()
	file := landscape(seed)
	var hashes map[string]string
	c := hmaClient{t, s.base(), s.key("service", "lists:match", "lists:write", "lists:read")}
	if got := c.file("/h/hash", "photo", file, nil, &hashes); got != 200 {
		t.Fatalf("hashing the picture: %d", got)
	}
	c.json("POST", "/c/banks", map[string]any{"name": "NEAR"}, nil)
	if got := c.json("POST", "/c/bank/NEAR/signal", map[string]string{"pdq": hashes["pdq"]}, nil); got != 200 {
		t.Fatalf("banking the hash: %d", got)
	}
	return file
}

func decodersKilled(t *testing.T) {
	s := serve(t, newAuthority(t))
	service, file := s.key("service"), near(t, s, 601)
	stop := make(chan struct{})
	var killer sync.WaitGroup
	kills := 0
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(20+37*(kills%8)) * time.Millisecond):
				for _, pid := range children(s.pid()) {
					if syscall.Kill(pid, syscall.SIGKILL) == nil {
						kills++
					}
				}
			}
		}
	})
	var n answers
	for i := range 60 {
		// Other bytes each time: a file that has killed decoders is held for a while.
		s.checkKnown(t, service, "killed-"+string(rune('A'+i)), append(file[:len(file):len(file)], byte(i)), &n)
	}
	close(stop)
	killer.Wait()
	t.Logf("%d decoders killed during 60 checks: %d blocked, %d held, %d refused", kills, n.blocked, n.held, n.refused)
	if kills == 0 || n.held+n.refused == 0 {
		t.Error("nothing was put to the test")
	}
	until(t, "checks work again", func() bool {
		var n answers
		s.checkKnown(t, service, "after", append(file[:len(file):len(file)], 'x'), &n)
		return n.blocked == 1
	})
}

// diskFull serves from a small file system of its own.
func diskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE_MOUNT") != "" {
			t.Fatalf("mounting a small file system: %v", err)
		}
		t.Skipf("NOT CHECKED: a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := serveIn(t, filepath.Join(dir, "data"), newAuthority(t), "ROWAN_EVIDENCE_RESERVE_BYTES=-1")
	service, file := s.key("service"), landscape(602)
	s.knowing(s.key("admin"), file)
	var n answers
	s.checkKnown(t, service, "roomy", file, &n)
	if n.blocked != 1 {
		t.Fatalf("before: %+v", n)
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	n = answers{}
	for i := range 20 {
		s.checkKnown(t, service, "full-"+string(rune('a'+i)), file, &n)
	}
	t.Logf("20 checks on a full disk: %d blocked, %d held, %d refused", n.blocked, n.held, n.refused)
	if n.refused == 0 {
		t.Error("nothing was put to the test")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "there is room again", func() bool {
		var n answers
		s.checkKnown(t, service, "after", file, &n)
		return n.blocked == 1
	})
}

// fill writes zeros until there is no room for one more byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// gate passes connections to a server, until it is shut.
type gate struct {
	t      *testing.T
	target string // of a Unix socket
	l      net.Listener

	mu    sync.Mutex
	shut  bool
	conns []net.Conn
}

func newGate(t *testing.T, socket string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, target: socket, l: l}
	t.Cleanup(func() { _ = l.Close(); g.set(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

func (g *gate) pass(c net.Conn) {
	up, err := net.Dial("unix", g.target)
	g.mu.Lock()
	if err != nil || g.shut {
		g.mu.Unlock()
		_ = c.Close()
		return
	}
	g.conns = append(g.conns, c, up)
	g.mu.Unlock()
	go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
	_, _ = io.Copy(c, up)
	_ = c.Close()
}

// set shuts or opens the gate; shutting cuts every connection.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for _, c := range g.conns {
			_ = c.Close()
		}
		g.conns = nil
	}
}

// databaseAway cuts the connections to a real PostgreSQL.
func databaseAway(t *testing.T) {
	where := os.Getenv(storetest.EnvPostgres)
	if where == "" {
		if os.Getenv(storetest.EnvRequire) != "" {
			t.Fatalf("%s is not set", storetest.EnvPostgres)
		}
		t.Skipf("%s is not set; scripts/with-postgres CMD starts a server", storetest.EnvPostgres)
	}
	u, err := url.Parse(storetest.NewPostgres(t, where).URL)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	u.Host, u.RawQuery = g.l.Addr().String(), "sslmode=disable"
	s := serve(t, newAuthority(t), "ROWAN_DATABASE_URL="+u.String())
	service, file := s.key("service"), landscape(603)
	s.knowing(s.key("admin"), file)
	var n answers
	s.checkKnown(t, service, "there", file, &n)
	if n.blocked != 1 {
		t.Fatalf("before: %+v", n)
	}
	n = answers{}
	for round := range 5 {
		g.set(true)
		for i := range 6 {
			s.checkKnown(t, service, "away-"+string(rune('a'+round))+string(rune('a'+i)), file, &n)
		}
		g.set(false)
		until(t, "the database is back", func() bool {
			var back answers
			s.checkKnown(t, service, "back-"+string(rune('a'+round)), file, &back)
			return back.blocked == 1
		})
	}
	t.Logf("30 checks with the database away: %d blocked, %d held, %d refused", n.blocked, n.held, n.refused)
	if n.refused != 30 {
		t.Errorf("%+v: a case cannot be opened without a database", n)
	}
}
