package ledger

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

const tree = `-- go.mod --
module acme.example/m
-- go.sum --
third.example/x v1.0.0 h1:abc
-- a/one.go --
package a

import "acme.example/m/b"

func One() { b.Two() }
-- a/one.md --
---
name: one
kind: function
lang: go
domain: a
---
-- b/two.go --
package b

import "strings"

func Two() { strings.Clone("") }
-- b/two.md --
---
name: two
kind: function
lang: go
domain: b
---
-- c/three.go --
package c

import "third.example/x"

func Three() { x.Run() }
-- c/three.md --
---
name: three
kind: function
lang: go
domain: c
---
-- app/app.md --
---
name: app
kind: app
lang: go
domain: apps
---
-- app/main.go --
package main

import "acme.example/m/app/inner"

func main() { inner.Run() }
-- app/inner/inner.go --
package inner

func Run() {}
`

// keys returns the keys of all units of the tree.
func keys(t *testing.T, dir string) map[string]string {
	t.Helper()
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, u := range c.Units {
		all[u.Spec.Name] = UnitKey(c, u)
	}
	return all
}

func TestUnitKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text string
		changes          []string // the units that must be measured again
	}{
		{"nothing", "a/other.txt", "x", nil},
		{"a test", "b/two_test.go", "package b\n", nil},
		{"a spec's words", "b/two.md", "---\nname: two\nkind: function\nlang: go\ndomain: b\ndescription: More.\n---\n", nil},
		{"its build tags", "b/two.md", "---\nname: two\nkind: function\nlang: go\ndomain: b\nbuild_tags: [x]\n---\n", []string{"two"}},
		{"code that two units link", "b/two.go", "package b\n\nfunc Two() {}\n", []string{"one", "two"}},
		{"a new file", "b/more.go", "package b\n", []string{"one", "two"}},
		{"code of one", "a/one.go", "package a\n\nimport \"acme.example/m/b\"\n\nfunc One() { b.Two(); b.Two() }\n", []string{"one"}},
		{"versions of modules", "go.sum", "third.example/x v1.1.0 h1:def\n", []string{"three"}},
		{"the module", "go.mod", "module acme.example/m\n\nrequire third.example/x v1.1.0\n", []string{"three"}},
		{"a program's inner package", "app/inner/inner.go", "package inner\n\nfunc Run() { println() }\n", []string{"app"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := testtree.New(t, tree)
			before := keys(t, dir)
			testtree.Put(t, dir, tc.file, tc.text)
			after := keys(t, dir)
			changed := map[string]bool{}
			for _, name := range tc.changes {
				changed[name] = true
			}
			for _, name := range []string{"one", "two", "three", "app"} {
				if before[name] == "" || (before[name] != after[name]) != changed[name] {
					t.Errorf("%s: before %s, after %s; want a change: %v", name, before[name], after[name], changed[name])
				}
			}
		})
	}
}

// TestUnitKey_Elsewhere: the same code has the same key in another checkout.
func TestUnitKey_Elsewhere(t *testing.T) {
	t.Parallel()
	here, there := keys(t, testtree.New(t, tree)), keys(t, testtree.New(t, tree))
	for name, key := range here {
		if there[name] != key {
			t.Errorf("%s: %s and %s", name, key, there[name])
		}
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	d := Of(cache)
	d.Trim(time.Hour) // nothing exists yet
	if _, ok := d.Get("a"); ok {
		t.Error("a figure where there is none")
	}
	for _, n := range []int64{5, 123456789} {
		if err := d.Put("a", n); err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Get("a"); !ok || got != n {
			t.Errorf("got %d, %v", got, ok)
		}
	}
	if err := d.Put("b", 1); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(cache, "sizes", "a"), old, old); err != nil {
		t.Fatal(err)
	}
	d.Trim(time.Hour)
	_, a := d.Get("a")
	if _, b := d.Get("b"); a || !b {
		t.Errorf("after Trim a %v, b %v", a, b)
	}
	for text, name := range map[string]string{"": "empty", "12 MB": "words", "-": "sign"} {
		if err := os.WriteFile(filepath.Join(cache, "sizes", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, ok := d.Get(name); ok {
			t.Errorf("%q is read as %d", text, n)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(cache, "sizes")); err != nil || len(entries) != 4 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	var none Dir
	if err := none.Put("a", 1); err != nil {
		t.Error(err)
	}
	if _, ok := none.Get("a"); ok {
		t.Error("an empty Dir keeps figures")
	}
}

func TestDir_CannotWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Of(file).Put("a", 1); err == nil {
		t.Error("a file was taken for a folder")
	}
}
