package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// numbers reads rows of one number.
func numbers(t *testing.T, h *sqlite.SQLiteStatementsHandle, query string, args ...any) string {
	t.Helper()
	rows, err := h.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		n := 0
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(n))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// A statement that was run before sees changed rows and a changed schema, and
// holds no lock between its runs: in rollback-journal mode a writer would wait
// for it.
func TestSQLiteStatements_Repeated(t *testing.T) {
	t.Parallel()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: filepath.Join(t.TempDir(), "t.db"), KeepJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := sqlite.SQLiteStatements(db.Reader, 0)
	defer h.Close()
	exec := func(query string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := db.Writer.ExecContext(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE t (n INTEGER)")
	exec("INSERT INTO t VALUES (1), (2), (3)")
	const query = "SELECT n FROM t WHERE n > ? ORDER BY n"
	if got := numbers(t, h, query, 1); got != "2 3" {
		t.Error(got)
	}
	exec("INSERT INTO t VALUES (4)")
	if got := numbers(t, h, query, 2); got != "3 4" {
		t.Error(got)
	}
	exec("DROP TABLE t")
	exec("CREATE TABLE t (x, n INTEGER)")
	exec("INSERT INTO t VALUES ('x', 9)")
	if got := numbers(t, h, query, 2); got != "9" {
		t.Error(got)
	}
	exec("DROP TABLE t")
	rows, err := h.QueryContext(t.Context(), query, 2)
	if err == nil { // with mattn's driver the first row says so
		rows.Next()
		err = rows.Err()
		rows.Close()
	}
	if err == nil {
		t.Error("a table that is gone was read")
	}
	if _, err := h.QueryContext(t.Context(), "SELECT nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Error(err)
	}
}

// Many texts, from many goroutines, with room for two: rows stay whole while
// their statement is evicted, and Close leaves nothing open.
func TestSQLiteStatements_Evicted(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), (2), (3), (4), (5)")
	h := sqlite.SQLiteStatements(db.Reader, 2)
	rows, err := h.QueryContext(t.Context(), "SELECT n FROM t ORDER BY n -- held")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				text := fmt.Sprintf("SELECT n + %d FROM t WHERE n = ?", (g+i)%5)
				if got, want := numbers(t, h, text, 3), fmt.Sprint(3+(g+i)%5); got != want {
					t.Errorf("%s: %s", text, got)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 5 {
		t.Errorf("%d rows, %v", n, err)
	}
	rows.Close()
	if err := errors.Join(h.Close(), h.Close()); err != nil {
		t.Error(err)
	}
}

func BenchmarkSQLiteStatements(b *testing.B) {
	db := open(b, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'x')")
	h := sqlite.SQLiteStatements(db.Reader, 0)
	defer h.Close()
	for name, query := range map[string]func(context.Context, string, ...any) (*sql.Rows, error){"kept": h.QueryContext, "compiled": db.Reader.QueryContext} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rows, err := query(b.Context(), "SELECT id, name FROM t WHERE id = ? ORDER BY id LIMIT 2", 1)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if err := errors.Join(rows.Err(), rows.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
