//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// DuckDBImportConfig says what [DuckDBImport] reads, and into which table.
type DuckDBImportConfig struct {
	Path      string            // the file; required
	Glob      bool              // *, ?, [...] and ** in Path are wildcards; default: literal characters
	Format    string            // "csv", "ndjson" or "parquet"; default by the extension: .csv, .tsv, .ndjson, .jsonl, .parquet; .gz or .zst may follow the text formats
	Table     string            // the bare name, unquoted; required
	Schema    string            // default: the connection's, main
	Append    bool              // into an existing table, by column name; default: the table is created and must not exist
	NoHeader  bool              // CSV: the first line is data; columns are column0, column1, ... or, with Append, those of the table in order
	Delimiter string            // CSV: one character; default a comma, for .tsv a tab
	Null      string            // CSV: the unquoted text that stands for NULL; default: the empty text
	Types     map[string]string // CSV and NDJSON, not with Append: column types by name that override the detected ones, such as price: DECIMAL(9,2)

	// DateFormat is for CSV: how dates are written, as strptime has it, such
	// as %d/%m/%Y. Default ISO alone, 2006-01-02.
	DateFormat string
	// OnColumns is called with what each column becomes, in the file's order,
	// before the rows are loaded. Default nil: that is not reported.
	OnColumns func([]DuckDBImportColumn)
}

const importOp = "duckdb_import"

// DuckDBImport loads a CSV, NDJSON or Parquet file into a new table, or appends
// it to one that is there, and returns how many rows it had. It is one
// statement: all rows are in, or none. Types of a new table are detected on the
// whole file, which is therefore read twice; with Append those of the table are
// taken, so that 01234 stays text where the column is text.
//
// CSV is RFC 4180: quoted by ", a quote in it doubled, the first line names the
// columns. Nothing of this is guessed: DuckDB's own detection leaves out lines
// that don't fit. A quoted "" is an empty text, not NULL.
//
// The end of ctx stops it within about half a second, and nothing is in.
//
// Errors: CodeNotFound for a missing file, or a missing table with Append;
// CodeConflict for a table that is there without it; CodeInvalid, with the
// line's number (from 1), for a file that can't be read, and for columns that
// the table lacks; CodeTimeout and CodeCanceled for ctx; what [DuckDBError]
// gives for the rest.
//
// More in duckdb_import.md:
//   - CSV is RFC 4180 and nothing else.
//   - A column of a new table is text unless another type represents all its
//     values without loss; t, yes, 01/02/2026, 007, +1 and numbers of more than
//     19 digits (15 with a fraction) stay text.
func DuckDBImport(ctx context.Context, db *sql.DB, cfg DuckDBImportConfig) (int64, error) {
	if err := checkTable(importOp, cfg.Schema, cfg.Table); err != nil {
		return 0, err
	}
	source, err := newSource(cfg)
	if err != nil {
		return 0, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, queryError(ctx, importOp, err)
	}
	defer conn.Close()
	rows, err := load(ctx, conn, source, cfg)
	if err != nil && isTooLong(err) {
		source.wide, source.columns = true, nil
		rows, err = load(ctx, conn, source, cfg)
	}
	if err != nil {
		return 0, importError(ctx, source, err)
	}
	return rows, nil
}

func load(ctx context.Context, conn *sql.Conn, source *source, cfg DuckDBImportConfig) (int64, error) {
	statement, err := importSQL(ctx, conn, source, cfg)
	if err != nil {
		return 0, err
	}
	return countedExec(ctx, conn, statement)
}

// countedExec runs a statement whose result is a count of rows. The driver's
// RowsAffected is 0 for some of them.
func countedExec(ctx context.Context, conn *sql.Conn, statement string, args ...any) (n int64, err error) {
	err = conn.QueryRowContext(ctx, statement, args...).Scan(&n)
	return n, err
}

// importSQL returns the one statement that imports the file.
func importSQL(ctx context.Context, conn *sql.Conn, source *source, cfg DuckDBImportConfig) (string, error) {
	table := quoteTable(cfg.Schema, cfg.Table)
	if !cfg.Append {
		if err := source.setTypes(ctx, conn, cfg.Types); err != nil {
			return "", err
		}
		if err := source.settle(ctx, conn, cfg); err != nil {
			return "", err
		}
		return "CREATE TABLE " + table + " AS SELECT * FROM " + source.sql(), nil
	}
	columns, err := tableColumns(conn, table)
	if err != nil {
		return "", err
	}
	names, err := source.matchTable(ctx, conn, columns)
	if err != nil {
		return "", err
	}
	if err := source.settle(ctx, conn, cfg); err != nil {
		return "", err
	}
	return "INSERT INTO " + table + " (" + names + ") SELECT * FROM " + source.sql(), nil
}

// settle determines the types that were not given, checks the text of those
// that were, and reports them all.
func (s *source) settle(ctx context.Context, conn *sql.Conn, cfg DuckDBImportConfig) error {
	if err := s.detect(ctx, conn); err != nil {
		return err
	}
	if err := s.checkGiven(ctx, conn); err != nil {
		return err
	}
	if cfg.OnColumns != nil {
		cfg.OnColumns(s.report())
	}
	return nil
}

func tableColumns(conn *sql.Conn, table string) (columns []queryColumn, err error) {
	err = conn.Raw(func(c any) error {
		query := "SELECT * FROM " + table
		prepared, err := c.(*driver.Conn).Prepare(query)
		if err != nil {
			return notFound(importOp, err)
		}
		_ = prepared.Close()
		columns, err = describeOn(c.(*driver.Conn), query)
		return err
	})
	return columns, err
}

// setTypes describes the file's columns and applies the types that were given.
func (s *source) setTypes(ctx context.Context, conn *sql.Conn, wanted map[string]string) error {
	if err := s.describe(ctx, conn); err != nil {
		return err
	}
	for name, typ := range wanted {
		at := s.column(name)
		if at < 0 {
			return importInvalid(fmt.Sprintf("Types names a column %q that the file doesn't have", name))
		}
		if err := checkText(importOp, "a type", typ); err != nil {
			return err
		}
		s.columns[at].typ, s.columns[at].fixed = typ, true
	}
	return nil
}

// matchTable uses the table's types for the file's columns, and lists the
// table's columns in the file's order.
func (s *source) matchTable(ctx context.Context, conn *sql.Conn, table []queryColumn) (string, error) {
	if err := s.describe(ctx, conn); err != nil {
		return "", err
	}
	if !s.named && len(s.columns) != len(table) {
		return "", importInvalid(fmt.Sprintf("the file has %d columns, the table %d", len(s.columns), len(table)))
	}
	var names []string
	for i := range s.columns {
		c := &s.columns[i]
		at := i
		if s.named {
			if at = findColumn(table, c.name); at < 0 {
				return "", importInvalid(fmt.Sprintf("the table has no column %q", c.name))
			}
		}
		c.own, c.typ, c.fixed = c.typ, table[at].typ, true
		names = append(names, quoteName(table[at].name))
	}
	return strings.Join(names, ", "), nil
}

// findColumn finds a column by name, ignoring case as DuckDB does.
func findColumn(columns []queryColumn, name string) int {
	for i, c := range columns {
		if strings.EqualFold(c.name, name) {
			return i
		}
	}
	return -1
}

func importInvalid(message string) error {
	return &core.Error{Code: core.CodeInvalid, Op: importOp, Message: message}
}

// importError puts the line number before DuckDB's message about a file.
// DuckDB's own texts go on to print the whole line and a list of settings.
func importError(ctx context.Context, s *source, err error) error {
	err = queryError(ctx, importOp, err)
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Err == nil || ctx.Err() != nil {
		return err
	}
	if message := s.faultText(coded.Err.Error()); message != "" {
		return &core.Error{Code: core.CodeInvalid, Op: importOp, Message: message}
	}
	return err
}
