package endtoend

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
)

// TestEndToEndRequests: a request of a police force from its coming to the outcome.
// One person prepares what is handed over, another approves it, and the bytes that
// leave are those.
func TestEndToEndRequests(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority)
	a := newAuditor(b)
	admin := s.key("admin")
	picture := landscape(51)
	s.knowing(admin, picture)
	res := s.upload(s.key("service"), "asked", picture)
	c := caller{t, s.base(), admin}

	b.signIn(s.link)
	b.visit("#/requests", testid("new-request"))
	a.screen("no requests")
	b.click(testid("new-request"))
	b.until(`document.querySelector('dialog[open] [data-testid="request-basis"] option')`)
	a.screen("new request")
	b.click(testid("request-authority"))
	b.keys("Example Police")
	eval[bool](b, `(() => { const x = document.querySelector('[data-testid="request-due"]'); x.value = '2031-01-02T10:00'; x.dispatchEvent(new Event('input', {bubbles: true})); return true })()`)
	b.click(testid("subject-id"))
	b.keys("acct-asked")
	b.click("dialog[open] " + testid("request-ok"))
	b.settled(testid("prepare"))
	a.screen("open request")
	request := eval[string](b, `location.hash.split('/').pop()`)
	// Nothing of it may be erased meanwhile: the account's request for erasure is kept back.
	b.click(testid("prepare"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("prepare a bundle")
	b.click(`label:has([data-testid="bare"])`)
	b.click("dialog[open] " + testid("prepare-ok"))
	b.settled(testid("disclosure"))
	a.screen("bundle waits for another person")
	var d struct {
		Disclosures []struct {
			ID     string `json:"id"`
			SHA256 string `json:"sha256"`
			State  string `json:"state"`
		} `json:"disclosures"`
		State string `json:"state"`
	}
	c.send("GET", "/v1/requests/"+request, nil, &d)
	if len(d.Disclosures) != 1 {
		t.Fatalf("%+v", d)
	}
	id, digest := d.Disclosures[0].ID, d.Disclosures[0].SHA256
	if got := c.do("POST", "/v1/disclosures/"+id+"/file", "application/json", nil); got.status != 409 {
		t.Errorf("taken out before it was approved: %d", got.status)
	}
	c.send("POST", "/v1/disclosures/"+id+"/approve", map[string]any{"sha256": digest}, nil) // a key that was made on the command line: another person
	b.visit("#/requests", testid("request-row"))
	a.screen("requests")
	b.visit("#/request/"+request, testid("take-disclosure"))
	b.click(testid("take-disclosure"))
	b.click("dialog[open] " + testid("take-ok"))
	b.settled(testid("hand-over-disclosure"))
	a.screen("approved bundle")
	file := c.do("POST", "/v1/disclosures/"+id+"/file", "application/json", nil)
	b.click(testid("hand-over-disclosure"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("record a hand-over")
	b.click(testid("handed-to"))
	b.keys("The officer in the case")
	b.click("dialog[open] " + testid("hand-ok"))
	b.until(`document.querySelector('[data-testid="disclosure"]')?.dataset.state == 'handed_over'`)
	if got := c.do("POST", "/v1/disclosures/"+id+"/file", "application/json", nil); got.status != 409 {
		t.Errorf("taken out after it was handed over: %d", got.status)
	}
	if sum := sha256.Sum256(file.body); file.status != 200 || hex.EncodeToString(sum[:]) != digest {
		t.Errorf("the bytes are not those that two people agreed to: %d", file.status)
	}
	if _, err := zip.NewReader(bytes.NewReader(file.body), int64(len(file.body))); err != nil {
		t.Errorf("not a bundle: %v", err)
	}
	b.click(testid("add-outcome"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("write down an outcome")
	eval[bool](b, `(() => { const x = document.querySelector('[data-testid="outcome-kind"]'); x.value = 'child_safeguarded'; x.dispatchEvent(new Event('change', {bubbles: true})); return true })()`)
	b.click("dialog[open] " + testid("outcome-ok"))
	b.settled(testid("outcomes"))
	b.click(testid("end-request"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("end a request")
	b.click("dialog[open] " + testid("end-ok"))
	b.until(`document.querySelector('[data-testid="request-state"]')?.dataset.state == 'answered'`)
	a.screen("answered request")
	b.visit("#/case/"+res.CaseID, testid("outcomes"))
	a.screen("case with a request and an outcome")
	if got := b.text("main"); !contains(got, "Example Police", "A child was safeguarded", "handed a bundle over to an authority") {
		t.Errorf("the case does not tell of the request: %q", got)
	}
	t.Logf("%d screens, %d violations", len(a.checked), a.violations)
	s.stop()
	s.verifyLedger()
}

func contains(text string, parts ...string) bool {
	for _, p := range parts {
		if !bytes.Contains([]byte(text), []byte(p)) {
			fmt.Println("missing:", p)
			return false
		}
	}
	return true
}
