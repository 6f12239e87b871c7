package gomod

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"fnregistry.dev/fn_registry/catalog"
)

// Modules a and b of one repository: a requires b, and both require third-party
// modules.
func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/go.mod": "module x.example/a\n\ngo 1.25\n\nrequire (\n\tx.example/b v0.0.0\n\tother.example/one v1.2.0\n)\n\n" +
			"replace x.example/b => ../b\n\nreplace other.example/two => ../two\n",
		"a/go.sum": "other.example/one v1.2.0 h1:1\n",
		"b/go.mod": "module x.example/b\n\ngo 1.26\n\nrequire (\n\tother.example/one v1.10.0\n\tother.example/two v1.0.0\n)\n",
		"c/go.mod": "module x.example/c\n\ngo 1.30\n",
		"go.work": "go 1.26\n\nuse (\n\t./a\n\t./b\n)\n\nreplace other.example/one => fork.example/one v1.0.1\n\n" +
			"replace other.example/unneeded => ./unneeded\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root := &catalog.Root{Dir: dir, Modules: map[string]string{"a": "x.example/a", "b": "x.example/b", "c": "x.example/c"}}
	needs, err := Read(root, []string{"x.example/a"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"x.example/a", "x.example/b"}; !slices.Equal(needs.Own, want) {
		t.Errorf("own %q, want %q", needs.Own, want)
	}
	if r := needs.Requires; len(r) != 2 || r["other.example/one"] != "v1.10.0" || r["other.example/two"] != "v1.0.0" {
		t.Errorf("requires %v", r)
	}
	if needs.GoLine != "1.26" {
		t.Errorf("go line %s", needs.GoLine)
	}
	if want := []string{"other.example/one v1.2.0 h1:1"}; !slices.Equal(needs.Sums, want) {
		t.Errorf("sums %q, want %q", needs.Sums, want)
	}
	want := []modfile.Replace{
		{Old: module.Version{Path: "other.example/two"}, New: module.Version{Path: filepath.Join(dir, "two")}},
		{
			Old: module.Version{Path: "other.example/one"},
			New: module.Version{Path: "fork.example/one", Version: "v1.0.1"},
		},
	}
	if !slices.Equal(needs.Replaces, want) {
		t.Errorf("replaces %v, want %v", needs.Replaces, want)
	}
}

func TestModuleOf(t *testing.T) {
	t.Parallel()
	requires := map[string]string{"x.example/a": "v1.0.0", "x.example/a/b": "v1.0.0"}
	for path, want := range map[string]string{
		"x.example/a": "x.example/a", "x.example/a/c": "x.example/a", "x.example/a/b/c": "x.example/a/b",
		"x.example/ab": "", "fmt": "",
	} {
		if got := ModuleOf(requires, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestUnreleased(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"x.example/a": "v0.0.0", "x.example/a/v2": "v2.0.0", "gopkg.in/a.v3": "v3.0.0",
	} {
		if got := Unreleased(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
