package endtoend

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is one tab of a Chromium of its own, with an empty profile.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // errors on the console and violations of the policy; guarded by mu
}

func chromium(t *testing.T) string {
	t.Helper()
	path := os.Getenv("ROWAN_CHROMIUM")
	if path == "" {
		path = "/usr/bin/chromium"
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, "no Chromium at "+path+"; install it or set ROWAN_CHROMIUM")
	}
	return path
}

// watch runs in every page before its own scripts. It notes what the policy
// stopped, and mouse events, so that a test can show that there were none.
const watch = `window.__violations = []; window.__mouse = 0;
document.addEventListener('securitypolicyviolation', e => __violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber));
for (const k of ['mousedown','mousemove','mouseup','pointerdown','touchstart']) addEventListener(k, () => __mouse++, true);`

func newBrowser(t *testing.T) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("end to end tests start processes; not with -short")
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900)}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-dev-shm-usage", "disable-extensions", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endTab := chromedp.NewContext(alloc)
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			b.explain()
		}
		_ = chromedp.Cancel(ctx)
		endTab()
		endAlloc()
	})
	if err := chromedp.Do(ctx); err != nil { // starts it; without a limit, which would be the browser's
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1440, 900))
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	return b
}

// note remembers errors of the console.
func (b *browser) note(ev any) {
	text := ""
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type != "error" && e.Type != "assert" && e.Type != "warning" {
			return
		}
		for _, a := range e.Args {
			text += fmt.Sprint(string(a.Value), " ", a.Description, " ")
		}
		text = "console." + string(e.Type) + ": " + text
	case *runtime.EventExceptionThrown:
		text = "exception: " + exceptionText(e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		text = "log: " + string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// taken returns the problems since the last call. Chromium logs every answer
// that is not a success; those whose text holds one of expected are left out.
func (b *browser) taken(expected ...string) []string {
	b.t.Helper()
	out := eval[[]string](b, `(() => { const v = window.__violations ?? []; window.__violations = []; return v })()`)
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, p := range b.problems {
		for _, e := range expected {
			if strings.Contains(p, e) {
				continue next
			}
		}
		out = append(out, p)
	}
	b.problems = nil
	return out
}

// explain logs where a failed test was.
func (b *browser) explain() {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + '\n' + document.activeElement?.outerHTML.slice(0, 300) + '\n' + document.body.innerText.slice(0, 3000)`))
	b.t.Logf("the page at the end (%v):\n%s", err, text)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Log(p)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates an expression in the page, and waits if it is a promise.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// call sends a command of the protocol.
func call[P, R any](b *browser, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
	return out
}

// until waits until an expression is true in the page. A page that is just
// being left does not count.
func (b *browser) until(js string) {
	b.t.Helper()
	until(b.t, js, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
		defer cancel()
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+js+")"))
		return err == nil && ok
	})
}

// open goes to a path of the console, or to a whole URL.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// visit goes to a screen of the console that is open, by its hash.
func (b *browser) visit(hash, ready string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("!!(location.hash = %q)", hash))
	b.settled(ready)
}

// settled waits for a selector, and until nothing is being loaded.
func (b *browser) settled(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q) && !document.querySelector('main p.soft[role=status]')`, selector))
}

func testid(id string) string { return `[data-testid="` + id + `"]` }

// click presses the mouse on the first element that matches.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q) && !document.querySelector(%[1]q).disabled`, selector))
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// button presses the mouse on the first button whose text begins so.
func (b *browser) button(text string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll('button')].find(x => x.innerText.trim().startsWith(%q))`, text)
	b.until(find)
	b.do(chromedp.Click(chromedp.JSPath(find), chromedp.NodeVisible))
}

// keys presses keys one after the other.
func (b *browser) keys(keys string, mods ...kb.Modifier) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(mods...)))
}

// tabTo presses Tab until the focus is on an element that matches.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 200 {
		if eval[bool](b, fmt.Sprintf(`document.activeElement?.matches(%q) ?? false`, selector)) {
			return
		}
		b.keys(kb.Tab)
	}
	b.t.Fatalf("Tab does not reach %s", selector)
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ''`, selector))
}

// signIn opens the console with a sign-in link.
func (b *browser) signIn(link string) {
	b.t.Helper()
	b.open(link)
	b.settled(testid("signed-in-user"))
}

func exceptionText(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}
