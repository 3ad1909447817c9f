package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rowan-safety/rowan/cybertip"
)

// auditor runs axe-core on screens, in both themes and two sizes.
type auditor struct {
	b           *browser
	axe         string
	screenshots string
	checked     []string
	violations  int
}

func newAuditor(b *browser) *auditor {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", "web", "console", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		missing(b.t, "axe-core is not installed; run `npm ci` in web/console")
	}
	a := &auditor{b: b, axe: string(axe), screenshots: os.Getenv("ROWAN_SCREENSHOTS")}
	if a.screenshots != "" {
		if err := os.MkdirAll(a.screenshots, 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	return a
}

// finding is one rule that a screen breaks.
type finding struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		Target  []any  `json:"target"`
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// rest waits until nothing moves, so that colours are the final ones.
const rest = `new Promise(done => requestAnimationFrame(() => { document.getAnimations().forEach(a => a.finish()); requestAnimationFrame(() => done(true)) }))`

const runAxe = `axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
	elementRef: false}).then(r => r.violations)`

// screen checks what the browser shows now. expected are the texts of console
// messages that belong to it.
func (a *auditor) screen(name string, expected ...string) {
	a.b.t.Helper()
	b := a.b
	if !eval[bool](b, `typeof axe == 'object'`) {
		b.do(chromedp.Evaluate[chromedp.Void](a.axe))
	}
	for _, theme := range []string{"light", "dark"} {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		for _, size := range [][2]int64{{1440, 900}, {360, 740}} {
			b.do(chromedp.EmulateViewport(size[0], size[1]))
			eval[bool](b, rest)
			where := fmt.Sprintf("%s, %s, %d×%d", name, theme, size[0], size[1])
			for _, f := range eval[[]finding](b, runAxe) {
				a.violations++
				text, _ := json.MarshalIndent(f.Nodes, "", " ")
				b.t.Errorf("%s: %s (%s): %s\n%s", where, f.ID, f.Impact, f.Help, text)
			}
			if over := eval[int](b, `document.scrollingElement.scrollWidth - innerWidth`); over > 0 {
				b.t.Errorf("%s: %d px wider than the window: %s", where, over, eval[string](b, widest))
			}
			if a.screenshots != "" {
				a.shoot(fmt.Sprintf("%s-%s-%d.png", strings.ReplaceAll(name, " ", "-"), theme, size[0]))
			}
		}
	}
	b.do(chromedp.EmulateViewport(1440, 900))
	if p := b.taken(expected...); len(p) > 0 {
		b.t.Errorf("%s: console and policy: %q", name, p)
	}
	a.checked = append(a.checked, name)
}

// awake shows that the auditor sees what it looks for, on a page that is
// spoiled for it and loaded again.
func (a *auditor) awake() {
	a.b.t.Helper()
	b := a.b
	b.do(chromedp.Evaluate[chromedp.Void](a.axe))
	eval[bool](b, `(() => { const bad = document.createElement('div'); document.querySelector('main').append(bad);
		bad.append(document.createElement('button'), Object.assign(new Image(), {src: 'https://elsewhere.invalid/x.png'})); console.error('spoiled'); return true })()`)
	found := map[string]bool{}
	for _, f := range eval[[]finding](b, runAxe) {
		found[f.ID] = true
	}
	if !found["button-name"] || !found["image-alt"] {
		b.t.Errorf("axe does not see a spoiled page: %v", found)
	}
	b.until(`window.__violations.length > 0`)
	if p := strings.Join(b.taken("/v1/session"), "\n"); !strings.Contains(p, "img-src") || !strings.Contains(p, "spoiled") {
		b.t.Errorf("the console of a spoiled page is not seen: %q", p)
	}
	b.do(chromedp.Reload())
	b.settled(testid("passkey-sign-in"))
}

// widest names what sticks out.
const widest = `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join(' | ')`

func (a *auditor) shoot(file string) {
	a.b.t.Helper()
	png, err := chromedp.Run(a.b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(a.screenshots, file), png, 0o644)
	}
	if err != nil {
		a.b.t.Error(err)
	}
}

// TestEndToEndAccessible checks every screen of the console.
func TestEndToEndAccessible(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	b := newBrowser(t)
	s := serve(t, authority)
	a := newAuditor(b)

	b.open(s.public() + "/console/")
	b.settled(testid("passkey-sign-in"))
	a.awake()
	a.screen("sign-in", "/v1/session") // 401: nobody is signed in yet
	b.open("about:blank")
	b.signIn(s.link)
	b.until(`document.body.innerText.includes('Nothing waits for review.')`)
	a.screen("queue empty")

	s.run("sample", "--url", s.base())
	// A shown picture must outlast the check of it.
	eval[bool](b, `(() => { localStorage.setItem('rowan.console.v1', JSON.stringify({coverSeconds: 120})); return true })()`)
	b.do(chromedp.Reload())
	b.settled(testid("queue-row"))
	a.screen("queue")
	a.reviewing()
	a.reporting()
	s.run("exchanges", "add", "sample-file", "--list", "from-a-file", "--list-kind", "harmful", "--settings", `{"url":"file:none.csv","format":"csv"}`)
	a.others()
	t.Logf("%d screens × light, dark × 1440×900, 360×740: %d violations\n%s", len(a.checked), a.violations, strings.Join(a.checked, ", "))
	s.stop()
}

func (a *auditor) reviewing() {
	b := a.b
	b.t.Helper()
	b.click(testid("queue-row") + " a.go")
	b.settled(testid("item-card"))
	b.until(`document.querySelector('.plate img')`)
	a.screen("case covered")
	b.click(testid("reveal"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("purpose dialog")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`document.querySelector('[data-testid="revealed-image"]')`)
	a.screen("case revealed")
	b.click(testid("cover"))
	b.click(testid("confirm-case"))
	b.until(`document.querySelector('[aria-invalid=true]')`)
	a.screen("decision incomplete")
	eval[bool](b, fmt.Sprintf(`(() => { const s = document.querySelector('[data-testid="incident-type"]'); s.value = %q;
		return s.dispatchEvent(new Event('change', {bubbles: true})) })()`, cybertip.IncidentImagery))
	b.click(`label:has([data-testid="class-B2"])`)
	b.click(testid("reason"))
	b.keys("A copy of a listed landscape.")
	b.click(testid("confirm-case"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("decision dialog")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.settled(testid("decision-summary"))
	b.until(`!document.querySelector('dialog[open]')`)
	a.screen("case decided")
	b.click(testid("place-hold"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("hold dialog")
	b.click(testid("hold-reason"))
	b.keys("A court has asked for it.")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`!document.querySelector('dialog[open]') && document.querySelector('[data-testid="holds"] li')`)
	a.screen("case held")
	b.click(testid("evidence-bundle"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("evidence bundle dialog")
	b.click(testid("bundle-reason"))
	b.keys("Order 12/2026 of a court.")
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`!document.querySelector('dialog[open]') && document.body.innerText.includes('The bundle was saved.')`)
}

func (a *auditor) reporting() {
	b := a.b
	b.t.Helper()
	b.click(testid("report-link"))
	b.settled(testid("approve"))
	eval[bool](b, `(() => { document.querySelectorAll('main details').forEach(d => d.open = true); return true })()`)
	a.screen("report draft")
	b.click(testid("approve"))
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("approve dialog")
	b.click("dialog[open] " + testid("approve-ok"))
	b.until(`document.querySelector('[data-testid="report-state"]')?.dataset.state == 'filed' && document.querySelector('[data-testid="receipt"]')`)
	a.screen("report filed")
	b.visit("#/reports", testid("report-row"))
	a.screen("reports")
}

func (a *auditor) others() {
	b := a.b
	b.t.Helper()
	b.visit("#/queue/decided", testid("queue-row"))
	a.screen("queue decided")
	b.visit("#/takedowns", testid("takedown-counts")) // with notices: takedown_test.go
	a.screen("takedowns empty")
	b.visit("#/lists", ".grid .card")
	a.screen("lists")
	b.visit("#/lists/sample-known", "#i-file")
	b.until(`document.querySelector('main table')`)
	a.screen("list")
	bad := filepath.Join(b.t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("sha256,note\nnot a hash,x\n"+sum(nil)+",fine\nzz,y\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#i-file"), []string{bad}))
	b.button("Import")
	b.until(`document.querySelectorAll('[role=alert] li').length == 2`)
	a.screen("import with errors", "/import") // 422: that is the point
	b.visit("#/exchanges", testid("exchanges"))
	b.until(`document.querySelector('main tbody .badge')`)
	a.screen("exchanges")
	b.visit("#/measures", "main h2")
	b.until(`document.body.innerText.includes('ICU C9')`)
	a.screen("measures")
	b.visit("#/activity", "main table")
	a.screen("activity ledger")
	b.visit("#/activity/webhooks", "#deliveries")
	a.screen("activity webhooks")
	b.visit("#/people", "main table")
	a.screen("people")
	b.visit("#/settings", testid("add-passkey"))
	a.screen("settings")
	b.keys("?")
	b.until(`document.querySelector('dialog[open]')`)
	a.screen("key sheet")
	b.keys(kb.Escape)
	b.until(`!document.querySelector('dialog[open]')`)
	b.visit("#/nowhere", "main h1")
	a.screen("no such page")
}
