package postgres

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
)

// PostgresQueryJSONConfig is a query and how its rows are written by
// [PostgresQueryJSON].
type PostgresQueryJSONConfig struct {
	Query    string         // one statement; a ; behind it is fine; required
	Args     []any          // for $1, $2, ..., by position
	Named    map[string]any // for @name, without the @; a statement uses Args or Named, not both
	ReadOnly bool           // refuse what could write: only SELECT, VALUES, WITH, TABLE, SHOW and EXPLAIN, in a read-only transaction that is rolled back
	NDJSON   bool           // one object a line instead of one array
	MaxRows  int            // rows written at most; default 10,000; negative: no limit
	MaxBytes int64          // bytes written at most; default 64 MiB; negative: no limit
	BigInts  bool           // write every integer and numeric as a number; default: those that JavaScript would round as strings
}

const queryJSONOp = "postgres_query_json"

// PostgresQueryJSON runs one query and writes its rows to w as they come, as a
// JSON array of objects or as one object a line. NULL is null, an integer and a
// numeric a number (but see BigInts), a float a number with a point or an
// exponent, NaN and the infinities strings, text a string, bytea a string in
// base64, a date 2006-01-02, a timestamp (with or without time zone) RFC 3339
// in UTC, json and jsonb themselves; arrays are arrays; what is left (uuid,
// interval, enums, ranges, rows, ...) is the text that PostgreSQL writes for
// it.
//
// Parameters have the types of their Go values: an integer is int or bigint, a
// float double precision, a string whatever the statement makes of it. Nothing
// is prepared, so it works through PgBouncer in every mode.
//
// The end of ctx stops the query on the server, too. Nothing is written before
// the first row is there, so that with Result.Bytes 0 an HTTP handler can still
// answer with an error; after an error further on the array is left open, so
// that no one takes it for whole. The pool stays open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; what [PostgresError] gives for the rest; w's own error as it is,
// wrapped.
//
// More in postgres_query_json.md:
//   - ReadOnly keeps tables as they are, but functions may do what the user may
//     do (pg_terminate_backend, lo_import, dblink): give strangers a user with
//     few rights.
//   - A result that MaxRows or MaxBytes cuts costs its connection, which the
//     pool replaces: pgx would have to read the rest.
func PostgresQueryJSON(ctx context.Context, pool *pgxpool.Pool, w io.Writer, cfg PostgresQueryJSONConfig) (rowjson.RowsJSONResult, error) {
	statement, args, err := prepareQueryJSON(cfg)
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return rowjson.RowsJSONResult{}, queryJSONError(ctx, err)
	}
	defer conn.Release()
	params, err := encodeParams(conn.Conn().TypeMap(), args)
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	if cfg.ReadOnly {
		if _, err := conn.Exec(ctx, "BEGIN READ ONLY"); err != nil {
			return rowjson.RowsJSONResult{}, queryJSONError(ctx, err)
		}
		defer rollBack(conn)
	}
	result, err := runQueryJSON(ctx, conn.Conn().PgConn(), w, cfg, statement, params)
	return result, queryJSONError(ctx, err)
}

// rollBack ends the transaction. A connection on which that fails is not used
// again: the pool looks at its state.
func rollBack(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK")
}

func runQueryJSON(
	ctx context.Context,
	conn *pgconn.PgConn,
	w io.Writer,
	cfg PostgresQueryJSONConfig,
	statement string,
	params queryParams,
) (rowjson.RowsJSONResult, error) {
	running, cut := context.WithCancel(ctx)
	defer cut()
	rows := &textRows{reader: conn.ExecParams(running, statement, params.values, params.types, nil, nil)}
	defer rows.Close()
	return rowjson.RowsJSONWrite(w, rows, rowjson.RowsJSONWriteConfig{
		Columns: rows.columns(rowjson.RowJSON{BigInts: cfg.BigInts}),
		NDJSON:  cfg.NDJSON, MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes, Cut: cut,
	})
}

// prepareQueryJSON checks the query's text and puts its parameters in order.
func prepareQueryJSON(cfg PostgresQueryJSONConfig) (statement string, args []any, err error) {
	text := scanSQL(cfg.Query, cfg.Named != nil)
	switch {
	case text.word == "" && !text.other:
		return "", nil, queryJSONInvalid("the query is empty", "")
	case cfg.ReadOnly && !readingWords[text.word] && !writingWords[text.word]:
		return "", nil, queryJSONInvalid("not a statement of PostgreSQL", "SELECT, VALUES, WITH, TABLE, SHOW and EXPLAIN read")
	case cfg.ReadOnly && !readingWords[text.word]:
		return "", nil, &core.Error{
			Code: core.CodeForbidden, Op: queryJSONOp, Message: "not a reading statement",
			Hint: "SELECT, VALUES, WITH, TABLE, SHOW and EXPLAIN are",
		}
	case len(cfg.Args) > 0 && cfg.Named != nil:
		return "", nil, queryJSONInvalid("both Args and Named are given", "")
	case cfg.Named == nil && text.positions != len(cfg.Args):
		return "", nil, queryJSONInvalid(fmt.Sprintf("the query has %d parameters, Args has %d", text.positions, len(cfg.Args)), "")
	case cfg.Named == nil:
		return cfg.Query, cfg.Args, nil
	case text.positions > 0:
		return "", nil, queryJSONInvalid("the query has parameters by position, and Named is given", "")
	}
	return namedArgs(text, cfg.Named)
}

func namedArgs(text sqlText, named map[string]any) (statement string, args []any, err error) {
	used := map[string]bool{}
	for _, name := range text.names {
		value, ok := named[name]
		if !ok {
			return "", nil, queryJSONInvalid("no value for parameter @"+name, "")
		}
		args = append(args, value)
		used[name] = true
	}
	for name := range named {
		if !used[name] {
			return "", nil, queryJSONInvalid(fmt.Sprintf("the query has no parameter with the name %q", name), "")
		}
	}
	return text.rewritten, args, nil
}

func queryJSONInvalid(message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: queryJSONOp, Message: message, Hint: hint}
}

func queryJSONError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // else it is that of a connection that broke
	}
	return PostgresError(queryJSONOp, err)
}

// textRows are a result in PostgreSQL's text format.
type textRows struct {
	reader *pgconn.ResultReader
	values [][]byte // of the current row
	closed bool
	err    error
}

var _ rowjson.RowsJSONWriteRows = (*textRows)(nil)

func (r *textRows) Next() bool {
	if r.closed || !r.reader.NextRow() {
		return false
	}
	r.values = r.reader.Values()
	return true
}

// Scan does nothing: the columns take their values themselves.
func (r *textRows) Scan(...any) error { return nil }

func (r *textRows) Err() error { return r.Close() }

func (r *textRows) Close() error {
	if !r.closed {
		r.closed = true
		_, r.err = r.reader.Close()
	}
	return r.err
}
