package rowquery_test

import (
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowCursorParse_RoundTrip(t *testing.T) {
	t.Parallel()
	for _, values := range [][]any{
		nil,
		{nil},
		{int64(math.MinInt64), int64(math.MaxInt64), int64(9007199254740993), int64(0)},
		{0.1, math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64},
		{"", "a,b%/\x00\xff", strings.Repeat("ü", 1000)},
		{[]byte{}, []byte{0, 1, 255}},
	} {
		for _, before := range []bool{false, true} {
			want := rowquery.RowCursor{Of: "t order=a", Before: before, Values: values}
			text := want.String()
			if !regexp.MustCompile(`^[\w-]+$`).MatchString(text) {
				t.Errorf("%q is not fit for a URL", text)
			}
			got, err := rowquery.RowCursorParse(text, "t order=a")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v: %+v, error %v", values, got, err)
			}
			if _, err := rowquery.RowCursorParse(text, "t order=b"); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("another order: error %v", err)
			}
		}
	}
}

func TestRowCursorParse_Refused(t *testing.T) {
	t.Parallel()
	good := rowquery.RowCursor{Of: "x", Values: []any{"text", int64(300), 1.5}}.String()
	for n := range len(good) {
		// A text that is cut is another one, or none; it never panics.
		if c, err := rowquery.RowCursorParse(good[:n], "x"); err == nil && len(c.Values) >= 3 {
			t.Errorf("cut to %d: %+v", n, c)
		}
	}
	for _, text := range []string{"", "x", "=", "!!", good + "=", "_" + good[1:], strings.Repeat("A", 100_000)} {
		if c, err := rowquery.RowCursorParse(text, "x"); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%.40q: %+v, error %v", text, c, err)
		}
	}
}

func FuzzRowCursorParse(f *testing.F) {
	f.Add(rowquery.RowCursor{Values: []any{nil, int64(-1), 2.5, "x", []byte("y")}}.String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := rowquery.RowCursorParse(text, "")
		if err != nil {
			return
		}
		again, err := rowquery.RowCursorParse(c.String(), "")
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%q: %+v, again %+v, error %v", text, c, again, err)
		}
	})
}
