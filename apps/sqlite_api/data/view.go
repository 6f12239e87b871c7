package data

import (
	"context"
	"database/sql"
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
	readable := make([]sqlite.SQLiteSchemaTable, 0, len(all))
	for _, t := range all {
		if !v.access.canReadTable(v.db.Name, &t) {
			continue
		}
		if visible := v.visible(t); len(visible.Columns) > 0 || len(t.Columns) == 0 {
			readable = append(readable, visible)
		}
	}
	return readable, nil
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
	t.ForeignKeys, t.ReferencedBy = keys(t.ForeignKeys), keys(t.ReferencedBy)
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

// reader is the connection pool for SQL that the program writes for the caller.
// Where something is hidden, SQLite's authorizer refuses what would read it,
// also through a view. Give what fails to hideNames.
func (v *View) reader(ctx context.Context) (*sql.DB, error) {
	if !v.access.hides(v.db.Name) {
		return v.db.own.Reader, nil
	}
	return v.db.guest(ctx, v.access, true)
}

// hideNames replaces errors of SQLite that name what the caller may not read,
// or would tell by another error that it is there, and makes others helpful.
func (v *View) hideNames(err error) error {
	err = helpful(err)
	if err == nil || !v.access.hides(v.db.Name) {
		return err
	}
	text := err.Error()
	for _, telling := range []string{"prohibited", "not authorized", "no such column", "no such table", "ambiguous column"} {
		if strings.Contains(text, telling) {
			return &core.Error{
				Code: core.CodeInvalid, Message: "it names a table or column that is not there, or that this caller may not read",
				Hint: "name columns rather than *; the list of tables has all that may be read",
			}
		}
	}
	return err
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

func (v *View) readOnly() error {
	message, hint := "this caller may not write here", "ask for a token that may"
	if !v.db.Write {
		message, hint = "the database is served read-only", "start sqlite_api with --write"
	}
	return &core.Error{Code: core.CodeForbidden, Message: message, Hint: hint}
}

// Writable reports whether the database is served for writing, too.
func (v *View) Writable() bool { return v.db.Write }
