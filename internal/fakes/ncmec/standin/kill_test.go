package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// TestMain lets the test binary play the program, so that it can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("ROWAN_STANDIN_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// launch starts the program on dir and returns a client and a way to kill it.
func launch(t *testing.T, dir string) (*cybertip.Client, func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen", "127.0.0.1:0", "--data", dir)
	cmd.Env = append(os.Environ(), "ROWAN_STANDIN_MAIN=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	base := ""
	for base == "" && lines.Scan() {
		_, base, _ = strings.Cut(lines.Text(), "listening on ")
	}
	c, err := cybertip.New(cybertip.Config{BaseURL: base, Username: "standin", Password: "standin",
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
}

// TestKill: after each SIGKILL, in the middle of other calls, every answer that
// was given still holds.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	doc := []byte(`<report><incidentSummary><incidentType>Misleading Domain Name</incidentType>` +
		`<incidentDateTime>2024-10-15T08:00:00Z</incidentDateTime></incidentSummary>` +
		`<reporter><reportingPerson><email>reports@example.test</email></reportingPerson></reporter></report>`)
	answered := map[int64]ncmec.State{}
	for range 5 {
		c, kill := launch(t, dir)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				r, err := c.Submit(t.Context(), doc)
				if err != nil {
					return
				}
				answered[r.ReportID] = ncmec.Open // read only after stopped
				if r.ReportID%2 == 0 {
					continue
				}
				if _, err := c.Upload(t.Context(), r.ReportID, "f", strings.NewReader(strconv.FormatInt(r.ReportID, 10)), 9); err != nil {
					return
				}
				if _, err := c.Finish(t.Context(), r.ReportID); err != nil {
					return
				}
				answered[r.ReportID] = ncmec.Finished
			}
		}()
		time.Sleep(150 * time.Millisecond) // long enough for some calls; any moment will do
		kill()
		<-stopped
	}
	s, err := ncmec.New(ncmec.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := map[int64]ncmec.State{}
	for _, r := range s.Reports() {
		got[r.ID] = r.State
	}
	for id, state := range answered {
		// A finish that was killed before its answer may stand.
		if got[id] != state && (state != ncmec.Open || got[id] != ncmec.Finished) {
			t.Errorf("report %d was answered %s and is %q", id, state, got[id])
		}
	}
	t.Logf("%d reports answered, %d kept", len(answered), len(got))
	if len(answered) == 0 {
		t.Error("nothing was answered")
	}
}
