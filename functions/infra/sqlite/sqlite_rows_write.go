package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

const writeOp = "sqlite_rows_write"

// SQLiteRowsWriteVerb says what a change does.
type SQLiteRowsWriteVerb string

// The verbs.
const (
	SQLiteRowsInsert SQLiteRowsWriteVerb = "insert" // a new row
	SQLiteRowsUpsert SQLiteRowsWriteVerb = "upsert" // a new row, or new values for the row with that key
	SQLiteRowsUpdate SQLiteRowsWriteVerb = "update" // new values for the row with Key
	SQLiteRowsDelete SQLiteRowsWriteVerb = "delete" // the row with Key
)

// SQLiteRowsWriteChange is a change of one row.
type SQLiteRowsWriteChange struct {
	Table  *SQLiteSchemaTable // nil: the config's
	Verb   SQLiteRowsWriteVerb
	Key    []any          // of update and delete: the values of the table's Key, or its rowid if it has none
	Match  string         // of update and delete: the ETag that the row must have; "": any
	Values map[string]any // by column: nil, bool, integers, float64, json.Number, string, []byte
}

// SQLiteRowsWriteConfig is what [SQLiteRowsWrite] writes.
type SQLiteRowsWriteConfig struct {
	Table   SQLiteSchemaTable // of the changes that name no other
	Changes []SQLiteRowsWriteChange
	Allow   func(table, column string) bool // which columns may be written and returned; nil: all
	DryRun  bool                            // find out what would happen, and take it back; not what SQLite checks at the commit, deferred foreign keys
}

// ErrSQLiteRowChanged is in the error of a change whose Match the row no longer
// has.
var ErrSQLiteRowChanged = errors.New("the row has changed since it was read")

// SQLiteRowsWriteError is in the error of a change that failed.
type SQLiteRowsWriteError struct {
	Index int // of the change, from 0
	Err   error
}

// Error returns the text of Err.
func (e *SQLiteRowsWriteError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SQLiteRowsWriteError) Unwrap() error { return e.Err }

// SQLiteRowsWriteResult is what became of one change.
type SQLiteRowsWriteResult struct {
	Key  []any  // of the row; nil: the table has none
	ETag string // of the row as it is now; "" after a delete
}

// SQLiteRowsWrite makes the changes in one transaction: all of them or, with an
// error that says which one failed, none. db is a pool whose transactions begin
// with BEGIN IMMEDIATE (sqlite_open's Writer): changes wait for one another
// fairly, and until ctx ends at most.
//
// Errors: CodeInvalid for columns that the table doesn't have or Allow refuses,
// computed columns, values that SQLite doesn't store and constraints other than
// the next; CodeConflict for UNIQUE and FOREIGN KEY; CodeNotFound for a row
// that doesn't exist; CodeConflict around [ErrSQLiteRowChanged] for a Match
// that the row no longer has; what [SQLiteError] gives for the rest.
//
// More in sqlite_rows_write.md:
//   - Changes may be of several tables: all of them are one transaction.
//   - A table of which Allow refuses a column of the key has no key: rows can
//     be inserted, and are not known by anything.
func SQLiteRowsWrite(ctx context.Context, db *sql.DB, cfg SQLiteRowsWriteConfig) ([]SQLiteRowsWriteResult, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, SQLiteError(writeOp, err)
	}
	defer tx.Rollback()
	results := make([]SQLiteRowsWriteResult, len(cfg.Changes))
	statements := writeStatements{tx: tx, keep: len(cfg.Changes) > 1}
	for i, change := range cfg.Changes {
		if results[i], err = newRowsWriter(ctx, &statements, &cfg, change).change(change); err != nil {
			return nil, which(i, len(cfg.Changes), err)
		}
	}
	if cfg.DryRun {
		return results, nil
	}
	if err := tx.Commit(); err != nil {
		return nil, SQLiteError(writeOp, err)
	}
	return results, nil
}

// writeStatements are the statements of a transaction. The changes of a batch
// have few texts, and compiling one takes longer than running it. They end with
// the transaction.
type writeStatements struct {
	tx     *sql.Tx
	keep   bool // statements come again
	byText map[string]*sql.Stmt
}

// maxStatements bounds what is kept, since each change may have columns of its
// own.
const maxStatements = 64

func (s *writeStatements) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	stmt := s.byText[query]
	if stmt == nil {
		if !s.keep || len(s.byText) == maxStatements {
			return s.tx.QueryContext(ctx, query, args...)
		}
		var err error
		if stmt, err = s.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		if s.byText == nil {
			s.byText = map[string]*sql.Stmt{}
		}
		s.byText[query] = stmt
	}
	return stmt.QueryContext(ctx, args...)
}

// rowsWriter makes one change.
type rowsWriter struct {
	ctx   context.Context
	stmts *writeStatements
	table *SQLiteSchemaTable
	rows  rowsBuilder // knows the columns
}

func newRowsWriter(ctx context.Context, stmts *writeStatements, cfg *SQLiteRowsWriteConfig, c SQLiteRowsWriteChange) *rowsWriter {
	table := cmp.Or(c.Table, &cfg.Table)
	w := &rowsWriter{ctx: ctx, stmts: stmts, table: table, rows: rowsBuilder{cfg: SQLiteRowsQueryConfig{Table: *table}}}
	if cfg.Allow != nil {
		w.rows.cfg.Allow = func(column string) bool { return cfg.Allow(table.Name, column) }
	}
	return w
}

func (w *rowsWriter) fail(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: writeOp, Message: message, Hint: hint}
}

// which adds to an error which of n changes it is of.
func which(i, n int, err error) error {
	err = &SQLiteRowsWriteError{Index: i, Err: err}
	if n == 1 {
		return SQLiteError(writeOp, err)
	}
	return SQLiteError(writeOp, fmt.Errorf("change %d of %d, nothing was written: %w", i+1, n, err))
}

func (w *rowsWriter) change(c SQLiteRowsWriteChange) (SQLiteRowsWriteResult, error) {
	if w.table.Kind != "table" && w.table.Kind != "virtual" {
		return SQLiteRowsWriteResult{}, w.fail(
			core.CodeInvalid, fmt.Sprintf("%q is a %s, which has no rows of its own", w.table.Name, w.table.Kind), "",
		)
	}
	columns, args, err := w.values(c)
	if err != nil {
		return SQLiteRowsWriteResult{}, err
	}
	switch c.Verb {
	case SQLiteRowsInsert, SQLiteRowsUpsert:
		return w.insert(c, columns, args)
	case SQLiteRowsUpdate, SQLiteRowsDelete:
		return w.existing(c, columns, args)
	}
	return SQLiteRowsWriteResult{}, w.fail(
		core.CodeInvalid, fmt.Sprintf("unknown verb %q", c.Verb), "use insert, upsert, update or delete",
	)
}

// values are the columns of a change and their values, in the order of names.
func (w *rowsWriter) values(c SQLiteRowsWriteChange) (columns []string, args []any, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Values)) {
		column := w.rows.column(name)
		if w.rows.err != nil {
			return nil, nil, w.rows.err
		}
		if column.Computed != "" {
			return nil, nil, w.fail(core.CodeInvalid, fmt.Sprintf("column %q is computed from others", column.Name), "")
		}
		if slices.Contains(columns, column.Name) {
			return nil, nil, w.fail(core.CodeInvalid, fmt.Sprintf("column %q is given twice", column.Name), "")
		}
		arg, err := storable(column.Name, c.Values[name])
		if err != nil {
			return nil, nil, err
		}
		columns, args = append(columns, column.Name), append(args, arg)
	}
	return columns, args, nil
}

func storable(column string, value any) (any, error) {
	arg, err := convertArg(column, value)
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: writeOp, Message: fmt.Sprintf("column %q: a %T can't be stored", column, value), Err: err}
	}
	if f, ok := arg.(float64); ok && f != f {
		return nil, &core.Error{
			Code: core.CodeInvalid, Op: writeOp, Message: fmt.Sprintf("column %q: NaN can't be stored", column),
		}
	}
	return arg, nil
}

func (w *rowsWriter) insert(c SQLiteRowsWriteChange, columns []string, args []any) (SQLiteRowsWriteResult, error) {
	if c.Key != nil || c.Match != "" {
		return SQLiteRowsWriteResult{}, w.fail(core.CodeInvalid, "the key of a new row is among its values", "")
	}
	query := "INSERT INTO " + quoteIdent(w.table.Name)
	if len(columns) == 0 {
		query += " DEFAULT VALUES"
	} else {
		query += " (" + quoteIdents(columns) + ") VALUES (" + placeholders(len(columns)) + ")"
	}
	if c.Verb == SQLiteRowsUpsert {
		conflict, err := w.onConflict(columns)
		if err != nil {
			return SQLiteRowsWriteResult{}, err
		}
		query += conflict
	}
	return w.run(query, args, nil)
}

// onConflict updates the row with the same key.
func (w *rowsWriter) onConflict(columns []string) (string, error) {
	key := w.key()
	if w.table.Kind != "table" || w.table.Key == nil || key == nil {
		return "", w.fail(core.CodeInvalid, fmt.Sprintf("%q has no primary key to know a row by", w.table.Name), "use insert and update")
	}
	for _, name := range key {
		if !slices.Contains(columns, name) {
			return "", w.fail(
				core.CodeInvalid, fmt.Sprintf("an upsert needs a value for %q, which is in the key", name), "",
			)
		}
	}
	var sets []string
	for _, name := range columns {
		if !slices.Contains(key, name) {
			sets = append(sets, quoteIdent(name)+" = excluded."+quoteIdent(name))
		}
	}
	if sets == nil { // nothing to change, but the row is still returned
		sets = []string{quoteIdent(key[0]) + " = excluded." + quoteIdent(key[0])}
	}
	return " ON CONFLICT (" + quoteIdents(key) + ") DO UPDATE SET " + strings.Join(sets, ", "), nil
}

// existing updates or deletes the one row with a key.
func (w *rowsWriter) existing(c SQLiteRowsWriteChange, columns []string, args []any) (SQLiteRowsWriteResult, error) {
	none := SQLiteRowsWriteResult{}
	key := w.key()
	switch {
	case key == nil:
		return none, w.fail(core.CodeInvalid, fmt.Sprintf("%q has no key to know a row by", w.table.Name), "")
	case len(c.Key) != len(key):
		return none, w.fail(core.CodeInvalid, fmt.Sprintf("wrong number of values in the key: %d, want %d", len(c.Key), len(key)), "the key is "+strings.Join(key, ", "))
	case c.Verb == SQLiteRowsDelete && len(columns) > 0:
		return none, w.fail(core.CodeInvalid, "a delete has no values", "")
	case c.Verb == SQLiteRowsUpdate && len(columns) == 0:
		return none, w.fail(core.CodeInvalid, "an update needs values", "")
	}
	condition := keyCondition(key, len(args))
	for i, name := range key {
		arg, err := storable(name, c.Key[i])
		if err != nil {
			return none, err
		}
		args = append(args, arg)
	}
	if err := w.matches(c, condition, args); err != nil {
		return none, err
	}
	if c.Verb == SQLiteRowsDelete {
		result, err := w.run("DELETE FROM "+quoteIdent(w.table.Name)+condition, args, c.Key)
		result.ETag = ""
		return result, err
	}
	sets := make([]string, len(columns))
	for i, name := range columns {
		sets[i] = quoteIdent(name) + " = ?" + strconv.Itoa(i+1)
	}
	return w.run("UPDATE "+quoteIdent(w.table.Name)+" SET "+strings.Join(sets, ", ")+condition, args, c.Key)
}

// keyCondition is the WHERE of the row with a key, whose values come after so
// many other parameters.
func keyCondition(key []string, others int) string {
	where := make([]string, len(key))
	for i, name := range key {
		where[i] = quoteIdent(name) + " IS ?" + strconv.Itoa(others+i+1)
	}
	return " WHERE " + strings.Join(where, " AND ")
}

// key is what update and delete know a row by; nil: nothing that may be read.
func (w *rowsWriter) key() []string {
	if w.table.Key == nil {
		return w.rows.uniqueKey()
	}
	if slices.ContainsFunc(w.table.Key, func(name string) bool { return !w.rows.allows(name) }) {
		return nil
	}
	return w.table.Key
}

// matches checks that there is one row under condition, and that it has the
// ETag asked for. The parameters of condition are at the end of args.
func (w *rowsWriter) matches(c SQLiteRowsWriteChange, condition string, args []any) error {
	rows, err := w.read("SELECT "+w.rowColumns()+" FROM "+quoteIdent(w.table.Name)+condition+" LIMIT 2", args)
	switch {
	case err != nil:
		return err
	case len(rows) == 0:
		return w.fail(core.CodeNotFound, fmt.Sprintf("no such row in %q", w.table.Name), "")
	case len(rows) > 1: // a primary key that isn't NOT NULL may have NULL several times
		return w.fail(core.CodeConflict, "several rows have this key", "")
	case c.Match != "" && c.Match != SQLiteRowVersion(rows[0]):
		return &core.Error{Code: core.CodeConflict, Op: writeOp, Err: ErrSQLiteRowChanged, Hint: "read the row again, and decide on what it is now"}
	}
	return nil
}

// rowColumns are all columns of a row, those that ETag counts.
func (w *rowsWriter) rowColumns() string {
	var columns []string
	for _, c := range w.rows.allowed() {
		if !c.Hidden {
			columns = append(columns, "+"+quoteIdent(c.Name))
		}
	}
	return strings.Join(columns, ", ")
}

// run runs a statement that changes one row, and describes that row as it is
// then. key is its key; nil: it is new. RETURNING has the row from before AFTER
// triggers, and nothing useful of a virtual table.
func (w *rowsWriter) run(query string, args, key []any) (SQLiteRowsWriteResult, error) {
	if w.table.Kind == "virtual" {
		return w.runVirtual(query, args, key)
	}
	result, err := w.runReturning(query, args)
	if err == nil && len(w.table.Triggers) > 0 && result.Key != nil {
		result.ETag, err = w.version(result.Key)
	}
	return result, err
}

func (w *rowsWriter) runVirtual(query string, args, key []any) (SQLiteRowsWriteResult, error) {
	if _, err := w.stmts.tx.ExecContext(w.ctx, query, args...); err != nil {
		return SQLiteRowsWriteResult{}, err
	}
	if key == nil && slices.Equal(w.key(), []string{w.table.RowID}) {
		inserted, err := w.read("SELECT last_insert_rowid()", nil)
		if err != nil {
			return SQLiteRowsWriteResult{}, err
		}
		key = inserted[0]
	}
	if key == nil {
		return SQLiteRowsWriteResult{}, nil
	}
	tag, err := w.version(key)
	return SQLiteRowsWriteResult{Key: key, ETag: tag}, err
}

// version is the ETag of the row with a key; "": there is none.
func (w *rowsWriter) version(key []any) (string, error) {
	rows, err := w.read("SELECT "+w.rowColumns()+" FROM "+quoteIdent(w.table.Name)+keyCondition(w.key(), 0), key)
	if err != nil || len(rows) != 1 {
		return "", err
	}
	return SQLiteRowVersion(rows[0]), nil
}

func (w *rowsWriter) runReturning(query string, args []any) (SQLiteRowsWriteResult, error) {
	key := w.key()
	query += " RETURNING " + w.rowColumns()
	if key != nil {
		query += ", +" + strings.ReplaceAll(quoteIdents(key), ", ", ", +")
	}
	rows, err := w.read(query, args)
	if err != nil {
		return SQLiteRowsWriteResult{}, err
	}
	if len(rows) != 1 { // a trigger kept it from being written
		return SQLiteRowsWriteResult{}, w.fail(
			core.CodeConflict, "the row was not written: a trigger or a rule of the table ignored it", "",
		)
	}
	row, of := rows[0][:len(rows[0])-len(key)], rows[0][len(rows[0])-len(key):]
	result := SQLiteRowsWriteResult{ETag: SQLiteRowVersion(row)}
	if key != nil {
		result.Key = of
	}
	return result, nil
}

func (w *rowsWriter) read(query string, args []any) ([][]any, error) {
	found, err := w.stmts.query(w.ctx, query, args)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for found.Next() {
		row, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

func quoteIdents(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteIdent(name)
	}
	return strings.Join(quoted, ", ")
}

func placeholders(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "?" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}
