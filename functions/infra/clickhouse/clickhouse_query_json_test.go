package clickhouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/clickhouse"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

type (
	queryConfig = clickhouse.ClickHouseQueryJSONConfig
	queryResult = rowjson.RowsJSONResult
)

func query(t testing.TB, conn driver.Conn, cfg queryConfig) (string, queryResult, error) {
	t.Helper()
	var out bytes.Buffer
	result, err := clickhouse.ClickHouseQueryJSON(t.Context(), conn, &out, cfg)
	if result.Bytes != int64(out.Len()) {
		t.Errorf("Bytes is %d, but %d were written", result.Bytes, out.Len())
	}
	return out.String(), result, err
}

func mustQuery(t testing.TB, conn driver.Conn, cfg queryConfig) (string, queryResult) {
	t.Helper()
	out, result, err := query(t, conn, cfg)
	if err != nil {
		t.Fatalf("%s: %v", cfg.Query, err)
	}
	if !cfg.NDJSON && !json.Valid([]byte(out)) {
		t.Errorf("not valid JSON: %s", out)
	}
	return out, result
}

func TestClickHouseQueryJSON_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.QueryJSONConformance(t, func(t *testing.T) sqltest.QueryJSONConformanceConfig {
		conn := open(t)
		exec(t, conn, "CREATE TABLE t (n Int32) ENGINE = MergeTree ORDER BY n", "INSERT INTO t SELECT 1",
			"CREATE TABLE a (id Int32, id_2 Nullable(String)) ENGINE = Memory", "INSERT INTO a SELECT 1, 'x'")
		mark := "conformance " + t.Name() // all databases are on one server
		return sqltest.QueryJSONConformanceConfig{
			Query: func(ctx context.Context, w io.Writer, q sqltest.QueryJSONConformanceQuery) (queryResult, error) {
				return clickhouse.ClickHouseQueryJSON(ctx, conn, w, queryConfig(q))
			},
			Numbers:     func(last int) string { return fmt.Sprintf("SELECT number + 1 AS n FROM numbers(%d) -- %s", last, mark) },
			Columns:     "SELECT id, id, id_2, id, 1+1 AS `a\"b` FROM a",
			ColumnTypes: []string{"Int32", "Int32", "Nullable(String)", "Int32", "UInt16"},
			Parameter:   func(name string) string { return "@" + name },
			Allowed: []string{
				"SELECT n FROM t;", "  /* x */ with 1 as a select a -- end", "(SELECT 1)", "SHOW TABLES", "DESCRIBE TABLE t", "desc t", "EXISTS TABLE t", "SHOW CREATE TABLE t",
			},
			Refused: []string{
				"INSERT INTO t SELECT 2", "INSERT INTO t VALUES (2)", "CREATE TABLE x (n Int32) ENGINE = Memory", "CREATE TEMPORARY TABLE x (n Int32)", "DROP TABLE t",
				"ALTER TABLE t ADD COLUMN m Int32", "OPTIMIZE TABLE t", "TRUNCATE TABLE t", "SET readonly = 0", "SELECT 1 SETTINGS readonly = 0", "KILL QUERY WHERE 1", "USE system",
				"SYSTEM RELOAD DICTIONARIES", "DETACH TABLE t", "RENAME TABLE t TO u", "SELECT * FROM file('x.csv', 'CSV', 'a Int32')", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int32')",
			},
			Malformed: []string{
				"SELECT 1; DROP TABLE t", "", " ; -- x", "SELECT 1\x00; DROP TABLE t", "SELECT 1 /* ; */ ; DROP TABLE t",
			},
			Insert: "INSERT INTO t SELECT 2",
			Count:  func(t *testing.T) int { return int(count(t, conn, "SELECT count() FROM t")) },
			Endless: map[string]string{
				"FirstRow":  "SELECT count() FROM system.numbers WHERE NOT ignore(number) -- " + mark,
				"SecondRow": "SELECT 1 AS n UNION ALL SELECT count() FROM system.numbers WHERE NOT ignore(number) -- " + mark,
				"EveryRow":  "SELECT number FROM system.numbers -- " + mark,
			},
			Idle: func(t *testing.T) { waitIdle(t, conn, mark) },
		}
	})
}

// Without ReadOnly, the server refuses it.
func TestClickHouseQueryJSON_BadSyntax(t *testing.T) {
	t.Parallel()
	conn := open(t)
	for _, sql := range []string{"SELEC 1", "SELECT 'x"} {
		_, _, err := query(t, conn, queryConfig{Query: sql})
		errtest.Want(t, err, core.CodeInvalid, "clickhouse_query_json: ")
	}
	_, _, err := query(t, conn, queryConfig{Query: "SELECT * FROM nowhere"})
	errtest.Want(t, err, core.CodeNotFound, "nowhere")
}

func TestClickHouseQueryJSON_Values(t *testing.T) {
	t.Parallel()
	conn := open(t)
	for _, c := range []struct{ sql, want string }{
		{"SELECT NULL AS v", `null`},
		{"SELECT toNullable('a') AS v", `"a"`},
		{"SELECT CAST(NULL, 'Nullable(Int64)') AS v", `null`},
		{"SELECT 42 AS v", `42`},
		{"SELECT toInt64(-9007199254740991) AS v", `-9007199254740991`},
		{"SELECT toInt64(9007199254740992) AS v", `"9007199254740992"`},
		{"SELECT toNullable(toUInt64(18446744073709551615)) AS v", `"18446744073709551615"`},
		{"SELECT toInt64(-9223372036854775808) AS v", `"-9223372036854775808"`},
		{"SELECT toFloat64(2) AS v", `2.0`},
		{"SELECT toFloat32(0.1) AS v", `0.1`},
		{"SELECT 1e300 AS v", `1e+300`},
		{"SELECT -1e-7 AS v", `-1e-07`},
		{"SELECT inf AS v", `"Infinity"`},
		{"SELECT -inf AS v", `"-Infinity"`},
		{"SELECT nan AS v", `"NaN"`},
		{"SELECT toDecimal64('1.50', 3) AS v", `"1.500"`},
		{"SELECT toDecimal128('-123456789012345678901234567890.1', 2) AS v", `"-123456789012345678901234567890.10"`},
		{`SELECT 'tab	quote" back\\ nul \0 é 😀 ' AS v`, `"tab\tquote\" back\\ nul \u0000 é 😀 "`},
		{"SELECT unhex('61ff62') AS v", `"a\ufffdb"`},
		{"SELECT toFixedString('ab', 3) AS v", `"ab\u0000"`},
		{"SELECT '' AS v", `""`},
		{"SELECT CAST('x', 'Enum8(\\'x\\' = 1)') AS v", `"x"`},
		{"SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS v", `"61f0c404-5cb3-11e7-907b-a6006ad3dba0"`},
		{"SELECT toDate('2024-02-29') AS v", `"2024-02-29"`},
		{"SELECT [toNullable(toDate('2024-02-29'))] AS v", `["2024-02-29"]`},
		{"SELECT toDateTime('2024-02-29 12:30:00', 'UTC') AS v", `"2024-02-29T12:30:00Z"`},
		{"SELECT toDateTime('2024-02-29 12:30:00', 'Europe/Berlin') AS v", `"2024-02-29T12:30:00+01:00"`},
		{"SELECT toIntervalDay(3) AS v", `"3 Days"`},
		{"SELECT [1, 2, 255] AS v", `[1,2,255]`},
		{"SELECT [[1], [toNullable(2), NULL], []] AS v", `[[1],[2,null],[]]`},
		{"SELECT ['a\"', ''] AS v", `["a\"",""]`},
		{"SELECT [] AS v", `[]`},
		{"SELECT (1, 'a', 2.5, [9007199254740993]) AS v", `[1,"a",2.5,["9007199254740993"]]`},
		{"SELECT count() AS v FROM system.one", `1`},
	} {
		out, _ := mustQuery(t, conn, queryConfig{Query: c.sql, MaxRows: 1})
		if want := `[{"v":` + c.want + "}]\n"; out != want {
			t.Errorf("%s\ngot  %swant %s", c.sql, out, want)
		}
	}
	if out, _ := mustQuery(t, conn, queryConfig{Query: "SELECT [9007199254740993] AS v", BigInts: true}); out != "[{\"v\":[9007199254740993]}]\n" {
		t.Errorf("BigInts: %s", out)
	}
	_, _, err := query(t, conn, queryConfig{Query: "SELECT sumState(1) AS v"})
	errtest.Want(t, err, core.CodeUnsupported, "AggregateFunction")
}

func TestClickHouseQueryJSON_NoResult(t *testing.T) {
	t.Parallel()
	conn := open(t)
	if out, result := mustQuery(t, conn, queryConfig{Query: "CREATE TABLE b (id Int32) ENGINE = Memory"}); out != "[]\n" || len(result.Columns) != 0 {
		t.Errorf("%q, %+v", out, result)
	}
}

// A limit ends the query early: this query is endless.
func TestClickHouseQueryJSON_LimitOfAnEndlessQuery(t *testing.T) {
	t.Parallel()
	conn := open(t)
	if _, result := mustQuery(t, conn, queryConfig{Query: "SELECT number FROM system.numbers -- endless", MaxRows: 5}); !result.Truncated {
		t.Errorf("%+v", result)
	}
	waitIdle(t, conn, "endless")
}

// waitIdle waits until the server runs no query whose text ends in the comment
// mark.
func waitIdle(t testing.TB, conn driver.Conn, mark string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for count(t, conn, "SELECT count() FROM system.processes WHERE query LIKE '% -- "+mark+"'") > 0 { // not this query itself: it ends in a quote
		if time.Now().After(deadline) {
			t.Fatalf("the server still runs the query with %q", mark)
		}
		time.Sleep(20 * time.Millisecond) // a poll
	}
}

func TestClickHouseQueryJSON_Parameters(t *testing.T) {
	t.Parallel()
	conn := open(t)
	const hostile = "'; DROP TABLE x; -- \\' \\\\ \x00 \n ? $1 @a {a:String} \" ` é \xff"
	type userID string
	when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT $2 AS a, $1 AS b, $2 AS c", Args: []any{1, "x"}}, `{"a":"x","b":1,"c":"x"}`},
		{queryConfig{Query: "SELECT @a AS a, @b_1 AS b, @a AS c", Named: map[string]any{"a": 1, "b_1": nil}}, `{"a":1,"b":null,"c":1}`},
		{queryConfig{Query: "SELECT 5-? AS a, -? AS b, ? AS c", Args: []any{-1, -1.5, -2.0}}, `{"a":6,"b":1.5,"c":-2.0}`},
		{queryConfig{Query: "SELECT toTypeName(?) AS i, toTypeName(?) AS f, ? AS u", Args: []any{json.Number("7"), json.Number("7.5"), json.Number("18446744073709551615")}},
			`{"i":"UInt8","f":"Float64","u":"18446744073709551615"}`},
		{queryConfig{Query: "SELECT toString(?) AS t, ? AS n, ? AS b, ? AS y", Args: []any{when, netip.MustParseAddr("::1"), true, []byte("x")}},
			`{"t":"2024-02-29 12:00:00","n":"::1","b":1,"y":"x"}`},
		{queryConfig{Query: "SELECT has(?, 2) AS h, ? AS s, ? AS u, ? AS p", Args: []any{[]int{1, 2}, []string{"a'"}, userID("z'"), new("q")}}, `{"h":1,"s":["a'"],"u":"z'","p":"q"}`},
		{queryConfig{Query: "SELECT '?\\'?' AS a, \"?\" AS b, `@x` AS c -- ? @y\n/* $9 */ FROM (SELECT 1 AS `?`, 2 AS `@x`)"}, `{"a":"?'?","b":1,"c":2}`},
	} {
		if out, _ := mustQuery(t, conn, c.cfg); out != "["+c.want+"]\n" {
			t.Errorf("%s\ngot  %swant [%s]", c.cfg.Query, out, c.want)
		}
	}
	if out, _ := mustQuery(t, conn, queryConfig{Query: "SELECT hex(@h) AS h", Named: map[string]any{"h": hostile}}); out != fmt.Sprintf("[{\"h\":\"%X\"}]\n", hostile) {
		t.Errorf("hostile: %s", out)
	}
	big := strings.Repeat("ten mega'\\", 1<<20) // a server this old takes 16 MiB as the whole text
	if out, _ := mustQuery(t, conn, queryConfig{Query: "SELECT length(?) AS n", Args: []any{big}}); out != fmt.Sprintf("[{\"n\":%d}]\n", len(big)) {
		t.Errorf("10 MB as a value: %s", out)
	}
	if out, result := mustQuery(t, conn, queryConfig{Query: "SELECT ? AS s", Args: []any{big}}); result.Bytes < 10<<20 || !strings.Contains(out, `mega'\\ten`) {
		t.Errorf("10 MB back: %d bytes", result.Bytes)
	}
	for _, c := range []struct {
		cfg  queryConfig
		want string
	}{
		{queryConfig{Query: "SELECT $5", Args: []any{1}}, "has 5 parameters, Args has 1"},
		{queryConfig{Query: "SELECT $99999999999999999999", Args: []any{1}}, "Args has 1"},
		{queryConfig{Query: "SELECT $0", Args: []any{1}}, "the first one is $1"},
		{queryConfig{Query: "SELECT 1", Named: map[string]any{"b": 2}}, `no parameter with the name "b"`},
		{queryConfig{Query: "SELECT @a", Args: []any{1}}, "no value"},
		{queryConfig{Query: "SELECT @a, ?", Args: []any{1}, Named: map[string]any{"a": 1}}, "mixes"},
		{queryConfig{Query: "SELECT $1, ?", Args: []any{1}}, "mixes"},
		{queryConfig{Query: "SELECT ?", Args: []any{map[string]any{}}}, "parameter ?1: a map[string]interface {} can't"},
		{queryConfig{Query: "SELECT $1", Args: []any{struct{}{}}}, "parameter $1: a struct {} can't"},
		{queryConfig{Query: "SELECT ?", Args: []any{when.Add(1)}}, "fraction of a second"},
		{queryConfig{Query: "SELECT ?", Args: []any{when.AddDate(100, 0, 0)}}, "between 1970 and 2106"},
	} {
		out, _, err := query(t, conn, c.cfg)
		errtest.Want(t, err, core.CodeInvalid, c.want)
		if out != "" {
			t.Errorf("wrote %q", out)
		}
	}
}

func TestClickHouseQueryJSON_ErrorsBetweenRows(t *testing.T) {
	t.Parallel()
	conn := open(t)
	long := "SELECT number AS n, 'some text to fill the buffer' AS x FROM "
	// A row far into the result fails: the output ends inside the array.
	out, result, err := query(t, conn, queryConfig{Query: "SELECT n, x, throwIf(n = 200000) FROM (" + long + "numbers(300000))", MaxRows: -1})
	errtest.Want(t, err, core.CodeInvalid, "throwIf")
	if json.Valid([]byte(out)) || result.Rows == 0 || len(out) < 100<<10 {
		t.Errorf("%d bytes, %+v", len(out), result)
	}
	// An early row fails: nothing was written, so the caller can still answer
	// with an error.
	if out, _, err = query(t, conn, queryConfig{Query: "SELECT throwIf(1 = toUInt8(1))"}); err == nil || out != "" {
		t.Errorf("%v, %q", err, out)
	}
}

// Whatever the text and the value, no value escapes its quotes: the query has
// as many tokens with it as with 'x', and the server returns the same value.
func FuzzClickHouseQueryJSON(f *testing.F) {
	for _, text := range []string{"", "x", "'", `\`, `\'`, "'; DROP TABLE t; --", "\x00", "\xff", "?", "@a", "$1", "{a:String}", "/*", "*/", "\n--"} {
		f.Add("SELECT hex(?) AS h", text)
		f.Add("SELECT '"+text+"', hex(?) AS h", text)
	}
	conn := open(f)
	f.Fuzz(func(t *testing.T, sql, value string) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out bytes.Buffer
		_, err := clickhouse.ClickHouseQueryJSON(ctx, conn, &out, queryConfig{Query: sql, Args: []any{value}, ReadOnly: true, MaxRows: 50})
		if err == nil && !json.Valid(out.Bytes()) {
			t.Errorf("no JSON: %q", out.String())
		}
		out.Reset()
		if _, err := clickhouse.ClickHouseQueryJSON(ctx, conn, &out, queryConfig{Query: "SELECT hex(?) AS h", Args: []any{value}, ReadOnly: true}); err != nil || out.String() != fmt.Sprintf("[{\"h\":\"%X\"}]\n", value) {
			t.Errorf("%q came back as %s (%v)", value, out.String(), err)
		}
	})
}

// The alternative is what one would write by hand: scan into a map,
// json.Encoder.
func BenchmarkClickHouseQueryJSON(b *testing.B) {
	const rows = 20000
	conn := open(b)
	const query = "SELECT number AS id, concat('name of row ', toString(number)) AS name, number * 1.25 AS price, 'a longer text, with \"quotes\" and an é, as notes have' AS note, toDateTime('2024-02-29 12:00:00') AS at FROM numbers(20000)"
	b.Run("unit", func(b *testing.B) {
		for b.Loop() {
			w := &countingWriter{}
			result, err := clickhouse.ClickHouseQueryJSON(b.Context(), conn, w, queryConfig{Query: query, NDJSON: true, MaxRows: -1})
			if err != nil || result.Rows != rows {
				b.Fatal(result, err)
			}
			b.SetBytes(w.n)
		}
	})
	b.Run("byHand", func(b *testing.B) {
		for b.Loop() {
			w := &countingWriter{}
			if n, err := scanByHand(b.Context(), conn, w, query); err != nil || n != rows {
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

func scanByHand(ctx context.Context, conn driver.Conn, w *countingWriter, query string) (n int, err error) {
	rows, err := conn.Query(chgo.Context(ctx), query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var (
		id               uint64
		name, note       string
		price            float64
		at               time.Time
		encoder, columns = json.NewEncoder(w), rows.Columns()
	)
	for rows.Next() {
		if err := rows.Scan(&id, &name, &price, &note, &at); err != nil {
			return n, err
		}
		row := map[string]any{columns[0]: id, columns[1]: name, columns[2]: price, columns[3]: note, columns[4]: at}
		if err := encoder.Encode(row); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}
