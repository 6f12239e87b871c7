package data

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
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
	return v.hideNames(explainSize(work(ctx, db)))
}

// explainSize says what to do about a value that SQL from outside can't read.
// Of SQLite's limits on sizes only that of values and rows has these words.
func explainSize(err error) error {
	if err == nil || !strings.Contains(err.Error(), "string or blob too big") {
		return err
	}
	return &core.Error{
		Code: core.CodeTooLarge, Message: "a row or a value has more than 100 kB, which SQL can't read here", Err: err,
		Hint: "name columns without it rather than *; octet_length(column) is its size, and the table's rows have it whole",
	}
}
