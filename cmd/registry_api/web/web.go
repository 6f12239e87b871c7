// Package web serves the HTML pages of a registry. They are rendered on the
// server and work without JavaScript; the script of infra/page only makes them
// quicker to use. Clients that prefer Markdown or JSON get the content of a
// page in that format.
package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
)

// Pages are the handlers of the pages.
type Pages struct {
	source    api.Source
	histories *histories
}

// New makes the pages over a source.
func New(source api.Source) *Pages { return &Pages{source, newHistories()} }

// route is a page: its handler, its parameters, and where the API returns the
// same data as JSON.
type route struct {
	pattern string
	params  string // with spaces between; one that ends in ... may be repeated
	json    string // "": nowhere. The unit's ID is appended to a path that ends with /
	answer  func(*request) (answer, error)
}

// Mount adds the pages to a mux.
func (p *Pages) Mount(mux *http.ServeMux) {
	for _, r := range []route{
		{"GET /{$}", "q kind... domain... purity... tag... tested cursor", "/api/v1/units", p.search},
		{"GET /units/{id}", "", "/api/v1/units/", p.unit},
		{"GET /units/{id}/source", "", "", p.code},
		{"GET /units/{id}/history", "", "", p.history},
		{"GET /apps", "", "/api/v1/apps", p.apps},
		{"GET /graph", "id depth direction domain by to", "/api/v1/graph", p.graph},
		{"GET /findings", "rule severity unit domain file", "/api/v1/findings", p.findings},
		{"GET /palette", "q", "", p.palette},
	} {
		mux.Handle(r.pattern, fnhttp.HTTPConditional(limited(p.handler(r)), fnhttp.HTTPConditionalConfig{Weak: true}))
	}
	assets := page.PageAssets()
	mux.Handle("GET /assets/", assets)
	mux.Handle("GET /favicon.ico", assets)
}

// limited lets few requests for a page work at once: hundreds, with all that a
// graph takes, made the garbage collector work instead. It is inside of
// HTTPConditional, which sends the page after it was made, so that a client
// that reads slowly keeps no other one waiting.
func limited(next http.Handler) http.Handler {
	handler, err := fnhttp.HTTPConcurrencyLimit(next, fnhttp.HTTPConcurrencyLimitConfig{
		Total: 2 * runtime.GOMAXPROCS(0), Queue: 500, Wait: 10 * time.Second,
	})
	if err != nil {
		panic(err) // the limits are above 0
	}
	return handler
}

// NotFound answers a request for an unknown path.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.message(w, r, http.StatusNotFound, "Not found", page.PageNoticeConfig{Title: "There is no page " + r.URL.Path + ".", Links: toSearch})
}

var toSearch = []page.PageLink{{Text: "Search the units", URL: "/"}}

// request is what a page handles: the HTTP request and the state that answers
// it.
type request struct {
	*http.Request
	state *registry.State
	form  url.Values
}

func (r *request) get(name string) string { return strings.TrimSpace(r.form.Get(name)) }

// handler gives a page its state, and turns errors into pages.
func (p *Pages) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // revalidate, and get a 304 if nothing changed
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "X-Fragment")
		state := p.source.State()
		if state == nil {
			w.Header().Set("Retry-After", "1")
			p.message(w, r, http.StatusServiceUnavailable, "Starting", page.PageNoticeConfig{
				Title: "Starting", Text: "The repository is being read for the first time. This page comes back by itself.",
			})
			return
		}
		form, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			p.fail(w, r, &registry.QueryError{Param: "address", Message: "it can't be read", Err: err})
			return
		}
		if route.json != "" && prefers(r) == asJSON {
			redirectJSON(w, r, route.json)
			return
		}
		if err := refuseUnknown(form, strings.Fields(route.params)); err != nil {
			p.fail(w, r, err)
			return
		}
		a, err := route.answer(&request{Request: r, state: state, form: form})
		if err != nil {
			p.fail(w, r, err)
			return
		}
		switch {
		case a.markdown != "":
			w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
			io.WriteString(w, a.markdown) // error ignored: the client is gone
		case a.json != nil:
			fnhttp.HTTPJSONWrite(w, http.StatusOK, a.json) // error ignored: the client is gone
		case a.title != "":
			p.render(w, r, http.StatusOK, a.title, a.body)
		default:
			page.PageRender(w, r, http.StatusOK, a.body) // error ignored: these components have none
		}
	})
}

// refuseUnknown refuses parameters that a page does not take, or takes once, as
// the API does.
func refuseUnknown(form url.Values, params []string) error {
	known := make([]string, len(params))
	for i, name := range params {
		known[i] = strings.TrimSuffix(name, "...")
	}
	for name, values := range form {
		switch {
		case slices.Contains(params, name+"..."):
			continue
		case slices.Contains(params, name) && len(values) == 1:
			continue
		case slices.Contains(params, name):
			return &registry.QueryError{Param: name, Message: "it is given more than once"}
		}
		bad := &registry.QueryError{Param: name, Message: "this page has no such parameter", Candidates: known}
		if near := spec.Suggest(name, known); near != "" {
			bad.Candidates = []string{near}
		}
		return bad
	}
	return nil
}

// answer is the content of a page, in one of its forms.
type answer struct {
	title    string // of a whole page; "": body is a part of one
	body     page.PageComponent
	markdown string
	json     any
}

// fail reports an error, and responds with a page without internal details.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	shown := fnhttp.HTTPReport(w, r, api.Problem(err))
	if missing, ok := errors.AsType[*registry.NotFoundError](err); ok {
		notice := page.PageNoticeConfig{Title: "There is no unit " + missing.ID + ".", Links: toSearch}
		if len(missing.Candidates) > 0 {
			notice.Text, notice.Links = "Did you mean one of these?", nil
			for _, id := range missing.Candidates {
				notice.Links = append(notice.Links, page.PageLink{Text: id, URL: "/units/" + id})
			}
		}
		p.message(w, r, shown.Status, shown.Title, notice)
		return
	}
	if bad, ok := errors.AsType[*registry.QueryError](err); ok {
		p.message(w, r, shown.Status, shown.Title, page.PageNoticeConfig{Kind: "error", Title: sentence(bad.Error()), Links: toSearch})
		return
	}
	notice := page.PageNoticeConfig{Kind: "error", Title: "Something went wrong here; the server's log says what.", Links: toSearch}
	if shown.Detail != "" {
		notice.Title, notice.Text = sentence(shown.Detail), shown.Hint
	}
	if shown.RequestID != "" {
		notice.Hint = "Request " + shown.RequestID
	}
	p.message(w, r, shown.Status, shown.Title, notice)
}

// message responds with a page that is a single notice.
func (p *Pages) message(w http.ResponseWriter, r *http.Request, status int, title string, notice page.PageNoticeConfig) {
	p.render(w, r, status, title, page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", title)
		w.Add(page.PageNotice(notice))
	}))
}

// tabs are the pages in the header.
var tabs = []page.PageLink{{Text: "Units", URL: "/"}, {Text: "Apps", URL: "/apps"}, {Text: "Graph", URL: "/graph"}, {Text: "Findings", URL: "/findings"}}

func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, title string, body page.PageComponent) {
	shell := page.PageShellConfig{
		Title: title, Brand: "fn_registry", Tabs: tabs, Path: r.URL.Path, Footer: page.PageHTML(p.footer),
		Palette: page.PagePalette(page.PagePaletteConfig{Commands: tabs, Search: "/palette?q="}),
	}
	if p.source.State() == nil {
		shell.Refresh = time.Second
	}
	page.PageRender(w, r, status, page.PageShell(shell, body)) // error ignored: these components have none
}

// footer reports how fresh the page is.
func (p *Pages) footer(w *page.PageWriter) {
	f := p.source.Freshness()
	w.Open("span")
	switch {
	case f.Problem != "":
		w.Element("strong", "Out of date: "+f.Problem, "class", "bad")
	case f.SweptAt == nil:
		w.Text("From the snapshot; the files are being checked.")
	case f.Watching:
		w.Text("Follows the files; all of them last checked at ")
		w.Element("time", f.SweptAt.Format("15:04:05"), "datetime", f.SweptAt.Format(time.RFC3339))
	default:
		w.Text("As of ")
		w.Element("time", f.SweptAt.Format("2006-01-02 15:04:05"), "datetime", f.SweptAt.Format(time.RFC3339))
	}
	w.Close("span")
	w.Element("a", "API", "href", "/openapi.json")
}

// redirectJSON redirects clients that prefer JSON to the API's response with
// the same data.
func redirectJSON(w http.ResponseWriter, r *http.Request, to string) {
	if strings.HasSuffix(to, "/") {
		to += url.PathEscape(r.PathValue("id"))
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// The forms of a page.
const (
	asHTML     = "text/html"
	asMarkdown = "text/markdown"
	asJSON     = "application/json"
)

// prefers returns the form that a client prefers.
func prefers(r *http.Request) string { return fnhttp.HTTPAccept(r, asHTML, asMarkdown, asJSON) }
