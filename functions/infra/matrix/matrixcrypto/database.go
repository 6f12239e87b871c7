//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"go.mau.fi/util/dbutil"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite"
)

// execer is what mautrix's stores run their statements on. Their own writes are
// one transaction each, and a crash between two of them loses a room key for
// good: the Olm message's hash is there, so that it is not read again, and the
// key that was in it is not. Under a context of [execer.batch] all of them are
// one transaction. Each transaction checks the claim.
type execer struct {
	db    *sql.DB
	file  *sqlite.SQLiteFileCheckHandle // that db is in; nil: not known yet
	claim *claim
}

var _ dbutil.UnderlyingExecable = (*execer)(nil)

type batchKey struct{}

// batch is one transaction. It begins with the first write, and not before: by
// then mautrix holds the lock that other goroutines hold while they wait for
// the database's only writing connection.
type batch struct {
	tx   *sql.Tx
	err  error
	keys []matrixsync.MatrixSessionKey // that arrived in it
}

// batch runs do, and makes all that its statements wrote durable, or nothing of
// it. mautrix logs most errors of the database and goes on, so that they are
// collected here and returned.
func (e *execer) batch(ctx context.Context, do func(ctx context.Context) error) ([]matrixsync.MatrixSessionKey, error) {
	b := &batch{}
	defer func() {
		if b.tx != nil {
			_ = b.tx.Rollback() // nothing after a commit; otherwise after a panic or an error, which counts
		}
	}()
	err := do(context.WithValue(ctx, batchKey{}, b))
	if b.err != nil {
		err = b.err // the first, of which err may say less
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil && b.tx != nil {
		if err = b.tx.Commit(); err == nil {
			err = e.file.Check()
		}
	}
	if err != nil {
		return nil, err
	}
	return b.keys, nil
}

func (e *execer) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	if ctx.Value(batchKey{}) == nil {
		_, err = e.batch(ctx, func(ctx context.Context) error {
			result, err = e.ExecContext(ctx, query, args...)
			return err
		})
		return result, stopSending(ctx, err)
	}
	on, b, err := e.on(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err = on.ExecContext(ctx, query, args...)
	b.note(err)
	return result, err
}

type sendingKey struct{}

// sending returns a context that ends when a write fails under it. mautrix logs
// when it can't store how far an Olm session was used, and sends what it has
// encrypted all the same: after a restart, or by another process, the same
// message key would be used again.
func sending(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, sendingKey{}, cancel), cancel
}

func stopSending(ctx context.Context, err error) error {
	if cancel, ok := ctx.Value(sendingKey{}).(context.CancelCauseFunc); ok && err != nil {
		cancel(err)
	}
	return err
}

func (e *execer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	on, b, err := e.on(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := on.QueryContext(ctx, query, args...)
	b.note(err)
	return rows, err
}

func (e *execer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	on, b, err := e.on(ctx, query)
	if err != nil { // a *sql.Row with an error can't be made otherwise
		failed, cancel := context.WithCancelCause(ctx)
		cancel(err)
		return e.db.QueryRowContext(failed, query, args...)
	}
	row := on.QueryRowContext(ctx, query, args...)
	b.note(row.Err())
	return row
}

// on returns where a statement of a batch, or one that only reads, runs.
func (e *execer) on(ctx context.Context, query string) (dbutil.UnderlyingExecable, *batch, error) {
	b, _ := ctx.Value(batchKey{}).(*batch)
	switch {
	case b == nil && reads(query):
		return e.db, nil, nil
	case b == nil: // its transaction would have to outlive this call
		return nil, nil, &core.Error{Code: core.CodeInternal, Message: "a write that returns rows, outside of a batch"}
	case b.err != nil:
		return nil, b, b.err
	case b.tx == nil && reads(query):
		return e.db, b, nil
	case b.tx == nil:
		if b.tx, b.err = e.db.BeginTx(ctx, nil); b.err == nil {
			b.err = e.claim.check(ctx, b.tx)
		}
		if b.err != nil {
			return nil, b, b.err
		}
	}
	return b.tx, b, nil
}

func reads(query string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.TrimSpace(query)), "SELECT")
}

// note keeps an error with which the batch must not be committed. A broken
// constraint is not one: it comes from what a message says, would come again
// with each repetition, and SQLite undoes that one statement.
func (b *batch) note(err error) {
	if b != nil && err != nil && b.err == nil && !strings.Contains(err.Error(), "constraint failed") {
		b.err = err
	}
}

// storeError gives an error of the database or of mautrix its code. The driver
// is not known here, only its texts.
func storeError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case contains(err, "database is locked", "SQLITE_BUSY", "disk is full"):
		return &core.Error{Code: core.CodeUnavailable, Op: op, Err: err}
	case fromStore(err):
		return &core.Error{Code: core.CodeInternal, Op: op, Err: err}
	}
	return matrix.MatrixError(op, err)
}

// inTransaction runs do in a transaction of mautrix's, which its own ones join.
func (m *engine) inTransaction(ctx context.Context, do func(ctx context.Context) error) error {
	return stopSending(ctx, m.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := m.exec.claim.check(ctx, m.db.Execable(ctx)); err != nil {
			return err
		}
		return do(ctx)
	}))
}

// fromStore reports whether an error without a better code is the database's,
// and not one of what was to be decrypted.
func fromStore(err error) bool {
	return contains(err, "database is closed", "sql: ", "SQL logic error", "disk I/O error", "SQLITE_")
}

func contains(err error, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
}
