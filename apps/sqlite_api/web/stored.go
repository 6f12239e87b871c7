package web

import (
	"net/http"
	"net/url"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/page"
)

// queries lists the stored queries of a database.
func queries(w http.ResponseWriter, r *http.Request, v *data.View) error {
	table := page.PageTableConfig{
		ID: "queries", Name: "stored queries", Path: r.URL.Path, Columns: []page.PageTableColumn{{Name: "query"}, {Name: "what it is for"}},
		Empty: page.PageNoticeConfig{Title: "There are no stored queries", Text: "They are in the file of --queries."},
	}
	for _, q := range v.Queries(r.Context()) {
		table.Rows = append(table.Rows, []any{page.PageLink{Text: title(q), URL: storedURL(v, q)}, q.Doc})
	}
	show(w, r, http.StatusOK, v, "Queries", page.PageTable(table))
	return nil
}

func title(q data.StoredQuery) string {
	if q.Title != "" {
		return q.Title
	}
	return q.Name
}

func storedURL(v *data.View, q data.StoredQuery) string {
	return databaseURL(v.Name()) + "queries/" + url.PathEscape(q.Name)
}

// query is the form of a stored query, and its rows once all has a value.
func query(w http.ResponseWriter, r *http.Request, v *data.View) error {
	q, err := v.Query(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	query := r.URL.Query()
	values := map[string]string{}
	for name, given := range query {
		if name, ok := strings.CutPrefix(name, "p_"); ok {
			values[name] = given[0]
		}
	}
	head := page.PageHTML(func(w *page.PageWriter) { w.Element("p", q.Doc, "class", "lead") })
	sql := behind("SQL", page.PageCode(page.PageCodeConfig{Text: q.SQL, Language: "sql", Name: "SQL"}))
	form, complete := storedForm(v, q, values)
	if !complete {
		show(w, r, http.StatusOK, v, title(q), head, form, sql)
		return nil
	}
	cfg, err := q.Rows(values)
	if err != nil {
		show(w, r, core.ErrorHTTPStatus(err), v, title(q), head, form, problem(err), sql)
		return nil
	}
	found, err := runConfig(r.Context(), v, cfg)
	if err != nil {
		show(w, r, core.ErrorHTTPStatus(err), v, title(q), head, form, problem(err), sql)
		return nil
	}
	show(w, r, http.StatusOK, v, title(q), head, form, summary(found), chart(found, query, "query"), resultTable(found), plan(found),
		exports("/api/v1"+storedURL(v, q), query), sql)
	return nil
}

// storedForm is the form, and whether each parameter has a value or a default.
func storedForm(v *data.View, q data.StoredQuery, values map[string]string) (form page.PageComponent, complete bool) {
	complete = true
	var fields []page.PageFormField
	for _, p := range q.Parameters {
		value, given := values[p.Name]
		if !given {
			value = p.Default
			complete = complete && !p.Required
		}
		fields = append(fields, page.PageFormField{Name: "p_" + p.Name, Label: p.Name, Hint: p.Doc, Value: value, Required: p.Required})
	}
	return page.PageForm(page.PageFormConfig{ID: "query", Action: storedURL(v, q), Submit: "Run", Fields: fields}), complete
}
