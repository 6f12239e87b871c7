package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/internal/errtest"
)

// slow is a view whose rows take long.
const slow = `CREATE VIEW slow AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) SELECT x FROM c`

func TestSQLiteRowCount_Counts(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "CREATE TABLE pair (a PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE empty (a)",
		"CREATE INDEX part ON t (n) WHERE n > 98", "INSERT INTO t SELECT value, value FROM (WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < 100) SELECT value FROM c)",
		"DELETE FROM t WHERE id <= 40", "INSERT INTO pair VALUES (1), (2)", slow)
	tables := schemaOf(t, db)
	filter, err := rowquery.RowFilterParse("n", "gt.90")
	if err != nil {
		t.Fatal(err)
	}
	filters := []rowquery.RowFilter{filter}
	check := func(cfg sqlite.SQLiteRowCountConfig, want string) {
		t.Helper()
		got, err := sqlite.SQLiteRowCount(t.Context(), db.Reader, cfg)
		if text := fmt.Sprintf("%d exact=%v known=%v", got.Rows, got.Exact, got.Known); err != nil || text != want {
			t.Errorf("%s: %s, error %v, want %s", cfg.Table.Name, text, err, want)
		}
	}
	exact := sqlite.SQLiteRowCountConfig{Table: tables["t"], Time: time.Hour}
	check(exact, "60 exact=true known=true")
	exact.Filters = filters
	check(exact, "10 exact=true known=true")
	check(sqlite.SQLiteRowCountConfig{Table: tables["t"], Estimate: true}, "100 exact=false known=true")
	check(sqlite.SQLiteRowCountConfig{Table: tables["t"], Estimate: true, Filters: filters}, "0 exact=false known=false")
	check(sqlite.SQLiteRowCountConfig{Table: tables["pair"], Estimate: true}, "0 exact=false known=false")
	check(sqlite.SQLiteRowCountConfig{Table: tables["empty"], Estimate: true}, "0 exact=false known=true")
	check(sqlite.SQLiteRowCountConfig{Table: tables["slow"], Time: time.Millisecond}, "0 exact=false known=false")
	if _, err := db.Writer.ExecContext(t.Context(), "CREATE INDEX whole ON t (n); ANALYZE"); err != nil {
		t.Fatal(err)
	}
	check(sqlite.SQLiteRowCountConfig{Table: tables["t"], Estimate: true}, "60 exact=false known=true")
	check(sqlite.SQLiteRowCountConfig{Table: tables["pair"], Estimate: true}, "2 exact=false known=true")
}

func TestSQLiteRowCount_Errors(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n)", slow)
	tables := schemaOf(t, db)
	filter, err := rowquery.RowFilterParse("m", "eq.1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.SQLiteRowCount(t.Context(), db.Reader, sqlite.SQLiteRowCountConfig{Table: tables["t"], Filters: []rowquery.RowFilter{filter}})
	errtest.Want(t, err, core.CodeInvalid, `no column "m"`)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err = sqlite.SQLiteRowCount(ctx, db.Reader, sqlite.SQLiteRowCountConfig{Table: tables["slow"], Time: -1})
	errtest.Want(t, err, core.CodeTimeout, "sqlite_row_count")
	gone := tables["t"]
	gone.Name = "gone"
	_, err = sqlite.SQLiteRowCount(t.Context(), db.Reader, sqlite.SQLiteRowCountConfig{Table: gone})
	if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("a table that is gone: %v", err)
	}
}
