package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/infra/sqltest"
)

type queryConfig = postgres.PostgresQueryJSONConfig

func TestPostgresQueryJSON_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.QueryJSONConformance(t, func(t *testing.T) sqltest.QueryJSONConformanceConfig {
		text := pgtest.NewDatabase(t)
		pgtest.Open(t, text, "CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (1)", "CREATE SEQUENCE s",
			"CREATE TABLE a (id int, id_2 text)", "INSERT INTO a VALUES (1, 'x')")
		// A request to cancel that comes before its query has begun is lost:
		// the server's own timeout ends that.
		pool := openWith(t, postgres.PostgresOpenConfig{URL: text, StatementTimeout: 10 * time.Second})
		return sqltest.QueryJSONConformanceConfig{
			Query: func(ctx context.Context, w io.Writer, q sqltest.QueryJSONConformanceQuery) (rowjson.RowsJSONResult, error) {
				return postgres.PostgresQueryJSON(ctx, pool, w, queryConfig(q))
			},
			Numbers:     func(last int) string { return fmt.Sprintf("SELECT n FROM generate_series(1, %d) n", last) },
			Columns:     `SELECT id, id, id_2, id, 1+1 AS "a""b" FROM a`,
			ColumnTypes: []string{"int4", "int4", "text", "int4", "int4"},
			Parameter:   func(name string) string { return "@" + name },
			Position:    func(n int) string { return fmt.Sprintf("$%d", n) },
			Allowed: []string{
				"SELECT n FROM t;", "  /* x /* y */ z */ with a as (select n from t) select n from a", "VALUES (1)", "EXPLAIN SELECT 1",
				"-- x\n explain /* y */ SELECT 1", "SELECT n FROM t ; -- ; \n ", "SHOW server_version", "TABLE t", "(SELECT 1)", "EXPLAIN ANALYZE SELECT 1",
			},
			Refused: []string{
				"INSERT INTO t VALUES (2) RETURNING n", "CREATE TEMP TABLE x (n int)", "DROP TABLE t", "UPDATE t SET n = 2", "SET work_mem = '1MB'",
				"COMMIT", "BEGIN", "ROLLBACK", "CHECKPOINT", "COPY t TO STDOUT", "COPY t TO PROGRAM 'true'", "DO $$ BEGIN END $$", "VACUUM", "CALL f()",
				"EXPLAIN ANALYZE INSERT INTO t VALUES (2)", "WITH x AS (INSERT INTO t VALUES (2) RETURNING n) SELECT n FROM x", "SELECT n INTO x FROM t",
				"SELECT nextval('s')", "LOCK TABLE t", "LISTEN c", "NOTIFY c", "DISCARD ALL", "DELETE FROM t; SELECT 1", "SELECT n FROM t FOR UPDATE",
				"/* /* */ SELECT */ DELETE FROM t", "PREPARE p AS SELECT 1", "RESET ALL",
			},
			Malformed: []string{"SELECT 1; DELETE FROM t", "", " ; -- x", "SELECT 1) AS q; DELETE FROM t; --", "/* SELECT", "E'SELECT 1'", "1"},
			Insert:    "INSERT INTO t VALUES (2) RETURNING n",
			Count:     func(t *testing.T) int { return pgtest.Get[int](t, pool, "SELECT count(*) FROM t") },
			Endless: map[string]string{
				"FirstRow": "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b WHERE a + b = 7",
				"Stored":   "SELECT n FROM generate_series(1, 1000000000) n",
				"EveryRow": "SELECT generate_series(1, 1000000000) AS n",
			},
			Idle: func(t *testing.T) {
				pgtest.Within(t, "the server runs nothing", func() bool {
					return pgtest.Get[int](t, pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()") == 0
				})
			},
		}
	})
}

func queryJSON(t *testing.T, pool *pgxpool.Pool, cfg queryConfig) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := postgres.PostgresQueryJSON(t.Context(), pool, &out, cfg); err != nil {
		t.Errorf("%s: %v", cfg.Query, err)
	}
	return out.String()
}

func TestPostgresQueryJSON_Values(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TYPE mood AS ENUM ('sad', 'so, so')", "CREATE DOMAIN small AS int CHECK (VALUE < 10)")
	for expr, want := range map[string]string{
		"NULL":             "null",
		"true":             "true",
		"1::int2":          "1",
		"9007199254740991": "9007199254740991", "9007199254740992": `"9007199254740992"`, "-9223372036854775808": `"-9223372036854775808"`,
		"4294967295::oid": "4294967295",
		"1.5::float8":     "1.5", "2::float8": "2.0", "0.1::float4": "0.1", "'NaN'::float8": `"NaN"`, "'-Infinity'::float4": `"-Infinity"`,
		"1.50": "1.50", "0::numeric": "0", "-0.5::numeric": "-0.5", "123456789012345.6": `"123456789012345.6"`, "1e20::numeric": `"100000000000000000000"`, "'NaN'::numeric": `"NaN"`,
		"'a\"b'": `"a\"b"`, "'x'::char(3)": `"x  "`, "''": `""`, "E'tab\\t'": `"tab\t"`,
		"'\\x00ff10'::bytea": `"AP8Q"`, "''::bytea": `""`,
		"'2024-02-29'::date": `"2024-02-29"`, "'infinity'::date": `"infinity"`, "'0044-03-15 BC'::date": `"0044-03-15 BC"`,
		"'2024-02-29 12:30:45.25+02'::timestamptz": `"2024-02-29T10:30:45.25Z"`, "'2024-02-29 12:30'::timestamp": `"2024-02-29T12:30:00Z"`,
		"'infinity'::timestamptz": `"infinity"`, "'1890-01-01 00:00:00+00'::timestamptz AT TIME ZONE 'UTC'": `"1890-01-01T00:00:00Z"`,
		"'294276-12-31'::timestamp": `"294276-12-31 00:00:00"`,
		"'12:30'::time":             `"12:30:00"`, "'1 day 2 hours'::interval": `"1 day 02:00:00"`,
		`'{"a": 1.50,  "b": [1, null], "big": 9007199254740993}'::json`: `{"a":1.50,"b":[1,null],"big":9007199254740993}`,
		"E'{\\n\"a\":\\n1}'::json":                                      `{"a":1}`, `'"x"'::jsonb`: `"x"`, "'null'::jsonb": "null",
		"'017f22e2-79b0-7cc3-98c4-dc0c0c07398f'::uuid": `"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"`,
		"'so, so'::mood": `"so, so"`, "'{sad,NULL}'::mood[]": `"{sad,NULL}"`, "7::small": "7", "'[1,5)'::int4range": `"[1,5)"`, "ROW(1, 'x')": `"(1,x)"`, "'10.0.0.0/8'::cidr": `"10.0.0.0/8"`,
		"'{1,NULL,3}'::int[]": "[1,null,3]", "'{}'::int[]": "[]", "'{{1,2},{3,4}}'::int[]": "[[1,2],[3,4]]", "'[0:1]={1,2}'::int[]": "[1,2]",
		`ARRAY['a,b', 'c"d', 'e\f', '', 'NULL', NULL, '{}', ' x ']`: `["a,b","c\"d","e\\f","","NULL",null,"{}"," x "]`,
		"ARRAY[true, false]": "[true,false]", "ARRAY['{\"a\": [1]}'::jsonb]": `[{"a":[1]}]`, "ARRAY['\\xff'::bytea]": `["/w=="]`,
		"ARRAY['2024-02-29 12:00+00'::timestamptz]": `["2024-02-29T12:00:00Z"]`, "ARRAY['(1,2),(3,4)'::box, '(5,6),(7,8)'::box]": `["(3,4),(1,2)","(7,8),(5,6)"]`,
	} {
		if got := queryJSON(t, pool, queryConfig{Query: "SELECT " + expr + " AS v"}); got != `[{"v":`+want+"}]\n" {
			t.Errorf("%s: got %swant %s", expr, got, want)
		}
	}
	if got := queryJSON(t, pool, queryConfig{Query: "SELECT 9007199254740993 AS v, 123456789012345.678 AS w", BigInts: true, NDJSON: true}); got != "{\"v\":9007199254740993,\"w\":123456789012345.678}\n" {
		t.Errorf("BigInts: %s", got)
	}
	// Whatever zone and style the session has.
	styled := pgtest.Open(t, pool.Config().ConnString()+"&timezone=Asia/Kathmandu&bytea_output=hex")
	if got := queryJSON(t, styled, queryConfig{Query: "SELECT '2024-02-29 12:30:45.25+02'::timestamptz AS v"}); got != "[{\"v\":\"2024-02-29T10:30:45.25Z\"}]\n" {
		t.Errorf("in Kathmandu: %s", got)
	}
}

func TestPostgresQueryJSON_Args(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	at := time.Date(2024, 2, 29, 12, 30, 0, 0, time.FixedZone("", 7200))
	seven, none := 7, (*int)(nil)
	for _, c := range []struct {
		query string
		args  []any
		want  string
	}{
		{"SELECT $1 AS v", []any{int64(1 << 40)}, "1099511627776"},
		{"SELECT $1 AS v", []any{uint64(1 << 63)}, `"9223372036854775808"`},
		{"SELECT $1 AS v", []any{big.NewInt(5)}, "5"},
		{"SELECT $1 AS v", []any{&seven}, "7"},
		{"SELECT $1::int AS v", []any{none}, "null"},
		{"SELECT $1 AS v", []any{1.5}, "1.5"},
		{"SELECT $1 AS v", []any{true}, "true"},
		{"SELECT $1 AS v", []any{at}, `"2024-02-29T10:30:00Z"`},
		{"SELECT $1 AS v", []any{[]byte{0xff}}, `"/w=="`},
		{"SELECT '[1,2]'::jsonb -> $1 AS v", []any{1}, "2"},
		{"SELECT 3 = ANY($1) AS v", []any{[]int32{1, 3}}, "true"},
		{"SELECT $1 || 'b' AS v", []any{"a"}, `"ab"`},
		{"SELECT $2 AS v WHERE $1 > 0", []any{1, "x"}, `"x"`},
		{"SELECT substr('hello', $1, $2) AS v", []any{2, 3}, `"ell"`},
		{"SELECT '$9' || $tag$ $8 $tag$ || E'\\'$7' || $1 AS v -- $6", []any{"x"}, `"$9 $8 '$7x"`},
		{"SELECT 1 AS \"$5\", $1 AS v", []any{json.Number("0.5")}, "0.5"},
	} {
		got := queryJSON(t, pool, queryConfig{Query: c.query, Args: c.args})
		if !strings.HasSuffix(got, `"v":`+c.want+"}]\n") {
			t.Errorf("%s %v: got %swant %s", c.query, c.args, got, c.want)
		}
	}
	named := queryConfig{Query: `SELECT ARRAY[1,2] <@ARRAY[1,2,3] AS a, @n AS v, '@x' AS b, @n::text || 'y' AS c`, Named: map[string]any{"n": "q"}}
	if got := queryJSON(t, pool, named); got != "[{\"a\":true,\"v\":\"q\",\"b\":\"@x\",\"c\":\"qy\"}]\n" {
		t.Errorf("%s", got)
	}
	for _, cfg := range []queryConfig{
		{Query: "SELECT $1", Named: map[string]any{}}, {Query: "SELECT @a", Args: []any{1}, Named: map[string]any{"a": 1}}, {Query: "SELECT $1", Args: []any{make(chan int)}},
	} {
		if _, err := postgres.PostgresQueryJSON(t.Context(), pool, io.Discard, cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// A cut result gives its connection up, but not the pool.
func TestPostgresQueryJSON_Cut(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	for range 20 {
		result, err := postgres.PostgresQueryJSON(t.Context(), pool, io.Discard, queryConfig{Query: "SELECT generate_series(1, 100000000) AS n", MaxRows: 10, ReadOnly: true})
		if err != nil || result.Rows != 10 || !result.Truncated {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	if got := queryJSON(t, pool, queryConfig{Query: "SELECT 1 AS v"}); got != "[{\"v\":1}]\n" {
		t.Errorf("%s", got)
	}
	pgtest.Within(t, "all connections are back", func() bool { return pool.Stat().AcquiredConns() == 0 })
}

func BenchmarkPostgresQueryJSON(b *testing.B) {
	pool := pgtest.Open(b, pgtest.NewDatabase(b))
	const query = "SELECT n AS id, 'name ' || n AS name, n * 0.5 AS half, now() AS at FROM generate_series(1, 10000) n"
	b.Run("unit", func(b *testing.B) {
		for b.Loop() {
			result, err := postgres.PostgresQueryJSON(b.Context(), pool, io.Discard, queryConfig{Query: query})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(result.Bytes)
		}
	})
	b.Run("rowToJSONInServer", func(b *testing.B) {
		for b.Loop() {
			rows, err := pool.Query(b.Context(), "SELECT row_to_json(q)::text FROM ("+query+") q")
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for rows.Next() {
				n += len(rows.RawValues()[0])
			}
			if rows.Err() != nil {
				b.Fatal(rows.Err())
			}
			b.SetBytes(int64(n))
		}
	})
}
