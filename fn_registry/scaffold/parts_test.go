package scaffold

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

func TestSnakeCase(t *testing.T) {
	t.Parallel()
	for symbol, want := range map[string]string{
		"SlugMake": "slug_make", "HTTPServe": "http_serve", "ParseURLs": "parse_urls", "ParseURLsFast": "parse_urls_fast", "SHA256Sum": "sha256_sum",
		"X": "x", "New2": "new2", "Foo_Bar": "foo_bar", "slug-make": "slug_make", "a.b": "a_b", "IDs": "ids", "ASet": "a_set", "Größe": "", "": "", "1a": "", "a/b": "",
	} {
		if got := SnakeCase(symbol); got != want {
			t.Errorf("%s: %q, want %q", symbol, got, want)
		}
		if want != "" && symbol[0] >= 'A' && symbol[0] <= 'Z' && catalog.Squash(want) != catalog.Squash(symbol) {
			t.Errorf("%s and %s are two names", symbol, want)
		}
	}
}

func TestSymbol(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace)
	m := newMaker(load(t, dir), Draft{})
	for name, want := range map[string]string{
		"slug_make": "SlugMake", "http_json_get": "HTTPJSONGet", "duckdb_open": "DuckDBOpen", "sse_handler": "SSEHandler", "utf8_check": "UTF8Check", "a_1": "A1", "getter": "Getter",
	} {
		if got := m.symbol(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestPackagesBelow: the packages of the own repository under a folder, not the
// folder itself.
func TestPackagesBelow(t *testing.T) {
	t.Parallel()
	m := newMaker(load(t, tree(t, t.TempDir(), workspace)), Draft{})
	if len(m.c.Dirs) < 3 {
		t.Fatalf("a tree of %d folders", len(m.c.Dirs))
	}
	var want []string
	for _, d := range m.c.Dirs {
		if rest, ok := strings.CutPrefix(d.Path, "lib/net/"); ok && d.Package != "" {
			want = append(want, rest)
		}
	}
	if got := m.packagesBelow("lib/net"); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q of %d folders", got, want, len(m.c.Dirs))
		for _, d := range m.c.Dirs {
			t.Log(d.Path, d.Package)
		}
	}
}

func TestAddUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ work, want string }{
		"in order":  {"go 1.26\n\nuse (\n\t./a // first\n\t./c\n)\n", "go 1.26\n\nuse (\n\t./a // first\n\t./apps/x\n\t./c\n)\n"},
		"at end":    {"use (\n\t./a\n)\n\nreplace b => ./b\n", "use (\n\t./a\n\t./apps/x\n)\n\nreplace b => ./b\n"},
		"one line":  {"go 1.26\nuse ./a", "go 1.26\nuse ./a\n\nuse ./apps/x\n"},
		"none":      {"go 1.26\n", "go 1.26\n\nuse ./apps/x\n"},
		"empty":     {"use (\n)\n", "use (\n\t./apps/x\n)\n"},
		"quoted":    {"use (\n\t\"./z z\"\n)\n", "use (\n\t./apps/x\n\t\"./z z\"\n)\n"},
		"commented": {"use ( // all\n\t// none yet\n)\n", "use ( // all\n\t// none yet\n\t./apps/x\n)\n"},
	} {
		if got := addUse(c.work, "./apps/x"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNewMod(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), `-- one/go.mod --
module "example.org/one"

go 1.25.0

require (
	example.org/two v0.0.0
	github.com/a/b v1.2.0 // indirect
)
require github.com/c/d v1.0.0

replace example.org/two => ../two
replace (
	github.com/c/d v1.0.0 => ./forks/d
	github.com/a/b => github.com/x/b v1.2.1
)
-- one/one.go --
package one
-- one/go.sum --
github.com/c/d v1.0.0 h1:b
github.com/a/b v1.2.0 h1:a
-- two/go.mod --
module example.org/two
go 1.26
require github.com/a/b v1.10.0
replace github.com/a/b => github.com/x/b v1.2.1
-- two/two.go --
package two
-- two/go.sum --
github.com/a/b v1.2.0 h1:a
`)
	m := newMaker(load(t, dir), Draft{})
	f, err := m.newMod("apps/x", "example.org/apps/x", []string{"one"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `module example.org/apps/x

go 1.26

require example.org/one v0.0.0

require (
	example.org/two v0.0.0 // indirect
	github.com/a/b v1.10.0 // indirect
	github.com/c/d v1.0.0 // indirect
)

replace example.org/one => ../../one

replace example.org/two => ../../two

replace github.com/a/b => github.com/x/b v1.2.1

replace github.com/c/d v1.0.0 => ../../one/forks/d
`; f.text != want {
		t.Errorf("go.mod:\n%s", f.text)
	}
	if want := []string{"github.com/a/b v1.2.0 h1:a", "github.com/c/d v1.0.0 h1:b"}; !slices.Equal(f.sums, want) {
		t.Errorf("go.sum: %q", f.sums)
	}
}

func TestWrite_OverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace)
	plan, err := New(load(t, dir), Draft{Name: "tool", Kind: "app", Uses: []string{"pick_all_go_base"}})
	if err != nil {
		t.Fatal(err)
	}
	left := func(message string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(dir, "apps")); !os.IsNotExist(err) {
			t.Errorf("%s: the folder apps is left: %v", message, err)
		}
	}
	work := filepath.Join(dir, "go.work")
	if err := os.WriteFile(work, []byte("go 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(dir); err == nil || !strings.Contains(err.Error(), "go.work has changed") {
		t.Errorf("changed go.work: %v", err)
	}
	left("changed go.work")

	tree(t, dir, "-- apps/tool/main_test.go --\nmine")
	var e *Error
	if err := plan.Write(dir); !errors.As(err, &e) || !e.Exists {
		t.Errorf("a file that came between: %v", err)
	}
	mine, err := os.ReadFile(filepath.Join(dir, "apps/tool/main_test.go"))
	entries, _ := os.ReadDir(filepath.Join(dir, "apps/tool"))
	if err != nil || string(mine) != "mine\n" || len(entries) != 1 {
		t.Errorf("%q, %v, %v", mine, entries, err)
	}
}

// Signatures come from people and from agents.
func FuzzNew(f *testing.F) {
	for _, seed := range []string{
		"func(s string) int", "func SlugMake[T any, K ~int|~string](a, b T, c ...K) (x []T, err error)", "type SlugMake struct", "type SlugMake map[string]SlugMakeConfig",
		"func(context.Context, SlugMakeConfig, func(int) (string, error), chan<- *http.Request, [3]byte, struct{ A int })", "func (s *S) SlugMake()", "func(", "type SlugMake[T any] []T",
		"func(a int) {\n}", "func(_, _ interface{ M(x int) }) map[[2]int]<-chan bool", "func(a, a int)", "type SlugMake = int",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	c := load(f, tree(f, f.TempDir(), workspace))
	f.Fuzz(func(t *testing.T, signature string, function bool) {
		d := Draft{Name: "slug_make", Domain: "base", Signature: signature, Kind: "type"}
		if function {
			d.Kind = "function"
		}
		plan, err := New(c, d)
		var e *Error
		switch {
		case errors.As(err, &e):
		case err != nil:
			t.Errorf("%q: %v", signature, err)
		default:
			md := plan.Files[len(plan.Files)-1]
			for _, p := range spec.Parse(md.Path, []byte(md.Text)).Problems {
				t.Errorf("%q: %s: %s\n%s", signature, p.Rule, p.Message, md.Text)
			}
		}
	})
}

func TestComment(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("some words of a description ", 12) + strings.Repeat("x", 90) + " and an end"
	var got []string
	for line := range strings.Lines(comment(words)) {
		text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "// ")
		if !ok || len(line) > 81 && strings.Contains(text, " ") {
			t.Errorf("line %q", line)
		}
		got = append(got, text)
	}
	if strings.Join(got, " ") != words {
		t.Errorf("got %q", got)
	}
}

// TestImportSet: names that are taken are not taken twice, and the standard
// library's packages stand first, each group by path.
func TestImportSet(t *testing.T) {
	t.Parallel()
	s := importSet{}
	for _, c := range []struct{ path, name, want string }{
		{"errors", "errors", "errors"}, {"example.org/z/errors", "errors", "fnerrors"}, {"example.org/a/errors", "errors", "fnerrors2"}, {"example.org/b/errors", "errors", "fnerrors3"},
		{"errors", "errors", "errors"}, {"example.org/a/errors", "errors", "fnerrors2"}, {"context", "context", "context"}, {"example.org/c/go-odd", "odd", "odd"}, {"example.org/c/x", "other", "other"},
	} {
		if got := s.add(c.path, c.name); got != c.want {
			t.Errorf("%s is %s, want %s", c.path, got, c.want)
		}
	}
	want := "import (\n\t\"context\"\n\t\"errors\"\n\n\tfnerrors2 \"example.org/a/errors\"\n\tfnerrors3 \"example.org/b/errors\"\n\t\"example.org/c/go-odd\"\n\tother \"example.org/c/x\"\n\tfnerrors \"example.org/z/errors\"\n)\n"
	if got := s.text(map[string]string{"example.org/c/x": "other", "example.org/a/errors": "errors", "example.org/b/errors": "errors", "example.org/z/errors": "errors"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for one, want := range map[string]string{"fmt": "\"fmt\"", "example.org/x": "\"example.org/x\""} {
		if got := (importSet{one: path.Base(one)}).text(nil); !strings.Contains(got, want) || strings.Contains(got, "\n\n") {
			t.Errorf("%s: %q", one, got)
		}
	}
	if got := (importSet{}).text(nil); got != "" {
		t.Errorf("nothing is %q", got)
	}
}

// TestMakeFolders: what is taken back is what was made, and no more.
func TestMakeFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	undo, err := makeFolders(filepath.Join(dir, "there", "a", "b"))
	if info, statErr := os.Stat(filepath.Join(dir, "there", "a", "b")); err != nil || statErr != nil || !info.IsDir() {
		t.Fatal(err, statErr)
	}
	undo()
	left, err := os.ReadDir(filepath.Join(dir, "there"))
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestDraft_Hints: what to do about a draft that is refused.
func TestDraft_Hints(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), workspace))
	for want, d := range map[string]Draft{
		"a name is snake_case: lower-case words of letters and digits, joined by _; did you mean slug_make?": {Name: "SlugMake", Domain: "base"},
		"a name is snake_case: lower-case words of letters and digits, joined by _":                          {Name: "größe", Domain: "base"},
		"names are unique in the repository: see lib/base/pick_all.md":                                       {Name: "pick_all", Domain: "base"},
		"name and symbol are equal without underscores and case: SlugMake":                                   {Name: "slug_make", Domain: "base", Kind: "type", Signature: "type Slug int"},
		"write it as in Go: type SlugMake int":                                                               {Name: "slug_make", Domain: "base", Kind: "type", Signature: "type (SlugMake int; B int)"},
		"write it as in Go: type SlugFold int":                                                               {Name: "slug_fold", Domain: "base", Kind: "type", Signature: "var SlugFold int"},
		"write it as in Go: type SlugCut int":                                                                {Name: "slug_cut", Domain: "base", Kind: "type", Signature: "type SlugCut int\ntype B int"},
		"write them: type SlugShow interface { Do(ctx context.Context) error }":                              {Name: "slug_show", Domain: "base", Kind: "type", Signature: "type SlugShow interface"},
		"leave pure out, or take the data and not the stream":                                                {Name: "a", Domain: "base", Pure: true, Signature: "func(r io.Reader)"},
		"a package is one lower-case word of letters and digits, or a folder from the root with a / in it":   {Name: "a", Domain: "net", Package: "Odd Name"},
		"name the domain base, or another package":                                                           {Name: "a", Domain: "net", Package: "lib/base"},
	} {
		_, err := New(c, d)
		var e *Error
		if !errors.As(err, &e) || e.Hint != want {
			t.Errorf("%+v: %#v, want the hint %q", d, err, want)
		}
	}
}
