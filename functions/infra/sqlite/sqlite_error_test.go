package sqlite_test

import (
	"database/sql"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

func TestSQLiteError_Conformance(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
		"CREATE TABLE child (parent INTEGER REFERENCES parent, age INTEGER CHECK (age > 0))",
		"CREATE TABLE strict (n INTEGER) STRICT",
		"INSERT INTO parent VALUES (1, 'a')")
	suite := sqltest.SQLErrorConformanceConfig{Error: sqlite.SQLiteError, Made: map[error]core.Code{sql.ErrNoRows: core.CodeNotFound}}
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
		suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: c.name, Want: c.want, Provoke: func(t *testing.T) error {
			_, err := db.Writer.ExecContext(t.Context(), c.sql)
			return err
		}})
	}
	suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: "read-only", Want: core.CodeForbidden, Provoke: func(t *testing.T) error {
		_, err := db.Reader.ExecContext(t.Context(), "INSERT INTO parent VALUES (9, 'z')")
		return err
	}})
	sqltest.SQLErrorConformance(t, suite)
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
	errtest.Want(t, sqlite.SQLiteError("op", err), core.CodeUnavailable, "locked")
}

func dbPath(t *testing.T, db *sql.DB) (path string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list").Scan(&path); err != nil {
		t.Fatal(err)
	}
	return path
}
