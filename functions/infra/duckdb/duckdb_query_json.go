//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"io"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
)

// DuckDBQueryJSONConfig is a query and how its rows are written by
// [DuckDBQueryJSON].
type DuckDBQueryJSONConfig struct {
	Query    string         // one statement; a trailing ; is fine; required
	Args     []any          // for ? and $1, by position
	Named    map[string]any // for $name, without the prefix; a statement uses Args or Named, not both
	ReadOnly bool           // refuse what could write: only SELECT, VALUES, WITH, SHOW, EXPLAIN of these and similar, in a read-only transaction
	NDJSON   bool           // one object per line instead of one array
	MaxRows  int            // maximum rows written; default 10,000; negative: no limit
	MaxBytes int64          // maximum bytes written; default 64 MiB; negative: no limit
	BigInts  bool           // write every integer and decimal as a number; default: those that JavaScript would round as strings
}

const queryOp = "duckdb_query_json"

// DuckDBQueryJSON runs one query and writes its rows to w piece by piece, as a
// JSON array of objects or as one object a line. NULL is null, an integer and a
// decimal a number (but see BigInts), a real a number with a point or an
// exponent, NaN and the infinities strings, text a string, a blob a string in
// base64, a DATE 2006-01-02, a TIMESTAMP RFC 3339 in UTC, JSON itself; lists
// and arrays are arrays, structs, maps and unions objects; what is left (UUID,
// TIME, INTERVAL, ENUM, BIT, ...) is the text that DuckDB writes for it.
//
// The end of ctx stops the query, wherever it is, within about half a second.
// The driver has the whole result in memory before the first row comes, beside
// MemoryLimit: the query is therefore given MaxRows as its LIMIT. Nothing is
// written before that, so that with Result.Bytes 0 an HTTP handler can still
// answer with an error; after an error further on the array is left open, so
// that no one takes it for whole. db stays open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; what [DuckDBError] gives for the rest; w's own error as it is,
// wrapped.
//
// More in duckdb_query_json.md:
//   - The driver has the whole result in memory before the first row, and
//     outside MemoryLimit.
//   - How types are written: DECIMAL with all its digits (1.50), HUGEINT as an
//     integer, FLOAT and DOUBLE with a point (2.0), "NaN", "Infinity",
//     "-Infinity"; BLOB base64; DATE 2006-01-02, TIMESTAMP (with or without
//     zone) RFC 3339 in UTC, infinite ones "infinity" and "-infinity"; JSON as
//     it is, all digits kept; LIST and ARRAY arrays, STRUCT and MAP objects (a
//     map's keys as text, sorted), UNION {"tag": value}.
func DuckDBQueryJSON(
	ctx context.Context,
	db *sql.DB,
	w io.Writer,
	cfg DuckDBQueryJSONConfig,
) (rowjson.RowsJSONResult, error) {
	if err := checkText(queryOp, "the query", cfg.Query); err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return rowjson.RowsJSONResult{}, queryError(ctx, queryOp, err)
	}
	defer conn.Close()
	if cfg.ReadOnly {
		end, err := beginReadOnly(ctx, conn)
		if err != nil {
			return rowjson.RowsJSONResult{}, queryError(ctx, queryOp, err)
		}
		defer end()
	}
	result, err := runQuery(ctx, conn, w, cfg)
	return result, queryError(ctx, queryOp, err)
}

func runQuery(
	ctx context.Context,
	conn *sql.Conn,
	w io.Writer,
	cfg DuckDBQueryJSONConfig,
) (none rowjson.RowsJSONResult, err error) {
	statement, err := prepare(conn, queryOp, cfg.Query, cfg.ReadOnly)
	if err != nil {
		return none, err
	}
	if word, _ := firstWord(cfg.Query); cfg.ReadOnly && !statement.reads && !isSQL(word) {
		return none, &core.Error{Code: core.CodeInvalid, Op: queryOp, Message: "not a DuckDB statement",
			Hint: "SELECT, VALUES, WITH, DESCRIBE, SHOW and EXPLAIN of a SELECT read"}
	}
	if cfg.ReadOnly && !statement.reads {
		return none, &core.Error{
			Code:    core.CodeForbidden,
			Op:      queryOp,
			Message: "not a read-only statement",
			Hint:    "SELECT, VALUES, WITH, DESCRIBE, SHOW and EXPLAIN of a SELECT are",
		}
	}
	args, err := bindArgs(queryOp, statement.params, cfg.Args, cfg.Named)
	if err != nil {
		return none, err
	}
	query := statement.text
	var columns []queryColumn
	if statement.selects {
		described, ok, err := describe(ctx, conn, query, args)
		if err != nil {
			return none, err
		}
		if ok { // otherwise it is run unchanged
			columns = described
			query = wrapQuery(query, columns, cmp.Or(cfg.MaxRows, rowjson.DefaultMaxRows))
		}
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return none, err
	}
	defer rows.Close()
	if columns == nil {
		if columns, err = driverColumns(rows); err != nil {
			return none, err
		}
	}
	return rowjson.RowsJSONWrite(w, rows, rowjson.RowsJSONWriteConfig{
		Columns: jsonColumns(columns, cfg.BigInts), NDJSON: cfg.NDJSON, MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes,
	})
}

// beginReadOnly starts a transaction that refuses writes, and returns a
// function that ends it. A connection that can't be restored is removed from
// the pool.
func beginReadOnly(ctx context.Context, conn *sql.Conn) (end func(), err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return nil, err
	}
	return func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
			_ = conn.Raw(func(any) error { return sqldriver.ErrBadConn })
		}
	}, nil
}
