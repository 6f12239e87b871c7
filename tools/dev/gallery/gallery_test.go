package main

import (
	"context"
	"flag"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/tools/testenv/testkit/browser"
)

var screenshots = flag.String("screenshots", "", "write pictures of the gallery into this folder")

// A component is assignable to templ's, and vice versa.
var (
	_ templ.Component    = page.PageComponent(nil)
	_ page.PageComponent = templ.Component(nil)
)

func TestTempl_WithinThePage(t *testing.T) {
	t.Parallel()
	got, err := page.PageFragment(
		t.Context(),
		page.PageShell(page.PageShellConfig{Title: "t", Brand: "b"}, templ.Raw("<b>templ's</b>")),
	)
	if err != nil || !strings.Contains(got, "<b>templ's</b></main>") {
		t.Errorf("%s, %v", got, err)
	}
}

func open(t *testing.T) (*gallery, *browser.Page, string) {
	g := newGallery(t.Context())
	server := httptest.NewServer(g.handler())
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = g.hub.Close() })
	return g, browser.Open(t), server.URL
}

// sameEdge: header, body and footer begin at the same edge, even on wider pages
// with a picture.
const sameEdge = `new Set([...document.querySelectorAll("body > header, main, body > footer")].map((e) => e.getBoundingClientRect().left)).size === 1`

// TestBrowser_EveryPart: no accessibility violation in light and dark, nothing
// wider than a phone, and no script that fails or that the policy refuses.
func TestBrowser_EveryPart(t *testing.T) {
	_, p, url := open(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		for _, e := range exhibits {
			p.Go(url + "/" + e.name)
			p.Do(chromedp.Evaluate[chromedp.Void](`void document.querySelectorAll("details").forEach((d) => (d.open = true))`))
			p.Accessible()
			p.Until(sameEdge)
		}
		p.Do(chromedp.Evaluate[chromedp.Void](`void document.querySelector("#commands").click()`))
		p.Until(`document.querySelector("dialog li")`)
		p.Accessible()
	}
	p.Size(390, 844)
	for _, e := range exhibits {
		p.Go(url + "/" + e.name)
		p.NoWiderThanTheScreen()
	}
}

func TestBrowser_Live(t *testing.T) {
	g, p, url := open(t)
	p.Go(url + "/log")
	p.Until(`document.querySelectorAll("[data-live-state=open]").length === 2`)
	g.publish(context.Background(), 1)
	p.Until(`document.querySelector("#log").textContent.includes("0001 one more line") && document.querySelector("#state dd").textContent === "1"`)
	p.Until(`(() => { const pre = document.querySelector("#log"); return pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4 })()`)
	// The search keeps matching lines, including those that arrive later.
	p.Do(chromedp.SendKeys(chromedp.CSS(".log input[type=search]"), "one more"))
	p.Until(`document.querySelector(".log output").textContent === "1 line"`)
	g.publish(context.Background(), 2)
	p.Until(`document.querySelector(".log output").textContent === "2 lines"`)
	// Scrolling up stops following.
	p.Do(chromedp.Evaluate[chromedp.Void](`void (() => { const s = document.querySelector(".log input[type=search]"); s.value = ""; s.dispatchEvent(new Event("input", {bubbles: true})); document.querySelector("#log").scrollTop = 0 })()`))
	p.Until(`!document.querySelector(".log input[type=checkbox]").checked`)
}

func TestBrowser_Keys(t *testing.T) {
	_, p, url := open(t)
	p.Go(url + "/table")
	// Down from the filter to the rows, Enter opens the row's link.
	p.Do(
		chromedp.Click(chromedp.CSS("input[name=q]")),
		chromedp.KeyEvent(kb.ArrowDown),
		chromedp.KeyEvent(kb.ArrowDown),
	)
	p.Until(`document.activeElement.matches("tr") && document.activeElement.textContent.includes("cleanup")`)
	p.Do(chromedp.KeyEvent("\r"))
	p.Until(`location.pathname === "/form"`)
	// The filter follows.
	p.Go(url + "/table")
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "feeds"))
	p.Until(`document.querySelectorAll("tbody tr").length === 1 && location.search === "?q=feeds"`)
	// The palette filters its commands, and queries the server.
	p.Do(chromedp.Click(chromedp.CSS("#commands")), chromedp.KeyEvent("cha"))
	p.Until(`[...document.querySelectorAll("dialog li")].map((li) => li.firstChild.textContent).join() === "Chart,found: cha"`)
	p.Do(chromedp.KeyEvent(kb.ArrowDown))
	p.Until(`document.querySelector("dialog li[aria-selected]").textContent.includes("found")`)
	p.Do(chromedp.KeyEvent("\r"))
	p.Until(`location.pathname === "/code"`)
}

// A search result is a URL to go to, and must not run a script.
func TestBrowser_PaletteAddresses(t *testing.T) {
	_, p, url := open(t)
	p.Go(url + "/text")
	p.Do(chromedp.Evaluate[chromedp.Void](`void (window.fetch = async () => new Response(JSON.stringify([
		{text: "a", url: "/a?b=c:d"}, {text: "b", url: "https://example.org"}, {text: "c", url: "java\tscript:alert(1)"},
		{text: "d", url: " JavaScript:alert(1)"}, {text: "e", url: "data:text/html,x"}, {text: "f", url: "https://["},
	])))`))
	p.Do(chromedp.Click(chromedp.CSS("#commands")), chromedp.KeyEvent("zzz"))
	p.Until(`[...document.querySelectorAll("dialog li")].map((li) => li.dataset.url).join() ===
		"/a?b=c:d,https://example.org,about:invalid,about:invalid,about:invalid,about:invalid"`)
}

func TestBrowser_Theme(t *testing.T) {
	_, p, url := open(t)
	p.Theme("dark")
	p.Go(url + "/text")
	ground := `getComputedStyle(document.body).backgroundColor`
	dark := p.Text(ground)
	p.Do(chromedp.Click(chromedp.CSS("#theme")))
	if light := p.Text(ground); light == dark {
		t.Errorf("the theme did not change from %s", dark)
	}
	p.Do(chromedp.Reload())
	if again := p.Text(ground); again == dark {
		t.Error("the chosen theme is forgotten")
	}
}

func TestBrowser_Picture(t *testing.T) {
	_, p, url := open(t)
	p.Go(url + "/picture")
	lit := `[...document.querySelectorAll(".picture svg[role=group]")[0].querySelectorAll(".box.on")].map((b) => b.dataset.id).sort().join(" ")`
	if got := p.Text(lit); got != "build fetch release" {
		t.Errorf("lit at first: %s", got)
	}
	p.Do(chromedp.Evaluate[chromedp.Void](`void document.querySelector("[data-id=test]").dispatchEvent(new MouseEvent("mouseover", {bubbles: true}))`))
	if got := p.Text(lit); !strings.Contains(got, "build fetch notify") || !strings.Contains(got, "release test") || strings.Contains(got, "lint") {
		t.Errorf("lit around test: %s", got)
	}
	width := `document.querySelector(".picture .view svg").getAttribute("width")`
	before := p.Text(width)
	p.Do(chromedp.Click(chromedp.CSS("[data-zoom='1.3']")))
	if p.Text(width) == before {
		t.Error("it does not zoom")
	}
}

// TestBrowser_Screenshots makes the pictures of docs/page.md: go test ./gallery
// -screenshots ../../docs/pictures
func TestBrowser_Screenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("only with -screenshots")
	}
	_, p, url := open(t)
	for i, e := range exhibits {
		scheme := []string{"light", "dark"}[i%2]
		p.Theme(scheme)
		p.Go(url + "/" + e.name)
		p.Screenshot(filepath.Join(*screenshots, "page-"+e.name+"-"+scheme+".png"))
	}
}
