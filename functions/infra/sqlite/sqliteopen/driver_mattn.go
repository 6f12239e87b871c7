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
