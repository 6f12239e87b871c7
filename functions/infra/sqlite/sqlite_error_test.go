package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// The errors are the driver's own, brought about on a real database.
func TestSQLiteError_FromDriver(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
		"CREATE TABLE child (parent INTEGER REFERENCES parent, age INTEGER CHECK (age > 0))",
		"CREATE TABLE strict (n INTEGER) STRICT",
		"INSERT INTO parent VALUES (1, 'a')")
	for _, c := range []struct {
		name, sql string
		want      core.Code
	}{
		{"syntax", "SELEC 1", core.CodeInvalid},
		{"no table", "INSERT INTO nowhere VALUES (1)", core.CodeInvalid},
		{"unique", "INSERT INTO parent VALUES (2, 'a')", core.CodeConflict},
		{"primary key", "INSERT INTO parent VALUES (1, 'b')", core.CodeConflict},
		{"foreign key", "INSERT INTO child VALUES (7, 1)", core.CodeConflict},
		{"not null", "INSERT INTO parent VALUES (3, NULL)", core.CodeInvalid},
		{"check", "INSERT INTO child VALUES (1, -1)", core.CodeInvalid},
		{"strict type", "INSERT INTO strict VALUES ('x')", core.CodeInvalid},
		{"too big", "SELECT zeroblob(2000000000)", core.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := db.Writer.ExecContext(t.Context(), c.sql)
			if err == nil {
				t.Fatal("no error came")
			}
			got := sqlite.SQLiteError("op", fmt.Errorf("wrapped: %w", errors.Join(errors.New("other"), err)))
			wantError(t, got, c.want, "op: wrapped: ")
			if !errors.Is(got, err) {
				t.Error("lost its cause")
			}
		})
	}
	_, err := db.Reader.ExecContext(t.Context(), "INSERT INTO parent VALUES (9, 'z')")
	wantError(t, sqlite.SQLiteError("op", err), core.CodeForbidden, "readonly")
}

func TestSQLiteError_Busy(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n)")
	other, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	second := openPath(t, dbPath(t, db.Reader))
	conn, err := second.Writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	_, err = conn.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
	wantError(t, sqlite.SQLiteError("op", err), core.CodeUnavailable, "locked")
}

func dbPath(t *testing.T, db *sql.DB) (path string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list").Scan(&path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSQLiteError_Other(t *testing.T) {
	t.Parallel()
	coded := &core.Error{Code: core.CodeLimited, Op: "x"}
	for _, c := range []struct {
		err  error
		want core.Code
	}{
		{nil, ""},
		{sql.ErrNoRows, core.CodeNotFound},
		{context.Canceled, core.CodeCanceled},
		{context.DeadlineExceeded, core.CodeTimeout},
		{coded, core.CodeLimited},
		{fmt.Errorf("w: %w", coded), core.CodeLimited},
		{errors.New("x"), core.CodeInternal},
		{httpLike{}, core.CodeInternal}, // a Code() of somebody else
	} {
		if got := core.ErrorCode(sqlite.SQLiteError("op", c.err)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	if got := sqlite.SQLiteError("op", coded); got != error(coded) {
		t.Errorf("a coded error came back as %v", got)
	}
}

type httpLike struct{}

func (httpLike) Error() string { return "x" }
func (httpLike) Code() int     { return 5 }
