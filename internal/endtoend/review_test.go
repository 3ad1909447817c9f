package endtoend

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp/kb"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// TestEndToEndBrowser goes the whole way with the mouse: from an upload to the
// receipt.
func TestEndToEndBrowser(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, a)
	picture := landscape(1)
	s.knowing(s.key("admin"), picture)
	res := s.upload(s.key("service"), "browser", picture)

	b.signIn(s.link)
	b.until(fmt.Sprintf(`document.querySelector('%s[data-case-id=%q] a.go')`, testid("queue-row"), res.CaseID))
	b.click(fmt.Sprintf(`[data-case-id=%q] a.go`, res.CaseID))
	b.settled(testid("reveal"))
	b.click(testid("reveal"))
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`document.querySelector('[data-testid="revealed-image"]')?.naturalWidth == 320`)
	b.click(testid("cover"))
	b.until(`!document.querySelector('[data-testid="revealed-image"]')`)
	b.click(`label:has([data-testid="class-B2"])`)
	b.until(`document.querySelector('[data-testid="class-B2"]').checked`)
	// A native list of choices cannot be clicked without a screen.
	eval[bool](b, fmt.Sprintf(`(() => { const s = document.querySelector('[data-testid="incident-type"]'); s.value = %q;
		return s.dispatchEvent(new Event('change', {bubbles: true})) })()`, cybertip.IncidentImagery))
	b.click(testid("reason"))
	b.keys("Exact copy of a listed landscape.")
	b.click(testid("confirm-case"))
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.click(testid("report-link"))
	b.click(testid("approve"))
	b.click("dialog[open] " + testid("approve-ok"))
	s.filedOnPage(b, a, picture)
	if p := b.taken("/v1/session"); len(p) > 0 {
		t.Errorf("console: %q", p)
	}
	s.stop()
	s.verifyLedger()
}

// filedOnPage waits until the open report page shows the filing, and checks it
// against what the authority has.
func (s *server) filedOnPage(b *browser, a *authority, picture []byte) {
	s.t.Helper()
	b.until(`document.querySelector('[data-testid="report-state"]')?.dataset.state == 'filed' && document.querySelector('[data-testid="receipt"]')`)
	r := a.oneReport(s.t, picture)
	if id := fmt.Sprint(r.ID); b.text(testid("remote-id")) != id || !strings.Contains(b.text(testid("receipt")), id) {
		s.t.Errorf("the page shows number %q and receipt %q, want %s", b.text(testid("remote-id")), b.text(testid("receipt")), id)
	}
	if info := string(r.Files[0].Info); !strings.Contains(info, "<fileViewedByEsp>true</fileViewedByEsp>") {
		s.t.Errorf("the file's details do not say that it was viewed: %s", info)
	}
	if xml := string(r.XML); !strings.Contains(xml, string(cybertip.IncidentImagery)) {
		s.t.Errorf("the report has another incident type: %s", xml)
	}
}

// TestEndToEndKeyboardOnly goes the same way without a single mouse event.
func TestEndToEndKeyboardOnly(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, a)
	picture := landscape(2)
	s.knowing(s.key("admin"), picture)
	res := s.upload(s.key("service"), "keyboard", picture)

	b.signIn(s.link)
	b.settled(testid("queue-row"))
	b.keys("j")
	b.until(`document.activeElement?.matches('[data-testid="queue-row"] a.go')`)
	b.keys(kb.Enter)
	b.settled(testid("item-card"))
	if at := eval[string](b, "location.hash"); at != "#/case/"+res.CaseID {
		t.Fatalf("Enter on the row led to %s", at)
	}
	b.keys(" ")
	b.until(`document.querySelector('dialog[open]')`)
	b.keys(kb.Enter, kb.ModifierCtrl)
	b.until(`document.querySelector('[data-testid="revealed-image"]')?.naturalWidth == 320`)
	b.keys(kb.Escape)
	b.until(`!document.querySelector('[data-testid="revealed-image"]')`)
	b.keys("4")
	b.until(`document.querySelector('[data-testid="class-B2"]').checked`)
	b.tabTo(testid("incident-type"))
	b.keys(string(cybertip.IncidentImagery)[:8])
	b.until(fmt.Sprintf(`document.querySelector('[data-testid="incident-type"]').value == %q`, cybertip.IncidentImagery))
	b.tabTo(testid("reason"))
	b.keys("Exact copy, decided by keyboard.")
	b.keys(kb.Enter, kb.ModifierCtrl)
	b.until(`document.querySelector('dialog[open]')`)
	b.keys(kb.Enter, kb.ModifierCtrl)
	b.settled(testid("report-link"))
	b.tabTo(testid("report-link"))
	b.keys(kb.Enter)
	b.settled(testid("approve"))
	b.tabTo(testid("approve"))
	b.keys(kb.Enter)
	b.until(`document.querySelector('dialog[open]')`)
	b.keys(kb.Enter, kb.ModifierCtrl)
	s.filedOnPage(b, a, picture)
	if n := eval[int](b, "window.__mouse"); n != 0 {
		t.Errorf("%d mouse events in a test of the keyboard", n)
	}
	s.stop()
	s.verifyLedger()
}

// TestEndToEndPasskey signs in by link, makes a passkey with a virtual
// authenticator, and comes back with it.
func TestEndToEndPasskey(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	s := serve(t, newAuthority(t))
	call(b, webauthn.Enable, webauthn.EnableParams{})
	device := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})

	b.signIn(s.link)
	name := b.text(testid("signed-in-user"))
	b.visit("#/settings", testid("add-passkey"))
	b.click(testid("add-passkey"))
	b.until(`document.body.innerText.includes('You have 1 passkey.')`)
	made := call(b, webauthn.GetCredentials, webauthn.GetCredentialsParams(device))
	if len(made.Credentials) != 1 || !made.Credentials[0].IsResidentCredential || made.Credentials[0].RpID != "localhost" {
		t.Errorf("the device has %+v", made.Credentials)
	}
	b.button("Sign out")
	b.settled(testid("passkey-sign-in"))
	b.open(s.public() + "/console/")
	b.click(testid("passkey-sign-in"))
	b.settled(testid("signed-in-user"))
	if got := b.text(testid("signed-in-user")); got != name {
		t.Errorf("signed in as %q, want %q", got, name)
	}
	// The link was good once.
	b.button("Sign out")
	b.settled(testid("passkey-sign-in"))
	b.open("about:blank")
	b.open(s.link)
	b.until(`document.body.innerText.includes('This link does not work')`)
	s.stop()
}

// TestEndToEndCanary sends Rowan's own test picture to a fresh installation and
// follows it to the stand-in.
func TestEndToEndCanary(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := serve(t, a)
	picture := []byte(s.run("canary"))
	res := s.upload(s.key("service"), "canary", picture)
	c := caller{t, s.base(), s.key("supervisor")}
	if v := c.caseOf(res.CaseID); !v.Canary {
		t.Errorf("the case of the canary is not marked: %+v", v)
	}
	id := c.confirm(res.CaseID)
	c.send("POST", "/v1/reports/"+id+"/approve", map[string]any{}, nil)
	c.filed(id)
	r := a.oneReport(t, picture)
	if r.State != ncmec.Finished || !strings.Contains(between(string(r.XML), "<additionalInfo>", "</additionalInfo>"), "TEST: Rowan's canary picture") &&
		!strings.Contains(between(string(r.XML), "<additionalInfo>", "</additionalInfo>"), "TEST: Rowan&#39;s canary picture") {
		t.Errorf("the report does not say that it is a test: %s", r.XML)
	}
	s.stop()
	s.verifyLedger()
}

func between(s, left, right string) string {
	_, s, _ = strings.Cut(s, left)
	s, _, _ = strings.Cut(s, right)
	return s
}
