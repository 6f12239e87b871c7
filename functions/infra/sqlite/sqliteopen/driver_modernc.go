//go:build !sqlite_mattn

package sqliteopen

import (
	"context"
	"database/sql/driver"
	"sync"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// linkedDriver opens with modernc.org/sqlite. _time_format: without it a time
// is stored as time.Time.String() formats it, which neither SQLite's date
// functions nor the other driver can read.
func linkedDriver(uri string) (driver.Driver, func(context.Context) (driver.Conn, error), error) {
	countsMemory()
	base, err := sqlite.NewConnector(uri + "&_defensive=1&_time_format=sqlite")
	if err != nil {
		return nil, nil, err
	}
	return base.Driver(), func(ctx context.Context) (driver.Conn, error) {
		conn, err := base.Connect(ctx)
		if err != nil {
			return nil, err
		}
		return interruptible(conn)
	}, nil
}

// countsMemory turns on memory accounting, which MemoryLimit needs and this
// driver is built without, and reports whether that was possible: SQLite must
// not be in use yet.
var countsMemory = sync.OnceValue(func() bool {
	tls := libc.NewTLS()
	defer tls.Close()
	args := libc.NewVaList(int32(1))
	defer libc.Xfree(tls, args)
	return sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_MEMSTATUS, args) == sqlite3.SQLITE_OK
})

// setLimit lowers one of SQLite's limits for a connection.
func setLimit(conn driver.Conn, l limit) {
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_limit(tls, conn.(*interruptibleConn).db, int32(l.id), int32(l.value))
}
