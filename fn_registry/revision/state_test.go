package revision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

func TestState(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	run(t, top, "init", "-q")
	testtree.Put(t, top, "sub/a.go", "package a\n")
	run(t, top, "add", ".")
	run(t, top, "commit", "-q", "-m", "first")
	testtree.Put(t, top, "outside.go", "package b\n")
	dir := filepath.Join(top, "sub")
	commit, changed, err := State(t.Context(), dir)
	if err != nil || len(commit) != 40 || changed {
		t.Errorf("%q, %t, %v", commit, changed, err)
	}
	testtree.Put(t, top, "sub/new.go", "package a\n")
	if _, changed, err := State(t.Context(), dir); err != nil || !changed {
		t.Errorf("a new file: %t, %v", changed, err)
	}
	if commit, _, err := State(t.Context(), t.TempDir()); err == nil {
		t.Errorf("outside of a checkout: %q", commit)
	}
}

// A checkout's configuration names programs. None of them is run.
func TestHostileCheckout(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	proof := filepath.Join(t.TempDir(), "run")
	program := filepath.Join(t.TempDir(), "program")
	testtree.Put(t, filepath.Dir(program), "program", "#!/bin/sh\necho $0 >> "+proof+"\ncat\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, top, "init", "-q")
	testtree.Put(t, top, "a.md", "version: 1\n")
	testtree.Put(t, top, ".gitattributes", "*.md filter=a=b diff=d\n")
	run(t, top, "add", ".")
	run(t, top, "commit", "-q", "-m", "first")
	for _, name := range []string{"core.fsmonitor", "filter.a=b.clean", "filter.a=b.process", "diff.external", "diff.d.textconv", "core.sshCommand", "gpg.program"} {
		run(t, top, "config", name, program)
	}
	run(t, top, "config", "core.hooksPath", filepath.Dir(program))
	run(t, top, "config", "log.showSignature", "true")
	testtree.Put(t, top, "a.md", "version: 2\n")
	noneRun := func(what string) {
		t.Helper()
		if text, err := os.ReadFile(proof); err == nil {
			t.Errorf("%s runs %s", what, text)
		}
	}
	if commit, changed, err := State(t.Context(), top); err != nil || commit == "" || !changed {
		t.Errorf("%q, %t, %v", commit, changed, err)
	}
	noneRun("State")
	run(t, top, "config", "--unset", "filter.a=b.clean") // a filter's own checkout needs it
	run(t, top, "config", "--unset", "filter.a=b.process")
	repo, err := Open(t.Context(), top, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if names, err := repo.Changed(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
	if text, ok := repo.File("a.md"); !ok || string(text) != "version: 1\n" {
		t.Errorf("%q", text)
	}
	if versions, err := History(t.Context(), top, "a.md", 5); err != nil || len(versions) != 1 {
		t.Errorf("%v, %v", versions, err)
	}
	noneRun("Repo")
}

// A bare repository among the files of a checkout comes with a clone, with its
// configuration.
func TestBareRepository(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	run(t, top, "init", "-q")
	bare := filepath.Join(top, "bare")
	run(t, top, "init", "-q", "--bare", bare)
	_, _, err := State(t.Context(), bare)
	if err == nil || !strings.Contains(err.Error(), "cannot use bare repository") {
		t.Errorf("State: %v", err)
	}
	if _, err := Open(t.Context(), bare, "HEAD"); err == nil || !strings.Contains(err.Error(), "cannot use bare repository") {
		t.Errorf("Open: %v", err)
	}
}
