package main

import (
	"net/http"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
)

// page says the same as the endpoint, to people.
func (now *running) page(w http.ResponseWriter, r *http.Request) {
	show(w, r, http.StatusOK, "Running", page.PageFacts([]page.PageFact{
		{Name: "version", Value: now.Version},
		{Name: "started", Value: now.Started},
		{Name: "API", Value: page.PageLink{Text: "/openapi.json", URL: "/openapi.json"}},
	}))
}

// notFound answers browsers with a page, and programs as the API does.
func notFound(api http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if fnhttp.HTTPAccept(r, "application/problem+json", "text/html") != "text/html" {
			api(w, r)
			return
		}
		show(w, r, http.StatusNotFound, "Not found", page.PageNotice(page.PageNoticeConfig{
			Title: "There is no page " + r.URL.Path + ".", Links: []page.PageLink{{Text: "Start", URL: "/"}},
		}))
	})
}

// login is for people on other machines, whose browser can't send a token.
func login(w http.ResponseWriter, r *http.Request, form fnhttp.HTTPLoginForm) {
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
		Title: title, Brand: "sqlite_api", Tabs: []page.PageLink{{Text: "Running", URL: "/"}}, Path: r.URL.Path,
	}, body)
	if err := page.PageRender(w, r, status, shell); err != nil {
		fnhttp.HTTPProblem(w, r, err)
	}
}
