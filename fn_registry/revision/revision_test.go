package revision

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestRepo(t *testing.T) {
	top := t.TempDir()
	run(t, top, "init", "-q")
	dir := filepath.Join(top, "sub")
	for _, name := range []string{"kept.md", "changed.md", "gone.md", "a folder/with space.md"} {
		testtree.Put(t, dir, name, "old "+name+"\n")
	}
	testtree.Put(t, top, "outside.md", "x")
	testtree.Put(t, dir, ".gitignore", "ignored.md\n")
	run(t, top, "add", ".")
	run(t, top, "commit", "-q", "-m", "first")
	testtree.Put(t, dir, "changed.md", "new")
	testtree.Put(t, dir, "a folder/with space.md", "new")
	testtree.Put(t, dir, "added ü.md", "new")
	testtree.Put(t, dir, "ignored.md", "new")
	testtree.Put(t, top, "outside.md", "y")
	run(t, top, "rm", "-q", "sub/gone.md")

	r, err := Open(t.Context(), dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := r.Changed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(changed)
	if got := strings.Join(changed, "|"); got != "a folder/with space.md|added ü.md|changed.md|gone.md" {
		t.Errorf("changed %s", got)
	}
	for name, want := range map[string]string{"changed.md": "old changed.md\n", "gone.md": "old gone.md\n", "a folder/with space.md": "old a folder/with space.md\n"} {
		if src, ok := r.File(name); !ok || string(src) != want {
			t.Errorf("%s: %q, %v", name, src, ok)
		}
	}
	for _, name := range []string{"added ü.md", "none.md", "a folder", "x\ny", "../outside.md/x"} {
		if src, ok := r.File(name); ok {
			t.Errorf("%s exists: %q", name, src)
		}
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen_Refuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), dir, "HEAD"); err == nil || !strings.Contains(err.Error(), "not in a git checkout") {
		t.Errorf("outside of git: %v", err)
	}
	run(t, dir, "init", "-q")
	for _, rev := range []string{"HEAD", "nonsense", "--help", ""} {
		if _, err := Open(t.Context(), dir, rev); err == nil || !strings.Contains(err.Error(), "does not know the revision") {
			t.Errorf("%q: %v", rev, err)
		}
	}
}
