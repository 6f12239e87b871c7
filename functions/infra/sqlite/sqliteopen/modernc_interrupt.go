//go:build !sqlite_mattn

package sqliteopen

import (
	"context"
	"database/sql/driver"
	"errors"
	"reflect"
	"sync"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// modernc.org/sqlite v1.60 checks a query's context until the first row, but
// not in later rows: a query whose second row takes an hour runs for that hour,
// whatever its deadline. And a context that ends just before the first step is
// missed, since SQLite clears an interrupt when it starts. The types below
// watch the context in each step, as mattn's driver does by itself.

// moderncConn lists everything that database/sql uses of this driver's
// connections.
type moderncConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type interruptibleConn struct {
	moderncConn
	db        uintptr  // *sqlite3, for sqlite3_interrupt
	sandbox   *sandbox // nil: none
	sandboxID uintptr  // its key in sandboxes

	mu   sync.Mutex
	busy any // the call or the rows whose step is running: only that may be interrupted
}

// interruptible wraps a connection. The driver doesn't export the handle that
// sqlite3_interrupt needs, nor that call.
func interruptible(conn driver.Conn) (driver.Conn, error) {
	modern, ok := conn.(moderncConn)
	handle := reflect.Indirect(reflect.ValueOf(conn)).FieldByName("db")
	if !ok || !handle.IsValid() || handle.Kind() != reflect.Uintptr {
		return nil, errors.Join(
			errors.New("this version of modernc.org/sqlite has changed inside: update sqlite_open"),
			conn.Close(),
		)
	}
	return &interruptibleConn{moderncConn: modern, db: uintptr(handle.Uint())}, nil
}

// setBusy records whose step is running; nil means none.
func (c *interruptibleConn) setBusy(who any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = who
}

// interrupt stops who's step, if one is running, and reports whether it did.
func (c *interruptibleConn) interrupt(who any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy != who {
		return false
	}
	tls := libc.NewTLS() // the connection's own is in use by the step
	defer tls.Close()
	sqlite3.Xsqlite3_interrupt(tls, c.db)
	return true
}

// interruptRepeat is the delay before a step that continues is interrupted
// again: SQLite clears an interrupt that arrives before the first step.
const interruptRepeat = 10 * time.Millisecond

// watch interrupts who's steps once ctx is done, until stop is called.
func (c *interruptibleConn) watch(ctx context.Context, who any) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		for c.interrupt(who) {
			time.Sleep(interruptRepeat)
		}
	})
}

// run makes a driver call under ctx.
func (c *interruptibleConn) run(ctx context.Context, call func() error) error {
	if ctx.Done() == nil {
		return call()
	}
	who := new(byte)
	c.setBusy(who)
	defer c.setBusy(nil)
	defer c.watch(ctx, who)()
	err := call()
	if done := ctx.Err(); err != nil && done != nil {
		return done
	}
	return err
}

func (c *interruptibleConn) ExecContext(
	ctx context.Context,
	query string,
	args []driver.NamedValue,
) (result driver.Result, err error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	err = c.run(ctx, func() error { result, err = c.moderncConn.ExecContext(ctx, query, args); return err })
	return result, err
}

func (c *interruptibleConn) QueryContext(
	ctx context.Context,
	query string,
	args []driver.NamedValue,
) (rows driver.Rows, err error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	err = c.run(ctx, func() error { rows, err = c.moderncConn.QueryContext(ctx, query, args); return err })
	return c.watched(ctx, rows, err)
}

func (c *interruptibleConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	stmt, err := c.moderncConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &interruptibleStmt{moderncStmt: stmt.(moderncStmt), conn: c}, nil
}

type moderncStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type interruptibleStmt struct {
	moderncStmt
	conn *interruptibleConn
}

func (s *interruptibleStmt) ExecContext(
	ctx context.Context,
	args []driver.NamedValue,
) (result driver.Result, err error) {
	err = s.conn.run(ctx, func() error { result, err = s.moderncStmt.ExecContext(ctx, args); return err })
	return result, err
}

func (s *interruptibleStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.conn.run(ctx, func() error { rows, err = s.moderncStmt.QueryContext(ctx, args); return err })
	return s.conn.watched(ctx, rows, err)
}

// moderncRows lists everything that database/sql uses of this driver's rows.
type moderncRows interface {
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

type interruptibleRows struct {
	moderncRows
	conn *interruptibleConn
	ctx  context.Context // of the query, which the rows outlive
	stop func() bool
}

func (c *interruptibleConn) watched(ctx context.Context, rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil || ctx.Done() == nil {
		return rows, err
	}
	r := &interruptibleRows{moderncRows: rows.(moderncRows), conn: c, ctx: ctx}
	r.stop = c.watch(ctx, r)
	return r, nil
}

// Next implements driver.Rows.
func (r *interruptibleRows) Next(dest []driver.Value) error {
	r.conn.setBusy(r)
	err := r.ctx.Err() // after setBusy: a context that ends from here on interrupts the step
	if err == nil {
		err = r.moderncRows.Next(dest)
	}
	r.conn.setBusy(nil)
	if done := r.ctx.Err(); done != nil {
		return done
	}
	return err
}

// Close implements driver.Rows.
func (r *interruptibleRows) Close() error {
	r.stop()
	return r.moderncRows.Close()
}
