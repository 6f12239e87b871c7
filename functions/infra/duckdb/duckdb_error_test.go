//go:build cgo

package duckdb

import (
	"database/sql"
	"errors"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

func TestDuckDBError_Conformance(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
		"CREATE TABLE child (parent INTEGER REFERENCES parent, age INTEGER CHECK (age > 0))",
		"INSERT INTO parent VALUES (1, 'a')")
	suite := sqltest.SQLErrorConformanceConfig{Error: DuckDBError, Made: map[error]core.Code{
		sql.ErrNoRows: core.CodeNotFound,
		errors.New("could not create appender: Catalog Error: Table with name x does not exist!"):              core.CodeInvalid,
		errors.New("first Error: Constraint Error: CHECK constraint failed"):                                   core.CodeInvalid,
		errors.New("database/sql/driver: could not connect to database: IO Error: Could not set lock on file"): core.CodeUnavailable,
	}}
	for _, c := range []struct {
		name, sql string
		want      core.Code
	}{
		{"syntax", "SELEC 1", core.CodeInvalid},
		{"no table", "INSERT INTO nowhere VALUES (1)", core.CodeInvalid},
		{"no column", "SELECT nothing FROM parent", core.CodeInvalid},
		{"there already", "CREATE TABLE parent (id INTEGER)", core.CodeConflict},
		{"unique", "INSERT INTO parent VALUES (2, 'a')", core.CodeConflict},
		{"primary key", "INSERT INTO parent VALUES (1, 'b')", core.CodeConflict},
		{"foreign key", "INSERT INTO child VALUES (7, 1)", core.CodeConflict},
		{"not null", "INSERT INTO parent VALUES (3, NULL)", core.CodeInvalid},
		{"check", "INSERT INTO child VALUES (1, -1)", core.CodeInvalid},
		{"conversion", "SELECT 'x'::INTEGER", core.CodeInvalid},
		{"range", "SELECT 300::TINYINT", core.CodeInvalid},
		{"no file", "SELECT * FROM read_csv('/nowhere/x.csv')", core.CodeNotFound},
		{"no folder", "COPY parent TO '/nowhere/x.parquet'", core.CodeNotFound},
		{"extension", "SELECT * FROM read_csv('https://localhost:1/x.csv')", core.CodeUnsupported},
	} {
		suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: c.name, Want: c.want, Provoke: func(t *testing.T) error {
			_, err := db.ExecContext(t.Context(), c.sql)
			return err
		}})
	}
	// The limit is the database's, and the cases run at the same time.
	suite.Provoked = append(suite.Provoked, sqltest.SQLErrorConformanceCase{Name: "memory", Want: core.CodeTooLarge, Provoke: func(t *testing.T) error {
		_, err := open(t).ExecContext(t.Context(), "SET memory_limit = '1MB'; SELECT list(range) FROM range(10000000)")
		return err
	}})
	sqltest.SQLErrorConformance(t, suite)
}

func TestDuckDBError_WriteConflict(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)")
	var errs [2]error
	for i := range errs {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		_, errs[i] = tx.ExecContext(t.Context(), "UPDATE t SET n = n + 1")
	}
	if errs[0] != nil {
		t.Error(errs[0])
	}
	errtest.Want(t, DuckDBError("op", errs[1]), core.CodeConflict, "onflict")
}
