// Package web has the pages of sqlite_api.
package web

import (
	"math"
	"net/http"
	"net/url"
	"strconv"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// Pages are the pages of a set of databases.
type Pages struct {
	set   *data.Set
	login bool
}

// New makes the pages. login says whether people can log in: /login and /logout
// are not the pages' own.
func New(set *data.Set, login bool) *Pages { return &Pages{set, login} }

// Mount adds the pages' routes to mux. Those of databases have a mux of their
// own, since their patterns would clash with those of the assets.
func (p *Pages) Mount(mux *http.ServeMux) {
	mux.Handle("GET /assets/", page.PageAssets())
	mux.Handle("GET /favicon.ico", page.PageAssets())
	mux.HandleFunc("GET /{$}", p.databases)
	inner := http.NewServeMux()
	inner.HandleFunc("GET /{db}/{$}", p.view(database))
	inner.HandleFunc("GET /{db}/tables/{table}", p.table(rows))
	inner.HandleFunc("GET /{db}/tables/{table}/rows/{key}", p.table(row))
	inner.HandleFunc("GET /{db}/tables/{table}/new", p.table(newRow))
	inner.HandleFunc("POST /{db}/tables/{table}/new", p.table(insertRow))
	inner.HandleFunc("GET /{db}/tables/{table}/rows/{key}/edit", p.table(editRow))
	inner.HandleFunc("POST /{db}/tables/{table}/rows/{key}/edit", p.table(updateRow))
	inner.HandleFunc("POST /{db}/tables/{table}/rows/{key}/delete", p.table(deleteRow))
	inner.HandleFunc("GET /{db}/sql", p.view(console))
	inner.HandleFunc("POST /{db}/sql", p.view(console))
	inner.HandleFunc("GET /{db}/schema", p.view(schema))
	inner.HandleFunc("GET /{db}/queries", p.view(queries))
	inner.HandleFunc("GET /{db}/queries/{name}", p.view(query))
	mux.Handle("/{db}/", fnhttp.HTTPMux(inner, fnhttp.HTTPMuxConfig{NotFound: http.HandlerFunc(p.NotFound)}))
	mux.HandleFunc("GET /{db}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, databaseURL(r.PathValue("db")), http.StatusMovedPermanently)
	})
}

// Public are the routes that the page of the login loads.
func (*Pages) Public() []string { return []string{"GET /assets/", "GET /favicon.ico"} }

// NotFound says that there is no such page.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	show(w, r, http.StatusNotFound, nil, "Not found", page.PageNotice(page.PageNoticeConfig{
		Title: "There is no page " + r.URL.Path + ".", Links: []page.PageLink{{Text: "Databases", URL: "/"}},
	}))
}

// Login is for people on other machines, whose browser can't send a token.
func Login(w http.ResponseWriter, r *http.Request, form fnhttp.HTTPLoginForm) {
	show(w, r, form.Status, nil, "Log in", page.PageForm(page.PageFormConfig{
		Action: form.Action, Post: true, Submit: "Log in", Error: form.Problem, Fields: []page.PageFormField{
			{Name: "token", Label: "Token", Type: "password", Required: true, Focus: true},
			{Name: "next", Type: "hidden", Value: form.Next},
		},
	}))
}

// view makes a handler of a page of a database. The page gets the database as
// the caller sees it, and the error that it returns is shown in its place.
func (p *Pages) view(write func(http.ResponseWriter, *http.Request, *data.View) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := p.set.View(data.AccessFrom(r.Context()), r.PathValue("db"))
		if err == nil {
			err = write(w, r, v)
		}
		if err != nil {
			fail(w, r, v, err)
		}
	}
}

// table is view for a page of a table.
func (p *Pages) table(write func(http.ResponseWriter, *http.Request, *data.View, sqlite.SQLiteSchemaTable) error) http.HandlerFunc {
	return p.view(func(w http.ResponseWriter, r *http.Request, v *data.View) error {
		t, err := v.Table(r.Context(), r.PathValue("table"))
		if err != nil {
			return err
		}
		return write(w, r, v, t)
	})
}

// readForm reads the form that a request sends.
func readForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &core.Error{Code: core.CodeInvalid, Message: "the form can't be read", Err: err}
	}
	return nil
}

// show answers with a page of a title and parts. v is the database that it is
// about; nil: none.
func show(w http.ResponseWriter, r *http.Request, status int, v *data.View, title string, parts ...page.PageComponent) {
	cfg := page.PageShellConfig{Title: title, Brand: "sqlite_api", Tabs: []page.PageLink{{Text: "Databases", URL: "/"}}, Path: r.URL.Path}
	if v != nil {
		cfg.Title = title + " - " + v.Name()
		cfg.Tabs = append(cfg.Tabs, page.PageLink{Text: v.Name(), URL: databaseURL(v.Name())},
			page.PageLink{Text: "Schema", URL: databaseURL(v.Name()) + "schema"}, page.PageLink{Text: "SQL", URL: databaseURL(v.Name()) + "sql"})
		if len(v.Queries(r.Context())) > 0 {
			cfg.Tabs = append(cfg.Tabs, page.PageLink{Text: "Queries", URL: databaseURL(v.Name()) + "queries"})
		}
	}
	body := page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", title)
		for _, part := range parts {
			w.Add(part)
		}
	})
	w.Header().Add("Cache-Control", "no-cache")
	if err := page.PageRender(w, r, status, page.PageShell(cfg, body)); err != nil {
		fnhttp.HTTPProblem(w, r, err)
	}
}

// fail shows why there is no page.
func fail(w http.ResponseWriter, r *http.Request, v *data.View, err error, parts ...page.PageComponent) {
	status := core.ErrorHTTPStatus(err)
	if status >= http.StatusInternalServerError && core.ErrorCode(err) == core.CodeInternal {
		fnhttp.HTTPProblem(w, r, err) // which logs it
		return
	}
	if wait := core.ErrorRetryAfter(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	show(w, r, status, v, http.StatusText(status), append([]page.PageComponent{problem(err)}, parts...)...)
}

// problem says what is wrong, in the words of the error.
func problem(err error) page.PageComponent {
	return page.PageNotice(page.PageNoticeConfig{Kind: "error", Text: errorText(err), Hint: core.ErrorHint(err)})
}

func databaseURL(database string) string { return "/" + url.PathEscape(database) + "/" }

func tableURL(database, table string) string {
	return databaseURL(database) + "tables/" + url.PathEscape(table)
}

func rowURL(database, table, key string) string { return tableURL(database, table) + "/rows/" + key }

func apiURL(database, table string) string { return "/api/v1" + tableURL(database, table) + "/rows" }
