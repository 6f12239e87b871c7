package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
)

const schemaOp = "sqlite_schema"

// SQLiteSchemaTable is a table or view as [SQLiteSchema] describes it.
type SQLiteSchemaTable struct {
	Name         string                   `json:"name"`
	Kind         string                   `json:"kind"`   // table, view, virtual, or shadow (a virtual table's own storage)
	SQL          string                   `json:"sql"`    // the statement that made it
	Module       string                   `json:"module"` // of a virtual table, in lower case: fts5, rtree ...
	WithoutRowID bool                     `json:"without_rowid"`
	Strict       bool                     `json:"strict"`
	Columns      []SQLiteSchemaColumn     `json:"columns"`
	Key          []string                 `json:"key"`          // the primary key's columns, in its order; nil: none
	RowID        string                   `json:"rowid"`        // a name for the rowid that no column takes; "": there is no rowid
	RowIDColumn  string                   `json:"rowid_column"` // the column that is the rowid (INTEGER PRIMARY KEY); "": none
	ForeignKeys  []SQLiteSchemaForeignKey `json:"foreign_keys"`
	ReferencedBy []SQLiteSchemaForeignKey `json:"referenced_by"` // those of other tables, and its own, that point here
	Indexes      []SQLiteSchemaIndex      `json:"indexes"`
	Triggers     []SQLiteSchemaTrigger    `json:"triggers"`
	Problem      string                   `json:"problem"` // why its columns can't be read (a module that is missing, a view of what is gone); "": none
}

// SQLiteSchemaColumn is a column.
type SQLiteSchemaColumn struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // as declared; "": none
	Affinity string `json:"affinity"` // TEXT, NUMERIC, INTEGER, REAL or BLOB (as it comes), https://sqlite.org/datatype3.html
	NotNull  bool   `json:"not_null"`
	Default  string `json:"default"`  // the SQL of its default; "": none
	Key      int    `json:"key"`      // its place in the primary key, from 1; 0: not in it
	Hidden   bool   `json:"hidden"`   // of a virtual table: SELECT * leaves it out
	Computed string `json:"computed"` // a generated column: VIRTUAL or STORED; "": none
}

// SQLiteSchemaForeignKey is a foreign key.
type SQLiteSchemaForeignKey struct {
	Table    string   `json:"table"` // that has it
	Columns  []string `json:"columns"`
	ToTable  string   `json:"to_table"` // that it points to; it need not exist
	To       []string `json:"to"`
	OnUpdate string   `json:"on_update"` // NO ACTION, RESTRICT, SET NULL, SET DEFAULT or CASCADE
	OnDelete string   `json:"on_delete"`
}

// SQLiteSchemaIndex is an index.
type SQLiteSchemaIndex struct {
	Name    string   `json:"name"`
	Unique  bool     `json:"unique"`
	Partial bool     `json:"partial"`
	Origin  string   `json:"origin"`  // c: CREATE INDEX, u: a UNIQUE constraint, pk: a primary key
	Columns []string `json:"columns"` // "" is an expression
}

// SQLiteSchemaTrigger is a trigger.
type SQLiteSchemaTrigger struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// SQLiteSchema describes the tables and views of the database's main schema, in
// the order of their names: columns with their affinity, keys, foreign keys in
// both directions, indexes and triggers. It reads in one transaction, so that
// what it returns belongs together. SQLite's own tables (sqlite_...) are left
// out.
//
// Errors: what [SQLiteError] gives.
//
// More in sqlite_schema.md:
//   - A table that cannot be read, since its module is not linked or what it
//     shows is gone, is listed with a Problem and without columns.
//   - Only the schema main: no attached and no temporary tables.
func SQLiteSchema(ctx context.Context, db *sql.DB) ([]SQLiteSchemaTable, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, SQLiteError(schemaOp, err)
	}
	defer tx.Rollback()
	r := schemaReader{ctx: ctx, tx: tx}
	tables := r.tables()
	for i := range tables {
		r.table(&tables[i])
	}
	byName := map[string]int{} // SQLite ignores the case of ASCII letters
	for i, t := range tables {
		byName[lowerASCII(t.Name)] = i
	}
	r.triggers(tables, byName)
	if r.err != nil {
		return nil, SQLiteError(schemaOp, r.err)
	}
	linkForeignKeys(tables, byName)
	return tables, nil
}

// schemaReader asks SQLite. After the first error its methods do nothing.
type schemaReader struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

// each runs a query and scans each of its rows.
func (r *schemaReader) each(query string, args []any, scan func(scan func(...any) error) error) error {
	rows, err := r.tx.QueryContext(r.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r *schemaReader) tables() []SQLiteSchemaTable {
	var tables []SQLiteSchemaTable
	r.err = r.each(`SELECT l.name, l.type, l.wr, l.strict, coalesce(s.sql, '')
		FROM pragma_table_list AS l LEFT JOIN sqlite_schema AS s ON s.name = l.name AND s.type IN ('table', 'view')
		WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'
		ORDER BY l.name COLLATE NOCASE, l.name`, nil, func(scan func(...any) error) error {
		var t SQLiteSchemaTable
		err := scan(&t.Name, &t.Kind, &t.WithoutRowID, &t.Strict, &t.SQL)
		tables = append(tables, t)
		return err
	})
	return tables
}

// table reads what one table has. That SQLite can't is noted in it, except for
// the end of the context.
func (r *schemaReader) table(t *SQLiteSchemaTable) {
	if r.err != nil {
		return
	}
	err := errors.Join(r.columns(t), r.foreignKeys(t), r.indexes(t))
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	if err != nil {
		t.Problem = err.Error()
		t.Columns = nil
	}
	if t.Kind == "virtual" {
		t.Module = moduleOf(t.SQL)
	}
	t.setKey()
}

func (r *schemaReader) columns(t *SQLiteSchemaTable) error {
	return r.each(`SELECT name, type, "notnull", coalesce(dflt_value, ''), pk, hidden FROM pragma_table_xinfo(?)`, []any{t.Name},
		func(scan func(...any) error) error {
			var c SQLiteSchemaColumn
			var hidden int
			if err := scan(&c.Name, &c.Type, &c.NotNull, &c.Default, &c.Key, &hidden); err != nil {
				return err
			}
			c.Hidden = hidden == 1
			switch hidden {
			case 2:
				c.Computed = "VIRTUAL"
			case 3:
				c.Computed = "STORED"
			}
			c.Affinity = affinity(c.Type, t.Strict)
			t.Columns = append(t.Columns, c)
			return nil
		})
}

func (r *schemaReader) foreignKeys(t *SQLiteSchemaTable) error {
	last := -1
	return r.each(`SELECT id, "table", "from", coalesce("to", ''), on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq`,
		[]any{t.Name}, func(scan func(...any) error) error {
			var id int
			var from, to string
			key := SQLiteSchemaForeignKey{Table: t.Name}
			if err := scan(&id, &key.ToTable, &from, &to, &key.OnUpdate, &key.OnDelete); err != nil {
				return err
			}
			if id != last {
				t.ForeignKeys = append(t.ForeignKeys, key)
				last = id
			}
			now := &t.ForeignKeys[len(t.ForeignKeys)-1]
			now.Columns = append(now.Columns, from)
			if to != "" {
				now.To = append(now.To, to)
			}
			return nil
		})
}

func (r *schemaReader) indexes(t *SQLiteSchemaTable) error {
	last := ""
	return r.each(`SELECT l.name, l."unique", l.origin, l.partial, coalesce(i.name, '')
		FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i ORDER BY l.name, i.seqno`,
		[]any{t.Name}, func(scan func(...any) error) error {
			var index SQLiteSchemaIndex
			var column string
			if err := scan(&index.Name, &index.Unique, &index.Origin, &index.Partial, &column); err != nil {
				return err
			}
			if index.Name != last {
				t.Indexes = append(t.Indexes, index)
				last = index.Name
			}
			now := &t.Indexes[len(t.Indexes)-1]
			now.Columns = append(now.Columns, column)
			return nil
		})
}

func (r *schemaReader) triggers(tables []SQLiteSchemaTable, byName map[string]int) {
	if r.err != nil {
		return
	}
	r.err = r.each(`SELECT name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE type = 'trigger' ORDER BY name`, nil,
		func(scan func(...any) error) error {
			var trigger SQLiteSchemaTrigger
			var table string
			if err := scan(&trigger.Name, &table, &trigger.SQL); err != nil {
				return err
			}
			if i, ok := byName[lowerASCII(table)]; ok {
				tables[i].Triggers = append(tables[i].Triggers, trigger)
			}
			return nil
		})
}

// setKey derives what identifies a row.
func (t *SQLiteSchemaTable) setKey() {
	for place := 1; ; place++ {
		i := slices.IndexFunc(t.Columns, func(c SQLiteSchemaColumn) bool { return c.Key == place })
		if i < 0 {
			break
		}
		t.Key = append(t.Key, t.Columns[i].Name)
	}
	if t.Kind == "view" || t.WithoutRowID || t.Problem != "" {
		return
	}
	// INTEGER PRIMARY KEY DESC is no name for the rowid, and has an index:
	// https://sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key
	indexed := slices.ContainsFunc(t.Indexes, func(i SQLiteSchemaIndex) bool { return i.Origin == "pk" })
	for _, c := range t.Columns {
		if len(t.Key) == 1 && c.Key == 1 && strings.EqualFold(c.Type, "INTEGER") && !indexed {
			t.RowIDColumn = c.Name
		}
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !slices.ContainsFunc(t.Columns, func(c SQLiteSchemaColumn) bool { return strings.EqualFold(c.Name, name) }) {
			t.RowID = name
			return
		}
	}
	t.RowID = t.RowIDColumn
}

// linkForeignKeys fills in the columns that a foreign key leaves out, which are
// the other table's primary key, and ReferencedBy.
func linkForeignKeys(tables []SQLiteSchemaTable, byName map[string]int) {
	for i := range tables {
		for k := range tables[i].ForeignKeys {
			key := &tables[i].ForeignKeys[k]
			at, ok := byName[lowerASCII(key.ToTable)]
			if !ok {
				continue
			}
			to := &tables[at]
			key.ToTable = to.Name // as it is written there
			if key.To == nil {
				key.To = to.Key
			}
			to.ReferencedBy = append(to.ReferencedBy, *key)
		}
	}
}

// lowerASCII folds a name as SQLite does.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// moduleOf is the word after USING.
func moduleOf(text string) string {
	using := false
	for at := 0; at < len(text); {
		token := nextToken(text, at)
		word := text[at:token.end]
		at = token.end
		switch {
		case token.blank:
		case using:
			return strings.ToLower(strings.Trim(word, "\"`[]'"))
		default:
			using = strings.EqualFold(word, "USING")
		}
	}
	return ""
}

// affinity is the one that SQLite gives a declared type, by the rules of
// https://sqlite.org/datatype3.html#determination_of_column_affinity.
func affinity(declared string, strict bool) string {
	declared = strings.ToUpper(declared)
	contains := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(declared, part) })
	}
	switch {
	case strict && declared == "ANY":
		return "BLOB"
	case contains("INT"):
		return "INTEGER"
	case contains("CHAR", "CLOB", "TEXT"):
		return "TEXT"
	case contains("BLOB") || declared == "":
		return "BLOB"
	case contains("REAL", "FLOA", "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}
