package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
)

// PostgresCopyConfig says where [PostgresCopy] puts the rows.
type PostgresCopyConfig struct {
	Schema  string   // default: found by the connection's search_path
	Table   string   // exact name in the catalog, case-sensitive, without quotes; required
	Columns []string // columns of each row, in this order; the others get their defaults; required
}

// PostgresCopyTarget is what rows are copied through: *pgxpool.Pool,
// *pgxpool.Conn, *pgx.Conn, or a pgx.Tx to have the copy in a transaction with
// other statements. Nothing else is taken, though it may have these methods.
type PostgresCopyTarget interface {
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// PostgresCopy loads rows into a table with COPY, the fastest way in, and
// returns how many. All or none of them are stored: an error of rows, of one
// value, of a constraint, or the end of ctx leaves the table as it was.
//
// rows yields one row at a time, and may use the slice and what its values
// point to again for the next one. It runs on the caller's goroutine, while the
// connection is in use.
//
// A value is stored as it is or refused, never changed: integer columns take
// whole numbers within their range, float columns no integer that they can't
// represent, arrays the same for each element. Text goes to the server, which
// reads it as the column's type, as in a literal of SQL.
//
// Errors: CodeInvalid for a value that doesn't fit its column, or that panics
// while it is encoded, with the row (from 1) and column; CodeConflict for a
// constraint; those of rows themselves wrapped, and those of [PostgresError].
// With CodeUnavailable or CodeTimeout, and outside a transaction, the
// connection may have broken after the server stored all: look, or have a
// unique key.
//
// More in postgres_copy.md:
//   - Text for an integer or float column is taken where JSON writes a number
//     so, or as NaN, Infinity, -Infinity, and the column has it exactly: the
//     rule of duckdb_append and clickhouse_batch_insert, too.
//   - Numbers into money are refused: what the fraction is depends on the
//     server's lc_monetary.
func PostgresCopy(ctx context.Context, db PostgresCopyTarget, cfg PostgresCopyConfig, rows iter.Seq2[[]any, error]) (int64, error) {
	op := "postgres_copy table=" + cfg.Table
	if err := checkCopy(op, cfg); err != nil {
		return 0, err
	}
	conn, release, err := copyConn(ctx, op, db)
	if err != nil {
		return 0, err
	}
	defer release()
	n, err := copyTable(ctx, conn, op, cfg, rows)
	if err != nil {
		return 0, PostgresError(op, err)
	}
	return n, nil
}

// copyConn returns the connection to copy on; release returns it to its owner.
func copyConn(ctx context.Context, op string, db PostgresCopyTarget) (conn *pgx.Conn, release func(), err error) {
	switch db := db.(type) {
	case *pgxpool.Pool:
		pooled, err := db.Acquire(ctx)
		if err != nil {
			return nil, nil, PostgresError(op, err)
		}
		return pooled.Conn(), pooled.Release, nil
	case *pgx.Conn:
		return db, func() {}, nil
	case interface{ Conn() *pgx.Conn }: // *pgxpool.Conn, pgx.Tx
		return db.Conn(), func() {}, nil
	}
	message := fmt.Sprintf("a %T has no connection to copy on", db)
	return nil, nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: message}
}

func checkCopy(op string, cfg PostgresCopyConfig) error {
	message := ""
	switch {
	case cfg.Table == "":
		message = "no table given"
	case len(cfg.Columns) == 0:
		message = "no columns given"
	}
	for _, name := range append([]string{cfg.Schema, cfg.Table}, cfg.Columns...) {
		if strings.ContainsRune(name, 0) {
			message = "a NUL byte in a name"
		}
	}
	if message == "" {
		return nil
	}
	return &core.Error{Code: core.CodeInvalid, Op: op, Message: message}
}
