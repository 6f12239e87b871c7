package web

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fnregistry.dev/tools/testenv/testkit/browsertest"
)

var screenshots = flag.String("screenshots", "", "write pictures of this repository's pages into this folder")

// The kit's steps, by the names that the tests below call them.
var (
	browser = browsertest.Open
	do      = browsertest.Do
	until   = browsertest.Until
	text    = browsertest.Text
	prefer  = browsertest.Prefer
)

func TestBrowser_Search(t *testing.T) {
	url := setup(t, sample(t))
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(url+"/"))
	until(t, ctx, `document.querySelectorAll(".hit").length === 4 && document.activeElement.name === "q"`)

	// As you type: the list, the marks and the address follow.
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("input[name=q]"), "overflow"))
	until(t, ctx, `document.querySelectorAll(".hit").length === 1 && location.search === "?q=overflow"`)
	if got := text(t, ctx, `document.querySelector(".hit mark").textContent`); !strings.EqualFold(got, "overflow") {
		t.Errorf("marked %q", got)
	}
	// Arrow keys reach the hit, Enter opens it, and the browser's way back leads to the same search.
	do(t, ctx, chromedp.KeyEvent(kb.ArrowDown))
	until(t, ctx, `document.activeElement.textContent.trim() === "add"`)
	do(t, ctx, chromedp.KeyEvent("\r"))
	until(t, ctx, `location.pathname === "/units/add_go_core" && document.querySelector("h1").textContent === "add"`)
	do(t, ctx, chromedp.Evaluate[chromedp.Void]("void history.back()"))
	until(t, ctx, `location.search === "?q=overflow" && document.querySelectorAll(".hit").length === 1`)

	// A filter, and a search that finds nothing.
	do(t, ctx, chromedp.Navigate(url+"/"), chromedp.SetValue(chromedp.CSS("select[name=kind]"), "type"))
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`void document.querySelector("select[name=kind]").dispatchEvent(new Event("change", {bubbles: true}))`))
	until(t, ctx, `location.search === "?kind=type" && document.querySelectorAll(".hit").length === 1`)
	do(t, ctx, chromedp.Navigate(url+"/"), chromedp.SendKeys(chromedp.CSS("input[name=q]"), "xyzzyxyzzy"))
	until(t, ctx, `document.querySelector(".count").textContent.includes("Nothing found")`)

	// "/" goes to the search from any page.
	do(t, ctx, chromedp.Navigate(url+"/apps"), chromedp.KeyEvent("/"))
	until(t, ctx, `location.pathname === "/" && document.activeElement.name === "q"`)
}

func TestBrowser_Pages(t *testing.T) {
	url := setup(t, sample(t))
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(url+"/units/add_go_core"))
	until(t, ctx, `document.querySelector(".picture svg .middle text").textContent === "add"`)
	for _, want := range []string{"func Add(a, b int) (int, error)", "Only int.", "The first number.", "Overflow", "tool", "failure"} {
		if !strings.Contains(text(t, ctx, "document.body.innerText"), want) {
			t.Errorf("the unit's page lacks %q", want)
		}
	}
	if n := text(t, ctx, `String(document.querySelectorAll("script:not([src]), [onclick], [style]").length)`); n != "0" {
		t.Errorf("%s inline scripts or styles, which the security policy forbids", n)
	}
	// The picture's boxes are links.
	do(t, ctx, chromedp.Click(chromedp.CSS(`.picture a[href="/units/failure_go_core"]`)))
	until(t, ctx, `document.querySelector("h1").textContent === "failure"`)
	// What Markdown could smuggle in is text.
	if got := text(t, ctx, `String(document.querySelectorAll("main script").length) + String(window.smuggled)`); got != "0undefined" {
		t.Errorf("a spec's script got into the page: %s", got)
	}

	// Light and dark: the system's wish, until the button overrides it, which lasts.
	if _, err := chromedp.Run(ctx, prefer("dark")); err != nil {
		t.Fatal(err)
	}
	ground := `getComputedStyle(document.body).backgroundColor`
	dark := text(t, ctx, ground)
	do(t, ctx, chromedp.Click(chromedp.CSS("#theme")))
	if light := text(t, ctx, ground); light == dark {
		t.Errorf("the theme did not change from %s", dark)
	}
	do(t, ctx, chromedp.Reload())
	if again := text(t, ctx, ground); again == dark {
		t.Error("the chosen theme is forgotten")
	}

	// On a phone nothing is wider than the screen.
	do(t, ctx, chromedp.EmulateViewport(380, 800))
	for _, path := range []string{"/", "/units/add_go_core", "/apps", "/graph", "/findings", "/nowhere"} {
		do(t, ctx, chromedp.Navigate(url+path))
		if wide := text(t, ctx, `String(document.documentElement.scrollWidth)`); wide != "380" {
			t.Errorf("%s is %s pixels wide", path, wide)
		}
	}
}

// TestBrowser_Screenshots makes the pictures of the documentation: go test ./web -screenshots ../../docs/pictures
func TestBrowser_Screenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("only with -screenshots")
	}
	url := setup(t, "../../..")
	ctx := browser(t)
	for name, path := range map[string]string{
		"search": "/?q=retry+backoff", "unit": "/units/http_client_retry_go_infra", "apps": "/apps", "graph": "/graph", "findings": "/findings",
	} {
		for _, scheme := range []string{"light", "dark"} {
			do(t, ctx, prefer(scheme), chromedp.Navigate(url+path))
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*screenshots, name+"-"+scheme+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
