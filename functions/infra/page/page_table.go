package page

import (
	"net/url"
	"strconv"
	"strings"
)

// PageTableConfig is a table and the state of its page. What the reader asks
// for is in the address, in these parameters: q for the filter's text,
// sort for a column's Key, with - before it for descending, after and before
// for the cursor of a page, and each facet's Name.
type PageTableConfig struct {
	ID      string // names the table within the page; empty: table
	Name    string // what the rows are, for all readers
	Columns []PageTableColumn
	Rows    [][]any          // a cell has one of the types of a PageFact's Value
	Facets  []PageFacet      // choices that filter the rows
	Filter  bool             // offer a field for the text q
	Path    string           // of the table's page
	Query   url.Values       // of the request
	Next    string           // cursor of the page after this one; empty: this is the last
	Before  string           // cursor of the page before this one; empty: this is the first
	Empty   PageNoticeConfig // in place of rows; zero: "Nothing here"
}

// PageTableColumn is a column of a table.
type PageTableColumn struct {
	Name   string
	Key    string // for the parameter sort; empty: not sortable
	Number bool   // aligned to the right
}

// PageFacet is a parameter with its values and how many rows each has.
type PageFacet struct {
	Name   string
	Values []PageFacetValue
}

// PageFacetValue is one choice of a facet.
type PageFacetValue struct {
	Value string
	Count int
}

// PageTable is a table whose rows the server chooses: it renders the sort
// links, the filter, the facets and the links to the pages around, and what
// they ask for comes back as parameters of the address. Arrow keys walk
// through the rows, Enter opens a row's first link.
//
// A request with the header X-Fragment: ID-rows asks for [PageTableRows] of
// the same table alone; the filter's field does so while the user types.
//
// More in page_table.md:
//   - It does not sort or filter: it renders links that the server must handle.
//     sort is a column's Key, with a leading - for descending.
//   - after and before hold a cursor that the server defines, ideally the sort
//     value and key of the page's last row.
func PageTable(cfg PageTableConfig) PageComponent {
	cfg = cfg.filled()
	return PageHTML(func(w *PageWriter) {
		w.Open("div")
		if cfg.Filter {
			w.form(cfg.filterForm())
		}
		w.Open("div", "id", cfg.ID+"-rows")
		w.rows(cfg)
		w.Close("div", "div")
	})
}

func (w *PageWriter) rows(c PageTableConfig) {
	for _, f := range c.Facets {
		w.Open("div", "class", "tags", "role", "group", "aria-label", f.Name)
		for _, v := range f.Values {
			w.tag(PageLink{
				Text: v.Value + " (" + strconv.Itoa(v.Count) + ")", URL: c.facetAddress(f, v.Value), Current: c.Query.Get(f.Name) == v.Value,
			})
		}
		w.Close("div")
	}
	if len(c.Rows) == 0 {
		w.notice(c.Empty)
	} else {
		w.table(c)
	}
	if c.Next == "" && c.Before == "" {
		return
	}
	w.Open("nav", "class", "pages", "aria-label", "Pages of "+c.Name)
	if c.Before != "" {
		w.Element("a", "Previous", "rel", "prev", "href", c.address("before", c.Before))
	}
	if c.Next != "" {
		w.Element("a", "Next", "rel", "next", "href", c.address("after", c.Next))
	}
	w.Close("nav")
}

func (w *PageWriter) table(c PageTableConfig) {
	w.Open("div", "class", "table", "tabindex", "0", "role", "region", "aria-label", c.Name)
	w.Open("table")
	w.Element("caption", c.Name)
	w.Open("thead")
	w.Open("tr")
	for _, column := range c.Columns {
		w.Open("th", "scope", "col", "class", on(column.Number, "number"), "aria-sort", c.ariaSort(column.Key))
		w.link(PageLink{Text: column.Name, URL: on(column.Key != "", c.sortAddress(column.Key))})
		w.Close("th")
	}
	w.Close("tr")
	w.Close("thead")
	w.Open("tbody")
	focus := "0" // Tab moves to the first row, arrow keys to the others
	for _, row := range c.Rows {
		w.Open("tr", "tabindex", focus)
		focus = "-1"
		for j, cell := range row {
			w.Open("td", "class", on(c.isNumber(j), "number"))
			w.value(cell)
			w.Close("td")
		}
		w.Close("tr")
	}
	w.Close("tbody")
	w.Close("table")
	w.Close("div")
}

func (c PageTableConfig) filled() PageTableConfig {
	if c.ID == "" {
		c.ID = "table"
	}
	if c.Empty.Title == "" && c.Empty.Text == "" {
		c.Empty.Title = "Nothing here"
	}
	c.Empty.Kind = "empty"
	return c
}

// address returns the page's URL with one parameter changed, starting at the
// first row.
func (c PageTableConfig) address(name, value string) string {
	query := url.Values{}
	for k, v := range c.Query {
		if k != "after" && k != "before" {
			query[k] = v
		}
	}
	query.Del(name)
	if value != "" {
		query.Set(name, value)
	}
	if len(query) == 0 {
		return c.Path
	}
	return c.Path + "?" + query.Encode()
}

// sortAddress reverses the order if the table is already sorted by this column.
func (c PageTableConfig) sortAddress(key string) string {
	if c.Query.Get("sort") == key {
		key = "-" + key
	}
	return c.address("sort", key)
}

func (c PageTableConfig) ariaSort(key string) string {
	switch sort, down := strings.CutPrefix(c.Query.Get("sort"), "-"); {
	case key == "" || sort != key:
		return ""
	case down:
		return "descending"
	}
	return "ascending"
}

func (c PageTableConfig) facetAddress(f PageFacet, value string) string {
	if c.Query.Get(f.Name) == value {
		value = "" // choosing it again clears it
	}
	return c.address(f.Name, value)
}

// filterForm keeps the other parameters of the request.
func (c PageTableConfig) filterForm() PageFormConfig {
	form := PageFormConfig{ID: c.ID + "-filter", Action: c.Path, Compact: true, Results: c.ID + "-rows", Submit: "Filter", Fields: []PageFormField{
		{Name: "q", Label: "Filter " + c.Name, Type: "search", Value: c.Query.Get("q"), Example: "Filter"},
	}}
	if sort := c.Query.Get("sort"); sort != "" {
		form.Fields = append(form.Fields, PageFormField{Name: "sort", Type: "hidden", Value: sort})
	}
	for _, f := range c.Facets {
		if value := c.Query.Get(f.Name); value != "" {
			form.Fields = append(form.Fields, PageFormField{Name: f.Name, Type: "hidden", Value: value})
		}
	}
	return form
}

func (c PageTableConfig) isNumber(column int) bool {
	return column < len(c.Columns) && c.Columns[column].Number
}
