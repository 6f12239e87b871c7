package page

import (
	"cmp"
	"strconv"
	"time"
)

// PageShellConfig is what surrounds the body of a page.
type PageShellConfig struct {
	Title   string        // of the page; the browser's tab shows it before Brand
	Brand   string        // the program's name; it links to /
	Tabs    []PageLink    // the program's pages
	Path    string        // of the request; the tab with this path is marked
	Footer  PageComponent // nil: none
	Palette PageComponent // opened by Ctrl-K, made by PagePalette; nil: none
	Refresh time.Duration // interval at which the page reloads; zero: never
	Lang    string        // of the text, as in HTML's lang; empty: en
}

// PageShell is a whole HTML page: brand, tabs, a button for light and dark, the
// body within main, and a footer. The files that it refers to are served by
// [PageAssets].
//
// More in page_shell.md:
//   - page_assets_go_infra must be mounted, or the page has no style.
//   - It sets no security headers: put http_security_headers_go_infra around
//     the server.
func PageShell(cfg PageShellConfig, body PageComponent) PageComponent {
	return PageHTML(func(w *PageWriter) {
		w.Raw("<!DOCTYPE html>")
		w.Open("html", "lang", cmp.Or(cfg.Lang, "en"))
		w.head(cfg)
		w.Open("body")
		w.Element("a", "Skip to the content", "class", "skip", "href", "#main")
		w.header(cfg)
		w.Open("main", "id", "main", "tabindex", "-1")
		w.Add(body)
		w.Close("main")
		if cfg.Footer != nil {
			w.Open("footer")
			w.Add(cfg.Footer)
			w.Close("footer")
		}
		w.Add(cfg.Palette)
		w.Close("body", "html")
	})
}

func (w *PageWriter) head(cfg PageShellConfig) {
	w.Open("head")
	w.Open("meta", "charset", "utf-8")
	w.Open("meta", "name", "viewport", "content", "width=device-width, initial-scale=1")
	w.Open("meta", "name", "color-scheme", "content", "light dark")
	if cfg.Refresh > 0 {
		w.Open("meta", "http-equiv", "refresh", "content", strconv.Itoa(max(1, int(cfg.Refresh/time.Second))))
	}
	w.Element("title", cfg.Title+" · "+cfg.Brand)
	w.Open("link", "rel", "icon", "type", "image/svg+xml", "href", assetURL("icon.svg"))
	w.Open("link", "rel", "stylesheet", "href", assetURL("page.css"))
	w.Element("script", "", "src", assetURL("theme.js"))
	w.Element("script", "", "src", assetURL("page.js"), "defer?", "yes")
	w.Close("head")
}

func (w *PageWriter) header(cfg PageShellConfig) {
	w.Open("header")
	w.Open("nav", "aria-label", "Pages")
	w.Element("a", cfg.Brand, "class", "brand", "href", "/")
	for _, tab := range cfg.Tabs {
		w.Element("a", tab.Text, "href", tab.URL, "aria-current", on(tab.URL == cfg.Path, "page"))
	}
	w.Close("nav")
	if cfg.Palette != nil {
		w.Open("button", "id", "commands", "class", "script", "type", "button", "title", "Go to")
		w.Element("span", "Go to", "class", "hidden")
		w.Element("span", "⌘ ", "aria-hidden", "true")
		w.Element("kbd", "Ctrl-K")
		w.Close("button")
	}
	w.Element("button", "◐", "id", "theme", "class", "script", "type", "button", "aria-label", "Change between light and dark")
	w.Close("header")
}
