package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fn": main})
}

// repos are the repositories that each script finds as folders: testdata/repos.
var repos = []string{"many", "modules", "flat"}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for name, value := range goEnv() {
				env.Setenv(name, value)
			}
			fn, err := exec.LookPath("fn") // as testscript found it for its scripts
			if err != nil {
				return err
			}
			env.Setenv("BINDIR", filepath.Dir(fn))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			for _, name := range repos {
				if err := unpack(name, filepath.Join(env.WorkDir, name)); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// unpack writes a repository of testdata/repos.
func unpack(name, dir string) error {
	a, err := txtar.ParseFile(filepath.Join("testdata", "repos", name+".txtar"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return txtar.Write(a, dir)
}

// goEnv lets scripts use the go command: with the machine's caches, and without the network.
func goEnv() map[string]string {
	env := map[string]string{"GOPROXY": "off", "GOFLAGS": "", "GOWORK": "", "GOTOOLCHAIN": "local"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err == nil {
			env[name] = strings.TrimSpace(string(out))
		}
	}
	return env
}

// exits runs a command and holds it to an exit code: exits 2 fn find.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
