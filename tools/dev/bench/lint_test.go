//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// lintUnits is the number of units that the linter is measured on.
const lintUnits = 10_000

// BenchmarkLint runs frontmatter-lint on a generated tree: cold (nothing
// cached), warm, and -changed HEAD after one unit was touched; and go vet on
// the same tree, with the standard library compiled and vetted, but nothing of
// the tree: like a new clone on a machine where Go has been used.
func BenchmarkLint(b *testing.B) {
	l := linter{root: tree(b, units(b, lintUnits), 1, true), program: program(b, "frontmatter-lint")}
	// Without leftovers of a killed run in BENCH_TREES.
	run(b, exec.Command("git", "-C", l.root, "checkout", "-q", "-f"))
	var cold, warm, changed sum
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			cold.add(l.clean(b, b.TempDir()))
		}
		cold.report(b)
	})
	cache := b.TempDir()
	l.clean(b, cache)
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			warm.add(l.clean(b, cache))
		}
		warm.report(b)
	})
	b.Run("changed-warm", func(b *testing.B) {
		u := l.unit(b)
		u.spoil(b)
		if c, err := try(l.command(cache, "-changed", "HEAD")); err == nil || !regexp.MustCompile(`\b1 finding`).MatchString(c.output) {
			b.Fatalf("-changed HEAD does not see a wrong signature: %v\n%s", err, c.output)
		}
		for i := 0; b.Loop(); i++ {
			u.touch(b, i)
			changed.add(l.clean(b, cache, "-changed", "HEAD"))
		}
		changed.report(b)
	})
	benchmarkVet(b, l.root, &cold, &warm)
}

type linter struct{ root, program string }

func (l linter) command(cache string, args ...string) *exec.Cmd {
	cmd := exec.Command(l.program, append(args, l.root)...)
	cmd.Env = environment("XDG_CACHE_HOME=" + cache)
	return cmd
}

var unitCount = regexp.MustCompile(`(\d+) units, no findings`)

// clean runs the linter, which must find nothing in any of the units.
func (l linter) clean(b *testing.B, cache string, args ...string) cost {
	b.Helper()
	c := run(b, l.command(cache, args...))
	m := unitCount.FindStringSubmatch(c.output)
	if m == nil {
		b.Fatalf("the linter says %q", c.output)
	}
	if n, err := strconv.Atoi(m[1]); err != nil || n < units(b, lintUnits) {
		b.Fatalf("the linter saw %d units", n)
	}
	return c
}

// unit is one unit of the tree, restored when the benchmark ends.
type unit struct {
	code, spec       string
	oldCode, oldSpec []byte
}

func (l linter) unit(b *testing.B) *unit {
	b.Helper()
	specs, err := filepath.Glob(filepath.Join(l.root, "functions", "core", "*", "*.md"))
	if err != nil || len(specs) == 0 {
		b.Fatalf("no units in functions/core: %v", err)
	}
	u := &unit{spec: specs[len(specs)/2]}
	u.code = u.spec[:len(u.spec)-len("md")] + "go"
	for file, old := range map[string]*[]byte{u.code: &u.oldCode, u.spec: &u.oldSpec} {
		if *old, err = os.ReadFile(file); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		u.write(b, u.code, u.oldCode)
		u.write(b, u.spec, u.oldSpec)
	})
	return u
}

func (u *unit) write(b *testing.B, file string, text []byte) {
	b.Helper()
	if err := os.WriteFile(file, text, 0o644); err != nil {
		b.Fatal(err)
	}
}

// spoil gives the spec another signature.
func (u *unit) spoil(b *testing.B) {
	b.Helper()
	spoilt := regexp.MustCompile(`(?m)^signature: .*$`).ReplaceAll(u.oldSpec, []byte(`signature: "func Wrong()"`))
	if string(spoilt) == string(u.oldSpec) {
		b.Fatalf("%s has no signature", u.spec)
	}
	u.write(b, u.spec, spoilt)
}

// touch adds a comment to the code, and restores the spec.
func (u *unit) touch(b *testing.B, i int) {
	b.Helper()
	u.write(b, u.spec, u.oldSpec)
	u.write(b, u.code, fmt.Appendf(nil, "%s\n// touched %d\n", u.oldCode, i))
}

// benchmarkVet runs go vet, first with nothing of the tree in the build cache,
// then again.
func benchmarkVet(b *testing.B, root string, cold, warm *sum) {
	cache := b.TempDir()
	vet := func(root, cache string) *exec.Cmd {
		cmd := exec.Command("go", "vet", "./...")
		cmd.Dir = root
		cmd.Env = environment("GOCACHE="+cache, "GOWORK=off", "GOFLAGS=")
		return cmd
	}
	var vetCold, vetWarm sum
	last := ""
	b.Run("go-vet-cold", func(b *testing.B) {
		primed := filepath.Join(cache, "std")
		// This is other code that uses the same packages of the standard
		// library.
		run(b, vet(tree(b, 300, 2, false), primed))
		b.ResetTimer()
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			if last != "" {
				if err := os.RemoveAll(last); err != nil {
					b.Fatal(err)
				}
			}
			last = filepath.Join(cache, strconv.Itoa(i))
			run(b, exec.Command("cp", "-a", primed, last))
			b.StartTimer()
			vetCold.add(run(b, vet(root, last)))
		}
		vetCold.report(b)
		vetCold.times(b, cold, "lint-cold")
	})
	if last == "" {
		return
	}
	b.Run("go-vet-warm", func(b *testing.B) {
		for b.Loop() {
			vetWarm.add(run(b, vet(root, last)))
		}
		vetWarm.report(b)
		vetWarm.times(b, warm, "lint-warm")
	})
}
