package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/internal/errtest"
)

func writeDB(t *testing.T) (*sqliteopen.SQLiteOpenHandle, map[string]sqlite.SQLiteSchemaTable) {
	t.Helper()
	db := open(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n < 100), at DATETIME, up REFERENCES t(id), twice AS (n * 2))`,
		"CREATE TABLE pair (a TEXT, b, v DEFAULT 'none', PRIMARY KEY (a, b)) WITHOUT ROWID",
		"CREATE TABLE bare (v)",
		"CREATE TABLE ignoring (v)",
		"CREATE TRIGGER ignored BEFORE INSERT ON ignoring BEGIN SELECT raise(IGNORE); END",
		"CREATE VIEW seen AS SELECT * FROM t",
		"INSERT INTO t (id, name, n, at) VALUES (1, 'one', 1, 'soon'), (2, 'two', 2, '2026-01-02 03:04:05')",
		"INSERT INTO pair VALUES ('x,y', x'00ff', 'v')")
	return db, schemaOf(t, db)
}

type change = sqlite.SQLiteRowsWriteChange

func TestSQLiteRowsWrite_Changes(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	write := func(table string, changes ...change) string {
		t.Helper()
		results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{Table: tables[table], Changes: changes})
		if err != nil {
			t.Fatalf("%s %+v: %v", table, changes, err)
		}
		var keys []string
		for i, r := range results {
			keys = append(keys, fmt.Sprint(r.Key))
			if deleted := changes[i].Verb == "delete"; deleted != (r.ETag == "") {
				t.Errorf("%+v: ETag %q", changes[i], r.ETag)
			}
		}
		return strings.Join(keys, " ")
	}
	for _, c := range []struct{ got, want string }{
		{write("t", change{Verb: "insert", Values: map[string]any{"name": "three", "n": json.Number("9"), "AT": "2026"}}), "[3]"},
		{write("t", change{Verb: "insert"}), "[4]"},
		{write("t", change{Verb: "update", Key: []any{int64(4)}, Values: map[string]any{"id": 40, "name": nil, "up": 1}}), "[40]"},
		{write("t", change{Verb: "upsert", Values: map[string]any{"id": 40, "n": 4}}, change{Verb: "upsert", Values: map[string]any{"id": 5, "n": 5}}, change{Verb: "upsert", Values: map[string]any{"id": 5}}), "[40] [5] [5]"},
		{write("t", change{Verb: "delete", Key: []any{int64(40)}}), "[40]"},
		{write("pair", change{Verb: "update", Key: []any{"x,y", []byte{0, 0xff}}, Values: map[string]any{"v": []byte{1}}}), "[x,y [0 255]]"},
		{write("pair", change{Verb: "insert", Values: map[string]any{"a": "p", "b": 1.5}}), "[p 1.5]"},
		{write("bare", change{Verb: "insert", Values: map[string]any{"v": true}}), "[1]"},
		{write("bare", change{Verb: "update", Key: []any{1}, Values: map[string]any{"v": "z"}}), "[1]"},
	} {
		if c.got != c.want {
			t.Errorf("keys %s, want %s", c.got, c.want)
		}
	}
	var got strings.Builder
	for _, query := range []string{"SELECT id, name, n, +at, up FROM t", "SELECT a, quote(b), quote(v) FROM pair", "SELECT v FROM bare"} {
		if _, err := sqlite.SQLiteQueryJSON(t.Context(), db.Reader, &got, sqlite.SQLiteQueryJSONConfig{Query: query, NDJSON: true}); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"id":1,"name":"one","n":1,"+at":"soon","up":null}
{"id":2,"name":"two","n":2,"+at":"2026-01-02 03:04:05","up":null}
{"id":3,"name":"three","n":9,"+at":2026,"up":null}
{"id":5,"name":null,"n":5,"+at":null,"up":null}
{"a":"p","quote(b)":"1.5","quote(v)":"'none'"}
{"a":"x,y","quote(b)":"X'00FF'","quote(v)":"X'01'"}
{"v":"z"}
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// What a write returns is the row as it is afterwards: AFTER triggers count,
// and virtual tables have keys, too.
func TestSQLiteRowsWrite_TriggersAndVirtualTables(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v, changed DEFAULT 0)",
		"CREATE TRIGGER touch AFTER UPDATE OF v ON t BEGIN UPDATE t SET changed = changed + 1 WHERE id = new.id; END",
		"CREATE TRIGGER made AFTER INSERT ON t BEGIN UPDATE t SET changed = 7 WHERE id = new.id; END",
		"CREATE VIRTUAL TABLE words USING fts5(text)", "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)")
	tables := schemaOf(t, db)
	for table, c := range map[string]struct {
		insert, update map[string]any
		key            int64
	}{
		"t":     {map[string]any{"id": 5, "v": 1}, map[string]any{"v": 2}, 5},
		"words": {map[string]any{"text": "one"}, map[string]any{"text": "two"}, 1},
		"box":   {map[string]any{"id": 9, "x0": 1, "x1": 2}, map[string]any{"x1": 3}, 9},
	} {
		tag := ""
		for _, change := range []change{
			{Verb: "insert", Values: c.insert}, {Verb: "update", Values: c.update}, {Verb: "update", Values: c.update}, {Verb: "delete"},
		} {
			if change.Verb != "insert" {
				change.Key, change.Match = []any{c.key}, tag
			}
			cfg := sqlite.SQLiteRowsWriteConfig{Table: tables[table], Changes: []sqlite.SQLiteRowsWriteChange{change}}
			results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, cfg)
			if err != nil {
				t.Fatalf("%s: %s: %v", table, change.Verb, err)
			}
			if fmt.Sprint(results[0].Key) != fmt.Sprint([]any{c.key}) || (results[0].ETag == "") != (change.Verb == "delete") {
				t.Errorf("%s: %s: %+v", table, change.Verb, results[0])
			}
			tag = results[0].ETag
		}
	}
}

func TestSQLiteRowsWrite_Refused(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	one := []any{int64(1)}
	for _, c := range []struct {
		table   string
		code    core.Code
		want    string
		changes []change
	}{
		{"t", core.CodeInvalid, `no column "nme"`, []change{{Verb: "insert", Values: map[string]any{"nme": 1}}}},
		{"t", core.CodeInvalid, `no column "id\" = 1 --"`, []change{{Verb: "update", Key: one, Values: map[string]any{`id" = 1 --`: 1}}}},
		{"t", core.CodeInvalid, "given twice", []change{{Verb: "insert", Values: map[string]any{"name": 1, "NAME": 1}}}},
		{"t", core.CodeInvalid, "computed", []change{{Verb: "insert", Values: map[string]any{"twice": 1}}}},
		{"t", core.CodeInvalid, "can't be stored", []change{{Verb: "insert", Values: map[string]any{"name": []int{1}}}}},
		{"t", core.CodeInvalid, "CHECK", []change{{Verb: "update", Key: one, Values: map[string]any{"n": 100}}}},
		{"t", core.CodeConflict, "UNIQUE", []change{{Verb: "insert", Values: map[string]any{"name": "one"}}}},
		{"t", core.CodeConflict, "FOREIGN KEY", []change{{Verb: "update", Key: one, Values: map[string]any{"up": 77}}}},
		{"t", core.CodeNotFound, "no such row", []change{{Verb: "delete", Key: []any{int64(77)}}}},
		{"t", core.CodeInvalid, "wrong number of values in the key: 2, want 1", []change{{Verb: "delete", Key: []any{1, 2}}}},
		{"t", core.CodeInvalid, "unknown verb", []change{{Verb: "drop", Key: one}}},
		{"t", core.CodeInvalid, "needs values", []change{{Verb: "update", Key: one}}},
		{"t", core.CodeInvalid, "upsert needs", []change{{Verb: "upsert", Values: map[string]any{"name": "x"}}}},
		{"bare", core.CodeInvalid, "no primary key", []change{{Verb: "upsert", Values: map[string]any{"v": "x"}}}},
		{"ignoring", core.CodeConflict, "not written", []change{{Verb: "insert", Values: map[string]any{"v": "x"}}}},
		{"seen", core.CodeInvalid, "is a view", []change{{Verb: "insert", Values: map[string]any{"n": 1}}}},
		{"t", core.CodeConflict, "change 2 of 2", []change{{Verb: "insert", Values: map[string]any{"id": 50}}, {Verb: "insert", Values: map[string]any{"id": 50}}}},
		{"t", core.CodeConflict, "changed since", []change{{Verb: "delete", Key: one, Match: "sha256-old"}}},
	} {
		results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{Table: tables[c.table], Changes: c.changes})
		errtest.Want(t, err, c.code, c.want)
		if results != nil || errors.Is(err, sqlite.ErrSQLiteRowChanged) != (c.want == "changed since") {
			t.Errorf("%s: results %v", c.want, results)
		}
	}
	if got := countRows(t, db, "t"); got != 2 {
		t.Errorf("%d rows, want the 2 there were", got)
	}
	_, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{
		Table: tables["t"], Changes: []change{{Verb: "insert", Values: map[string]any{"name": "x"}}}, Allow: func(_, c string) bool { return c != "name" },
	})
	errtest.Want(t, err, core.CodeInvalid, "no column")
}

func countRows(t *testing.T, db *sqliteopen.SQLiteOpenHandle, table string) (n int) {
	t.Helper()
	if err := db.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Changes of several tables are one transaction, and the error says which of
// them failed.
func TestSQLiteRowsWrite_Tables(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	pair, bare := tables["pair"], tables["bare"]
	cfg := sqlite.SQLiteRowsWriteConfig{Table: tables["t"], Changes: []change{
		{Verb: "insert", Values: map[string]any{"id": 10, "name": "ten"}},
		{Table: &pair, Verb: "upsert", Values: map[string]any{"a": "k", "b": 10}},
		{Table: &bare, Verb: "insert", Values: map[string]any{"v": "w"}},
		{Table: &pair, Verb: "delete", Key: []any{"nobody", 1}},
	}}
	_, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, cfg)
	errtest.Want(t, err, core.CodeNotFound, "change 4 of 4, nothing was written: sqlite_rows_write: no such row in \"pair\"")
	if failed, ok := errors.AsType[*sqlite.SQLiteRowsWriteError](err); !ok || failed.Index != 3 {
		t.Errorf("it failed at %+v", failed)
	}
	if n := countRows(t, db, "t") + countRows(t, db, "bare") + countRows(t, db, "pair"); n != 3 {
		t.Errorf("%d rows, want the 3 there were", n)
	}
	cfg.Changes = cfg.Changes[:3]
	cfg.Allow = func(table, column string) bool { return table != "bare" || column == "v" }
	results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, cfg)
	if got := fmt.Sprint(results); err != nil || !strings.Contains(got, "[10]") || !strings.Contains(got, "[k 10]") {
		t.Errorf("%v %v", got, err)
	}
}

// A key with a column that may not be read neither comes back nor finds a row.
func TestSQLiteRowsWrite_HiddenKey(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	write := func(c change) ([]sqlite.SQLiteRowsWriteResult, error) {
		return sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{
			Table: tables["t"], Changes: []change{c}, Allow: func(_, c string) bool { return c != "id" },
		})
	}
	results, err := write(change{Verb: "insert", Values: map[string]any{"name": "x"}})
	if err != nil || results[0].Key != nil {
		t.Errorf("%+v %v", results, err)
	}
	_, err = write(change{Verb: "update", Key: []any{1}, Values: map[string]any{"name": "y"}})
	errtest.Want(t, err, core.CodeInvalid, "has no key")
	_, err = write(change{Verb: "upsert", Values: map[string]any{"name": "y"}})
	errtest.Want(t, err, core.CodeInvalid, "no primary key")
}

// Who read a row first writes it first; the other learns that it has changed.
func TestSQLiteRowsWrite_Match(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	cfg := sqlite.SQLiteRowsWriteConfig{Table: tables["t"], DryRun: true, Changes: []change{{Verb: "update", Key: []any{int64(1)}, Values: map[string]any{"n": 1}}}}
	before, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DryRun = false
	cfg.Changes[0].Match = before[0].ETag
	var won, lost sync.Map
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine := cfg
			mine.Changes = []change{{Verb: "update", Key: []any{int64(1)}, Match: before[0].ETag, Values: map[string]any{"n": 10 + i}}}
			if _, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, mine); err == nil {
				won.Store(i, true)
			} else if errors.Is(err, sqlite.ErrSQLiteRowChanged) {
				lost.Store(i, true)
			} else {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wins, losses := 0, 0
	won.Range(func(any, any) bool { wins++; return true })
	lost.Range(func(any, any) bool { losses++; return true })
	if wins != 1 || losses != 7 {
		t.Errorf("%d won, %d lost", wins, losses)
	}
}

func TestSQLiteRowsWrite_DryRun(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{
		Table: tables["t"], DryRun: true, Changes: []change{{Verb: "insert", Values: map[string]any{"n": 1}}, {Verb: "delete", Key: []any{int64(1)}}},
	})
	if err != nil || len(results) != 2 || fmt.Sprint(results[0].Key) != "[3]" {
		t.Errorf("%v, %v", results, err)
	}
	if got := countRows(t, db, "t"); got != 2 {
		t.Errorf("%d rows", got)
	}
}

// A writer that holds the lock keeps others waiting until their context ends.
func TestSQLiteRowsWrite_Waits(t *testing.T) {
	t.Parallel()
	db, tables := writeDB(t)
	tx, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	cfg := sqlite.SQLiteRowsWriteConfig{Table: tables["bare"], Changes: []change{{Verb: "insert", Values: map[string]any{"v": 1}}}}
	if _, err := sqlite.SQLiteRowsWrite(ctx, db.Writer, cfg); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("%v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, cfg); err != nil {
		t.Error(err)
	}
}

// The key of a row in a virtual table is the one that its module gave it.
func TestSQLiteRowsWrite_Virtual(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE VIRTUAL TABLE words USING fts5 (body)", "INSERT INTO words VALUES ('first')", "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1)")
	tables := schemaOf(t, db)
	for name, values := range map[string]map[string]any{"words": {"body": "x"}, "box": {"x0": 1, "x1": 2}} {
		write := func(c change) []sqlite.SQLiteRowsWriteResult {
			results, err := sqlite.SQLiteRowsWrite(t.Context(), db.Writer, sqlite.SQLiteRowsWriteConfig{Table: tables[name], Changes: []change{c}})
			if err != nil {
				t.Fatal(name, err)
			}
			return results
		}
		key := write(change{Verb: sqlite.SQLiteRowsInsert, Values: values})[0].Key
		if len(key) != 1 {
			t.Fatalf("%s: key %v", name, key)
		}
		if updated := write(change{Verb: sqlite.SQLiteRowsUpdate, Key: key, Values: values})[0]; updated.ETag == "" || updated.Key[0] != key[0] {
			t.Errorf("%s: %+v", name, updated)
		}
		write(change{Verb: sqlite.SQLiteRowsDelete, Key: key})
	}
	if n := countRows(t, db, "words"); n != 1 {
		t.Errorf("%d rows", n)
	}
}
