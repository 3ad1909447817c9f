package endtoend

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/internal/sample"
)

// takedownView is what these tests read of a notice.
type takedownView struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Search  string   `json:"search"`
	CaseIDs []string `json:"case_ids"`
	Late    bool     `json:"late"`
	ToGo    []struct {
		ContentID string `json:"content_id"`
	} `json:"to_remove"`
	Found struct{ Same, Similar int } `json:"found"`
}

func mirrored(m image.Image) image.Image {
	r := m.Bounds()
	out := image.NewNRGBA(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			out.Set(r.Max.X-1-(x-r.Min.X), y, m.At(x, y))
		}
	}
	return out
}

// TestEndToEndTakedown: the platform hands notices in; copies are found, also one
// that is mirrored; a person decides in the console; the platform confirms; a later
// upload is blocked; a complaint is decided by another person.
func TestEndToEndTakedown(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority, "ROWAN_TAKEDOWN_HOLD=true")
	a := newAuditor(b)
	platform := caller{t, s.base(), s.key("service")}
	supervisor := caller{t, s.base(), s.key("supervisor")}
	picture := landscape(51)
	check := func(id string, file []byte) client.Result {
		t.Helper()
		res, err := client.New(s.base(), platform.key).CheckFile(t.Context(), client.Meta{ContentID: id, AccountID: "acct-" + id, Surface: "public"}, file)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	check("asked-about", picture)
	check("copy", picture)
	check("mirrored", sample.PNG(mirrored(sample.Landscape(51, 320, 240))))
	check("another", landscape(52))

	hand := func(in map[string]any) (out takedownView) {
		platform.send("POST", "/v1/takedowns", in, &out)
		return out
	}
	notice := hand(map[string]any{"law": "uk", "asked_by": "subject", "under_age": "no", "contact": "someone@example.test", "reference": "N-1",
		"contents": []map[string]string{{"content_id": "asked-about"}}})
	unknown := hand(map[string]any{"law": "us", "asked_by": "agent", "under_age": "no", "signed": true,
		"contents": []map[string]string{{"url": "https://photos.example.test/9"}}})
	child := hand(map[string]any{"law": "uk", "asked_by": "agent", "under_age": "maybe", "contents": []map[string]string{{"content_id": "another"}}})
	if unknown.Search != "content_unknown" || child.State != "moved" || len(child.CaseIDs) != 1 {
		t.Fatalf("unknown %+v, child %+v", unknown, child)
	}
	found := func() (v takedownView) {
		for range 300 {
			if supervisor.send("GET", "/v1/takedowns/"+notice.ID, nil, &v); v.Found.Same+v.Found.Similar == 2 {
				return v
			}
			time.Sleep(100 * time.Millisecond)
		}
		return v
	}()
	if found.Found.Same != 1 || found.Found.Similar != 1 {
		t.Fatalf("found %+v", found.Found)
	}

	b.signIn(s.link)
	b.visit("#/takedowns", testid("takedown-row"))
	a.screen("takedowns")
	b.visit("#/takedown/"+child.ID, testid("takedown-state"))
	a.screen("takedown moved to a case")
	b.visit("#/takedown/"+unknown.ID, testid("content-unknown"))
	if !strings.Contains(b.text("main"), "asks for a contact and a statement of good faith") {
		t.Error("the page does not say what the Act asks for")
	}
	a.screen("takedown content unknown")
	b.click(testid("refuse"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("takedown refuse dialog")
	b.click("dialog[open] label:has(" + testid("reason-request_not_valid") + ")")
	b.click("dialog[open] " + testid("refuse-ok"))
	b.until(`document.querySelector('[data-testid="takedown-state"]')?.dataset.state == 'refused'`)

	b.visit("#/takedown/"+notice.ID, testid("take-down"))
	b.until(`document.querySelectorAll('.contents li').length == 3`)
	a.screen("takedown open")
	b.click(testid("see-contact"))
	b.until(`document.querySelector('dialog[open]')`)
	b.click("dialog[open] #cw")
	b.keys("To ask which picture is meant.")
	b.click("dialog[open] " + testid("contact-ok"))
	b.until(`document.querySelector('[data-testid="contact-text"]')?.innerText == 'someone@example.test'`)
	b.click(testid("hold"))
	b.click("dialog[open] " + testid("hold-ok"))
	b.until(`!document.querySelector('dialog[open]') && document.body.innerText.includes('Limited until decided')`)
	b.click(testid("take-down"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("takedown dialog")
	b.click("dialog[open] " + testid("take-down-ok"))
	b.until(`document.querySelector('[data-testid="takedown-state"]')?.dataset.state == 'decided'`)
	a.screen("takedown being removed")

	platform.send("POST", "/v1/takedowns/"+notice.ID+"/removals", map[string]any{"items": []map[string]string{{"content_id": "asked-about"}, {"content_id": "copy"}}}, &found)
	if found.State != "decided" || len(found.ToGo) != 1 || found.ToGo[0].ContentID != "mirrored" {
		t.Errorf("after two of three: %+v", found)
	}
	platform.send("POST", "/v1/takedowns/"+notice.ID+"/removals", map[string]any{"items": []map[string]string{{"content_id": "mirrored"}}}, &found)
	if found.State != "removed" || found.Late {
		t.Errorf("after all: %+v", found)
	}
	verdict := func(id string) string {
		res := check(id, picture)
		if res.CaseID != "" {
			t.Errorf("%s has the case %s", id, res.CaseID)
		}
		return string(res.Verdict)
	}
	blocked := ""
	for n := 0; n < 50 && blocked != "block"; n++ {
		time.Sleep(100 * time.Millisecond)
		blocked = verdict(fmt.Sprint("again ", n))
	}
	if blocked != "block" {
		t.Errorf("a later upload is answered %s", blocked)
	}

	var complaint struct{ ID string }
	platform.send("POST", "/v1/takedowns/"+notice.ID+"/complaints", map[string]any{"party": "uploader", "text": "It is a drawing of hills."}, &complaint)
	b.do(chromedp.Reload())
	b.until(`document.body.innerText.includes('Another person decides the complaint.')`)
	a.screen("takedown complaint")
	supervisor.send("POST", fmt.Sprintf("/v1/takedowns/%s/complaints/%s/decision", notice.ID, complaint.ID), map[string]any{"upheld": true, "reason": "not_intimate_image"}, &found)
	b.do(chromedp.Reload())
	b.until(`document.querySelector('[data-testid="takedown-state"]')?.dataset.state == 'refused'`)
	a.screen("takedown turned round")
	v := ""
	for n := 0; n < 50 && v != "allow"; n++ { // the lists follow within a quarter of a second
		time.Sleep(100 * time.Millisecond)
		v = verdict(fmt.Sprint("put back ", n))
	}
	if v != "allow" {
		t.Errorf("after the reversal an upload is answered %s", v)
	}
	b.visit("#/takedowns", "#state")
	b.until(`document.body.innerText.includes('No notice waits.')`)
	a.screen("takedowns none waits")

	var open struct {
		Items []struct{ ID, Priority, Queue string }
	}
	supervisor.send("GET", "/v1/cases?state=open", nil, &open)
	if len(open.Items) != 1 || open.Items[0].ID != child.CaseIDs[0] || open.Items[0].Priority != "P1" {
		t.Errorf("open cases %+v: want that of the child and no other", open.Items)
	}
	t.Logf("%d screens, %d violations", len(a.checked), a.violations)
	s.stop()
	s.verifyLedger()
}
