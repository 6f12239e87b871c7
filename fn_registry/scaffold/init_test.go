package scaffold

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/config"
)

func initialise(t *testing.T, dir string, units ...string) *config.Config {
	t.Helper()
	p, err := Settings(load(t, dir), units)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const flatRepo = `-- go.mod --
module example.org/flat
-- flat.go --
// Package flat is flat.
package flat

func Exported() {}
-- sub/sub.go --
package sub

func Sub() {}
-- cmd/x/main.go --
package main

func Exported() {}
`

const manyModules = `-- go.work --
go 1.26
use (
	./pkg
	./services/one
	./cmd/x
)
-- pkg/go.mod --
module example.org/pkg
-- pkg/text/text.go --
package text

func Cut() {}

func cut() {}
-- pkg/internal/secret/secret.go --
package secret

func Hidden() {}
-- services/one/go.mod --
module example.org/services/one
-- services/one/one.go --
package one

type T struct{}

func (T) Method() {}

func One() {}
-- cmd/x/go.mod --
module example.org/cmd/x
-- cmd/x/lib/lib.go --
package lib

func Lib() {}
`

func TestSettings_Guesses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		repo  string
		units []string
		want  []string
		says  string
	}{
		"flat":    {flatRepo, nil, []string{"."}, ".: 2 exported functions in 2 packages"},
		"modules": {manyModules, nil, []string{"pkg", "services"}, "services: 1 exported function in 1 package"},
		"given":   {manyModules, []string{"pkg/text/"}, []string{"pkg/text"}, "pkg/text: 1 exported"},
		"nothing": {"-- go.mod --\nmodule a\n-- main.go --\npackage main\n", nil, nil, "units: []"},
		"specs":   {workspace + "-- fn_registry.yaml --\nversion: 1\n", nil, []string{"heavy", "lib"}, "heavy: 1 exported"},
		"docs":    {flatRepo + "-- docs/site/a.md --\n---\ntitle: A\nname: a\n---\n-- sub/notes.md --\n---\ntitle: B\n---\n", nil, []string{"."}, "\nexclude: [docs]\n"},
		"odd":     {"-- go.mod --\nmodule a\n-- 1 a: b/x.go --\npackage x\nfunc X() {}\n", nil, []string{"1 a: b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, t.TempDir(), test.repo)
			if name == "specs" {
				if err := os.Remove(filepath.Join(dir, config.FileName)); err != nil {
					t.Fatal(err)
				}
			}
			got := initialise(t, dir, test.units...)
			text, err := os.ReadFile(filepath.Join(dir, config.FileName))
			if err != nil || !slices.Equal(got.Units, test.want) || !strings.Contains(string(text), test.says) {
				t.Errorf("units %q, %v in\n%s", got.Units, err, text)
			}
		})
	}
}

// What stands in comments must be valid once the marks are taken off.
func TestSettings_CommentedExamples(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`^# ([a-z_]+:| )`)
	var on []string
	for line := range strings.Lines(settingsText([]string{"lib"}, nil, nil)) {
		if key.MatchString(line) && !strings.Contains(line, "lib: 0") {
			on = append(on, strings.TrimPrefix(line, "# "))
		}
	}
	c, err := config.Parse([]byte("version: 1\n" + strings.Join(on, "")))
	if err != nil || len(c.Domains) != 2 || len(c.Exclude) != 1 || len(c.PureImports) != 1 || len(c.ImportRules) != 2 {
		t.Errorf("%+v, %v\n%s", c, err, strings.Join(on, ""))
	}
}

func TestSettings_Refuses(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), flatRepo)
	c := load(t, dir)
	for _, units := range [][]string{{"../x"}, {"/x"}, {"no/such"}} {
		var e *Error
		if _, err := Settings(c, units); !errors.As(err, &e) || e.Exists {
			t.Errorf("%v: %v", units, err)
		}
	}
	initialise(t, dir)
	var e *Error
	if _, err := Settings(c, nil); !errors.As(err, &e) || !e.Exists {
		t.Errorf("a second time: %v", err)
	}
}

const foreign = `-- fn_registry.yaml --
version: 1
units: [pkg]
-- go.mod --
module example.org/foreign

go 1.26
-- pkg/slug/slug.go --
// Package slug makes slugs.
package slug

import (
	"context"
	"strings"
)

// Options says how.
type Options struct {
	// Max is the most
	// characters. 0: 80.
	Max    int
	Joiner string // between words; default "-"
	Bare   bool
	hidden int
}

// Make makes a slug from a title. It never fails.
func Make(ctx context.Context, title string, opts *Options) string { return helper(title) }

func helper(s string) string { return strings.ToLower(Trim(s)) }

func Trim(string) string { return "" }

// New is the first of two.
func New() *Options { return nil }

// ParseURLs parses URLs.
func ParseURLs(list ...string) (urls []string, err error) { return nil, nil }
-- pkg/slug/slug_linux.go --
package slug

// Where tells.
func Where() string { return "linux" }
-- pkg/slug/slug_other.go --
//go:build !linux

package slug

// Where tells.
func Where() string { return "elsewhere" }
-- pkg/slug/example_test.go --
package slug_test

import (
	"context"
	"fmt"

	"example.org/foreign/pkg/slug"
)

func ExampleMake() {
	// A title.
	for _, title := range []string{"A B"} {
		fmt.Println(slug.Make(context.Background(), title, nil))
	}
	// Output: a-b
}
-- pkg/slug/trim.md --
Notes, and no spec.
-- pkg/new/new.go --
package new

// New is the second of two.
func New() {}
-- pkg/slug/v2/slug.go --
package slug

// New is the third.
func New() {}

// Größe is not ASCII.
func Größe() {}
`

func TestFirstSpecs(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), foreign)
	p := FirstSpecs(load(t, dir))
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	left, err := Complete(t.Context(), load(t, dir), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if !slices.Contains([]string{"schema-missing", "schema-body"}, f.Rule) {
			t.Errorf("%s:%d %s: %s", f.File, f.Line, f.Rule, f.Message)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "pkg/slug/make.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != wantMake {
		t.Errorf("make.md:\n%s", got)
	}
	notes := strings.Join(p.Notes, "\n")
	for _, want := range []string{"Größe in pkg/slug/v2/slug.go: its name", "Trim in pkg/slug/slug.go: the file pkg/slug/trim.md exists"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	if len(p.Notes) != 2 {
		t.Errorf("notes:\n%s", notes)
	}
	c := load(t, dir)
	for _, id := range []string{"make_go_slug", "new_go_slug", "new_go_new", "new_go_v2", "parse_urls_go_slug", "where_go_slug"} {
		if c.Unit(id) == nil || c.Unit(id).Code == nil {
			t.Errorf("no unit %s", id)
		}
	}
	if again := FirstSpecs(c); len(again.Files) != 0 {
		t.Errorf("a second time: %v", again.Files)
	}
	found, err := check.Run(t.Context(), c, check.Options{Rules: []string{"spec-missing"}})
	if err != nil || len(found) != 2 {
		t.Errorf("spec-missing: %v, %v", found, err)
	}
}

const wantMake = `---
name: make
kind: function
lang: go
domain: slug
version: 0.1.0
purity: pure
signature: "func Make(ctx context.Context, title string, opts *Options) string"
description: Makes a slug from a title.
tags: []
params:
  - name: ctx
    desc: Context of the call.
  - name: title
    desc: ""
  - name: opts.Max
    desc: "Max is the most characters. 0: 80."
  - name: opts.Joiner
    desc: between words; default "-"
  - name: opts.Bare
    desc: ""
output: ""
uses_functions: []
uses_types: []
returns: []
returns_optional: false
error_type: ""
imports: []
build_tags: []
tested: false
tests: []
test_file_path: ""
file_path: pkg/slug/slug.go
---

# make

## Example

` + "```go" + `
// A title.
for _, title := range []string{"A B"} {
	fmt.Println(slug.Make(context.Background(), title, nil))
}
// Output: a-b
` + "```" + `

## When to use

## Gotchas
`
