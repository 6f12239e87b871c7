package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

// How many rows a page has, and may have by the parameter limit.
const (
	pageRows    = 50
	pageRowsMax = 1000
)

// The parameters of the form that adds a filter. The page redirects to the one
// that has the filter as the API takes it.
const (
	addColumn   = "~column"
	addOperator = "~operator"
	addValue    = "~value"
)

// rowsPage is the page of a table's rows.
type rowsPage struct {
	v       *data.View
	t       sqlite.SQLiteSchemaTable
	query   url.Values // the request's, without the place of the page
	request data.RowsRequest
	facets  []string
	labels  map[string]map[string]string // see data.View.Labels
}

func rows(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable) error {
	query := r.URL.Query()
	if query.Has(addColumn) {
		http.Redirect(w, r, withFilter(v, t, query), http.StatusSeeOther)
		return nil
	}
	rp, err := newRowsPage(v, t, query)
	if err != nil {
		rp.fail(w, r, err)
		return nil
	}
	return rp.write(w, r)
}

// withFilter is the URL of the page with one filter more.
func withFilter(v *data.View, t sqlite.SQLiteSchemaTable, query url.Values) string {
	f := rowquery.RowFilter{
		Column:   rowquery.RowColumn{Name: query.Get(addColumn)},
		Operator: rowquery.RowOperator(query.Get(addOperator)), Value: query.Get(addValue),
	}
	switch f.Operator {
	case "null", "not_null":
		f.Operator, f.Value = rowquery.RowIs, query.Get(addOperator)
	case "contains":
		f.Operator, f.Value = rowquery.RowILike, "*"+strings.NewReplacer(`\`, `\\`, "*", `\*`, "%", `\%`, "_", `\_`).Replace(f.Value)+"*"
	}
	for _, name := range []string{addColumn, addOperator, addValue, "cursor", "offset"} {
		query.Del(name)
	}
	name, value := f.Param()
	query.Add(name, value)
	return tableURL(v.Name(), t.Name) + "?" + query.Encode()
}

// ownParameters are those that choose neither rows nor columns. count and
// format are of the API: the page of a URL of the API has the same rows.
var ownParameters = []string{"facet", "limit", "count", "format"}

// newRowsPage reads the parameters. The page is right with an error, too.
func newRowsPage(v *data.View, t sqlite.SQLiteSchemaTable, query url.Values) (*rowsPage, error) {
	rp := &rowsPage{v: v, t: t, query: query}
	cursor, offset := query.Get("cursor"), query.Get("offset")
	query.Del("cursor")
	query.Del("offset")
	rest := url.Values{}
	for name, values := range query {
		if !slices.Contains(ownParameters, name) {
			rest[name] = values
		}
	}
	rp.facets = query["facet"]
	request, err := data.ParseRows(rest)
	if err != nil {
		return rp, err
	}
	rp.request = request
	request.Cursor, request.Limit, request.Clip = cursor, pageRows, cellBytes*4
	if limit := query.Get("limit"); limit != "" {
		if request.Limit, err = strconv.Atoi(limit); err != nil || request.Limit < 1 || request.Limit > pageRowsMax {
			return rp, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("limit is no number of rows from 1 to %d", pageRowsMax)}
		}
	}
	if offset != "" {
		if request.Offset, err = strconv.Atoi(offset); err != nil || request.Offset < 0 {
			return rp, &core.Error{Code: core.CodeInvalid, Message: "offset is no number of rows"}
		}
	}
	rp.request = request
	return rp, nil
}

// address is the page's URL with other parameters, at its first row.
func (rp *rowsPage) address(change func(url.Values)) string {
	query := url.Values{}
	for name, values := range rp.query {
		query[name] = slices.Clone(values)
	}
	change(query)
	address := tableURL(rp.v.Name(), rp.t.Name)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

func (rp *rowsPage) write(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	found, err := rp.v.Page(ctx, rp.t.Name, rp.request)
	if err != nil {
		rp.fail(w, r, err)
		return nil
	}
	count, err := rp.v.Count(ctx, rp.t.Name, rp.request, countTimeOne, false)
	if err != nil {
		return err
	}
	rp.labels = rp.v.Labels(ctx, rp.t, found.Columns, found.Rows)
	var add page.PageComponent
	if canEdit(rp.v, rp.t) {
		add = quietLinks(page.PageLink{Text: "new row", URL: tableURL(rp.v.Name(), rp.t.Name) + "/new"})
	}
	parts := []page.PageComponent{
		page.PageHTML(func(w *page.PageWriter) {
			w.Element("p", countText(count)+", "+kindText(rp.t), "class", "lead")
		}), add,
		rp.tags(), rp.searchForm(ctx), rp.filterForm(), rp.table(found), rp.pages(found), rp.facetList(ctx), rp.copies(r, found),
	}
	show(w, r, http.StatusOK, rp.v, visible(rp.t.Name), parts...)
	return nil
}

// fail shows why there are no rows, and the parameters to take off.
func (rp *rowsPage) fail(w http.ResponseWriter, r *http.Request, err error) {
	all := page.PageLink{Text: "all rows of " + visible(rp.t.Name), URL: tableURL(rp.v.Name(), rp.t.Name)}
	fail(w, r, rp.v, err, rp.tags(), rp.filterForm(), quietLinks(all))
}

// tags are the parameters that choose rows, each of which can be taken off:
// also one that is refused, with what was typed.
func (rp *rowsPage) tags() page.PageComponent {
	var links []page.PageLink
	for _, name := range slices.Sorted(maps.Keys(rp.query)) {
		if name == "order" || name == "select" || slices.Contains(ownParameters, name) {
			continue
		}
		for i, value := range rp.query[name] {
			links = append(links, page.PageLink{
				Text: cut(visible(name+" "+value)) + " ✕", Hint: "Take this filter off",
				URL: rp.address(func(query url.Values) { query[name] = slices.Delete(query[name], i, i+1) }),
			})
		}
	}
	if links == nil {
		return nil
	}
	return page.PageTags("Filters", links)
}

// hidden are the page's parameters as fields of a form.
func (rp *rowsPage) hidden(but string) []page.PageFormField {
	var fields []page.PageFormField
	for _, name := range slices.Sorted(maps.Keys(rp.query)) {
		for _, value := range rp.query[name] {
			if name != but {
				fields = append(fields, page.PageFormField{Name: name, Type: "hidden", Value: value})
			}
		}
	}
	return fields
}

func (rp *rowsPage) searchForm(ctx context.Context) page.PageComponent {
	index, ok, err := rp.v.SearchTable(ctx, rp.t)
	if err != nil || !ok {
		return nil
	}
	return page.PageForm(page.PageFormConfig{
		ID: "search", Action: tableURL(rp.v.Name(), rp.t.Name), Compact: true, Submit: "Search",
		Fields: append([]page.PageFormField{
			{Name: "search", Label: "Search by " + index.Name, Type: "search", Value: rp.request.Search, Example: "Search"},
		}, rp.hidden("search")...),
	})
}

func (rp *rowsPage) filterForm() page.PageComponent {
	columns := make([]page.PageFormOption, len(rp.t.Columns))
	for i, c := range rp.t.Columns {
		columns[i] = page.PageFormOption{Value: c.Name, Label: visible(c.Name)}
	}
	return page.PageForm(page.PageFormConfig{
		ID: "filter", Action: tableURL(rp.v.Name(), rp.t.Name), Compact: true, Submit: "Add filter",
		Fields: append([]page.PageFormField{
			{Name: addColumn, Label: "Column", Type: "select", Options: columns},
			{Name: addOperator, Label: "Operator", Type: "select", Options: []page.PageFormOption{
				{Value: "eq", Label: "="}, {Value: "neq", Label: "≠"}, {Value: "gt", Label: ">"}, {Value: "gte", Label: "≥"}, {Value: "lt", Label: "<"},
				{Value: "lte", Label: "≤"}, {Value: "contains", Label: "contains"}, {Value: "null", Label: "is NULL"}, {Value: "not_null", Label: "is not NULL"},
			}},
			{Name: addValue, Label: "Value", Example: "Value"},
		}, rp.hidden("")...),
	})
}

// table is the rows. A heading sorts by its column: up, then down, then not.
func (rp *rowsPage) table(found *data.Page) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		if len(found.Rows) == 0 {
			w.Add(page.PageNotice(page.PageNoticeConfig{Kind: "empty", Title: "No rows"}))
			return
		}
		w.Open("div", "class", "table", "tabindex", "0", "role", "region", "aria-label", "rows")
		w.Open("table")
		w.Open("thead")
		w.Open("tr")
		if found.Rows[0].Key != "" {
			w.Open("th", "scope", "col")
			w.Element("span", "row", "class", "hidden")
			w.Close("th")
		}
		for i, c := range found.Columns {
			class := ""
			if isNumber(found.Rows[0].Values[i]) {
				class = "number"
			}
			address, sorted := rp.sortAddress(c)
			w.Open("th", "scope", "col", "class", class, "aria-sort", sorted)
			if address == "" {
				w.Text(visible(c.Name))
			} else {
				w.Element("a", visible(c.Name), "href", address, "title", c.Type)
			}
			w.Close("th")
		}
		w.Close("tr", "thead")
		w.Open("tbody")
		for _, row := range found.Rows {
			rp.tableRow(w, found.Columns, row, len(found.Rows)*len(found.Columns) <= onlyCells)
		}
		w.Close("tbody", "table", "div")
	})
}

func (rp *rowsPage) sortAddress(c data.Column) (address, sorted string) {
	if c.Source == "" {
		return "", ""
	}
	now := rowquery.RowOrder{}
	if len(rp.request.Order) == 1 && rp.request.Order[0].Column.Name == c.Source {
		now = rp.request.Order[0]
	}
	next := rowquery.RowOrder{Column: rowquery.RowColumn{Name: c.Source}}
	switch {
	case now.Column.Name == "":
	case !now.Desc:
		next.Desc, sorted = true, "ascending"
	default:
		sorted = "descending"
	}
	return rp.address(func(query url.Values) {
		query.Del("order")
		if sorted != "descending" {
			query.Set("order", next.String())
		}
	}), sorted
}

// tableRow writes a row; only: with a link in each cell that filters by its
// value. Tab passes those over, since the form above does the same.
func (rp *rowsPage) tableRow(w *page.PageWriter, columns []data.Column, row data.Row, only bool) {
	w.Open("tr")
	at := tableURL(rp.v.Name(), rp.t.Name) + "/rows/" + row.Key
	if row.Key != "" {
		w.Open("td")
		w.Element("a", "open", "href", at, "aria-label", "open row "+row.Key)
		w.Close("td")
	}
	for i, value := range row.Values {
		class := ""
		if isNumber(value) {
			class = "number"
		}
		w.Open("td", "class", class)
		href := ""
		if row.Key != "" && columns[i].Source != "" {
			href = at
			if _, isBlob := value.([]byte); isBlob {
				href = apiURL(rp.v.Name(), rp.t.Name) + "/" + row.Key + "/columns/" + url.PathEscape(columns[i].Source)
			}
		}
		address, label := rp.reference(columns, row, i)
		text := shown(value, href)
		addValueTo(w, text, address)
		if label != "" {
			w.Text(" ")
			w.Element("span", cut(visible(label)), "class", "quiet")
		}
		if address := rp.only(columns[i], value); only && address != "" {
			w.Element("a", "=", "href", address, "class", "only", "tabindex", "-1", "aria-label", "only "+cut(visible(columns[i].Name+" "+data.FilterText(value))))
		}
		w.Close("td")
	}
	w.Close("tr")
}

// addValueTo writes a value, as a link if it points somewhere.
func addValueTo(w *page.PageWriter, value any, link string) {
	switch v := value.(type) {
	case page.PageComponent:
		w.Add(v)
	case page.PageLink:
		if v.URL == "" {
			w.Text(v.Text)
			return
		}
		w.Element("a", v.Text, "href", v.URL)
	case string:
		if link == "" {
			w.Text(v)
			return
		}
		w.Element("a", v, "href", link)
	}
}

// reference is where a value leads that is in a foreign key, and what is there:
// by the key of its column alone, or else by that of several columns. Empty:
// nowhere.
func (rp *rowsPage) reference(columns []data.Column, row data.Row, i int) (address, label string) {
	for _, k := range rp.t.ForeignKeys {
		if !slices.ContainsFunc(k.Columns, func(name string) bool { return strings.EqualFold(name, columns[i].Source) }) {
			continue
		}
		filters := data.PointsTo(k, columns, row)
		switch {
		case filters == nil:
		case len(k.Columns) == 1:
			return filtered(rp.v.Name(), k.ToTable, filters), rp.labels[k.Columns[0]][data.FilterText(row.Values[i])]
		case address == "":
			address = filtered(rp.v.Name(), k.ToTable, filters)
		}
	}
	return address, ""
}

// Bounds of the links that filter by the value of a cell.
const (
	onlyCells = 5000 // of a page
	onlyBytes = 100  // of a value
)

// only is the page of the rows with the same value in a column; empty: there is
// no link for it.
func (rp *rowsPage) only(c data.Column, value any) string {
	f := rowquery.RowFilter{Column: rowquery.RowColumn{Name: c.Source}, Operator: rowquery.RowEqual, Value: data.FilterText(value)}
	switch value.(type) {
	case nil:
		f.Operator, f.Value = rowquery.RowIs, "null"
	case []byte, data.Clipped:
		return ""
	}
	name, text := f.Param()
	if c.Source == "" || len(f.Value) > onlyBytes || !utf8.ValidString(f.Value) || slices.Contains(rp.query[name], text) {
		return ""
	}
	return rp.address(func(query url.Values) { query.Add(name, text) })
}

func (rp *rowsPage) pages(found *data.Page) page.PageComponent {
	at := func(name, value string) string { return rp.address(func(query url.Values) { query.Set(name, value) }) }
	next, prev := "", ""
	if found.Next != "" {
		next = at("cursor", found.Next)
	} else if found.NextOffset > 0 {
		next = at("offset", strconv.Itoa(found.NextOffset))
	}
	if found.Prev != "" {
		prev = at("cursor", found.Prev)
	} else if rp.request.Offset > 0 {
		prev = at("offset", strconv.Itoa(max(0, rp.request.Offset-rp.request.Limit)))
	}
	if next == "" && prev == "" {
		return nil
	}
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("nav", "class", "pages", "aria-label", "Pages of rows")
		if prev != "" {
			w.Element("a", "Previous", "rel", "prev", "href", prev)
		}
		if next != "" {
			w.Element("a", "Next", "rel", "next", "href", next)
		}
		w.Close("nav")
	})
}

// facetValues is how many values of a facet are listed.
const facetValues = 15

// facetList offers a facet of each column, and lists the values of those that
// are chosen, each of which is a filter.
func (rp *rowsPage) facetList(ctx context.Context) page.PageComponent {
	var offers []page.PageLink
	for _, c := range rp.t.Columns {
		on := slices.Contains(rp.facets, c.Name)
		offers = append(offers, page.PageLink{Text: visible(c.Name), Current: on, URL: rp.address(func(query url.Values) {
			query["facet"] = slices.DeleteFunc(query["facet"], func(name string) bool { return name == c.Name })
			if !on {
				query.Add("facet", c.Name)
			}
		}) + "#facets"}) // which are below the rows
	}
	return page.PageHTML(func(w *page.PageWriter) {
		w.Element("h2", "Facets", "id", "facets")
		w.Add(page.PageTags("Columns whose values are counted", offers))
		for _, name := range rp.facets {
			rp.facet(ctx, w, name)
		}
	})
}

func (rp *rowsPage) facet(ctx context.Context, w *page.PageWriter, name string) {
	column := rowquery.RowColumn{Name: name}
	found, err := rp.v.Facet(ctx, rp.t.Name, column, rp.request, facetValues)
	w.Element("h3", visible(name))
	switch {
	case err != nil:
		w.Add(problem(err))
		return
	case found.TooSlow:
		w.Element("p", "Counting them takes too long: add a filter.", "class", "quiet")
		return
	}
	var links []page.PageLink
	for _, value := range found.Values {
		if long, ok := value.Value.(data.Clipped); ok { // too long for a filter
			links = append(links, page.PageLink{Text: fmt.Sprintf("%s, %s (%d)", long.Kind, plural(long.Bytes, "byte"), value.Rows)})
			continue
		}
		f := rowquery.RowFilter{Column: column, Operator: rowquery.RowEqual, Value: data.FilterText(value.Value)}
		text := visible(f.Value)
		switch value.Value {
		case nil:
			f.Operator, f.Value, text = rowquery.RowIs, "null", "NULL"
		case "":
			text = "empty text"
		}
		text = cut(text)
		parameter, filter := f.Param()
		links = append(links, page.PageLink{Text: text + " (" + strconv.FormatInt(value.Rows, 10) + ")", URL: rp.address(func(query url.Values) {
			query.Add(parameter, filter)
		})})
	}
	w.Add(page.PageTags("Values of "+visible(name), links))
	if found.More {
		w.Element("p", "There are more values.", "class", "quiet")
	}
}

// copies are the same rows in other forms.
func (rp *rowsPage) copies(r *http.Request, found *data.Page) page.PageComponent {
	query := url.Values{}
	for name, values := range rp.query {
		if name != "facet" && name != "format" {
			query[name] = values
		}
	}
	at := func(format string) string {
		with := url.Values{"format": {format}}
		for name, values := range query {
			with[name] = values
		}
		return apiURL(rp.v.Name(), rp.t.Name) + "?" + with.Encode()
	}
	sql, err := rp.v.RowsSQL(r.Context(), rp.t.Name, rp.request)
	parts := []page.PageComponent{quietLinks(
		page.PageLink{Text: "CSV", URL: at("csv")}, page.PageLink{Text: "NDJSON", URL: at("ndjson")}, page.PageLink{Text: "JSON", URL: at("json")},
	), rp.copyPage(at("csv"), found)}
	if err == nil {
		parts = append(parts, page.PageCode(page.PageCodeConfig{Text: sql, Language: "sql", Name: "SQL"}),
			quietLinks(page.PageLink{Text: "run it in the console", URL: databaseURL(rp.v.Name()) + "sql?" + url.Values{"sql": {sql}}.Encode()}))
	}
	parts = append(parts, curl(r, at("json")))
	return behind("Copy as CSV, NDJSON, JSON, SQL, curl", parts...)
}

// copyPage offers the rows of this page as CSV, given the address of all rows.
func (rp *rowsPage) copyPage(all string, found *data.Page) page.PageComponent {
	if len(found.Rows) == 0 {
		return nil
	}
	place := url.Values{"limit": {strconv.Itoa(len(found.Rows))}}
	switch {
	case found.Here != "":
		place.Set("cursor", found.Here)
	case rp.request.Offset > 0:
		place.Set("offset", strconv.Itoa(rp.request.Offset))
	}
	address, err := url.Parse(all)
	if err != nil {
		return problem(err)
	}
	query := address.Query()
	maps.Copy(query, place)
	address.RawQuery = query.Encode()
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("p", "class", "quiet")
		w.Element("a", "CSV of this page", "href", address.String())
		w.Text(" ")
		w.Element("button", "Copy CSV of this page", "class", "copy", "type", "button", "data-from", address.String())
		w.Close("p")
	})
}

// curl is a command that reads a path of this server as the browser did.
func curl(r *http.Request, path string) page.PageComponent {
	scheme, token := "http://", ""
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https://"
	}
	if _, known := fnhttp.HTTPBearerName(r.Context()); known {
		token = `-H "Authorization: Bearer $TOKEN" `
	}
	return page.PageCode(page.PageCodeConfig{Text: "curl " + token + shellQuote(scheme+r.Host+path), Language: "sh", Name: "curl"})
}

// cut shortens the text of a tag.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}

func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
