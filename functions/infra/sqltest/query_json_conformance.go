package sqltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
	"fnregistry.dev/functions/internal/errtest"
)

// QueryJSONConformanceQuery has the fields of every driver's query config,
// which it converts to: sqlite.SQLiteQueryJSONConfig(q).
type QueryJSONConformanceQuery struct {
	Query    string
	Args     []any
	Named    map[string]any
	ReadOnly bool
	NDJSON   bool
	MaxRows  int
	MaxBytes int64
	BigInts  bool
}

// QueryJSONConformanceConfig is a database, its unit, and how the database says
// what the tests ask it. All fields but Position and Idle are required.
type QueryJSONConformanceConfig struct {
	// Query is the unit, on a database that has a table t with a number n:
	// one row, 1. The connection may write.
	Query func(ctx context.Context, w io.Writer, q QueryJSONConformanceQuery) (rowjson.RowsJSONResult, error)
	// Numbers returns a query for the numbers from 1 to last, in order, as
	// column n.
	Numbers func(last int) string
	// Columns selects a number 1 as id, again as id, a text x as id_2, again
	// id, and 2 as a"b.
	Columns string
	// ColumnTypes are the types of these five.
	ColumnTypes []string
	// Parameter returns how a statement writes the parameter with a name.
	Parameter func(name string) string
	// Position returns how it writes the nth of Args, from 1. Default: ?.
	Position func(n int) string
	// Allowed are statements that ReadOnly lets through, Refused those that
	// it forbids, Malformed those that are not one statement.
	Allowed, Refused, Malformed []string
	// Insert adds a row to t.
	Insert string
	// Count returns how many rows t has.
	Count func(t *testing.T) int
	// Endless are queries that never end, by what they wait for.
	Endless map[string]string
	// Idle returns when nothing of the queries runs any more. Default: that
	// is not looked at.
	Idle func(t *testing.T)
}

// QueryJSONConformance tests, as parallel subtests of t, what the units that
// write a query's rows as JSON promise: limits of rows and bytes, names and
// types of columns, parameters by position and by name that no text gets out
// of, ReadOnly, deadlines, and errors of the writer. setup makes a database of
// the subtest's own.
//
// How values of the database's types are written is for the driver's own tests.
//
// More in query_json_conformance.md:
//   - A new driver's config converts from QueryJSONConformanceQuery only if it
//     has the same fields in the same order, which is intended: drivers then
//     handle all of them.
//   - Deadline waits 200 ms for each endless query; on a loaded machine the
//     database's own start counts, too.
func QueryJSONConformance(t *testing.T, setup func(t *testing.T) QueryJSONConformanceConfig) {
	t.Helper()
	for name, check := range map[string]func(t *testing.T, q *querying){
		"Limits":          checkLimits,
		"DefaultLimit":    checkDefaultLimit,
		"NoRows":          checkNoRows,
		"Columns":         checkColumns,
		"Parameters":      checkParameters,
		"WrongParameters": checkWrongParameters,
		"HostileText":     checkHostileText,
		"ReadOnly":        checkReadOnly,
		"Deadline":        checkDeadline,
		"Canceled":        checkCanceled,
		"BrokenWriter":    checkBrokenWriter,
		"BadQuery":        checkBadQuery,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &querying{setup(t)}
			if q.Position == nil {
				q.Position = func(int) string { return "?" }
			}
			check(t, q)
		})
	}
}

// request is a short name for the tests below.
type request = QueryJSONConformanceQuery

// querying is a database under test.
type querying struct{ QueryJSONConformanceConfig }

// run runs a query and returns its output.
func (q *querying) run(t *testing.T, query request) (string, rowjson.RowsJSONResult, error) {
	t.Helper()
	var out bytes.Buffer
	result, err := q.Query(t.Context(), &out, query)
	if result.Bytes != int64(out.Len()) {
		t.Errorf("%s: Bytes is %d, but %d were written", query.Query, result.Bytes, out.Len())
	}
	return out.String(), result, err
}

// must runs a query that has to succeed.
func (q *querying) must(t *testing.T, query request) (string, rowjson.RowsJSONResult) {
	t.Helper()
	out, result, err := q.run(t, query)
	if err != nil {
		t.Fatalf("%s: %v", query.Query, err)
	}
	if !query.NDJSON && !json.Valid([]byte(out)) {
		t.Errorf("%s: not valid JSON: %s", query.Query, out)
	}
	return out, result
}

func checkLimits(t *testing.T, q *querying) {
	const whole, lines = "[{\"n\":1},\n{\"n\":2},\n{\"n\":3}]\n", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
	for _, c := range []struct {
		name      string
		query     request
		out       string
		rows      int
		truncated bool
	}{
		{"all", request{}, whole, 3, false},
		{"as many rows", request{MaxRows: 3}, whole, 3, false},
		{"rows", request{MaxRows: 2}, "[{\"n\":1},\n{\"n\":2}]\n", 2, true},
		{"as many bytes", request{MaxBytes: int64(len(whole))}, whole, 3, false},
		{"bytes", request{MaxBytes: int64(len(whole)) - 1}, "[{\"n\":1},\n{\"n\":2}]\n", 2, true},
		{"bytes for none", request{MaxBytes: 5}, "[]\n", 0, true},
		{"lines", request{NDJSON: true}, lines, 3, false},
		{"lines, rows", request{NDJSON: true, MaxRows: 1}, "{\"n\":1}\n", 1, true},
		{"lines, as many bytes", request{NDJSON: true, MaxBytes: int64(len(lines))}, lines, 3, false},
		{"lines, bytes", request{NDJSON: true, MaxBytes: int64(len(lines)) - 1}, "{\"n\":1}\n{\"n\":2}\n", 2, true},
	} {
		c.query.Query = q.Numbers(3)
		out, result := q.must(t, c.query)
		if out != c.out || result.Rows != c.rows || result.Truncated != c.truncated {
			t.Errorf("%s: %+v\n%s", c.name, result, out)
		}
		if c.query.MaxBytes > 5 && result.Bytes > c.query.MaxBytes {
			t.Errorf("%s: %d bytes, but the limit is %d", c.name, result.Bytes, c.query.MaxBytes)
		}
	}
}

func checkDefaultLimit(t *testing.T, q *querying) {
	many := q.Numbers(rowjson.DefaultMaxRows + 1)
	_, result := q.must(t, request{Query: many})
	if result.Rows != rowjson.DefaultMaxRows || !result.Truncated {
		t.Errorf("default: %+v", result)
	}
	_, result = q.must(t, request{Query: many, MaxRows: -1, MaxBytes: -1})
	if result.Rows != rowjson.DefaultMaxRows+1 || result.Truncated {
		t.Errorf("no limit: %+v", result)
	}
}

func checkNoRows(t *testing.T, q *querying) {
	for ndjson, want := range map[bool]string{false: "[]\n", true: ""} {
		query := request{Query: "SELECT n FROM t WHERE n = 7", NDJSON: ndjson}
		if out, result := q.must(t, query); out != want || len(result.Columns) != 1 || result.Rows != 0 {
			t.Errorf("NDJSON %t: %q, %+v", ndjson, out, result)
		}
	}
}

func checkColumns(t *testing.T, q *querying) {
	out, result := q.must(t, request{Query: q.Columns})
	if want := "[{\"id\":1,\"id_3\":1,\"id_2\":\"x\",\"id_4\":1,\"a\\\"b\":2}]\n"; out != want {
		t.Errorf("got  %swant %s", out, want)
	}
	var want []rowjson.RowsJSONColumn
	for i, name := range []string{"id", "id_3", "id_2", "id_4", `a"b`} {
		want = append(want, rowjson.RowsJSONColumn{Name: name, Type: q.ColumnTypes[i]})
	}
	if !slices.Equal(result.Columns, want) {
		t.Errorf("got %+v, want %+v", result.Columns, want)
	}
}

func checkParameters(t *testing.T, q *querying) {
	a, b := q.Parameter("a"), q.Parameter("b_1")
	first, second := q.Position(1), q.Position(2)
	for _, c := range []struct {
		query request
		want  string
	}{
		{request{Query: "SELECT " + first + " AS a, " + second + " AS b", Args: []any{1, "x"}}, `{"a":1,"b":"x"}`},
		{request{Query: "SELECT " + a + " AS a, " + b + " AS b, " + a + " AS c", Named: map[string]any{"a": 1, "b_1": nil}},
			`{"a":1,"b":null,"c":1}`},
		{request{Query: "SELECT '?" + a + "' AS a, " + first + " AS b -- ? " + a + "\n/* ? */", Args: []any{2}},
			`{"a":"?` + a + `","b":2}`},
		{request{Query: "SELECT " + first + " AS a ;", Args: []any{json.Number("7.5")}}, `{"a":7.5}`},
	} {
		if out, _ := q.must(t, c.query); out != "["+c.want+"]\n" {
			t.Errorf("%s\ngot  %swant [%s]", c.query.Query, out, c.want)
		}
	}
}

func checkWrongParameters(t *testing.T, q *querying) {
	a, one, two := q.Parameter("a"), "SELECT "+q.Position(1), "SELECT "+q.Position(1)+", "+q.Position(2)
	for _, c := range []struct {
		query request
		want  string
	}{
		{request{Query: two, Args: []any{1}}, "has 2 parameters, Args has 1"},
		{request{Query: one, Args: []any{1, 2}}, "has 1 parameters, Args has 2"},
		{request{Query: "SELECT " + a, Named: map[string]any{}}, "no value for parameter " + a},
		{request{Query: "SELECT " + a, Named: map[string]any{"a": 1, "b": 2}}, `no parameter with the name "b"`},
		{request{Query: "SELECT 1", Named: map[string]any{"b": 2}}, "no parameter with "},
		{request{Query: "SELECT " + a, Args: []any{1}}, ""},
		{request{Query: one, Args: []any{struct{}{}}}, "a struct {} can't"},
		{request{Query: one, Args: []any{json.Number("x")}}, "not a number"},
	} {
		out, _, err := q.run(t, c.query)
		errtest.Want(t, err, core.CodeInvalid, c.want)
		if out != "" {
			t.Errorf("%s: wrote %q", c.query.Query, out)
		}
	}
}

func checkHostileText(t *testing.T, q *querying) {
	for _, text := range hostile {
		for _, query := range []request{
			{Query: "SELECT " + q.Position(1) + " AS v", Args: []any{text}},
			{Query: "SELECT " + q.Parameter("a") + " AS v", Named: map[string]any{"a": text}},
		} {
			out, _ := q.must(t, query)
			var rows []struct{ V string }
			if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 || rows[0].V != text {
				t.Errorf("%q was read back as %s (%v)", text, out, err)
			}
		}
	}
	if n := q.Count(t); n != 1 {
		t.Errorf("t has %d rows", n)
	}
}

func checkReadOnly(t *testing.T, q *querying) {
	for _, statement := range q.Allowed {
		q.must(t, request{Query: statement, ReadOnly: true})
	}
	for code, statements := range map[core.Code][]string{core.CodeForbidden: q.Refused, core.CodeInvalid: q.Malformed} {
		for _, statement := range statements {
			_, _, err := q.run(t, request{Query: statement, ReadOnly: true})
			if got := core.ErrorCode(err); got != code {
				t.Errorf("%s: %v (%s), want %s", statement, err, got, code)
			}
		}
	}
	if n := q.Count(t); n != 1 {
		t.Errorf("t has %d rows: something was written", n)
	}
	// Afterwards the connection can write again.
	q.must(t, request{Query: q.Insert})
	if n := q.Count(t); n != 2 {
		t.Errorf("t has %d rows, want 2", n)
	}
}

func checkDeadline(t *testing.T, q *querying) {
	for name, query := range q.Endless {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := q.Query(ctx, io.Discard, request{Query: query, ReadOnly: true, MaxRows: -1, MaxBytes: -1})
			errtest.Want(t, err, core.CodeTimeout, "deadline")
			if took := time.Since(start); took > 30*time.Second { // the query itself never ends
				t.Errorf("it took %v", took)
			}
			if q.Idle != nil {
				q.Idle(t)
			}
			// Neither the connections nor the database are lost.
			before := q.Count(t)
			q.must(t, request{Query: q.Insert})
			if n := q.Count(t); n != before+1 {
				t.Errorf("t has %d rows, want %d", n, before+1)
			}
		})
	}
}

func checkCanceled(t *testing.T, q *querying) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := q.Query(ctx, io.Discard, request{Query: "SELECT 1"})
	errtest.Want(t, err, core.CodeCanceled, "canceled")
}

// brokenWriter accepts some bytes, and then fails.
type brokenWriter struct{ room int }

var errBroken = errors.New("broken pipe")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func checkBrokenWriter(t *testing.T, q *querying) {
	const room = 100 << 10
	result, err := q.Query(t.Context(), &brokenWriter{room}, request{Query: q.Numbers(50_000), MaxRows: -1})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the writer's error", err)
	}
	if result.Bytes == 0 || result.Bytes > room || result.Rows == 0 {
		t.Errorf("%+v", result)
	}
	if q.Idle != nil {
		q.Idle(t)
	}
}

func checkBadQuery(t *testing.T, q *querying) {
	for _, query := range []string{"SELEC 1", "SELECT n FROM nowhere"} {
		for _, readOnly := range []bool{false, true} { // a syntax error is not what ReadOnly forbids
			out, _, err := q.run(t, request{Query: query, ReadOnly: readOnly})
			if code := core.ErrorCode(err); out != "" || code != core.CodeInvalid && code != core.CodeNotFound {
				t.Errorf("%s, ReadOnly %t: wrote %q, %v (%s)", query, readOnly, out, err, code)
			}
		}
	}
}
