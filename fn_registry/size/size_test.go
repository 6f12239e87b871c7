package size

import (
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

const app = `-- go.mod --
module example.org/app

go 1.26.0
-- main.go --
package main

import "example.org/app/inner"

func main() { inner.Run() }
-- inner/inner.go --
package inner

import "encoding/xml"

func Run() { _ = xml.Header }
-- app.md --
---
name: app
kind: app
lang: go
domain: apps
binary_mb_max: BUDGET
forbidden_imports: FORBIDDEN
---
`

func TestMeasure(t *testing.T) {
	t.Setenv("GOWORK", "off")
	for _, tc := range []struct {
		name, budget, forbidden, linked string
		ok                              bool
	}{
		{"within", "5", "[net/http]", "", true},
		{"too large", "0.1", "[]", "", false},
		{"forbidden through a package", "5", "[encoding/xml, net/http]", "encoding/xml", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := testtree.New(t, strings.NewReplacer("BUDGET", tc.budget, "FORBIDDEN", tc.forbidden).Replace(app))
			c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
			if err != nil {
				t.Fatal(err)
			}
			p, err := Measure(t.Context(), c, c.Units[0])
			if err != nil {
				t.Fatal(err)
			}
			if p.OK() != tc.ok || strings.Join(p.Forbidden, " ") != tc.linked || p.MB() < 1 || p.MB() > 5 {
				t.Errorf("ok %v, links %v, %.2f MB", p.OK(), p.Forbidden, p.MB())
			}
		})
	}
}

func TestMeasure_DoesNotBuild(t *testing.T) {
	t.Setenv("GOWORK", "off")
	dir := testtree.New(t, strings.Replace(app, "xml.Header", "xml.Gone", 1))
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Measure(t.Context(), c, c.Units[0]); err == nil || !strings.Contains(err.Error(), "undefined: xml.Gone") {
		t.Errorf("got %v", err)
	}
}
