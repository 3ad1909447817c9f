package endtoend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	_ "image/png" // previews are PNG
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rowan-safety/rowan/client"
)

// response is one answer that the browser got, with its whole body.
type response struct {
	url, method, cache string
	status             int64
	body               []byte
}

// wire is everything between a browser and the network.
type wire struct {
	b *browser

	mu        sync.Mutex
	requests  []string   // guarded by mu
	responses []response // guarded by mu
	broken    []error    // guarded by mu
}

// tap stops every response until its body is read. It begins before the first
// page, so that nothing goes by unseen.
func tap(b *browser) *wire {
	w := &wire{b: b}
	if err := chromedp.Listen(b.ctx, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			w.asked(e.Request.URL)
		case *network.EventWebSocketCreated:
			w.asked(e.URL)
		case *fetch.EventRequestPaused:
			go w.read(e)
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: false})
	call(b, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*", RequestStage: fetch.RequestStageResponse}}})
	return w
}

func (w *wire) asked(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, url)
}

func (w *wire) read(e *fetch.EventRequestPaused) {
	ctx, cancel := context.WithTimeout(w.b.ctx, patience)
	defer cancel()
	r := response{url: e.Request.URL, method: e.Request.Method, status: e.ResponseStatusCode}
	for _, h := range e.ResponseHeaders {
		if strings.EqualFold(h.Name, "Cache-Control") {
			r.cache = h.Value
		}
	}
	var err error
	if e.ResponseErrorReason == "" && e.ResponseStatusCode/100 != 3 {
		var got fetch.GetResponseBodyResult
		got, err = chromedp.Call(ctx, fetch.GetResponseBody, fetch.GetResponseBodyParams{RequestID: e.RequestID})
		r.body = got.Body
	}
	w.mu.Lock()
	w.responses = append(w.responses, r)
	// A request that the page has given up is gone; nothing of it came through.
	if err != nil && ctx.Err() == nil && r.status != 204 && !strings.Contains(err.Error(), "Invalid InterceptionId") {
		w.broken = append(w.broken, fmt.Errorf("%s %s: %w", r.method, r.url, err))
	}
	w.mu.Unlock()
	_, _ = chromedp.Call(ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID}) // the page may have gone on
}

// seen returns a copy of what went by.
func (w *wire) seen() (requests []string, responses []response) {
	w.b.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.broken {
		w.b.t.Errorf("a response went by unread: %v", err)
	}
	return append(requests, w.requests...), append(responses, w.responses...)
}

func (w *wire) reveals() []response {
	_, all := w.seen()
	var out []response
	for _, r := range all {
		if strings.Contains(r.url, "/v1/evidence/") && strings.HasSuffix(r.url, "/reveal") {
			out = append(out, r)
		}
	}
	return out
}

// pictures notes the size of everything that the page decodes.
const pictures = `window.__decoded = [];
document.addEventListener('load', e => e.target instanceof HTMLImageElement && __decoded.push([e.target.naturalWidth, e.target.naturalHeight]), true);
{ const real = window.createImageBitmap; window.createImageBitmap = async (...a) => { const b = await real(...a); __decoded.push([b.width, b.height]); return b } }`

// TestEndToEndNoOriginalBeforeReveal uses the whole console and looks at every
// byte that reaches the browser.
func TestEndToEndNoOriginalBeforeReveal(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	s := serve(t, newAuthority(t))
	originals := [][]byte{landscape(201), landscape(202)}
	s.knowing(s.key("admin"), originals...)
	service := s.key("service")
	res := s.upload(service, "covered", originals[0])
	// A second item on the same case.
	again, err := client.New(s.base(), service).CheckFile(t.Context(), client.Meta{ContentID: "covered-2", AccountID: "acct-covered"}, originals[1])
	if err != nil || again.CaseID != res.CaseID {
		t.Fatalf("the second upload went to %+v, %v", again, err)
	}
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: pictures})
	w := tap(b)

	b.signIn(s.link)
	casePage := "#/case/" + res.CaseID
	for _, screen := range []string{"#/queue", "#/queue/decided", "#/reports", "#/lists", "#/lists/" + knownList, "#/activity",
		"#/activity/webhooks", "#/people", "#/settings", casePage} {
		b.visit(screen, "main h1")
		b.tabAll()
	}
	b.settled(testid("item-card"))
	b.until(`document.querySelectorAll('.plate img').length == 2`)
	b.keys("jkjk?")
	b.until(`document.querySelector('dialog[open]')`)
	b.keys(kb.Escape)
	b.until(`!document.querySelector('dialog[open]')`)
	b.hoverAll()
	b.tabAll()
	decoded := eval[[][2]int](b, "window.__decoded")
	b.do(chromedp.Reload())
	b.settled(testid("item-card"))
	b.until(`document.querySelectorAll('.plate img').length == 2`)
	// The question before the first reveal is asked and taken back.
	b.click(testid("reveal"))
	b.until(`document.querySelector('dialog[open]')`)
	b.keys(kb.Escape)
	b.until(`!document.querySelector('dialog[open]')`)

	requests, responses := w.seen()
	hashes := map[[32]byte]bool{}
	for _, o := range originals {
		hashes[sha256.Sum256(o)] = true
	}
	drawn := 0
	for _, r := range responses {
		if hashes[sha256.Sum256(r.body)] {
			t.Errorf("the original came with %s %s", r.method, r.url)
		}
		if c, format, err := image.DecodeConfig(bytes.NewReader(r.body)); err == nil {
			drawn++
			if c.Width > 96 || c.Height > 96 {
				t.Errorf("a %s of %d×%d came with %s", format, c.Width, c.Height, r.url)
			}
		}
	}
	if n := w.reveals(); len(n) > 0 {
		t.Errorf("%d reveals before any", len(n))
	}
	w.sameOrigin(s)
	decoded = append(decoded, eval[[][2]int](b, "window.__decoded")...)
	for _, d := range decoded {
		if d[0] > 96 || d[1] > 96 {
			t.Errorf("the page decoded a picture of %d×%d", d[0], d[1])
		}
	}
	if drawn == 0 || len(decoded) == 0 {
		t.Errorf("%d pictures came and %d were decoded; the test looks at nothing", drawn, len(decoded))
	}
	t.Logf("before the reveal: %d requests, %d responses read, %d pictures ≤ 96 px, %d decoded", len(requests), len(responses), drawn, len(decoded))

	s.revealOnce(b, w, res.CaseID, originals)
}

// revealOnce shows one original and looks for traces of a second.
func (s *server) revealOnce(b *browser, w *wire, caseID string, originals [][]byte) {
	s.t.Helper()
	b.click(testid("reveal"))
	b.click("dialog[open] " + testid("confirm-dialog-ok"))
	b.until(`document.querySelector('[data-testid="revealed-image"]')?.naturalWidth == 320`)
	b.keys(kb.Escape)
	b.until(`!document.querySelector('[data-testid="revealed-image"]')`)
	// Neither the history, nor a reload, nor a look elsewhere brings it back.
	b.visit("#/queue", testid("queue-row"))
	b.do(chromedp.NavigateBack())
	b.settled(testid("item-card"))
	b.do(chromedp.Reload())
	b.settled(testid("item-card"))
	got := w.reveals()
	if len(got) != 1 || sum(got[0].body) != sum(originals[0]) && sum(got[0].body) != sum(originals[1]) {
		s.t.Fatalf("%d reveals, want 1 with the original", len(got))
	}
	if !strings.Contains(got[0].cache, "no-store") {
		s.t.Errorf("the original may be cached: %q", got[0].cache)
	}
	w.sameOrigin(s)
	views := 0
	for _, v := range (caller{s.t, s.base(), s.key("reviewer")}).caseOf(caseID).Views {
		if v.Mode == "original" {
			views++
		}
	}
	if views != 1 {
		s.t.Errorf("%d views of originals on record, want 1", views)
	}
}

func (w *wire) sameOrigin(s *server) {
	s.t.Helper()
	requests, _ := w.seen()
	for _, u := range requests {
		if !strings.HasPrefix(u, s.public()+"/") && !strings.HasPrefix(u, "blob:"+s.public()+"/") && !strings.HasPrefix(u, "data:") {
			s.t.Errorf("a request to %s", u)
		}
	}
}

// hoverAll moves the mouse over every element of the page.
func (b *browser) hoverAll() {
	b.t.Helper()
	n := eval[int](b, `(window.__all = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility())).length`)
	last := [2]float64{-1, -1}
	for i := range n {
		at := eval[[2]float64](b, fmt.Sprintf(`(() => { const e = __all[%d]; if (!e.isConnected) return [-1, -1]; e.scrollIntoView({block: 'center', behavior: 'instant'});
			const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`, i))
		if at[0] < 0 || at[1] < 0 || at == last {
			continue
		}
		last = at
		b.do(chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]))
	}
}

// tabAll presses Tab until the focus has gone round.
func (b *browser) tabAll() {
	b.t.Helper()
	eval[bool](b, `(() => { document.activeElement?.blur(); window.__first = undefined; return true })()`)
	for range 300 {
		b.keys(kb.Tab)
		if eval[bool](b, `(() => { const e = document.activeElement; if (e === document.body || e === window.__first) return true; window.__first ??= e; return false })()`) {
			return
		}
	}
	b.t.Fatal("Tab does not come round")
}
