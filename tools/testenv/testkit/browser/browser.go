// Package browser starts Chromium for tests of pages, and checks their
// accessibility with axe-core. Without Chromium it fails the test, or skips it
// with SKIP_SERVERS=1.
package browser

import (
	"context"
	_ "embed" // axe-core is embedded
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// timeout limits everything that a test does with its browser.
const timeout = 10 * time.Minute

// Page is a tab of a browser that belongs to one test.
type Page struct {
	Ctx context.Context // for chromedp
	t   testing.TB

	watching sync.WaitGroup // goroutines that may fail t
}

// Open starts Chromium with one page of 1180 by 900 pixels. It ends with the
// test. What fails in the page's scripts, and what its security policy refuses,
// fails the test.
func Open(t testing.TB) *Page {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("SKIP_SERVERS") == "1" {
			t.Skip("skipped, because SKIP_SERVERS=1: it needs a real chromium")
		}
		t.Fatal("chromium is not installed: make test installs it as root on Debian")
	}
	p := &Page{t: t}
	t.Cleanup(p.watching.Wait) // after everything that ends them
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.ExecPath("chromium"))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stopPage := chromedp.NewContext(allocator)
	t.Cleanup(stopPage)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	t.Cleanup(cancel)
	p.Ctx = ctx
	p.Size(1180, 900)
	watch(
		p,
		chromedp.Events(ctx, runtime.ExceptionThrown),
		func(e runtime.EventExceptionThrown) string { return e.ExceptionDetails.Text },
	)
	watch(p, chromedp.Events(ctx, log.EntryAdded), func(e log.EventEntryAdded) string {
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			return e.Entry.Text
		}
		return ""
	})
	return p
}

// watch fails the test for each event with a text, until the browser ends.
func watch[E any](p *Page, events iter.Seq2[E, error], text func(E) string) {
	p.watching.Go(func() {
		for e, err := range events {
			if err != nil {
				return
			}
			if message := text(e); message != "" {
				p.t.Errorf("the page: %s", message)
			}
		}
	})
}

// Do runs chromedp's actions.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.Ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// Go loads an address.
func (p *Page) Go(url string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url))
}

// Size sets the viewport, in pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(width, height))
}

// Theme sets what the system prefers: light or dark.
func (p *Page) Theme(scheme string) {
	p.t.Helper()
	_, err := chromedp.Run(p.Ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// Text is the value of a JavaScript expression that is a string.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// Until waits for a JavaScript condition, on whatever page the browser comes
// to, for a minute.
func (p *Page) Until(condition string) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		// An error occurs while a page is being left.
		if ok, err := chromedp.Run(p.Ctx, chromedp.Evaluate[bool]("!!("+condition+")")); err == nil && ok {
			return
		}
		select {
		case <-p.Ctx.Done():
			p.t.Fatal(p.Ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
	at, _ := chromedp.Run(
		p.Ctx,
		chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText.slice(0, 600)"),
	)
	p.t.Fatalf("never came: %s\nthe page is %s", condition, at)
}

// Screenshot writes the whole page, not only what is in view, as a PNG.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	png, err := chromedp.Run(p.Ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// NoWiderThanTheScreen fails the test if the page scrolls sideways.
func (p *Page) NoWiderThanTheScreen() {
	p.t.Helper()
	if wide := p.Text("document.documentElement.scrollWidth > innerWidth ? location.href + ' is ' + document.documentElement.scrollWidth + ' pixels wide' : ''"); wide != "" {
		p.t.Error(wide)
	}
}

// axe-core 4.14.1 from the npm registry, unchanged; MPL-2.0, see axe/LICENSE.
//
//go:embed axe/axe.min.js
var axe string

// Accessible fails the test for each barrier that axe-core finds in the page as
// it is now, contrast included, by WCAG 2.2 A and AA and axe's best practices.
func (p *Page) Accessible() {
	p.t.Helper()
	if _, err := chromedp.Run(p.Ctx, chromedp.Evaluate[bool](axe+";true")); err != nil {
		p.t.Fatal(err)
	}
	p.Do(chromedp.Evaluate[chromedp.Void](`void axe.run({resultTypes: ["violations"]}).then((r) => (window.axeFound = r.violations), (e) => (window.axeFound = [{id: String(e), nodes: []}]))`))
	p.Until("window.axeFound")
	var found []struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	if err := json.Unmarshal([]byte(p.Text("JSON.stringify(axeFound)")), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range found {
		var where []string
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			where = append(where, fmt.Sprintf("%.200s: %s", n.HTML, n.FailureSummary))
		}
		p.t.Errorf("%s: %s: %s, %d times:\n%s", p.Text("location.href"), v.ID, v.Help, len(v.Nodes), strings.Join(where, "\n"))
	}
	p.Do(chromedp.Evaluate[chromedp.Void]("void delete window.axeFound"))
}
