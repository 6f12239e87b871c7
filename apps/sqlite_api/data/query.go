package data

import (
	"context"
	"database/sql"
	"time"

	"fnregistry.dev/functions/infra/sqlite"
)

// QueryTime is how long SQL from outside may run.
const QueryTime = 10 * time.Second

// Guest runs work with the pool for SQL from outside: it can only read, and not
// what the caller may not read. The context that work gets ends after
// QueryTime.
func (v *View) Guest(ctx context.Context, work func(ctx context.Context, db *sql.DB) error) error {
	db, err := v.db.guest(ctx, v.access)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, QueryTime)
	defer cancel()
	return work(ctx, db)
}

// Write makes changes of rows of a table, all or none.
//
// Errors: those of sqlite_rows_write; CodeForbidden where the caller may not
// write.
func (v *View) Write(
	ctx context.Context, table string, changes []sqlite.SQLiteRowsWriteChange, dryRun bool,
) ([]sqlite.SQLiteRowsWriteResult, error) {
	t, err := v.Table(ctx, table)
	if err != nil {
		return nil, err
	}
	if !v.CanWrite(table) {
		return nil, v.readOnly()
	}
	return sqlite.SQLiteRowsWrite(ctx, v.db.own.Writer, sqlite.SQLiteRowsWriteConfig{
		Table: t, Changes: changes, DryRun: dryRun,
		Allow: func(table, column string) bool { return v.access.CanReadColumn(v.db.Name, table, column) },
	})
}
