package scripttest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestRun(t *testing.T) {
	t.Parallel()
	Run(t, Config{
		Program: "greet",
		Package: "./testdata/greet",
		Setup: func(env *testscript.Env) error {
			if env.Getenv("BINDIR") == "" {
				return errors.New("the kit's changes come after Setup")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"twice": func(ts *testscript.TestScript, _ bool, args []string) {
			for range 2 {
				ts.Check(ts.Exec(args[0], args[1:]...))
			}
		}},
	})
}

func TestConfig_Check(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  Config
		want string // in the error; empty: none
	}{
		{Config{Program: "fn", Main: func() {}}, ""},
		{Config{Program: "greet", Package: "./testdata/greet"}, ""},
		{Config{Program: "fn"}, "Main is nil"},
		{Config{Program: "fn", Package: "."}, "Main is nil"},
		{Config{Main: func() {}}, "Program is empty"},
	} {
		err := c.cfg.check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q of %q: %v, want %q", c.cfg.Package, c.cfg.Program, err, c.want)
		}
	}
}

func TestBuild_Race(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("the race detector needs cgo")
	}
	p := program{name: "greet", pkg: "./testdata/greet", race: true}
	if err := p.build(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(p.dir, "greet"), "race").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATA RACE") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBuild_Coverage(t *testing.T) {
	t.Parallel()
	p := program{name: "greet", pkg: "./testdata/greet", cover: true}
	if err := p.build(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	counters := t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.dir, "greet"), "world")
	cmd.Env = append(os.Environ(), "GOCOVERDIR="+counters)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "hello world\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "covdata", "percent", "-i="+counters).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "testdata/greet") || strings.Contains(string(out), "coverage: 0.0%") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBuild_Fails(t *testing.T) {
	t.Parallel()
	p := program{name: "x", pkg: "./testdata/none"}
	if err := p.build(t.TempDir()); err == nil || !strings.Contains(err.Error(), "build x: ") {
		t.Errorf("got %v", err)
	}
}
