package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
)

// SQLiteQueryJSONConfig is a query and how its rows are written by
// [SQLiteQueryJSON].
type SQLiteQueryJSONConfig struct {
	Query    string         // one statement; a trailing ; is fine; required
	Args     []any          // for ? and ?NNN, by position
	Named    map[string]any // for :name, @name and $name, without the prefix; a statement uses Args or Named, not both
	ReadOnly bool           // refuse whatever could write: SELECT, VALUES, WITH and EXPLAIN of these, with query_only on
	NDJSON   bool           // one object per line instead of one array
	MaxRows  int            // maximum rows written; default 10,000; negative: no limit
	MaxBytes int64          // maximum bytes written; default 64 MiB; negative: no limit
	BigInts  bool           // write every integer as a number; default: those beyond ±(2^53-1) as strings, since JavaScript rounds them
}

// SQLiteQueryJSON runs one query and writes its rows to w as they come, as a
// JSON array of objects or as one object a line. NULL is null, an integer a
// number (but see BigInts), a real a number with a point or an exponent, text a
// string, a blob a string in base64; in columns declared BOOLEAN 0 and 1 are
// false and true, and in those declared DATE, DATETIME or TIMESTAMP text that
// the driver reads as a time is RFC 3339 (a DATE at midnight: 2006-01-02).
//
// The end of ctx stops the query, wherever it is (with pools of sqlite_open).
// Nothing is written before the first row is there, so that with Result.Bytes 0
// an HTTP handler can still answer with an error; after an error further on the
// array is left open, so that no one takes it for whole. db stays open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; what [SQLiteError] gives for the rest; w's own error as it is,
// wrapped.
//
// More in sqlite_query_json.md:
//   - Rows are objects, not arrays: two columns of the same name become id and
//     id_2.
//   - 2.0 stays 2.0, so that a real can be distinguished from an integer.
func SQLiteQueryJSON(
	ctx context.Context,
	db *sql.DB,
	w io.Writer,
	cfg SQLiteQueryJSONConfig,
) (rowjson.RowsJSONResult, error) {
	args, err := prepareQuery(cfg)
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return rowjson.RowsJSONResult{}, SQLiteError("sqlite_query_json", err)
	}
	defer conn.Close()
	if cfg.ReadOnly {
		restore, err := queryOnly(ctx, conn)
		if err != nil {
			return rowjson.RowsJSONResult{}, SQLiteError("sqlite_query_json", err)
		}
		defer restore()
	}
	result, err := runQuery(ctx, conn, w, cfg, args)
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		err = ctxErr // a driver may report "interrupted"
	}
	return result, SQLiteError("sqlite_query_json", err)
}

func runQuery(
	ctx context.Context,
	conn *sql.Conn,
	w io.Writer,
	cfg SQLiteQueryJSONConfig,
	args []any,
) (rowjson.RowsJSONResult, error) {
	rows, err := conn.QueryContext(ctx, cfg.Query, args...)
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	defer rows.Close()
	columns, err := jsonColumns(rows, rowjson.RowJSON{BigInts: cfg.BigInts})
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	return rowjson.RowsJSONWrite(
		w,
		rows,
		rowjson.RowsJSONWriteConfig{Columns: columns, NDJSON: cfg.NDJSON, MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes},
	)
}

// prepareQuery checks the query's text and orders its parameters.
func prepareQuery(cfg SQLiteQueryJSONConfig) ([]any, error) {
	for _, c := range []byte(cfg.Query) {
		if c == 0 {
			return nil, queryError(core.CodeInvalid, "the query holds a NUL byte", "")
		}
	}
	switch statements := splitSQL(cfg.Query); {
	case len(statements) == 0:
		return nil, queryError(core.CodeInvalid, "the query is empty", "")
	case len(statements) > 1:
		return nil, queryError(
			core.CodeInvalid,
			fmt.Sprintf("the query holds %d statements", len(statements)),
			"pass one statement per call",
		)
	case cfg.ReadOnly && !isSQL(statements[0].words):
		return nil, queryError(core.CodeInvalid, "not a SQLite statement", "SELECT, VALUES, WITH and EXPLAIN of these read")
	case cfg.ReadOnly && !onlyReads(statements[0].words):
		return nil, queryError(core.CodeForbidden, "not a read-only statement", "SELECT, VALUES, WITH and EXPLAIN of these are; for a PRAGMA use its table: SELECT * FROM pragma_table_info('t')")
	default:
		return bindArgs(statements[0].params, cfg)
	}
}

// isSQL reports whether a text begins like a SQLite statement: a mistyped word
// is invalid, not forbidden.
func isSQL(words []string) bool {
	if len(words) == 0 {
		return true // such as (SELECT 1): no word is mistyped
	}
	switch words[0] {
	case "ALTER", "ANALYZE", "ATTACH", "BEGIN", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP", "END", "EXPLAIN",
		"INSERT", "PRAGMA", "REINDEX", "RELEASE", "REPLACE", "ROLLBACK", "SAVEPOINT", "SELECT", "UPDATE", "VACUUM", "VALUES", "WITH":
		return true
	}
	return false
}

// onlyReads reports whether a statement that begins with these words can only
// read while query_only is on. The list excludes whatever could turn query_only
// off: EXPLAIN PRAGMA, too, since SQLite runs that pragma while parsing.
func onlyReads(words []string) bool {
	if len(words) > 0 && words[0] == "EXPLAIN" {
		words = words[1:]
		if len(words) > 1 && words[0] == "QUERY" && words[1] == "PLAN" {
			words = words[2:]
		}
	}
	if len(words) == 0 {
		return false
	}
	switch words[0] {
	case "SELECT", "VALUES", "WITH":
		return true
	}
	return false
}

// queryOnly makes the connection refuse writes and returns a function that
// reverts that. A connection that can't be restored is removed from the pool.
func queryOnly(ctx context.Context, conn *sql.Conn) (restore func(), err error) {
	var already bool
	if err := conn.QueryRowContext(ctx, "PRAGMA query_only").Scan(&already); err != nil || already {
		return func() {}, err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = ON"); err != nil {
		return nil, err
	}
	return func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = OFF"); err != nil {
			discard(conn)
		}
	}, nil
}

func queryError(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: "sqlite_query_json", Message: message, Hint: hint}
}
