package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fnregistry.dev/tools/testenv/internal/world"
)

// canary is a folder with a file that a bug might remove.
func canary(t *testing.T, name string) (dir string, lives func() bool) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), name)
	file := filepath.Join(dir, "canary")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, func() bool { _, err := os.Stat(file); return err == nil }
}

// The names by which testenv calls itself are refused to other callers,
// whatever file is in the place of the pipe, and the folder that they name is
// left alone.
func TestInner_OnlyByItself(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"@minder", "@worker"} {
		for _, file := range []string{"none", "pipe", "folder"} {
			t.Run(role+" "+file, func(t *testing.T) {
				t.Parallel()
				dir, lives := canary(t, "testenv-1")
				cmd, _ := testenv(t, role, dir, strconv.Itoa(os.Getpid()), "up", "keyring", "--", "true")
				switch file {
				case "pipe":
					read, write, err := os.Pipe()
					if err != nil {
						t.Fatal(err)
					}
					defer read.Close()
					defer write.Close()
					cmd.ExtraFiles = []*os.File{read}
				case "folder":
					open, err := os.Open(dir)
					if err != nil {
						t.Fatal(err)
					}
					defer open.Close()
					cmd.ExtraFiles = []*os.File{open}
				}
				code, _, stderr := result(t, cmd)
				if code != 2 || !strings.Contains(stderr, role+" is reserved for testenv itself") {
					t.Errorf("exit status %d, said %q", code, stderr)
				}
				if !lives() {
					t.Error("the folder was removed")
				}
			})
		}
	}
}

// A run's folder has the right name and a marker file; anything else is kept.
func TestRemoveDir_OnlyRuns(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dir  string
		mark func(path string) error
	}{
		"no mark":        {"testenv-1", func(string) error { return nil }},
		"another name":   {"precious", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		"mark is folder": {"testenv-1", func(path string) error { return os.Mkdir(path, 0o700) }},
		"mark is link":   {"testenv-1", func(path string) error { return os.Symlink("canary", path) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, lives := canary(t, test.dir)
			if err := test.mark(filepath.Join(dir, ".testenv-run")); err != nil {
				t.Fatal(err)
			}
			if err := world.RemoveDir(dir); err == nil || !lives() {
				t.Errorf("error %v, canary lives: %v", err, lives())
			}
		})
	}
}

// The target of a link in the run's folder is kept.
func TestRemoveDir_FollowsNoLinks(t *testing.T) {
	t.Parallel()
	outside, lives := canary(t, "outside")
	dir := world.DirName()
	if err := world.MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := world.MakeDir(dir); err == nil {
		t.Error("made twice")
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := world.RemoveDir(dir); err != nil || !lives() {
		t.Errorf("error %v, canary lives: %v", err, lives())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the run's folder is still there")
	}
	if err := world.RemoveDir(dir); err != nil {
		t.Errorf("once more: %v", err)
	}
}
