package sqlite_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

type (
	queryConfig = sqlite.SQLiteQueryJSONConfig
	queryResult = rowjson.RowsJSONResult
)

// query runs cfg on the writer, so that only ReadOnly keeps a statement from
// writing.
func query(t testing.TB, db *sqliteopen.SQLiteOpenHandle, cfg queryConfig) (string, queryResult, error) {
	t.Helper()
	var out bytes.Buffer
	result, err := sqlite.SQLiteQueryJSON(t.Context(), db.Writer, &out, cfg)
	if result.Bytes != int64(out.Len()) {
		t.Errorf("Bytes is %d, but %d were written", result.Bytes, out.Len())
	}
	return out.String(), result, err
}

func mustQuery(t testing.TB, db *sqliteopen.SQLiteOpenHandle, cfg queryConfig) (string, queryResult) {
	t.Helper()
	out, result, err := query(t, db, cfg)
	if err != nil {
		t.Fatalf("%s: %v", cfg.Query, err)
	}
	if !cfg.NDJSON && !json.Valid([]byte(out)) {
		t.Errorf("not valid JSON: %s", out)
	}
	return out, result
}

func TestSQLiteQueryJSON_Conformance(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"file": "", "memory": ":memory:"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sqltest.QueryJSONConformance(t, func(t *testing.T) sqltest.QueryJSONConformanceConfig {
				return conforming(t, cmp.Or(path, t.TempDir()+"/x.db"))
			})
		})
	}
}

// conforming is a database for the suite. The writer runs the queries, so that
// only ReadOnly keeps a statement from writing.
func conforming(t *testing.T, path string) sqltest.QueryJSONConformanceConfig {
	db := openPath(t, path, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)", "CREATE TABLE a (id INTEGER, id_2 VarChar(10)); INSERT INTO a VALUES (1, 'x')")
	const endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c"
	return sqltest.QueryJSONConformanceConfig{
		Query: func(ctx context.Context, w io.Writer, q sqltest.QueryJSONConformanceQuery) (queryResult, error) {
			return sqlite.SQLiteQueryJSON(ctx, db.Writer, w, queryConfig{
				Query: q.Query, Args: q.Args, Named: q.Named, ReadOnly: q.ReadOnly, NDJSON: q.NDJSON,
				MaxRows: q.MaxRows, MaxBytes: q.MaxBytes, BigInts: q.BigInts,
			})
		},
		Numbers: func(last int) string {
			return fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < %d) SELECT n FROM c", last)
		},
		Columns:     `SELECT id, id, id_2, id, 1+1 AS "a""b" FROM a`,
		ColumnTypes: []string{"INTEGER", "INTEGER", "VARCHAR(10)", "INTEGER", ""},
		Parameter:   func(name string) string { return ":" + name },
		Allowed: []string{
			"SELECT n FROM t;", "  /* x */ with a as (select n from t) select n from a", "VALUES (1)", "EXPLAIN SELECT 1",
			"explain query plan WITH a AS (SELECT 1) SELECT * FROM a -- end", "SELECT n FROM t ; -- ; \n ;", "SELECT * FROM pragma_table_info('t')",
		},
		Refused: []string{
			"INSERT INTO t VALUES (2) RETURNING n", "WITH a AS (SELECT 2 AS n) INSERT INTO t SELECT n FROM a RETURNING n",
			"PRAGMA query_only = OFF", "EXPLAIN PRAGMA query_only = OFF", "EXPLAIN QUERY PLAN PRAGMA query_only = 0", "CREATE TEMP TABLE x (n)",
			"ATTACH 'other.db' AS o", "VACUUM INTO 'copy.db'", "BEGIN", "DROP TABLE t", "REPLACE INTO t VALUES (1)", "ANALYZE", "EXPLAIN", "(SELECT 1)",
		},
		Malformed: []string{
			"SELECT 1; DELETE FROM t", "SELECT $a('); PRAGMA query_only = 0; --')", "SELECT 1 /*/ x */ ; DELETE FROM t", "", " ; -- x", "SELECT 1\x00; DELETE FROM t",
			"CREATE TRIGGER a BEGIN SELECT 1; END; DELETE FROM t",
		},
		Insert: "INSERT INTO t VALUES (2) RETURNING n",
		Count: func(t *testing.T) int {
			t.Helper()
			return count(t, db, "SELECT count(*) FROM t")
		},
		Endless: map[string]string{
			"FirstRow":  endless,
			"SecondRow": "SELECT 1 UNION ALL SELECT * FROM (" + endless + ")",
			"EveryRow":  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x FROM c WHERE x % 1000 = 0",
		},
	}
}

func TestSQLiteQueryJSON_Values(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE v (b BOOLEAN, d DATE, dt DATETIME, ts TIMESTAMP)",
		"INSERT INTO v VALUES (1, '2024-02-29', '2024-02-29 12:30:00', '2024-02-29T12:30:00.25+02:00'), (0, NULL, NULL, NULL)")
	for _, c := range []struct{ sql, want string }{
		{"SELECT NULL AS v", `null`},
		{"SELECT 42 AS v", `42`},
		{"SELECT -9007199254740991 AS v", `-9007199254740991`},
		{"SELECT 9007199254740992 AS v", `"9007199254740992"`},
		{"SELECT -9223372036854775808 AS v", `"-9223372036854775808"`},
		{"SELECT 2.0 AS v", `2.0`},
		{"SELECT 0.1 AS v", `0.1`},
		{"SELECT 1e300 AS v", `1e+300`},
		{"SELECT -1e-7 AS v", `-1e-07`},
		{"SELECT 9e999 AS v", `"Infinity"`},
		{"SELECT -9e999 AS v", `"-Infinity"`},
		{`SELECT 'tab	quote" back\ nul ' || char(1) || ' é 😀 ' || char(0x2028) AS v`, `"tab\tquote\" back\\ nul \u0001 é 😀 \u2028"`},
		{"SELECT CAST(x'61ff62' AS TEXT) AS v", `"a\ufffdb"`},
		{"SELECT '' AS v", `""`},
		{"SELECT x'00ff10' AS v", `"AP8Q"`},
		{"SELECT x'' AS v", `""`},
		{"SELECT b AS v FROM v LIMIT 1", `true`},
		{"SELECT b AS v FROM v LIMIT 1 OFFSET 1", `false`},
		{"SELECT d AS v FROM v", `"2024-02-29"`},
		{"SELECT dt AS v FROM v", `"2024-02-29T12:30:00Z"`},
		{"SELECT ts AS v FROM v", `"2024-02-29T12:30:00.25+02:00"`},
		{"SELECT d || '' AS v FROM v", `"2024-02-29"`}, // an expression has no declared type
	} {
		out, _ := mustQuery(t, db, queryConfig{Query: c.sql, MaxRows: 1})
		if want := `[{"v":` + c.want + "}]\n"; out != want {
			t.Errorf("%s\ngot  %swant %s", c.sql, out, want)
		}
	}
	if out, _ := mustQuery(t, db, queryConfig{Query: "SELECT 9007199254740993 AS v", BigInts: true}); out != "[{\"v\":9007199254740993}]\n" {
		t.Errorf("BigInts: %s", out)
	}
}

func TestSQLiteQueryJSON_Parameters(t *testing.T) {
	t.Parallel()
	db := open(t)
	when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT ?2 AS a, ?1 AS b, ?2 AS c", Args: []any{1, "x"}}, `{"a":"x","b":1,"c":"x"}`},
		{queryConfig{Query: "SELECT ?3 AS a", Args: []any{1, 2, 3}}, `{"a":3}`},
		{queryConfig{Query: "SELECT ?2 AS a, ? AS b", Args: []any{1, 2, 3}}, `{"a":2,"b":3}`},
		{queryConfig{Query: "SELECT :a AS a, @b AS b, $c_1 AS c, @a AS d, :a AS e", Named: map[string]any{"a": 1, "b": "x", "c_1": nil}},
			`{"a":1,"b":"x","c":null,"d":1,"e":1}`},
		{queryConfig{Query: "SELECT typeof(?) AS i, typeof(?) AS r, typeof(?) AS b, typeof(?) AS o", Args: []any{json.Number("7"), json.Number("7.5"), []byte("x"), true}},
			`{"i":"integer","r":"real","b":"blob","o":"integer"}`},
		{queryConfig{Query: "SELECT datetime(?) AS t", Args: []any{when}}, `{"t":"2024-02-29 12:00:00"}`},
		{queryConfig{Query: "SELECT '?:a@b' AS a, \"?\" AS b, [?] AS c, `?` AS d -- ? :x\n/* ?9 */ FROM (SELECT 1 AS \"?\")"}, `{"a":"?:a@b","b":1,"c":1,"d":1}`},
	} {
		if out, _ := mustQuery(t, db, c.cfg); out != "["+c.want+"]\n" {
			t.Errorf("%s\ngot  %swant [%s]", c.cfg.Query, out, c.want)
		}
	}
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT ?5", Args: []any{1}}, "has 5 parameters, Args has 1"},
		{queryConfig{Query: "SELECT 1", Named: map[string]any{"b": 2}}, "no parameter with a name"},
		{queryConfig{Query: "SELECT :a", Args: []any{1}}, "Args has values"},
		{queryConfig{Query: "SELECT :a, ?", Named: map[string]any{"a": 1}}, "both with and without"},
		{queryConfig{Query: "SELECT $1", Named: map[string]any{"1": 1}}, "parameter $1: "},
		{queryConfig{Query: "SELECT $a(b)", Named: map[string]any{"a": 1}}, "parameter $a(b): "},
		{queryConfig{Query: "SELECT ?", Args: []any{map[string]any{}}}, "parameter ?1: a map[string]interface {} can't"},
	} {
		out, _, err := query(t, db, c.cfg)
		errtest.Want(t, err, core.CodeInvalid, c.want)
		if out != "" {
			t.Errorf("wrote %q", out)
		}
	}
}

func TestSQLiteQueryJSON_ErrorsBetweenRows(t *testing.T) {
	t.Parallel()
	db := open(t)
	long := "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 20000) SELECT n, 'some text to fill the buffer' AS x FROM c"
	// A row far into the result fails: the output ends inside the array.
	out, result, err := query(t, db, queryConfig{Query: "SELECT n, CASE WHEN n = 9000 THEN json('{bad') ELSE 'some text to fill the buffer' END AS x FROM (" + long + ")", MaxRows: -1})
	errtest.Want(t, err, core.CodeInvalid, "malformed JSON")
	if json.Valid([]byte(out)) || result.Rows != 8999 || len(out) < 100<<10 {
		t.Errorf("%d bytes, %+v", len(out), result)
	}
	// An early row fails: nothing was written, so the caller can still answer
	// with an error.
	if out, _, err = query(t, db, queryConfig{Query: "SELECT json('{bad')"}); err == nil || out != "" {
		t.Errorf("%v, %q", err, out)
	}
}

// Whatever the text, with ReadOnly nothing is written, the connection is
// unchanged, and the output is JSON.
func FuzzSQLiteQueryJSON(f *testing.F) {
	for _, sql := range []string{
		"SELECT * FROM t", "EXPLAIN PRAGMA query_only=0", "SELECT 1;PRAGMA query_only=0;DELETE FROM t", "WITH a AS (SELECT 1) DELETE FROM t",
		"select $a('); delete from t; --", "SELECT 'a''b', \"c\", [d], `e`, x'00', 1e9 -- f", "/*/ SELECT 1;*/DELETE FROM t", "VALUES (1e999, NULL, char(0xd800))",
		"SELECT 1 ;\v; delete from t", "\ufeffselect 1",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		db := openPath(t, ":memory:", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var out bytes.Buffer
		_, err := sqlite.SQLiteQueryJSON(ctx, db.Writer, &out, queryConfig{Query: sql, ReadOnly: true, MaxRows: 50})
		if err == nil && !json.Valid(out.Bytes()) {
			t.Errorf("no JSON: %q", out.String())
		}
		var rows, queryOnly, schema int
		const state = "SELECT (SELECT count(*) FROM t), query_only, (SELECT count(*) FROM sqlite_schema) + (SELECT count(*) FROM sqlite_temp_schema) FROM pragma_query_only"
		if err := db.Writer.QueryRowContext(t.Context(), state).Scan(&rows, &queryOnly, &schema); err != nil {
			t.Fatal(err)
		}
		if rows != 1 || queryOnly != 0 || schema != 1 {
			t.Errorf("%d rows in t, query_only %d, %d objects in the schema", rows, queryOnly, schema)
		}
	})
}

// The alternative is what one would write by hand: scan into a map,
// json.Encoder.
func BenchmarkSQLiteQueryJSON(b *testing.B) {
	const rows = 5000
	db := open(b, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price REAL, note TEXT, at DATETIME)",
		fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < %d) "+
			"INSERT INTO t SELECT n, 'name of row ' || n, n * 1.25, CASE WHEN n %% 3 THEN 'a longer text, with \"quotes\" and an é, as notes have' END, '2024-02-29 12:00:00' FROM c", rows))
	const query = "SELECT id, name, price, note, at FROM t"
	b.Run("unit", func(b *testing.B) {
		for b.Loop() {
			w := &countingWriter{}
			result, err := sqlite.SQLiteQueryJSON(b.Context(), db.Reader, w, queryConfig{Query: query, NDJSON: true, ReadOnly: true})
			if err != nil || result.Rows != rows {
				b.Fatal(result, err)
			}
			b.SetBytes(w.n)
		}
	})
	b.Run("byHand", func(b *testing.B) {
		for b.Loop() {
			w := &countingWriter{}
			if n, err := scanByHand(b.Context(), db, w, query); err != nil || n != rows {
				b.Fatal(n, err)
			}
			b.SetBytes(w.n)
		}
	})
}

type countingWriter struct{ n int64 }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

func scanByHand(ctx context.Context, db *sqliteopen.SQLiteOpenHandle, w *countingWriter, query string) (n int, err error) {
	rows, err := db.Reader.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	encoder := json.NewEncoder(w)
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return n, err
		}
		row := make(map[string]any, len(columns))
		for i, name := range columns {
			row[name] = values[i]
		}
		if err := encoder.Encode(row); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}
