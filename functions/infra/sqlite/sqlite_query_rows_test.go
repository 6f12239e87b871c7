package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowcsv"
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
			func(rows *sql.Rows) error {
				for rows.Next() {
					t.Errorf("%s: it returned a row", c.query)
				}
				return rows.Err() // mattn's driver runs nothing before
			})
		errtest.Want(t, err, c.code, c.want)
	}
	var n int
	if err := db.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows were written, %v", n, err)
	}
}

// Values come as they are stored, whatever the query is, in its order and under
// its names.
func TestSQLiteQueryRows_Stored(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE, at DATETIME, ok BOOLEAN, "a""b" DATE)`,
		`INSERT INTO t VALUES (1, '2026-01-02', 'soon', 1, 5), (2, '1', '2026-01-02 03:04:05', 'x', NULL), (3, 20260102, 1.5, 0, x'00')`)
	const all = "SELECT * FROM t ORDER BY id DESC"
	for query, want := range map[string]string{
		all:             "id,d,at,ok,a\"b\n3,20260102,1.5,0,AA==\n2,1,2026-01-02 03:04:05,x,\n1,2026-01-02,soon,1,5\n",
		all + ";":       "id,d,at,ok,a\"b\n3,20260102,1.5,0,AA==\n2,1,2026-01-02 03:04:05,x,\n1,2026-01-02,soon,1,5\n",
		all + " -- end": "id,d,at,ok,a\"b\n3,20260102,1.5,0,AA==\n2,1,2026-01-02 03:04:05,x,\n1,2026-01-02,soon,1,5\n",
		"SELECT a.d, b.d, a.d AS c FROM t a, t b WHERE a.id = 1 AND b.id = 2": "d,d,c\n2026-01-02,1,2026-01-02\n",
		"VALUES (1, 'x'), (2, 'y')":                               "column1,column2\n1,x\n2,y\n",
		"WITH x AS (SELECT at FROM t) SELECT at FROM x LIMIT 1":   "at\nsoon\n",
		"SELECT count(*), max(at) FROM t":                         "count(*),max(at)\n3,soon\n",
		"SELECT id FROM t UNION SELECT 9 ORDER BY 1 DESC LIMIT 2": "id\n9\n3\n",
		"SELECT 1 AS a, 2 AS a, 3 AS a":                           "a,a,a\n1,2,3\n",
	} {
		var out strings.Builder
		err := sqlite.SQLiteQueryRows(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{Query: query, ReadOnly: true, Stored: true},
			func(rows *sql.Rows) error {
				_, err := rowcsv.RowsCSVWrite(&out, rows, rowcsv.RowsCSVWriteConfig{LF: true})
				return err
			})
		want = strings.Replace(want, "a\"b", `"a""b"`, 1)
		if err != nil || out.String() != want {
			t.Errorf("%s: %v\n%swant\n%s", query, err, out.String(), want)
		}
	}
	err := sqlite.SQLiteQueryRows(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{
		Query: "WITH x AS (SELECT 9) INSERT INTO t (id) SELECT * FROM x", ReadOnly: true, Stored: true,
	}, func(rows *sql.Rows) error { rows.Next(); return rows.Err() })
	errtest.Want(t, err, core.CodeForbidden, "")
	for _, query := range []string{"SELECT 1) UNION SELECT (2", "SELECT 1), (SELECT 2", "SELECT 1 FROM"} {
		err := sqlite.SQLiteQueryRows(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{Query: query, ReadOnly: true, Stored: true},
			func(*sql.Rows) error { t.Errorf("%s: it ran", query); return nil })
		errtest.Want(t, err, core.CodeInvalid, "")
	}
}
