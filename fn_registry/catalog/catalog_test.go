package catalog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/fn_registry/spec"
)

func load(t testing.TB, opts Options) (*Catalog, *Change) {
	t.Helper()
	c, change, err := Load(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c, change
}

func ids(units []*Unit) string {
	var all []string
	for _, u := range units {
		all = append(all, u.ID)
	}
	return strings.Join(all, " ")
}

// sample has two modules, a unit that reaches another through a helper in a
// third file, a program, an exported function without a spec, and an impure
// unit behind a pure one.
const sample = `-- fn_registry.yaml --
version: 1
units: [functions]
-- functions/go.mod --
module example.org/functions
-- functions/core/failure.go --
package core

// Failure is the error type.
type Failure struct{ Op string }

func (f *Failure) Error() string { return f.Op }
-- functions/core/failure.md --
---
name: failure
kind: type
lang: go
domain: core
purity: pure
---
-- functions/core/add.go --
package core

import "strings"

func Add(a, b int) (int, error) { return sum(a, b), &Failure{Op: strings.ToUpper("add")} }
-- functions/core/add_test.go --
package core

import "testing"

func TestAdd_Small(t *testing.T) {}
func TestAdd_Table(t *testing.T) { t.Run("one", func(t *testing.T) {}) }
func FuzzAdd(f *testing.F) {}
-- functions/core/add.md --
---
name: add
kind: function
lang: go
domain: core
purity: pure
---
-- functions/core/helpers.go --
package core

var calls int

func sum(a, b int) int { calls++; return a + b }

func Loose() {}
-- functions/infra/clock/clock_add.go --
//go:build extra
package clock

import (
	"time"

	"example.org/functions/core"
	"example.org/other/third"
)

type ClockAddConfig struct {
	Start  int
	hidden int
	Step   time.Duration
}

func ClockAdd(name string, cfg ClockAddConfig) (*core.Failure, error) {
	third.Call(time.Now())
	_, err := core.Add(cfg.Start, 1)
	return nil, err
}
-- functions/infra/clock/clock_add.md --
---
name: clock_add
kind: function
lang: go
domain: infra
purity: impure
---
-- apps/tool/go.mod --
module example.org/tool
-- apps/tool/main.go --
package main

import "example.org/tool/inner"

func main() { inner.Run() }
-- apps/tool/inner/inner.go --
package inner

import "example.org/functions/infra/clock"

func Run() { clock.ClockAdd("", clock.ClockAddConfig{}) }
-- apps/tool/tool.md --
---
name: tool
kind: app
lang: go
domain: apps
---
-- README.md --
# no spec
-- docs/page.md --
---
title: not a spec
---`

func TestLoad_TiesSpecsToCode(t *testing.T) {
	c, _ := load(t, Options{Roots: []string{testtree.New(t, sample)}})
	if got := ids(c.Units); got != "add_go_core clock_add_go_infra failure_go_core tool_go_apps" {
		t.Fatalf("units %s", got)
	}
	add := c.Unit("add_go_core")
	d, ok := c.Derive(add)
	want := Derived{
		Signature: "func Add(a, b int) (int, error)", UsesTypes: []string{"failure_go_core"}, ReturnsError: true,
		ErrorTypes: []string{"failure_go_core"}, Optional: No, OptionalReason: "none of its results can be nil or false",
		Tests: []string{"Small", "Table", "FuzzAdd"}, TestFilePath: "functions/core/add_test.go", FilePath: "functions/core/add.go",
	}
	if !ok || !reflect.DeepEqual(d, want) {
		t.Errorf("add\n got %+v\nwant %+v", d, want)
	}
	clock := c.Unit("clock_add_go_infra")
	d, _ = c.Derive(clock)
	want = Derived{
		Signature: "func ClockAdd(name string, cfg ClockAddConfig) (*core.Failure, error)", UsesFunctions: []string{"add_go_core"},
		UsesTypes: []string{"failure_go_core"}, Returns: []string{"failure_go_core"}, ReturnsError: true,
		ErrorTypes: []string{"failure_go_core"}, Imports: []string{"example.org/other/third"}, BuildTags: []string{"extra"},
		FilePath: "functions/infra/clock/clock_add.go",
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("clock_add\n got %+v\nwant %+v", d, want)
	}
	if fields := clock.Code.Params[1].Config; len(fields) != 2 || fields[0].Name != "Start" || fields[1].Type != "time.Duration" {
		t.Errorf("config fields %+v", fields)
	}
	exports := add.Dir.Exports
	if len(exports) != 1 || exports[0].Code.Symbol != "Loose" || !exports[0].Owes {
		t.Errorf("exports %+v", exports)
	}
}

func TestCatalog_Graph(t *testing.T) {
	c, _ := load(t, Options{Roots: []string{testtree.New(t, sample)}})
	tool, failure := c.Unit("tool_go_apps"), c.Unit("failure_go_core")
	if d := c.Dir(0, "apps/tool/inner"); d == nil || d.Package != "inner" || c.Dir(0, "apps/tool/in") != nil || c.Dir(1, "apps/tool/inner") != nil {
		t.Errorf("the folder apps/tool/inner is %+v", d)
	}
	other, _ := load(t, Options{Roots: []string{c.Roots[0].Dir}})
	if stranger := other.Unit("tool_go_apps"); len(other.Uses(stranger)) == 0 || c.Uses(stranger) != nil || c.UsedBy(stranger) != nil {
		t.Error("a unit of another catalog has edges in this one")
	}
	var got []string
	for _, r := range c.Dependencies(tool) {
		got = append(got, strings.Repeat(">", r.Depth)+r.Unit.ID)
	}
	if want := ">clock_add_go_infra >>add_go_core >>failure_go_core"; strings.Join(got, " ") != want {
		t.Errorf("dependencies %v", got)
	}
	got = nil
	for _, r := range c.Dependents(failure) {
		got = append(got, r.Unit.ID+"<"+r.Via.ID)
	}
	if want := "add_go_core<failure_go_core clock_add_go_infra<failure_go_core tool_go_apps<clock_add_go_infra"; strings.Join(got, " ") != want {
		t.Errorf("dependents %v", got)
	}
	chain := c.Impurity(c.Unit("add_go_core"))
	if chain == nil || chain.String() != "add_go_core -> sum -> package variable calls, which it changes" {
		t.Errorf("impurity %v", chain)
	}
	if c.Impurity(failure) != nil {
		t.Errorf("failure is impure: %v", c.Impurity(failure))
	}
	if len(c.Cycles(c.Units)) != 0 {
		t.Errorf("cycles %v", c.Cycles(c.Units))
	}
}

func TestCatalog_Cycles(t *testing.T) {
	unit := func(name, calls string) string {
		title := strings.ToUpper(name[:1]) + name[1:]
		return "-- f/" + name + ".go --\npackage f\nfunc " + title + "() { " + calls + " }\n-- f/" + name + ".md --\n---\nname: " + name +
			"\nkind: function\nlang: go\ndomain: f\n---\n"
	}
	dir := testtree.New(t, "-- go.mod --\nmodule example.org/m\n"+unit("a", "B()")+unit("b", "C(); D()")+unit("c", "A()")+unit("d", "E()")+unit("e", ""))
	c, _ := load(t, Options{Roots: []string{dir}})
	groups := c.Cycles(c.Units)
	if len(groups) != 1 || ids(groups[0]) != "a_go_f b_go_f c_go_f" {
		t.Errorf("cycles %v", groups)
	}
}

func TestLoad_Snapshot(t *testing.T) {
	dir := testtree.New(t, sample)
	opts := Options{Roots: []string{dir}, Snapshot: filepath.Join(t.TempDir(), "sub", "s.snapshot")}
	cold, change := load(t, opts)
	if change.Read == 0 || len(change.Fresh) != 4 {
		t.Fatalf("cold: %+v", change)
	}
	var read []string
	var mu sync.Mutex
	opts.Seen = func(u *Unit, _ *spec.Document) { mu.Lock(); read = append(read, u.ID); mu.Unlock() }
	warm, change := load(t, opts)
	if !change.None() || len(read) != 0 {
		t.Errorf("warm: read %v, %+v", read, change)
	}
	sameCatalog(t, cold, warm)

	testtree.Write(t, dir, "-- functions/core/add.go --\npackage core\n\nfunc Add(a, b, c int) int { return 0 }")
	changed, change := load(t, opts)
	slices.Sort(read)
	if strings.Join(read, " ") != "add_go_core failure_go_core" || change.Read != 1 {
		t.Errorf("after a change: read %v, %+v", read, change)
	}
	fresh, _ := load(t, Options{Roots: []string{dir}})
	sameCatalog(t, fresh, changed)

	if err := os.RemoveAll(filepath.Join(dir, "functions", "infra")); err != nil {
		t.Fatal(err)
	}
	less, change := load(t, opts)
	if ids(change.Gone) != "clock_add_go_infra" || ids(less.Units) != "add_go_core failure_go_core tool_go_apps" {
		t.Errorf("after a removal: %s; %+v", ids(less.Units), change)
	}
}

// TestSave_LeavesReadersAlone: two concurrent Saves only read (the race
// detector checks), and write the same.
func TestSave_LeavesReadersAlone(t *testing.T) {
	dir := t.TempDir()
	c, _ := load(t, Options{Roots: []string{testtree.New(t, sample)}})
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		wg.Go(func() {
			if err := c.Save(t.Context(), filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	a, errA := os.ReadFile(filepath.Join(dir, "a"))
	b, errB := os.ReadFile(filepath.Join(dir, "b"))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the snapshots differ: %d and %d bytes, %v, %v", len(a), len(b), errA, errB)
	}
}

// sameCatalog compares what two catalogs contain about each unit, except the
// times of reading.
func sameCatalog(t *testing.T, a, b *Catalog) {
	t.Helper()
	if ids(a.Units) != ids(b.Units) {
		t.Fatalf("units %s, %s", ids(a.Units), ids(b.Units))
	}
	for i, u := range a.Units {
		v := b.Units[i]
		if !reflect.DeepEqual(u.Spec, v.Spec) || !reflect.DeepEqual(u.Code, v.Code) || !reflect.DeepEqual(u.Problems, v.Problems) || u.Hash != v.Hash {
			t.Errorf("%s differs:\n%+v %+v\n%+v %+v", u.ID, u, u.Code, v, v.Code)
		}
		if ids(a.Uses(u)) != ids(b.Uses(v)) || ids(a.UsedBy(u)) != ids(b.UsedBy(v)) {
			t.Errorf("%s: graph differs", u.ID)
		}
		before, _ := a.Derive(u)
		if after, _ := b.Derive(v); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: the code tells\n%+v\n%+v", u.ID, before, after)
		}
		if before, after := fmt.Sprint(a.Impurity(u)), fmt.Sprint(b.Impurity(v)); before != after {
			t.Errorf("%s: impurity %s, %s", u.ID, before, after)
		}
	}
}

// Facts that depend on other symbols of a package are the same with a snapshot:
// returned types, and purity through helpers.
func TestLoad_SnapshotHasNames(t *testing.T) {
	dir := testtree.New(t, sample+`
-- functions/core/find.go --
package core

import "example.org/functions/helper"

func Find() *Failure { helper.Count(); return nil }
-- functions/core/find.md --
---
name: find
kind: function
lang: go
domain: core
purity: impure
---
-- functions/helper/count.go --
package helper

var calls int

func Count() { calls++ }
`)
	opts := Options{Roots: []string{dir}, Snapshot: filepath.Join(t.TempDir(), "s.snapshot")}
	cold, _ := load(t, opts)
	warm, _ := load(t, opts)
	sameCatalog(t, cold, warm)
	if d, _ := warm.Derive(warm.Unit("find_go_core")); !slices.Equal(d.Returns, []string{"failure_go_core"}) {
		t.Errorf("returns %v", d.Returns)
	}
	if warm.Impurity(warm.Unit("find_go_core")) == nil {
		t.Error("the helper's impurity is not seen")
	}
}

// TestLoad_RacyEdit: an edit that keeps size and modification time is still
// noticed if it is within the file system's time resolution.
func TestLoad_RacyEdit(t *testing.T) {
	dir := testtree.New(t, sample)
	opts := Options{Roots: []string{dir}, Snapshot: filepath.Join(t.TempDir(), "s")}
	load(t, opts)
	file := filepath.Join(dir, "functions/core/add.md")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	testtree.Write(
		t,
		dir,
		"-- functions/core/add.md --\n---\nname: add\nkind: pipeline\nlang: go\ndomain: core\npurity: pure\n---",
	)
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.Stat(file); now.Size() != info.Size() {
		t.Fatalf("the test's edit changed the size: %d, %d", now.Size(), info.Size())
	}
	c, _ := load(t, opts)
	if got := c.Unit("add_go_core").Spec.Kind; got != spec.KindPipeline {
		t.Errorf("kind %s: the edit was missed", got)
	}
}

func TestLoad_BadInput(t *testing.T) {
	dir := testtree.New(t, sample+"\n-- functions/core/broken.go --\npackage core\nfunc {\n-- functions/core/broken.md --\n---\nname: [\n---")
	core := filepath.Join(dir, "functions", "core")
	for _, step := range []func() error{
		func() error { return os.Symlink("loop.md", filepath.Join(core, "loop.md")) },
		func() error { return os.Symlink("..", filepath.Join(core, "up")) },
		func() error {
			return os.WriteFile(filepath.Join(core, "huge.md"), append([]byte("---\nname: x\n"), make([]byte, 50<<20)...), 0o644)
		},
		func() error { return os.WriteFile(filepath.Join(core, "huge.go"), make([]byte, 50<<20), 0o644) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := load(t, Options{Roots: []string{dir}})
	var faults []string
	for _, d := range c.Dirs {
		for _, f := range d.Faults {
			faults = append(faults, f.Rule+" "+f.File)
		}
	}
	slices.Sort(faults)
	if want := []string{"file-read functions/core/loop.md", "file-size functions/core/huge.go", "file-syntax functions/core/broken.go"}; !reflect.DeepEqual(faults, want) {
		t.Errorf("faults %q", faults)
	}
	var problems []string
	for _, u := range c.Units {
		if len(u.Problems) == 1 {
			problems = append(problems, u.File+" "+u.Problems[0].Rule)
		}
	}
	if !slices.Contains(problems, "functions/core/huge.md schema-size") || !slices.Contains(problems, "functions/core/broken.md schema-yaml") {
		t.Errorf("problems %q", problems)
	}
	if c.Unit("add_go_core") == nil {
		t.Error("the rest of the folder was not read")
	}
}

// TestSnapshot_CutShort: a truncated snapshot, wherever it is cut, is rejected,
// and a complete one is read as it was written.
func TestSnapshot_CutShort(t *testing.T) {
	t.Parallel()
	dir := testtree.New(t, sample)
	c, _ := load(t, Options{Roots: []string{dir}})
	w := newWriter(0)
	w.catalog(c)
	text, data := []byte(strings.Join(w.table, "")), append(w.lengths(), w.buf...)
	if got := decodeSnapshot(text, data, c.Roots); got == nil || len(got.Dirs) != len(c.Dirs) {
		t.Fatal("a whole snapshot is not read")
	}
	for i := range data {
		if decodeSnapshot(text, data[:i:i], c.Roots) != nil {
			t.Errorf("%d of %d bytes are accepted as a snapshot", i, len(data))
		}
	}
	for i := range text {
		if decodeSnapshot(text[:i:i], data, c.Roots) != nil {
			t.Errorf("%d of %d bytes of text are accepted as a snapshot", i, len(text))
		}
	}
}

// TestLoad_Tests: the tests that a unit's spec must list, in file order, each
// once.
func TestLoad_Tests(t *testing.T) {
	t.Parallel()
	dir := testtree.New(t, `-- go.mod --
module example.org/m
-- a/one.go --
package a

func One() {}
-- a/one.md --
---
name: one
kind: function
lang: go
domain: a
---
-- a/one_test.go --
//go:build slow || (

package a

import "testing"

func BenchmarkOne(b *testing.B) {}
func TestOne_Last(t *testing.T) { t.Run("not listed", func(t *testing.T) {}) }
func TestOne(t *testing.T)  { t.Run("a", func(t *testing.T) {}); t.Run("b", func(t *testing.T) {}) }
func ExampleOne() {}
func FuzzOne(f *testing.F) { f.Skip() }
func TestMore(t *testing.T) { t.Run("b", func(t *testing.T) {}); t.Run("c", func(t *testing.T) {}) }
func TestOne_(t *testing.T) { t.SkipNow() }
func TestOneMore(t *testing.T) {}
`)
	c, _ := load(t, Options{Roots: []string{dir}})
	var got []string
	for _, test := range c.Unit("one_go_a").Code.Tests {
		name := test.Name
		if test.Skips {
			name += " skips"
		}
		got = append(got, name)
	}
	if want := []string{"Last", "a", "b", "FuzzOne skips", "c", "One_ skips", "OneMore"}; !slices.Equal(got, want) {
		t.Errorf("tests %q, want %q", got, want)
	}
	faults := c.Unit("one_go_a").Dir.Faults
	if len(faults) != 1 || faults[0].File != "a/one_test.go" || faults[0].Rule != "file-syntax" || !strings.Contains(faults[0].Message, "build constraint") {
		t.Errorf("%+v", faults)
	}
}

// TestDerive_App: a program's spec belongs to main.go, else to the file of its
// own name, else to the first non-test file.
func TestDerive_App(t *testing.T) {
	t.Parallel()
	const spec = "---\nname: tool\nkind: app\nlang: go\ndomain: apps\n---\n"
	for files, want := range map[string]string{
		"main.go": "main.go", "a.go main.go": "main.go", "a.go tool.go": "tool.go", "a_test.go b.go c.go": "b.go", "main.go tool.go": "main.go", "a_test.go": "", "b.go.md z.go": "z.go",
	} {
		archive := "-- go.mod --\nmodule example.org/m\n-- app/tool.md --\n" + spec
		for name := range strings.FieldsSeq(files) {
			archive += "-- app/" + name + " --\npackage main\n"
		}
		c, _ := load(t, Options{Roots: []string{testtree.New(t, archive)}})
		if want != "" {
			want = "app/" + want
		}
		if d, _ := c.Derive(c.Unit("tool_go_apps")); d.FilePath != want {
			t.Errorf("%s: %q, want %q", files, d.FilePath, want)
		}
	}
}

// FuzzSnapshot: no snapshot, however broken, panics or is read beyond its
// content.
func FuzzSnapshot(f *testing.F) {
	dir := testtree.New(f, sample)
	c, _ := load(f, Options{Roots: []string{dir}})
	w := newWriter(0)
	w.catalog(c)
	f.Add([]byte(strings.Join(w.table, "")), append(w.lengths(), w.buf...))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, text, data []byte) {
		if c := decodeSnapshot(text, data, c.Roots); c != nil {
			resolve(c.Roots, c.Dirs)
			for _, u := range c.Units {
				c.Dependencies(u)
				c.Dependents(u)
			}
		}
	})
}
