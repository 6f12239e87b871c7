package data

import (
	"context"
	"database/sql"
	"time"
)

// QueryTime is how long SQL from outside may run.
const QueryTime = 10 * time.Second

// Guest runs work with the pool for SQL from outside: it can only read, and not
// what the caller may not read. The context that work gets ends after
// QueryTime.
func (v *View) Guest(ctx context.Context, work func(ctx context.Context, db *sql.DB) error) error {
	return v.GuestFor(ctx, QueryTime, work)
}

// GuestFor is Guest with another time.
func (v *View) GuestFor(ctx context.Context, within time.Duration, work func(ctx context.Context, db *sql.DB) error) error {
	db, err := v.db.guest(ctx, v.access, false)
	if err != nil {
		return err
	}
	if v.access.hides(v.db.Name) { // what is hidden goes by the schema as it is now
		if _, err := v.db.tables(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return v.hideNames(work(ctx, db))
}
