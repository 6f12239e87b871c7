package data

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// openShop serves a database that statements make, and has path filled in.
func openShop(t *testing.T, cfg Config, statements ...string) *Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	made, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := made.Writer.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Files = []string{path}
	set, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

// hiding is an access that may read and write everything but a column.
func hiding(table, column string) *Access {
	return &Access{Name: "x", Rules: map[string]Rules{
		"shop": {Read: []string{"*"}, Write: []string{"*"}, Hide: map[string][]string{table: {column}}},
	}}
}

// As many exports as there may be leave connections for other requests, also
// where something is hidden.
func TestEach_LeavesConnections(t *testing.T) {
	t.Parallel()
	access := hiding("t", "secret")
	set := openShop(t, Config{Access: []*Access{access}},
		"CREATE TABLE t (id INTEGER PRIMARY KEY, secret)", "INSERT INTO t VALUES (1, 2), (2, 3)")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	running, ended, end := make(chan bool), make(chan error, streamsMax), make(chan bool)
	for range streamsMax {
		go func() {
			ended <- set.Views(access)[0].Each(ctx, "t", RowsRequest{}, func([]Column) error { return nil }, func(Row) error {
				select {
				case running <- true:
				case <-end:
				}
				<-end
				return nil
			})
		}()
	}
	for range streamsMax {
		select {
		case <-running:
		case <-ctx.Done():
			t.Fatal("exports wait for connections")
		}
	}
	if page, err := set.Views(access)[0].Page(ctx, "t", RowsRequest{Limit: 1}); err != nil || len(page.Rows) != 1 {
		t.Errorf("a page beside them: %v", err)
	}
	close(end)
	for range streamsMax {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// A stored query that can't be tried now isn't one that there isn't.
func TestQuery_Canceled(t *testing.T) {
	t.Parallel()
	access := hiding("t", "secret")
	set := openShop(t, Config{Access: []*Access{access}}, "CREATE TABLE t (id INTEGER PRIMARY KEY, secret)")
	for name, sql := range map[string]string{"open": "SELECT id FROM t", "closed": "SELECT secret FROM t"} {
		if err := set.Store(t.Context(), "shop", StoredQuery{Name: name, SQL: sql}); err != nil {
			t.Fatal(err)
		}
	}
	v := set.Views(access)[0]
	if _, err := v.Query(t.Context(), "open"); err != nil {
		t.Error(err)
	}
	if _, err := v.Query(t.Context(), "closed"); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("one that reads what is hidden: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Query(ctx, "open"); core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("the client has left: %v", err)
	}
}

// Whatever reads rows for a response ends with the config's time.
func TestView_Bounded(t *testing.T) {
	t.Parallel()
	set := openShop(t, Config{QueryTime: time.Nanosecond},
		"CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (1, 2)")
	v := set.Views(Local)[0]
	for name, read := range map[string]func() error{
		"Page":     func() error { _, err := v.Page(t.Context(), "t", RowsRequest{Limit: 1}); return err },
		"Row":      func() error { return v.Row(t.Context(), "t", "1", func(*RowPage) error { return nil }) },
		"ShownRow": func() error { _, err := v.ShownRow(t.Context(), "t", "1"); return err },
		"Value":    func() error { return v.Value(t.Context(), "t", "1", "v", func(any) error { return nil }) },
		"Count":    func() error { _, err := v.Count(t.Context(), "t", RowsRequest{}, -1, false); return err },
		"Facet": func() error {
			_, err := v.Facet(t.Context(), "t", rowquery.RowColumn{Name: "v"}, RowsRequest{}, 1)
			return err
		},
	} {
		if err := read(); core.ErrorCode(err) != core.CodeTimeout {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key that several rows have tells neither a row nor a value.
func TestValue_SeveralRows(t *testing.T) {
	t.Parallel()
	set := openShop(t, Config{},
		"CREATE TABLE t (id TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('a', 3)")
	v := set.Views(Local)[0]
	var value any
	keep := func(read any) error { value = read; return nil }
	if err := v.Value(t.Context(), "t", "~n", "v", keep); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("%v, %v", value, err)
	}
	if err := v.Value(t.Context(), "t", "a", "v", keep); err != nil || value != int64(3) {
		t.Errorf("%v, %v", value, err)
	}
}
