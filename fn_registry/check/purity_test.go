package check

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestPurity checks the rule on the cases of testdata/purity.cases, and its
// findings for the impure ones against testdata/purity.reasons.
func TestPurity(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/purity.cases")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	testtree.Put(t, dir, "fn_registry.yaml", "version: 1\nunits: [a]\n")
	testtree.Put(t, dir, "go.mod", "module example.org/m\n")
	impure := map[string]bool{}
	_, files := testtree.Parse(string(src))
	for _, f := range files {
		name, want, isCase := strings.Cut(f.Name, " ")
		if !isCase {
			testtree.Put(t, dir, f.Name, f.Text)
			continue
		}
		impure[name] = want == "impure"
		testtree.Put(t, dir, "a/"+name+".go", f.Text)
		testtree.Put(t, dir, "a/"+name+".md", "---\nname: "+name+"\nkind: function\nlang: go\ndomain: a\npurity: pure\n---\n")
	}
	_, findings := run(t, dir, Options{Rules: []string{"purity", "file-syntax", "code-missing"}})
	found := map[string]string{}
	for _, f := range findings {
		if f.Rule != "purity" {
			t.Errorf("%s: %s", f.File, f.Message)
		}
		found[strings.TrimSuffix(path.Base(f.File), ".md")] = f.Message
	}
	for name, want := range impure {
		if message := found[name]; (message != "") != want {
			t.Errorf("%s: impure is %v, want %v: %s", name, message != "", want, message)
		}
	}
	if len(impure) < 100 {
		t.Errorf("%d cases", len(impure))
	}
	var why strings.Builder
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&why, "%s: %s\n", name, found[name])
	}
	const reasons = "testdata/purity.reasons"
	if *update {
		if err := os.WriteFile(reasons, []byte(why.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(reasons)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(why.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(wanted)) {
		if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
			t.Fatalf("%s:%d: got %q, want %q", reasons, i+1, got[min(i, len(got)-1)], wanted[min(i, len(wanted)-1)])
		}
	}
}
