package data

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// Database is a file that is served.
type Database struct {
	Name  string // in URLs
	Path  string
	Write bool // it is open for writing

	own *sqliteopen.SQLiteOpenHandle // for SQL that the program writes, whose values have any size

	mu     sync.Mutex
	guests map[*Access]*sqliteopen.SQLiteOpenHandle // for SQL from outside: read-only, in a sandbox; one for each access that hides something
	schema schema
}

// schema is the last one read. SQLite's schema_version says whether it is
// still right.
type schema struct {
	version int64
	tables  []sqlite.SQLiteSchemaTable
}

// openDatabase opens a file. The sandbox is first: its limit of memory is for
// the whole process.
func openDatabase(ctx context.Context, name, path string, write bool) (*Database, error) {
	db := &Database{Name: name, Path: path, Write: write, guests: map[*Access]*sqliteopen.SQLiteOpenHandle{}}
	if _, err := db.guest(ctx, Local); err != nil {
		return nil, err
	}
	var err error
	db.own, err = sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: !write})
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// guest is the connection pool for SQL of a caller.
func (db *Database) guest(ctx context.Context, a *Access) (*sql.DB, error) {
	cfg := sqliteopen.SQLiteOpenConfig{Path: db.Path, ReadOnly: true, Sandbox: true}
	if a.hides(db.Name) {
		cfg.Hidden = func(table, column string) bool { return !a.CanReadColumn(db.Name, table, column) }
	} else {
		a = Local
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	handle, ok := db.guests[a]
	if !ok {
		var err error
		if handle, err = sqliteopen.SQLiteOpen(ctx, cfg); err != nil {
			return nil, err
		}
		db.guests[a] = handle
	}
	return handle.Reader, nil
}

// tables describes all tables.
func (db *Database) tables(ctx context.Context) ([]sqlite.SQLiteSchemaTable, error) {
	var version int64
	if err := db.own.Reader.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return nil, sqlite.SQLiteError("schema", err)
	}
	db.mu.Lock()
	last := db.schema
	db.mu.Unlock()
	if last.tables != nil && last.version == version {
		return last.tables, nil
	}
	// A change between the two is noticed with the next request: the version
	// is from before.
	tables, err := sqlite.SQLiteSchema(ctx, db.own.Reader)
	if err != nil {
		return nil, err
	}
	if tables == nil {
		tables = []sqlite.SQLiteSchemaTable{}
	}
	db.mu.Lock()
	db.schema = schema{version: version, tables: tables}
	db.mu.Unlock()
	return tables, nil
}

func (db *Database) close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var errs []error
	for _, handle := range db.guests {
		errs = append(errs, handle.Close())
	}
	if db.own != nil {
		errs = append(errs, db.own.Close())
	}
	return errors.Join(errs...)
}
