package scaffold

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/size"
)

// TestNew_OnTheFloor makes programs in a copy of this repository and holds them to
// what is asked of a program there: the linter, gofmt, go vet, a tidy module that
// builds alone, its budget, and its own tests, which start it, its API's
// conformance, a browser and the real binary among them. The second one differs in
// its units alone.
func TestNew_OnTheFloor(t *testing.T) {
	t.Parallel()
	dir := copyRepository(t)
	makeUnit(t, dir, Draft{Name: "pinger", Kind: "app"})
	makeUnit(t, dir, Draft{
		Name: "job_list", Kind: "app", Uses: []string{"retry_do_go_infra", "work_pool_go_infra", "error_go_core"},
		Description: "HTTP server of jobs. Runs them, too.", BinaryMBMax: 9.5,
	})
	for _, app := range []string{"pinger", "job_list"} {
		folder := filepath.Join(dir, "apps", app)
		goRunAlone(t, folder, "mod", "tidy")
		goRunAlone(t, folder, "build", "-o", os.DevNull, ".")
	}
	lint(t, dir)
	c := load(t, dir)
	for _, app := range []string{"pinger", "job_list"} {
		folder := "./apps/" + app
		if out, err := exec.Command("gofmt", "-l", filepath.Join(dir, folder)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gofmt: %s %v", out, err)
		}
		goRun(t, dir, "vet", folder)
	}
	goRun(t, dir, "test", "./apps/pinger")
	p, err := size.Measure(t.Context(), c, c.Unit("pinger_go_apps"))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%.2f MB of %.0f", p.MB(), p.Max); !p.OK() {
		t.Errorf("%.2f MB of %.0f, links %v", p.MB(), p.Max, p.Forbidden)
	}
}

func goRunAlone(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s in %s: %v\n%s", strings.Join(args, " "), dir, err, out)
	}
}

// copyRepository copies this repository without its history and what is built.
func copyRepository(t *testing.T) string {
	t.Helper()
	root, dir := filepath.Join("..", ".."), t.TempDir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch to := filepath.Join(dir, rel); {
		case d.IsDir() && (rel == ".git" || rel == "bin"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, text, 0o644)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
