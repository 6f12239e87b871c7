package catalog

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

func specOf(name, more string) string {
	return "-- f/" + name + ".md --\n---\nname: " + name + "\nkind: function\nlang: go\ndomain: f\n" + more + "---\n"
}

// TestLoad_WhichSymbol: of symbols that differ only in case, a spec describes
// the one that its signature names, else the one in the file next to it, else
// the first.
func TestLoad_WhichSymbol(t *testing.T) {
	t.Parallel()
	const code = "-- f/a_a.go --\npackage f\n\nfunc Ab() {}\n-- f/a_b.go --\npackage f\n\nfunc AB() {}\n\ntype Ab_ struct{}\n\nfunc (Ab_) Ab() {}\n-- f/z.go --\npackage f\n\nfunc ABX() {}\n"
	for name, c := range map[string]struct{ spec, want string }{
		"beside":           {specOf("a_b", ""), "AB f/a_b.go"},
		"by its signature": {specOf("a_b", "signature: func Ab()\n"), "Ab f/a_a.go"},
		"of a longer name": {specOf("a_b", "signature: func ABX()\n"), "AB f/a_b.go"},
		"of another name":  {specOf("a_b", "signature: func A()\n"), "AB f/a_b.go"},
		"nothing beside":   {specOf("ab", ""), "Ab f/a_a.go"},
		"a signature more": {specOf("ab", "signature: func AB()\n"), "AB f/a_b.go"},
		"a type":           {"-- f/ab_.md --\n---\nname: ab\nkind: type\nlang: go\ndomain: f\n---\n", "Ab_ f/a_b.go"},
		"of no symbol":     {specOf("abc", ""), ""},
	} {
		c2, _ := load(t, Options{Roots: []string{testtree.New(t, "-- go.mod --\nmodule example.org/m\n-- fn_registry.yaml --\nversion: 1\nunits: [f]\n"+code+c.spec)}})
		got := ""
		if u := c2.Units[0]; u.Code != nil {
			got = u.Code.Symbol + " " + u.Code.File
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestLoad_LeavesOut: files and folders that neither Go nor the registry reads.
func TestLoad_LeavesOut(t *testing.T) {
	t.Parallel()
	tree := "-- go.mod --\nmodule example.org/m\n-- fn_registry.yaml --\nversion: 1\nunits: [f]\n-- f/one.go --\npackage f\n\nfunc One() {}\n-- f/notes.txt --\nfunc {\n-- f/go --\nfunc {\n-- f/md --\n---\n" + specOf("one", "")
	for _, name := range []string{".x.go", "_x.go", ".h/x.go", "_h/x.go", "testdata/x.go", "vendor/x.go", "node_modules/x.go"} {
		tree += "-- f/" + name + " --\nfunc {\n"
	}
	for _, name := range []string{".x.md", "_x.md", ".h/x.md", "testdata/x.md"} {
		tree += "-- f/" + name + " --\n---\nname: x\nkind: function\n---\n"
	}
	c, _ := load(t, Options{Roots: []string{testtree.New(t, tree)}})
	var files []string
	for _, d := range c.Dirs {
		for _, f := range d.Faults {
			t.Errorf("%s: %s", f.File, f.Message)
		}
		for _, name := range d.FileNames() {
			files = append(files, d.Path+"/"+name)
		}
	}
	if want := []string{"f/one.go", "f/one.md"}; !slices.Equal(files, want) || ids(c.Units) != "one_go_f" {
		t.Errorf("read %q, units %s", files, ids(c.Units))
	}
}

// TestCatalog_CyclesOnce: a cycle is found once, wherever the search starts,
// and a type with its functions is not a cycle.
func TestCatalog_CyclesOnce(t *testing.T) {
	t.Parallel()
	dir := testtree.New(t, "-- go.mod --\nmodule example.org/m\n-- fn_registry.yaml --\nversion: 1\nunits: [f]\n"+
		"-- f/f.go --\npackage f\n\nfunc A() { B() }\nfunc B() { A(); C() }\nfunc C() {}\nfunc D() { D2() }\nfunc D2() { D() }\n\ntype T struct{ U *U }\ntype U struct{ T *T }\n\nfunc New() *T { return nil }\nfunc (*T) M() { New() }\n"+
		specOf("a", "")+specOf("b", "")+specOf("c", "")+specOf("d", "")+specOf("d2", "")+specOf("new", "")+
		"-- f/t.md --\n---\nname: t\nkind: type\nlang: go\ndomain: f\n---\n-- f/u.md --\n---\nname: u\nkind: type\nlang: go\ndomain: f\n---\n")
	c, _ := load(t, Options{Roots: []string{dir}})
	for from, want := range map[string]string{
		"a": "a_go_f b_go_f", "b": "a_go_f b_go_f", "a b a": "a_go_f b_go_f", "c": "", "d a": "d2_go_f d_go_f|a_go_f b_go_f", "t u new": "", "": "", "u a": "a_go_f b_go_f",
	} {
		var units []*Unit
		for _, name := range strings.Fields(from) {
			units = append(units, c.Unit(name+"_go_f"))
		}
		var got []string
		for _, group := range c.Cycles(units) {
			got = append(got, ids(group))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("from %q: %q, want %q", from, got, want)
		}
	}
}

// TestLoad_Optional: what result lists imply about nil and false.
func TestLoad_Optional(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]string{
		"func One()":                           "No: it returns nothing",
		"func One() bool":                      "Unknown: ",
		"func One() (int, bool)":               "Yes: its last result is a bool that reports whether there is an answer",
		"func One() error":                     "No: it returns nothing but an error",
		"func One() (string, error)":           "No: none of its results can be nil or false",
		"func One() (int, float64)":            "No: none of its results can be nil or false",
		"func One() (time.Duration, error)":    "No: none of its results can be nil or false",
		"func One() (*int, error)":             "Unknown: ",
		"func One() ([]int, error)":            "Unknown: ",
		"func One() (*int, error) !":           "Yes: it returns nil without an error",
		"func One() (any, error) !":            "Yes: it returns nil without an error",
		"func One() (func(), error) !":         "Yes: it returns nil without an error",
		"func One() (interface{ M() }, error)": "Unknown: ",
		"func One() ([]int, error) !":          "Unknown: ",
		"func One() (map[int]int, error) !":    "Unknown: ",
	} {
		head, nilNil := strings.CutSuffix(function, " !")
		body := " { panic(1) }\n"
		if nilNil {
			body = " { return nil, nil }\n"
		}
		c, _ := load(t, Options{Roots: []string{testtree.New(t, "-- go.mod --\nmodule example.org/m\n-- f/one.go --\npackage f\n\nimport \"time\"\n\nvar _ time.Time\n\n"+head+body+specOf("one", ""))}})
		d, ok := c.Derive(c.Unit("one_go_f"))
		got := map[Tri]string{Unknown: "Unknown", Yes: "Yes", No: "No"}[d.Optional] + ": " + d.OptionalReason
		if !ok || got != want {
			t.Errorf("%s: %s, want %s", function, got, want)
		}
	}
}
