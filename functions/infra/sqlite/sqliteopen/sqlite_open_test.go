package sqliteopen

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

func mustOpen(t testing.TB, cfg SQLiteOpenConfig) *SQLiteOpenHandle {
	t.Helper()
	db, err := SQLiteOpen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }

type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func exec(t testing.TB, db querier, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func get(t testing.TB, db querier, query string, args ...any) (value string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestSQLiteOpen_Settings(t *testing.T) {
	t.Parallel()
	file := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	custom := mustOpen(t, SQLiteOpenConfig{Path: newFile(t), BusyTimeout: 1500 * time.Millisecond, Synchronous: "full", MaxReaders: 2})
	none := mustOpen(t, SQLiteOpenConfig{Path: ":memory:", BusyTimeout: -1})
	for _, c := range []struct {
		name string
		db   *sql.DB
		want map[string]string
	}{
		{"writer", file.Writer, map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "1", "busy_timeout": "5000", "trusted_schema": "0", "query_only": "0"}},
		{"reader", file.Reader, map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "1", "busy_timeout": "5000", "trusted_schema": "0", "query_only": "1"}},
		{"custom", custom.Writer, map[string]string{"synchronous": "2", "busy_timeout": "1500"}},
		{"custom reader", custom.Reader, map[string]string{"busy_timeout": "1500"}},
		{"memory", none.Writer, map[string]string{"journal_mode": "memory", "foreign_keys": "1", "busy_timeout": "0", "query_only": "0"}},
		{"memory reader", none.Reader, map[string]string{"foreign_keys": "1", "query_only": "1"}},
	} {
		for pragma, want := range c.want {
			if got := get(t, c.db, "PRAGMA "+pragma); got != want {
				t.Errorf("%s: %s is %s, want %s", c.name, pragma, got, want)
			}
		}
	}
	if n := file.Writer.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d writers", n)
	}
	if n := file.Reader.Stats().MaxOpenConnections; n < 4 {
		t.Errorf("%d readers by default", n)
	}
	if n := custom.Reader.Stats().MaxOpenConnections; n != 2 {
		t.Errorf("%d readers, want 2", n)
	}
}

func TestSQLiteOpen_MemoryIsOneDatabase(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: ":memory:"})
	exec(t, db.Writer, "CREATE TABLE t (n); INSERT INTO t VALUES (7)")
	for range 3 { // held, so that each is a connection of its own
		conn, err := db.Reader.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := get(t, conn, "SELECT n FROM t"); got != "7" {
			t.Errorf("a connection sees %s", got)
		}
	}
	other := mustOpen(t, SQLiteOpenConfig{Path: ":memory:"})
	if got := get(t, other.Reader, "SELECT count(*) FROM sqlite_schema"); got != "0" {
		t.Errorf("another database in memory has %s tables", got)
	}
}

func TestSQLiteOpen_MemoryOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: ":memory:"})
	exec(t, db.Writer, "CREATE TABLE t (n); INSERT INTO t VALUES (7)")
	db.Writer.SetMaxIdleConns(0)
	db.Reader.SetMaxIdleConns(0)
	if n := db.Writer.Stats().OpenConnections + db.Reader.Stats().OpenConnections; n != 0 {
		t.Fatalf("%d connections still open", n)
	}
	if got := get(t, db.Reader, "SELECT n FROM t"); got != "7" {
		t.Errorf("got %s", got)
	}
}

func TestSQLiteOpen_ReaderCannotWrite(t *testing.T) {
	t.Parallel()
	for _, path := range []string{newFile(t), ":memory:"} {
		db := mustOpen(t, SQLiteOpenConfig{Path: path})
		exec(t, db.Writer, "CREATE TABLE t (n)")
		for _, query := range []string{"INSERT INTO t VALUES (1)", "CREATE TABLE u (n)", "CREATE TEMP TABLE v (n)", "PRAGMA user_version = 3"} {
			if _, err := db.Reader.ExecContext(t.Context(), query); err == nil || !strings.Contains(err.Error(), "readonly") {
				t.Errorf("%s: %s: got %v, want it refused", path, query, err)
			}
		}
	}
	// Even with query_only off the file can't be written: the connection is
	// read-only.
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	conn, err := db.Reader.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, "PRAGMA query_only = OFF")
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestSQLiteOpen_ReadOnly(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	writer := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, writer.Writer, "CREATE TABLE t (n); INSERT INTO t VALUES (7)")
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	db := mustOpen(t, SQLiteOpenConfig{Path: path, ReadOnly: true})
	if db.Writer != db.Reader {
		t.Error("Writer and Reader are different pools")
	}
	if got := get(t, db.Reader, "SELECT n FROM t"); got != "7" {
		t.Errorf("got %s", got)
	}
	if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err == nil {
		t.Error("it wrote")
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if _, err := db.Reader.ExecContext(t.Context(), "ATTACH ? AS other; CREATE TABLE other.t (n)", other); err == nil {
		t.Error("it wrote into an attached file")
	}
}

func TestSQLiteOpen_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	write(t, text, bytes.Repeat([]byte("this is no database\n"), 500))
	for _, c := range []struct {
		name string
		cfg  SQLiteOpenConfig
		code core.Code
		want string
	}{
		{"no path", SQLiteOpenConfig{}, core.CodeInvalid, "bad path"},
		{"URI", SQLiteOpenConfig{Path: "file:x.db"}, core.CodeInvalid, "bad path"},
		{"synchronous", SQLiteOpenConfig{Path: text, Synchronous: "ON; DROP"}, core.CodeInvalid, `bad Synchronous "ON; DROP"`},
		{"memory read-only", SQLiteOpenConfig{Path: ":memory:", ReadOnly: true}, core.CodeInvalid, "memory"},
		{"missing folder", SQLiteOpenConfig{Path: filepath.Join(dir, "no", "x.db")}, core.CodeNotFound, "folder " + filepath.Join(dir, "no") + " does not exist"},
		{"folder is a file", SQLiteOpenConfig{Path: filepath.Join(text, "x.db")}, core.CodeInvalid, "not a folder"},
		{"missing file", SQLiteOpenConfig{Path: filepath.Join(dir, "x.db"), ReadOnly: true}, core.CodeNotFound, "file does not exist"},
		{"a folder", SQLiteOpenConfig{Path: dir}, core.CodeInvalid, "is a folder"},
		{"a device", SQLiteOpenConfig{Path: "/dev/null"}, core.CodeInvalid, "is not a regular file"},
		{"text", SQLiteOpenConfig{Path: text}, core.CodeInvalid, "not a database"},
		{"text, read-only", SQLiteOpenConfig{Path: text, ReadOnly: true}, core.CodeInvalid, "not a database"},
		{"damaged", SQLiteOpenConfig{Path: damaged(t)}, core.CodeInternal, "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db, err := SQLiteOpen(t.Context(), c.cfg)
			wantError(t, db, err, c.code, c.want)
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "x.db")); err == nil {
		t.Error("a failed read-only open created the file")
	}
}

func wantError(t *testing.T, db *SQLiteOpenHandle, err error, code core.Code, want string) {
	t.Helper()
	if err == nil {
		t.Error("opened", db.Close())
		return
	}
	coded, ok := err.(*core.Error)
	if !ok || coded.Code != code || !strings.HasPrefix(coded.Op, "sqlite_open ") || !strings.Contains(err.Error(), want) || db != nil {
		t.Errorf("got %#v: %v, want code %s and %q in the text", err, err, code, want)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// damaged creates a database whose schema can't be read: the header is intact,
// the rest of the first page is not.
func damaged(t *testing.T) string {
	t.Helper()
	path := newFile(t)
	db := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[100:4096], bytes.Repeat([]byte{0xa5}, 4096))
	write(t, path, content)
	return path
}

func TestSQLiteOpen_OddPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ?b#c%20&mode=memory.db")
	db := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	if got := get(t, db.Reader, "SELECT count(*) FROM t"); got != "0" {
		t.Errorf("got %s", got)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// Not parallel: the working directory belongs to the process.
func TestSQLiteOpen_RelativePathStays(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	db := mustOpen(t, SQLiteOpenConfig{Path: "x.db"})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	if _, err := os.Stat(filepath.Join(dir, "x.db")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	first, err := db.Reader.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got := get(t, db.Reader, "SELECT count(*) FROM t"); got != "0" { // on a new connection
		t.Errorf("got %s", got)
	}
}

func TestSQLiteOpen_OpenedAtOnce(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			<-start
			db, err := SQLiteOpen(t.Context(), SQLiteOpenConfig{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t (n); INSERT INTO t VALUES (?)", i); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	if got := get(t, mustOpen(t, SQLiteOpenConfig{Path: path}).Reader, "SELECT count(*) FROM t"); got != "8" {
		t.Errorf("%s rows, want 8", got)
	}
}

// Whatever the busy timeout, SQLite fails immediately when it has to switch a
// file to WAL while someone writes to it.
func TestSQLiteOpen_WaitsToSwitchToWAL(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := mustOpen(t, SQLiteOpenConfig{Path: path})
	if err := db.Reader.Close(); err != nil {
		t.Fatal(err)
	}
	if mode := get(t, db.Writer, "PRAGMA journal_mode = DELETE"); mode != "delete" {
		t.Fatalf("journal mode is %s", mode)
	}
	tx, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := SQLiteOpen(t.Context(), SQLiteOpenConfig{Path: path, BusyTimeout: 100 * time.Millisecond})
	wantError(t, second, err, core.CodeUnavailable, "locked")
	released := time.AfterFunc(100*time.Millisecond, func() { tx.Rollback() })
	defer released.Stop()
	third := mustOpen(t, SQLiteOpenConfig{Path: path, BusyTimeout: time.Minute})
	if mode := get(t, third.Reader, "PRAGMA journal_mode"); mode != "wal" {
		t.Errorf("journal mode is %s", mode)
	}
}

// Read, then write, in one transaction, fails with "database is locked" on a
// plain pool.
func TestSQLiteOpen_WritersQueueReadersDont(t *testing.T) {
	t.Parallel()
	for _, path := range []string{newFile(t), ":memory:"} {
		db := mustOpen(t, SQLiteOpenConfig{Path: path})
		exec(t, db.Writer, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)")
		const writers, rounds = 8, 50
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range rounds {
					if err := increment(t.Context(), db); err != nil {
						t.Errorf("%s: %v", path, err)
						return
					}
				}
			})
			all.Go(func() {
				for range rounds {
					var n int
					if err := db.Reader.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil {
						t.Errorf("%s: reading: %v", path, err)
						return
					}
				}
			})
		}
		all.Wait()
		if got := get(t, db.Reader, "SELECT n FROM t"); got != fmt.Sprint(writers*rounds) {
			t.Errorf("%s: %s, want %d", path, got, writers*rounds)
		}
	}
}

func increment(ctx context.Context, db *SQLiteOpenHandle) error {
	tx, err := db.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT n FROM t").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE t SET n = ?", n+1); err != nil {
		return err
	}
	return tx.Commit()
}

// An active reader (WAL) doesn't block the writer, and keeps its snapshot.
func TestSQLiteOpen_ReaderKeepsItsState(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	exec(t, db.Writer, "CREATE TABLE t (n); INSERT INTO t VALUES (1)")
	tx, err := db.Reader.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	before := get(t, tx, "SELECT count(*) FROM t")
	exec(t, db.Writer, "INSERT INTO t VALUES (2)")
	if after := get(t, tx, "SELECT count(*) FROM t"); before != "1" || after != "1" {
		t.Errorf("the transaction saw %s, then %s", before, after)
	}
	if got := get(t, db.Reader, "SELECT count(*) FROM t"); got != "2" {
		t.Errorf("a new read sees %s", got)
	}
}

func TestSQLiteOpen_WaitForWriterHeedsContext(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	tx, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Writer.ExecContext(ctx, "CREATE TABLE t (n)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

const endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c"

func TestSQLiteOpen_ContextStopsEveryStep(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	second := "SELECT 1 UNION ALL SELECT * FROM (" + endless + ")"
	for name, run := range map[string]func(ctx context.Context, query string) (*sql.Rows, error){
		"direct": func(ctx context.Context, query string) (*sql.Rows, error) { return db.Reader.QueryContext(ctx, query) },
		"prepared": func(ctx context.Context, query string) (*sql.Rows, error) {
			stmt, err := db.Reader.PrepareContext(ctx, query)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { stmt.Close() })
			return stmt.QueryContext(ctx)
		},
	} {
		for row, query := range map[string]string{"first": endless, "second": second} {
			t.Run(name+" "+row, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				rows, err := run(ctx, query)
				if err == nil {
					for rows.Next() {
					}
					err = errors.Join(rows.Err(), rows.Close())
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.Writer.ExecContext(ctx, "CREATE TABLE t AS "+endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("exec: got %v", err)
	}
}

func TestSQLiteOpen_Close(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	get(t, db.Reader, "SELECT count(*) FROM t")
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := db.Reader.PingContext(t.Context()); err == nil {
		t.Error("a closed pool answers")
	}
}

func TestSQLiteOpen_TimesAreSQLites(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: ":memory:"})
	exec(t, db.Writer, "CREATE TABLE t (at DATETIME)")
	when := time.Date(2024, 2, 29, 12, 30, 0, 250e6, time.FixedZone("", 2*3600))
	exec(t, db.Writer, "INSERT INTO t VALUES (?)", when)
	if got := get(t, db.Reader, "SELECT datetime(at) FROM t"); got != "2024-02-29 10:30:00" {
		t.Errorf("SQLite reads %s", got)
	}
	var back time.Time
	if err := db.Reader.QueryRowContext(t.Context(), "SELECT at FROM t").Scan(&back); err != nil || !back.Equal(when) {
		t.Errorf("read back as %v, %v", back, err)
	}
}

// A new connection of a pool does not open another file than the others have,
// nor make one.
func TestSQLiteOpen_FileLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(path string) error{
		"deleted": os.Remove,
		"replaced": func(path string) error {
			other := newFile(t)
			if err := mustOpen(t, SQLiteOpenConfig{Path: other}).Close(); err != nil {
				return err
			}
			return os.Rename(other, path)
		},
	} {
		path := newFile(t)
		db := mustOpen(t, SQLiteOpenConfig{Path: path}) // which makes the file
		first, err := db.Reader.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		if err := lose(path); err != nil {
			t.Fatal(err)
		}
		second, err := db.Reader.Conn(t.Context())
		if err == nil {
			_ = second.Close()
		}
		if !errors.Is(err, sqlite.ErrSQLiteFileLost) || core.ErrorCode(err) != core.CodeConflict {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); name == "deleted" && err == nil {
			t.Error("the file was made again")
		}
	}
}
