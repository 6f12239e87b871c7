//go:build unix

// Package childtest runs a test's own binary again as another process, for what
// changes a whole process: its limits, its user, its death. Tests of other
// modules have tools/testenv/testkit/killtest.
package childtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nameEnv = "CHILDTEST_NAME"

// Play returns at once in a test's own process. In one that [Command] made, it
// runs the child of that name, prints what it returns, and exits. TestMain
// begins with it.
func Play(children map[string]func(args []string) string) {
	name := os.Getenv(nameEnv)
	if name == "" {
		return
	}
	fmt.Println(children[name](os.Args[1:]))
	os.Exit(0)
}

// Command is the test's binary as a child. It ends with the test; its stderr is
// the test's.
func Command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), nameEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// Run runs a child and returns what it returned.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := Command(t, name, args...).Output()
	if err != nil {
		t.Fatalf("child %q: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// BecomeNobody gives up root's rights, for good. Other users keep theirs. It is
// for children.
func BecomeNobody() error {
	if os.Getuid() != 0 {
		return nil
	}
	const nobody = 65534
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
}

// OpenUp lets other users look into a test's folder.
func OpenUp(t *testing.T, dir string) {
	t.Helper()
	for path := dir; strings.HasPrefix(path, os.TempDir()+"/"); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
