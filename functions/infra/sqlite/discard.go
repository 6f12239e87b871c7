package sqlite

import (
	"database/sql"
	"database/sql/driver"
)

// discard makes the pool close a connection in an unknown state instead of
// reusing it.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
