package sqliteopen

import (
	"crypto/sha256"
	"io"
	"os"
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
	for _, query := range []string{
		"INSERT INTO t VALUES (2, 'b', 'c')", "UPDATE t SET name = 'x'", "DELETE FROM t", "REPLACE INTO t VALUES (1, '', '')",
		"INSERT INTO t VALUES (2, 'b', 'c') RETURNING id", "WITH x AS (SELECT 9 AS id) INSERT INTO t SELECT id, '', '' FROM x",
		"DROP TABLE t", "ALTER TABLE t ADD COLUMN x", "ALTER TABLE t RENAME TO u", "CREATE TABLE x (a)", "CREATE TABLE x AS SELECT 1",
		"CREATE TEMP TABLE x (a)", "CREATE TEMP VIEW x AS SELECT 1", "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
		"CREATE INDEX i ON t (name)", "CREATE VIEW x AS SELECT 1", "CREATE VIRTUAL TABLE x USING fts5(a)", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
		"ATTACH ':memory:' AS a", "ATTACH 'x.db' AS a", "DETACH main", "VACUUM", "VACUUM INTO 'x.db'", "REINDEX", "ANALYZE",
		"PRAGMA query_only = OFF", "PRAGMA writable_schema = ON", "PRAGMA trusted_schema = ON", "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 5",
		"PRAGMA application_id = 5", "PRAGMA foreign_keys = OFF", "PRAGMA hard_heap_limit = 0", "PRAGMA soft_heap_limit = 0", "PRAGMA cache_size = 1000000",
		"PRAGMA mmap_size = 1000000000", "PRAGMA temp_store_directory = '/tmp'", "PRAGMA data_store_directory = '/tmp'", "PRAGMA threads = 8", "PRAGMA optimize",
		"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA incremental_vacuum", "PRAGMA shrink_memory", "PRAGMA busy_timeout = 1000000", "PRAGMA locking_mode = EXCLUSIVE",
		"PRAGMA database_list", "PRAGMA recursive_triggers = ON", "PRAGMA case_sensitive_like = ON", "PRAGMA ignore_check_constraints = ON", "PRAGMA cell_size_check = OFF",
		"PRAGMA temp_store = FILE", "PRAGMA analysis_limit = 1", "PRAGMA secure_delete = ON", "PRAGMA legacy_alter_table = ON", "PRAGMA defer_foreign_keys = ON",
		"PRAGMA reverse_unordered_selects = ON", "PRAGMA synchronous = OFF", "PRAGMA schema_version = 99", "PRAGMA page_size = 512", "PRAGMA auto_vacuum = FULL", "PRAGMA main.query_only(0)",
		"SELECT * FROM pragma_database_list", "SELECT load_extension('x')", "SELECT fts3_tokenizer('x')", "SELECT readfile('/etc/passwd')", "SELECT writefile('x', 'y')", "SELECT edit('x')",
		"INSERT INTO note(note) VALUES ('rebuild')", "INSERT INTO note VALUES ('x')", "INSERT INTO box VALUES (2, 0, 1)", "DELETE FROM note_data", "UPDATE box_node SET data = x''",
		"INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (a)')", "DELETE FROM sqlite_stat1",
		"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE",
		// Columns and tables that are hidden.
		"SELECT count(*) FROM gone", "SELECT 1 FROM gone", "SELECT a FROM gone", "SELECT * FROM pragma_table_xinfo('t')", "SELECT * FROM pragma_table_list", "PRAGMA integrity_check",
		"SELECT secret FROM t", "SELECT SECRET FROM main.T", "SELECT * FROM t", "SELECT t.* FROM t", "SELECT id FROM t WHERE secret = 's'", "SELECT id FROM t ORDER BY secret",
		"SELECT count(secret) FROM t", "SELECT * FROM v", "SELECT id FROM v", "SELECT secret FROM v", "SELECT max(x) FROM (SELECT secret AS x FROM t)", "WITH x AS (SELECT secret FROM t) SELECT * FROM x",
		"SELECT (SELECT secret FROM t)", "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t AS u WHERE u.secret > 'a')", "SELECT a.id FROM t AS a JOIN t AS b USING (secret)", "SELECT a.id FROM t AS a NATURAL JOIN other",
		"SELECT group_concat(secret) OVER () FROM t", "EXPLAIN SELECT secret FROM t", "SELECT * FROM sqlite_stat4", "SELECT data FROM sqlite_dbpage", "SELECT * FROM dbstat JOIN t",
		"SELECT id FROM t GROUP BY secret", "SELECT id FROM t UNION SELECT secret FROM t", "TABLE t", "VALUES ((SELECT secret FROM t))", "SELECT json_group_array(secret) FROM t", "SELECT * FROM json_each((SELECT secret FROM t))",
	} {
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

func hashOf(t *testing.T, path string) [32]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}
