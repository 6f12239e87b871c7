package rowjson_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/rowjson"
)

// numbers has one or more columns that count from 1; fields that are set make
// it fail.
type numbers struct {
	n, at     int
	err       error // of Err, after the last row
	closeErr  error
	closed    int
	scanFails int // the row whose Scan fails
}

func (r *numbers) Next() bool { r.at++; return r.at <= r.n }
func (r *numbers) Err() error { return r.err }
func (r *numbers) Close() error {
	r.closed++
	return r.closeErr
}

func (r *numbers) Scan(dest ...any) error {
	if r.at == r.scanFails {
		return errScan
	}
	for _, d := range dest {
		*d.(*int64) = int64(r.at)
	}
	return nil
}

var (
	errScan   = errors.New("scan failed")
	errAppend = errors.New("no such value")
	errWrite  = errors.New("pipe closed")
)

func columns(names ...string) []rowjson.RowsJSONWriteColumn {
	var all []rowjson.RowsJSONWriteColumn
	for _, name := range names {
		v := new(int64)
		all = append(all, rowjson.RowsJSONWriteColumn{Name: name, Type: "INT", Target: v, Append: func(b []byte) ([]byte, error) {
			if *v == 13 {
				return nil, errAppend
			}
			return rowjson.RowJSON{}.AppendInt(b, *v), nil
		}})
	}
	return all
}

func TestRowsJSONWrite_Limits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		rows      int
		cfg       rowjson.RowsJSONWriteConfig
		out       string
		truncated bool
	}{
		{"all", 3, rowjson.RowsJSONWriteConfig{}, "[{\"n\":1},\n{\"n\":2},\n{\"n\":3}]\n", false},
		{"none", 0, rowjson.RowsJSONWriteConfig{}, "[]\n", false},
		{"no lines", 0, rowjson.RowsJSONWriteConfig{NDJSON: true}, "", false},
		{"as many rows", 3, rowjson.RowsJSONWriteConfig{MaxRows: 3}, "[{\"n\":1},\n{\"n\":2},\n{\"n\":3}]\n", false},
		{"rows", 3, rowjson.RowsJSONWriteConfig{MaxRows: 2}, "[{\"n\":1},\n{\"n\":2}]\n", true},
		{"as many bytes", 3, rowjson.RowsJSONWriteConfig{MaxBytes: 28}, "[{\"n\":1},\n{\"n\":2},\n{\"n\":3}]\n", false},
		{"bytes", 3, rowjson.RowsJSONWriteConfig{MaxBytes: 27}, "[{\"n\":1},\n{\"n\":2}]\n", true},
		{"bytes for none", 3, rowjson.RowsJSONWriteConfig{MaxBytes: 5}, "[]\n", true},
		{"lines", 2, rowjson.RowsJSONWriteConfig{NDJSON: true}, "{\"n\":1}\n{\"n\":2}\n", false},
		{"lines, bytes", 3, rowjson.RowsJSONWriteConfig{NDJSON: true, MaxBytes: 23}, "{\"n\":1}\n{\"n\":2}\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			rows := &numbers{n: c.rows}
			cut := false
			c.cfg.Columns, c.cfg.Cut = columns("n"), func() { cut = true }
			result, err := rowjson.RowsJSONWrite(&out, rows, c.cfg)
			if err != nil || out.String() != c.out || result.Truncated != c.truncated || cut != c.truncated || result.Bytes != int64(out.Len()) {
				t.Errorf("%+v, %v, cut %t\n%s", result, err, cut, &out)
			}
			if rows.closed == 0 {
				t.Error("rows are still open")
			}
		})
	}
	for limit, want := range map[int]int{0: rowjson.DefaultMaxRows, -1: rowjson.DefaultMaxRows + 1} {
		result, err := rowjson.RowsJSONWrite(&bytes.Buffer{}, &numbers{n: rowjson.DefaultMaxRows + 1}, rowjson.RowsJSONWriteConfig{MaxRows: limit, MaxBytes: -1})
		if err != nil || result.Rows != want || result.Truncated != (limit == 0) {
			t.Errorf("MaxRows %d: %+v, %v", limit, result, err)
		}
	}
}

func TestRowsJSONWrite_Columns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	result, err := rowjson.RowsJSONWrite(&out, &numbers{n: 1}, rowjson.RowsJSONWriteConfig{Columns: columns("id", "id", "id_2", "id", `a"b`)})
	if want := "[{\"id\":1,\"id_3\":1,\"id_2\":1,\"id_4\":1,\"a\\\"b\":1}]\n"; err != nil || out.String() != want {
		t.Errorf("got  %swant %s%v", &out, want, err)
	}
	want := []rowjson.RowsJSONColumn{{Name: "id", Type: "INT"}, {Name: "id_3", Type: "INT"}, {Name: "id_2", Type: "INT"}, {Name: "id_4", Type: "INT"}, {Name: `a"b`, Type: "INT"}}
	if !slices.Equal(result.Columns, want) {
		t.Errorf("%+v", result.Columns)
	}
}

// pipe takes some bytes and then fails.
type pipe struct{ room int }

func (p *pipe) Write(b []byte) (int, error) {
	n := min(len(b), p.room)
	p.room -= n
	if n < len(b) {
		return n, errWrite
	}
	return n, nil
}

func TestRowsJSONWrite_Errors(t *testing.T) {
	t.Parallel()
	late := errors.New("connection lost")
	for name, c := range map[string]struct {
		rows *numbers
		want error
	}{
		"scan":         {&numbers{n: 3, scanFails: 2}, errScan},
		"behind rows":  {&numbers{n: 3, err: late}, late},
		"close":        {&numbers{n: 3, closeErr: late}, late},
		"append":       {&numbers{n: 13}, errAppend},
		"before a row": {&numbers{err: late}, late},
	} {
		var out bytes.Buffer
		cut := 0
		result, err := rowjson.RowsJSONWrite(&out, c.rows, rowjson.RowsJSONWriteConfig{Columns: columns("n"), Cut: func() { cut = c.rows.closed + 1 }})
		if early := name != "close"; early != (cut == 1) {
			t.Errorf("%s: cut %d", name, cut)
		}
		if !errors.Is(err, c.want) || strings.HasSuffix(out.String(), "]\n") || result.Bytes != int64(out.Len()) || c.rows.closed == 0 {
			t.Errorf("%s: %v, %+v, %q", name, err, result, &out)
		}
		if name == "append" && err != nil && !strings.Contains(err.Error(), "column n") {
			t.Errorf("%v does not name the column", err)
		}
	}
	rows := &numbers{n: 10_000}
	result, err := rowjson.RowsJSONWrite(&pipe{room: 40_000}, rows, rowjson.RowsJSONWriteConfig{Columns: columns("wide_name_of_a_column"), MaxRows: 12})
	if err != nil || result.Rows != 12 {
		t.Errorf("within the room: %+v, %v", result, err)
	}
	free := columns("wide_name_of_a_column")
	free[0].Append = func(b []byte) ([]byte, error) { return append(b, '1'), nil }
	result, err = rowjson.RowsJSONWrite(&pipe{room: 40_000}, rows, rowjson.RowsJSONWriteConfig{Columns: free})
	if !errors.Is(err, errWrite) || result.Bytes != 40_000 {
		t.Errorf("a full pipe: %+v, %v", result, err)
	}
}
