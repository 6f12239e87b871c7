package check

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/fn_registry/spec"
)

// TestFix_Property: however the derived keys of a clean spec are corrupted, one
// -fix restores a spec without findings, a second one changes nothing, and
// hand-written text is kept byte for byte.
func TestFix_Property(t *testing.T) {
	src, err := os.ReadFile("testdata/clean.tree")
	if err != nil {
		t.Fatal(err)
	}
	const file = "f/core/add.md"
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, files := testtree.Parse(string(src))
			for _, f := range files {
				if f.Name == "want" {
					continue
				}
				if f.Name == file {
					f.Text = spoil(f.Text, rand.New(rand.NewPCG(seed, 1)))
				}
				testtree.Put(t, dir, f.Name, f.Text)
			}
			spoilt, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			c, findings := run(t, dir, Options{})
			changes, err := Fixed(c, findings)
			if err != nil {
				t.Fatalf("%v\n%s", err, spoilt)
			}
			if err := Write(c, changes); err != nil {
				t.Fatal(err)
			}
			c, left := run(t, dir, Options{})
			if len(left) > 0 {
				t.Errorf("left after -fix: %+v\nof\n%s", left, spoilt)
			}
			if again, err := Fixed(c, left); err != nil || len(again) > 0 {
				t.Errorf("a second -fix changes something: %v", err)
			}
			after, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if a, b := typed(string(spoilt)), typed(string(after)); a != b {
				t.Errorf("what a person wrote has changed\nfrom\n%s\nto\n%s", a, b)
			}
		})
	}
}

// derivedLine matches the single line of a derived key in the clean tree.
var derivedLine = func() *regexp.Regexp {
	var names []string
	for _, k := range spec.Keys() {
		if k.Derived {
			names = append(names, k.Name)
		}
	}
	return regexp.MustCompile(`^(` + strings.Join(names, "|") + `|returns_optional|error_type):`)
}()

// spoil drops, empties or changes the lines of some derived keys.
func spoil(text string, r *rand.Rand) string {
	wrong := []string{
		"",
		" [wrong_go_core]",
		" [a, b] # a remark",
		" wrong",
		" 12",
		" true",
		" \"\"",
		" {a: b}",
		"\n  - one\n  # between\n  - two",
	}
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		key := derivedLine.FindString(line)
		if key == "" || r.IntN(3) > 0 {
			out = append(out, line)
			continue
		}
		if i := r.IntN(len(wrong) + 1); i < len(wrong) {
			out = append(out, key+wrong[i])
		}
	}
	return strings.Join(out, "\n")
}

// typed returns a spec's text without its derived keys and comments on them.
func typed(text string) string {
	var out []string
	skip := false
	for line := range strings.SplitSeq(text, "\n") {
		inside := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "-") && line != "---"
		if !inside {
			skip = derivedLine.MatchString(line)
		}
		if !skip {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestMend writes what is left to fix after an encoding was fixed, and gives up
// on fixes that undo each other.
func TestMend(t *testing.T) {
	t.Parallel()
	const spec = "\ufeff---\r\nname: add\r\nkind: function\r\nlang: go\r\ndomain: a\r\nsignature: x\r\n---\r\n"
	dir := t.TempDir()
	testtree.Put(t, dir, "go.mod", "module example.org/m\n")
	testtree.Put(t, dir, "a/add.go", "package a\n\nfunc Add() {}\n")
	testtree.Put(t, dir, "a/add.md", spec)
	rounds := 0
	look := func() (*catalog.Catalog, []Finding, error) {
		c, found := run(t, dir, Options{Rules: []string{"schema-encoding", "signature"}})
		return c, found, nil
	}
	_, left, err := Mend(look, func([]Change) { rounds++ })
	if src, _ := os.ReadFile(filepath.Join(dir, "a/add.md")); err != nil || len(left) > 0 || rounds == 0 || !strings.Contains(string(src), "func Add()") {
		t.Errorf("%d rounds, left %v, %v:\n%s", rounds, left, err, src)
	}
	rounds = 0
	never := func() (*catalog.Catalog, []Finding, error) {
		c, _ := run(t, dir, Options{Rules: []string{"signature"}})
		return c, []Finding{{File: "a/add.md", Fix: &Fix{File: "a/add.md", set: map[string]any{"version": fmt.Sprintf("0.0.%d", rounds)}}}}, nil
	}
	_, _, err = Mend(never, func([]Change) { rounds++ })
	if err == nil || !strings.HasPrefix(err.Error(), "a/add.md: its fixes never end") || rounds != mostRounds {
		t.Errorf("%d rounds, %v", rounds, err)
	}
}

// TestFix_Encoding: -fix removes a byte order mark and CRLF, together with
// other problems; other invalid characters are left to a person.
func TestFix_Encoding(t *testing.T) {
	t.Parallel()
	const good = "---\nname: one\nkind: function\nlang: go\ndomain: a\n---\nText.\n"
	for name, c := range map[string]struct{ text, want string }{
		"byte order mark": {"\ufeff" + good, good},
		"CRLF":            {strings.ReplaceAll(good, "\n", "\r\n"), good},
		"both":            {"\ufeff" + strings.ReplaceAll(good, "\n", "\r\n"), good},
		"one CRLF":        {strings.Replace(good, "Text.\n", "Text.\r\n", 1), good},
		"NUL":             {strings.Replace(good, "Text.", "Te\x00xt.", 1), ""},
		"neither":         {good, ""},
	} {
		dir := t.TempDir()
		testtree.Put(t, dir, "go.mod", "module example.org/m\n")
		testtree.Put(t, dir, "a/one.go", "package a\n\nfunc One() {}\n")
		testtree.Put(t, dir, "a/one.md", c.text)
		tree, findings := run(t, dir, Options{Rules: []string{"schema-encoding"}})
		changes, err := Fixed(tree, findings)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, ch := range changes {
			got += string(ch.After)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for _, f := range findings {
			fixed := f.Fix != nil && string(spec.Apply([]byte(c.text), f.Fix.Edits)) == c.want
			if fixed != (c.want != "") {
				t.Errorf("%s: the fix of %q is %+v", name, f.Message, f.Fix)
			}
		}
	}
}
