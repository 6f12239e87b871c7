// Package web has the pages of sqlite_api.
package web

import (
	"net/http"

	"fnregistry.dev/apps/sqlite_api/data"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
)

// Pages are the pages of a set of databases.
type Pages struct {
	set *data.Set
	// inside has the pages of a database, whose name comes first in their
	// paths: beside /assets/ in one mux these patterns would be ambiguous.
	inside http.Handler
}

// New makes the pages.
func New(set *data.Set) *Pages {
	p := &Pages{set: set}
	mux := http.NewServeMux()
	p.mountConsole(mux)
	p.inside = fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{NotFound: http.HandlerFunc(p.noPage)})
	return p
}

// Mount adds the pages' routes to mux.
func (p *Pages) Mount(mux *http.ServeMux) {
	mux.Handle("GET /assets/", page.PageAssets())
	mux.Handle("GET /favicon.ico", page.PageAssets())
	mux.HandleFunc("GET /{$}", p.databases)
}

// Public are the routes that the page of the login loads.
func (*Pages) Public() []string { return []string{"GET /assets/", "GET /favicon.ico"} }

// databases lists the databases.
func (p *Pages) databases(w http.ResponseWriter, r *http.Request) {
	links := page.PageHTML(func(w *page.PageWriter) {
		for _, v := range p.set.Views(data.AccessFrom(r.Context())) {
			w.Element("p", v.Name())
		}
	})
	show(w, r, http.StatusOK, "Databases", links)
}

// NotFound answers what no other route does: the pages of a database, or that
// there is no such page.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) { p.inside.ServeHTTP(w, r) }

// noPage says that there is no such page.
func (p *Pages) noPage(w http.ResponseWriter, r *http.Request) {
	show(w, r, http.StatusNotFound, "Not found", page.PageNotice(page.PageNoticeConfig{
		Title: "There is no page " + r.URL.Path + ".", Links: []page.PageLink{{Text: "Databases", URL: "/"}},
	}))
}

// Login is for people on other machines, whose browser can't send a token.
func Login(w http.ResponseWriter, r *http.Request, form fnhttp.HTTPLoginForm) {
	show(w, r, form.Status, "Log in", page.PageForm(page.PageFormConfig{
		Action: form.Action, Post: true, Submit: "Log in", Error: form.Problem, Fields: []page.PageFormField{
			{Name: "token", Label: "Token", Type: "password", Required: true, Focus: true},
			{Name: "next", Type: "hidden", Value: form.Next},
		},
	}))
}

// show answers with a page of a title and a part.
func show(w http.ResponseWriter, r *http.Request, status int, title string, part page.PageComponent) {
	body := page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", title)
		w.Add(part)
	})
	shell := page.PageShell(page.PageShellConfig{
		Title: title, Brand: "sqlite_api", Tabs: []page.PageLink{{Text: "Databases", URL: "/"}}, Path: r.URL.Path,
	}, body)
	if err := page.PageRender(w, r, status, shell); err != nil {
		fnhttp.HTTPProblem(w, r, err)
	}
}
