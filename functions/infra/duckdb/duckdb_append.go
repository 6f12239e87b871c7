//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// DuckDBAppendConfig says where [DuckDBAppend] puts its rows.
type DuckDBAppendConfig struct {
	Table   string   // the bare name, unquoted; required
	Schema  string   // default: the connection's, main
	Columns []string // columns of each row, in this order; the others get their DEFAULT; default: all columns
}

const appendOp = "duckdb_append"

// DuckDBAppend loads rows into a table by DuckDB's appender, the fastest way
// in, and returns how many there were. It is one transaction: all rows are in
// when it returns no error, and none else: when the iterator gives an error,
// the end of ctx is seen (it is looked at before each row), a row doesn't fit
// or a constraint is broken.
//
// A row is one value for each column; the slice, and byte slices in it, may be
// used again by the iterator. Values are checked against the column's type,
// where the driver's appender would cut them off in silence: integers that fit,
// floats without a fraction for integer columns, numbers or decimal text for
// DECIMAL (rounded half away from zero), UTF-8 text, time.Time (its own date
// for DATE, UTC for TIMESTAMP), time.Duration for INTERVAL, [16]byte or text
// for UUID, slices for LIST and ARRAY, map[string]any for STRUCT, any map for
// MAP, what encoding/json takes for JSON (json.RawMessage for JSON text).
//
// Errors: CodeNotFound for a missing table or column, CodeInvalid with the
// row's number (from 1) and the column for a value that doesn't fit,
// CodeConflict for a broken key, CodeTimeout and CodeCanceled for ctx, what
// [DuckDBError] gives for the rest; the iterator's own error as it is, wrapped
// with the row's number.
//
// More in duckdb_append.md:
//   - Why not the driver's Appender: it silently turns 300 into 44 in a TINYINT
//     and 1.5 into 0.01 in a DECIMAL(5,2), cuts text at a NUL byte, writes an
//     ENUM of more than 255 values as nothing, and shifts dates before 1970.
//   - Whole numbers that a FLOAT or DOUBLE can't represent, and fractions that
//     would become 0 in a FLOAT, are refused.
func DuckDBAppend(
	ctx context.Context,
	db *sql.DB,
	cfg DuckDBAppendConfig,
	rows iter.Seq2[[]any, error],
) (int64, error) {
	if err := checkTable(appendOp, cfg.Schema, cfg.Table); err != nil {
		return 0, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, queryError(ctx, appendOp, err)
	}
	defer conn.Close()
	var n int64
	err = conn.Raw(func(c any) error {
		n, err = appendInTransaction(ctx, c.(*driver.Conn), cfg, rows)
		return err
	})
	if err != nil {
		return 0, DuckDBError(appendOp, err)
	}
	return n, nil
}

// appendInTransaction works on the driver's connection, as the appender does.
func appendInTransaction(
	ctx context.Context,
	conn *driver.Conn,
	cfg DuckDBAppendConfig,
	rows iter.Seq2[[]any, error],
) (n int64, err error) {
	tx, err := conn.BeginTx(ctx, sqldriver.TxOptions{})
	if err != nil {
		return 0, err
	}
	committing := false
	defer func() { // also when the iterator panics
		if committing {
			return
		}
		if rollback := tx.Rollback(); rollback != nil && err != nil {
			err = errors.Join(err, rollback)
		}
	}()
	if n, err = appendAll(ctx, conn, cfg, rows); err != nil {
		return 0, err
	}
	committing = true // a failed commit has rolled back
	return n, tx.Commit()
}

func appendAll(
	ctx context.Context,
	conn *driver.Conn,
	cfg DuckDBAppendConfig,
	rows iter.Seq2[[]any, error],
) (n int64, err error) {
	var waiting int // bytes of text and blobs
	columns, err := appendColumns(conn, cfg, &waiting)
	if err != nil {
		return 0, err
	}
	appender, err := newAppender(conn, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { // it holds memory of DuckDB
		if closed := appender.Close(); err == nil {
			err = closed
		}
	}()
	p := startPump(appender, len(columns))
	ended := false
	defer func() { // before the appender is closed
		if !ended && err == nil {
			err = errPanic
		}
		err = p.stop(err)
	}()
	for row, err := range rows {
		if err != nil {
			return n, fmt.Errorf("row %d: %w", n+1, err)
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := convertRow(columns, n+1, row, p.slot()); err != nil {
			return n, err
		}
		n++
		p.batch.bytes += waiting
		waiting = 0
		if err := p.push(); err != nil {
			return n, err
		}
	}
	ended = true
	return n, ctx.Err()
}

// errPanic stands for a panic of the iterator; it is never returned, since the
// panic continues.
var errPanic = errors.New("the iterator panicked")

func newAppender(conn *driver.Conn, cfg DuckDBAppendConfig) (*driver.Appender, error) {
	if len(cfg.Columns) == 0 {
		return driver.NewAppender(conn, "", cfg.Schema, cfg.Table)
	}
	return driver.NewAppenderWithColumns(conn, "", cfg.Schema, cfg.Table, cfg.Columns)
}

// rowError wraps an error of the driver about a value, which quotes the whole
// value. Other errors concern earlier rows, or the disk.
func rowError(row int64, err error) error {
	text, _, found := strings.Cut(err.Error(), ", val: ")
	if !found {
		return err
	}
	return &core.Error{Code: core.CodeInvalid, Op: appendOp, Message: fmt.Sprintf("row %d: %s", row, text)}
}

// convertRow turns a panic of a value's own methods into an error.
func convertRow(columns []appendColumn, number int64, row []any, values []sqldriver.Value) (err error) {
	at := 0
	defer func() {
		if p := recover(); p != nil {
			err = valueError(number, columns[at].name, fmt.Errorf("a %T panicked while it was converted", row[at]))
		}
	}()
	if len(row) != len(columns) {
		return &core.Error{
			Code:    core.CodeInvalid,
			Op:      appendOp,
			Message: fmt.Sprintf("row %d: has %d values for %d columns", number, len(row), len(columns)),
		}
	}
	for i := range columns {
		if row[i] == nil {
			values[i] = nil
			continue
		}
		at = i
		value, err := columns[i].convert(row[i])
		if err != nil {
			return valueError(number, columns[i].name, err)
		}
		values[i] = value
	}
	return nil
}

func valueError(row int64, column string, err error) error {
	return &core.Error{Code: core.CodeInvalid, Op: appendOp, Message: fmt.Sprintf("row %d, column %q", row, column), Err: err}
}

// appendColumn is one column being loaded.
type appendColumn struct {
	name    string
	convert converter
}

// appendColumns queries the types of the columns and picks the converters.
func appendColumns(conn *driver.Conn, cfg DuckDBAppendConfig, waiting *int) ([]appendColumn, error) {
	var names []string
	for i, name := range cfg.Columns {
		if err := checkText(appendOp, "a column's name", name); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(cfg.Columns[:i], func(other string) bool { return strings.EqualFold(name, other) }) {
			return nil, &core.Error{
				Code:    core.CodeInvalid,
				Op:      appendOp,
				Message: fmt.Sprintf("Columns has %q twice", name),
			}
		}
		names = append(names, quoteName(name))
	}
	list := "*"
	if len(names) > 0 {
		list = strings.Join(names, ", ")
	}
	query := "SELECT " + list + " FROM " + quoteTable(cfg.Schema, cfg.Table)
	prepared, err := conn.Prepare(query)
	if err != nil {
		return nil, notFound(appendOp, err)
	}
	defer prepared.Close()
	types, err := describeOn(conn, query)
	if err != nil {
		return nil, err
	}
	stmt := prepared.(*driver.Stmt)
	columns := make([]appendColumn, len(types))
	for i, c := range types {
		info, err := stmt.ColumnTypeInfo(i)
		if err != nil {
			return nil, &core.Error{
				Code:    core.CodeUnsupported,
				Op:      appendOp,
				Message: fmt.Sprintf("column %q: the driver can't write a %s", c.name, c.typ),
				Err:     err,
			}
		}
		convert, err := newConverter(info, c.typ == "JSON", waiting)
		if err != nil {
			return nil, &core.Error{Code: core.CodeUnsupported, Op: appendOp, Message: fmt.Sprintf("column %q", c.name), Err: err}
		}
		columns[i] = appendColumn{c.name, convert}
	}
	return columns, nil
}

// describeOn is describe on the driver's connection, inside its transaction.
func describeOn(conn *driver.Conn, query string) ([]queryColumn, error) {
	rows, err := conn.QueryContext(context.Background(), "DESCRIBE "+query, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns []queryColumn
	values := make([]sqldriver.Value, len(rows.Columns()))
	for rows.Next(values) == nil {
		name, _ := values[0].(string)
		typ, _ := values[1].(string)
		columns = append(columns, queryColumn{name: name, typ: typ})
	}
	return columns, nil
}

// notFound gives a missing table or column its own code; in SQL written by
// someone else it would be an ordinary mistake.
func notFound(op string, err error) error {
	text := err.Error()
	if strings.Contains(text, "does not exist") || strings.Contains(text, "not found in FROM clause") {
		first, _, _ := strings.Cut(text, "\n") // the query that follows is internal
		return &core.Error{Code: core.CodeNotFound, Op: op, Message: first}
	}
	return err
}
