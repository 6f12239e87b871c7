//go:build sqlite_mattn

package sqliteopen

import (
	"context"
	"database/sql/driver"

	"github.com/mattn/go-sqlite3"
)

// linkedDriver opens with github.com/mattn/go-sqlite3, which needs cgo. It has
// no switch for defensive mode.
func linkedDriver(uri string) (driver.Driver, func(context.Context) (driver.Conn, error), error) {
	drv := &sqlite3.SQLiteDriver{}
	open := func(ctx context.Context) (driver.Conn, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return drv.Open(uri)
	}
	return drv, open, nil
}

// countsMemory reports whether MemoryLimit works.
func countsMemory() bool { return true }

// setLimit lowers one of SQLite's limits for a connection.
func setLimit(conn driver.Conn, l limit) {
	conn.(*sqlite3.SQLiteConn).SetLimit(l.id, l.value)
}

// setSandbox makes SQLite ask s about each statement that the connection
// prepares.
func setSandbox(conn driver.Conn, s *sandbox) driver.Conn {
	c := conn.(*sqlite3.SQLiteConn)
	c.RegisterAuthorizer(func(code int, first, second, _ string) int {
		if s.allows(action{code: code, first: first, second: second}) {
			return sqlite3.SQLITE_OK
		}
		return sqlite3.SQLITE_DENY
	})
	return &sandboxConn{SQLiteConn: c, sandbox: s}
}

// sandboxConn checks the text of each statement before the driver has it.
type sandboxConn struct {
	*sqlite3.SQLiteConn
	sandbox *sandbox
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *sandboxConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.PrepareContext(ctx, query)
}

// ExecContext implements driver.ExecerContext.
func (c *sandboxConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c *sandboxConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.sandbox.check(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.QueryContext(ctx, query, args)
}
