// Command quick formats, lints and tests what has changed since a revision, and
// what depends on it: the packages of the changed files, and of all units and
// programs whose code reaches a changed unit. It starts no servers; tests that
// need one are skipped, and listed at the end. make test runs everything. Exit
// status: 0, 1 if something fails, 2 if it can't be run.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/revision"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/dev/internal/gitrev"
)

type settings struct {
	Since string `yaml:"-" flag:"since" doc:"the revision to compare with (default: where the branch left its upstream, else HEAD, else the one before)"`
}

func main() {
	program.ProgramMain(program.ProgramRunConfig{
		Name: "quick", Doc: "format, lint and test what has changed and what depends on it",
		ExitCode: func(error) int { return 2 },
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{Run: quick})},
	})
}

func quick(ctx context.Context, call program.ProgramCall[*settings]) error {
	stdout := call.Stdout
	files, since, err := changed(ctx, call.Settings.Since)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		fmt.Fprintf(stdout, "nothing has changed since %.12s\n", since)
		return nil
	}
	c, _, err := catalog.Load(ctx, catalog.Options{Roots: []string{"."}})
	if err != nil {
		return err
	}
	packages := reached(c, files)
	fmt.Fprintf(stdout, "%d files have changed since %.12s; %d packages to test\n", len(files), since, len(packages))
	failed := false
	for _, s := range stepsFor(goFiles(files), packages) {
		start := time.Now()
		fmt.Fprintf(stdout, "== %s\n", s.name)
		if err := s.run(ctx, stdout, call.Stderr); err != nil {
			fmt.Fprintf(stdout, "== %s failed: %v\n", s.name, err)
			failed = true
			continue
		}
		fmt.Fprintf(stdout, "== %s: ok, %.1f s\n", s.name, time.Since(start).Seconds())
	}
	if failed {
		return program.ProgramExit(1)
	}
	fmt.Fprintln(stdout, "Tests that need a server were skipped; make test runs all.")
	return nil
}

// opsTest reads the source of all units, so no change of one reaches it.
const opsTest = "fnregistry.dev/tools/dev/opstest"

// stepsFor returns what there is to do about changed Go files, and the packages
// that a change reaches. Earlier results of tests never count: to go test, a
// test that builds a program or reads other modules looks unchanged when only
// those have changed.
func stepsFor(goFiles, packages []string) []step {
	lint := step{"lint", []string{"go", "run", "./tools/frontmatter-lint", "."}}
	if len(goFiles) == 0 && len(packages) == 0 {
		return []step{lint}
	}
	var steps []step
	tests := slices.Clone(packages)
	if len(goFiles) > 0 {
		steps = append(steps, step{"format", append([]string{"gofmt", "-l", "-w"}, goFiles...)},
			step{"layout", append([]string{"go", "run", "./tools/dev/layout"}, goFiles...)})
		if !slices.Contains(tests, opsTest) {
			tests = append(tests, opsTest)
		}
	}
	steps = append(steps, lint)
	if len(packages) > 0 {
		steps = append(steps, step{"vet", append([]string{"go", "vet"}, packages...)})
	}
	return append(steps, step{"test", append([]string{"go", "test", "-count=1"}, tests...)})
}

// changed lists the files that differ from a revision, and says which one that
// is.
func changed(ctx context.Context, since string) ([]string, string, error) {
	if since == "" {
		earlier, err := gitrev.Earlier(ctx)
		if err != nil {
			return nil, "", err
		}
		since = earlier
	}
	repo, err := revision.Open(ctx, ".", since)
	if err != nil {
		return nil, "", err
	}
	defer repo.Close()
	files, err := repo.Changed(ctx)
	return files, since, err
}

// reached lists the import paths of the packages that contain a changed file,
// or a unit or program whose code reaches a unit of such a package. If a
// package has no units, its importers are reached.
func reached(c *catalog.Catalog, files []string) []string {
	dirs := map[*catalog.Dir]bool{}
	var follow func(d *catalog.Dir)
	followed := map[*catalog.Dir]bool{}
	follow = func(d *catalog.Dir) {
		if followed[d] {
			return
		}
		followed[d], dirs[d] = true, true
		if len(d.Units) == 0 {
			for _, other := range c.Dirs {
				if slices.ContainsFunc(other.Imports, func(i catalog.FileImport) bool { return i.Path == d.ImportPath }) {
					follow(other)
				}
			}
		}
	}
	for _, file := range files {
		d := packageOf(c, file)
		if d == nil {
			continue
		}
		if forTests(file) {
			dirs[d] = true
			continue
		}
		follow(d)
		for _, u := range changedUnits(d, file) {
			for _, user := range c.Dependents(u) {
				dirs[user.Unit.Dir] = true
				if user.Unit.IsApp() {
					for _, d := range c.AppPackages(user.Unit) {
						dirs[d] = true
					}
				}
			}
		}
	}
	var paths []string
	for d := range dirs {
		paths = append(paths, d.ImportPath)
	}
	slices.Sort(paths)
	return paths
}

// packageOf finds the package that a file belongs to: that of its folder, or
// for test data that of the nearest folder above.
func packageOf(c *catalog.Catalog, file string) *catalog.Dir {
	for dir := path.Dir(filepath.ToSlash(file)); ; dir = path.Dir(dir) {
		if d := c.Dir(0, dir); d != nil && d.ImportPath != "" && d.Package != "" {
			return d
		}
		if dir == "." {
			return nil
		}
	}
}

// forTests reports whether only the package's own tests read a file.
func forTests(file string) bool {
	return strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/")
}

// changedUnits lists the units of a folder that a file may affect: its own, or
// all if it belongs to none.
func changedUnits(d *catalog.Dir, file string) []*catalog.Unit {
	var own []*catalog.Unit
	for _, u := range d.Units {
		if u.File == file || u.Code != nil && u.Code.File == file {
			own = append(own, u)
		}
	}
	if len(own) > 0 {
		return own
	}
	return d.Units
}

// goFiles filters the existing Go files.
func goFiles(files []string) (kept []string) {
	for _, file := range files {
		if _, err := os.Stat(file); err == nil && strings.HasSuffix(file, ".go") {
			kept = append(kept, file)
		}
	}
	return kept
}

// step is a command to run.
type step struct {
	name string
	args []string
}

// run runs the step's command. Packages without tests are not printed.
func (s step) run(ctx context.Context, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
	cmd.Env = append(os.Environ(), "SKIP_SERVERS=1")
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if !bytes.Contains(line, []byte("[no test files]")) {
			stdout.Write(line)
		}
		if err != nil {
			return cmd.Wait()
		}
	}
}
