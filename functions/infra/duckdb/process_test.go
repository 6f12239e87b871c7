//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

// roles are run by the test binary as another process, given a path.
var roles = map[string]func(args []string) error{
	"hold":   func(args []string) error { return roleHold(context.Background(), args[0]) },
	"append": func(args []string) error { return roleAppend(context.Background(), args[0]) },
}

// roleHold keeps a database open until its stdin is closed.
func roleHold(ctx context.Context, path string) error {
	db, err := DuckDBOpen(ctx, DuckDBOpenConfig{Path: path})
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("open")
	return killtest.AwaitInputEnd()
}

// roleAppend appends one batch after another and prints each, until it is
// killed during the last batch, which never ends.
func roleAppend(ctx context.Context, path string) error {
	db, err := DuckDBOpen(ctx, DuckDBOpenConfig{Path: path})
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE t (batch INTEGER, n INTEGER)"); err != nil {
		return err
	}
	for batch := range 6 {
		n, err := DuckDBAppend(ctx, db, DuckDBAppendConfig{Table: "t"}, func(yield func([]any, error) bool) {
			for i := 0; i < batchOf(batch) || batch == 5; i++ {
				if !yield([]any{batch, i}, nil) {
					return
				}
				if batch == 5 && i == 400_000 { // DuckDB has some of them, and has written a part
					killtest.Point("amid")
				}
			}
		})
		if err != nil {
			return err
		}
		fmt.Println("acknowledged", batch, n)
	}
	return nil
}

func batchOf(batch int) int { return []int{1, 3000, 10, 250_000, 1}[min(batch, 4)] }

func TestDuckDBOpen_HeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	holder := killtest.Start(t, killtest.Config{Role: "hold", Args: []string{path}})
	holder.Expect("open")
	for _, readOnly := range []bool{false, true} {
		_, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path, ReadOnly: readOnly})
		errtest.Want(t, err, core.CodeUnavailable, "Could not set lock")
	}
	holder.CloseInput()
	holder.Wait()
	openWith(t, DuckDBOpenConfig{Path: path})
}

// A process is killed during an append: everything it acknowledged is there,
// and nothing else.
func TestDuckDBAppend_KilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	appender := killtest.Start(t, killtest.Config{Role: "append", Args: []string{path}, KillAt: "amid"})
	acknowledged := map[int]int{}
	for line, ok := appender.Line(); ok; line, ok = appender.Line() {
		var batch, n int
		if _, err := fmt.Sscanf(line, "acknowledged %d %d", &batch, &n); err != nil {
			t.Fatalf("the other process printed %q", line)
		}
		acknowledged[batch] = n
	}
	if !appender.Wait() {
		t.Fatal("it ended by itself")
	}
	if len(acknowledged) != 5 {
		t.Fatalf("acknowledged %v", acknowledged)
	}
	db := openWith(t, DuckDBOpenConfig{Path: path})
	for batch, n := range acknowledged {
		if got := one[int](t, db, "SELECT count(DISTINCT n) FROM t WHERE batch = ?", batch); got != n || n != batchOf(batch) {
			t.Errorf("batch %d: %d rows in the table, %d acknowledged", batch, got, n)
		}
	}
	if got := one[int](t, db, "SELECT count(*) FROM t WHERE batch > 4"); got != 0 {
		t.Errorf("%d rows of the unfinished batch are in the table", got)
	}
	mustAppend(t, db, DuckDBAppendConfig{Table: "t"}, []any{9, 9})
}

// fillDisk runs on a file system of its own of 12 MB. It checks the errors, and
// that the database is intact afterwards.
func fillDisk(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "x.db")
	db, err := DuckDBOpen(ctx, DuckDBOpenConfig{Path: path, Threads: 1})
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE t (x VARCHAR)"); err != nil {
		return err
	}
	rows := func(n int) func(yield func([]any, error) bool) {
		return func(yield func([]any, error) bool) {
			for i := range n {
				if !yield([]any{fmt.Sprintf("%x", (uint64(i)+1)*0x9e3779b97f4a7c15)}, nil) {
					return
				}
			}
		}
	}
	if n, err := DuckDBAppend(ctx, db, DuckDBAppendConfig{Table: "t"}, rows(1000)); err != nil || n != 1000 {
		return fmt.Errorf("before the disk is full: %d, %w", n, err)
	}
	if err := wantFull(DuckDBAppend(ctx, db, DuckDBAppendConfig{Table: "t"}, rows(5_000_000))); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := db.Close(); err != nil { // the database may be invalid for this handle
		return err
	}
	if db, err = DuckDBOpen(ctx, DuckDBOpenConfig{Path: path, Threads: 1}); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	defer db.Close()
	export := DuckDBExportConfig{Path: filepath.Join(dir, "x.parquet"), Query: "SELECT md5(range::VARCHAR) FROM range(5000000)"}
	if err := wantFull(DuckDBExport(ctx, db, export)); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "x.db") {
			err = errors.Join(err, fmt.Errorf("left behind: %s", e.Name()))
		}
	}
	var n int
	err = errors.Join(err, db.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n))
	if n != 1000 {
		err = errors.Join(err, fmt.Errorf("%d rows in the table, 1000 acknowledged", n))
	}
	if _, more := DuckDBAppend(ctx, db, DuckDBAppendConfig{Table: "t"}, rows(10)); more != nil {
		err = errors.Join(err, fmt.Errorf("with room again: %w", more))
	}
	return err
}

func wantFull(n int64, err error) error {
	if n != 0 || core.ErrorCode(err) != core.CodeUnavailable || !strings.Contains(strings.ToLower(err.Error()), "no space left") {
		return fmt.Errorf("got %d, %w (%s), want it to say that the disk is full", n, err, core.ErrorCode(err))
	}
	fmt.Println("as expected:", err)
	return nil
}
