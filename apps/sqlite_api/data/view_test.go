package data

import (
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// A view asks only now and then whether the schema has changed; a new one asks
// at once.
func TestViewSeesChangedSchema(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "shop.db")
	other, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if _, err := other.Writer.ExecContext(ctx, "CREATE TABLE a (id INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	set, err := Open(ctx, Config{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	view := func() *View {
		v, err := set.View(Local, "shop")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	old := view()
	if _, err := old.Table(ctx, "b"); err == nil {
		t.Fatal("found a table that is not there yet")
	}
	if _, err := other.Writer.ExecContext(ctx, "CREATE TABLE b (id INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if _, err := view().Table(ctx, "b"); err != nil {
		t.Errorf("a new view: %v", err)
	}
	for ctx.Err() == nil { // until the test's deadline
		if _, err := old.Table(ctx, "b"); err == nil {
			return
		}
	}
}

// A column that came after the schema was read is not shown.
func TestHidden_NewColumn(t *testing.T) {
	t.Parallel()
	a := &Access{Rules: map[string]Rules{"shop": {Read: []string{"*"}, Hide: map[string][]string{"t": {"x"}}}}}
	db := &Database{Name: "shop", schema: schema{tables: []sqlite.SQLiteSchemaTable{
		{Name: "t", Kind: "table", Columns: []sqlite.SQLiteSchemaColumn{{Name: "id"}, {Name: "x"}}},
	}}}
	for column, want := range map[string]bool{"ID": false, "": false, "ROWID": false, "x": true, "upper_x": true} {
		if got := db.hidden(a, "T", column); got != want {
			t.Errorf("%q: %v", column, got)
		}
	}
}
