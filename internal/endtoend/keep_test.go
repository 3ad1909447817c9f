package endtoend

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// in decodes an answer that must have a status.
func (a answer) in(t *testing.T, what string, status int, into any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: %d %s", what, a.status, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			t.Fatalf("%s: %v in %s", what, err, a.body)
		}
	}
}

// ask sends a request as it is.
func ask(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

// keptCase is what the test needs of a case.
type keptCase struct {
	State   string
	Content []struct {
		Evidence struct{ ID string }
	}
	Reports []struct{ ID, State string }
	Holds   []struct {
		ID         string
		ReleasedAt string `json:"released_at"`
	}
	Relevant struct {
		State  string
		Pieces []struct{ EvidenceID, Kind, By any }
	}
	Clocks []struct{ Law, Keeps string }
}

// TestEndToEndNearlyFull fills a small disk up to the reserve: nothing new comes
// in, and the case that is open is carried to its receipt.
func TestEndToEndNearlyFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=96m"); err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE_MOUNT") != "" {
			t.Fatalf("mounting a small file system: %v", err)
		}
		t.Skipf("NOT CHECKED: a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	a := newAuthority(t)
	s := serveIn(t, filepath.Join(dir, "data"), a, "ROWAN_EVIDENCE_RESERVE_BYTES=50331648") // 48 MiB
	file := landscape(611)
	s.knowing(s.key("admin"), file)
	service, boss := caller{t, s.base(), s.key("service")}, caller{t, s.base(), s.key("supervisor")}
	res := s.upload(service.key, "first", file)
	var n answers
	s.checkKnown(t, service.key, "roomy", file, &n)
	if n.blocked != 1 {
		t.Fatalf("before: %+v", n)
	}
	// Down to some 24 MiB.
	ballast := filepath.Join(dir, "ballast")
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ballast, make([]byte, int64(fs.Bavail)*fs.Bsize-24<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := service.do("POST", "/v1/media/check", checkKind, checkForm(t, "late", file))
	if refused.status != http.StatusServiceUnavailable || !strings.Contains(string(refused.body), "nearly full") || refused.header.Get("Retry-After") == "" {
		t.Errorf("a check on a disk that is nearly full: %d %s", refused.status, refused.body)
	}
	links := service.do("POST", "/v1/links/check", "application/json", []byte(`{"content_id":"c","links":["https://example.test/"]}`))
	links.in(t, "links", http.StatusServiceUnavailable, nil)

	path := "/v1/cases/" + res.CaseID
	var c keptCase
	boss.do("GET", path, "", nil).in(t, "the case", 200, &c)
	boss.do("POST", "/v1/evidence/"+c.Content[0].Evidence.ID+"/reveal", "application/json", []byte(`{"reason":"test"}`)).in(t, "reveal", 200, nil)
	now := time.Now().UTC()
	given, _ := json.Marshal(map[string]any{"kind": "chat_logs", "media_type": "text/csv", "from": now.Add(-48 * time.Hour), "to": now.Add(-24 * time.Hour), "data": []byte("a,b")})
	service.do("POST", path+"/relevant-data", "application/json", given).in(t, "relevant data", 201, nil)
	boss.do("POST", path+"/holds", "application/json", []byte(`{"kind":"disclosure","reason":"test"}`)).in(t, "hold", 201, nil)
	boss.confirm(res.CaseID)
	boss.do("GET", path, "", nil).in(t, "the case", 200, &c)
	boss.do("POST", "/v1/reports/"+c.Reports[0].ID+"/approve", "application/json", nil).in(t, "approve", 200, nil)
	until(t, "the report is filed", func() bool {
		boss.do("GET", path, "", nil).in(t, "the case", 200, &c)
		return c.Reports[0].State == "filed"
	})
	if len(c.Clocks) != 1 || c.Clocks[0].Law != "18 USC 2258A(h)" || c.Clocks[0].Keeps != "evidence" || len(c.Holds) != 1 || c.Relevant.State != "received" || len(c.Relevant.Pieces) != 2 {
		t.Errorf("the case shows %+v", c)
	}
	for path, want := range map[string]string{"/readyz": "ready", "/metrics": "rowan_vault_full 1\n"} {
		if got := boss.do("GET", path, "", nil); got.status != 200 || !strings.Contains(string(got.body), want) {
			t.Errorf("%s: %d, without %q", path, got.status, want)
		}
	}
	var o struct{ Evidence struct{ Full, Paused bool } }
	boss.do("GET", "/v1/overview", "", nil).in(t, "overview", 200, &o)
	if !o.Evidence.Full || o.Evidence.Paused {
		t.Errorf("overview %+v", o)
	}
	s.verifyLedger()
	if out := s.run("verify", "evidence"); !strings.Contains(out, "The evidence holds.") {
		t.Error(out)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "there is room again", func() bool {
		var n answers
		s.checkKnown(t, service.key, "after", file, &n)
		return n.blocked == 1
	})
}

// TestEndToEndKeep walks holds, relevant data and erasure over HTTP and the
// command line, with people and keys.
func TestEndToEndKeep(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t))
	file := landscape(612)
	s.knowing(s.key("admin"), file)
	service, boss, reviewer := caller{t, s.base(), s.key("service")}, caller{t, s.base(), s.key("supervisor")}, caller{t, s.base(), s.key("reviewer")}
	res := s.upload(service.key, "one", file)
	path := "/v1/cases/" + res.CaseID

	// Relevant data, once for one key.
	now := time.Now().UTC()
	given, _ := json.Marshal(map[string]any{"kind": "account_connections", "media_type": "application/json", "from": now.Add(-48 * time.Hour), "to": now.Add(-24 * time.Hour), "data": []byte("[1]")})
	var first, second struct {
		EvidenceID string `json:"evidence_id"`
		Outside    bool
	}
	send := func(body []byte) answer {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.base()+path+"/relevant-data", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+service.key)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "the same")
		return ask(t, req)
	}
	send(given).in(t, "relevant data", 201, &first)
	send(given).in(t, "relevant data again", 201, &second)
	if first.EvidenceID == "" || first != second || first.Outside {
		t.Errorf("with one key: %+v, then %+v", first, second)
	}
	other, _ := json.Marshal(map[string]any{"kind": "other", "media_type": "x/y", "from": now, "to": now, "data": []byte("x")})
	send(other).in(t, "another request with the key", http.StatusConflict, nil)
	service.do("POST", path+"/relevant-data", "application/json", []byte(`{"kind":"Two words","media_type":"x/y","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z","data":"eA=="}`)).in(t, "a bad kind", 422, nil)
	reviewer.do("POST", path+"/relevant-data", "application/json", given).in(t, "without the scope", 403, nil)
	if got := reviewer.do("POST", "/v1/evidence/"+first.EvidenceID+"/reveal", "application/json", []byte(`{"reason":"context"}`)); got.status != 200 || string(got.body) != "[1]" ||
		got.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("relevant data for a person: %d %v %s", got.status, got.header, got.body)
	}

	// The platform asks for erasure and hears nothing of why.
	status := func(a answer) string {
		var e map[string]any
		a.in(t, "erasure", 200, &e)
		if len(e) != 1 && len(e) != 2 { // huma may add $schema
			t.Errorf("the platform is told %v", e)
		}
		return e["status"].(string)
	}
	if got := status(service.do("POST", "/v1/accounts/acct-one/erasure", "", nil)); got != "kept_by_law" {
		t.Errorf("erasure under an open case: %s", got)
	}
	if got := status(service.do("POST", "/v1/accounts/nobody/erasure", "", nil)); got != "completed" {
		t.Errorf("erasure of an account that nobody knows: %s", got)
	}
	service.do("GET", "/v1/accounts/acct-one/erasure", "", nil).in(t, "details for the platform", 403, nil)
	var detail struct {
		Status string
		Kept   []struct{ Why string }
	}
	reviewer.do("GET", "/v1/accounts/acct-one/erasure", "", nil).in(t, "details", 200, &detail)
	if detail.Status != "kept_by_law" || len(detail.Kept) != 1 || detail.Kept[0].Why != "open" {
		t.Errorf("details %+v", detail)
	}

	// A hold, and its release by two people: keys of the command line are one.
	reviewer.do("POST", path+"/holds", "application/json", []byte(`{"kind":"legal_hold","reason":"x"}`)).in(t, "hold without the scope", 403, nil)
	var hold struct{ ID string }
	boss.do("POST", path+"/holds", "application/json", []byte(`{"kind":"legal_hold","reason":"a court","authority":"Court","reference":"7"}`)).in(t, "hold", 201, &hold)
	if out := s.run("evidence", "holds"); !strings.Contains(out, hold.ID) || !strings.Contains(out, "legal_hold") {
		t.Errorf("rowan evidence holds: %s", out)
	}
	s.run("evidence", "release", hold.ID, "--reason", "over")
	boss.do("POST", "/v1/holds/"+hold.ID+"/release/confirm", "application/json", []byte(`{"reason":"over"}`)).in(t, "confirmed by the same hands", 403, nil)
	cookie := s.session()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.base()+"/v1/holds/"+hold.ID+"/release/confirm", strings.NewReader(`{"reason":"over"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "application/json")
	ask(t, req).in(t, "confirmed by a person who is signed in", 200, nil)
	var c keptCase
	boss.do("GET", path, "", nil).in(t, "the case", 200, &c)
	if len(c.Holds) != 1 || c.Holds[0].ReleasedAt == "" {
		t.Errorf("holds %+v", c.Holds)
	}
	boss.do("POST", "/v1/evidence/resume", "application/json", []byte(`{"clock":"`+now.Format(time.RFC3339)+`","reason":"x"}`)).in(t, "nothing is paused", http.StatusConflict, nil)
	var laws struct{ Items []struct{ Name, Tag string } }
	reviewer.do("GET", "/v1/laws", "", nil).in(t, "laws", 200, &laws)
	if len(laws.Items) < 6 {
		t.Errorf("laws %+v", laws)
	}

	// Evidence that somebody damages is named.
	if out := s.run("verify", "evidence"); !strings.Contains(out, "The evidence holds.") {
		t.Fatal(out)
	}
	if err := os.WriteFile(filepath.Join(s.data, "evidence", first.EvidenceID[len(first.EvidenceID)-2:], first.EvidenceID), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("verify", "evidence").Output()
	if err == nil || !strings.Contains(string(out), "PROBLEM: piece "+first.EvidenceID+" of case "+res.CaseID) {
		t.Errorf("rowan verify evidence after damage: %v\n%s", err, out)
	}
	s.verifyLedger()
}
