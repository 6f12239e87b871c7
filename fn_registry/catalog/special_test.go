//go:build unix

package catalog

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/functions/core"
)

// TestLoad_SpecialFiles: a pipe or a device in place of a file causes neither a
// failure nor a wait.
func TestLoad_SpecialFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"go.mod", "fn_registry.yaml", "a/go.mod", "a/do.md", "a/do.go"} {
		for _, device := range []bool{false, true} {
			dir := t.TempDir()
			testtree.Put(t, dir, "a/ok.go", "package a\n")
			at := filepath.Join(dir, filepath.FromSlash(name))
			put := func() error { return syscall.Mkfifo(at, 0o600) }
			if device {
				put = func() error { return os.Symlink("/dev/zero", at) }
			}
			if err := put(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Load(t.Context(), Options{Roots: []string{dir}}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	dir, snapshot := t.TempDir(), filepath.Join(t.TempDir(), "s")
	testtree.Put(t, dir, "a/ok.go", "package a\n")
	if err := syscall.Mkfifo(snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	_, change, err := Load(t.Context(), Options{Roots: []string{dir}, Snapshot: snapshot})
	// Nor is it replaced: whoever created the pipe wanted it.
	if err != nil || core.ErrorCode(change.SaveErr) != core.CodeInvalid {
		t.Errorf("snapshot: %v, %v", err, change)
	}
}
