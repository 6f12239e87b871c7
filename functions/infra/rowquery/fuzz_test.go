package rowquery_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

// invalid reports whether a parse has failed, which may only be the text's
// fault.
func invalid(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && core.ErrorCode(err) != core.CodeInvalid {
		t.Fatal(err)
	}
	return err != nil
}

func FuzzRowColumnParse(f *testing.F) {
	for _, text := range []string{"a", `"a.b"->0->>"1"`, "data->items->-1", `"\"\\"`, "a-", ">a", "->a", "or"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		column, err := rowquery.RowColumnParse(text)
		if invalid(t, err) {
			return
		}
		again, err := rowquery.RowColumnParse(column.String())
		if err != nil || !reflect.DeepEqual(again, column) {
			t.Fatalf("%q is %+v, and %q is %+v, error %v", text, column, column, again, err)
		}
	})
}

func FuzzRowOrderParse(f *testing.F) {
	for _, text := range []string{"", "a", "a.desc.nullslast,b->>c.asc", `"a.b".nullsfirst`, "a,", "desc.desc"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		order, err := rowquery.RowOrderParse(text)
		if invalid(t, err) {
			return
		}
		parts := make([]string, len(order))
		for i, o := range order {
			parts[i] = o.String()
		}
		again, err := rowquery.RowOrderParse(strings.Join(parts, ","))
		if err != nil || !reflect.DeepEqual(again, order) {
			t.Fatalf("%q is %+v, and %q is %+v, error %v", text, order, parts, again, err)
		}
	})
}

func FuzzRowSelectParse(f *testing.F) {
	for _, text := range []string{"", "*", "id,*,x:a->b->>0", `"a:b":c`, "a:b:c", "a->b:c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		selected, err := rowquery.RowSelectParse(text)
		if invalid(t, err) {
			return
		}
		parts := make([]string, len(selected))
		for i, s := range selected {
			switch {
			case s.All:
				parts[i] = "*"
			case s.Alias != "":
				parts[i] = rowquery.RowColumn{Name: s.Alias}.String() + ":" + s.Column.String()
			default:
				parts[i] = s.Column.String()
			}
		}
		again, err := rowquery.RowSelectParse(strings.Join(parts, ","))
		if err != nil || !reflect.DeepEqual(again, selected) {
			t.Fatalf("%q is %+v, and %q is %+v, error %v", text, selected, parts, again, err)
		}
	})
}

// Values of any kind come back as they were, from a key that needs no encoding
// in a path, and from a cursor that needs none in a query.
func FuzzRowKeyValues(f *testing.F) {
	f.Add(int64(7), 1.5, "a,b", []byte{0, 1}, true)
	f.Add(int64(math.MinInt64), math.Inf(-1), "..", []byte{}, false)
	f.Add(int64(0), math.Copysign(0, -1), "-7", []byte("~"), false)
	f.Add(int64(0), 1e21, "~n", []byte(nil), true)
	f.Fuzz(func(t *testing.T, i int64, x float64, s string, b []byte, text bool) {
		if math.IsNaN(x) { // SQLite has none
			return
		}
		if b == nil {
			b = []byte{}
		}
		values, texts := []any{i, s, x, b, nil, s}, []bool{text, text, text, text, text, !text}
		const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,-._~"
		for n := 1; n <= len(values); n++ {
			key := rowquery.RowKey(values[:n], texts[:n])
			if key == "" || key == "." || key == ".." || strings.Trim(key, plain) != "" {
				t.Fatalf("%q is no plain segment", key)
			}
			again, err := rowquery.RowKeyParse(key, texts[:n])
			if err != nil || !reflect.DeepEqual(again, values[:n]) {
				t.Fatalf("%v %v is %q, and that is %v, error %v", values[:n], texts[:n], key, again, err)
			}
		}
		// Alone, too: one value is a whole segment.
		for at := range values {
			key := rowquery.RowKey(values[at:at+1], texts[at:at+1])
			again, err := rowquery.RowKeyParse(key, texts[at:at+1])
			if err != nil || !reflect.DeepEqual(again, values[at:at+1]) || key == "." || key == ".." || key == "" {
				t.Fatalf("%v %v is %q, and that is %v, error %v", values[at], texts[at], key, again, err)
			}
		}
		cursor := rowquery.RowCursor{Of: s, Before: text, Values: values}
		encoded := cursor.String()
		if strings.Trim(encoded, plain) != "" {
			t.Fatalf("%q is no plain text", encoded)
		}
		again, err := rowquery.RowCursorParse(encoded, s)
		if len(encoded) <= 64<<10 && (err != nil || !reflect.DeepEqual(again, cursor)) {
			t.Fatalf("%+v is read as %+v, error %v", cursor, again, err)
		}
		if other, err := rowquery.RowCursorParse(encoded, s+"x"); err == nil {
			t.Fatalf("a cursor of %q is one of another order: %+v", s, other)
		}
	})
}
