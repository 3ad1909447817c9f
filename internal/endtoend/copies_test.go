package endtoend

import (
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/internal/sample"
)

// TestEndToEndCopies: four accounts send copies of one picture. It is shown once,
// looked at by nobody but once, and each account's case is decided and reported by
// itself.
func TestEndToEndCopies(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority)
	a := newAuditor(b)
	admin, service := s.key("admin"), s.key("service")
	picture := sample.Landscape(77, 480, 360)
	png, fine, coarse := sample.PNG(picture), sample.JPEG(picture, 92), sample.JPEG(picture, 60)
	s.knowing(admin, png, fine, coarse)
	first := s.upload(service, "one", png)
	again, err := client.New(s.base(), service).CheckFile(t.Context(), client.Meta{ContentID: "content-one-again", AccountID: "acct-one",
		Surface: "public", CreatedAt: time.Now().Add(-time.Minute), Filename: "again.jpg"}, fine)
	if err != nil || again.CaseID != first.CaseID {
		t.Fatalf("a second copy of one account: %+v, %v", again, err)
	}
	two, three := s.upload(service, "two", coarse), s.upload(service, "three", png)

	b.signIn(s.link)
	b.visit("#/case/"+first.CaseID, testid("copies"))
	if got := b.text("#evidence"); got != "1 picture in 2 items" {
		t.Errorf("the page says %q", got)
	}
	b.click(testid("copies") + " summary")
	b.until(`document.querySelectorAll('[data-testid="item-card"]').length == 2`)
	a.screen("case with copies")

	c := caller{t, s.base(), admin}
	c.confirm(first.CaseID)
	b.visit("#/queue", "main")
	b.visit("#/case/"+first.CaseID, testid("follow-all"))
	a.screen("copies on other cases")
	b.click(testid("follow-all"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("decide all copies")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`!document.querySelector('dialog[open]') && !document.querySelector('[data-testid="follow-all"]')`)
	for _, id := range []string{two.CaseID, three.CaseID} {
		if v := c.caseOf(id); v.State != "decided" || len(v.Reports) != 1 {
			t.Errorf("case of a copy: %s with %d reports", v.State, len(v.Reports))
		}
	}

	four := s.upload(service, "four", fine)
	b.visit("#/case/"+four.CaseID, testid("precedent"))
	a.screen("decided before")
	b.click(testid("follow"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("decide as before")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.settled(testid("rests-on"))
	a.screen("rests on another")
	if got := b.text(testid("decision-summary")); !strings.Contains(got, "nobody looked again") || !strings.Contains(got, "0 of 1 originals") {
		t.Errorf("the decision says %q", got)
	}
	t.Logf("%d screens, %d violations", len(a.checked), a.violations)
	s.stop()
	s.verifyLedger()
}
