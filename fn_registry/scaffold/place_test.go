package scaffold

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// placeTree has a domain in one package, one in packages below its folder, one
// whose units are all in a package of another name, one that is spread, and a
// program. Only lib is in a module.
const placeTree = `-- fn_registry.yaml --
version: 1
units: [lib, more]
-- lib/go.mod --
module example.org/go-lib

go 1.26
-- lib/flat/flat.go --
package flat

func FlatOut() {}
-- lib/flat/flat_out.md --
---
name: flat_out
kind: function
lang: go
domain: flat
---
-- lib/net/http/get.go --
package http

func GetIt() {}
-- lib/net/http/get_it.md --
---
name: get_it
kind: function
lang: go
domain: net
---
-- lib/one/deep/deep.go --
package odd

func DeepIt() {}

func DeepMore() {}
-- lib/one/deep/deep_it.md --
---
name: deep_it
kind: function
lang: go
domain: solo
---
-- lib/one/deep/deep_more.md --
---
name: deep_more
kind: function
lang: go
domain: solo
---
-- lib/spread/a/a.go --
package a

func SpreadA() {}
-- lib/spread/a/spread_a.md --
---
name: spread_a
kind: function
lang: go
domain: wide
---
-- lib/spread/b/b.go --
package b

func SpreadB() {}
-- lib/spread/b/spread_b.md --
---
name: spread_b
kind: function
lang: go
domain: wide
---
-- lib/cmd/main.go --
package main

func main() {}
-- lib/notes/readme.txt --
no code
-- more/go.mod --
module example.org/more
-- more/other/other.go --
package other

func Other() {}
-- apps/tool/main.go --
package main
-- `

// TestPlace: the folder that a unit goes to, or why it goes nowhere.
func TestPlace(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), placeTree))
	for draft, want := range map[string]string{ // domain and package
		"flat":                "lib/flat, package flat",
		"net":                 "the domain net has no package of its own name; name one with package: http, or a new one",
		"notes":               "the domain notes has no package of its own name; name one with package: or a new one",
		"solo":                "lib/one/deep, package odd",
		"wide":                "lib/wide, new package wide",
		"new":                 "lib/new, new package new",
		"other":               "more/other, package other",
		"flat flat":           "lib/flat, package flat",
		"net http":            "lib/net/http, package http",
		"net sse":             "lib/net/sse, new package sse",
		"new flat":            "lib/flat, package flat",
		"new x":               "lib/x, new package x",
		"solo odd":            "lib/one/deep, package odd",
		"solo deep":           "lib/one/deep, package odd",
		"wide b":              "lib/spread/b, package b",
		"new Bad":             `package "Bad" is not valid; a package is one lower-case word of letters and digits, or a folder from the root with a / in it`,
		"new lib/a-b":         "lib/a-b, new package ab",
		"new lib/2x":          "lib/2x, new package x",
		"new lib/é":           "lib/é, new package units",
		"new lib/":            "lib, new package lib",
		"new /lib/x":          `the folder "/lib/x" is not inside the repository; folders count from the root`,
		"new ../x":            `the folder "../x" is not inside the repository; folders count from the root`,
		"new ../":             `the folder "../" is not inside the repository; folders count from the root`,
		"new lib/../../x":     `the folder "lib/../../x" is not inside the repository; folders count from the root`,
		"new lib/.x":          `the folder "lib/.x" is not read by the go command; choose one without .x`,
		"new lib/_x":          `the folder "lib/_x" is not read by the go command; choose one without _x`,
		"new lib/testdata/x":  `the folder "lib/testdata/x" is not read by the go command; choose one without testdata`,
		"new lib/vendor/x":    `the folder "lib/vendor/x" is not read by the go command; choose one without vendor`,
		"new .":               "the folder . is in no Go module; run go mod init in it or above it, or name another folder with package",
		"new apps/x":          "the folder apps/x is in no Go module; run go mod init in it or above it, or name another folder with package",
		"new lib/cmd":         "the package in lib/cmd is main, which nothing can import; name another with package",
		"new lib/net/http/v2": "lib/net/http/v2, new package v2",
	} {
		m := newMaker(c, Draft{})
		m.draft.Domain, m.draft.Package, _ = strings.Cut(draft, " ")
		if got := placeText(m.place()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", draft, got, want)
		}
	}
}

func placeText(p place, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Message + "; " + e.Hint
	case err != nil:
		return err.Error()
	case p.fresh:
		return p.dir + ", new package " + p.pkg
	}
	return p.dir + ", package " + p.pkg
}

// TestPlace_OneModule: in a repository that is one module without settings, the
// root is a package like others.
func TestPlace_OneModule(t *testing.T) {
	t.Parallel()
	for archive, want := range map[string]string{
		"-- go.mod --\nmodule example.org/go-tool\n-- x/x.go --\npackage x":                                                                     "new, new package new",
		"-- go.mod --\nmodule example.org/go-tool\n-- a.go --\npackage tool":                                                                    "., package tool",
		"-- go.mod --\nmodule example.org/go-tool\n-- fn_registry.yaml --\nversion: 1\nunits: [pkg]\ndomains: [new]\n-- pkg/p.go --\npackage p": "pkg, package p",
	} {
		m := newMaker(load(t, tree(t, t.TempDir(), archive)), Draft{Domain: "new"})
		if got := placeText(m.place()); got != want {
			t.Errorf("%s\n got %s\nwant %s", archive, got, want)
		}
		m.draft.Package = "."
		if p, err := m.place(); err == nil && p.fresh && p.pkg != "gotool" {
			t.Errorf("the root's package is %s", p.pkg)
		}
	}
}

// TestPackagesBelow_Many: of many packages the first are named.
func TestPackagesBelow_Many(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{8: "p0 p1 p2 p3 p4 p5 p6 p7", 9: "p0 p1 p2 p3 p4 p5 p6 p7 ..."} {
		archive := "-- go.mod --\nmodule example.org/m\n"
		for i := range n {
			archive += fmt.Sprintf("-- lib/p%d/p.go --\npackage p\n", i)
		}
		m := newMaker(load(t, tree(t, t.TempDir(), archive)), Draft{})
		if got := strings.Join(m.packagesBelow("lib"), " "); got != want {
			t.Errorf("%d packages: %s", n, got)
		}
	}
}

// TestDomains: where the settings name none, those in use, each once.
func TestDomains(t *testing.T) {
	t.Parallel()
	m := newMaker(load(t, tree(t, t.TempDir(), placeTree)), Draft{})
	if got, want := m.domains(), []string{"flat", "net", "solo", "wide"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
