package sqlite_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

func schemaOf(t *testing.T, db *sqliteopen.SQLiteOpenHandle) map[string]sqlite.SQLiteSchemaTable {
	t.Helper()
	tables, err := sqlite.SQLiteSchema(t.Context(), db.Reader)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]sqlite.SQLiteSchemaTable{}
	for _, table := range tables {
		byName[table.Name] = table
	}
	return byName
}

func TestSQLiteSchema_Columns(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (
		id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'x', price DECIMAL(10,2), share DOUBLE, any,
		"we""ird [x]" BLOB, big UNSIGNED BIG INT, at DATETIME,
		twice AS (id * 2), thrice INTEGER AS (id * 3) STORED)`,
		"CREATE TABLE s (a ANY, n INT) STRICT")
	tables := schemaOf(t, db)
	var got []string
	for _, c := range tables["t"].Columns {
		got = append(got, fmt.Sprintf("%s|%s|%s|%v|%s|%d|%s", c.Name, c.Type, c.Affinity, c.NotNull, c.Default, c.Key, c.Computed))
	}
	want := []string{
		"id|INTEGER|INTEGER|false||1|", "name|VARCHAR(20)|TEXT|true|'x'|0|", "price|DECIMAL(10,2)|NUMERIC|false||0|",
		"share|DOUBLE|REAL|false||0|", "any||BLOB|false||0|", `we"ird [x]|BLOB|BLOB|false||0|`,
		"big|UNSIGNED BIG INT|INTEGER|false||0|", "at|DATETIME|NUMERIC|false||0|",
		"twice||BLOB|false||0|VIRTUAL", "thrice|INTEGER|INTEGER|false||0|STORED",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := tables["s"].Columns; !tables["s"].Strict || c[0].Affinity != "BLOB" || c[1].Affinity != "INTEGER" {
		t.Errorf("strict: %+v", tables["s"])
	}
}

func TestSQLiteSchema_Keys(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE alias (id integer PRIMARY KEY)",
		"CREATE TABLE descending (id INTEGER PRIMARY KEY DESC)",
		"CREATE TABLE number (id INT PRIMARY KEY)",
		"CREATE TABLE pair (b TEXT, a TEXT, PRIMARY KEY (a, b))",
		"CREATE TABLE norowid (b TEXT, a TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID",
		"CREATE TABLE shadowed (rowid TEXT, _ROWID_ TEXT)",
		"CREATE TABLE taken (rowid TEXT, _rowid_ TEXT, oid TEXT)",
		"CREATE TABLE takenbutkey (rowid TEXT, _rowid_ TEXT, oid TEXT, id INTEGER PRIMARY KEY)",
		"CREATE VIEW v AS SELECT id FROM alias",
	)
	tables := schemaOf(t, db)
	for name, want := range map[string]string{
		"alias":       "table key=[id] rowid=rowid column=id",
		"descending":  "table key=[id] rowid=rowid column=",
		"number":      "table key=[id] rowid=rowid column=",
		"pair":        "table key=[a b] rowid=rowid column=",
		"norowid":     "table key=[b a] rowid= column=",
		"shadowed":    "table key=[] rowid=oid column=",
		"taken":       "table key=[] rowid= column=",
		"takenbutkey": "table key=[id] rowid=id column=id",
		"v":           "view key=[] rowid= column=",
	} {
		table := tables[name]
		if got := fmt.Sprintf("%s key=%v rowid=%s column=%s", table.Kind, table.Key, table.RowID, table.RowIDColumn); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestSQLiteSchema_Relations(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE Artist (id INTEGER PRIMARY KEY)",
		"CREATE TABLE album (id INTEGER PRIMARY KEY, artist REFERENCES ARTIST ON DELETE CASCADE, gone REFERENCES missing(x), again REFERENCES album(id))",
		"CREATE TABLE pair (a, b, PRIMARY KEY (a, b))",
		"CREATE TABLE child (x, y, FOREIGN KEY (x, y) REFERENCES pair)",
		`CREATE UNIQUE INDEX "odd ""name" ON album (artist, lower(again)) WHERE artist > 1`,
		"CREATE TRIGGER tr AFTER INSERT ON Album BEGIN SELECT 1; END",
	)
	tables := schemaOf(t, db)
	album := tables["album"]
	got := fmt.Sprintf("%+v", album.ForeignKeys)
	want := "[{Table:album Columns:[again] ToTable:album To:[id] OnUpdate:NO ACTION OnDelete:NO ACTION} " +
		"{Table:album Columns:[gone] ToTable:missing To:[x] OnUpdate:NO ACTION OnDelete:NO ACTION} " +
		"{Table:album Columns:[artist] ToTable:Artist To:[id] OnUpdate:NO ACTION OnDelete:CASCADE}]"
	if got != want {
		t.Errorf("foreign keys\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprintf("%v %v", tables["child"].ForeignKeys[0].Columns, tables["child"].ForeignKeys[0].To); got != "[x y] [a b]" {
		t.Errorf("pair: %s", got)
	}
	if by := tables["Artist"].ReferencedBy; len(by) != 1 || by[0].Table != "album" || len(album.ReferencedBy) != 1 {
		t.Errorf("referenced by %+v and %+v", by, album.ReferencedBy)
	}
	if got, want := fmt.Sprintf("%+v", album.Indexes), `[{Name:odd "name Unique:true Partial:true Origin:c Columns:[artist ]}]`; got != want {
		t.Errorf("indexes %s, want %s", got, want)
	}
	if len(album.Triggers) != 1 || album.Triggers[0].Name != "tr" || !strings.HasPrefix(album.Triggers[0].SQL, "CREATE TRIGGER") {
		t.Errorf("triggers %+v", album.Triggers)
	}
}

func TestSQLiteSchema_Kinds(t *testing.T) {
	t.Parallel()
	db := open(t,
		`CREATE VIRTUAL TABLE "box" USING "rtree" (id, x0, x1)`,
		"CREATE TABLE gone (a)", "CREATE VIEW broken AS SELECT a FROM gone", "DROP TABLE gone",
		`CREATE TABLE "sqlit_e" (a)`,
		"CREATE VIEW fine AS SELECT 1 AS one, a FROM sqlit_e",
	)
	tables := schemaOf(t, db)
	if box := tables["box"]; box.Kind != "virtual" || box.Module != "rtree" || len(box.Columns) != 3 || box.RowID == "" {
		t.Errorf("box: %+v", box)
	}
	if shadow := tables["box_node"]; shadow.Kind != "shadow" {
		t.Errorf("shadow: %+v", shadow)
	}
	if broken := tables["broken"]; broken.Kind != "view" || !strings.Contains(broken.Problem, "no such table") || broken.Columns != nil {
		t.Errorf("broken: %+v", broken)
	}
	if fine := tables["fine"]; fine.Problem != "" || len(fine.Columns) != 2 {
		t.Errorf("fine: %+v", fine)
	}
	if _, ok := tables["sqlit_e"]; !ok {
		t.Error("a table whose name only resembles SQLite's own is left out")
	}
}

func TestSQLiteSchema_Cost(t *testing.T) {
	t.Parallel()
	var script strings.Builder
	for i := range 500 {
		fmt.Fprintf(&script, "CREATE TABLE t%d (id INTEGER PRIMARY KEY, up REFERENCES t%d);", i, max(0, i-1))
	}
	db := open(t, script.String())
	if tables := schemaOf(t, db); len(tables) != 500 || len(tables["t0"].ReferencedBy) != 2 {
		t.Errorf("%d tables, t0 %+v", len(tables), tables["t0"])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.SQLiteSchema(ctx, db.Reader); core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("canceled: %v", err)
	}
}
