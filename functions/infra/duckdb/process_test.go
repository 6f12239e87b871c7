//go:build cgo

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

// The test binary itself plays other processes: TestMain calls playRole when this variable is set.
const (
	roleVariable = "DUCKDB_TEST_ROLE"
	pathVariable = "DUCKDB_TEST_PATH"
)

// playRole is the other process's main.
func playRole(role string) int {
	ctx := context.Background()
	roles := map[string]func(context.Context, string) error{"hold": roleHold, "append": roleAppend, "full": roleFull}
	if err := roles[role](ctx, os.Getenv(pathVariable)); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// roleHold keeps a database open until its stdin is closed.
func roleHold(ctx context.Context, path string) error {
	db, err := DuckDBOpen(ctx, DuckDBOpenConfig{Path: path})
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// roleAppend appends batch after batch and says so each time, until it is killed. The last batch never ends.
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
				if batch == 5 && i == 400_000 { // some are with DuckDB, which has written some
					fmt.Println("amid")
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

// other starts the test binary in a role, and gives its output line by line.
func other(t *testing.T, role, path string) (*osexec.Cmd, *bufio.Scanner, func()) {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(stdout), func() { _ = stdin.Close() }
}

func TestDuckDBOpen_HeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	cmd, lines, end := other(t, "hold", path)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the other process says %q", lines.Text())
	}
	for _, readOnly := range []bool{false, true} {
		_, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path, ReadOnly: readOnly})
		wantError(t, err, core.CodeUnavailable, "Could not set lock")
	}
	end()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	openWith(t, DuckDBOpenConfig{Path: path})
}

// A process is killed amid an append: what it acknowledged is there, and nothing of what it did not.
func TestDuckDBAppend_KilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	cmd, lines, _ := other(t, "append", path)
	acknowledged := map[int]int{}
	for lines.Scan() && lines.Text() != "amid" {
		words := strings.Fields(lines.Text())
		if len(words) != 3 {
			t.Fatalf("the other process says %q", lines.Text())
		}
		batch, _ := strconv.Atoi(words[1])
		acknowledged[batch], _ = strconv.Atoi(words[2])
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it ended by itself")
	}
	if len(acknowledged) != 5 {
		t.Fatalf("acknowledged %v", acknowledged)
	}
	db := openWith(t, DuckDBOpenConfig{Path: path})
	for batch, n := range acknowledged {
		if got := one[int](t, db, "SELECT count(DISTINCT n) FROM t WHERE batch = ?", batch); got != n || n != batchOf(batch) {
			t.Errorf("batch %d: %d rows are in, %d acknowledged", batch, got, n)
		}
	}
	if got := one[int](t, db, "SELECT count(*) FROM t WHERE batch > 4"); got != 0 {
		t.Errorf("%d rows of the unfinished batch are in", got)
	}
	mustAppend(t, db, DuckDBAppendConfig{Table: "t"}, []any{9, 9})
}

// roleFull runs on a file system of its own of 12 MB: what the errors are, and that the database is whole afterwards.
func roleFull(ctx context.Context, dir string) error {
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
		return fmt.Errorf("while there is room: %d, %w", n, err)
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
		err = errors.Join(err, fmt.Errorf("%d rows are in, 1000 were acknowledged", n))
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
	fmt.Println("as it should be:", err)
	return nil
}
