//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/tools/testenv/testkit/killtest"
)

func TestMain(m *testing.M) {
	killtest.Play(roles)
	goleak.VerifyTestMain(m)
}

// open opens a database in memory and runs sql on it.
func open(t testing.TB, sql ...string) *sql.DB {
	t.Helper()
	return openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 2}, sql...)
}

func openWith(t testing.TB, cfg DuckDBOpenConfig, sql ...string) *sql.DB {
	t.Helper()
	db, err := DuckDBOpen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, db, sql...)
	return db
}

func exec(t testing.TB, db *sql.DB, sql ...string) {
	t.Helper()
	for _, s := range sql {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// one returns the single value of a query.
func one[T any](t testing.TB, db *sql.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRowContext(context.WithoutCancel(t.Context()), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// rowsOf yields rows, and then err when it is not nil.
func rowsOf(err error, rows ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hostile are names that break out of bad quoting.
var hostile = []string{`a"b`, `a'b`, `"; DROP TABLE keep; --`, `'); DROP TABLE keep; --`, "new\nline", "tab\t", `back\slash`, "é😀\u2028", "%s$1?", "[a-z]*?", " ", "a.b", "--", "/* x"}
