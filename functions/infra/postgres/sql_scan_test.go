package postgres

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/rowjson"
)

func TestScanSQL(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]sqlText{
		"select 1":                    {word: "SELECT"},
		" -- x\n/* /* */ */ ((With":   {word: "WITH"},
		"":                            {},
		"/* open":                     {},
		"'SELECT'":                    {other: true},
		"E'it\\'s $1' $2":             {other: true, positions: 2},
		"SELECT $1, $2, a$3, '$4'":    {word: "SELECT", positions: 2},
		"SELECT $x$ $1 $x$, $$ $2 $$": {word: "SELECT"},
		"SELECT \"$1\"\"$2\" -- $3":   {word: "SELECT"},
		"SELECT @a, @b, @a":           {word: "SELECT", names: []string{"a", "b"}},
		"SELECT a <@b, '@c', x@>@d":   {word: "SELECT"},
		"SELECT 'a''@b' @c":           {word: "SELECT", names: []string{"c"}},
	} {
		got := scanSQL(sql, true)
		got.rewritten = ""
		if got.word != want.word || got.other != want.other || got.positions != want.positions || !slices.Equal(got.names, want.names) {
			t.Errorf("%s: got %+v, want %+v", sql, got, want)
		}
	}
	if got := scanSQL("SELECT @a || '@a' /* @a */, @b, @a", true).rewritten; got != "SELECT $1 || '@a' /* @a */, $2, $1" {
		t.Errorf("%s", got)
	}
}

// A scan never ends wrongly, and changes nothing without names.
func FuzzScanSQL(f *testing.F) {
	for _, sql := range []string{"SELECT @a", "$a$ $b$ $a$", "E'\\", "/* /*", "'", "$", "@", "$1@a$2"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if got := scanSQL(sql, false).rewritten; got != sql {
			t.Errorf("%q became %q", sql, got)
		}
		text := scanSQL(sql, true)
		if len(text.names) == 0 && text.rewritten != sql {
			t.Errorf("%q became %q", sql, text.rewritten)
		}
	})
}

// Any text gives an error, or JSON that brackets like the array.
func FuzzArrayText(f *testing.F) {
	for _, text := range []string{"{}", "{1,2}", `{{a,"b\"c"},{NULL,""}}`, "[0:1]={a,b}", "{", `{"`, `{"\`, "{{{{{{{{1}}}}}}}}", "{a}b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := &arrayText{delimiter: ',', element: func(b []byte, text string) ([]byte, error) { return rowjson.RowJSON{}.AppendString(b, text), nil }}
		out, err := a.append(nil, text)
		if err == nil && (!strings.HasPrefix(string(out), "[") || !strings.HasSuffix(string(out), "]")) {
			t.Errorf("%q became %s", text, out)
		}
	})
}
