//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

// The errors are DuckDB's own, brought about on a real database.
func TestDuckDBError_FromDriver(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
		"CREATE TABLE child (parent INTEGER REFERENCES parent, age INTEGER CHECK (age > 0))",
		"INSERT INTO parent VALUES (1, 'a')")
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
		{"memory", "SET memory_limit = '1MB'; SELECT list(range) FROM range(10000000)", core.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := db.ExecContext(t.Context(), c.sql)
			if err == nil {
				t.Fatal("no error came")
			}
			got := DuckDBError("op", fmt.Errorf("wrapped: %w", errors.Join(errors.New("other"), err)))
			wantError(t, got, c.want, "op: wrapped: ")
			if !errors.Is(got, err) {
				t.Error("lost its cause")
			}
		})
	}
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
	wantError(t, DuckDBError("op", errs[1]), core.CodeConflict, "onflict")
}

func TestDuckDBError_Other(t *testing.T) {
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
		{errors.New("could not create appender: Catalog Error: Table with name x does not exist!"), core.CodeInvalid},
		{errors.New("first Error: Constraint Error: CHECK constraint failed"), core.CodeInvalid},
		{errors.New("database/sql/driver: could not connect to database: IO Error: Could not set lock on file"), core.CodeUnavailable},
	} {
		if got := core.ErrorCode(DuckDBError("op", c.err)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	if got := DuckDBError("op", coded); got != error(coded) {
		t.Errorf("a coded error came back as %v", got)
	}
}
