package sqliteopen

import (
	"crypto/sha256"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// Statements of an attacker leave the file as it is, on the pool that reads.
func TestSQLiteOpen_HostileSQL(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	made := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, made.Writer, `CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret TEXT);
		CREATE VIEW v AS SELECT id, secret FROM t; CREATE TABLE other (secret); CREATE TABLE gone (a);
		CREATE VIRTUAL TABLE box USING rtree (id, x0, x1); CREATE VIRTUAL TABLE note USING fts5(body);
		INSERT INTO t VALUES (1, 'a', 's'); INSERT INTO box VALUES (1, 0, 1); INSERT INTO note VALUES ('hello'); ANALYZE`)
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	before := hashOf(t, path)
	db := mustOpen(t, SQLiteOpenConfig{Path: path, ReadOnly: true, Sandbox: true, Hidden: func(table, column string) bool {
		return strings.EqualFold(table, "t") && strings.EqualFold(column, "secret") || table == "gone"
	}})
	conn, err := db.Reader.Conn(t.Context()) // one for all: what one statement would switch, the next would use
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, query := range hostile(t) {
		rows, err := conn.QueryContext(t.Context(), query)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		if err == nil {
			t.Errorf("%s: was run", query)
		}
		// Whatever it left open ends here.
		_, _ = conn.ExecContext(t.Context(), "ROLLBACK")
	}
	for _, query := range []string{
		"SELECT id, name FROM t", "SELECT count(*) FROM t", "SELECT secret FROM other", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5) SELECT * FROM c",
		"SELECT * FROM note WHERE note MATCH 'hello'", "SELECT * FROM box WHERE x0 < 1", "PRAGMA query_only", "SELECT name FROM sqlite_schema",
		"SELECT upper(name), json_array(id), row_number() OVER () FROM t", "SELECT * FROM json_each('[1]')", "EXPLAIN QUERY PLAN SELECT id FROM t",
		"SELECT count(*) FROM other",
	} {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	_, err = sqlite.SQLiteQueryJSON(t.Context(), db.Reader, io.Discard, sqlite.SQLiteQueryJSONConfig{Query: "SELECT secret FROM t", ReadOnly: true})
	if core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("a hidden column: %v (%s)", err, core.ErrorCode(err))
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, path) != before {
		t.Error("the file has changed")
	}
}

// Where nothing is hidden the schema may be read.
func TestSQLiteOpen_SandboxSchema(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t), Sandbox: true})
	exec(t, db.Writer, "CREATE TABLE t (a)")
	for _, query := range []string{"SELECT * FROM pragma_table_xinfo('t')", "SELECT * FROM pragma_table_list", "PRAGMA integrity_check", "SELECT sql FROM sqlite_schema"} {
		if _, err := db.Reader.ExecContext(t.Context(), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// KeepJournal leaves a file in its journal mode, whose two pools work, too.
func TestSQLiteOpen_KeepJournal(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := mustOpen(t, SQLiteOpenConfig{Path: path, KeepJournal: true})
	exec(t, db.Writer, "CREATE TABLE t (a)")
	if mode := get(t, db.Reader, "PRAGMA journal_mode"); mode != "delete" {
		t.Errorf("a new file is in mode %s", mode)
	}
	wal := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	exec(t, wal.Writer, "CREATE TABLE t (a)")
	if mode := get(t, wal.Reader, "PRAGMA journal_mode"); mode != "wal" {
		t.Errorf("without it, a file is in mode %s", mode)
	}
}

// A sandbox that writes changes rows and tables, and nothing else.
func TestSQLiteOpen_SandboxWrites(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t), Sandbox: true})
	exec(t, db.Writer, "CREATE TABLE t (a)")
	exec(t, db.Writer, "INSERT INTO t VALUES (1)")
	for _, query := range []string{"PRAGMA journal_mode = DELETE", "PRAGMA foreign_keys = OFF", "ATTACH ':memory:' AS a", "SELECT load_extension('x')"} {
		if _, err := db.Writer.ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s: was run", query)
		}
	}
	if got := get(t, db.Reader, "SELECT count(*) FROM t"); got != "1" {
		t.Errorf("%s rows", got)
	}
}

// hostile are the statements of testdata.
func hostile(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") })
}

func hashOf(t *testing.T, path string) [32]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}
