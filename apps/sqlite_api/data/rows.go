package data

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/rowread"
	"fnregistry.dev/functions/infra/sqlite"
)

// RowsRequest says which rows of a table are read.
type RowsRequest struct {
	Select  []rowquery.RowSelect // nil: all columns
	Filters []rowquery.RowFilter
	Key     string // of the only row, as a page has it; empty: all rows
	Order   []rowquery.RowOrder
	Search  string // words for the table's full-text index; empty: none
	Cursor  string // of an earlier page; empty: the first page
	Offset  int    // for tables without a key, whose pages have no cursor
	Limit   int    // rows of a page; required for a page
	Clip    int    // a text or blob of more bytes comes as a Clipped; 0: all come whole
}

// Clipped stands for a value that is too long for a page.
type Clipped struct {
	Kind  string // text or blob
	Bytes int64
}

// clipMark is what values are clipped with.
var clipMark = rand.Text()

// MaxPageBytes bounds the values of a page: one that is full before Limit is
// shorter. A single row may have more.
const MaxPageBytes = 8 << 20

// maxPlace is how many bytes of the values that rows are sorted by fit into a
// cursor in a URL.
const maxPlace = 2048

// cursor is the place in front of the row that has these values, or behind it.
func (q *rowsQuery) cursor(before bool, values []any) (string, error) {
	place := make([]any, len(q.Places))
	for i, at := range q.Places {
		place[i] = values[at]
	}
	if valuesBytes(place) > maxPlace {
		return "", &core.Error{
			Code: core.CodeInvalid, Message: "the rows are sorted by values too long for the cursor of a further page",
			Hint: "sort by a shorter column, or take format=ndjson",
		}
	}
	return rowquery.RowCursor{Of: q.Of, Before: before, Values: place}.String(), nil
}

// errFull ends the reading of a page.
var errFull = errors.New("the page is full")

// ParseRows reads the parameters of a table's rows, all but those of a single
// value that the caller has read: select, order and search, and filters, which
// are all others.
//
// Errors: CodeInvalid.
func ParseRows(parameters url.Values) (RowsRequest, error) {
	var r RowsRequest
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for i, value := range parameters[name] {
			if i > 0 && (name == "select" || name == "order" || name == "search") {
				return r, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("parameter %q is given twice", name)}
			}
			var err error
			switch name {
			case "select":
				r.Select, err = rowquery.RowSelectParse(value)
			case "order":
				r.Order, err = rowquery.RowOrderParse(value)
			case "search":
				r.Search = value
			default:
				var f rowquery.RowFilter
				if f, err = rowquery.RowFilterParse(name, value); err == nil {
					err = checkPatterns(f)
				}
				r.Filters = append(r.Filters, f)
			}
			if err != nil {
				return r, ofParameter(name, err)
			}
		}
	}
	return r, nil
}

// maxPattern is the longest pattern of like and ilike, which is that of SQL
// from outside, too. SQLite compares a pattern in one step, which nothing
// stops: for each byte of a text it may take as long as the pattern.
const maxPattern = 100

func checkPatterns(f rowquery.RowFilter) error {
	for _, term := range f.Terms {
		if err := checkPatterns(term); err != nil {
			return err
		}
	}
	if (f.Operator == rowquery.RowLike || f.Operator == rowquery.RowILike) && len(f.Value) > maxPattern {
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("the pattern of %s has more than %d bytes", f.Operator, maxPattern)}
	}
	return nil
}

// ofParameter says in which parameter a mistake is: of several, and of one that
// is taken for a filter since its name is wrong.
func ofParameter(name string, err error) error {
	hint := core.ErrorHint(err)
	if near := core.NameNearest(name, []string{"select", "order", "limit", "cursor", "offset", "count", "search", "format"}); near != nil && near[0] != name {
		hint += "; or " + core.DidYouMean(near...)
	}
	return &core.Error{
		Code: core.ErrorCode(err), Message: fmt.Sprintf("parameter %q: %s", name, Message(err)), Hint: hint,
	}
}

// Page is some rows of a table.
type Page struct {
	Columns []Column
	Rows    []Row
	Next    string // the cursor of the page behind it; empty: there is none, or NextOffset says where it is
	Prev    string // the cursor of the page in front of it; empty: there is none that is known
	Here    string // a cursor that reads this page forwards; empty: it is the first one, or has none
	// NextOffset is where the next page of a table without a key starts; 0:
	// there is none.
	NextOffset int
}

// Column is a column of rows.
type Column struct {
	Name   string // unique among the columns
	Type   string // as declared; empty: none
	Source string // the table's column that it shows; empty: a place in JSON
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
	ctx, cancel := v.bounded(ctx)
	defer cancel()
	t, err := v.Table(ctx, table)
	if err != nil {
		return nil, err
	}
	q, err := v.rowsQuery(ctx, t, r, r.Limit+1)
	if err != nil {
		return nil, err
	}
	page := &Page{Columns: q.columns}
	var all [][]any   // of the rows, with what is for cursors
	var further []any // of the row after the last one that was read
	more, size := false, 0
	err = v.each(ctx, q, func(row Row, values []any) error {
		if more = len(page.Rows) == r.Limit || size > MaxPageBytes; more {
			further = values
			return errFull
		}
		size += valuesBytes(values)
		page.Rows, all = append(page.Rows, row), append(all, values)
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	if q.Reverse {
		slices.Reverse(page.Rows)
		slices.Reverse(all)
	}
	if q.Places == nil {
		if more {
			page.NextOffset = r.Offset + len(page.Rows)
		}
		return page, nil
	}
	if page.Here = r.Cursor; q.Reverse {
		page.Here = ""
		if more {
			if page.Here, err = q.cursor(false, further); err != nil {
				return nil, err
			}
		}
	}
	if n := len(page.Rows); n > 0 {
		if more || q.Reverse {
			if page.Next, err = q.cursor(false, all[n-1]); err != nil {
				return nil, err
			}
		}
		if q.Reverse && more || !q.Reverse && r.Cursor != "" {
			if page.Prev, err = q.cursor(true, all[0]); err != nil {
				return nil, err
			}
		}
	}
	return page, nil
}

// valuesBytes is about how many bytes values have.
func valuesBytes(values []any) int {
	n := 0
	for _, value := range values {
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 8
		}
	}
	return n
}

// RowPage is one row with all its columns.
type RowPage struct {
	Columns []Column
	Row     Row
	Version string // of the row, as sqlite_rows_write knows it
}

// Row reads the row with a key, as a page has it, and passes it to use: while
// that runs, others wait for large values.
//
// Errors: CodeNotFound for the table and the row; CodeInvalid for a key that is
// none of the table; CodeConflict where several rows have it; CodeUnavailable
// where many large values are read.
func (v *View) Row(ctx context.Context, table, key string, use func(*RowPage) error) error {
	found, err := v.readRow(ctx, table, key, 0)
	var bytes int64
	switch {
	case core.ErrorCode(err) == core.CodeTooLarge: // others have the memory
		bytes = largeBytes * largeUnits
	case err != nil:
		return err
	default:
		bytes = int64(valuesBytes(found.Row.Values))
	}
	if bytes > largeBytes { // few rows are, and to ask for the sizes first takes all of them longer
		found = nil // while it waits
		leave, err := v.db.large.take(ctx, bytes)
		if err != nil {
			return err
		}
		defer leave()
		if found, err = v.readRow(ctx, table, key, 0); err != nil {
			return err
		}
	}
	found.Version = sqlite.SQLiteRowVersion(found.Row.Values)
	return use(found)
}

func (v *View) readRow(ctx context.Context, table, key string, clip int) (*RowPage, error) {
	ctx, cancel := v.bounded(ctx)
	defer cancel()
	t, err := v.Table(ctx, table)
	if err != nil {
		return nil, err
	}
	q, err := v.rowsQuery(ctx, t, RowsRequest{Key: key, Clip: clip}, 2)
	if err != nil {
		return nil, err
	}
	row, err := v.one(ctx, q, t.Name, key)
	if err != nil {
		return nil, err
	}
	if row.Key == "" { // a rowid, which is no column
		row.Key = key
	}
	return &RowPage{Columns: q.columns, Row: row}, nil
}

// one reads the row of a query for a key, which must read two rows if there
// are.
func (v *View) one(ctx context.Context, q *rowsQuery, table, key string) (Row, error) {
	var found Row
	n := 0
	err := v.each(ctx, q, func(row Row, _ []any) error {
		n++
		found = row
		return nil
	})
	switch {
	case err != nil:
		return Row{}, err
	case n == 0:
		return Row{}, &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("no row %q in %s", key, table)}
	case n > 1: // a primary key that isn't NOT NULL may have NULL several times
		return Row{}, &core.Error{
			Code: core.CodeConflict, Message: "several rows have this key", Hint: "filter the table's rows instead",
		}
	}
	return found, nil
}

// rowClip is the longest value of a row that a page shows whole.
const rowClip = 64 << 10

// ShownRow is Row for a page: long values come as Clipped, and there is no
// Version.
func (v *View) ShownRow(ctx context.Context, table, key string) (*RowPage, error) {
	return v.readRow(ctx, table, key, rowClip)
}

// RowsSQL is the SELECT of a request, with its values as literals.
func (v *View) RowsSQL(ctx context.Context, table string, r RowsRequest) (string, error) {
	t, search, err := v.searched(ctx, table, r.Search)
	if err != nil {
		return "", err
	}
	q, err := sqlite.SQLiteRowsQuery(sqlite.SQLiteRowsQueryConfig{
		Table: t, Select: r.Select, Filters: r.Filters, Order: r.Order, Search: search, Limit: r.Limit, Allow: v.allow(t.Name),
	})
	if err != nil {
		return "", err
	}
	return q.Text(), nil
}

// ParseKey reads a row's key, as a URL has it.
//
// Errors: CodeInvalid for a table without a key, or another number of values.
func ParseKey(t sqlite.SQLiteSchemaTable, key string) ([]any, error) {
	if t.Key == nil && t.RowID == "" {
		return nil, &core.Error{
			Code: core.CodeInvalid, Message: "rows of " + t.Name + " have no key, so that none has a URL", Hint: "filter them",
		}
	}
	return rowquery.RowKeyParse(key, keyTexts(t))
}

// Count counts the rows that a request is for, within a time or by an estimate.
func (v *View) Count(ctx context.Context, table string, r RowsRequest, within time.Duration, estimate bool) (sqlite.SQLiteRowCountResult, error) {
	ctx, cancel := v.bounded(ctx)
	defer cancel()
	t, search, err := v.searched(ctx, table, r.Search)
	if err != nil {
		return sqlite.SQLiteRowCountResult{}, err
	}
	db, err := v.reader(ctx)
	if err != nil {
		return sqlite.SQLiteRowCountResult{}, err
	}
	result, err := sqlite.SQLiteRowCount(ctx, db.Reader, sqlite.SQLiteRowCountConfig{
		Table: t, Filters: r.Filters, Search: search, Allow: v.allow(t.Name), Time: within, Estimate: estimate,
	})
	return result, v.hideNames(err)
}

// facetClip is the longest value of a facet that comes whole: a filter in a URL
// can't be longer.
const facetClip = 4 << 10

// Facet counts the values of a column among the rows that a request is for.
// Long ones come as Clipped.
func (v *View) Facet(
	ctx context.Context, table string, column rowquery.RowColumn, r RowsRequest, limit int,
) (sqlite.SQLiteRowFacetResult, error) {
	ctx, cancel := v.bounded(ctx)
	defer cancel()
	t, search, err := v.searched(ctx, table, r.Search)
	if err != nil {
		return sqlite.SQLiteRowFacetResult{}, err
	}
	db, err := v.reader(ctx)
	if err != nil {
		return sqlite.SQLiteRowFacetResult{}, err
	}
	clip := &sqlite.SQLiteRowsQueryClip{Bytes: facetClip, Mark: clipMark}
	result, err := sqlite.SQLiteRowFacet(ctx, db.Reader, sqlite.SQLiteRowFacetConfig{
		Table: t, Column: column, Filters: r.Filters, Search: search, Allow: v.allow(t.Name), Limit: limit, Clip: clip,
	})
	for i := range result.Values {
		value := &result.Values[i].Value
		if kind, bytes, ok := clip.Clipped(*value); ok {
			*value = Clipped{Kind: kind, Bytes: bytes}
		}
	}
	return result, v.hideNames(err)
}

// Each reads rows as they come, for exports: Limit 0 is all of them. start is
// called once before the first row. A row's Values are right until the next
// one. An error of start or row ends it and is returned.
func (v *View) Each(ctx context.Context, table string, r RowsRequest, start func([]Column) error, row func(Row) error) error {
	leave, err := v.takeStream(ctx)
	if err != nil {
		return err
	}
	defer leave()
	t, err := v.Table(ctx, table)
	if err != nil {
		return err
	}
	q, err := v.rowsQuery(ctx, t, r, r.Limit)
	if err == nil {
		err = q.onward()
	}
	if err != nil {
		return err
	}
	if err := start(q.columns); err != nil {
		return err
	}
	q.all = true
	return v.each(ctx, q, func(r Row, _ []any) error { return row(r) })
}

// onward refuses the cursor of a page before: its rows come last one first, and
// only a page can turn them round.
func (q *rowsQuery) onward() error {
	if !q.Reverse {
		return nil
	}
	return &core.Error{
		Code: core.CodeInvalid, Message: "prev is a cursor for pages of JSON",
		Hint: "take the next of a page, or none, with CSV and NDJSON",
	}
}

// bounded ends what a caller waits for as it ends SQL from outside.
func (v *View) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if v.db.queryTime <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, v.db.queryTime)
}

// takeStream waits until one more export may run: each has a connection for as
// long as its reader takes, and some must be left for the others.
func (v *View) takeStream(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, streamWait)
	defer cancel()
	select {
	case v.db.streams <- struct{}{}:
		return func() { <-v.db.streams }, nil
	case <-ctx.Done():
		return nil, &core.Error{
			Code: core.CodeUnavailable, Message: "too many exports run", Hint: "try again when one has ended", RetryAfter: streamWait, Err: ctx.Err(),
		}
	}
}

// Connections to a file, and how many of them exports may have.
const (
	readers    = 16
	streamsMax = 8
	streamWait = 10 * time.Second
)

func (v *View) each(ctx context.Context, q *rowsQuery, row func(row Row, values []any) error) error {
	db, err := v.reader(ctx)
	if err != nil {
		return err
	}
	err = q.each(ctx, db.statements, row)
	if err != nil && strings.Contains(err.Error(), "too many columns in result set") {
		return &core.Error{Code: core.CodeInvalid, Message: "the table has too many columns to read all at once", Hint: "name some: select=a,b", Err: err}
	}
	return v.hideNames(err)
}

// Value reads one value of a row and passes it to use: while that runs, others
// wait for large values.
//
// Errors: CodeNotFound for the table, the row and the column; CodeConflict
// where several rows have the key; CodeUnavailable where many large values are
// read.
func (v *View) Value(ctx context.Context, table, key, column string, use func(any) error) error {
	value, err := v.readValue(ctx, table, key, column, largeBytes)
	if err != nil {
		return err
	}
	if clipped, ok := value.(Clipped); ok {
		leave, err := v.db.large.take(ctx, clipped.Bytes)
		if err != nil {
			return err
		}
		defer leave()
		if value, err = v.readValue(ctx, table, key, column, 0); err != nil {
			return err
		}
	}
	return use(value)
}

func (v *View) readValue(ctx context.Context, table, key, column string, clip int) (any, error) {
	ctx, cancel := v.bounded(ctx)
	defer cancel()
	t, err := v.Table(ctx, table)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool { return c.Name == column }) {
		return nil, &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("no column %q in %s", column, t.Name)}
	}
	q, err := v.plainQuery(ctx, t, RowsRequest{Key: key, Clip: clip, Select: []rowquery.RowSelect{{Column: rowquery.RowColumn{Name: column}}}}, 2)
	if err != nil {
		return nil, err
	}
	row, err := v.one(ctx, q, t.Name, key)
	if err != nil {
		return nil, err
	}
	return row.Values[0], nil
}

// Cursor passes rows as they come to read, for exports: Limit 0 is all of them.
// It closes them.
func (v *View) Cursor(ctx context.Context, table string, r RowsRequest, read func(rows *rowread.RowsReadAheadHandle) error) error {
	leave, err := v.takeStream(ctx)
	if err != nil {
		return err
	}
	defer leave()
	t, err := v.Table(ctx, table)
	if err != nil {
		return err
	}
	q, err := v.plainQuery(ctx, t, r, r.Limit)
	if err == nil {
		err = q.onward()
	}
	if err != nil {
		return err
	}
	db, err := v.reader(ctx)
	if err != nil {
		return err
	}
	rows, err := db.statements.QueryContext(ctx, q.SQL, q.Args...)
	if err != nil {
		return v.hideNames(sqlite.SQLiteError("rows", err))
	}
	ahead, err := rowread.RowsReadAhead(rows)
	if err != nil {
		return v.hideNames(sqlite.SQLiteError("rows", err))
	}
	defer ahead.Close()
	return v.hideNames(sqlite.SQLiteError("rows", read(ahead)))
}

// rowsQuery is a query for rows of a table, with further columns for keys and
// cursors.
type rowsQuery struct {
	sqlite.SQLiteRowsQueryResult
	clip    *sqlite.SQLiteRowsQueryClip
	columns []Column // those that were asked for
	keys    []int    // where a row's key is; nil: it has none
	texts   []bool   // which of the key's columns hold texts alone
	all     bool     // it is for an export, and reads ahead
}

func (v *View) rowsQuery(ctx context.Context, t sqlite.SQLiteSchemaTable, r RowsRequest, limit int) (*rowsQuery, error) {
	return v.newRowsQuery(ctx, t, r, limit, true)
}

// plainQuery is a query for the columns that are asked for alone.
func (v *View) plainQuery(ctx context.Context, t sqlite.SQLiteSchemaTable, r RowsRequest, limit int) (*rowsQuery, error) {
	return v.newRowsQuery(ctx, t, r, limit, false)
}

func (v *View) newRowsQuery(ctx context.Context, t sqlite.SQLiteSchemaTable, r RowsRequest, limit int, keys bool) (*rowsQuery, error) {
	cfg := sqlite.SQLiteRowsQueryConfig{
		Table: t, Select: r.Select, Filters: r.Filters, Order: r.Order, Limit: limit, Offset: r.Offset, Allow: v.allow(t.Name),
	}
	if r.Clip > 0 {
		cfg.Clip = &sqlite.SQLiteRowsQueryClip{Bytes: r.Clip, Mark: clipMark}
	}
	if r.Key != "" {
		key, err := ParseKey(t, r.Key)
		if err != nil {
			return nil, err
		}
		cfg.Key = key
	}
	if cfg.Select == nil {
		cfg.Select = []rowquery.RowSelect{{All: true}}
	}
	search, err := v.search(ctx, t, r.Search)
	if err != nil {
		return nil, err
	}
	cfg.Search = search
	cfg.NoExtra = !keys || r.Key != ""
	if r.Cursor != "" {
		if cfg.Cursor, err = cursorOf(cfg, r.Cursor); err != nil {
			return nil, err
		}
	}
	key := t.Key
	if !keys || !all(key, cfg.Allow) {
		key = nil
	}
	// A rowid is never clipped, so that it need not come twice.
	there := slices.Equal(key, []string{t.RowIDColumn}) && slices.ContainsFunc(cfg.Select, func(s rowquery.RowSelect) bool {
		return s.All || s.Column.Name == t.RowIDColumn && len(s.Column.Path) == 0
	})
	further := key
	if there {
		further = nil
	}
	for _, name := range further { // behind those that are asked for
		cfg.Select = append(slices.Clip(cfg.Select), rowquery.RowSelect{Column: rowquery.RowColumn{Name: name}})
	}
	q := &rowsQuery{clip: cfg.Clip}
	if q.SQLiteRowsQueryResult, err = sqlite.SQLiteRowsQuery(cfg); err != nil {
		return nil, err
	}
	asked := len(q.Columns) - len(further)
	q.columns = make([]Column, asked)
	for i, name := range q.Columns[:asked] {
		if slices.Contains(q.Columns[:i], name) {
			return nil, &core.Error{
				Code: core.CodeInvalid, Message: fmt.Sprintf("two columns are called %q", name), Hint: "give one of them another name: select=other:" + name,
			}
		}
		q.columns[i] = Column{Name: name, Type: q.Types[i], Source: q.Sources[i]}
	}
	for i, name := range key {
		at := asked + i
		if there {
			at = slices.Index(q.Sources, name)
		}
		q.keys = append(q.keys, at)
		q.texts = append(q.texts, HoldsTexts(t, name))
	}
	if key == nil && t.RowID != "" && q.Places != nil && t.Key == nil { // the rowid is the last that it is sorted by, or anywhere in it
		i := slices.IndexFunc(q.Sort, func(o rowquery.RowOrder) bool { return o.Column.Name == t.RowID && len(o.Column.Path) == 0 })
		q.keys = []int{q.Places[i]}
	}
	return q, nil
}

// cursorOf reads a cursor, which is one of a query without it.
func cursorOf(cfg sqlite.SQLiteRowsQueryConfig, text string) (*rowquery.RowCursor, error) {
	cfg.NoExtra = false
	asked, err := sqlite.SQLiteRowsQuery(cfg)
	if err != nil {
		return nil, err
	}
	if asked.Places == nil {
		return nil, &core.Error{
			Code: core.CodeInvalid, Message: "the table has no key, so its pages have no cursor", Hint: "use offset",
		}
	}
	cursor, err := rowquery.RowCursorParse(text, asked.Of)
	return &cursor, err
}

// HoldsTexts reports whether a column of a table holds texts alone, for keys in
// URLs.
func HoldsTexts(t sqlite.SQLiteSchemaTable, column string) bool {
	i := slices.IndexFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool { return c.Name == column })
	return i >= 0 && t.Columns[i].Affinity == "TEXT"
}

// searched is a table with its full-text index for words.
func (v *View) searched(ctx context.Context, table, words string) (sqlite.SQLiteSchemaTable, *sqlite.SQLiteRowsQuerySearch, error) {
	t, err := v.Table(ctx, table)
	if err != nil {
		return t, nil, err
	}
	search, err := v.search(ctx, t, words)
	return t, search, err
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

// each reads the rows, with all values of each. If q.all is set, they are right
// until the next row.
func (q *rowsQuery) each(ctx context.Context, db *sqlite.SQLiteStatementsHandle, row func(row Row, values []any) error) error {
	found, err := db.QueryContext(ctx, q.SQL, q.Args...)
	if err != nil {
		return sqlite.SQLiteError("rows", err)
	}
	var rows rowread.RowsReadAheadRows = found
	if q.all {
		if rows, err = rowread.RowsReadAhead(found); err != nil {
			return sqlite.SQLiteError("rows", err)
		}
	}
	defer rows.Close()
	values := make([]any, len(q.Columns)+q.Extra)
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	key := make([]any, len(q.keys))
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return sqlite.SQLiteError("rows", err)
		}
		found := values
		if !q.all {
			found = slices.Clone(values)
		}
		r := Row{Values: found[:len(q.columns):len(q.columns)]}
		if q.clip != nil {
			for i, value := range r.Values {
				if kind, bytes, ok := q.clip.Clipped(value); ok {
					r.Values[i] = Clipped{Kind: kind, Bytes: bytes}
				}
			}
		}
		if q.keys != nil {
			for i, at := range q.keys {
				key[i] = found[at]
			}
			r.Key = rowquery.RowKey(key, q.texts)
		}
		if err := row(r, found); err != nil {
			return err
		}
	}
	return sqlite.SQLiteError("rows", rows.Err())
}
