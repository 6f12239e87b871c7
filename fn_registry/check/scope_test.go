package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestScope_Property: units and cycles found from the touched files are those
// that a full scan finds.
func TestScope_Property(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			c, _ := run(t, testtree.New(t, randomTree(r)), Options{})
			only := randomFiles(r, c)
			s := newScope(c, only)
			if got, want := unitFiles(s.units()), unitFiles(everyUnit(c, only)); !slices.Equal(got, want) {
				t.Errorf("touched %v\n got %v\nwant %v", only, got, want)
			}
			var got, want []string
			for _, group := range c.Cycles(s.ownUnits()) {
				if slices.ContainsFunc(group, s.owns) {
					got = append(got, strings.Join(unitFiles(group), " "))
				}
			}
			for _, group := range c.Cycles(c.Units) {
				if slices.ContainsFunc(group, s.owns) {
					want = append(want, strings.Join(unitFiles(group), " "))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("touched %v: cycles\n got %v\nwant %v", only, got, want)
			}
		})
	}
}

// everyUnit defines the meaning of scope.units, by examining every folder, file
// and unit.
func everyUnit(c *catalog.Catalog, only map[string]bool) []*catalog.Unit {
	within := func(d *catalog.Dir, name string) bool { return dirOf(name) == d.Path }
	exists := func(d *catalog.Dir, name string) bool {
		return slices.Contains(d.FileNames(), strings.TrimPrefix(name, d.Path+"/"))
	}
	picked := map[*catalog.Unit]bool{}
	for _, u := range c.Units {
		for name := range only {
			mine := name == u.File || u.Code != nil && (name == u.Code.File || name == u.Code.TestFile)
			shared := !slices.ContainsFunc(u.Dir.Units, func(v *catalog.Unit) bool {
				return name == v.File || v.Code != nil && (name == v.Code.File || name == v.Code.TestFile)
			})
			isGo, isSpec := strings.HasSuffix(name, ".go"), strings.HasSuffix(name, ".md")
			if mine || within(u.Dir, name) && (shared && isGo || isSpec && !exists(u.Dir, name)) {
				picked[u] = true
			}
		}
		if u.IsApp() {
			for _, d := range c.AppPackages(u) {
				for name := range only {
					picked[u] = picked[u] || within(d, name) && exists(d, name)
				}
			}
		}
	}
	var all []*catalog.Unit
	for _, u := range c.Units {
		if picked[u] || slices.ContainsFunc(c.Dependencies(u), func(r catalog.Reached) bool { return picked[r.Unit] }) {
			all = append(all, u)
		}
	}
	return all
}

func dirOf(name string) string { return name[:strings.LastIndexByte(name, '/')] }

func unitFiles(units []*catalog.Unit) []string {
	var files []string
	for _, u := range units {
		files = append(files, u.File)
	}
	return files
}

// randomTree has packages of functions that call each other, three units in one
// file, helpers without an owner, specs whose code is missing, and programs of
// one or two folders.
func randomTree(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("-- go.mod --\nmodule example.org/m\n")
	names := strings.Fields("one two three four five six seven eight")
	calls := func() string {
		return "one.F" + names[r.IntN(len(names))] + "(); two.F" + names[r.IntN(len(names))] + "(); help()"
	}
	for i, name := range names {
		pkg := []string{"one", "two"}[i%2]
		other := []string{"two", "one"}[i%2]
		if r.IntN(6) > 0 {
			body := strings.ReplaceAll(calls(), pkg+".", "")
			fmt.Fprintf(&b, "-- %s/f%s.go --\npackage %s\nimport \"example.org/m/%s\"\nfunc F%s() { %s }\n", pkg, name, pkg, other, name, body)
		}
		if r.IntN(6) > 0 {
			fmt.Fprintf(&b, "-- %s/f%s.md --\n---\nname: f%s\nkind: function\nlang: go\ndomain: %s\nuses_functions: [f%s_go_%s]\n---\n", pkg, name, name, pkg, names[r.IntN(len(names))], other)
		}
		if r.IntN(3) > 0 {
			fmt.Fprintf(&b, "-- %s/f%s_test.go --\npackage %s\n", pkg, name, pkg)
		}
	}
	fmt.Fprintf(&b, "-- one/help.go --\npackage one\nfunc help() { Ftwo() }\n-- two/help.go --\npackage two\nfunc help() {}\n-- two/notes.md --\n# notes\n")
	b.WriteString("-- one/pair.go --\npackage one\nfunc Fleft() {}\nfunc Fmiddle() { Fone() }\nfunc Fright() { Fleft() }\n")
	for _, name := range strings.Fields("fleft fmiddle fright") {
		fmt.Fprintf(&b, "-- one/%s.md --\n---\nname: %s\nkind: function\nlang: go\ndomain: one\n---\n", name, name)
	}
	for _, app := range []string{"apps/a", "apps/a/b", "apps/c"} {
		fmt.Fprintf(&b, "-- %s/main.go --\npackage main\nimport (\"example.org/m/one\"; \"example.org/m/two\")\nfunc main() { %s }\n", app, calls())
		if r.IntN(3) > 0 {
			fmt.Fprintf(&b, "-- %s/app.md --\n---\nname: %s\nkind: app\nlang: go\ndomain: apps\n---\n", app, strings.ReplaceAll(app, "/", "_"))
		}
	}
	return b.String()
}

// randomFiles names some existing files, and some that don't exist.
func randomFiles(r *rand.Rand, c *catalog.Catalog) map[string]bool {
	only := map[string]bool{}
	for range 1 + r.IntN(4) {
		d := c.Dirs[r.IntN(len(c.Dirs))]
		name := d.FileNames()[r.IntN(len(d.FileNames()))]
		if r.IntN(4) == 0 {
			name = "gone_" + name
		}
		if d.Path != "." {
			only[d.Path+"/"+name] = true
		}
	}
	return only
}

// TestScope_WholeFolders: the units that a change concerns beyond those whose
// files it touches, in ID order.
func TestScope_WholeFolders(t *testing.T) {
	t.Parallel()
	unit := func(name string) string {
		return "-- a/" + name + ".md --\n---\nname: " + name + "\nkind: function\nlang: go\ndomain: a\n---\n"
	}
	c, _ := run(t, testtree.New(t, "-- fn_registry.yaml --\nversion: 1\nunits: [a, b]\n-- go.mod --\nmodule example.org/m\n"+
		"-- a/one.go --\npackage a\n\nfunc One() { help() }\n-- a/two.go --\npackage a\n\nfunc Two() { One() }\n-- a/help.go --\npackage a\n\nfunc help() {}\n\nfunc Loose() {}\n"+
		unit("one")+unit("two")+"-- a/notes.txt --\nx\n-- b/three.go --\npackage b\n\nfunc Three() {}\n"+
		"-- b/three.md --\n---\nname: three\nkind: function\nlang: go\ndomain: b\n---\n-- b/page.md --\n# A page\n"), Options{})
	for touched, want := range map[string]string{
		"a/one.go": "a/one.md a/two.md", "a/one.md": "a/one.md a/two.md", "a/two.go": "a/two.md", "a/help.go": "a/one.md a/two.md", "a/gone.go": "a/one.md a/two.md", "a/gone.md": "a/one.md a/two.md",
		"a/notes.txt": "", "b/three.go": "b/three.md", "b/page.md": "", "fn_registry.yaml": "a/one.md b/three.md a/two.md", "c/x.go": "", "a/one_test.go": "a/one.md a/two.md",
		"a/two.md b/three.md": "b/three.md a/two.md",
	} {
		only := map[string]bool{}
		for _, name := range strings.Fields(touched) {
			only[name] = true
		}
		if got := strings.Join(unitFiles(InScope(c, only)), " "); got != want {
			t.Errorf("%s: %q, want %q", touched, got, want)
		}
	}
	for touched, want := range map[string]string{"a/help.go": "a/help.go", "a/one.go": "", "a/gone.md": "a/help.go", "a/one.md": "", "b/gone.md": "", "fn_registry.yaml": "a/help.go"} {
		found, err := Run(
			t.Context(),
			c,
			Options{Rules: []string{"spec-missing"}, Only: map[string]bool{touched: true}},
		)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, f := range found {
			files = append(files, f.File)
		}
		if got := strings.Join(files, " "); got != want {
			t.Errorf("%s: spec-missing in %q, want %q", touched, got, want)
		}
	}
}
