package scaffold

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
)

// tree writes files ("-- name --" lines before their text) below a folder.
func tree(t testing.TB, dir, archive string) string {
	t.Helper()
	for part := range strings.SplitSeq("\n"+archive, "\n-- ") {
		name, text, ok := strings.Cut(part, " --\n")
		if !ok {
			continue
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, dir string) *catalog.Catalog {
	t.Helper()
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// makeUnit plans and writes a unit, and returns the plan.
func makeUnit(t testing.TB, dir string, d Draft) *Plan {
	t.Helper()
	p, err := New(load(t, dir), d)
	if err != nil {
		t.Fatalf("%s: %v", d.Name, err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	return p
}

// lint fails the test for each of the linter's findings.
func lint(t testing.TB, dir string) {
	t.Helper()
	c := load(t, dir)
	found, err := check.Run(t.Context(), c, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		src, _ := os.ReadFile(c.Roots[0].Path(f.File))
		t.Errorf("%s:%d: %s: %s\n%s", f.File, f.Line, f.Rule, f.Message, src)
	}
}

// goRun runs the go command in a folder, away from any workspace but the
// folder's own.
func goRun(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s in %s: %v\n%s", strings.Join(args, " "), dir, err, out)
	}
}

// workspace has two modules, a registered error type, a generic unit, a unit
// behind a heavy package, and a package whose name is that of one of the
// standard library.
const workspace = `-- fn_registry.yaml --
version: 1
units: [lib]
domains: [base, net]
-- go.work --
go 1.26

use (
	./heavy
	./lib
)
-- lib/go.mod --
module example.org/lib

go 1.26
-- lib/base/failure.go --
// Package base is the ground floor.
package base

// Failure is the error type.
type Failure struct{ Op string }

func (f *Failure) Error() string { return f.Op }
-- lib/base/failure.md --
---
name: failure
kind: type
lang: go
domain: base
version: 0.1.0
purity: pure
signature: "type Failure struct"
description: The error type.
tags: []
params: []
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
file_path: lib/base/failure.go
---
## Example
x
## When to use
x
## Gotchas
x
-- lib/base/pick_all.go --
package base

import "cmp"

// Number is a constraint.
type Number interface{ ~int | ~float64 }

// PickAll picks.
func PickAll[K cmp.Ordered, V Number](m map[K]V) []K { return nil }
-- lib/base/pick_all.md --
---
name: pick_all
kind: function
lang: go
domain: base
version: 0.1.0
purity: pure
signature: "func PickAll[K cmp.Ordered, V Number](m map[K]V) []K"
description: Picks.
tags: []
params:
  - name: m
    desc: A map.
output: Keys.
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
file_path: lib/base/pick_all.go
---
## Example
~~~go
PickAll()
~~~
## When to use
x
## Gotchas
x
-- lib/net/http/http_duckdb_get.go --
// Package http is not the standard library's.
package http

import "example.org/lib/base"

// HTTPDuckDBGet gets.
func HTTPDuckDBGet(url string) error {
	if url == "" {
		return &base.Failure{Op: "get"}
	}
	return nil
}
-- lib/net/http/http_duckdb_get.md --
---
name: http_duckdb_get
kind: function
lang: go
domain: net
version: 0.1.0
purity: impure
signature: "func HTTPDuckDBGet(url string) error"
description: Gets.
tags: []
params:
  - name: url
    desc: Where.
output: Nothing.
uses_functions: []
uses_types: [failure_go_base]
returns: []
returns_optional: false
error_type: failure_go_base
imports: []
build_tags: []
tested: false
tests: []
test_file_path: ""
file_path: lib/net/http/http_duckdb_get.go
---
## Example
~~~go
HTTPDuckDBGet()
~~~
## When to use
x
## Gotchas
x
-- heavy/go.mod --
module example.org/heavy

go 1.26

require example.org/lib v0.0.0

replace example.org/lib => ../lib
-- heavy/heavy_load.go --
// Package heavy stands for a driver.
package heavy

import "example.org/lib/base"

// HeavyLoad loads.
func HeavyLoad() error { return &base.Failure{} }
-- heavy/heavy_load.md --
---
name: heavy_load
kind: function
lang: go
domain: net
version: 0.1.0
purity: impure
signature: "func HeavyLoad() error"
description: Loads.
tags: []
params: []
output: Nothing.
uses_functions: []
uses_types: [failure_go_base]
returns: []
returns_optional: false
error_type: failure_go_base
imports: []
build_tags: []
tested: false
tests: []
test_file_path: ""
file_path: heavy/heavy_load.go
---
## Example
~~~go
HeavyLoad()
~~~
## When to use
x
## Gotchas
x
`

func TestNew_Workspace(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace)
	for _, d := range []Draft{
		{Name: "slug_make", Domain: "base", Pure: true},
		{Name: "url_check", Domain: "net", Package: "http", Description: "Checks a URL. Says what is wrong with it.", Tags: []string{"url"}},
		{Name: "duckdb_close", Domain: "net", Package: "duck", Signature: "func(context.Context, DuckDBCloseConfig, ...string) (*DuckDBCloseHandle, time.Time, error)"},
		{Name: "map_merge", Domain: "base", Pure: true, Signature: "func MapMerge[K comparable, V any](a, b map[K]V) map[K]V"},
		{Name: "failure_wrap", Domain: "base", Pure: true, Signature: "func(f *Failure, why string) (*Failure, bool)"},
		{Name: "failure_log", Domain: "net", Package: "log", Signature: "func(logger *slog.Logger, f *base.Failure, h http.Handler)"},
		{Name: "sum_all", Domain: "base", Signature: "func SumAll[N ~int | ~float64](list ...N) (total N, err error)"},
		{Name: "sum_numbers", Domain: "base", Pure: true, Signature: "func SumNumbers[N Number, M interface{ ~int }, S ~[]N](list S, start N, step M) N"},
		{Name: "retry_policy", Domain: "base", Kind: "type"},
		{Name: "log_level", Domain: "base", Kind: "type", Signature: "type LogLevel int", Description: "How much is logged."},
		{Name: "token_store", Domain: "net", Kind: "type", Package: "lib/net/token", Signature: "type TokenStore interface { Load(ctx context.Context) (string, error) }"},
		{Name: "ring_of", Domain: "base", Kind: "type", Signature: "type RingOf[T any] struct { items []T }"},
		{Name: "fetch_and_pick", Domain: "net", Kind: "pipeline", Package: "http", Uses: []string{"pick_all_go_base", "http_duckdb_get_go_net", "failure_go_base"}},
		{Name: "tool_light", Kind: "app", Uses: []string{"http_duckdb_get_go_net", "pick_all_go_base", "failure_go_base"}},
		{Name: "tool_heavy", Kind: "app", Uses: []string{"heavy_load_go_net"}, Description: "Loads heavy things."},
	} {
		makeUnit(t, dir, d)
	}
	lint(t, dir)
	goRun(t, dir, "vet", "work")
	goRun(t, dir, "test", "work")
	for _, app := range []string{"tool_light", "tool_heavy"} {
		cmd := exec.Command("go", "build", "-o", os.DevNull, ".")
		cmd.Dir = filepath.Join(dir, "apps", app)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s alone: %v\n%s", app, err, out)
		}
	}
	out, err := exec.Command("gofmt", "-l", dir).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("gofmt: %s %v", out, err)
	}
}

func TestNew_FlatModule(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), `-- go.mod --
module example.org/flat

go 1.26
-- flat.go --
package flat

type options struct{ n int }
`)
	p := makeUnit(t, dir, Draft{Name: "slug_make", Domain: "text", Pure: true})
	if p.Folder != "." || p.Files[0].Path != "slug_make.go" {
		t.Errorf("plan: %+v", p)
	}
	makeUnit(t, dir, Draft{Name: "json_get", Domain: "text", Package: "jsons"})
	app := makeUnit(t, dir, Draft{Name: "tool", Kind: "app", Uses: []string{"slug_make_go_text"}})
	for _, f := range app.Files {
		if strings.HasSuffix(f.Path, "go.mod") {
			t.Error("a program below a module got a module of its own")
		}
	}
	lint(t, dir)
	goRun(t, dir, "vet", "./...")
	goRun(t, dir, "test", "./...")
}

// What a type of the package without a spec reaches is written when the unit
// is.
func TestNew_LocalType(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace+`-- lib/net/http/hub.go --
package http

import "example.org/lib/base"

type Hub struct{ last base.Failure }

func (h *Hub) Check() error { return HTTPDuckDBGet(h.last.Op) }
`)
	p := makeUnit(t, dir, Draft{Name: "hub_ping", Domain: "net", Package: "http", Signature: "func(hub *Hub) error"})
	if !strings.Contains(strings.Join(p.Notes, " "), "are completed when it is written") {
		t.Errorf("notes: %v", p.Notes)
	}
	left, err := Complete(t.Context(), load(t, dir), p)
	if err != nil || len(left) > 0 || !strings.Contains(p.Files[2].Text, "uses_functions: [http_duckdb_get_go_net]\nuses_types: [failure_go_base]") {
		t.Errorf("%v %v\n%s", left, err, p.Files[2].Text)
	}
	lint(t, dir)
}

// A program below a module that does not require all it needs becomes a module
// of its own, also inside the other.
func TestNew_ModuleBelowModule(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), `-- go.mod --
module example.org/root

go 1.26
-- text/cut.go --
// Package text works on text.
package text

// Cut cuts.
func Cut() {}
-- driver/go.mod --
module example.org/root/driver

go 1.26

require example.org/root v0.0.0

replace example.org/root => ../
-- driver/load.go --
// Package driver is heavy.
package driver

import "example.org/root/text"

// Load loads.
func Load() { text.Cut() }
-- fn_registry.yaml --
version: 1
units: [text, driver]
`)
	plan := FirstSpecs(load(t, dir))
	if err := plan.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(t.Context(), load(t, dir), plan); err != nil {
		t.Fatal(err)
	}
	c := load(t, dir)
	for uses, want := range map[string]bool{"cut_go_text": false, "load_go_driver": true} {
		p, err := New(c, Draft{Name: "tool", Kind: "app", Uses: []string{uses}})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(p.Files, func(f File) bool { return f.Path == "apps/tool/go.mod" }); got != want {
			t.Errorf("%s: a module of its own: %v", uses, got)
		}
	}
	makeUnit(t, dir, Draft{Name: "tool", Kind: "app", Uses: []string{"cut_go_text", "load_go_driver"}})
	goRun(t, filepath.Join(dir, "apps/tool"), "test", "./...")

	p := makeUnit(t, dir, Draft{Name: "cut_and_load", Domain: "text", Kind: "pipeline", Uses: []string{"load_go_driver"}})
	if note := strings.Join(p.Notes, "\n"); !strings.Contains(note, "let go.mod require example.org/root/driver with a replace") {
		t.Errorf("notes: %s", note)
	}
}

// A new program forbids what only other modules of the repository link.
func TestNew_ForbidsOtherDrivers(t *testing.T) {
	t.Parallel()
	light, heavy, found := strings.Cut(workspace, "-- heavy/go.mod --\n")
	heavy = strings.Replace(heavy, "require example.org/lib v0.0.0", "require (\n\texample.org/lib v0.0.0\n\tdriver.example/db v1.2.0\n\tdriver.example/test v1.0.0\n)", 1)
	heavy = strings.Replace(heavy, `import "example.org/lib/base"`, "import (\n\t_ \"driver.example/db/v1\"\n\t\"example.org/lib/base\"\n)", 1)
	c := load(t, tree(t, t.TempDir(), light+"-- heavy/go.mod --\n"+heavy))
	for use, want := range map[string]string{
		"pick_all_go_base":  "\nforbidden_imports: [driver.example/db]\n",
		"heavy_load_go_net": "\nrun:", // nothing is forbidden
	} {
		plan, err := New(c, Draft{Name: "tool", Kind: "app", Uses: []string{use}})
		if err != nil || !found {
			t.Fatal(err)
		}
		md := plan.Files[2].Text
		if !strings.Contains(md, want) || strings.Contains(want, "run") && strings.Contains(md, "forbidden_imports") {
			t.Errorf("%s: %s\n%s", use, want, md)
		}
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace+`-- lib/base/taken.go --
package base

func taken() {}

func TakenToo() { taken() }
-- lib/net/odd/odd.md --
no spec
-- outside/note.md --
no module
-- cmd/go.mod --
module example.org/cmd
-- cmd/main.go --
package main
`)
	c := load(t, dir)
	for name, test := range map[string]struct {
		draft  Draft
		want   string
		exists bool
	}{
		"name":             {Draft{Name: "SlugMake", Domain: "base"}, `name "SlugMake" is not valid`, false},
		"empty name":       {Draft{Domain: "base"}, "is not valid", false},
		"taken name":       {Draft{Name: "pickall", Domain: "base"}, "the unit pick_all_go_base has that name", true},
		"taken symbol":     {Draft{Name: "taken_too", Domain: "base"}, "declares TakenToo already", true},
		"kind":             {Draft{Name: "a", Domain: "base", Kind: "functoin"}, "is not one of", false},
		"no domain":        {Draft{Name: "a"}, "no domain is named", false},
		"unknown domain":   {Draft{Name: "a", Domain: "bass"}, "domain bass is not among", false},
		"odd domain":       {Draft{Name: "a", Domain: "../x"}, "is not valid", false},
		"other domain":     {Draft{Name: "a", Domain: "net", Package: "lib/base"}, "is of domain base", false},
		"no package":       {Draft{Name: "a", Domain: "net"}, "has no package of its own name", false},
		"outside":          {Draft{Name: "a", Domain: "net", Package: "../x"}, "is not inside", false},
		"unread folder":    {Draft{Name: "a", Domain: "net", Package: "lib/testdata"}, "is not read by the go command", false},
		"no module":        {Draft{Name: "a", Domain: "net", Package: "outside/x"}, "is in no Go module", false},
		"main":             {Draft{Name: "a", Domain: "net", Package: "cmd/"}, "is main", false},
		"odd package":      {Draft{Name: "a", Domain: "net", Package: "Odd Name"}, "is not valid", false},
		"tag":              {Draft{Name: "a", Domain: "base", Tags: []string{"Big"}}, "tag", false},
		"uses":             {Draft{Name: "a", Domain: "base", Uses: []string{"pick_all_go_base"}}, "only a pipeline or an app", false},
		"no uses":          {Draft{Name: "a", Kind: "app"}, "none is named", false},
		"unknown use":      {Draft{Name: "a", Kind: "app", Uses: []string{"pick_al_go_base"}}, "no unit", false},
		"app signature":    {Draft{Name: "a", Kind: "app", Uses: []string{"pick_all_go_base"}, Signature: "func()"}, "has no signature", false},
		"syntax":           {Draft{Name: "a", Domain: "base", Signature: "func(a b c)"}, "does not parse", false},
		"not a function":   {Draft{Name: "a", Domain: "base", Signature: "type A int"}, "is no function's", false},
		"with a body":      {Draft{Name: "a", Domain: "base", Signature: "func A() {}\nfunc B() {}"}, "is more than one", false},
		"method":           {Draft{Name: "get", Domain: "base", Signature: "func (f *Failure) Get() int"}, "is a method's", false},
		"other name":       {Draft{Name: "a", Domain: "base", Signature: "func B()"}, "is of B", false},
		"unexported":       {Draft{Name: "abc", Domain: "base", Signature: "func abc()"}, "is not exported", false},
		"unknown type":     {Draft{Name: "a", Domain: "base", Signature: "func(x Thing)"}, "Thing is not declared", false},
		"unknown package":  {Draft{Name: "a", Domain: "base", Signature: "func(x pgx.Conn)"}, "nothing here imports", false},
		"name twice":       {Draft{Name: "a", Domain: "base", Signature: "func(x int) (x string)"}, "has the name x twice", false},
		"hiding name":      {Draft{Name: "a", Domain: "base", Signature: "func(errors []string) error"}, "hides another", false},
		"constraint":       {Draft{Name: "a", Domain: "base", Signature: "func[T fmt.Stringer](x T)"}, "no type is known", false},
		"impure parameter": {Draft{Name: "a", Domain: "base", Pure: true, Signature: "func(r io.Reader)"}, "does I/O", false},
		"impure use":       {Draft{Name: "a", Domain: "base", Pure: true, Kind: "pipeline", Uses: []string{"heavy_load_go_net"}}, "which is impure", false},
		"one unknown use":  {Draft{Name: "a", Domain: "base", Kind: "app", Uses: []string{"pick_all_go_base", "nothing_go_base"}}, "no unit", false},
		"parameter twice":  {Draft{Name: "a", Domain: "base", Signature: "func(x, y int, x string)"}, "has the name x twice", false},
		"hiding fmt":       {Draft{Name: "a", Domain: "base", Signature: "func(fmt string) error"}, "hides another", false},
		"empty interface":  {Draft{Name: "a", Domain: "base", Kind: "type", Signature: "type A interface"}, "has no methods", false},
		"type syntax":      {Draft{Name: "a", Domain: "base", Kind: "type", Signature: "func()"}, "does not parse", false},
		"type name":        {Draft{Name: "a", Domain: "base", Kind: "type", Signature: "type B int"}, "is of B", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := New(c, test.draft)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, test.want) || e.Exists != test.exists {
				t.Errorf("got %+v, %#v; want %q", plan, err, test.want)
			}
		})
	}
}

// TestNew_PureUses: a pure pipeline may compose pure functions, and types, pure
// or not.
func TestNew_PureUses(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), strings.Replace(workspace, "purity: pure\nsignature: \"type Failure struct\"", "purity: impure\nsignature: \"type Failure struct\"", 1)))
	if u := c.Unit("failure_go_base"); u == nil || u.Spec.Purity != "impure" {
		t.Fatal("the type is pure")
	}
	if _, err := New(c, Draft{Name: "pick_two", Domain: "base", Kind: "pipeline", Pure: true, Uses: []string{"pick_all_go_base", "failure_go_base"}}); err != nil {
		t.Error(err)
	}
}
