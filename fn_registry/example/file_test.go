package example

import (
	"go/token"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestSnippet_Parse: the form in which a snippet is valid Go, and the packages
// that it uses without an import.
func TestSnippet_Parse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"package p\n\nvar x = a.B":                         "file: a",
		"// A comment.\n\n  // One more.\n\tpackage p\n":   "file: ",
		"// package p\nvar x = a.B":                        "declarations: a",
		"x := 1\npackage.Do()":                             "error",
		"":                                                 "declarations: ",
		"// Nothing but a comment.":                        "declarations: ",
		"import \"os\"\nvar x = os.Args":                   "declarations: ",
		"import o \"os\"\nvar x = o.Args\nvar y = os.Args": "declarations: os",
		"import \"example.org/go-odd\"\nvar x = odd.A":     "declarations: ",
		"a.B()\nb.C(a.D, z.E())":                           "statements: a b z",
		"a := b.C()\na.D()":                                "statements: b",
		"if a.B() { return }":                              "statements: a",
		"return a.B()":                                     "statements with a result: a",
		"f := func() error { return a.B() }":               "statements: a",
		"f := func() error { return a.B() }\nreturn f()":   "statements with a result: a",
		"if a.B() {\n\treturn c.D\n}\nreturn nil":          "statements with a result: a c",
		"return a.B(), nil":                                "statements: a",
		"func run() error { return a.B() }":                "declarations: a",
		"{":                                                "error",
		"type T struct{ a.B }\nfunc (t T) m() { t.c.d() }": "declarations: a",
		"ctx, cancel := context.WithCancel(ctx)\ncancel()": "statements: ",
	} {
		s := snippet{text: text, unit: &catalog.Unit{File: "x.md"}}
		f, err := s.parse(token.NewFileSet(), []string{`"context"`})
		got := "error"
		if err == nil {
			form := "file"
			switch {
			case isFile(text):
			case f.head > len(`package example;import "context";`) && returnsValue(text):
				form = "statements with a result"
			case f.head > len(`package example;import "context";`):
				form = "statements"
			default:
				form = "declarations"
			}
			got = form + ": " + strings.Join(f.qualifiers(), " ")
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestImportFor: the package that a name refers to in an example: the unit's
// own, one that its file imports, the standard library's, else one with units.
func TestImportFor(t *testing.T) {
	t.Parallel()
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{testtree.New(t, strings.Replace(head, "import \"time\"", "import (\n\t\"time\"\n\n\t\"example.org/far/go-odd\"\n\t\"example.org/m/other\"\n)\n\nvar _, _ = odd.A, strange.B", 1)+
		"-- fn_registry.yaml --\nversion: 1\nunits: [core, more]\n-- other/other.go --\npackage strange\n\nvar B int\n-- more/more.go --\npackage more\n-- loose/loose.go --\npackage loose\n")}})
	if err != nil {
		t.Fatal(err)
	}
	standard, err := standardPackages()
	if err != nil {
		t.Fatal(err)
	}
	b := &batch{catalog: c}
	for name, want := range map[string]string{
		"core": "example.org/m/core", "odd": "example.org/far/go-odd", "strange": "example.org/m/other", "other": "", "time": "time", "json": "encoding/json", "rand": "math/rand/v2",
		"more": "example.org/m/more", "loose": "", "nothing": "",
	} {
		if got := b.importFor(c.Unit("add_go_core"), name, standard); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
