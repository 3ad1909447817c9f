package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMediaLoadFailureNeverBecomesNoAction: evidence that cannot be shown stays in
// its case, says that it cannot be shown, and decides nothing. The case waits, and
// stays where others find it when its reviewer goes on to the next.
func TestMediaLoadFailureNeverBecomesNoAction(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	s := serve(t, newAuthority(t))
	picture := landscape(51)
	s.knowing(s.key("admin"), picture)
	res := s.upload(s.key("service"), "fails", picture)
	away := t.TempDir() // of what the store of evidence has lost
	moveAll(t, filepath.Join(s.data, "evidence"), away)
	b.signIn(s.link)
	b.visit("#/case/"+res.CaseID, testid("item-card"))
	b.until(`document.body.innerText.includes('The preview could not be loaded')`) // it moves what is below it
	b.click(testid("reveal"))
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`document.body.innerText.includes('could not be shown')`)
	if n := eval[int](b, `document.querySelectorAll('[data-testid="item-card"]').length`); n != 1 {
		t.Errorf("%d items are shown, want the one that could not be loaded", n)
	}
	if eval[bool](b, `!!document.querySelector('[data-testid="revealed-image"]')`) {
		t.Error("the page pretends to show it")
	}
	c := caller{t, s.base(), s.key("admin")}
	if state := s.caseState(c, res.CaseID); state != "open" {
		t.Errorf("the case is %s", state)
	}
	// Going on does not close it either.
	c.send("POST", "/v1/cases/next", nil, nil)
	b.visit("#/queue", testid("queue-row"))
	if !strings.Contains(b.text("main"), "1") || s.caseState(c, res.CaseID) != "open" {
		t.Error("the case has left the queue")
	}
	var history struct {
		Items []struct {
			Action string `json:"action"`
		} `json:"items"`
	}
	c.send("GET", "/v1/ledger/entries?subject="+res.CaseID, nil, &history)
	for _, e := range history.Items {
		if e.Action == "evidence.view" || strings.HasPrefix(e.Action, "case.decide") {
			t.Errorf("on record is %s, though nothing was shown and nobody decided", e.Action)
		}
	}
	moveAll(t, away, filepath.Join(s.data, "evidence"))
	b.visit("#/case/"+res.CaseID, testid("item-card"))
	b.until(`document.querySelector('.plate img')`)
	b.click(testid("reveal"))
	b.until(`document.querySelector('dialog[open]') || document.querySelector('[data-testid="revealed-image"]')`)
	if eval[bool](b, `!!document.querySelector('dialog[open]')`) {
		b.click("dialog[open] " + testid("confirm-dialog-ok"))
	}
	b.until(`document.querySelector('[data-testid="revealed-image"]')?.naturalWidth == 320`)
}

func (s *server) caseState(c caller, id string) string {
	s.t.Helper()
	var v struct {
		State string `json:"state"`
	}
	c.send("GET", "/v1/cases/"+id, nil, &v)
	return v.State
}

// moveAll moves every file of a folder.
func moveAll(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of evidence: %v", len(files), err)
	}
	for _, f := range files {
		if err := os.Rename(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}
