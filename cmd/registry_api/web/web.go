// Package web is the pages over a registry. They are rendered on the server and complete without JavaScript; the
// script only makes them quicker to use. What a page shows as HTML is given as Markdown or JSON to whom accepts those.
package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"github.com/a-h/templ"
)

// Pages are the handlers of the pages.
type Pages struct {
	source api.Source
	assets *assets
}

// New makes the pages over a source.
func New(source api.Source) *Pages { return &Pages{source: source, assets: loadAssets()} }

// Mount adds the pages to a mux.
func (p *Pages) Mount(mux *http.ServeMux) {
	for pattern, page := range map[string]func(*request) (templ.Component, error){
		"GET /{$}":        p.search,
		"GET /units/{id}": p.unit,
		"GET /apps":       p.apps,
		"GET /graph":      p.graph,
		"GET /findings":   p.findings,
	} {
		mux.Handle(pattern, fnhttp.HTTPConditional(p.handler(page), fnhttp.HTTPConditionalConfig{Weak: true}))
	}
	mux.Handle("GET /assets/{file}", p.assets)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.assets.url("icon.svg"), http.StatusMovedPermanently)
	})
}

// NotFound answers a request for an unknown path.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusNotFound, p.layout(r, "Not found", notFound("There is no page "+r.URL.Path+".", nil)))
}

// request is what a page answers: the HTTP request and the state that it is answered from.
type request struct {
	*http.Request
	state *registry.State
	form  url.Values
}

func (r *request) get(name string) string { return strings.TrimSpace(r.form.Get(name)) }

// handler gives a page its state, and turns errors into pages.
func (p *Pages) handler(page func(*request) (templ.Component, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // ask again, and get a 304 where nothing changed
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "X-Fragment")
		state := p.source.State()
		if state == nil {
			w.Header().Set("Retry-After", "1")
			p.render(w, r, http.StatusServiceUnavailable, p.layout(r, "Starting", starting()))
			return
		}
		form, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			p.render(w, r, http.StatusBadRequest, p.layout(r, "Bad request", notFound("The address can't be read: "+err.Error()+".", nil)))
			return
		}
		if p.redirectJSON(w, r) {
			return
		}
		body, err := page(&request{Request: r, state: state, form: form})
		if err != nil {
			p.fail(w, r, err)
			return
		}
		switch body := body.(type) {
		case markdownText:
			w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
			body.Render(r.Context(), w)
		case titled:
			p.render(w, r, http.StatusOK, p.layout(r, body.title, body.Component))
		default: // a fragment
			p.render(w, r, http.StatusOK, body)
		}
	})
}

// titled is a whole page.
type titled struct {
	templ.Component
	title string
}

// markdownText is an answer for readers of Markdown.
type markdownText string

// Render makes it an answer like the others.
func (m markdownText) Render(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, string(m))
	return err
}

func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	if missing, ok := errors.AsType[*registry.NotFoundError](err); ok {
		p.render(w, r, http.StatusNotFound, p.layout(r, "Not found", notFound("There is no unit "+missing.ID+".", missing.Candidates)))
		return
	}
	if bad, ok := errors.AsType[*registry.QueryError](err); ok {
		p.render(w, r, http.StatusBadRequest, p.layout(r, "Bad request", notFound(sentence(bad.Error()), nil)))
		return
	}
	p.render(w, r, http.StatusInternalServerError, p.layout(r, "Error", notFound("Something went wrong here; the server's log says what.", nil)))
}

func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	// Rendered as a whole first: templ flushes what it writes, and a flushed answer can have no ETag.
	var whole bytes.Buffer
	if err := page.Render(r.Context(), &whole); err != nil {
		return // the reader has gone
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(whole.Bytes())
}

// redirectJSON sends who accepts JSON rather than HTML to the API's answer to the same question.
func (p *Pages) redirectJSON(w http.ResponseWriter, r *http.Request) bool {
	if prefers(r) != "application/json" {
		return false
	}
	to := map[string]string{"/": "/api/v1/units", "/apps": "/api/v1/apps", "/graph": "/api/v1/graph", "/findings": "/api/v1/findings"}[r.URL.Path]
	if id := r.PathValue("id"); id != "" {
		to = "/api/v1/units/" + url.PathEscape(id)
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true
}

// prefers tells which of HTML, Markdown and JSON the reader wants most; HTML where he does not care.
func prefers(r *http.Request) string {
	best, weight := "text/html", 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		name, params, _ := strings.Cut(part, ";")
		name, q := strings.ToLower(strings.TrimSpace(name)), 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if parsed, err := strconv.ParseFloat(value, 64); err == nil {
				q = parsed
			}
		}
		if (name == "text/html" || name == "text/markdown" || name == "application/json") && (q > weight || q == weight && name == "text/html") {
			best, weight = name, q
		}
	}
	return best
}
