package size

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

// foreign is a repository of two modules unlike this one. _third holds
// stand-ins for third-party modules.
const foreign = `-- fn_registry.yaml --
version: 1
units: [lib]
drivers:
  - folder: lib/sql
    imports: [third.example/sql]
  - folder: lib/lake
    imports: [third.example/lake]
-- lib/go.mod --
module acme.example/lib

go 1.26

require (
	third.example/sql v0.0.0
	third.example/lake v0.0.0
	third.example/thin v0.0.0
)

replace (
	third.example/sql => ../_third/sql
	third.example/lake => ../_third/lake
	third.example/thin => ../_third/thin
)
-- lib/text/text_fold.go --
// Package text works on text.
package text

import "strings"

// TextFold folds case.
func TextFold(s string) string { return strings.ToLower(s) }
-- lib/text/text_fold.md --
---
name: text_fold
kind: function
lang: go
domain: text
---
-- lib/text/text_fold_test.go --
package text

import _ "third.example/sql/driver"
-- lib/sql/sql_open.go --
// Package sql opens databases.
package sql

import "third.example/sql/driver"

// SQLOpen opens a database.
func SQLOpen() string { return driver.Name }
-- lib/sql/sql_open.md --
---
name: sql_open
kind: function
lang: go
domain: sql
---
-- lib/lake/lake_open.go --
// Package lake opens lakes.
package lake

import "third.example/lake"

// LakeOpen opens a lake.
func LakeOpen() string { return lake.Name }
-- lib/lake/lake_open.md --
---
name: lake_open
kind: function
lang: go
domain: lake
forbidden_imports: [encoding/xml]
---
-- _third/sql/go.mod --
module third.example/sql
-- _third/sql/driver/driver.go --
package driver

const Name = "sql"
-- _third/lake/go.mod --
module third.example/lake
-- _third/lake/lake.go --
package lake

import "encoding/json"

var Name = string(must(json.Marshal("lake")))

func must(b []byte, _ error) []byte { return b }
-- _third/thin/go.mod --
module third.example/thin

require third.example/sql v0.0.0
-- _third/thin/thin.go --
package thin

import "third.example/thin/inner"

var Name = inner.Name
-- _third/thin/inner/inner.go --
package inner

import "third.example/sql/driver"

const Name = driver.Name
`

func loadTree(t *testing.T, dir string) *catalog.Catalog {
	t.Helper()
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRooms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text string // what is changed in the repository
		want             []string
	}{
		{name: "clean"},
		{
			"through a module from outside", "lib/text/text_trim.go", "package text\n\nimport \"third.example/thin\"\n\nfunc trim() string { return thin.Name }\n",
			[]string{"text_fold_go_text links third.example/sql/driver (a driver of lib/sql): " +
				"acme.example/lib/text -> third.example/thin -> third.example/thin/inner -> third.example/sql/driver"},
		},
		{
			"in a package that no unit imports", "lib/lake/inner/inner.go", "package inner\n\nimport _ \"third.example/sql/driver\"\n", nil, // nothing imports it
		},
		{
			"the other driver, through a package of the repository", "lib/lake/more.go", "package lake\n\nimport _ \"acme.example/lib/sql\"\n",
			[]string{"lake_open_go_lake links third.example/sql/driver (a driver of lib/sql): acme.example/lib/lake -> acme.example/lib/sql -> third.example/sql/driver"},
		},
		{
			"what the unit forbids", "lib/lake/more.go", "package lake\n\nimport _ \"encoding/xml\"\n",
			[]string{"lake_open_go_lake links encoding/xml (its forbidden_imports): acme.example/lib/lake -> encoding/xml"},
		},
		{
			"with cgo only", "lib/text/text_c.go", "//go:build cgo\n\npackage text\n\nimport _ \"third.example/lake\"\n",
			[]string{"text_fold_go_text links third.example/lake (a driver of lib/lake): acme.example/lib/text -> third.example/lake"},
		},
		{
			"without cgo only", "lib/text/text_c.go", "//go:build !cgo\n\npackage text\n\nimport _ \"third.example/lake\"\n",
			[]string{"text_fold_go_text links third.example/lake (a driver of lib/lake): acme.example/lib/text -> third.example/lake"},
		},
		{
			"with its build tag only", "lib/text/text_fold.go", "//go:build folding\n\npackage text\n\nimport _ \"third.example/lake\"\n\nfunc TextFold(s string) string { return s }\n",
			[]string{"text_fold_go_text links third.example/lake (a driver of lib/lake): acme.example/lib/text -> third.example/lake"},
		},
		{
			"behind a tag that is not its own", "lib/text/text_more.go", "//go:build more\n\npackage text\n\nimport _ \"third.example/lake\"\n", nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := testtree.New(t, foreign)
			if tc.file != "" {
				testtree.Put(t, dir, tc.file, tc.text)
			}
			if strings.Contains(tc.text, "folding") {
				testtree.Put(t, dir, "lib/text/text_fold.md", "---\nname: text_fold\nkind: function\nlang: go\ndomain: text\nbuild_tags: [folding]\n---\n")
			}
			report, err := Rooms(t.Context(), loadTree(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range report.Breaks {
				got = append(got, b.String())
			}
			if report.Checked != 3 || len(report.Idle) > 0 || report.OK() != (tc.want == nil) || !slices.Equal(got, tc.want) {
				t.Errorf("%d checked, idle %v, got\n%s\nwant\n%s", report.Checked, report.Idle, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestRooms_CannotTell(t *testing.T) {
	t.Parallel()
	dir := testtree.New(t, foreign)
	testtree.Put(t, dir, "lib/text/more.go", "package text\n\nimport _ \"nowhere.example/gone\"\n")
	_, err := Rooms(t.Context(), loadTree(t, dir))
	if err == nil || !strings.Contains(err.Error(), "text_fold_go_text") || !strings.Contains(err.Error(), "nowhere.example/gone") {
		t.Errorf("a package that can't be found: %v", err)
	}
}

// TestRooms_Idle: a driver whose path is misspelt would restrict nobody. A
// folder without units may be waiting for its first.
func TestRooms_Idle(t *testing.T) {
	t.Parallel()
	dir := testtree.New(t, foreign)
	testtree.Put(t, dir, "fn_registry.yaml", `version: 1
drivers:
  - {folder: lib/sql, imports: [third.example/sqll]}
  - {folder: lib/lake, imports: [third.example/lake, third.example/never]}
  - {folder: lib/later, imports: [third.example/later]}
`)
	report, err := Rooms(t.Context(), loadTree(t, dir))
	if err != nil || report.OK() || !slices.Equal(report.Idle, []string{"lib/sql"}) {
		t.Errorf("%+v, %v", report, err)
	}
}
