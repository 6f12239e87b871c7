//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

type queryConfig = DuckDBQueryJSONConfig

func query(t testing.TB, db *sql.DB, cfg queryConfig) (string, rowjson.RowsJSONResult, error) {
	t.Helper()
	var out bytes.Buffer
	result, err := DuckDBQueryJSON(t.Context(), db, &out, cfg)
	if result.Bytes != int64(out.Len()) {
		t.Errorf("Bytes is %d, but %d were written", result.Bytes, out.Len())
	}
	return out.String(), result, err
}

func mustQuery(t testing.TB, db *sql.DB, cfg queryConfig) (string, rowjson.RowsJSONResult) {
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

func TestDuckDBQueryJSON_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.QueryJSONConformance(t, func(t *testing.T) sqltest.QueryJSONConformanceConfig {
		db := open(t, "CREATE TABLE t (n BIGINT)", "INSERT INTO t VALUES (1)", "CREATE SEQUENCE s",
			"CREATE TABLE a (id INTEGER, id_2 VARCHAR)", "INSERT INTO a VALUES (1, 'x')")
		file := filepath.Join(t.TempDir(), "out.csv")
		t.Cleanup(func() {
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a file was written: %v", err)
			}
		})
		return sqltest.QueryJSONConformanceConfig{
			Query: func(ctx context.Context, w io.Writer, q sqltest.QueryJSONConformanceQuery) (rowjson.RowsJSONResult, error) {
				return DuckDBQueryJSON(ctx, db, w, queryConfig(q))
			},
			Numbers:     func(last int) string { return fmt.Sprintf("SELECT range AS n FROM range(1, %d)", last+1) },
			Columns:     `SELECT id, id, id_2, id, 1+1 AS "a""b" FROM a`,
			ColumnTypes: []string{"INTEGER", "INTEGER", "VARCHAR", "INTEGER", "INTEGER"},
			Parameter:   func(name string) string { return "$" + name },
			Allowed: []string{
				"SELECT n FROM t;", "  /* x */ with a as (select n from t) select n from a", "VALUES (1)", "EXPLAIN SELECT 1", "-- x\n explain /* y */ SELECT 1",
				"SELECT n FROM t ; -- ; \n ;", "DESCRIBE t", "SHOW TABLES", "FROM t", "(SELECT 1)", "SUMMARIZE t",
			},
			Refused: []string{
				"INSERT INTO t VALUES (2) RETURNING n", "CREATE TEMP TABLE x (n INTEGER)", "ATTACH ':memory:' AS o", "DROP TABLE t", "UPDATE t SET n = 2", "SET threads = 1", "COMMIT",
				"BEGIN", "CHECKPOINT", "COPY t TO '" + file + "'", "EXPLAIN ANALYZE COPY t TO '" + file + "'", "EXPLAIN ANALYZE INSERT INTO t VALUES (2)", "EXPLAIN ANALYZE SELECT 1",
				"EXPLAIN (ANALYZE) COPY t TO '" + file + "'", "EXPLAIN INSERT INTO t VALUES (2)", "SELECT nextval('s')", "INSTALL httpfs", "LOAD httpfs", "EXPORT DATABASE '" + file + "'", "/* /* */ SELECT */ EXPORT DATABASE '" + file + "'", "DELETE FROM t; SELECT 1", "1", "PREPARE p AS SELECT 1",
			},
			Malformed: []string{
				"SELECT 1; DELETE FROM t", "SELECT 1; EXPORT DATABASE '" + file + "'", "EXPLAIN EXPORT DATABASE '" + file + "'", "", " ; -- x", "SELECT 1) AS q; DELETE FROM t; --", "SELECT 1) AS q(c0) --",
			},
			Insert: "INSERT INTO t VALUES (2) RETURNING n",
			Count: func(t *testing.T) int {
				t.Helper()
				return one[int](t, db, "SELECT count(*) FROM t")
			},
			Endless: map[string]string{
				"FirstRow": "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range + b.range = 7",
				"EveryRow": "SELECT a.range FROM range(1000000000) a, range(1000000000) b",
			},
		}
	})
}

// A deadline also ends statements that are not queries.
func TestDuckDBQueryJSON_DeadlineStopsInsert(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (n BIGINT)")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := DuckDBQueryJSON(ctx, db, io.Discard,
		queryConfig{Query: "INSERT INTO t SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range + b.range = 7"})
	errtest.Want(t, err, core.CodeTimeout, "deadline")
	if n := one[int](t, db, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestDuckDBQueryJSON_Values(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, c := range []struct{ value, want string }{
		{"NULL", `null`},
		{"true", `true`},
		{"42", `42`},
		{"(-128)::TINYINT", `-128`},
		{"-9007199254740991", `-9007199254740991`},
		{"9007199254740992", `"9007199254740992"`},
		{"18446744073709551615::UBIGINT", `"18446744073709551615"`},
		{"170141183460469231731687303715884105727::HUGEINT", `"170141183460469231731687303715884105727"`},
		{"sum(1)", `1`}, // a HUGEINT
		{"340282366920938463463374607431768211455::UHUGEINT", `"340282366920938463463374607431768211455"`},
		{"12345678901234567890123::BIGNUM", `"12345678901234567890123"`},
		{"2.0::DOUBLE", `2.0`},
		{"0.1::FLOAT", `0.1`},
		{"1e300", `1e+300`},
		{"-1e-7::DOUBLE", `-1e-07`},
		{"'NaN'::DOUBLE", `"NaN"`},
		{"'-inf'::DOUBLE", `"-Infinity"`},
		{"'inf'::FLOAT", `"Infinity"`},
		{"1.50::DECIMAL(5,2)", `1.50`},
		{"-0.05::DECIMAL(5,2)", `-0.05`},
		{"0::DECIMAL(5,2)", `0.00`},
		{"999999999999.999::DECIMAL(18,3)", `999999999999.999`},
		{"-1000000000000.000::DECIMAL(18,3)", `"-1000000000000.000"`},
		{"12345678901234567890123456789012345678::DECIMAL(38,0)", `"12345678901234567890123456789012345678"`},
		{`'tab	quote" back\ nul ' || chr(1) || ' é 😀 ' || chr(8232)`, `"tab\tquote\" back\\ nul \u0001 é 😀 \u2028"`},
		{"'a' || chr(0) || 'b'", `"a\u0000b"`},
		{"''", `""`},
		{`'\x00\xFF\x10'::BLOB`, `"AP8Q"`},
		{"''::BLOB", `""`},
		{"DATE '2024-02-29'", `"2024-02-29"`},
		{"DATE '0044-03-15 (BC)'", `"-0043-03-15"`},
		{"DATE 'infinity'", `"infinity"`},
		{"DATE '-infinity'", `"-infinity"`},
		{"TIMESTAMP '2024-02-29 12:30:00.25'", `"2024-02-29T12:30:00.25Z"`},
		{"TIMESTAMPTZ '2024-02-29 12:30:00+02'", `"2024-02-29T10:30:00Z"`},
		{"TIMESTAMP_NS '2024-02-29 12:30:00.123456789'", `"2024-02-29T12:30:00.123456789Z"`},
		{"TIMESTAMP_S 'infinity'", `"infinity"`},
		{"TIMESTAMP_MS '2024-02-29 12:30:00.5'", `"2024-02-29T12:30:00.5Z"`},
		{"TIMESTAMP '-infinity'", `"-infinity"`},
		{"TIMESTAMPTZ 'infinity'", `"infinity"`},
		{"TIMESTAMP_NS 'infinity'", `"infinity"`},
		{"TIME '24:00:00'", `"24:00:00"`},
		{"TIME '01:02:03.5'", `"01:02:03.5"`},
		{"TIMETZ '01:02:03+02:30'", `"01:02:03+02:30"`},
		{"INTERVAL '1 month 2 days 3 seconds'", `"1 month 2 days 00:00:03"`},
		{"'0011aabb-0000-4000-8000-0000000000ff'::UUID", `"0011aabb-0000-4000-8000-0000000000ff"`},
		{"'b'::ENUM('a', 'b')", `"b"`},
		{"'101'::BIT", `"101"`},
		{`'{"a": 9007199254740993, "b": [1.50]}'::JSON`, `{"a":9007199254740993,"b":[1.50]}`},
		{"'[1,\n2]'::JSON", `[1,2]`},
		{"'[NaN]'::JSON", `"[NaN]"`},
		{"[1, NULL, 3]", `[1,null,3]`},
		{"[]", `[]`},
		{"[[DATE '2024-02-29'], NULL]", `[["2024-02-29"],null]`},
		{"[1.5, 2]::DECIMAL(3,1)[]", `[1.5,2.0]`},
		{"array_value('a', 'b')", `["a","b"]`},
		{"{'z': 1, 'a': 'x', 'u': '0011aabb-0000-4000-8000-0000000000ff'::UUID, 't': TIME '01:02:03'}", `{"z":1,"a":"x","u":"0011aabb-0000-4000-8000-0000000000ff","t":"01:02:03"}`},
		{"{'j': '[1]'::JSON}", `{"j":[1]}`},
		{"{'e': 'a'::ENUM('a'), 'b': 'x'::BLOB}", `{"e":"a","b":"eA=="}`},
		{"{'nan': ['NaN'::DOUBLE]}", `{"nan":["NaN"]}`},
		{"MAP {'b': 1, 'a': NULL}", `{"a":null,"b":1}`},
		{"MAP {2: 'x', 1: 'y'}", `{"1":"y","2":"x"}`},
		{"MAP {'0011aabb-0000-4000-8000-0000000000ff'::UUID: 1}", `"{0011aabb-0000-4000-8000-0000000000ff=1}"`}, // as DuckDB's text: the driver can't
		{"MAP {[1]: 1}", `"{[1]=1}"`},
		{"{'b': '101'::BIT}", `"{'b': 101}"`},
		{"union_value(num := 1)", `{"num":1}`},
		{"union_value(d := DATE '2024-02-29')", `{"d":"2024-02-29"}`},
	} {
		t.Run(c.value, func(t *testing.T) {
			out, _ := mustQuery(t, db, queryConfig{Query: "SELECT " + c.value + " AS v"})
			if want := `[{"v":` + c.want + "}]\n"; out != want {
				t.Errorf("got  %swant %s", out, want)
			}
		})
	}
	big := "SELECT 9007199254740993 AS a, 12345678901234567.89::DECIMAL(20,2) AS b, 2::HUGEINT ** 100::HUGEINT > 0 AS c"
	if out, _ := mustQuery(t, db, queryConfig{Query: big, BigInts: true}); out != "[{\"a\":9007199254740993,\"b\":12345678901234567.89,\"c\":true}]\n" {
		t.Errorf("BigInts: %s", out)
	}
}

// Statements that are not SELECTs are written as the driver returns them.
func TestDuckDBQueryJSON_OtherStatements(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id UUID, d DATE, clock TIME, l INTEGER[], m MAP(UUID, INTEGER), j JSON)")
	for _, c := range []struct{ sql, want string }{
		{"INSERT INTO t (id, d, clock, l, j) VALUES ('0011aabb-0000-4000-8000-0000000000ff', '2024-02-29', '01:02:03', [1], '{\"a\": 1}') RETURNING id, d, clock, l, j",
			"[{\"id\":\"0011aabb-0000-4000-8000-0000000000ff\",\"d\":\"2024-02-29\",\"clock\":\"01:02:03\",\"l\":[1],\"j\":{\"a\":1}}]\n"},
		{"SHOW TABLES", "[{\"name\":\"t\"}]\n"},
		{"PRAGMA table_info('t')", ""},
		{"CALL pragma_version()", ""},
		{"EXPLAIN SELECT 1", ""},
		{"FROM t SELECT d", "[{\"d\":\"2024-02-29\"}]\n"},
		{"DESCRIBE t", ""},
		{"SUMMARIZE SELECT 1 AS a", ""},
		{"PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1) USING sum(b)", "[{\"1\":2}]\n"},
		{"UPDATE t SET d = NULL", "[{\"Count\":1}]\n"},
	} {
		out, result := mustQuery(t, db, queryConfig{Query: c.sql})
		if c.want != "" && out != c.want || result.Rows == 0 {
			t.Errorf("%s\ngot  %swant %s", c.sql, out, c.want)
		}
	}
	exec(t, db, "CREATE SEQUENCE s")
	for _, want := range []string{"[{\"n\":1}]\n", "[{\"n\":2}]\n"} { // describing the query doesn't run it
		if out, _ := mustQuery(t, db, queryConfig{Query: "SELECT nextval('s') AS n"}); out != want {
			t.Errorf("got %s, want %s", out, want)
		}
	}
	_, _, err := query(t, db, queryConfig{Query: "INSERT INTO t (m) VALUES (MAP {uuid(): 1}) RETURNING m"})
	errtest.Want(t, err, core.CodeUnsupported, "MAP(UUID")
	_, _, err = query(t, db, queryConfig{Query: "PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)"})
	errtest.Want(t, err, core.CodeInvalid, "several statements")
}

func TestDuckDBQueryJSON_HostileColumns(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, name := range hostile {
		out, result := mustQuery(t, db, queryConfig{Query: "SELECT {" + quoteText(name) + ": 1} AS " + quoteName(name)})
		var rows []map[string]map[string]int
		if err := json.Unmarshal([]byte(out), &rows); err != nil || rows[0][name][name] != 1 || result.Columns[0].Name != name {
			t.Errorf("%q: %v, %s", name, err, out)
		}
	}
}

// The driver would fetch everything first, which no machine could hold.
func TestDuckDBQueryJSON_LimitOfAnEndlessQuery(t *testing.T) {
	t.Parallel()
	db := open(t)
	if _, result := mustQuery(t, db, queryConfig{Query: "SELECT range AS n, repeat('x', 1000) AS x FROM range(1000000000000)", MaxRows: 5}); result.Rows != 5 || !result.Truncated {
		t.Errorf("%+v", result)
	}
}

func TestDuckDBQueryJSON_Parameters(t *testing.T) {
	t.Parallel()
	db := open(t)
	when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT $2 AS a, $1 AS b, $2 AS c", Args: []any{1, "x"}}, `{"a":"x","b":1,"c":"x"}`},
		{queryConfig{Query: "SELECT $a AS a, $b AS b, $c_1 AS c, $a AS d", Named: map[string]any{"a": 1, "b": "x", "c_1": nil}}, `{"a":1,"b":"x","c":null,"d":1}`},
		{queryConfig{Query: "SELECT typeof(?) AS i, typeof(?) AS r, typeof(?) AS b, typeof(?) AS o, typeof(?) AS u", Args: []any{json.Number("7"), json.Number("7.5"), []byte("x"), true, uint64(1 << 63)}},
			`{"i":"BIGINT","r":"DOUBLE","b":"BLOB","o":"BOOLEAN","u":"HUGEINT"}`},
		{queryConfig{Query: "SELECT ?::TIMESTAMP AS t", Args: []any{when}}, `{"t":"2024-02-29T12:00:00Z"}`},
		{queryConfig{Query: "SELECT ? AS l", Args: []any{[]string{"a", "b"}}}, `{"l":["a","b"]}`},
		{queryConfig{Query: "SELECT ? AS l, length(?) AS n", Args: []any{"a\x00b", "a\x00b"}}, `{"l":"a\u0000b","n":3}`},
		{queryConfig{Query: "SELECT '?$a' AS a, \"?\" AS b -- ? $x\n/* $9 */ FROM (SELECT 1 AS \"?\") ; -- ?"}, `{"a":"?$a","b":1}`},
		{queryConfig{Query: "SELECT ? AS a ; -- one; two ;", Args: []any{1}}, `{"a":1}`},
		{queryConfig{Query: "SELECT ';' AS a;;"}, `{"a":";"}`},
		{queryConfig{Query: "SELECT $$;$$ AS a /* ; */"}, `{"a":";"}`},
	} {
		if out, _ := mustQuery(t, db, c.cfg); out != "["+c.want+"]\n" {
			t.Errorf("%s\ngot  %swant [%s]", c.cfg.Query, out, c.want)
		}
	}
	for _, text := range append(hostile, "\x00", strings.Repeat("é", 5<<20)) { // the last is 10 MB
		out, result := mustQuery(t, db, queryConfig{Query: "SELECT $a AS v, $a = $b AS same", Named: map[string]any{"a": text, "b": text}, MaxBytes: -1})
		var rows []struct {
			V    string
			Same bool
		}
		if err := json.Unmarshal([]byte(out), &rows); err != nil || rows[0].V != text || !rows[0].Same || result.Rows != 1 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT 1", Named: map[string]any{"b": 2}}, "no parameter with a name"},
		{queryConfig{Query: "SELECT $a", Args: []any{1}}, "Args has values"},
		{queryConfig{Query: "SELECT ?", Args: []any{struct{}{}}}, "parameter $1: a struct {} can't"},
		{queryConfig{Query: "SELECT ?", Args: []any{"\xff"}}, "not UTF-8"},
		{queryConfig{Query: "SELECT 1\x00"}, "NUL"},
	} {
		out, _, err := query(t, db, c.cfg)
		errtest.Want(t, err, core.CodeInvalid, c.want)
		if out != "" {
			t.Errorf("wrote %q", out)
		}
	}
}

// The driver hits the failing row before the first is written.
func TestDuckDBQueryJSON_LateError(t *testing.T) {
	t.Parallel()
	db := open(t)
	out, _, err := query(t, db, queryConfig{Query: "SELECT CASE WHEN range = 9000 THEN error('late') ELSE 'x' END FROM range(10000)"})
	errtest.Want(t, err, core.CodeInvalid, "late")
	if out != "" {
		t.Errorf("wrote %d bytes", len(out))
	}
}

// Whatever the text, with ReadOnly nothing is written, the connection is
// unchanged, and the output is JSON.
func FuzzDuckDBQueryJSON(f *testing.F) {
	for _, sql := range []string{
		"SELECT * FROM t", "EXPLAIN ANALYZE DELETE FROM t", "SELECT 1;COMMIT;DELETE FROM t", "WITH a AS (SELECT 1) SELECT * FROM a",
		"SELECT 1) AS q; DELETE FROM t; --", "SELECT 'a''b', \"t\".n, $$d$$, E'\\'' FROM t -- f", "/*/ SELECT 1;*/DELETE FROM t", "VALUES ('inf'::DOUBLE, NULL, [1], {'a': 1})",
		"SELECT 1 ;\v; delete from t", "\ufeffselect 1", "PIVOT t ON n", "DESCRIBE t", "SELECT 1 AS a, 2 AS a", "FROM test_all_types()",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1, Sandbox: true}, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var out bytes.Buffer
		_, err := DuckDBQueryJSON(ctx, db, &out, queryConfig{Query: sql, ReadOnly: true, MaxRows: 50})
		if err == nil && !json.Valid(out.Bytes()) {
			t.Errorf("no JSON: %q", out.String())
		}
		if n := one[int](t, db, "SELECT sum(n)::INTEGER FROM t"); n != 1 {
			t.Errorf("the table holds %d", n)
		}
		exec(t, db, "INSERT INTO t VALUES (1)") // the connection can write
	})
}
