package sqlite

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitSQL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"", nil},
		{" ;; -- a\n/* ; */;", nil},
		{"a; b", []string{"a", "b"}},
		{"a -- ;\n ;/* ; */ b /* c", []string{"a", "b"}},
		{"'a;''b'; \"c;\"\"d\"; `e;``f`; [g;h]", []string{"'a;''b'", "\"c;\"\"d\"", "`e;``f`", "[g;h]"}},
		{"'open; b", []string{"'open; b"}},
		{"[open; b", []string{"[open; b"}},
		{"a /*/ ; */ b; c", []string{"a /*/ ; */ b", "c"}},
		{"a /*", []string{"a /*"}},
		{"$a(;); b", []string{"$a(;)", "b"}},
		{"$a(' ); b", []string{"$a(' )", "b"}}, // a blank ends the name
		{"CREATE TRIGGER t BEGIN a; b; END; c", []string{"CREATE TRIGGER t BEGIN a; b; END", "c"}},
		{"create temp trigger t BEGIN a CASE x END; END ; c", []string{"create temp trigger t BEGIN a CASE x END; END", "c"}},
		{"EXPLAIN CREATE TRIGGER t BEGIN a; END; c", []string{"EXPLAIN CREATE TRIGGER t BEGIN a; END", "c"}},
		{"CREATE TABLE trigger (a); b", []string{"CREATE TABLE trigger (a)", "b"}},
	} {
		var got []string
		for _, s := range splitSQL(c.sql) {
			got = append(got, s.text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q\ngot  %q\nwant %q", c.sql, got, c.want)
		}
	}
	if s := splitSQL("a;\n\n -- c\n b"); s[1].line != 4 {
		t.Errorf("line %d, want 4", s[1].line)
	}
}

func TestSplitSQL_Params(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"? ?":                      "|",
		"?3":                       "||",
		"?2 ? :a ? ?1":             "|||:a|", // the index of ? is the highest so far, and one
		":a @a $a :a #a":           ":a|@a|$a|#a",
		"a$b '?' \"?\" [?] -- ?":   "-",
		"$a::b(c d":                "$a::b(c",
		":":                        "-",
		"?99999 ?999999999999999 ": "-",
	} {
		params := splitSQL(sql)[0].params
		var got []string
		for _, p := range params {
			got = append(got, p.name)
		}
		text := strings.Join(got, "|")
		if len(params) == 0 {
			text = "-"
		}
		if text != want {
			t.Errorf("%s: got %q, want %q", sql, text, want)
		}
	}
}

// Each piece is part of the text, in order, and is still one statement when it
// is split again.
func FuzzSplitSQL(f *testing.F) {
	for _, sql := range []string{"a;b", "'a;''b'; [c", "CREATE TRIGGER t BEGIN a; END; b", "$a(;)", "?9999999999999999999", "--\n;/**/;x", "\ufeff\v"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		rest := sql
		for _, s := range splitSQL(sql) {
			_, after, ok := strings.Cut(rest, s.text)
			if !ok || s.text == "" {
				t.Fatalf("%q is not in %q", s.text, rest)
			}
			rest = after
			if s.line < 1 || s.line > 1+strings.Count(sql, "\n") {
				t.Errorf("%q in line %d", s.text, s.line)
			}
			again := splitSQL(s.text)
			if len(again) != 1 || again[0].text != s.text || !slices.Equal(again[0].params, s.params) {
				t.Fatalf("%q splits further: %+v", s.text, again)
			}
		}
	})
}
