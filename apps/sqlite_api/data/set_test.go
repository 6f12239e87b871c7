package data

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// Databases have names of their own, none of which is a path of the program.
func TestOpen_Names(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"shop.db", "shop.sqlite", "api.db", ".db", "x/shop.db", "a b.db", "metrics"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, err := Open(t.Context(), Config{Files: paths})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var names []string
	for _, v := range set.Views(Full) {
		names = append(names, v.Name())
	}
	if got := strings.Join(names, ","); got != "shop,shop-2,api-2,.db,shop-3,a b,metrics-2" {
		t.Error(got)
	}
	if _, err := Open(t.Context(), Config{Files: []string{filepath.Join(dir, "nothing")}}); core.ErrorCode(err) != core.CodeNotFound {
		t.Error(err)
	}
}

// An export waits for its turn, and is refused where none comes.
func TestView_TooManyExports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &View{db: &Database{streams: make(chan struct{}, 1)}}
		leave, err := v.takeStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.takeStream(t.Context()); core.ErrorCode(err) != core.CodeUnavailable {
			t.Error(err)
		}
		time.AfterFunc(time.Second, leave)
		if _, err := v.takeStream(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What rows are sorted by counts for a page, too, and must fit into a cursor.
func TestView_LongPlaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "long.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, zeroblob(5000)), (2, 'x'), (3, 'y')"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	set, err := Open(t.Context(), Config{Files: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	v := set.Views(Full)[0]
	order := []rowquery.RowOrder{{Column: rowquery.RowColumn{Name: "b"}, Desc: true}} // the blob first
	if _, err := v.Page(t.Context(), "t", RowsRequest{Order: order, Limit: 1}); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
	if page, err := v.Page(t.Context(), "t", RowsRequest{Order: order, Limit: 5}); err != nil || len(page.Rows) != 3 {
		t.Error(page, err)
	}
	if page, err := v.Page(t.Context(), "t", RowsRequest{Order: order, Limit: 2, Filters: []rowquery.RowFilter{{
		Column: rowquery.RowColumn{Name: "id"}, Operator: rowquery.RowGreater, Value: "1",
	}}}); err != nil || len(page.Rows) != 2 {
		t.Error(page, err)
	}
}

// What is read after the file was replaced or deleted is not of two files.
func TestView_FileLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	for i, p := range []string{path, path + ".new"} {
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: p})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Writer.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (?)", i); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Open(t.Context(), Config{Files: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	read := func() error {
		_, err := set.Views(Local)[0].Page(t.Context(), "t", RowsRequest{Limit: 1})
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := read(); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("replaced: %v", err)
	}
	if err := set.Views(Local)[0].Guest(t.Context(), "SELECT 1", func(context.Context, *sql.DB) error { return nil }); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("replaced, SQL: %v", err)
	}
}
