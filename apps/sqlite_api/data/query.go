package data

import (
	"context"
	"database/sql"
	"time"
)

// queryTime is how long SQL from outside may run unless the config says
// otherwise.
const queryTime = 10 * time.Second

// Guest runs work with the pool for SQL from outside: it can only read, and not
// what the caller may not read. The context that work gets ends after
// the config's QueryTime.
func (v *View) Guest(ctx context.Context, work func(ctx context.Context, db *sql.DB) error) error {
	db, err := v.db.guest(ctx, v.access, false)
	if err != nil {
		return err
	}
	if v.access.hides(v.db.Name) { // what is hidden goes by the schema as it is now
		if _, err := v.db.tables(ctx); err != nil {
			return err
		}
	}
	if v.db.queryTime > 0 {
		bounded, cancel := context.WithTimeout(ctx, v.db.queryTime)
		defer cancel()
		ctx = bounded
	}
	return v.hideNames(work(ctx, db))
}
