package data

import (
	"context"
	"database/sql"
	"slices"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
)

// RowsRequest says which rows of a table are read.
type RowsRequest struct {
	Select  []rowquery.RowSelect // nil: all columns
	Filters []rowquery.RowFilter
	Order   []rowquery.RowOrder
	Search  string // words for the table's full-text index; empty: none
	Cursor  string // of an earlier page; empty: the first page
	Offset  int    // for tables without a key, whose pages have no cursor
	Limit   int    // rows of a page; required for a page
}

// Page is some rows of a table.
type Page struct {
	Columns []Column
	Rows    []Row
	Next    string // the cursor of the page behind it; empty: there is none, or NextOffset says where it is
	Prev    string // the cursor of the page in front of it; empty: there is none that is known
	// NextOffset is where the next page of a table without a key starts; 0:
	// there is none.
	NextOffset int
}

// Column is a column of rows.
type Column struct {
	Name string // unique among the columns only if the request made it so
	Type string // as declared; empty: none
}

// Row is a row: nil, int64, float64, string or []byte for each column.
type Row struct {
	Key    string // the row's segment in URLs, as row_key writes it; empty: it has none
	Values []any
}

// Page reads a page of rows.
//
// Errors: CodeNotFound for the table; CodeInvalid for the request; what
// sqlite_error gives.
func (v *View) Page(ctx context.Context, table string, r RowsRequest) (*Page, error) {
	t, err := v.Table(ctx, table)
	if err != nil {
		return nil, err
	}
	q, err := v.rowsQuery(ctx, t, r, r.Limit+1)
	if err != nil {
		return nil, err
	}
	page := &Page{Columns: q.columns}
	var places [][]any // of the rows, for cursors
	err = v.each(ctx, q, func(row Row, place []any) error {
		page.Rows, places = append(page.Rows, row), append(places, place)
		return nil
	})
	if err != nil {
		return nil, err
	}
	more := len(page.Rows) > r.Limit
	if more {
		page.Rows, places = page.Rows[:r.Limit], places[:r.Limit]
	}
	if q.Reverse {
		slices.Reverse(page.Rows)
		slices.Reverse(places)
	}
	if q.Extra == 0 {
		if more {
			page.NextOffset = r.Offset + r.Limit
		}
		return page, nil
	}
	if n := len(page.Rows); n > 0 {
		if more || q.Reverse {
			page.Next = rowquery.RowCursor{Of: q.Of, Values: places[n-1]}.String()
		}
		if q.Reverse && more || !q.Reverse && r.Cursor != "" {
			page.Prev = rowquery.RowCursor{Of: q.Of, Before: true, Values: places[0]}.String()
		}
	}
	return page, nil
}

// Each reads rows as they come, for exports: Limit 0 is all of them. start is
// called once before the first row. An error of start or row ends it and is
// returned.
func (v *View) Each(ctx context.Context, table string, r RowsRequest, start func([]Column) error, row func(Row) error) error {
	t, err := v.Table(ctx, table)
	if err != nil {
		return err
	}
	q, err := v.rowsQuery(ctx, t, r, r.Limit)
	if err != nil {
		return err
	}
	if err := start(q.columns); err != nil {
		return err
	}
	return v.each(ctx, q, func(r Row, _ []any) error { return row(r) })
}

func (v *View) each(ctx context.Context, q *rowsQuery, row func(row Row, place []any) error) error {
	db, err := v.reader(ctx)
	if err != nil {
		return err
	}
	return v.hideNames(q.each(ctx, db, row))
}

// rowsQuery is a query for rows of a table, with further columns for keys and
// cursors.
type rowsQuery struct {
	sqlite.SQLiteRowsQueryResult
	columns []Column // those that were asked for
	keys    []int    // where a row's key is; nil: it has none
	texts   []bool   // which of the key's columns hold texts alone
}

func (v *View) rowsQuery(ctx context.Context, t sqlite.SQLiteSchemaTable, r RowsRequest, limit int) (*rowsQuery, error) {
	cfg := sqlite.SQLiteRowsQueryConfig{
		Table: t, Select: r.Select, Filters: r.Filters, Order: r.Order, Limit: limit, Offset: r.Offset, Allow: v.allow(t.Name),
	}
	if cfg.Select == nil {
		cfg.Select = []rowquery.RowSelect{{All: true}}
	}
	search, err := v.search(ctx, t, r.Search)
	if err != nil {
		return nil, err
	}
	cfg.Search = search
	asked, err := sqlite.SQLiteRowsQuery(cfg)
	if err != nil {
		return nil, err
	}
	q := &rowsQuery{}
	for i, name := range asked.Columns {
		q.columns = append(q.columns, Column{Name: name, Type: asked.Types[i]})
	}
	key := t.Key
	if !all(key, cfg.Allow) {
		key = nil
	}
	for i, name := range key {
		cfg.Select = append(slices.Clip(cfg.Select), rowquery.RowSelect{Column: rowquery.RowColumn{Name: name}})
		q.keys = append(q.keys, len(q.columns)+i)
		q.texts = append(q.texts, HoldsTexts(t, name))
	}
	if r.Cursor != "" {
		if asked.Extra == 0 {
			return nil, &core.Error{Code: core.CodeInvalid, Message: "the table has no key, so its pages have no cursor", Hint: "use offset"}
		}
		cursor, err := rowquery.RowCursorParse(r.Cursor, asked.Of)
		if err != nil {
			return nil, err
		}
		cfg.Cursor = &cursor
	}
	if q.SQLiteRowsQueryResult, err = sqlite.SQLiteRowsQuery(cfg); err != nil {
		return nil, err
	}
	if key == nil && t.RowID != "" && q.Extra > 0 && t.Key == nil { // the rowid is the last that it is sorted by, or anywhere in it
		i := slices.IndexFunc(q.Sort, func(o rowquery.RowOrder) bool { return o.Column.Name == t.RowID && len(o.Column.Path) == 0 })
		q.keys = []int{len(q.Columns) + i}
	}
	return q, nil
}

// HoldsTexts reports whether a column of a table holds texts alone, for keys in
// URLs.
func HoldsTexts(t sqlite.SQLiteSchemaTable, column string) bool {
	i := slices.IndexFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool { return c.Name == column })
	return i >= 0 && t.Columns[i].Affinity == "TEXT"
}

// search finds the full-text index of a table: the table itself, or one whose
// content it is.
func (v *View) search(ctx context.Context, t sqlite.SQLiteSchemaTable, words string) (*sqlite.SQLiteRowsQuerySearch, error) {
	if words == "" {
		return nil, nil
	}
	index, ok, err := v.SearchTable(ctx, t)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "there is no full-text index of " + t.Name, Hint: "filter a column with ilike.*word*"}
	}
	return &sqlite.SQLiteRowsQuerySearch{Table: index, Text: words}, nil
}

func (q *rowsQuery) each(ctx context.Context, db *sql.DB, row func(row Row, place []any) error) error {
	rows, err := db.QueryContext(ctx, q.SQL, q.Args...)
	if err != nil {
		return sqlite.SQLiteError("rows", err)
	}
	defer rows.Close()
	values := make([]any, len(q.Columns)+q.Extra)
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return sqlite.SQLiteError("rows", err)
		}
		found := slices.Clone(values)
		r := Row{Values: found[:len(q.columns):len(q.columns)]}
		if q.keys != nil {
			key := make([]any, len(q.keys))
			for i, at := range q.keys {
				key[i] = found[at]
			}
			r.Key = rowquery.RowKey(key, q.texts)
		}
		if err := row(r, found[len(q.Columns):]); err != nil {
			return err
		}
	}
	return sqlite.SQLiteError("rows", rows.Err())
}
