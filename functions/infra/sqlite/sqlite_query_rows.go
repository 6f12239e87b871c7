package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

const queryRowsOp = "sqlite_query_rows"

// SQLiteQueryRowsConfig is a query for [SQLiteQueryRows].
type SQLiteQueryRowsConfig struct {
	Query    string         // one statement; a trailing ; is fine; required
	Args     []any          // for ? and ?NNN, by position
	Named    map[string]any // for :name, @name and $name, without the prefix; a statement uses Args or Named, not both
	ReadOnly bool           // refuse whatever could write: SELECT, VALUES, WITH and EXPLAIN of these, with query_only on
	Stored   bool           // of a read, values come as they are stored: else drivers read a declared type into them, and a DATE becomes a time.Time
}

// SQLiteQueryRows checks one query, runs it on a connection of its own and
// passes the rows to read, which it calls once; it closes them afterwards. It
// is for SQL from outside, beside sqlite_open's Sandbox: one statement, as many
// values as parameters, and with ReadOnly nothing that could write. The end of
// ctx stops the query, wherever it is (with pools of sqlite_open). db stays
// open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; read's own error; what [SQLiteError] gives for the rest.
//
// More in sqlite_query_rows.md:
//   - Errors between rows are for read to look at: check rows.Err().
//   - rows must not be kept beyond read.
func SQLiteQueryRows(ctx context.Context, db *sql.DB, cfg SQLiteQueryRowsConfig, read func(rows *sql.Rows) error) error {
	args, err := prepareQuery(cfg)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return SQLiteError(queryRowsOp, err)
	}
	defer conn.Close()
	if cfg.ReadOnly {
		restore, err := queryOnly(ctx, conn)
		if err != nil {
			return SQLiteError(queryRowsOp, err)
		}
		defer restore()
	}
	err = runQuery(ctx, conn, cfg, args, read)
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		err = ctxErr // a driver may report "interrupted"
	}
	return SQLiteError(queryRowsOp, err)
}

func runQuery(ctx context.Context, conn *sql.Conn, cfg SQLiteQueryRowsConfig, args []any, read func(*sql.Rows) error) error {
	query := cfg.Query
	if statement := splitSQL(query)[0]; cfg.Stored && onlyReads(statement.words) && statement.words[0] != "EXPLAIN" {
		var err error
		if query, err = withoutTypes(ctx, conn, statement.text, args); err != nil {
			return err
		}
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	return read(rows)
}

// withoutTypes puts a query around a query, whose columns have no declared
// types.
func withoutTypes(ctx context.Context, conn *sql.Conn, query string, args []any) (string, error) {
	// That it is a statement by itself, and not only between brackets.
	if _, err := columnsOf(ctx, conn, "EXPLAIN "+query, args); err != nil {
		return "", err
	}
	inner, err := columnsOf(ctx, conn, "SELECT * FROM ("+query+") LIMIT 0", args)
	if core.ErrorCode(SQLiteError(queryRowsOp, err)) == core.CodeUnavailable { // rather than wait for a lock once more
		return "", err
	}
	if err != nil {
		return query, nil // it writes, behind a WITH, which is refused when it runs
	}
	columns := make([]string, len(inner))
	for i, name := range inner {
		outer := name
		// SQLite numbers columns of the same name in a query within a query.
		if at := strings.LastIndexByte(name, ':'); at > 0 && slices.Contains(inner[:i], name[:at]) && isDigits(name[at+1:]) {
			outer = name[:at]
		}
		columns[i] = "+" + quoteIdent(name) + " AS " + quoteIdent(outer)
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM (" + query + ")", nil
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func columnsOf(ctx context.Context, conn *sql.Conn, query string, args []any) ([]string, error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return rows.Columns()
}

// prepareQuery checks the query's text and orders its parameters.
func prepareQuery(cfg SQLiteQueryRowsConfig) ([]any, error) {
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
	return &core.Error{Code: code, Op: queryRowsOp, Message: message, Hint: hint}
}
