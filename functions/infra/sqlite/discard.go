package sqlite

import (
	"database/sql"
	"database/sql/driver"
)

// discard makes the pool close a connection instead of taking it back in a
// state that nobody knows.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
