package source

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSurfaces: what callers see of a declaration, by meaning, and the types of
// its own package that it refers to.
func TestSurfaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want, types string }{
		"function":                         {"func F(a, b int, c other) (n int, err error)", "signature: (int, int, other) (int, error)", "other"},
		"one named result":                 {"func F() (err error)", "signature: () error", ""},
		"packages":                         {"import clock \"time\"\nfunc F(t clock.Time, x y.Z) {}", "signature: (time.Time, y.Z)", "y"},
		"type parameters":                  {"func F[K comparable, V any](m map[K]V) V", "signature: [comparable, any](map[$0]$1) $1", ""},
		"type once":                        {"func F(a T, b []T, c *T, d U)", "signature: (T, []T, *T, U)", "T U"},
		"struct":                           {"type F struct { A, B int; c hidden; *D; e.G }", "type: struct\nfield A: int\nfield B: int\nfield D: *D\nfield G: e.G\ncomparison: ", "D e"},
		"generic type":                     {"type F[K comparable, V any] struct { M map[K]V }", "type parameters: [comparable, any]\ntype: struct\nfield M: map[$0]$1", ""},
		"generic methods":                  {"func (f *F[K, V]) Get(k K) (v V, ok bool)\nfunc (f F[X]) Put(X)", "method Get: ($0) ($1, bool), pointer\nmethod Put: ($0)", ""},
		"hidden method":                    {"func (f F) get() int\nfunc (F) Get() int", "method Get: () int", ""},
		"open interface":                   {"type F interface { A(x int) error; io.Reader }", "type: interface\nmethod A: func(int) error, wanted\nelement io.Reader: , wanted", "io"},
		"sealed interface":                 {"type F interface { A(); b() }", "type: interface\nmethod A: func()\nsealed: ", ""},
		"constraint":                       {"type F interface { ~int | ~string }", "type: interface\nelement ~int | ~string: , wanted", ""},
		"defined":                          {"type F map[string]T", "type: map[string]T", "T"},
		"alias":                            {"type F = T", "type: = T", "T"},
		"generic defined":                  {"type F[T any] func(T) (T, error)", "type parameters: [any]\ntype: func($0) ($0, error)", ""},
		"channels":                         {"type F struct { A chan<- int; B <-chan int; C chan (<-chan int); D chan <-chan int; E chan (chan<- int) }", "type: struct\nfield A: chan<- int\nfield B: <-chan int\nfield C: chan (<-chan int)\nfield D: chan<- chan int\nfield E: chan chan<- int\ncomparison: ", ""},
		"arrays of what can't be compared": {"type F struct { A [2][3][]int }", "type: struct\nfield A: [2][3][]int", ""},
		"arrays of what can be":            {"type F struct { A [2][3]int; B *[]int; C chan []int }", "type: struct\nfield A: [2][3]int\nfield B: *[]int\nfield C: chan []int\ncomparison: ", ""},
		"maps, functions and their like":   {"type F struct { A struct { f func() } }", "type: struct\nfield A: struct{ f func() }", ""},
		"inline members":                   {"type F struct { A struct { X, Y int \"tag\" }; B interface { M(a int) error } }", "type: struct\nfield A: struct{ X int \"tag\"; Y int \"tag\" }\nfield B: interface{ M(int) error }\ncomparison: ", ""},
		"another name, same":               {"func F[Q any](x Q) []Q\n", "signature: [any]($0) []$0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := Package{}
			err := all.Add("f.go", []byte("package p\n"+c.src))
			all.Resolve()
			if err != nil || len(all) != 1 || all["F"] == nil {
				t.Fatalf("%v, %v", all, err)
			}
			var got []string
			for _, p := range all["F"].Parts {
				line := p.Name + ": " + p.Text
				if p.Wanted {
					line += ", wanted"
				}
				if p.Pointer {
					line += ", pointer"
				}
				got = append(got, line)
			}
			if text := strings.Join(got, "\n"); text != c.want {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
			if types := strings.Join(all["F"].Types, " "); types != c.types {
				t.Errorf("types %q, want %q", types, c.types)
			}
		})
	}
	if err := (Package{}).Add("f.go", []byte("package p\nfunc F( {")); err == nil {
		t.Error("a file that does not parse has surfaces")
	}
}

// TestParse_Constraint: only a line above the package clause is a constraint.
func TestParse_Constraint(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"//go:build linux && !race\n\npackage p\n":               "linux && !race",
		"// A comment.\n\n//go:build a\n//go:build b\npackage p": "a",
		"package p\n\n//go:build late\nvar x int\n":              "",
		"// The text names go:build linux.\npackage p\n":         "",
	} {
		if got := parse(t, "f.go", src).Constraint; got != want {
			t.Errorf("%q: %q, want %q", src, got, want)
		}
	}
}

// TestParse_Values: the type of a variable, if its declaration shows it.
func TestParse_Values(t *testing.T) {
	t.Parallel()
	f := parse(t, "f.go", `package p
var typed, second map[string]int
var literal = Config{}
var address = &Config{}
var paren = (&(Config{}))
var negative = -1
var deref = *Config{}
var made = make(chan int, 1)
var fresh = new([]byte)
var called = open(1)
var empty = make()
var both, other = Config{}, []int{}
var unpacked, err = Config{}
const c = 1
`)
	want := map[string]string{
		"typed": "map[string]int", "second": "map[string]int", "literal": "Config", "address": "*Config", "paren": "*Config", "made": "chan int", "fresh": "*[]byte",
		"both": "Config", "other": "[]int", "negative": "", "deref": "", "called": "", "empty": "", "unpacked": "", "err": "", "c": "",
	}
	for _, d := range f.Decls {
		got := ""
		if len(d.Fields) > 0 {
			got = d.Fields[0].Type
		}
		if w, ok := want[d.Name]; !ok || got != w || (d.Kind == Const) != (d.Name == "c") {
			t.Errorf("%s: %q, want %q; kind %v", d.Name, got, w, d.Kind)
		}
		delete(want, d.Name)
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}

// TestParse_Places: the positions of declarations, fields and imports, and the
// names of receivers and embedded types.
func TestParse_Places(t *testing.T) {
	t.Parallel()
	f := parse(t, "f.go", "package p\n\nimport (\n\tx \"a/b\"\n\t\"c\"\n)\n\ntype T struct {\n\tA, B int\n\t*q.E[int]\n}\n\nfunc (t *T[K, V]) M(n int) {}\n\nfunc (t (T)) N() {}\n")
	if want := []Import{{Path: "a/b", Name: "x", Pos: Pos{4, 4}}, {Path: "c", Pos: Pos{5, 2}}}; !slices.Equal(f.Imports, want) {
		t.Errorf("imports %+v", f.Imports)
	}
	typ := decl(t, f, "T")
	if typ.Pos != (Pos{8, 6}) || !typ.Struct || typ.Alias || len(typ.Fields) != 3 || typ.Fields[1].Name != "B" || typ.Fields[1].Pos != (Pos{9, 5}) {
		t.Errorf("%+v", typ)
	}
	if e := typ.Fields[2]; !e.Embedded || e.Type != "*q.E[int]" || e.Pos != (Pos{10, 2}) {
		t.Errorf("embedded %+v", e)
	}
	for name, receiver := range map[string]string{"M": "*T[K, V]", "N": "(T)"} {
		if d := decl(t, f, name); d.Kind != Method || d.Recv != "T" || d.Receiver != receiver {
			t.Errorf("%s: %v %q %q", name, d.Kind, d.Recv, d.Receiver)
		}
	}
}

// TestParse_Skips: a test that begins by skipping, with any of the methods,
// tests nothing.
func TestParse_Skips(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"t.Skip()": true, "t.Skipf(\"%d\", 1)": true, "t.SkipNow()": true, "": false, "Skip()": false, "x := t.Skip": false, "t.Log(1); t.Skip()": false, "<-ready": false,
		"if short { t.Skip() }": false, "t.Helper()": false,
	} {
		f := parse(t, "f_test.go", "package p\nimport \"testing\"\nfunc TestX(t *testing.T) { "+body+" }\n")
		if len(f.Tests) != 1 || f.Tests[0].Skips != want {
			t.Errorf("%q: %+v", body, f.Tests)
		}
	}
}

// TestParse_Subtests: the names that syntax shows, in tables of every form.
func TestParse_Subtests(t *testing.T) {
	t.Parallel()
	const each = "for _, c := range cases { t.Run(c.name, func(t *testing.T) {}) }"
	for src, want := range map[string]string{
		"type row struct { in int; name string }\nfunc TestX(t *testing.T) { cases := []row{{1, \"one\"}, {2, \"two\"}}; " + each + " }":                                          "one|two",
		"func TestX(t *testing.T) { cases := []struct { a, b int; name string }{{1, 2, \"three\"}}; " + each + " }":                                                               "three",
		"func TestX(t *testing.T) { cases := []struct { in, name string }{{name: \"keyed\", in: \"not\"}, {in: \"none\"}}; " + each + " }":                                        "keyed",
		"func TestX(t *testing.T) { cases := map[string]struct { name string }{\"key\": {name: \"value\"}}; " + each + " }":                                                       "value",
		"func TestX(t *testing.T) { cases := [2]unknown{{\"a\"}, {name: \"b\"}}; " + each + " }":                                                                                  "b",
		"func TestX(t *testing.T) { for _, name := range []string{\"a\", \"b\"} { t.Run(name, func(t *testing.T) {}) } }":                                                         "a|b",
		"func TestX(t *testing.T) { t.Run(`raw`, func(t *testing.T) {}); t.Run(\"f\", helper); t.Run(1, func(t *testing.T) {}); t.Run(\"a\"); t.Go(\"b\", func(t *T) {}) }":       "raw",
		"var names = []string{\"far\"}\nfunc TestX(t *testing.T) { for _, n := range names { t.Run(n, func(t *testing.T) {}) } }":                                                 "far",
		"var names = []string{\"far\"}\nfunc TestX(t *testing.T) { names := load(); for _, n := range names { t.Run(n, func(t *testing.T) {}) } }":                                "",
		"func TestX(t *testing.T) { cases := []struct { name string }{{\"a\"}}; helper(func() { _ = []struct { name string }{{\"b\"}} }); " + each + " }":                         "a",
		"func TestX(t *testing.T) { t.Run(\"outer\", func(t *testing.T) { t.Run(\"inner\", func(t *testing.T) {}) }); t.Run(\"next\", func(t *testing.T) {}) }\nfunc helper() {}": "outer|next",
	} {
		f := parse(t, "f_test.go", "package p\n"+src+"\n")
		if len(f.Tests) != 1 || strings.Join(f.Tests[0].Subtests, "|") != want {
			t.Errorf("%s\n got %+v, want %s", src, f.Tests, want)
		}
	}
}

// TestParse_TestNames: what the go command runs, and nothing else.
func TestParse_TestNames(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]bool{
		"func Test(t *testing.T) {}": true, "func Test_x(t *testing.T) {}": true, "func Test1(t *testing.T) {}": true, "func TestÉté(t *testing.T) {}": true,
		"func Testa(t *testing.T) {}": false, "func Testz(t *testing.T) {}": false, "func TestMain(m *testing.M) {}": false, "func TestX()": false,
		"func TestX(t testing.T) {}": false, "func TestX(t *T) {}": false, "func TestX(t, u *testing.T) {}": false, "func Testé(t *testing.T) {}": false, "func TestX(t *testing.T, n int) {}": false,
		"func TestX(t *testing.TB) {}": false, "func (s S) TestX(t *testing.T) {}": false, "func ExampleX() {}": true, "func ExampleX(n int) {}": false,
		"func FuzzX(f *testing.F) {}": true, "func BenchmarkX(b *testing.B) {}": true, "func MustX(t *testing.T) {}": false,
	} {
		if got := len(parse(t, "f_test.go", "package p\n"+src+"\n").Tests) == 1; got != want {
			t.Errorf("%s: %v", src, got)
		}
		if len(parse(t, "f.go", "package p\n"+src+"\n").Tests) > 0 {
			t.Errorf("%s is a test in a file that holds none", src)
		}
	}
}

// TestPackage_Resolve: what a type gets from embedded types, and what names of
// the package stand for, whatever the order of the declarations.
func TestPackage_Resolve(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want, types string }{
		"fields and methods": {"type F struct { in; Own int }\ntype in struct { A int; own int }\nfunc (in) M()\nfunc (*in) P()",
			"type: struct|field Own: int|field A: int|method M: ()|method P: (), pointer|comparison: ", ""},
		"by pointer":         {"type F struct { *In }\ntype In struct { A int }\nfunc (*In) P()", "type: struct|field In: *In|field A: int|method P: ()|comparison: ", "In"},
		"pointer above":      {"type F struct { *In }\ntype In struct { deep }\ntype deep struct{}\nfunc (*deep) P()", "type: struct|field In: *In|method P: ()|comparison: ", "In"},
		"the outer wins":     {"type F struct { in; A int }\ntype in struct { A string; deep }\ntype deep struct { A bool; B bool }", "type: struct|field A: int|field B: bool|comparison: ", ""},
		"generic":            {"type F struct { in[int] }\ntype in[T any] struct { A int }", "type: struct|field A: int|comparison: ", ""},
		"several parameters": {"type F struct { In[int, string] }\ntype In[K, V any] struct { A int }", "type: struct|field In: In[int, string]|comparison: ", "In"},
		"not the package's":  {"type F struct { other.X; in }\ntype in struct { A int }", "type: struct|field X: other.X|field A: int|comparison: ", "other"},
		"unknown, then one":  {"type F struct { gone; in }\ntype in struct { A int }", "type: struct|field A: int|comparison: ", ""},
		"in a circle":        {"type F struct { *a; B int }\ntype a struct { *b }\ntype b struct { *a; *F; C int }", "type: struct|field B: int|field F: *F|field C: int|comparison: ", "F"},
		"not comparable":     {"type F struct { a }\ntype a struct { b [2]c }\ntype c map[int]int", "type: struct", ""},
		"comparable":         {"type F struct { a *c; b chan c }\ntype c map[int]int", "type: struct|comparison: ", ""},
		"a function inside":  {"type F struct { a c }\ntype c func()", "type: struct", ""},
		"a slice by alias":   {"type F struct { a c }\ntype c = []int", "type: struct", ""},
		"interfaces":         {"type F interface { In; B() }\ntype In interface { A(); c() }", "type: interface|method B: func()|method A: func()|sealed: ", "In"},
		"open interfaces":    {"type F interface { in }\ntype in interface { A() }", "type: interface|method A: func(), wanted", ""},
		"alias of an alias":  {"func F(a A) B\ntype A = B\ntype B = map[string]C\ntype C struct{}", "signature: (map[string]C) map[string]C", "A B C"},
		"length by constant": {"func F(a [n]int)\nconst n = 4", "signature: ([4]int)", ""},
		"constants of a type": {"type F int\nconst A, B F = iota, 5\nconst (\n\tC F = iota\n\tD\n\te\n)\nconst G = F(7)\nconst H = 8\nconst I, J = F(1)\nvar K F = 3",
			"type: int|constant A: iota of 0|constant B: 5|constant C: iota of 0|constant D: iota of 1|constant G: F(7)|constant I: F(1)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := Package{}
			if err := all.Add("f.go", []byte("package p\n"+c.src)); err != nil {
				t.Fatal(err)
			}
			all.Resolve()
			var got []string
			for _, p := range all["F"].Parts {
				line := p.Name + ": " + p.Text
				if p.Wanted {
					line += ", wanted"
				}
				if p.Pointer {
					line += ", pointer"
				}
				got = append(got, line)
			}
			if text := strings.Join(got, "|"); text != c.want {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
			if types := strings.Join(all["F"].Types, " "); types != c.types {
				t.Errorf("types %q, want %q", types, c.types)
			}
		})
	}
}

// TestParse_HalfTyped: code that does not compile is still read.
func TestParse_HalfTyped(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"import _ \"unsafe\"\n//go:linkname \nfunc F()", "func F() { delete(); append(); clear(); copy(); close(); uintptr(); print() }",
		"func F() { x := 1; x() }", "func F(", "import \"a b\"", "const A", "const A int",
	} {
		_, err := Parse("f.go", []byte("package p\n"+src))
		if e, ok := err.(*Error); err != nil && (!ok || e.Pos.Line < 1 || e.Pos.Column < 1 || e.Message == "") {
			t.Errorf("%q: %#v", src, err)
		}
	}
}

// TestParse_ErrorPlaces: the position of the first syntax error, even with a
// line directive without a column.
func TestParse_ErrorPlaces(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]Pos{"x": {1, 1}, "package p\n\nfunc {": {3, 6}, "package p\n//line other.go:7\nfunc {": {7, 1}, "": {1, 1}} {
		_, err := Parse("f.go", []byte(src))
		if e, ok := err.(*Error); !ok || e.Pos != want {
			t.Errorf("%q: %#v, want it at %v", src, err, want)
		}
	}
}

// TestParse_ManyRefsTwice: a declaration with many names lists all of them,
// each once, whatever the previous one names.
func TestParse_ManyRefsTwice(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 31, 32, 33, 34, 80} {
		var body strings.Builder
		var want []string
		for i := range n {
			fmt.Fprintf(&body, "t%02d(); q.T%02d(); t%02d(); ", i, i, i)
			want = append(want, fmt.Sprintf("t%02d", i), fmt.Sprintf("example.org/q.T%02d", i))
		}
		slices.Sort(want)
		f := parse(
			t,
			"f.go",
			"package p\n\nimport \"example.org/q\"\n\nfunc A() { "+body.String()+"}\n\nfunc B() { "+body.String()+"}\n",
		)
		for _, name := range []string{"A", "B"} {
			if got := refs(decl(t, f, name).Refs); !slices.Equal(got, want) {
				t.Errorf("%d names: %s has %q", n, name, got)
			}
		}
	}
}
