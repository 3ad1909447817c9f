package endtoend

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEndToEndBundle takes a case from a picture to a filed report and then out
// of the house: the bundle holds without server and data folder, names what is
// altered, and the ledger is checked over HTTP as it grows.
func TestEndToEndBundle(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t), "ROWAN_LEDGER_PUBLIC=hashes")
	picture := landscape(901)
	supervisor := caller{t, s.base(), s.key("supervisor")}
	s.knowing(s.key("admin"), picture)
	id := s.upload(s.key("service"), "bundle", picture).CaseID
	report := supervisor.confirm(id)
	supervisor.send("POST", "/v1/reports/"+report+"/approve", map[string]any{}, nil)
	supervisor.filed(report)

	dir := t.TempDir()
	file, passphrase := filepath.Join(dir, "case.zip"), filepath.Join(dir, "passphrase")
	pub, err := os.ReadFile(filepath.Join(s.data, "keys", "ledger.pub"))
	if err != nil {
		t.Fatal(err)
	}
	vkey := strings.TrimSpace(string(pub))
	if out, err := s.command("cases", "export", id, "--reason", "order 12/26", "-o", file).CombinedOutput(); err == nil || !strings.Contains(string(out), "passphrase") {
		t.Errorf("evidence in the clear without --plain: %v, %s", err, out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a refused export leaves a file")
	}
	s.run("cases", "export", id, "--reason", "order 12/26", "--by", "Anna", "--plain", "-o", file)
	if err := os.WriteFile(passphrase, []byte("a passphrase that is long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked.zip")
	s.run("cases", "export", id, "--reason", "order 12/26", "--passphrase-file", passphrase, "-o", locked)
	bundle, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(locked); err != nil || bytes.Contains(text, picture) || !bytes.Contains(bundle, picture) {
		t.Errorf("%v; the picture belongs in the one bundle and not readable in the other", err)
	}
	outside := func(args ...string) (string, error) {
		cmd := s.command()
		cmd.Args, cmd.Env = append([]string{s.bin}, args...), []string{"HOME=" + dir}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := outside("verify", file, "--key", vkey); err != nil || !strings.Contains(out, "The bundle holds.") || !strings.Contains(out, "Anna") {
		t.Errorf("%v: %s", err, out)
	}
	bundle[bytes.Index(bundle, picture)+len(picture)/2] ^= 1
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := outside("verify", "bundle", file, "--key", vkey); err == nil || !strings.Contains(out, `PROBLEM: "evidence/evi_`) || strings.Contains(out, `PROBLEM: "SHA256SUMS"`) {
		t.Errorf("an altered picture: %v: %s", err, out)
	}

	look := func() string {
		out, err := outside("verify", "ledger", "--from", s.base()+"/ledger", "--key", vkey, "--state", filepath.Join(dir, "seen"))
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return out
	}
	if out := look(); !strings.Contains(out, "First look") || !strings.Contains(out, "entries are not served here") {
		t.Errorf("%s", out)
	}
	s.key("service")
	if out := look(); !strings.Contains(out, "grown by 1 entries") {
		t.Errorf("%s", out)
	}
	answer := supervisor.do("POST", "/v1/cases/"+id+"/bundle", "application/json", []byte(`{"reason":"hashes","without_content":true}`))
	if answer.status != 200 || answer.header.Get("Content-Type") != "application/zip" || bytes.Contains(answer.body, picture) {
		t.Errorf("over the API: %d %s", answer.status, answer.header.Get("Content-Type"))
	}
	for body, want := range map[string]int{`{"reason":"r"}`: 422, `{"reason":"","without_content":true}`: 422} {
		if a := supervisor.do("POST", "/v1/cases/"+id+"/bundle", "application/json", []byte(body)); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	reviewer := caller{t, s.base(), s.key("reviewer")}
	if a := reviewer.do("POST", "/v1/cases/"+id+"/bundle", "application/json", []byte(`{"reason":"r","without_content":true}`)); a.status != 403 {
		t.Errorf("a reviewer takes a bundle: %d", a.status)
	}
	s.verifyLedger()
}
