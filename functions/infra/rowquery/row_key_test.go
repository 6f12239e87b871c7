package rowquery_test

import (
	"testing"

	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []any
		texts  []bool
		want   string
	}{
		{[]any{int64(-7)}, nil, "-7"},
		{[]any{"7"}, nil, "~t7"},
		{[]any{"7"}, []bool{true}, "7"},
		{[]any{int64(7)}, []bool{true}, "~i7"}, // a BLOB or a number in a TEXT column is not converted by the database
		{[]any{"a,b/ü", nil, []byte{0xab}, 1.5, 2.0}, nil, "a~2Cb~2F~C3~BC,~n,~bab,~f1.5,~f2"},
		{[]any{"", ".."}, []bool{true, true}, "~t,~2E~2E"},
		{[]any{"007", "1.5"}, nil, "007,1.5"},
	} {
		if got := rowquery.RowKey(c.values, c.texts); got != c.want {
			t.Errorf("%q: %s, want %s", c.values, got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a value of another type did not panic")
		}
	}()
	rowquery.RowKey([]any{7}, nil)
}
