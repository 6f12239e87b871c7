package web

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fnregistry.dev/tools/testenv/testkit/browser"
)

var screenshots = flag.String("screenshots", "", "write pictures of this repository's pages into this folder")

func TestBrowser_Search(t *testing.T) {
	url := setup(t, sample(t))
	p := browser.Open(t)
	p.Go(url + "/")
	p.Until(`document.querySelectorAll(".hit").length === 5 && document.activeElement.name === "q"`)

	// While typing, the list, the marks and the address are updated.
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "overflow"))
	p.Until(`document.querySelectorAll(".hit").length === 1 && location.search === "?q=overflow"`)
	if got := p.Text(`document.querySelector(".hit mark").textContent`); !strings.EqualFold(got, "overflow") {
		t.Errorf("marked %q", got)
	}
	// Arrow keys reach the hit, Enter opens it, and the browser's back button
	// returns to the same search.
	p.Do(chromedp.KeyEvent(kb.ArrowDown))
	p.Until(`document.activeElement.textContent.trim() === "add"`)
	p.Do(chromedp.KeyEvent("\r"))
	p.Until(`location.pathname === "/units/add_go_core" && document.querySelector("h1").textContent === "add"`)
	p.Do(chromedp.Evaluate[chromedp.Void]("void history.back()"))
	p.Until(`location.search === "?q=overflow" && document.querySelectorAll(".hit").length === 1`)

	// A filter, and a search that finds nothing.
	p.Go(url + "/")
	p.Do(chromedp.SetValue(chromedp.CSS("select[name=kind]"), "type"))
	p.Do(chromedp.Evaluate[chromedp.Void](`void document.querySelector("select[name=kind]").dispatchEvent(new Event("change", {bubbles: true}))`))
	p.Until(`location.search === "?kind=type" && document.querySelectorAll(".hit").length === 1`)
	p.Go(url + "/")
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "xyzzyxyzzy"))
	p.Until(`document.querySelector("#results").textContent.includes("Nothing found")`)

	// "/" moves to the search from any page, Ctrl-K to any unit.
	p.Go(url + "/apps")
	p.Do(chromedp.KeyEvent("/"))
	p.Until(`location.pathname === "/" && document.activeElement.name === "q"`)
	p.Do(chromedp.Evaluate[chromedp.Void](`void document.querySelector("#commands").click()`), chromedp.KeyEvent("twic"))
	p.Until(`document.querySelector("dialog li[aria-selected]")?.textContent.startsWith("twice_go_core")`)
	p.Do(chromedp.KeyEvent("\r"))
	p.Until(`location.pathname === "/units/twice_go_core"`)
}

func TestBrowser_Pages(t *testing.T) {
	url := setup(t, sample(t))
	p := browser.Open(t)
	p.Go(url + "/units/add_go_core")
	p.Until(`document.querySelector(".picture svg .middle text").textContent === "add"`)
	for _, want := range []string{"func Add(a, b int) (int, error)", "Only int.", "The first number.", "Overflow", "tool", "failure"} {
		if !strings.Contains(p.Text("document.body.innerText"), want) {
			t.Errorf("the unit's page lacks %q", want)
		}
	}
	if n := p.Text(`String(document.querySelectorAll("script:not([src]), [onclick], [style]").length)`); n != "0" {
		t.Errorf("%s inline scripts or styles, which the security policy forbids", n)
	}
	// The picture's boxes are links.
	p.Do(chromedp.Click(chromedp.CSS(`.picture a[href="/units/failure_go_core"]`)))
	p.Until(`document.querySelector("h1").textContent === "failure"`)
	// Markup smuggled into Markdown is shown as text.
	if got := p.Text(`String(document.querySelectorAll("main script").length) + String(window.smuggled)`); got != "0undefined" {
		t.Errorf("a spec's script got into the page: %s", got)
	}
	// The number of a line is its anchor, and links in the source lead to
	// units.
	p.Go(url + "/units/add_go_core")
	p.Do(chromedp.Click(chromedp.CSS(`a[href="/units/add_go_core/source#L3"]`)))
	p.Until(`document.querySelector(":target")?.textContent.includes("func Add")`)
}

// paths are pages of every kind, for the sample.
var paths = []string{
	"/", "/?q=nothing-at-all", "/units/add_go_core", "/units/new_counter_go_core", "/units/add_go_core/source", "/units/add_go_core/history",
	"/apps", "/graph", "/graph?by=package", "/findings", "/findings?rule=schema-missing", "/nowhere", "/?bogus=1",
}

// TestBrowser_Accessible: no page violates accessibility rules, and none is
// wider than a phone.
func TestBrowser_Accessible(t *testing.T) {
	url := setup(t, sample(t))
	p := browser.Open(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		for _, path := range paths {
			p.Go(url + path)
			p.Accessible()
		}
	}
	p.Size(390, 844)
	for _, path := range paths {
		p.Go(url + path)
		p.NoWiderThanTheScreen()
	}
	// On a phone, the buttons and the first result are in view.
	p.Go(url + "/")
	for _, part := range []string{"#theme", ".hit p"} {
		if got := p.Text(`(() => { const r = document.querySelector("` + part + `").getBoundingClientRect(); return String(r.width > 0 && r.right <= innerWidth && r.bottom <= innerHeight) })()`); got != "true" {
			t.Errorf("%s is not in view", part)
		}
	}
}

// TestBrowser_Screenshots makes the pictures of the documentation: go test
// ./web -screenshots ../../docs/pictures
func TestBrowser_Screenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("only with -screenshots")
	}
	url := setup(t, "../../..")
	p := browser.Open(t)
	pages := map[string]string{
		"search": "/?q=retry+backoff", "unit": "/units/http_client_retry_go_infra", "apps": "/apps", "graph": "/graph", "findings": "/findings",
		"source": "/units/http_client_retry_go_infra/source",
	}
	for name, path := range pages {
		for _, scheme := range []string{"light", "dark"} {
			p.Theme(scheme)
			p.Go(url + path)
			p.Screenshot(filepath.Join(*screenshots, name+"-"+scheme+".png"))
		}
	}
	p.Theme("light")
	p.Size(390, 844)
	for _, name := range []string{"search", "unit"} {
		p.Go(url + pages[name])
		p.Screenshot(filepath.Join(*screenshots, name+"-phone.png"))
	}
}
