package check

import (
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/fn_registry/spec"
)

// TestVersion_Compare: what a change means for callers of the unit f, whose
// code is in one file. "" means nothing.
func TestVersion_Compare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, now, want string }{
		"same":               {"func F(a int) {}", "func F(b int) {}", ""},
		"field gone":         {"func F(c C) {}\ntype C struct{ A, B int }", "func F(c C) {}\ntype C struct{ A int }", "major: C's field B is gone"},
		"field new":          {"func F(c C) {}\ntype C struct{ A int }", "func F(c C) {}\ntype C struct{ A, B int }", "minor: C's field B is new"},
		"hidden field new":   {"func F(c C) {}\ntype C struct{ A int }", "func F(c C) {}\ntype C struct{ A, b int }", ""},
		"not comparable now": {"func F(c C) {}\ntype C struct{ a int }", "func F(c C) {}\ntype C struct{ a []int }", "major: C's values can't be compared with == any more"},
		"comparable now":     {"func F(c C) {}\ntype C struct{ a func() }", "func F(c C) {}\ntype C struct{ a int }", ""},
		"of the pointer now": {"func F(c C) {}\ntype C struct{}\nfunc (C) M() {}", "func F(c C) {}\ntype C struct{}\nfunc (*C) M() {}", "major: C's method M is one of the pointer alone now"},
		"of the value now":   {"func F(c C) {}\ntype C struct{}\nfunc (*C) M() {}", "func F(c C) {}\ntype C struct{}\nfunc (C) M() {}", "minor: C's method M is one of the value, too"},
		"sealed":             {"func F(c C) {}\ntype C interface{ M() }", "func F(c C) {}\ntype C interface{ M(); n() }", "major: C's other packages can't implement it any more"},
		"open now":           {"func F(c C) {}\ntype C interface{ M(); n() }", "func F(c C) {}\ntype C interface{ M() }", "minor: C's other packages can implement it now"},
		"wanted method":      {"func F(c C) {}\ntype C interface{ M() }", "func F(c C) {}\ntype C interface{ M(); N() }", "major: C's method N is new, and who implements the interface lacks it"},
		"interface now":      {"func F(c C) {}\ntype C struct{}", "func F(c C) {}\ntype C interface{ N() }", "major: C's type is struct, now interface"},
		"method of a type":   {"func F(c C) {}\ntype C struct{}", "func F(c C) {}\ntype C struct{}\nfunc (C) M() {}", "minor: C's method M is new"},
		"type gone":          {"func F(c C) {}\ntype C struct{ D }\ntype D struct{ A int }", "func F(c C) {}\ntype C struct{ D int }", "major: C's field D is D, now int"},
		"type elsewhere":     {"func F(c C) {}\ntype C struct{ D D }\ntype D struct{ A int }", "func F(c C) {}\ntype C struct{ D D }", "major: the type D is gone"},
		"constant gone":      {"func F(c C) {}\ntype C int\nconst A C = 1", "func F(c C) {}\ntype C int", "major: C's constant A is gone"},
		"constant changed":   {"func F(c C) {}\ntype C int\nconst A C = 1", "func F(c C) {}\ntype C int\nconst A C = 2", "major: C's constant A is 1, now 2"},
		"the worst is said":  {"func F(c C) {}\ntype C struct{ A int }", "func F(c C) {}\ntype C struct{ B int }", "major: C's field A is gone"},
		"the first is said":  {"func F(c C) {}\ntype C struct{ A, B int }", "func F(c C) {}\ntype C struct{ C int }", "major: C's field A is gone"},
		"far away":           {"func F(c C) {}\ntype C struct{ D *D }\ntype D struct{ E []E }\ntype E struct{ A int }", "func F(c C) {}\ntype C struct{ D *D }\ntype D struct{ E []E }\ntype E struct{}", "major: E's field A is gone"},
		"result more":        {"func F() {}", "func F() error { return nil }", "major: signature is (), now () error"},
		"pure now":           {"func F() {}\n// impure", "func F() {}\n// pure", "minor: it is pure now"},
		"impure now":         {"func F() {}\n// pure", "func F() {}\n// impure", "major: it was pure"},
		"pure, and more":     {"func F(c C) {}\ntype C struct{ A int }\n// impure", "func F(c C) {}\ntype C struct{ A, B int }\n// pure", "minor: C's field B is new"},
		"another variant":    {"func F(c C) {}\n--\ntype C struct{ A int }", "func F(c C) {}\ntype C struct{ A string }\n--\ntype C struct{ A int }", "minor: C's field A is also string"},
		"a variant less":     {"func F(c C) {}\ntype C struct{ A string }\n--\ntype C struct{ A int }", "func F(c C) {}\n--\ntype C struct{ A int }", "major: C's field A is int or string, now int"},
		"pointer somewhere":  {"func F(c C) {}\ntype C struct{}\nfunc (C) M() {}\n--\nfunc (C) M() {}", "func F(c C) {}\ntype C struct{}\nfunc (C) M() {}\n--\nfunc (*C) M() {}", "major: C's method M is one of the pointer alone now"},
		"impure before code": {"func F(a int) {}\n// pure", "func F(a string) {}\n// impure", "major: it was pure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			md := func(code string) string {
				text := "---\nname: f\nkind: function\nlang: go\ndomain: a\nversion: 1.2.3\n"
				if _, purity, ok := strings.Cut(code, "// "); ok {
					text += "purity: " + purity + "\n"
				}
				return text + "---\n"
			}
			// Code after a line -- is in a file for another platform.
			first, second, _ := strings.Cut(c.before, "\n--\n")
			before := map[string]string{
				"a/f.go":       "package a\n" + first,
				"a/f_plan9.go": "package a\n" + second,
				"a/f.md":       md(c.before),
			}
			first, second, _ = strings.Cut(c.now, "\n--\n")
			dir := t.TempDir()
			testtree.Put(t, dir, "go.mod", "module example.org/m\n")
			testtree.Put(t, dir, "a/f.go", "package a\n"+first)
			testtree.Put(t, dir, "a/f_plan9.go", "package a\n"+second)
			testtree.Put(t, dir, "a/f.md", md(c.now))
			_, found := run(t, dir, Options{Rules: []string{"version"}, Since: &Since{Revision: "v1", File: func(_ int, name string) ([]byte, bool) {
				text, ok := before[name]
				return []byte(text), ok
			}}})
			got := ""
			for _, f := range found {
				kind, rest, _ := strings.Cut(strings.TrimPrefix(f.Message, "a "), " change since v1 (")
				what, _, _ := strings.Cut(rest, "), and version")
				got += kind + ": " + what
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestVersion_Numbers: versions are compared by meaning, not by text.
func TestVersion_Numbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.2.3": "1.2.3", "0.0.0": "0.0.0", "10.020.30": "10.20.30", "1.2.3-rc.1": "1.2.3", "1.2.3+b-1": "1.2.3", "1.2.3-a+b": "1.2.3",
		"1.2": "", "1.2.3.4": "", "1.-2.3": "", "1.x.3": "", "": "", "-1.2.3": "",
	} {
		got := ""
		if v, ok := parseVersion(text); ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		from        version
		minor, most version
	}{
		{version{1, 2, 3}, version{1, 3, 0}, version{2, 0, 0}}, {version{0, 2, 3}, version{0, 2, 4}, version{0, 3, 0}}, {version{0, 0, 0}, version{0, 0, 1}, version{0, 1, 0}},
	} {
		if got := [3]version{c.from.next(same), c.from.next(minor), c.from.next(major)}; got != [3]version{c.from, c.minor, c.most} {
			t.Errorf("after %v come %v", c.from, got)
		}
	}
	rising := []version{{0, 0, 9}, {0, 1, 0}, {0, 1, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 0}, {2, 0, 0}}
	for i, v := range rising {
		for j, w := range rising {
			if v.less(w) != (i < j) {
				t.Errorf("%v is less than %v: %v", v, w, v.less(w))
			}
		}
	}
}

// TestMisplaced: the first entry that precedes one it should follow.
func TestMisplaced(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]int{"": -1, "a": -1, "a b c": -1, "b c": -1, "b a": 1, "a c b": 2, "c b a": 1, "x a y b": -1, "b x a": 2, "a a b": -1, "z z": -1} {
		var list []spec.Param
		for _, name := range strings.Fields(params) {
			list = append(list, spec.Param{Name: name})
		}
		if got := misplaced(list, []string{"a", "b", "c"}); got != want {
			t.Errorf("%q: %d, want %d", params, got, want)
		}
	}
}
