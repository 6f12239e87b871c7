//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
)

func TestDuckDBOpen_Settings(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 3, MemoryLimit: 64 << 20, TempDir: temp})
	for name, want := range map[string]string{
		"threads": "3", "memory_limit": "64.0 MiB", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
		"allow_community_extensions": "false", "enable_external_access": "true", "lock_configuration": "false", "access_mode": "automatic",
	} {
		if got := one[string](t, db, "SELECT current_setting("+quoteText(name)+")::VARCHAR"); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := one[string](t, db, "SELECT current_setting('temp_directory')"); filepath.Dir(got) != temp {
		t.Errorf("temporary folder %s", got)
	}
	db = openWith(t, DuckDBOpenConfig{Path: ":memory:", Extensions: true})
	if got := one[string](t, db, "SELECT current_setting('autoload_known_extensions')::VARCHAR"); got != "true" {
		t.Error("Extensions does nothing")
	}
}

// The bundled library includes the extensions that the units need, so that
// nothing is loaded at run time.
func TestDuckDBOpen_BuiltIn(t *testing.T) {
	t.Parallel()
	db := open(t)
	const query = "SELECT string_agg(extension_name, ' ' ORDER BY extension_name) FROM duckdb_extensions() WHERE loaded AND install_mode = 'STATICALLY_LINKED'"
	got := one[string](t, db, query)
	for _, name := range []string{"core_functions", "icu", "json", "parquet"} {
		if !strings.Contains(got, name) {
			t.Errorf("%s is not built in: %s", name, got)
		}
	}
	_, err := db.ExecContext(t.Context(), "SELECT * FROM read_csv('https://localhost:1/x.csv')")
	errtest.Want(t, DuckDBError("op", err), core.CodeUnsupported, "httpfs")
}

// A query larger than the memory goes to the temporary folder, which is empty
// again after Close.
func TestDuckDBOpen_Spills(t *testing.T) {
	t.Parallel()
	for _, sandbox := range []bool{false, true} {
		temp := t.TempDir()
		db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: ":memory:", Threads: 1, MemoryLimit: 24 << 20, TempDir: temp, Sandbox: sandbox})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "CREATE TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS x FROM range(1000000)")
		if spilled := one[int64](t, db, "SELECT coalesce(sum(size), 0)::BIGINT FROM duckdb_temporary_files()"); spilled == 0 {
			t.Error("nothing was spilled")
		}
		if n := one[int](t, db, "SELECT count(*) FROM (SELECT x FROM t ORDER BY x)"); n != 1_000_000 {
			t.Errorf("%d rows", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if left := files(t, temp); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
}

func TestDuckDBOpen_MemoryIsOneDatabase(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n INTEGER)")
	db.SetMaxIdleConns(0) // it outlives its connections
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := one[int](t, db, "SELECT count(*) FROM t"); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
	if _, err := open(t).ExecContext(t.Context(), "SELECT * FROM t"); err == nil {
		t.Error("two handles share a database in memory")
	}
}

func TestDuckDBOpen_ReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t AS SELECT 7 AS n")
	_, err = DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path, ReadOnly: true})
	errtest.Want(t, err, core.CodeConflict, "different configuration")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openWith(t, DuckDBOpenConfig{Path: path, ReadOnly: true})
	if n := one[int](t, db, "SELECT n FROM t"); n != 7 {
		t.Error(n)
	}
	_, err = db.ExecContext(t.Context(), "INSERT INTO t VALUES (8)")
	errtest.Want(t, DuckDBError("op", err), core.CodeForbidden, "read-only")
	_, err = DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rowsOf(nil, []any{1}))
	errtest.Want(t, err, core.CodeForbidden, "readonly database")
}

func TestDuckDBOpen_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	sqlite := filepath.Join(dir, "sqlite.db")
	newer, damaged := filepath.Join(dir, "newer.db"), filepath.Join(dir, "damaged.db")
	for path, content := range map[string]string{
		text:   strings.Repeat("no database ", 2000),
		sqlite: "SQLite format 3\x00" + strings.Repeat("\x00", 8000),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeNewer(t, newer, damaged)
	for _, c := range []struct {
		cfg  DuckDBOpenConfig
		code core.Code
		want string
	}{
		{DuckDBOpenConfig{}, core.CodeInvalid, "bad path"},
		{DuckDBOpenConfig{Path: "a\x00b"}, core.CodeInvalid, "bad path"},
		{DuckDBOpenConfig{Path: ":memory:", ReadOnly: true}, core.CodeInvalid, "read-only"},
		{DuckDBOpenConfig{Path: ":memory:", Threads: -1}, core.CodeInvalid, "bad Threads"},
		{DuckDBOpenConfig{Path: ":memory:", MemoryLimit: 5}, core.CodeInvalid, "bad MemoryLimit"},
		{DuckDBOpenConfig{Path: ":memory:", TempDir: "/nowhere"}, core.CodeNotFound, "folder /nowhere"},
		{DuckDBOpenConfig{Path: ":memory:", TempDir: "\x00"}, core.CodeInvalid, "NUL"},
		{DuckDBOpenConfig{Path: dir}, core.CodeInvalid, "is a folder"},
		{DuckDBOpenConfig{Path: text}, core.CodeInvalid, "not a valid DuckDB"},
		{DuckDBOpenConfig{Path: sqlite}, core.CodeUnsupported, "sqlite"},
		{DuckDBOpenConfig{Path: newer}, core.CodeUnsupported, "version number"},
		{DuckDBOpenConfig{Path: damaged}, core.CodeInternal, "Corrupt database file"},
		{DuckDBOpenConfig{Path: filepath.Join(text, "x.db")}, core.CodeInvalid, "is not a folder"},
		{DuckDBOpenConfig{Path: filepath.Join(dir, "no", "x.db")}, core.CodeNotFound, "does not exist"},
		{DuckDBOpenConfig{Path: filepath.Join(dir, "no.db"), ReadOnly: true}, core.CodeNotFound, "does not exist"},
		{DuckDBOpenConfig{Path: filepath.Join(dir, "a?access_mode=READ_ONLY")}, core.CodeInvalid, "can't open such a path"},
		{DuckDBOpenConfig{Path: filepath.Join(dir, "a#b")}, core.CodeInvalid, "can't open such a path"},
		{DuckDBOpenConfig{Path: filepath.Join(dir, "100%")}, core.CodeInvalid, "can't open such a path"},
	} {
		db, err := DuckDBOpen(t.Context(), c.cfg)
		errtest.Want(t, err, c.code, c.want)
		if db != nil {
			t.Errorf("%+v: a handle came", c.cfg)
			db.Close()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := DuckDBOpen(ctx, DuckDBOpenConfig{Path: ":memory:"})
	errtest.Want(t, err, core.CodeCanceled, "canceled")
}

// makeNewer creates a database file of a future version, and a damaged one next
// to it.
func makeNewer(t *testing.T, newer, damaged string) {
	t.Helper()
	db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: newer})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	// The first 4,096 bytes are a checksum of 8 bytes, then DUCK and the
	// version.
	order := binary.LittleEndian
	order.PutUint64(content[12:], 999)
	if err := os.WriteFile(damaged, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := uint64(5381)
	for at := 8; at < 4096; at += 8 {
		sum ^= order.Uint64(content[at:]) * 0xbf58476d1ce4e5b9
	}
	order.PutUint64(content, sum)
	if err := os.WriteFile(newer, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDuckDBOpen_OddPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a b", "a'b", `a"b`, "é😀", "a:b", "md:x", "%20", "a&b=c", "a;b", "[x]*", "$HOME", "~", "-", `a\b`} {
		path := filepath.Join(dir, name+".db")
		db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path, Threads: 1})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		exec(t, db, "CREATE TABLE t (n INTEGER)")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v; there are %s", name, err, files(t, dir))
		}
	}
}

func TestDuckDBOpen_Sandbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := DuckDBOpenConfig{Path: filepath.Join(dir, "x.db"), Sandbox: true, Extensions: true}
	for range 2 { // the second handle joins the first, which is locked already
		db := openWith(t, cfg, "CREATE OR REPLACE TABLE t (n INTEGER)")
		for _, query := range []string{
			"SELECT * FROM read_text('/etc/hostname')", "COPY t TO '" + dir + "/y.csv'", "ATTACH '" + dir + "/y.db' AS y", "SET enable_external_access = true",
			"SET threads = 1", "RESET lock_configuration", "INSTALL httpfs", "LOAD httpfs", "SELECT * FROM '" + dir + "/*'", "SELECT * FROM glob('/etc/*')", "EXPORT DATABASE '" + dir + "/y'",
		} {
			_, err := db.ExecContext(t.Context(), query)
			if code := core.ErrorCode(DuckDBError("op", err)); code != core.CodeForbidden && code != core.CodeInvalid {
				t.Errorf("%s: %v (%s), want it refused", query, err, code)
			}
		}
		exec(t, db, "INSERT INTO t VALUES (1)", "CHECKPOINT")
	}
	if got := files(t, dir); got != "x.db" && got != "x.db x.db.wal" {
		t.Errorf("the folder holds %s", got)
	}
}

// Ten handles at once on a file that does not exist yet.
func TestDuckDBOpen_OpenedAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	var handles [10]*sql.DB
	var wg sync.WaitGroup
	for i := range handles {
		wg.Go(func() {
			db, err := DuckDBOpen(context.Background(), DuckDBOpenConfig{Path: path})
			if err == nil {
				_, err = db.Exec(fmt.Sprintf("CREATE TABLE t%d (n INTEGER)", i))
			}
			if err != nil {
				t.Error(err)
			}
			handles[i] = db
		})
	}
	wg.Wait()
	if n := one[int](t, handles[0], "SELECT count(*) FROM duckdb_tables()"); n != len(handles) {
		t.Errorf("%d tables", n)
	}
	for _, db := range handles {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDuckDBOpen_Close(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t AS SELECT 7 AS n")
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); got != "x.db" { // the log has been written back
		t.Errorf("the folder holds %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a closed pool answers %v", err)
	}
}
