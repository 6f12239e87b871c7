package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/internal/errtest"
)

func TestSQLiteQueryRows_Reads(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (n)`, `INSERT INTO t VALUES (1), (2), (3)`)
	sum := 0
	err := sqlite.SQLiteQueryRows(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{
		Query: "SELECT n FROM t WHERE n > @least", Named: map[string]any{"least": 1}, ReadOnly: true,
	}, func(rows *sql.Rows) error {
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
			sum += n
		}
		return rows.Err()
	})
	if err != nil || sum != 5 {
		t.Errorf("%d, %v", sum, err)
	}
}

// What read returns comes back, and the connection is free again.
func TestSQLiteQueryRows_ErrorOfRead(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.Reader.SetMaxOpenConns(1)
	boom := errors.New("boom")
	for range 3 {
		err := sqlite.SQLiteQueryRows(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{Query: "SELECT 1", ReadOnly: true},
			func(*sql.Rows) error { return boom })
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
	}
}

func TestSQLiteQueryRows_Refuses(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (n)`)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx   context.Context
		query string
		args  []any
		code  core.Code
		want  string
	}{
		{t.Context(), "INSERT INTO t VALUES (1)", nil, core.CodeForbidden, "not a read-only statement"},
		{t.Context(), "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", nil, core.CodeForbidden, ""},
		{t.Context(), "SELECT 1; DROP TABLE t", nil, core.CodeInvalid, "2 statements"},
		{t.Context(), " -- nothing\n", nil, core.CodeInvalid, "empty"},
		{t.Context(), "SELEC 1", nil, core.CodeInvalid, "not a SQLite statement"},
		{t.Context(), "SELECT ?", nil, core.CodeInvalid, "1 parameters"},
		{t.Context(), "SELECT 1\x00", nil, core.CodeInvalid, "NUL"},
		{canceled, "SELECT 1", nil, core.CodeCanceled, ""},
	} {
		err := sqlite.SQLiteQueryRows(c.ctx, db.Reader, sqlite.SQLiteQueryRowsConfig{Query: c.query, Args: c.args, ReadOnly: true},
			func(*sql.Rows) error { t.Errorf("%s: it ran", c.query); return nil })
		errtest.Want(t, err, c.code, c.want)
	}
}
