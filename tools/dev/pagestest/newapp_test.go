package pagestest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/size"
)

// TestNewApp creates programs in a copy of this repository with fn new, as
// README.md says, and checks the requirements for programs: the linter, gofmt,
// go vet, a tidy module that builds alone, its budget, and its own tests, which
// include starting it, its API's conformance, a browser and the real binary.
// The second one differs only in its units.
func TestNewApp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyTree(t, dir)
	run := func(folder string, env []string, command ...string) string {
		t.Helper()
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Env = filepath.Join(dir, folder), append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q in %s: %v\n%s", command, folder, err, out)
		}
		return string(out)
	}
	for _, more := range [][]string{{"pinger"}, {"job_list", "--uses", "retry_do_go_infra,error_go_core", "--description", "Lists jobs. Runs them, too."}} {
		folder := "apps/" + more[0]
		if out := run(".", nil, append([]string{"go", "run", "./cmd/fn", "new", "--kind", "app"}, more...)...); strings.Contains(out, "did not work") {
			t.Error(out)
		}
		if out := run(folder, nil, "gofmt", "-l", "."); out != "" {
			t.Errorf("gofmt: %s", out)
		}
		run(folder, []string{"GOWORK=off"}, "go", "build", "-o", os.DevNull, "./...")
		run(folder, []string{"GOWORK=off", "GOFLAGS=-mod=mod"}, "go", "mod", "tidy", "-diff")
		run(".", nil, "go", "vet", "./"+folder)
	}
	run(".", nil, "go", "test", "./apps/pinger")

	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := check.Run(t.Context(), c, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Message)
	}
	p, err := size.Measure(t.Context(), c, c.Unit("pinger_go_apps"))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%.2f MB of %.0f", p.MB(), p.Max); !p.OK() {
		t.Errorf("%.2f MB of %.0f, links %v", p.MB(), p.Max, p.Forbidden)
	}
}
