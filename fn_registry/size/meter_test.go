package size

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/fn_registry/size/ledger"
)

// weights is a repository whose units weigh as much as their embedded files: a
// linked megabyte makes the binary a megabyte larger.
const weightsTree = `-- go.mod --
module acme.example/weights

go 1.26
-- box/box.go --
// Package box has units of known weights.
package box

import (
	_ "embed"
	"unsafe"

	"acme.example/weights/box/internal/deep"
)

//go:embed one.bin
var one string

//go:embed two.bin
var two string

//go:embed three.bin
var three string

// BoxOne weighs a megabyte.
func BoxOne(i int) byte { return one[i] }

// BoxTwo weighs another one.
func BoxTwo(i int) byte { return two[i] }

// BoxBoth weighs both.
func BoxBoth(i int) byte { return one[i] + two[i] }

// BoxHandle weighs nothing but by its methods.
type BoxHandle struct{ i int }

// Three weighs a megabyte.
func (h *BoxHandle) Three() byte { return three[h.i] }

// Inner is a type that others embed.
type Inner struct{}

// Two weighs a megabyte, where it is promoted, too.
func (Inner) Two() byte { return two[1] }

// Promoted has its method from Inner.
type Promoted struct{ Inner }

// BoxOpen returns a handle whose methods count.
func BoxOpen() (*BoxHandle, error) { return nil, nil }

// BoxPromoted returns one whose method is promoted.
func BoxPromoted() []Promoted { return nil }

// Number is a constraint.
type Number interface{ ~float32 | ~float64 }

// BoxGeneric needs type arguments.
func BoxGeneric[K comparable, N Number, S ~[]N](k K, n N, s S) byte { return one[len(s)] + byte(unsafe.Sizeof(k)) }

// BoxPair is a generic type.
type BoxPair[K comparable, V any] struct {
	K K
	V V
}

// Two weighs a megabyte.
func (p *BoxPair[K, V]) Two() byte { return two[0] }

// BoxDeep uses a package that nobody else can import.
func BoxDeep() byte { return deep.DeepOne() }
-- box/internal/deep/deep_one.go --
// Package deep is internal.
package deep

// DeepOne weighs next to nothing.
func DeepOne() byte { return 1 }
-- box/tagged.go --
//go:build heavy

package box

// BoxTagged is there with a build tag only.
func BoxTagged() byte { return three[0] }
-- c/c_add.go --
// Package c calls C.
package c

// static int add(int a, int b) { return a + b; }
import "C"

// CAdd adds in C.
func CAdd(a, b int) int { return int(C.add(C.int(a), C.int(b))) }
-- app/main.go --
package main

import "acme.example/weights/box"

func main() { println(box.BoxOne(len("abc"))) }
-- app/app.md --
---
name: app
kind: app
lang: go
domain: apps
binary_mb_max: 3
---
-- app/app_own.go --
package main

// AppOwn lies in a program.
func AppOwn() {}
`

// newWeights writes the repository and the specs of its units.
func newWeights(t *testing.T) string {
	t.Helper()
	dir := testtree.New(t, weightsTree)
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"one", "two", "three"} {
		blob := make([]byte, 1e6)
		for i := range blob {
			blob[i] = byte(random.Uint32())
		}
		if err := os.WriteFile(filepath.Join(dir, "box", name+".bin"), blob, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, more := range map[string]string{
		"box/box_one": "", "box/box_two": "", "box/box_both": "", "box/box_open": "", "box/box_promoted": "", "box/box_generic": "", "box/box_deep": "",
		"box/box_handle": "kind: type", "box/box_pair": "kind: type", "box/box_tagged": "build_tags: [heavy]", "box/internal/deep/deep_one": "", "c/c_add": "", "app/app_own": "",
	} {
		kind := "kind: function\n"
		if strings.HasPrefix(more, "kind") {
			kind = ""
		}
		testtree.Put(t, dir, file+".md", "---\nname: "+filepath.Base(file)+"\n"+kind+more+"\nlang: go\ndomain: box\n---\n")
	}
	return dir
}

// page is how much the size of a file may vary without any real difference.
const page = 4096

// measure measures units by their names against the empty base.
func measure(t *testing.T, dir string, kept ledger.Dir, sets ...string) *Report {
	t.Helper()
	c := loadTree(t, dir)
	var units [][]*catalog.Unit
	for _, set := range sets {
		units = append(units, named(t, c, strings.Fields(set)...))
	}
	report, err := (&Meter{Catalog: c, Ledger: kept}).Measure(t.Context(), Empty, units)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func named(t *testing.T, c *catalog.Catalog, names ...string) (units []*catalog.Unit) {
	t.Helper()
	for _, name := range names {
		i := slices.IndexFunc(c.Units, func(u *catalog.Unit) bool { return u.Spec.Name == name })
		if i < 0 {
			t.Fatalf("no unit %s", name)
		}
		units = append(units, c.Units[i])
	}
	return units
}

func TestMeter(t *testing.T) {
	t.Parallel()
	dir := newWeights(t)
	before := snapshot(t, dir)
	wants := []struct {
		set       string
		megabytes int // that it weighs, and less than half a megabyte more
		cgo       bool
		fails     string
	}{
		{set: "box_one", megabytes: 1},
		{set: "box_both", megabytes: 2},
		{set: "box_one box_two", megabytes: 2},
		{set: "box_one box_both", megabytes: 2}, // what they share counts once
		{set: "box_handle", megabytes: 1},       // its method
		{set: "box_open", megabytes: 1},         // the method of what it returns
		{set: "box_promoted", megabytes: 1},
		{set: "box_generic", megabytes: 1},
		{set: "box_pair", megabytes: 1},
		{set: "box_tagged", megabytes: 1},
		{set: "box_deep", megabytes: 0},
		{set: "deep_one", megabytes: 0},
		{set: "c_add", megabytes: 0, cgo: true},
		{set: "c_add box_one", megabytes: 1, cgo: true},
		{set: "app_own", fails: "in a program's own package"},
		{set: "box_one app", fails: "app_go_apps is a program"},
	}
	var sets []string
	for _, w := range wants {
		sets = append(sets, w.set)
	}
	report := measure(t, dir, "", sets...)
	for i, w := range wants {
		f := report.Figures[i]
		switch {
		case w.fails != "":
			if f.Err == nil || !strings.Contains(f.Err.Error(), w.fails) {
				t.Errorf("%s: error %v, want %q", w.set, f.Err, w.fails)
			}
			continue
		case f.Err != nil:
			t.Errorf("%s: %v", w.set, f.Err)
			continue
		}
		// cgo adds its part of the runtime, which is more than half a megabyte
		slack := int64(500_000)
		if w.cgo {
			slack = 990_000
		}
		if least := int64(w.megabytes)*1e6 - page*int64(min(1, w.megabytes)); f.Added < least || f.Added > least+slack {
			t.Errorf("%s adds %d bytes, want %d MB", w.set, f.Added, w.megabytes)
		}
		if f.Cgo != w.cgo || f.Whole-f.Added != report.Base.Whole || f.Kept {
			t.Errorf("%s: %+v", w.set, f)
		}
	}
	if base := report.Base.Whole; base < 500_000 || base > 3e6 || !strings.HasPrefix(report.Go, "go1.") {
		t.Errorf("the base weighs %d, built by %q", base, report.Go)
	}
	if after := snapshot(t, dir); !slices.Equal(before, after) {
		t.Errorf("files before %v, after %v", before, after)
	}
}

// snapshot lists a tree's files.
func snapshot(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		files = append(files, path+" "+info.ModTime().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestMeter_Kept changes what a figure may depend on: it is measured again if
// and only if the binary could differ.
func TestMeter_Kept(t *testing.T) {
	t.Parallel()
	dir, kept := newWeights(t), ledger.Of(t.TempDir())
	first := measure(t, dir, kept, "box_one").Figures[0]
	for _, tc := range []struct {
		name, file, text string
		kept             bool
	}{
		{"nothing", "", "", true},
		{"a test", "box/box_test.go", "package box\n\nvar more = one\n", true},
		{"the spec's text", "box/box_one.md", "---\nname: box_one\nkind: function\nlang: go\ndomain: box\ndescription: It says more.\n---\n", true},
		{"a package that is not linked", "c/c_sub.go", "package c\n\nfunc CSub() {}\n", true},
		{"an embedded file", "box/one.bin", strings.Repeat("x", 1_500_000), false},
		{"its code", "box/more.go", "package box\n\nfunc init() { println(two) }\n", false},
		{"a package that it links", "box/internal/deep/deep_one.go", "package deep\n\nfunc init() { println(1) }\n\nfunc DeepOne() byte { return 2 }\n", false},
	} {
		if tc.file != "" {
			testtree.Put(t, dir, tc.file, tc.text)
		}
		if f := measure(t, dir, kept, "box_one").Figures[0]; f.Err != nil || f.Kept != tc.kept {
			t.Errorf("%s: kept %v, want %v, error %v", tc.name, f.Kept, tc.kept, f.Err)
		}
	}
	testtree.Put(t, dir, "box/internal/deep/deep_one.go", "package deep\n\nfunc DeepOne() byte { return 1 }\n")
	if err := os.Remove(filepath.Join(dir, "box/more.go")); err != nil {
		t.Fatal(err)
	}
	if f := measure(t, dir, kept, "box_one").Figures[0]; f.Added < first.Added+400_000 || f.Added > first.Added+600_000 {
		t.Errorf("half a megabyte more makes %d of %d", f.Added, first.Added)
	}
}

// TestMeter_Server tests the default base, programs, and what readers find.
func TestMeter_Server(t *testing.T) {
	t.Parallel()
	dir, kept := newWeights(t), ledger.Of(t.TempDir())
	c := loadTree(t, dir)
	sets := [][]*catalog.Unit{named(t, c, "box_one"), named(t, c, "app"), named(t, c, "box_one", "box_two")}
	report, err := (&Meter{Catalog: c, Ledger: kept}).Measure(t.Context(), Server, sets)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Figures {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
	}
	if base := report.Base.Whole; base < 4e6 || base > 9e6 {
		t.Errorf("a small server weighs %d", base)
	}
	one, app := report.Figures[0], report.Figures[1]
	if one.Added < 1e6-page || one.Added > 1.1e6 || app.Added != app.Whole || app.Whole < 1.5e6 || app.Whole > 3e6 {
		t.Errorf("one %+v, app %+v", one, app)
	}
	for _, f := range report.Figures[:2] {
		if bytes, ok := kept.Unit(c, f.Units[0]); !ok || bytes != f.Added {
			t.Errorf("%s: kept %d, %v; measured %d", f.Units[0].ID, bytes, ok, f.Added)
		}
	}
	if _, ok := kept.Unit(c, named(t, c, "box_two")[0]); ok {
		t.Error("a unit that was measured with another has a figure of its own")
	}
	program, err := Measure(t.Context(), c, named(t, c, "app")[0])
	if err != nil || program.Bytes != app.Whole {
		t.Errorf("the program is built as %d bytes, and as %d for its budget: %v", app.Whole, program.Bytes, err)
	}
}

// TestMeter_Program adds units to a program of the repository.
func TestMeter_Program(t *testing.T) {
	t.Parallel()
	dir := newWeights(t)
	c := loadTree(t, dir)
	base := BaseApp(named(t, c, "app")[0])
	report, err := (&Meter{Catalog: c}).Measure(
		t.Context(),
		base,
		[][]*catalog.Unit{named(t, c, "box_one"), named(t, c, "box_two")},
	)
	if err != nil {
		t.Fatal(err)
	}
	one, two := report.Figures[0], report.Figures[1]
	if one.Err != nil || two.Err != nil || one.Added > 100_000 || two.Added < 1e6-page || two.Added > 1.1e6 {
		t.Errorf("already linked %+v; new %+v", one, two)
	}
}

// TestMeter_Modules measures units of modules that are in no workspace, in one
// workspace, and partly in one.
func TestMeter_Modules(t *testing.T) {
	t.Parallel()
	for _, work := range []string{"", "go 1.26\n\nuse ./lib\n"} {
		dir := testtree.New(t, foreign)
		testtree.Put(t, dir, "more/go.mod", "module acme.example/more\n\ngo 1.26\n")
		testtree.Put(t, dir, "more/more_say.go", "// Package more says more.\npackage more\n\n// MoreSay says it.\nfunc MoreSay() string { return \"more\" }\n")
		testtree.Put(t, dir, "more/more_say.md", "---\nname: more_say\nkind: function\nlang: go\ndomain: more\n---\n")
		if work != "" {
			testtree.Put(t, dir, "go.work", work)
		}
		for _, f := range measure(t, dir, "", "lake_open", "more_say", "lake_open more_say sql_open").Figures {
			if f.Err != nil || f.Whole < f.Added || f.Added < 0 {
				t.Errorf("workspace %q: %+v", work, f)
			}
		}
	}
}

func TestMeter_DoesNotCompile(t *testing.T) {
	t.Parallel()
	dir := newWeights(t)
	testtree.Put(t, dir, "c/c_add.go", "package c\n\nfunc CAdd(a, b int) int { return undefinedThing }\n")
	report := measure(t, dir, "", "c_add", "box_deep")
	if f := report.Figures[0]; f.Err == nil || !strings.Contains(f.Err.Error(), "undefinedThing") {
		t.Errorf("error %v", f.Err)
	}
	if f := report.Figures[1]; f.Err != nil {
		t.Errorf("the other one: %v", f.Err)
	}
}

func TestMeter_Cancelled(t *testing.T) {
	t.Parallel()
	c := loadTree(t, newWeights(t))
	ctx, cancel := context.WithCancel(t.Context())
	meter := &Meter{Catalog: c, Told: func(int, int, string) { cancel() }} // in the middle of it
	if _, err := meter.Measure(ctx, Empty, [][]*catalog.Unit{named(t, c, "box_one")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMeter_NoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	c := loadTree(t, newWeights(t))
	if _, err := (&Meter{Catalog: c}).Measure(t.Context(), Empty, [][]*catalog.Unit{named(t, c, "box_one")}); err != ErrNoGo {
		t.Errorf("got %v", err)
	}
}
