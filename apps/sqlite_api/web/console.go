package web

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// What a page shows of a result; the exports have more.
const (
	resultRows  = 500
	resultBytes = 2 << 20
	cellRunes   = 300
)

// mountConsole adds the routes of console, stored queries and picture to mux.
func (p *Pages) mountConsole(mux *http.ServeMux) {
	mux.HandleFunc("GET /{db}/sql", p.console)
	mux.HandleFunc("POST /{db}/sql", p.console) // SQL too long for a URL
	mux.HandleFunc("GET /{db}/schema", p.schema)
}

// view is the database of a page; ok is false where the response is written
// already.
func (p *Pages) view(w http.ResponseWriter, r *http.Request) (v *data.View, ok bool) {
	v, err := p.set.View(data.AccessFrom(r.Context()), r.PathValue("db"))
	if err != nil {
		p.noPage(w, r)
		return nil, false
	}
	return v, true
}

// base is the address of a database's pages.
func base(v *data.View) string { return "/" + url.PathEscape(v.Name()) }

// showPart answers with a page about a database.
func showPart(w http.ResponseWriter, r *http.Request, status int, v *data.View, title string, part page.PageComponent) {
	body := page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", title)
		w.Add(part)
	})
	shell := page.PageShell(page.PageShellConfig{
		Title: title + " · " + v.Name(), Brand: "sqlite_api", Path: r.URL.Path, Tabs: []page.PageLink{
			{Text: "Databases", URL: "/"}, {Text: v.Name(), URL: base(v)}, {Text: "Schema", URL: base(v) + "/schema"}, {Text: "SQL", URL: base(v) + "/sql"},
		},
	}, body)
	if err := page.PageRender(w, r, status, shell); err != nil {
		fnhttp.HTTPProblem(w, r, err)
	}
}

// console is the page for SQL. A request with the header X-Fragment: result
// gets the result alone; when the client goes away, SQLite stops.
func (p *Pages) console(w http.ResponseWriter, r *http.Request) {
	v, ok := p.view(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		fnhttp.HTTPProblem(w, r, &core.Error{Code: core.CodeInvalid, Message: "the form can't be read", Err: err})
		return
	}
	q := newQuestion(r.Form)
	status := http.StatusOK
	var found *result
	if strings.TrimSpace(q.sql) != "" && !q.missing() {
		found = q.run(r.Context(), v)
		status = found.status()
	}
	if r.Context().Err() != nil {
		return // the client has gone: nobody reads the page
	}
	w.Header().Add("Vary", "X-Fragment")
	out := page.PageHTML(func(w *page.PageWriter) { q.write(w, v, found) })
	if r.Header.Get("X-Fragment") == "result" {
		if err := page.PageRender(w, r, http.StatusOK, out); err != nil {
			fnhttp.HTTPProblem(w, r, err)
		}
		return
	}
	showPart(w, r, status, v, "SQL", page.PageHTML(func(w *page.PageWriter) {
		q.form(w, v)
		w.Open("div", "id", "result")
		w.Add(out)
		w.Close("div")
	}))
}

// question is what the form of the console asks.
type question struct {
	sql    string
	names  []string // of the parameters in sql
	values url.Values
}

func newQuestion(form url.Values) question {
	return question{sql: form.Get("sql"), names: sqlite.SQLiteQueryParameters(form.Get("sql")), values: form}
}

// missing reports whether a parameter has no value yet, not even an empty one.
func (q question) missing() bool {
	for _, name := range q.names {
		if !q.values.Has("p_" + name) {
			return true
		}
	}
	return false
}

func (q question) form(w *page.PageWriter, v *data.View) {
	w.Open("form", "class", "form console", "id", "console", "action", base(v)+"/sql")
	w.Open("div", "class", "field textarea")
	w.Element("label", "SQL", "for", "sql")
	w.Open("textarea", "id", "sql", "name", "sql", "spellcheck", "false", "autocapitalize", "off", "rows", "6", "aria-describedby", "sql-hint")
	w.Text("\n" + q.sql)
	w.Close("textarea")
	w.Element("p", "One statement that reads. Parameters such as :name get a field. Ctrl-Enter runs it.", "class", "hint", "id", "sql-hint")
	w.Close("div")
	for _, name := range q.names {
		w.Open("div", "class", "field text")
		w.Element("label", ":"+name, "for", "p-"+name)
		w.Open("input", "id", "p-"+name, "name", "p_"+name, "value", q.values.Get("p_"+name))
		w.Close("div")
	}
	w.Element("button", "Run")
	w.Raw(" ")
	w.Element("button", "Send as a form", "formmethod", "post", "class", "quiet", "title", "For SQL that is too long for a URL")
	w.Raw(` <button class="script stop" type="button" disabled>Stop</button> <output class="quiet elapsed"></output>`)
	w.Close("form")
}

// write shows the result; nil: nothing was run.
func (q question) write(w *page.PageWriter, v *data.View, found *result) {
	switch {
	case found == nil && q.sql != "" && q.missing():
		w.Add(page.PageNotice(page.PageNoticeConfig{Text: "The SQL has parameters.", Hint: "fill them in and run it: " + strings.Join(q.names, ", ")}))
		return
	case found == nil:
		return
	case found.err != nil:
		q.problem(w, found.err)
		return
	}
	rows := fmt.Sprintf("%d rows", len(found.rows))
	if found.cut {
		rows = fmt.Sprintf("The first %d rows; the exports have more", len(found.rows))
	}
	w.Element("p", fmt.Sprintf("%s, in %.1f ms.", rows, float64(found.took.Microseconds())/1000), "class", "quiet", "role", "status")
	q.exports(w, v)
	q.chart(w, v, found)
	w.Add(page.PageTable(found.table()))
	found.writePlan(w)
}

// exports links the result in other forms.
func (q question) exports(w *page.PageWriter, v *data.View) {
	query := url.Values{"sql": {q.sql}}
	for _, name := range q.names {
		query.Set("p_"+name, q.values.Get("p_"+name))
	}
	w.Open("p")
	w.Text("Export: ")
	for i, format := range []string{"csv", "ndjson", "json"} {
		if i > 0 {
			w.Text(", ")
		}
		query.Set("format", format)
		w.Element("a", strings.ToUpper(format), "href", "/api/v1"+base(v)+"/query?"+query.Encode())
	}
	w.Close("p")
}

// problem says what is wrong and where.
func (q question) problem(w *page.PageWriter, err error) {
	coded, _ := errors.AsType[*core.Error](data.SQLProblem(err))
	notice := page.PageNoticeConfig{Kind: "error", Title: "The query failed.", Text: "The server could not run it."}
	if coded != nil {
		notice.Hint = coded.Hint
		if coded.Message != "" {
			notice.Text = coded.Message
		}
	}
	w.Add(page.PageNotice(notice))
	if at, length := place(q.sql, notice.Text); at >= 0 {
		w.Open("pre", "tabindex", "0", "role", "region", "aria-label", "The place in the SQL")
		w.Text(q.sql[:at])
		w.Element("mark", q.sql[at:at+length])
		w.Text(q.sql[at+length:])
		w.Close("pre")
	}
}

// place finds what an error of SQLite names; -1: it is not there, or in more
// than one place.
func place(query, message string) (at, length int) {
	name := ""
	if _, rest, ok := strings.Cut(message, `near "`); ok {
		name, _, _ = strings.Cut(rest, `"`)
	} else if _, rest, ok := strings.Cut(message, "no such "); ok {
		_, name, _ = strings.Cut(rest, ": ")
		name, _, _ = strings.Cut(name, " (")
	}
	if name == "" || strings.Count(query, name) != 1 {
		return -1, 0
	}
	return strings.Index(query, name), len(name)
}

// result is what a query returned.
type result struct {
	columns []string
	rows    [][]any
	cut     bool // there are more rows
	took    time.Duration
	plan    []sqlite.SQLiteQueryPlanStep
	err     error
}

// run asks for the rows and for the plan.
func (q question) run(ctx context.Context, v *data.View) *result {
	found := &result{}
	cfg := sqlite.SQLiteQueryRowsConfig{Query: q.sql, Named: map[string]any{}, ReadOnly: true}
	for _, name := range q.names {
		cfg.Named[name] = q.values.Get("p_" + name)
	}
	began := time.Now()
	found.err = v.Guest(ctx, func(ctx context.Context, db *sql.DB) error {
		err := sqlite.SQLiteQueryRows(ctx, db, cfg, found.read)
		found.took = time.Since(began)
		if err != nil {
			return err
		}
		// An EXPLAIN has no plan of its own: the page is complete without.
		found.plan, _ = sqlite.SQLiteQueryPlan(ctx, db, cfg)
		return nil
	})
	return found
}

func (f *result) read(rows *sql.Rows) error {
	var err error
	if f.columns, err = rows.Columns(); err != nil {
		return err
	}
	size := 0
	for rows.Next() {
		if len(f.rows) == resultRows || size > resultBytes {
			f.cut = true
			return nil
		}
		values := make([]any, len(f.columns))
		targets := make([]any, len(values))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for _, value := range values {
			switch value := value.(type) {
			case string:
				size += len(value)
			case []byte:
				size += len(value)
			}
		}
		f.rows = append(f.rows, values)
	}
	return rows.Err()
}

func (f *result) status() int {
	if f.err == nil {
		return http.StatusOK
	}
	return core.ErrorHTTPStatus(f.err)
}

func (f *result) table() page.PageTableConfig {
	table := page.PageTableConfig{ID: "rows", Name: "Result", Empty: page.PageNoticeConfig{Kind: "empty", Text: "No rows."}}
	for i, name := range f.columns {
		table.Columns = append(table.Columns, page.PageTableColumn{Name: name, Number: f.numbers(i)})
	}
	for _, row := range f.rows {
		cells := make([]any, len(row))
		for i, value := range row {
			cells[i] = cell(value)
		}
		table.Rows = append(table.Rows, cells)
	}
	return table
}

// numbers reports whether a column has numbers alone, beside NULL.
func (f *result) numbers(column int) bool {
	any := false
	for _, row := range f.rows {
		switch row[column].(type) {
		case nil:
		case int64, float64:
			any = true
		default:
			return false
		}
	}
	return any
}

// cell is a value as a page shows it.
func cell(value any) any {
	switch value := value.(type) {
	case nil:
		return page.PageHTML(func(w *page.PageWriter) { w.Element("span", "NULL", "class", "quiet") })
	case []byte:
		return page.PageHTML(func(w *page.PageWriter) {
			w.Element("span", fmt.Sprintf("blob, %d bytes", len(value)), "class", "quiet")
		})
	}
	return cut(text(value))
}

// text is a value in full.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return "NULL"
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case time.Time:
		return value.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(value)
}

func cut(text string) string {
	if len(text) <= cellRunes {
		return text
	}
	if runes := []rune(text); len(runes) > cellRunes {
		return string(runes[:cellRunes]) + "…"
	}
	return text
}

// writePlan shows how SQLite ran it, with warnings.
func (f *result) writePlan(w *page.PageWriter) {
	if len(f.plan) == 0 {
		return
	}
	w.Open("details", "class", "plan")
	w.Element("summary", "Plan")
	writeSteps(w, f.plan)
	w.Close("details")
}

// writeSteps writes the steps of a plan as a tree.
func writeSteps(w *page.PageWriter, steps []sqlite.SQLiteQueryPlanStep) {
	w.Open("ul")
	for len(steps) > 0 {
		first, inner := steps[0], 1
		for inner < len(steps) && steps[inner].Depth > first.Depth {
			inner++
		}
		w.Open("li")
		w.Text(first.Detail)
		if first.Warning != "" {
			w.Element("strong", " (slow: "+first.Warning+")")
		}
		if inner > 1 {
			writeSteps(w, steps[1:inner])
		}
		w.Close("li")
		steps = steps[inner:]
	}
	w.Close("ul")
}
