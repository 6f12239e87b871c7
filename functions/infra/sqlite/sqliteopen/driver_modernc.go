//go:build !sqlite_mattn

package sqliteopen

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// linkedDriver opens with modernc.org/sqlite. _time_format: without it a time
// is stored as time.Time.String() writes it, which neither SQLite's date
// functions nor the other driver read.
func linkedDriver(uri string) (driver.Driver, func(context.Context) (driver.Conn, error), error) {
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
