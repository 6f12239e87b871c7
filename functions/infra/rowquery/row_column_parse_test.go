package rowquery_test

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowColumnParse_RoundTrip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // want: as String writes it
		"age":               "age",
		`"age"`:             "age",
		`"a\"\\b"`:          `"a\"\\b"`,
		`"or"`:              `"or"`,
		`" x"`:              `" x"`,
		`""`:                `""`,
		"x]y":               "x]y",
		"../etc":            `"../etc"`,
		"a->0->b->>-1":      "a->0->b->>-1",
		`a->"0"`:            `a->"0"`,
		"a->01":             "a->01", // a key: an index has no leading zero
		`a->"b->c"->>"d.e"`: `a->"b->c"->>"d.e"`,
	} {
		column, err := rowquery.RowColumnParse(text)
		if err != nil || column.String() != want {
			t.Errorf("%s: %s, error %v, want %s", text, column, err, want)
		}
		again, err := rowquery.RowColumnParse(want)
		if err != nil || again.String() != want {
			t.Errorf("%s, again: %s, error %v", want, again, err)
		}
	}
}

func TestRowColumnParse_Refused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "->a", "a->", "a->>", `"a`, `"a"b`, "a->>b->>c", strings.Repeat("a->", 30) + "a", "a\x00"} {
		if column, err := rowquery.RowColumnParse(text); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%q: %+v, error %v", text, column, err)
		}
	}
}
