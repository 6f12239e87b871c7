package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/format"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/example"
	"fnregistry.dev/functions/infra/program"
)

func treeOf(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tree")
	if status, said := run(t.Context(), append(args, "-out", out)...); status != 0 {
		t.Fatal(said)
	}
	return out
}

// run returns the program's exit status and its errors.
func run(ctx context.Context, args ...string) (int, string) {
	var stderr strings.Builder
	cfg := gentree()
	cfg.Args, cfg.Stdout, cfg.Stderr = args, io.Discard, &stderr
	return program.ProgramRun(ctx, cfg), stderr.String()
}

// The tree is what it claims to be: code that builds, passes go vet and its own
// tests.
func TestTree_Compiles(t *testing.T) {
	t.Parallel()
	out := treeOf(t, "-n", "200", "-seed", "7")
	for _, args := range [][]string{{"build", "./..."}, {"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = out
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
	var files, tests int
	walk(t, out, func(name string, content []byte) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		files++
		if formatted, err := format.Source(content); err != nil || !bytes.Equal(formatted, content) {
			t.Errorf("%s is not as gofmt writes it (%v)", name, err)
		}
		tests += bytes.Count(content, []byte("\nfunc Test"))
	})
	if files < 400 || tests < 300 {
		t.Errorf("%d Go files with %d tests for 200 units", files, tests)
	}
}

// walk calls f with every file but git's own, in order of names.
func walk(t *testing.T, root string, f func(name string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		content, err := os.ReadFile(path)
		f(strings.TrimPrefix(path, root), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTree_LinterFindsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, seed int }{{1, 1}, {3, 1}, {45, 2}, {61, 3}, {700, 4}} {
		t.Run(fmt.Sprint(c.n), func(t *testing.T) {
			t.Parallel()
			out := treeOf(t, "-n", fmt.Sprint(c.n), "-seed", fmt.Sprint(c.seed))
			tree, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{out}})
			if err != nil {
				t.Fatal(err)
			}
			if units := len(tree.Units); units != c.n+max(1, c.n/500) {
				t.Errorf("the linter sees %d units", units)
			}
			findings, err := check.Run(t.Context(), tree, check.Options{})
			if err != nil {
				t.Fatal(err)
			}
			examples, err := example.Check(t.Context(), tree, tree.Units)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range append(findings, examples...) {
				t.Errorf("%s:%d: %s [%s]", f.File, f.Line, f.Message, f.Rule)
			}
		})
	}
}

func TestTree_SameSeedSameBytes(t *testing.T) {
	t.Parallel()
	sum := func(args ...string) string {
		h := sha256.New()
		walk(t, treeOf(t, args...), func(name string, content []byte) { fmt.Fprintf(h, "%s %d\n%s", name, len(content), content) })
		return hex.EncodeToString(h.Sum(nil))
	}
	first := sum("-n", "300", "-seed", "9")
	if second := sum("-n", "300", "-seed", "9"); first != second {
		t.Error("the same seed gave other bytes")
	}
	if other := sum("-n", "300", "-seed", "10"); first == other {
		t.Error("another seed gave the same bytes")
	}
}

func TestTree_Commit(t *testing.T) {
	t.Parallel()
	head := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", "-C", treeOf(t, args...), "rev-parse", "HEAD")
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return string(text)
	}
	first, second := head("-n", "30", "-commit"), head("-n", "30", "-commit")
	if len(first) < 40 || first != second {
		t.Errorf("the commits are %q and %q", first, second)
	}
}

func TestPlan_IsAsDocumented(t *testing.T) {
	t.Parallel()
	p := newPlan(5000, 1)
	used := map[int32]int{}
	counts := map[int]int{}
	kinds := map[kind]int{}
	for i, u := range p.units {
		kinds[u.kind]++
		counts[len(u.uses)]++
		from := &p.packages[u.pkg]
		for _, j := range u.uses {
			used[j]++
			to := &p.packages[p.units[j].pkg]
			if int(j) >= i || from != to && to.level >= from.level {
				t.Errorf("%s uses %s, which is not below it", p.id(int32(i)), p.id(j))
			}
			if u.pure && !p.units[j].pure {
				t.Errorf("%s is pure and uses %s", p.id(int32(i)), p.id(j))
			}
		}
		if len(u.uses) > maxUses || u.cost > maxCost {
			t.Errorf("%s uses %d units at a cost of %d", p.id(int32(i)), len(u.uses), u.cost)
		}
	}
	for n := range maxUses + 1 {
		if counts[n] < 50 {
			t.Errorf("%d units use %d others", counts[n], n)
		}
	}
	most := 0
	for _, n := range used {
		most = max(most, n)
	}
	if most < 50 || len(used) < 1000 {
		t.Errorf("the most used unit is used %d times, %d are used at all", most, len(used))
	}
	if kinds[typ] < 100 || kinds[pipeline] < 100 {
		t.Errorf("%d types, %d pipelines", kinds[typ], kinds[pipeline])
	}
	for i, g := range p.packages {
		if size := g.end - g.first; size < 20 || size > 60 {
			t.Errorf("package %d has %d units", i, size)
		}
	}
}

// An unsuitable word would create a file for only one system, or hide a package
// behind a variable.
func TestWords(t *testing.T) {
	t.Parallel()
	variables := []string{
		"sum",
		"joined",
		"err",
		"ok",
		"got",
		"ctx",
		"cfg",
		"db",
		"n",
		"start",
		"read",
		"out",
		"item",
		"items",
		"values",
		"next",
		"w",
		"r",
		"first",
		"second",
		"each",
	}
	for _, typ := range types {
		variables = append(variables, typ.names...)
	}
	packages := strings.Fields("fmt strings strconv errors time io os context slices maps cmp sql http httptest rand runtime reflect testing")
	systems := strings.Fields("test unix windows linux darwin android ios js wasm plan9 solaris illumos aix hurd nacl zos amd64 arm arm64 mips riscv loong64 sparc s390 ppc ppc64")
	for _, word := range slices.Concat(verbs, nouns, adjectives, qualifiers, topics) {
		if slices.Contains(systems, word) || word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q can't be in a name", word)
		}
	}
	for i, topic := range topics {
		if slices.Contains(packages, topic) || slices.Contains(variables, topic) || token.IsKeyword(topic) || slices.Contains(topics[:i], topic) {
			t.Errorf("%q can't be a package", topic)
		}
	}
	for _, name := range variables {
		if slices.Contains(packages, name) || token.IsKeyword(name) {
			t.Errorf("%q can't be a variable", name)
		}
	}
	seen := map[string]bool{}
	for i := range rareWords {
		seen[rareWord(i)] = true
	}
	if len(seen) < rareWords*9/10 {
		t.Errorf("%d rare words, want %d", len(seen), rareWords)
	}
}

func TestRun_Refuses(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-seed 1", "no -out"},
		{"-n 0 -out x", "--units is 0"},
		{"-n -5 -out x", "--units is -5"},
		{"-out x y", `unexpected argument "y"`},
		{"-out " + full, "not empty"},
	} {
		if status, said := run(t.Context(), strings.Fields(c.args)...); status == 0 || !strings.Contains(said, c.want) {
			t.Errorf("%s: status %d, %q, want %q", c.args, status, said, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _ := run(ctx, "-out", filepath.Join(t.TempDir(), "x")); status == 0 {
		t.Error("continued after its context had ended")
	}
}
