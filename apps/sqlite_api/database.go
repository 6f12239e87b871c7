package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// database is a file that is served.
type database struct {
	name  string                         // in URLs: the file's name without its extension
	path  string
	guest *sqliteopen.SQLiteOpenHandle // for SQL from outside: read-only, sandboxed
	own   *sqliteopen.SQLiteOpenHandle // for SQL that the program writes, whose values have any size
}

// openDatabase opens a file read-only. The caller closes it.
func openDatabase(ctx context.Context, path string) (*database, error) {
	base := filepath.Base(path)
	db := &database{path: path, name: strings.TrimSuffix(base, filepath.Ext(base))}
	if db.name == "" { // .db
		db.name = base
	}
	var err error
	// The sandbox first: its limit of memory is for the whole process.
	db.guest, err = sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: true, Sandbox: true})
	if err != nil {
		return nil, err
	}
	db.own, err = sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: true})
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

func (db *database) close() error {
	err := db.guest.Close()
	if db.own != nil {
		err = errors.Join(err, db.own.Close())
	}
	return err
}

// table describes a table by its name.
func (db *database) table(ctx context.Context, name string) (sqlite.SQLiteSchemaTable, error) {
	tables, err := sqlite.SQLiteSchema(ctx, db.own.Reader)
	if err != nil {
		return sqlite.SQLiteSchemaTable{}, err
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		if names[i] = t.Name; t.Name == name {
			return t, nil
		}
	}
	hint := core.DidYouMean(core.NameNearest(name, names)...)
	if hint == "" {
		hint = "sqlite_api schema " + db.path + " lists the tables"
	}
	return sqlite.SQLiteSchemaTable{}, &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("no table %q in %s", name, db.path), Hint: hint}
}
