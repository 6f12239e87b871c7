package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnregistry.dev/functions/core"
)

// PostgresCopyConfig says where [PostgresCopy] puts the rows.
type PostgresCopyConfig struct {
	Schema  string   // default: found by the connection's search_path
	Table   string   // as it is named in the catalogue, in its letters' case, without quotes; required
	Columns []string // those that each row has, in their order; the others get their defaults; required
}

// PostgresCopyTarget is what rows are copied through: *pgxpool.Pool,
// *pgxpool.Conn, *pgx.Conn, or a pgx.Tx to have the copy in a transaction with
// other statements.
type PostgresCopyTarget interface {
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// PostgresCopy loads rows into a table with COPY in the binary format, the
// fastest way in, and returns how many. All or none of them are stored: an
// error of rows, of one value, of a constraint, or the end of ctx leaves the
// table as it was.
//
// rows yields one row at a time. It may use the slice again for the next one,
// but what its values point to (a []byte) must stay as it is: some rows are
// collected before they are encoded. It runs while the connection is in use, on
// another goroutine, but never after PostgresCopy returned. A panic in it comes
// back out of PostgresCopy.
//
// Errors: CodeInvalid for a value that doesn't fit its column (with the number
// of the row), CodeConflict for a constraint, those of rows themselves wrapped,
// and those of [PostgresError]. With CodeUnavailable or CodeTimeout, and
// outside a transaction, the connection may have broken after the server stored
// all: look, or have a unique key.
//
// More in postgres_copy.md:
//   - Values are encoded in the column's own binary type.
//   - The error text of a bad value quotes it, and pgx sends that text to the
//     server, whose log then has it.
func PostgresCopy(ctx context.Context, db PostgresCopyTarget, cfg PostgresCopyConfig, rows iter.Seq2[[]any, error]) (int64, error) {
	op := "postgres_copy table=" + cfg.Table
	if err := checkCopy(op, cfg); err != nil {
		return 0, err
	}
	table := pgx.Identifier{cfg.Table}
	if cfg.Schema != "" {
		table = pgx.Identifier{cfg.Schema, cfg.Table}
	}
	source := newRowSource(rows)
	n, err := db.CopyFrom(ctx, table, cfg.Columns, source)
	source.stop()
	if source.panicked != nil {
		panic(source.panicked)
	}
	if err == nil {
		return n, nil
	}
	return 0, copyError(ctx, op, source, err)
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

// copyError determines the origin of the error. An error on this side during a
// COPY is sent to the server, which answers with an error of its own.
func copyError(ctx context.Context, op string, source *rowSource, err error) error {
	if source.err != nil {
		return &core.Error{Op: fmt.Sprintf("%s row=%d", op, source.read+1), Err: source.err} // with the code of its own
	}
	if ctx.Err() != nil {
		return PostgresError(op, fmt.Errorf("%w: %w", context.Cause(ctx), err))
	}
	// Routine is the C function that raised the error: unlike the text it isn't
	// translated.
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && server.Routine == "CopyGetData" && server.Code == "57014" {
		return &core.Error{
			Code: core.CodeInvalid,
			Op:   fmt.Sprintf("%s row=%d", op, source.count),
			Hint: "each row has a value for each column, of a type that fits it; types of extensions must be registered on the connection",
			Err:  err,
		}
	}
	return PostgresError(op, err)
}
