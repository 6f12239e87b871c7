package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/internal/errtest"
)

func TestSQLiteQueryPlan_Warnings(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE a (id INTEGER PRIMARY KEY, x, y)`, `CREATE INDEX a_x ON a (x)`, `CREATE TABLE b (z, w)`)
	for query, want := range map[string]string{
		"SELECT * FROM a WHERE id = :v":                                  "",
		"SELECT * FROM a WHERE x = :v":                                   "",
		"SELECT 1 WHERE 1 = :v":                                          "",
		"SELECT * FROM a WHERE y = :v":                                   "reads all rows",
		"SELECT x FROM a WHERE x + 0 = :v":                               "reads a whole index",
		"SELECT * FROM a WHERE x = :v ORDER BY y":                        "sorts",
		"SELECT * FROM a JOIN b ON b.z = a.y WHERE a.x = :v":             "reads all rows",
		"SELECT (SELECT max(id) FROM a WHERE x = z) FROM b WHERE z = :v": "runs again for each row",
	} {
		steps, err := sqlite.SQLiteQueryPlan(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{
			Query: query, Named: map[string]any{"v": "1"}, ReadOnly: true,
		})
		warnings := ""
		for _, step := range steps {
			warnings += step.Warning
		}
		if err != nil || len(steps) == 0 || want == "" && warnings != "" || !strings.Contains(warnings, want) {
			t.Errorf("%s: %+v, %v, want %q", query, steps, err, want)
		}
	}
}

func TestSQLiteQueryPlan_Depth(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE a (id INTEGER PRIMARY KEY, x)`)
	steps, err := sqlite.SQLiteQueryPlan(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{
		Query: "SELECT id FROM a UNION ALL SELECT x FROM a",
	})
	depths := ""
	for _, step := range steps {
		depths += fmt.Sprint(step.Depth)
	}
	if err != nil || depths != "01212" {
		t.Errorf("%+v, %v", steps, err)
	}
}

// It is no way round the gate.
func TestSQLiteQueryPlan_Refuses(t *testing.T) {
	t.Parallel()
	db := open(t, `CREATE TABLE a (id INTEGER PRIMARY KEY)`)
	for query, code := range map[string]core.Code{
		"DELETE FROM a": core.CodeForbidden, "PRAGMA user_version = 5": core.CodeForbidden, "SELECT 1; SELECT 2": core.CodeInvalid,
		"SELECT * FROM none": core.CodeInvalid, "": core.CodeInvalid, "EXPLAIN SELECT 1": core.CodeInvalid,
	} {
		_, err := sqlite.SQLiteQueryPlan(t.Context(), db.Reader, sqlite.SQLiteQueryRowsConfig{Query: query, ReadOnly: true})
		errtest.Want(t, err, code, "")
	}
}
