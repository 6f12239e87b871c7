//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/core"
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

// wantError checks the code and that the text holds want.
func wantError(t testing.TB, err error, code core.Code, want string) {
	t.Helper()
	if err == nil || core.ErrorCode(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v (%s), want code %s and %q in the text", err, core.ErrorCode(err), code, want)
	}
	if coded, ok := errors.AsType[*core.Error](err); err != nil && (!ok || coded.Op == "") {
		t.Errorf("%v: no *core.Error with an Op", err)
	}
}

// rowsOf yields rows, and then err if it is not nil.
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
