//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
)

func mustAppend(t testing.TB, db *sql.DB, cfg DuckDBAppendConfig, rows ...[]any) {
	t.Helper()
	n, err := DuckDBAppend(t.Context(), db, cfg, rowsOf(nil, rows...))
	if err != nil || n != int64(len(rows)) {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// Each value is read back as DuckDB's text for it.
func TestDuckDBAppend_Values(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("", 2*3600)
	seven := 7
	var none *int
	id := [16]byte{0, 0x11, 0xaa, 0xbb, 15: 0xff}
	type named int8
	long := make([]any, 5000)
	for i := range long {
		if i%3 != 0 {
			long[i] = i
		}
	}
	for _, c := range []struct {
		typ   string
		value any
		want  string // "" for NULL
	}{
		{"INTEGER", nil, ""},
		{"INTEGER", 42, "42"},
		{"INTEGER", &seven, "7"},
		{"INTEGER", none, ""},
		{"TINYINT", int64(-128), "-128"},
		{"TINYINT", named(5), "5"},
		{"SMALLINT", uint8(200), "200"},
		{"BIGINT", int64(math.MinInt64), "-9223372036854775808"},
		{"BIGINT", 3.0, "3"},
		{"BIGINT", json.Number("12"), "12"},
		{"BIGINT", "12", "12"},
		{"BIGINT", big.NewInt(12), "12"},
		{"UBIGINT", uint64(math.MaxUint64), "18446744073709551615"},
		{"HUGEINT", big.NewInt(-5), "-5"},
		{"HUGEINT", minHugeInt, minHugeInt.String()},
		{"HUGEINT", -7, "-7"},
		{"UHUGEINT", maxUHugeInt, maxUHugeInt.String()},
		{"DOUBLE", 1.5, "1.5"},
		{"DOUBLE", 2, "2.0"},
		{"DOUBLE", math.NaN(), "nan"},
		{"FLOAT", float32(0.1), "0.1"},
		{"FLOAT", math.Inf(-1), "-inf"},
		{"DECIMAL(5,2)", 1.5, "1.50"},
		{"DECIMAL(5,2)", 5, "5.00"},
		{"DECIMAL(5,2)", "-0.005", "-0.01"},
		{"DECIMAL(5,2)", "1.004e1", "10.04"},
		{"DECIMAL(4,2)", 0.1 + 0.2, "0.30"},
		{"DECIMAL(38,3)", driver.Decimal{Width: 5, Scale: 1, Value: big.NewInt(-15)}, "-1.500"},
		{"DECIMAL(18,0)", json.Number("123456789012345678"), "123456789012345678"},
		{"BOOLEAN", true, "true"},
		{"VARCHAR", "é 😀 longer than twelve bytes", "é 😀 longer than twelve bytes"},
		{"VARCHAR", []byte("bytes"), "bytes"},
		{"VARCHAR", "a\x00b", "a\x00b"},
		{"BLOB", []byte{0, 255}, `\x00\xFF`},
		{"BLOB", []byte(nil), ""},
		{"BLOB", "text", "text"},
		{"DATE", time.Date(2024, 2, 29, 23, 0, 0, 0, time.UTC), "2024-02-29"},
		{"DATE", time.Date(2024, 2, 29, 1, 0, 0, 0, east), "2024-02-29"},
		{"DATE", time.Date(1969, 12, 30, 18, 0, 0, 0, time.UTC), "1969-12-30"},
		{"TIMESTAMP", time.Date(2024, 2, 29, 1, 0, 0, 250_000_000, east), "2024-02-28 23:00:00.25"},
		{"TIMESTAMP_NS", time.Date(2024, 2, 29, 1, 0, 0, 1, time.UTC), "2024-02-29 01:00:00.000000001"},
		{"TIMESTAMP_S", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01 00:00:00"},
		{"TIME", time.Date(1, 1, 1, 1, 2, 3, 500_000_000, time.UTC), "01:02:03.5"},
		{"TIMETZ", time.Date(1, 1, 1, 1, 2, 3, 0, east), "01:02:03+02"},
		{"INTERVAL", 90 * time.Minute, "01:30:00"},
		{"INTERVAL", driver.Interval{Months: 1, Days: 2}, "1 month 2 days"},
		{"UUID", id, "0011aabb-0000-0000-0000-0000000000ff"},
		{"UUID", id[:], "0011aabb-0000-0000-0000-0000000000ff"},
		{"UUID", "0011AABB-0000-4000-8000-0000000000ff", "0011aabb-0000-4000-8000-0000000000ff"},
		{"ENUM('a', 'b')", "b", "b"},
		{"JSON", map[string]any{"a": 1}, `{"a":1}`},
		{"JSON", json.RawMessage(`{"n":9007199254740993}`), `{"n":9007199254740993}`},
		{"JSON", "text", `"text"`},
		{"INTEGER[]", []int{1, 2}, "[1, 2]"},
		{"INTEGER[]", []any{1, nil}, "[1, NULL]"},
		{"INTEGER[]", []any{}, "[]"},
		{"INTEGER[]", []int(nil), ""},
		{"INTEGER[][]", [][]int{{1}, {}, nil}, "[[1], [], NULL]"},
		{"VARCHAR[2]", []string{"a", "b"}, "[a, b]"},
		{"DECIMAL(5,2)[]", []float64{1.5}, "[1.50]"},
		{"STRUCT(a INTEGER, d DATE)", map[string]any{"a": nil, "d": time.Date(2024, 2, 29, 0, 0, 0, 0, east)}, "{'a': NULL, 'd': 2024-02-29}"},
		{"MAP(VARCHAR, INTEGER)", map[string]int{"a": 1}, "{a=1}"},
		{"MAP(INTEGER, VARCHAR)", driver.Map{1: nil}, "{1=NULL}"},
		{"UNION(n INTEGER, s VARCHAR)", driver.Union{Tag: "s", Value: "x"}, "x"},
	} {
		t.Run(fmt.Sprintf("%s %T", c.typ, c.value), func(t *testing.T) {
			db := open(t, "CREATE TABLE t (v "+c.typ+")")
			mustAppend(t, db, DuckDBAppendConfig{Table: "t"}, []any{c.value})
			if got := one[sql.Null[string]](t, db, "SELECT v::VARCHAR FROM t"); got.V != c.want || got.Valid != (c.want != "") {
				t.Errorf("got %q (%t), want %q", got.V, got.Valid, c.want)
			}
		})
	}
	db := open(t, "CREATE TABLE t (v INTEGER[])")
	mustAppend(t, db, DuckDBAppendConfig{Table: "t"}, []any{long}, []any{nil}, []any{long[:4]})
	if got := one[string](t, db, "SELECT string_agg(concat_ws('/', len(v), list_sum(v), list_count(v)), ' ') FROM t"); got != "5000/8331667/3333  4/3/2" {
		t.Error(got)
	}
}

// Values that the driver's appender would truncate, wrap or misread.
func TestDuckDBAppend_Refused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ   string
		value any
		want  string
	}{
		{"TINYINT", 128, "range"},
		{"TINYINT", -129, "range"},
		{"UTINYINT", -1, "range"},
		{"INTEGER", int64(1 << 31), "range"},
		{"BIGINT", uint64(1 << 63), "range"},
		{"BIGINT", 1.5, "not whole"},
		{"BIGINT", 1e30, "range"},
		{"BIGINT", math.NaN(), "not whole"},
		{"BIGINT", "0x12", "no number"},
		{"BIGINT", "12.5", "not whole"},
		{"BIGINT", true, "a bool is no integer"},
		{"HUGEINT", maxUHugeInt, "range"},
		{"UHUGEINT", -1, "range"},
		{"FLOAT", 1e300, "range of FLOAT"},
		{"DOUBLE", "1_5", "no number"},
		{"DECIMAL(5,2)", 1000, "range of DECIMAL(5,2)"},
		{"DECIMAL(5,2)", "999.995", "range of DECIMAL(5,2)"},
		{"DECIMAL(5,2)", "secret", "not a decimal number"},
		{"DECIMAL(5,2)", "1e999999999", "not a decimal number"},
		{"DECIMAL(5,2)", math.NaN(), "not a decimal number"},
		{"DECIMAL(5,2)", true, "want number"},
		{"BOOLEAN", 1, "want BOOLEAN"},
		{"VARCHAR", "\xff", "not UTF-8"},
		{"VARCHAR", 1, "want text"},
		{"BLOB", 1, "want BLOB"},
		{"DATE", "2024-02-29", "time.Time"},
		{"DATE", time.Date(6000000, 1, 1, 0, 0, 0, 0, time.UTC), "range of DATE"},
		{"TIMESTAMP", time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), "range"},
		{"TIMESTAMP_NS", time.Date(2262, 12, 1, 0, 0, 0, 0, time.UTC), "range"},
		{"INTERVAL", 5, "want INTERVAL"},
		{"UUID", "secret", "not a UUID"},
		{"UUID", []byte("secret"), "6 bytes"},
		{"UUID", 7, "no UUID"},
		{"ENUM('a')", "secret", "no value of the ENUM"},
		{"INTEGER[]", 1, "no list"},
		{"INTEGER[]", []any{1, "secret"}, "element 2: the text is no number"},
		{"INTEGER[2]", []int{1}, "ARRAY of 2"},
		{"STRUCT(a INTEGER)", map[string]any{}, `no field "a"`},
		{"STRUCT(a INTEGER)", map[string]any{"a": 1, "b": 1}, "2 fields"},
		{"STRUCT(a TINYINT)", map[string]any{"a": 300}, `field "a": the number`},
		{"MAP(VARCHAR, INTEGER)", map[any]any{nil: 1}, "a key"},
		{"MAP(VARCHAR, TINYINT)", map[string]int{"a": 300}, "the value of a key"},
		{"UNION(n INTEGER)", driver.Union{Tag: "x", Value: 1}, "no member"},
		{"JSON", func() {}, "unsupported type"},
		{"BIT", "1", "can't write a BIT"},
	} {
		t.Run(fmt.Sprintf("%s %v", c.typ, c.value), func(t *testing.T) {
			db := open(t, "CREATE TABLE t (v "+c.typ+")")
			_, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rowsOf(nil, []any{nil}, []any{c.value}))
			code := core.CodeInvalid
			if c.typ == "BIT" {
				code = core.CodeUnsupported
			} else if err != nil && !strings.Contains(err.Error(), `row 2, column "v": `) {
				t.Errorf("%v: doesn't say where", err)
			}
			errtest.Want(t, err, code, c.want)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: shows the value", err)
			}
			if n := one[int](t, db, "SELECT count(*) FROM t"); n != 0 {
				t.Errorf("%d rows are in", n)
			}
		})
	}
	var values []string
	for i := range 300 {
		values = append(values, fmt.Sprintf("'%d'", i))
	}
	db := open(t, "CREATE TABLE t (v ENUM("+strings.Join(values, ",")+"))")
	_, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rowsOf(nil, []any{"7"}))
	errtest.Want(t, err, core.CodeUnsupported, "ENUM of 300")
}

// Enough rows for several of the appender's own flushes; the error after them
// undoes them all.
func TestDuckDBAppend_Atomic(t *testing.T) {
	t.Parallel()
	db := openWith(t, DuckDBOpenConfig{Path: filepath.Join(t.TempDir(), "x.db"), Threads: 2}, "CREATE TABLE t (id INTEGER PRIMARY KEY, s VARCHAR)", "INSERT INTO t VALUES (-1, 'first')")
	const many = 300_000
	numbers := func(end func() ([]any, error)) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			row := []any{0, "x"} // the same slice again and again
			for i := range many {
				row[0] = i
				if !yield(row, nil) {
					return
				}
			}
			if end != nil {
				yield(end())
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errSource := errors.New("the source is broken")
	for _, c := range []struct {
		name string
		ctx  context.Context
		end  func() ([]any, error)
		code core.Code
		want string
	}{
		{"source fails", t.Context(), func() ([]any, error) { return nil, errSource }, core.CodeInternal, "row 300001: the source is broken"},
		{"too few values", t.Context(), func() ([]any, error) { return []any{1}, nil }, core.CodeInvalid, "row 300001: has 1 values for 2 columns"},
		{"key again", t.Context(), func() ([]any, error) { return []any{-1, "again"}, nil }, core.CodeConflict, "uplicate key"},
		{"cancelled", ctx, func() ([]any, error) { cancel(); return []any{-2, ""}, nil }, core.CodeCanceled, "canceled"},
	} {
		n, err := DuckDBAppend(c.ctx, db, DuckDBAppendConfig{Table: "t"}, numbers(c.end))
		errtest.Want(t, err, c.code, c.want)
		if c.name == "source fails" && !errors.Is(err, errSource) {
			t.Error("lost the source's error")
		}
		if in := one[int](t, db, "SELECT count(*) FROM t"); n != 0 || in != 1 {
			t.Errorf("%s: returned %d, but %d rows were loaded", c.name, n, in)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the iterator's panic is lost")
			}
		}()
		_, _ = DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, numbers(func() ([]any, error) { panic("iterator") }))
	}()
	n, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, numbers(nil))
	if in := one[int64](t, db, "SELECT count(*) FROM t"); err != nil || n != many || in != many+1 {
		t.Errorf("%d, %v; %d rows are in", n, err, in)
	}
}

func TestDuckDBAppend_Columns(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE SCHEMA s", "CREATE TABLE s.t (a INTEGER, b VARCHAR DEFAULT 'none', c INTEGER NOT NULL)", "CREATE VIEW v AS SELECT 1 AS a")
	cfg := DuckDBAppendConfig{Schema: "s", Table: "t", Columns: []string{"c", "a"}}
	mustAppend(t, db, cfg, []any{1, 2})
	if got := one[string](t, db, "SELECT concat_ws('/', a, b, c) FROM s.t"); got != "2/none/1" {
		t.Error(got)
	}
	_, err := DuckDBAppend(t.Context(), db, cfg, rowsOf(nil, []any{nil, 1}))
	errtest.Want(t, err, core.CodeInvalid, "NOT NULL")
	for _, c := range []struct {
		cfg  DuckDBAppendConfig
		code core.Code
		want string
	}{
		{DuckDBAppendConfig{}, core.CodeInvalid, "Table is empty"},
		{DuckDBAppendConfig{Table: "nowhere"}, core.CodeNotFound, "nowhere does not exist"},
		{DuckDBAppendConfig{Table: "t", Schema: "nowhere"}, core.CodeNotFound, "does not exist"},
		{DuckDBAppendConfig{Table: "t", Schema: "s", Columns: []string{"x"}}, core.CodeNotFound, `"x" not found`},
		{DuckDBAppendConfig{Table: "t", Schema: "s", Columns: []string{"a", "a"}}, core.CodeInvalid, "twice"},
		{DuckDBAppendConfig{Table: "t\x00"}, core.CodeInvalid, "NUL"},
		{DuckDBAppendConfig{Table: "t", Columns: []string{"a\x00"}}, core.CodeInvalid, "NUL"},
	} {
		_, err := DuckDBAppend(t.Context(), db, c.cfg, rowsOf(nil, []any{1}))
		errtest.Want(t, err, c.code, c.want)
	}
	if _, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "v"}, rowsOf(nil, []any{1})); err == nil {
		t.Error("appended to a view")
	}
	if n, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Schema: "s", Table: "t"}, rowsOf(nil)); n != 0 || err != nil {
		t.Errorf("no rows: %d, %v", n, err)
	}
}

func TestDuckDBAppend_Hostile(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE keep (n INTEGER)")
	for _, name := range hostile {
		exec(t, db, "CREATE SCHEMA "+quoteName(name), "CREATE TABLE "+quoteTable(name, name)+" ("+quoteName(name)+" VARCHAR)")
		mustAppend(t, db, DuckDBAppendConfig{Schema: name, Table: name, Columns: []string{name}}, []any{name})
		if got := one[string](t, db, "SELECT * FROM "+quoteTable(name, name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	one[int](t, db, "SELECT count(*) FROM keep")
}

// 24 values of 10 MB: the appender alone would keep all of them. DuckDB itself
// needs them in memory for the commit.
func TestDuckDBAppend_LargeValues(t *testing.T) {
	t.Parallel()
	text, blob := strings.Repeat("é", 5<<20), make([]byte, 10<<20)
	rows := func(yield func([]any, error) bool) {
		for i := range 12 {
			if !yield([]any{i, text, blob}, nil) {
				return
			}
		}
	}
	for limit, code := range map[int64]core.Code{120 << 20: core.CodeTooLarge, 1 << 30: ""} {
		db := openWith(t, DuckDBOpenConfig{Path: filepath.Join(t.TempDir(), "x.db"), Threads: 1, MemoryLimit: limit}, "CREATE TABLE t (id INTEGER, s VARCHAR, b BLOB)")
		n, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rows)
		if got := core.ErrorCode(err); got != code {
			t.Errorf("limit %d: %v (%s), want %q", limit, err, got, code)
		}
		if got := one[int64](t, db, "SELECT coalesce(sum(strlen(s) + octet_length(b)), 0)::BIGINT FROM t"); got != n*20<<20 || n != 0 && n != 12 {
			t.Errorf("limit %d: %d rows, %d bytes are in", limit, n, got)
		}
	}
}

// benchTable has typical columns.
const benchTable = "CREATE OR REPLACE TABLE t (id BIGINT, name VARCHAR, price DOUBLE, moment TIMESTAMP, n INTEGER, ok BOOLEAN)"

var benchNames = func() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("name of row %d, of a typical length", i))
	}
	return names
}()

const benchRows = 200_000

// BenchmarkDuckDBAppend interleaves the unit with the driver's appender used by
// hand, so that other load on the machine affects both.
func BenchmarkDuckDBAppend(b *testing.B) {
	db := open(b)
	var unit, byHand time.Duration
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		exec(b, db, benchTable)
		start := time.Now()
		n, err := DuckDBAppend(b.Context(), db, DuckDBAppendConfig{Table: "t"}, func(yield func([]any, error) bool) {
			row := make([]any, 6)
			for i := range int64(benchRows) {
				row[0], row[1], row[2], row[3], row[4], row[5] = i, benchNames[i%1000], float64(i)/4, at, int32(i), i%2 == 0
				if !yield(row, nil) {
					return
				}
			}
		})
		unit += time.Since(start)
		if err != nil || n != benchRows {
			b.Fatal(n, err)
		}
		exec(b, db, benchTable)
		start = time.Now()
		if err := appendByHand(b.Context(), db, at); err != nil {
			b.Fatal(err)
		}
		byHand += time.Since(start)
	}
	b.ReportMetric(float64(b.N)*benchRows/unit.Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)*benchRows/byHand.Seconds(), "rows/s-by-hand")
	b.ReportMetric(byHand.Seconds()/unit.Seconds(), "x-of-by-hand")
}

func appendByHand(ctx context.Context, db *sql.DB, at time.Time) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		tx, err := c.(*driver.Conn).BeginTx(ctx, sqldriver.TxOptions{})
		if err != nil {
			return err
		}
		appender, err := driver.NewAppenderFromConn(c.(*driver.Conn), "", "t")
		if err != nil {
			return err
		}
		for i := range int64(benchRows) {
			if err := appender.AppendRow(i, benchNames[i%1000], float64(i)/4, at, int32(i), i%2 == 0); err != nil {
				return err
			}
		}
		if err := appender.Close(); err != nil {
			return err
		}
		return tx.Commit()
	})
}

func TestDuckDBAppend_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.InsertConformance(t, func(t *testing.T) sqltest.InsertConformanceConfig {
		db := open(t)
		return sqltest.InsertConformanceConfig{
			Int16: "SMALLINT", Int64: "BIGINT", Float32: "FLOAT", Float64: "DOUBLE", Bool: "BOOLEAN", Text: "VARCHAR",
			Date: "DATE", Timestamp: "TIMESTAMP", Int32s: "INTEGER[]",
			Store: func(t *testing.T, typ string, rows ...[]any) (text sql.Null[string], err error) {
				exec(t, db, "CREATE OR REPLACE TABLE t (v "+typ+")")
				if _, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rowsOf(nil, rows...)); err != nil {
					if n := one[int](t, db, "SELECT count(*) FROM t"); n != 0 {
						t.Errorf("%v, and %d rows are in", err, n)
					}
					return text, err
				}
				return one[sql.Null[string]](t, db, "SELECT v::VARCHAR FROM t ORDER BY rowid DESC LIMIT 1"), nil
			},
		}
	})
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

func TestDuckDBAppend_PanickingValue(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (v JSON)")
	_, err := DuckDBAppend(t.Context(), db, DuckDBAppendConfig{Table: "t"}, rowsOf(nil, []any{nil}, []any{panicking{}}))
	errtest.Want(t, err, core.CodeInvalid, `row 2, column "v": a duckdb.panicking panicked`)
}
