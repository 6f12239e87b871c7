package check

import (
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestVersion_Sizes compares changes of one file with their effect on callers
// of its function Do: "major", "minor" or "" for none.
func TestVersion_Sizes(t *testing.T) {
	t.Parallel()
	const f = "\nfunc Do() T { panic(0) }"
	for name, tc := range map[string]struct{ before, now, want string }{
		"alias as what it stands for":     {"type T = int" + f, "type T = int\nfunc Do() int { return 0 }", ""},
		"alias made a type":               {"type T = int" + f, "type T int" + f, "major"},
		"alias of another type":           {"type T = int" + f, "type T = string" + f, "major"},
		"alias of a struct made a struct": {"type T = struct{ A int }" + f, "type T struct{ A int }" + f, "major"},
		"any, byte, rune and parentheses": {"func Do(interface{}, []byte, rune, (int)) {}", "func Do(any, []uint8, int32, int) {}", ""},
		"dot import":                      {"import \"time\"\nfunc Do(time.Duration) {}", "import . \"time\"\nfunc Do(Duration) {}", ""},

		"unexported field":                    {"type T struct{ A int }" + f, "type T struct{ A int; b string }" + f, ""},
		"unexported field without ==":         {"type T struct{ A int }" + f, "type T struct{ A int; b []string }" + f, "major"},
		"== lost through a type of its own":   {"type t int\ntype T struct{ a t }" + f, "type t []int\ntype T struct{ a t }" + f, "major"},
		"== lost through an array":            {"type T struct{ a [2]int }" + f, "type T struct{ a [2]func() }" + f, "major"},
		"== gained":                           {"type T struct{ a []int }" + f, "type T struct{ a int }" + f, ""},
		"field of an unexported embedded":     {"type t struct{ A int }\ntype T struct{ t }" + f, "type t struct{ b int }\ntype T struct{ t }" + f, "major"},
		"method of an unexported embedded":    {"type t struct{}\nfunc (t) M() {}\ntype T struct{ t }" + f, "type t struct{}\ntype T struct{ t }" + f, "major"},
		"embedded made a field":               {"type t struct{ A int }\ntype T struct{ t }" + f, "type t struct{ A int }\ntype T struct{ x t }" + f, "major"},
		"field moved to an embedded":          {"type T struct{ A int }" + f, "type t struct{ A int }\ntype T struct{ t }" + f, ""},
		"method moved to an embedded pointer": {"type T struct{}\nfunc (T) M() {}" + f, "type t struct{}\nfunc (*t) M() {}\ntype T struct{ *t }" + f, ""},
		"method moved to an embedded value":   {"type T struct{}\nfunc (T) M() {}" + f, "type t struct{}\nfunc (*t) M() {}\ntype T struct{ t }" + f, "major"},
		"anonymous struct":                    {"func Do() struct{ A int } { panic(0) }", "func Do() struct{ B int } { panic(0) }", "major"},
		"anonymous struct, one more":          {"func Do() struct{ A int } { panic(0) }", "func Do() struct{ A, B int } { panic(0) }", "major"},

		"method made the pointer's": {"type T struct{}\nfunc (T) M() {}" + f, "type T struct{}\nfunc (*T) M() {}" + f, "major"},
		"method made the value's":   {"type T struct{}\nfunc (*T) M() {}" + f, "type T struct{}\nfunc (T) M() {}" + f, "minor"},

		"interface split":                    {"type T interface{ A(); B() }" + f, "type J interface{ B() }\ntype T interface{ A(); J }" + f, ""},
		"interface embeds more":              {"type T interface{ A() }" + f, "type J interface{ B() }\ntype T interface{ A(); J }" + f, "major"},
		"embedded interface has more":        {"type j interface{ A() }\ntype T interface{ j }" + f, "type j interface{ A(); B() }\ntype T interface{ j }" + f, "major"},
		"interface sealed":                   {"type T interface{ A() }" + f, "type T interface{ A(); b() }" + f, "major"},
		"interface opened":                   {"type T interface{ A(); b() }" + f, "type T interface{ A() }" + f, "minor"},
		"sealed interface has more":          {"type T interface{ A(); b() }" + f, "type T interface{ A(); B(); b() }" + f, "minor"},
		"interface sealed by what it embeds": {"type T interface{ A() }" + f, "type j interface{ b() }\ntype T interface{ A(); j }" + f, "major"},

		"array length by a constant":      {"const N = 3\nfunc Do() [N]int { panic(0) }", "const N = 4\nfunc Do() [N]int { panic(0) }", "major"},
		"array length written out":        {"const N = 3\nfunc Do() [N]int { panic(0) }", "func Do() [3]int { panic(0) }", ""},
		"constant of a type gone":         {"type T int\nconst (A T = iota; B)" + f, "type T int\nconst (A T = iota)" + f, "major"},
		"constant of a type new":          {"type T int\nconst (A T = iota; B)" + f, "type T int\nconst (A T = iota; B; C)" + f, "minor"},
		"constants of a type in between":  {"type T int\nconst (A T = iota; B)" + f, "type T int\nconst (A T = iota; X; B)" + f, "major"},
		"constant by a conversion":        {"type T string\nconst A = T(\"a\")" + f, "type T string\nconst A = T(\"b\")" + f, "major"},
		"constant that callers never see": {"type T int\nconst a T = 1" + f, "type T int\nconst a T = 2" + f, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const spec = "---\nname: do\nkind: function\nlang: go\ndomain: a\nversion: 1.2.3\n---\n"
			testtree.Put(t, dir, "go.mod", "module example.org/m\n")
			testtree.Put(t, dir, "a/do.md", spec)
			testtree.Put(t, dir, "a/do.go", "package a\n\n"+tc.now+"\n")
			before := map[string]string{"a/do.md": spec, "a/do.go": "package a\n\n" + tc.before + "\n"}
			_, findings := run(t, dir, Options{Rules: []string{"version"}, Since: &Since{Revision: "v1", File: func(_ int, name string) ([]byte, bool) {
				text, ok := before[name]
				return []byte(text), ok
			}}})
			got := ""
			for _, f := range findings {
				got += f.Message
			}
			if tc.want == "" && got != "" || tc.want != "" && !strings.HasPrefix(got, "a "+tc.want+" change") {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}
