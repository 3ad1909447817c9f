package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEndToEndCarried: a provider in the United Kingdom. A case becomes a report to
// the NCA; a person chooses its priority, declares, takes the bundle, submits it
// and brings the reference; then adds to it, and refers the case to a police force.
func TestEndToEndCarried(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority, "ROWAN_REPORTING_ROUTE=nca", "ROWAN_REPORTING_UK_PROVIDER=true", "ROWAN_REPORTING_ORGANISATION=Example Ltd")
	a := newAuditor(b)
	admin := s.key("admin")
	picture := landscape(41)
	s.knowing(admin, picture)
	res := s.upload(s.key("service"), "carried", picture)
	c := caller{t, s.base(), admin}
	report := c.confirm(res.CaseID)

	b.signIn(s.link)
	b.visit("#/report/"+report, testid("approve"))
	if !strings.Contains(b.text("main"), "A person must choose P1, P2 or P3") {
		t.Error("the page does not say that a priority is missing")
	}
	eval[bool](b, `(() => { document.querySelectorAll('main details').forEach(d => d.open = true); return true })()`)
	b.button("Add a person")
	b.button("Add a place")
	b.button("Add a ground")
	a.screen("report draft to the NCA, all open")
	for _, name := range []string{"Removeplace1", "Removeground1"} {
		eval[bool](b, fmt.Sprintf(`(() => { [...document.querySelectorAll('main button')].find(x => x.textContent.replace(/\s/g, '') == %q).click(); return true })()`, name))
	}
	eval[bool](b, `(() => { const x = [...document.querySelectorAll('main label')].find(l => l.innerText == 'Note').parentElement.querySelector('textarea'); x.focus(); return true })()`)
	b.keys("The platform says that this account belongs to a pupil.")
	b.click(`label:has([data-testid="report-priority-P2"])`)
	b.click(testid("save-draft"))
	b.until(`!document.querySelector('[data-testid="save-draft"]:not(:disabled)') && document.body.innerText.includes('Draft saved.')`)
	b.click(testid("approve"))
	b.until(`document.querySelector('dialog[open]')`)
	if eval[bool](b, `!document.querySelector('[data-testid="approve-ok"]').disabled`) {
		t.Error("can be approved without the declaration")
	}
	b.click(testid("declare"))
	a.screen("declaration")
	b.click("dialog[open] " + testid("approve-ok"))
	b.settled(testid("take-bundle"))
	b.until(`!document.querySelector('dialog[open]')`)
	a.screen("report to carry")
	b.click(testid("hand-over"))
	b.click("dialog[open] " + testid("hand-over-ok"))
	b.until(`document.querySelector('[data-testid="report-state"]')?.dataset.state == 'opening'`)
	a.screen("report on its way")
	b.click(testid("reconcile"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("reconcile dialog")
	b.button("Cancel")
	b.until(`!document.querySelector('dialog[open]')`)
	b.click(testid("enter-reference"))
	b.click("dialog[open] " + testid("reference"))
	b.keys("URN-2026-000123")
	b.click("dialog[open] " + testid("reference-ok"))
	b.until(`document.querySelector('[data-testid="remote-id"]')?.innerText == 'URN-2026-000123'`)
	a.screen("report filed by a person")
	s.bundleOpens(admin, report, picture)
	b.click(testid("report-pdf"))
	b.until(`document.body.innerText.includes('The PDF was saved.')`)
	b.visit("#/case/"+res.CaseID, testid("refer"))
	b.click(testid("refer"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("referral dialog")
	if n := len(authority.Reports()); n != 0 {
		t.Errorf("NCMEC has %d reports of what went to the NCA", n)
	}
	t.Logf("%d screens, %d violations", len(a.checked), a.violations)
	s.stop()
	s.verifyLedger()
}

// bundleOpens takes the bundle and opens it with 7-Zip.
func (s *server) bundleOpens(key, report string, picture []byte) {
	s.t.Helper()
	const pass = "a passphrase of harmless words"
	body, _ := json.Marshal(map[string]string{"passphrase": pass})
	got := caller{s.t, s.base(), key}.do("POST", "/v1/reports/"+report+"/bundle", "application/json", body)
	if got.status != 200 || got.header.Get("Content-Type") != "application/zip" {
		s.t.Fatalf("bundle: %d, %s", got.status, got.body)
	}
	program, err := exec.LookPath("7z")
	if err != nil {
		missing(s.t, "7z is not installed; scripts/setup installs it")
	}
	dir := s.t.TempDir()
	file := filepath.Join(dir, "bundle.zip")
	if err := os.WriteFile(file, got.body, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.Command(program, "x", "-y", "-p"+pass, "-o"+dir, file).CombinedOutput(); err != nil {
		s.t.Fatalf("7z: %v\n%s", err, out)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "files", "*"))
	if len(files) != 1 {
		s.t.Fatalf("%d files in the bundle, want 1", len(files))
	}
	data, err := os.ReadFile(files[0])
	if err != nil || !bytes.Equal(data, picture) {
		s.t.Errorf("the file in the bundle is not the upload: %v", err)
	}
	if keep := os.Getenv("ROWAN_SCREENSHOTS"); keep != "" {
		pdf, err := os.ReadFile(filepath.Join(dir, "report.pdf"))
		if err == nil {
			err = os.WriteFile(filepath.Join(keep, "report.pdf"), pdf, 0o600)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}
