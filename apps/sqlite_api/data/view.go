package data

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// View is a database as a caller sees it: without the tables and columns that
// the caller may not read.
//
// It is for one request: what it knows of the schema may be schemaAge old. A
// new one sees every change that was committed before.
type View struct {
	db     *Database
	access *Access
	seen   atomic.Pointer[seenTables]
}

// seenTables are the tables as a view has read them.
type seenTables struct {
	tables []sqlite.SQLiteSchemaTable
	at     time.Time
}

// schemaAge is for how long a view does not ask again whether the schema has
// changed: the steps of a request need it several times, and asking costs as
// much as reading a row.
const schemaAge = 20 * time.Millisecond

// tables describes all tables, also those that the caller may not read.
func (v *View) tables(ctx context.Context) ([]sqlite.SQLiteSchemaTable, error) {
	if seen := v.seen.Load(); seen != nil && time.Since(seen.at) < schemaAge {
		return seen.tables, nil
	}
	at := time.Now()
	tables, err := v.db.tables(ctx)
	if err == nil {
		v.seen.Store(&seenTables{tables, at})
	}
	return tables, err
}

// Name is the database's.
func (v *View) Name() string { return v.db.Name }

// Path is its file's.
func (v *View) Path() string { return v.db.Path }

// CanWrite reports whether the caller may change rows of a table.
func (v *View) CanWrite(table string) bool {
	return v.db.Write && v.access.CanWrite(v.db.Name, table)
}

// Tables describes the tables and views. The columns of each are those that
// may be read. The list must not be changed.
func (v *View) Tables(ctx context.Context) ([]sqlite.SQLiteSchemaTable, error) {
	all, err := v.tables(ctx)
	if err != nil {
		return nil, err
	}
	if !v.access.hides(v.db.Name) {
		return all, nil
	}
	last, _ := v.db.readable.Load(v.access)
	if known, ok := last.(readableTables); ok && same(known.of, all) {
		return known.tables, nil
	}
	readable := make([]sqlite.SQLiteSchemaTable, 0, len(all))
	for _, t := range all {
		if !v.access.canReadTable(v.db.Name, &t) {
			continue
		}
		if t.Kind == "view" {
			ok, err := v.runs(ctx, t.Name)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		if visible := v.visible(t); len(visible.Columns) > 0 || len(t.Columns) == 0 {
			readable = append(readable, visible)
		}
	}
	v.db.readable.Store(v.access, readableTables{all, readable})
	return readable, nil
}

// readableTables are the tables that a caller from whom something is hidden may
// read.
type readableTables struct {
	of     []sqlite.SQLiteSchemaTable // the schema that they were found in
	tables []sqlite.SQLiteSchemaTable
}

// same reports whether two lists are one.
func same(a, b []sqlite.SQLiteSchemaTable) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// runs asks SQLite whether the caller may read all that a view reads.
func (v *View) runs(ctx context.Context, view string) (bool, error) {
	db, err := v.reader(ctx)
	if err != nil || v.db.hidden(v.access, view, "") {
		return false, err
	}
	rows, err := db.Reader.QueryContext(ctx, `EXPLAIN SELECT count(*) FROM "`+strings.ReplaceAll(view, `"`, `""`)+`"`)
	if err == nil {
		return true, rows.Close()
	}
	err = sqlite.SQLiteError("views", err)
	if code := core.ErrorCode(err); code == core.CodeInvalid || code == core.CodeForbidden {
		return false, nil
	}
	return false, err
}

// Table describes one table. One that may not be read can't be told from one
// that there isn't.
//
// Errors: CodeNotFound.
func (v *View) Table(ctx context.Context, name string) (sqlite.SQLiteSchemaTable, error) {
	tables, err := v.Tables(ctx)
	if err != nil {
		return sqlite.SQLiteSchemaTable{}, err
	}
	if i := slices.IndexFunc(tables, func(t sqlite.SQLiteSchemaTable) bool { return t.Name == name }); i >= 0 {
		return tables[i], nil
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return sqlite.SQLiteSchemaTable{}, &core.Error{
		Code: core.CodeNotFound, Message: fmt.Sprintf("no table %q in %s", name, v.db.Name),
		Hint: core.DidYouMean(core.NameNearest(name, names)...),
	}
}

// visible is a table without what may not be read: columns, foreign keys and
// indexes with such columns, and, where there are any, the SQL that names them.
func (v *View) visible(t sqlite.SQLiteSchemaTable) sqlite.SQLiteSchemaTable {
	can := v.allow
	hidden := func(c sqlite.SQLiteSchemaColumn) bool { return !can(t.Name)(c.Name) }
	anyHidden := slices.ContainsFunc(t.Columns, hidden)
	t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), hidden)
	keys := func(keys []sqlite.SQLiteSchemaForeignKey) []sqlite.SQLiteSchemaForeignKey {
		return slices.DeleteFunc(slices.Clone(keys), func(k sqlite.SQLiteSchemaForeignKey) bool {
			return !all(k.Columns, can(k.Table)) || !v.access.CanRead(v.db.Name, k.ToTable) || !all(k.To, can(k.ToTable))
		})
	}
	linked := len(t.ForeignKeys)
	t.ForeignKeys, t.ReferencedBy = keys(t.ForeignKeys), keys(t.ReferencedBy)
	if len(t.ForeignKeys) < linked { // it names the other table
		t.SQL = ""
	}
	if t.RowIDColumn != "" && !can(t.Name)(t.RowIDColumn) {
		t.RowID, t.RowIDColumn = "", ""
	}
	if !all(t.Key, can(t.Name)) {
		t.Key = nil
	}
	if v.access.hides(v.db.Name) { // their SQL may name other tables' columns
		t.Triggers = nil
	}
	if anyHidden || v.access.hides(v.db.Name) && t.Kind == "view" {
		t.SQL = ""
		t.Indexes = slices.DeleteFunc(slices.Clone(t.Indexes), func(i sqlite.SQLiteSchemaIndex) bool {
			return !all(i.Columns, func(c string) bool { return c != "" && can(t.Name)(c) })
		})
	}
	return t
}

func all(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

// allow is for the units that take which columns may be used.
func (v *View) allow(table string) func(column string) bool {
	v.db.schemaMu.Lock()
	tables := v.db.schema.tables
	v.db.schemaMu.Unlock()
	i := slices.IndexFunc(tables, func(t sqlite.SQLiteSchemaTable) bool { return equalName(t.Name, table) })
	return func(column string) bool {
		if i < 0 || v.access.Rules == nil {
			return v.access.CanReadColumn(v.db.Name, table, column)
		}
		return v.access.canReadColumnOf(v.db.Name, &tables[i], column)
	}
}

// reader is the pool for SQL that the program writes for the caller.
// Where something is hidden, SQLite's authorizer refuses what would read it,
// also through a view. Give what fails to hideNames.
func (v *View) reader(ctx context.Context) (*pool, error) {
	if !v.access.hides(v.db.Name) {
		return v.db.own, nil
	}
	return v.db.guest(ctx, v.access, true)
}

// tellNothing are the errors of SQLite about a statement that are the same
// whatever is in the schema.
var tellNothing = []string{
	"syntax error", "incomplete input", "unrecognized token", "no such function", "wrong number of arguments to function",
	"malformed JSON", "JSON path", "integer overflow", "pattern too complex",
}

// hideNames replaces errors of SQLite that may name what the caller may not
// read, or tell by another error that it is there, and makes others helpful.
func (v *View) hideNames(err error) error {
	err = helpful(err)
	if err == nil || !v.access.hides(v.db.Name) {
		return err
	}
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Message != "" || coded.Code != core.CodeInvalid && coded.Code != core.CodeForbidden {
		return err // not SQLite's, or of what only happens while a statement runs
	}
	text := err.Error()
	if slices.ContainsFunc(tellNothing, func(harmless string) bool { return strings.Contains(text, harmless) }) {
		return err
	}
	return &core.Error{
		Code: core.CodeInvalid, Message: "it names a table or column that is not there, or that this caller may not read, or isn't right otherwise",
		Hint: "name columns rather than *; the list of tables has all that may be read",
	}
}

// SearchTable is the full-text table that indexes a table: the table itself, or
// one that was made with content='table'. Columns of it that may not be read
// make it useless, since a search finds words in all of them.
func (v *View) SearchTable(ctx context.Context, t sqlite.SQLiteSchemaTable) (index sqlite.SQLiteSchemaTable, ok bool, err error) {
	if t.Module == "fts3" || t.Module == "fts4" || t.Module == "fts5" {
		return t, !v.access.hides(v.db.Name), nil
	}
	tables, err := v.Tables(ctx)
	if err != nil || v.access.hides(v.db.Name) {
		return sqlite.SQLiteSchemaTable{}, false, err
	}
	for _, other := range tables {
		if (other.Module == "fts4" || other.Module == "fts5") && contentOf(other.SQL) == t.Name {
			return other, true, nil
		}
	}
	return sqlite.SQLiteSchemaTable{}, false, nil
}

var contentOption = regexp.MustCompile(`(?i)\bcontent\s*=\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([\w$]+))`)

// contentOf is the table that a full-text table indexes; empty: itself.
func contentOf(sql string) string {
	found := contentOption.FindStringSubmatch(sql)
	if found == nil {
		return ""
	}
	return strings.NewReplacer("''", "'", `""`, `"`).Replace(found[1] + found[2] + found[3])
}

// ReadOnly says why the caller may not change rows, where CanWrite says so.
func (v *View) ReadOnly() error {
	message, hint := "this caller may not write here", "ask for a token that may"
	if !v.db.Write {
		message, hint = "the database is served read-only", "start sqlite_api with --write"
	}
	return &core.Error{Code: core.CodeForbidden, Message: message, Hint: hint}
}

// Writable reports whether the database is served for writing, too.
func (v *View) Writable() bool { return v.db.Write }
