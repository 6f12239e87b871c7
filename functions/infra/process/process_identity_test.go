//go:build linux

package process

import (
	"os/exec"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestProcessIdentity_StaysTheSame(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := ProcessIdentity(cmd.Process.Pid)
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	mustEventually(t, "sleep", func() bool { return nameOf(cmd.Process.Pid) == "sleep" })
	if again, err := ProcessIdentity(cmd.Process.Pid); again != first || err != nil {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// a zombie, until it is waited for
	mustEventually(t, "its end", func() bool { return !isAlive(cmd.Process.Pid) })
	if _, err := ProcessIdentity(cmd.Process.Pid); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("of a zombie: %v", err)
	}
	_ = cmd.Wait()
	if _, err := ProcessIdentity(cmd.Process.Pid); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("of nobody: %v", err)
	}
}

func TestProcessIdentity_BadInput(t *testing.T) {
	t.Parallel()
	for _, pid := range []int{0, -1} {
		if id, err := ProcessIdentity(pid); core.ErrorCode(err) != core.CodeInvalid || id != "" {
			t.Errorf("%d: %q, %v", pid, id, err)
		}
	}
}
