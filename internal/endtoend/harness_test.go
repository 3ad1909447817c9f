package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/sample"
)

// patience is how long a condition may take on a busy machine. Nothing is
// measured against the clock.
const patience = 90 * time.Second

// folder holds the built binary. Written by TestMain before any test.
var folder string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rowan-endtoend-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	folder = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build builds rowan for the first test that needs it, unless ROWAN_BINARY
// names one.
var build = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("ROWAN_BINARY"); bin != "" {
		return bin, nil
	}
	bin := filepath.Join(folder, "rowan")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/rowan")
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rowan: %w\n%s", err, out)
	}
	return bin, nil
})

func rowanBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("end to end tests start processes; not with -short")
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// freePort is below the ports that the system hands out to clients, so that
// nobody takes it while a server is down.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 15000 + rand.IntN(15000)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// authority is the stand-in, with its state on disk so that it can be stopped
// and started again.
type authority struct {
	*ncmec.Server
	t    *testing.T
	dir  string
	addr string
	http *httptest.Server
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir(), addr: "127.0.0.1:" + strconv.Itoa(freePort(t))}
	a.start()
	t.Cleanup(a.stop)
	return a
}

func (a *authority) start() {
	a.t.Helper()
	var err error
	if a.Server, err = ncmec.New(ncmec.Config{Username: "standin", Password: "standin", Dir: a.dir}); err != nil {
		a.t.Fatal(err)
	}
	a.http = httptest.NewUnstartedServer(a.Server)
	_ = a.http.Listener.Close()
	if a.http.Listener, err = net.Listen("tcp", a.addr); err != nil {
		a.t.Fatal(err)
	}
	a.http.Start()
}

func (a *authority) stop() {
	if a.http == nil {
		return
	}
	a.http.CloseClientConnections()
	a.http.Close()
	a.http = nil
	if err := a.Close(); err != nil {
		a.t.Error(err)
	}
}

// finished are the finished reports that hold the file.
func (a *authority) finished(sha string) []ncmec.Report {
	var out []ncmec.Report
	for _, r := range a.Reports() {
		if r.State != ncmec.Finished {
			continue
		}
		for _, f := range r.Files {
			if f.SHA256 == sha {
				out = append(out, r)
			}
		}
	}
	return out
}

// oneReport is the one finished report with the file, and only with it.
func (a *authority) oneReport(t *testing.T, file []byte) ncmec.Report {
	t.Helper()
	rs := a.finished(sum(file))
	if len(rs) != 1 || len(rs[0].Files) != 1 {
		t.Fatalf("the authority has %d finished reports of the file, want 1 with 1 file: %+v", len(rs), rs)
	}
	return rs[0]
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// lines collects what a process writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// server is a rowan process with its data folder.
type server struct {
	t    *testing.T
	bin  string
	data string
	port int
	env  []string
	log  *lines // standard error of all its lives

	mu   sync.Mutex
	cmd  *exec.Cmd     // guarded by mu
	gone chan struct{} // closed when cmd has ended; guarded by mu
	link string        // the printed sign-in link; guarded by mu
}

// serve starts rowan on a fresh data folder. env are further settings.
func serve(t *testing.T, a *authority, env ...string) *server {
	t.Helper()
	return serveIn(t, filepath.Join(t.TempDir(), "data"), a, env...)
}

// serveIn is serve with a data folder at a place.
func serveIn(t *testing.T, data string, a *authority, env ...string) *server {
	t.Helper()
	s := &server{t: t, bin: rowanBinary(t), data: data, port: freePort(t), log: &lines{},
		env: append(env, "ROWAN_REPORTING_URL=http://"+a.addr+"/ispws")}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			text := s.log.String()
			t.Logf("log of the server (end):\n%s", text[max(0, len(text)-6000):])
		}
	})
	return s
}

// command is rowan with this server's settings and nothing of the caller's.
func (s *server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, append(args, "--data", s.data)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.data, "TMPDIR=" + os.TempDir(),
		"ROWAN_PUBLIC_URL=" + s.public()}, s.env...)
	return cmd
}

// run runs a command to its end and returns what it printed.
func (s *server) run(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	out, err := cmd.Output()
	if err != nil {
		text := ""
		if e, ok := err.(*exec.ExitError); ok {
			text = string(e.Stderr)
		}
		s.t.Fatalf("rowan %s: %v\n%s%s", strings.Join(args, " "), err, out, text)
	}
	return string(out)
}

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	ready, gone := s.launch()
	select {
	case link := <-ready:
		s.mu.Lock()
		s.link = link
		s.mu.Unlock()
	case <-gone:
		s.t.Fatalf("rowan serve ended at once:\n%s", s.log)
	case <-time.After(patience):
		s.t.Fatal("rowan serve does not come up")
	}
}

// launch starts the process. ready gets the sign-in link that it prints when
// it answers.
func (s *server) launch() (ready chan string, gone chan struct{}) {
	s.t.Helper()
	cmd := s.command("serve", "--listen", "127.0.0.1:"+strconv.Itoa(s.port))
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	// The lock is held so that nobody kills a process that is not known yet.
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ready, gone = make(chan string, 1), make(chan struct{})
	s.cmd, s.gone = cmd, gone
	go func() {
		r := bufio.NewScanner(out)
		for r.Scan() {
			if strings.Contains(r.Text(), "#link=") {
				ready <- r.Text()
			}
		}
		_ = cmd.Wait()
		close(gone)
	}()
	return ready, gone
}

// end sends a signal and waits. It may be called from any goroutine, and when
// the process is gone already.
func (s *server) end(sig syscall.Signal) *os.ProcessState {
	s.mu.Lock()
	cmd, gone := s.cmd, s.gone
	s.mu.Unlock()
	_ = cmd.Process.Signal(sig) // an error says that it has ended already
	<-gone
	return cmd.ProcessState
}

// wait returns when the process has ended.
func (s *server) wait() {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	<-gone
}

func (s *server) kill() { s.end(syscall.SIGKILL) }

func (s *server) stop() {
	s.t.Helper()
	if st := s.end(syscall.SIGTERM); !st.Success() {
		s.t.Fatalf("rowan serve did not end well: %v", st)
	}
}

func (s *server) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

func (s *server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

func (s *server) public() string { return "http://localhost:" + strconv.Itoa(s.port) }
func (s *server) base() string   { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// key makes an API key on the command line.
func (s *server) key(role string, scopes ...string) string {
	s.t.Helper()
	args := []string{"keys", "create", "--role", role}
	for _, scope := range scopes {
		args = append(args, "--scope", scope)
	}
	out := strings.Split(strings.TrimSpace(s.run(args...)), "\n")
	return out[len(out)-1]
}

func (s *server) verifyLedger() {
	s.t.Helper()
	if out := s.run("verify", "ledger"); !strings.Contains(out, "The ledger holds.") {
		s.t.Fatalf("rowan verify ledger: %s", out)
	}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// caller calls the API with one key.
type caller struct {
	t    *testing.T
	base string
	key  string
}

func (c caller) do(method, path, kind string, body []byte) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{} // the server was killed
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}
}

// send sends JSON and reads JSON into out; any other answer than a success
// fails the test.
func (c caller) send(method, path string, in, out any) {
	c.t.Helper()
	var body []byte
	kind := ""
	if in != nil {
		kind = "application/json"
		var err error
		if body, err = json.Marshal(in); err != nil {
			c.t.Fatal(err)
		}
	}
	a := c.do(method, path, kind, body)
	if a.status/100 != 2 {
		c.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			c.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// The parts of the API's answers that the tests look at.
type (
	reportView struct {
		ID            string `json:"id"`
		State         string `json:"state"`
		RemoteID      string `json:"remote_id"`
		Receipt       string `json:"receipt"`
		LastError     string `json:"last_error"`
		Attempts      int    `json:"attempts"`
		NextAttemptAt string `json:"next_attempt_at"`
		Files         []struct {
			State       string `json:"state"`
			ViewedByESP bool   `json:"viewed_by_esp"`
		} `json:"files"`
		Exchanges []struct {
			Operation string `json:"operation"`
		} `json:"exchanges"`
	}
	caseView struct {
		ID        string       `json:"id"`
		State     string       `json:"state"`
		Canary    bool         `json:"canary"`
		AccountID string       `json:"account_id"`
		Reports   []reportView `json:"reports"`
		Content   []struct {
			Evidence *struct {
				ID string `json:"id"`
			} `json:"evidence"`
		} `json:"content"`
		Views []struct {
			Mode   string `json:"mode"`
			Reason string `json:"reason"`
		} `json:"views"`
	}
)

func (c caller) report(id string) reportView {
	c.t.Helper()
	var r reportView
	c.send("GET", "/v1/reports/"+id, nil, &r)
	return r
}

func (c caller) caseOf(id string) caseView {
	c.t.Helper()
	var v caseView
	c.send("GET", "/v1/cases/"+id, nil, &v)
	return v
}

// confirm decides a case as a person and returns the drafted report's id.
func (c caller) confirm(caseID string) string {
	c.t.Helper()
	c.send("POST", "/v1/cases/"+caseID+"/claim", map[string]any{}, nil)
	c.send("POST", "/v1/cases/"+caseID+"/decision", map[string]any{"outcome": "confirmed", "reason": "end to end test",
		"incident_type": cybertip.IncidentImagery, "ncmec_class": "B2"}, nil)
	v := c.caseOf(caseID)
	if len(v.Reports) != 1 {
		c.t.Fatalf("a confirmed case has %d reports", len(v.Reports))
	}
	return v.Reports[0].ID
}

func (c caller) filed(reportID string) reportView {
	c.t.Helper()
	var r reportView
	until(c.t, "report is filed", func() bool { r = c.report(reportID); return r.State == "filed" })
	if r.Receipt == "" || r.RemoteID == "" {
		c.t.Fatalf("a filed report has no receipt or number: %+v", r)
	}
	return r
}

const knownList = "known-landscapes"

// landscape draws a small picture that no other seed gives.
func landscape(seed int) []byte { return sample.PNG(sample.Landscape(uint64(seed), 320, 240)) }

// knowing makes a list of the pictures' hashes over the API.
func (s *server) knowing(adminKey string, pictures ...[]byte) {
	s.t.Helper()
	c := client.New(s.base(), adminKey)
	if err := c.CreateList(s.t.Context(), knownList, "illegal", "end to end test"); err != nil {
		s.t.Fatal(err)
	}
	var csv strings.Builder
	csv.WriteString("sha256\n")
	for _, p := range pictures {
		csv.WriteString(sum(p) + "\n")
	}
	got, err := c.ImportList(s.t.Context(), knownList, "csv", []byte(csv.String()))
	if err != nil || got.Added != int64(len(pictures)) {
		s.t.Fatalf("import: %+v, %v", got, err)
	}
}

// upload asks about a picture as the platform would and expects to be told to
// block it.
func (s *server) upload(serviceKey, id string, file []byte) client.Result {
	s.t.Helper()
	c := client.New(s.base(), serviceKey)
	now := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	if err := c.PutAccount(s.t.Context(), "acct-"+id, map[string]any{"screen_name": "gull " + id}); err != nil {
		s.t.Fatal(err)
	}
	res, err := c.CheckFile(s.t.Context(), client.Meta{ContentID: "content-" + id, AccountID: "acct-" + id, Surface: "public",
		Jurisdiction: "GB", CreatedAt: now, IP: "203.0.113.7", Port: 51620, Filename: id + ".png"}, file)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.Verdict != "block" || res.CaseID == "" {
		s.t.Fatalf("a listed picture got %+v", res)
	}
	return res
}

// missing skips a test for want of a tool, or fails it when nothing may be
// missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}
