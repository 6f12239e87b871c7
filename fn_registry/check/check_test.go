package check

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
)

var update = flag.Bool("update", false, "write what the rules find into the test trees")

// TestRules runs every tree of testdata. A tree is a comment ("rules: a b",
// "only: file"), files, the expected findings, and the result of -fix for the
// files that it changes.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.tree")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test trees: %v", err)
	}
	tried := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range field(string(src), "rules") {
			tried[name] = true
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tree"), func(t *testing.T) {
			t.Parallel()
			runTree(t, file, string(src))
		})
	}
	for _, r := range Rules() {
		if !tried[r.Name] {
			t.Errorf("rule %s has no test tree", r.Name)
		}
		if r.Summary == "" || len(r.Explanation) < 60 {
			t.Errorf("rule %s is not explained", r.Name)
		}
	}
}

// field returns the words after "name:" in the comment.
func field(archive, name string) []string {
	comment, _, _ := strings.Cut(archive, "\n-- ")
	for line := range strings.Lines(comment) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}

func runTree(t *testing.T, file, archive string) {
	comment, files := testtree.Parse(archive)
	dir := t.TempDir()
	var want string
	fixed := map[string]string{}
	var kept []testtree.File
	before := map[string]string{}
	for _, f := range files {
		switch name, ok := strings.CutPrefix(f.Name, "fixed "); {
		case ok:
			fixed[name] = f.Text
		case f.Name == "want":
			want = f.Text
		case strings.HasPrefix(f.Name, "before "):
			before[strings.TrimPrefix(f.Name, "before ")] = f.Text
			kept = append(kept, f)
		default:
			testtree.Put(t, dir, f.Name, f.Text)
			kept = append(kept, f)
		}
	}
	opts := Options{Rules: field(archive, "rules")}
	for _, name := range field(archive, "only") {
		if opts.Only == nil {
			opts.Only = map[string]bool{}
		}
		opts.Only[name] = true
	}
	if len(before) > 0 {
		opts.Since = &Since{Revision: "v1", File: func(_ int, name string) ([]byte, bool) {
			text, ok := before[name]
			return []byte(text), ok
		}}
	}
	c, findings := run(t, dir, opts)
	got := ""
	for _, f := range findings {
		got += fmt.Sprintf("%s:%d:%d: %s: %s\n", f.File, f.Line, f.Column, f.Rule, f.Message)
	}
	changes, err := Fixed(c, findings)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		kept = append(kept, testtree.File{Name: "want", Text: got})
		for _, ch := range changes {
			kept = append(kept, testtree.File{Name: "fixed " + ch.File, Text: string(ch.After)})
		}
		out := comment
		for _, f := range kept {
			out += "\n-- " + f.Name + " --\n" + strings.TrimSuffix(f.Text, "\n")
		}
		if err := os.WriteFile(file, []byte(out+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("findings\n got\n%s\nwant\n%s", got, want)
	}
	if len(changes) != len(fixed) {
		t.Errorf("%d files are fixed, want %d", len(changes), len(fixed))
	}
	for _, ch := range changes {
		if string(ch.After) != fixed[ch.File] {
			t.Errorf("%s fixed\n got\n%s\nwant\n%s", ch.File, ch.After, fixed[ch.File])
		}
	}
	if err := Write(c, changes); err != nil {
		t.Fatal(err)
	}
	// What was fixed stays fixed, and no new findings appear.
	c, left := run(t, dir, opts)
	if again, err := Fixed(c, left); err != nil || len(again) > 0 {
		t.Errorf("a second -fix changes %d files, %v", len(again), err)
	}
	if i := slices.IndexFunc(left, func(f Finding) bool { return f.Fix != nil }); i >= 0 {
		t.Errorf("still fixable: %+v", left[i])
	}
}

func run(t testing.TB, dir string, opts Options) (*catalog.Catalog, []Finding) {
	t.Helper()
	c, _, err := catalog.Load(context.Background(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	findings, err := Run(context.Background(), c, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c, findings
}

func TestRun_UnknownRule(t *testing.T) {
	c, _ := run(t, t.TempDir(), Options{})
	for name, want := range map[string]string{"signatur": "did you mean signature?", "xyzzyxyzzy": "the rules are"} {
		if _, err := Run(context.Background(), c, Options{Rules: []string{name}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An ID that another root has is reported with that root's name.
func TestRun_TakenInAnotherRoot(t *testing.T) {
	t.Parallel()
	var roots []string
	for _, name := range []string{"first", "second"} {
		dir := filepath.Join(t.TempDir(), name)
		testtree.Put(t, dir, "a/one.go", "package a\n\nfunc One() {}\n")
		testtree.Put(t, dir, "a/one.md", "---\nname: one\nkind: function\nlang: go\ndomain: a\n---\n")
		roots = append(roots, dir)
	}
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	found, err := Run(t.Context(), c, Options{Rules: []string{"duplicate-id"}})
	if err != nil || len(found) != 1 || found[0].Message != "the ID one_go_a is taken by a/one.md of first" {
		t.Errorf("%+v, %v", found, err)
	}
}
