// Package scripttest runs scripts (testscript's txtar files) on a program's
// real binary. It is built as the test is: with the race detector under go test
// -race, and with counters under go test -cover, whose figures it logs.
package scripttest

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Config says what to run. Only Program is required.
type Config struct {
	// Program is the name that scripts call the binary by: exec NAME.
	Program string
	// Package is the package to build, as go build takes it. Default: ".".
	Package string
	// Dir has the scripts, *.txtar. Default: testdata/script.
	Dir string
	// Setup changes a script's environment after the kit's own changes.
	Setup func(env *testscript.Env) error
	// Cmds are commands of the scripts beside testscript's and [exits].
	Cmds map[string]func(ts *testscript.TestScript, neg bool, args []string)
}

// Run builds the program and runs each script as a parallel subtest of t.
// Within scripts
//
//   - the program is in PATH, and BINDIR is its folder,
//   - programs are only run by exec,
//   - "exits CODE COMMAND ARGS..." runs a command and checks its exit code,
//   - the go command works with the machine's caches and without the network,
//   - XDG_CACHE_HOME is the script's own.
//
// Under go test -cover the binary writes its counters to the folder that
// -test.gocoverdir names, for go tool covdata; without that flag, to a
// temporary one.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	p := program{name: cfg.Program, pkg: cmp.Or(cfg.Package, "."), race: raceEnabled, cover: testing.CoverMode() != ""}
	if err := p.build(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if p.cover {
		counters := coverDir(t)
		t.Cleanup(func() { logCoverage(t, counters) })
		p.counters = counters
	}
	cmds := map[string]func(*testscript.TestScript, bool, []string){"exits": exits}
	maps.Copy(cmds, cfg.Cmds)
	caches := GoEnv()
	testscript.Run(t, testscript.Params{
		Dir:                 cmp.Or(cfg.Dir, filepath.Join("testdata", "script")),
		RequireExplicitExec: true,
		Cmds:                cmds,
		Setup: func(env *testscript.Env) error {
			for name, value := range caches {
				env.Setenv(name, value)
			}
			p.setenv(env)
			cache := filepath.Join(env.WorkDir, ".cache")
			env.Setenv("XDG_CACHE_HOME", cache)
			if err := os.MkdirAll(cache, 0o755); err != nil {
				return err
			}
			if cfg.Setup == nil {
				return nil
			}
			return cfg.Setup(env)
		},
	})
}

// program is the binary under test.
type program struct {
	name, pkg   string
	race, cover bool
	dir         string // of the binary
	counters    string // folder for coverage; empty without
}

func (p *program) build(dir string) error {
	p.dir = dir
	args := []string{"build", "-o", filepath.Join(dir, p.name)}
	if p.race {
		args = append(args, "-race")
	}
	if p.cover {
		args = append(args, "-cover")
	}
	out, err := exec.Command("go", append(args, p.pkg)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.name, err, out)
	}
	return nil
}

func (p *program) setenv(env *testscript.Env) {
	env.Setenv("PATH", p.dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("BINDIR", p.dir)
	if p.counters != "" {
		env.Setenv("GOCOVERDIR", p.counters)
	}
}

// coverDir returns where the binary writes its counters.
func coverDir(t *testing.T) string {
	t.Helper()
	if f := flag.Lookup("test.gocoverdir"); f != nil && f.Value.String() != "" {
		dir, err := filepath.Abs(f.Value.String())
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	return t.TempDir()
}

func logCoverage(t *testing.T, counters string) {
	out, err := exec.Command("go", "tool", "covdata", "percent", "-i="+counters).CombinedOutput()
	if err != nil {
		t.Errorf("go tool covdata: %v\n%s", err, out)
	}
	t.Logf("coverage of the binary:\n%s", out)
}

// GoEnv returns the environment in which a test of a program uses the go
// command: with the machine's caches, without the network and this repository's
// settings.
func GoEnv() map[string]string {
	env := map[string]string{"GOPROXY": "off", "GOFLAGS": "", "GOWORK": "", "GOTOOLCHAIN": "local"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err == nil { // otherwise scripts that need it say so
			env[name] = strings.TrimSpace(string(out))
		}
	}
	return env
}

// exits runs a command and checks its exit code: exits 2 fn find.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
