package rowcsv_test

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowcsv"
)

var _ rowcsv.RowsCSVWriteRows = (*sql.Rows)(nil)

// table is rows in memory; what is set fails.
type table struct {
	names                              []string
	values                             [][]any
	at                                 int
	columnsErr, scanErr, err, closeErr error
	closed                             bool
}

func (r *table) Columns() ([]string, error) { return r.names, r.columnsErr }
func (r *table) Next() bool                 { r.at++; return r.at <= len(r.values) }
func (r *table) Err() error                 { return r.err }
func (r *table) Close() error               { r.closed = true; return r.closeErr }
func (r *table) Scan(dest ...any) error {
	for i, d := range dest {
		*d.(*any) = r.values[r.at-1][i]
	}
	return r.scanErr
}

func one(values ...any) *table {
	t := &table{values: [][]any{values}}
	for i := range values {
		t.names = append(t.names, string(rune('a'+i)))
	}
	return t
}

func write(t *testing.T, rows *table, cfg rowcsv.RowsCSVWriteConfig) string {
	t.Helper()
	var out bytes.Buffer
	result, err := rowcsv.RowsCSVWrite(&out, rows, cfg)
	if err != nil || result.Bytes != int64(out.Len()) || !rows.closed {
		t.Errorf("%+v, %v, closed %t", result, err, rows.closed)
	}
	return out.String()
}

func TestRowsCSVWrite_Values(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 12, 30, 0, 250e6, time.FixedZone("", 7200))
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, ""}, {"", `""`}, {[]byte(nil), `""`}, {[]byte{}, `""`},
		{"plain", "plain"}, {"a,b", `"a,b"`}, {`say "x"`, `"say ""x"""`}, {`"`, `""""`}, {"two\nlines", "\"two\nlines\""}, {"cr\r", "\"cr\r\""},
		{" led", `" led"`}, {"trailed ", `"trailed "`}, {"a;b\tc", "a;b\tc"}, {"é😀", "é😀"}, {"\xff", "\xff"}, {"nul\x00", "nul\x00"},
		{int64(math.MinInt64), "-9223372036854775808"}, {uint64(math.MaxUint64), "18446744073709551615"}, {int8(-1), "-1"},
		{0.1, "0.1"}, {1e300, "1e+300"}, {float32(0.1), "0.1"}, {math.NaN(), "NaN"}, {math.Inf(-1), "-Inf"}, {2.0, "2"},
		{true, "true"}, {[]byte{0, 0xff, 0x10}, "AP8Q"}, {at, "2024-02-29T12:30:00.25+02:00"},
		{"=1+1", "=1+1"},
		{new("text"), "text"}, {new(int64(-1)), "-1"}, {new(true), "true"}, {&at, "2024-02-29T12:30:00.25+02:00"},
		{(*string)(nil), ""}, {(*time.Time)(nil), ""}, {new((*int)(nil)), ""}, {new([]byte(nil)), `""`}, {new(any(2.5)), "2.5"}, {new(any), ""},
	} {
		if got, want := write(t, one(c.value, "x"), rowcsv.RowsCSVWriteConfig{}), "a,b\r\n"+c.want+",x\r\n"; got != want {
			t.Errorf("%#v: got %q, want %q", c.value, got, want)
		}
	}
}

func TestRowsCSVWrite_Config(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  rowcsv.RowsCSVWriteConfig
		rows *table
		want string
	}{
		{rowcsv.RowsCSVWriteConfig{NoHeader: true, LF: true}, one(1, "x"), "1,x\n"},
		{rowcsv.RowsCSVWriteConfig{Delimiter: ';'}, one("a,b", "c;d"), "a;b\r\na,b;\"c;d\"\r\n"},
		{rowcsv.RowsCSVWriteConfig{Delimiter: '→', NoHeader: true}, one("a", "→"), "a→\"→\"\r\n"},
		{rowcsv.RowsCSVWriteConfig{Null: "NULL", NoHeader: true}, one(nil, "NULL", "", "null"), "NULL,\"NULL\",\"\",null\r\n"},
		{rowcsv.RowsCSVWriteConfig{Null: `\N`}, one(nil), "a\r\n\\N\r\n"},
		{rowcsv.RowsCSVWriteConfig{}, &table{names: []string{"id", "a,b", ""}}, "id,\"a,b\",\"\"\r\n"},
		{rowcsv.RowsCSVWriteConfig{NoHeader: true}, &table{names: []string{"id"}}, ""},
	} {
		if got := write(t, c.rows, c.cfg); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.cfg, got, c.want)
		}
	}
	text := rowcsv.RowsCSVWriteConfig{NoHeader: true, Text: func(v any) (string, bool) {
		d, ok := v.(time.Duration)
		return d.String(), ok
	}}
	if got := write(t, one(time.Second), text); got != "1s\r\n" {
		t.Errorf("%q", got)
	}
	for _, cfg := range []rowcsv.RowsCSVWriteConfig{
		{Delimiter: '"'}, {Delimiter: '\n'}, {Delimiter: -1}, {Null: "a,b"}, {Null: `"`}, {Null: "\n"}, {MaxRows: -1}, {MaxBytes: -1},
	} {
		rows := one(1)
		if _, err := rowcsv.RowsCSVWrite(&bytes.Buffer{}, rows, cfg); core.ErrorCode(err) != core.CodeInvalid || !rows.closed {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := rowcsv.RowsCSVWrite(&bytes.Buffer{}, one(1, struct{}{}), rowcsv.RowsCSVWriteConfig{}); core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "column b") {
		t.Errorf("a struct: %v", err)
	}
}

func TestRowsCSVWrite_Formulas(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{
		"=HYPERLINK(\"x\")": `"'=HYPERLINK(""x"")"`, "+49 30": "'+49 30", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "\"'\r=1\"",
		" =1": "' =1", "＝1": "'＝1", "\u00a0=1": "'\u00a0=1", "a=1": "a=1", "": `""`, " ": `" "`, "'=1": "'=1",
		-5: "-5", -0.5: "-0.5", math.Inf(-1): "-Inf",
	} {
		if got := write(t, one(value), rowcsv.RowsCSVWriteConfig{SafeFormulas: true, NoHeader: true}); got != want+"\r\n" {
			t.Errorf("%#v: got %q, want %q", value, got, want)
		}
	}
	if got := write(t, &table{names: []string{"=a", "b"}}, rowcsv.RowsCSVWriteConfig{SafeFormulas: true}); got != "'=a,b\r\n" {
		t.Errorf("%q", got)
	}
}

func TestRowsCSVWrite_Limits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg       rowcsv.RowsCSVWriteConfig
		want      string
		rows      int
		truncated bool
	}{
		{rowcsv.RowsCSVWriteConfig{MaxRows: 3, MaxBytes: 11, LF: true}, "n\n11\n22\n33\n", 3, false},
		{rowcsv.RowsCSVWriteConfig{MaxRows: 2, LF: true}, "n\n11\n22\n", 2, true},
		{rowcsv.RowsCSVWriteConfig{MaxBytes: 10, LF: true}, "n\n11\n22\n", 2, true},
		{rowcsv.RowsCSVWriteConfig{MaxBytes: 1, LF: true}, "", 0, true},
	} {
		var out bytes.Buffer
		rows := &table{names: []string{"n"}, values: [][]any{{11}, {22}, {33}}}
		result, err := rowcsv.RowsCSVWrite(&out, rows, c.cfg)
		want := rowcsv.RowsCSVWriteResult{Rows: c.rows, Bytes: int64(len(c.want)), Truncated: c.truncated}
		if err != nil || out.String() != c.want || result != want || !rows.closed {
			t.Errorf("%+v: %+v, %v, %q", c.cfg, result, err, &out)
		}
	}
}

type brokenPipe struct{ room int }

func (p *brokenPipe) Write(b []byte) (int, error) {
	if p.room -= len(b); p.room < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

func TestRowsCSVWrite_Errors(t *testing.T) {
	t.Parallel()
	lost := &core.Error{Code: core.CodeUnavailable, Message: "connection lost"}
	for name, rows := range map[string]*table{
		"columns": {columnsErr: lost}, "scan": {names: []string{"n"}, values: [][]any{{1}}, scanErr: lost},
		"rows": {names: []string{"n"}, err: lost}, "close": {names: []string{"n"}, closeErr: lost},
	} {
		var out bytes.Buffer
		result, err := rowcsv.RowsCSVWrite(&out, rows, rowcsv.RowsCSVWriteConfig{})
		if !errors.Is(err, lost) || core.ErrorCode(err) != core.CodeUnavailable || result.Bytes != 0 || out.Len() != 0 || !rows.closed {
			t.Errorf("%s: %+v, %v, %q", name, result, err, &out)
		}
	}
	many := &table{names: []string{"n"}, values: slices.Repeat([][]any{{strings.Repeat("x", 1000)}}, 1000)}
	result, err := rowcsv.RowsCSVWrite(&brokenPipe{100_000}, many, rowcsv.RowsCSVWriteConfig{})
	if err == nil || result.Bytes == 0 || result.Bytes > 100_000 || !many.closed || many.at > 200 {
		t.Errorf("%+v, %v, at row %d", result, err, many.at)
	}
}

// What is written reads back, with any text.
func FuzzRowsCSVWrite(f *testing.F) {
	for _, text := range []string{"", "a,b", "\"", "\r\n", " x ", "=1", `\N`, "\xff\x00", "'"} {
		f.Add(text, "x", ',', false)
	}
	f.Fuzz(func(t *testing.T, first, second string, delimiter rune, safe bool) {
		var out bytes.Buffer
		cfg := rowcsv.RowsCSVWriteConfig{Delimiter: delimiter, NoHeader: true, SafeFormulas: safe}
		if _, err := rowcsv.RowsCSVWrite(&out, one(first, second), cfg); err != nil {
			return
		}
		reader := csv.NewReader(&out)
		if delimiter != 0 {
			reader.Comma = delimiter
		}
		got, err := reader.ReadAll()
		if err != nil || len(got) != 1 || len(got[0]) != 2 {
			t.Fatalf("%q, %v", got, err)
		}
		for i, want := range []string{first, second} {
			want = strings.ReplaceAll(want, "\r\n", "\n") // Go's reader does that
			have := got[0][i]
			if safe {
				have = strings.TrimPrefix(have, "'")
				want = strings.TrimPrefix(want, "'")
			}
			if have != want {
				t.Errorf("%q became %q", want, have)
			}
			if safe && strings.IndexAny(got[0][i], "=+-@") == 0 {
				t.Errorf("%q is a formula", got[0][i])
			}
		}
	})
}

func BenchmarkRowsCSVWrite(b *testing.B) {
	at := time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)
	rows := slices.Repeat([][]any{{int64(1234567), "some text, quoted", 3.25, at, nil}}, 1000)
	names := strings.Split("abcde", "")
	b.Run("unit", func(b *testing.B) {
		for b.Loop() {
			var out countingWriter
			if _, err := rowcsv.RowsCSVWrite(&out, &table{names: names, values: rows}, rowcsv.RowsCSVWriteConfig{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(out))
		}
	})
	b.Run("encodingCSV", func(b *testing.B) {
		for b.Loop() {
			var out countingWriter
			w := csv.NewWriter(&out)
			for _, row := range rows {
				line := make([]string, len(row))
				for i, v := range row {
					line[i] = fmt.Sprint(v)
				}
				if err := w.Write(line); err != nil {
					b.Fatal(err)
				}
			}
			w.Flush()
			b.SetBytes(int64(out))
		}
	})
}

type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}
