package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pkg is go list's description of a package.
type pkg struct {
	Dir, ImportPath           string
	GoFiles                   []string
	TestGoFiles, XTestGoFiles []string
	Deps                      []string
	TestImports, XTestImports []string
}

func (p *pkg) tested() bool { return len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 }

func list(ctx context.Context, dir string, patterns []string) ([]*pkg, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-json=Dir,ImportPath,GoFiles,TestGoFiles,XTestGoFiles,Deps,TestImports,XTestImports"}, patterns...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var all []*pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// trial runs tests against mutants.
type trial struct {
	dir      string
	timeout  time.Duration
	packages []*pkg
	green    map[string]bool // packages whose tests pass without a mutant
}

// outcome is the result for a mutant.
type outcome int

const (
	survived outcome = iota
	killed
	noMutant // it does not compile
)

// sample tries n mutants, not counting those that don't compile, and returns
// the score in percent. If it is stopped, it reports how far it got.
func (t *trial) sample(ctx context.Context, all []mutant, n int, out io.Writer) (score float64, err error) {
	tried, noticed := 0, 0
	began := time.Now()
	for _, m := range all {
		var got outcome
		if tried == n {
			break
		}
		if got, err = t.try(ctx, m); err != nil {
			break
		}
		switch got {
		case noMutant:
			continue
		case killed:
			noticed++
		case survived:
			fmt.Fprintln(out, "survives:", m)
		}
		tried++
	}
	if tried == 0 {
		return 0, cmp.Or(err, errors.New("there is nothing to change"))
	}
	score = 100 * float64(noticed) / float64(tried)
	fmt.Fprintf(out, "%d of %d noticed: %.1f %%, %v\n", noticed, tried, score, time.Since(began).Round(time.Second))
	return score, err
}

// try runs the tests of the mutant's package, then those of its users, until
// one fails.
func (t *trial) try(ctx context.Context, m mutant) (outcome, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	src, err := m.apply()
	if err != nil {
		return 0, err
	}
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	plan, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: changed}})
	if err == nil {
		err = errors.Join(os.WriteFile(changed, src, 0o600), os.WriteFile(overlay, plan, 0o600))
	}
	if err != nil {
		return 0, err
	}
	if got, err := t.run(ctx, "build", "-overlay", overlay, m.pkg.ImportPath); err != nil || got == killed {
		return noMutant, err
	}
	for _, p := range t.testers(m.pkg) {
		// A finding of go vet is not a test's achievement.
		got, err := t.run(ctx, "test", "-vet=off", "-overlay", overlay, "-count=1", "-failfast", "-timeout", t.timeout.String(), p.ImportPath)
		if err == nil && got == killed {
			err = t.pass(ctx, p)
		}
		if err != nil || got == killed {
			return got, err
		}
	}
	return survived, nil
}

// pass fails if the tests of a package fail even without a mutant: then they
// detect nothing.
func (t *trial) pass(ctx context.Context, p *pkg) error {
	if t.green[p.ImportPath] {
		return nil
	}
	got, err := t.run(ctx, "test", "-timeout", t.timeout.String(), p.ImportPath)
	if err != nil {
		return err
	}
	if got == killed {
		return fmt.Errorf("the tests of %s fail without a mutant", p.ImportPath)
	}
	t.green[p.ImportPath] = true
	return nil
}

// testers lists the packages with tests that a mutant of p can fail, p first.
func (t *trial) testers(p *pkg) []*pkg {
	all := []*pkg{}
	if p.tested() {
		all = append(all, p)
	}
	for _, q := range t.packages {
		uses := slices.Concat(q.Deps, q.TestImports, q.XTestImports)
		if q != p && q.tested() && slices.Contains(uses, p.ImportPath) {
			all = append(all, q)
		}
	}
	return all
}

// run runs the go command and returns killed if it fails, or an error if it
// could not run or was stopped.
func (t *trial) run(ctx context.Context, args ...string) (outcome, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.dir
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		if args[0] == "test" && strings.Contains(string(out), "[setup failed]") {
			return 0, fmt.Errorf("go %s: %s", strings.Join(args, " "), out)
		}
		return killed, nil
	}
	return survived, err
}
