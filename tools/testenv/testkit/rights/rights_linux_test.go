package rights_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"fnregistry.dev/tools/testenv/testkit/rights"
)

// diskEnv makes this test binary fill a small disk on the named folder.
const diskEnv = "RIGHTS_TEST_DISK"

func TestMain(m *testing.M) {
	dir := os.Getenv(diskEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	err := rights.MountSmallDisk(dir, "64k")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "x"), make([]byte, 128<<10), 0o600)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		fmt.Print("full")
	case errors.Is(err, syscall.EPERM):
		fmt.Print("denied")
	default:
		fmt.Print(err)
	}
}

func TestAsNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	ran := false
	rights.AsNobody(t, func() {
		ran = true
		if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file of mode 0 gives %v", err)
		}
	})
	if !ran {
		t.Error("nothing was run")
	}
	if _, err := os.ReadFile(path); os.Getuid() == 0 && err != nil {
		t.Errorf("root did not get its privileges back: %v", err)
	}
}

// The disk fills up when expected, and exists only for its own process.
func TestMountSmallDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), diskEnv+"="+dir)
	cmd.SysProcAttr = rights.MountNamespace()
	out, err := cmd.Output()
	if os.Getuid() != 0 && (errors.Is(err, syscall.EPERM) || string(out) == "denied") {
		t.Skip("this kernel lets only root mount a small disk, not users in namespaces of their own")
	}
	if err != nil || string(out) != "full" {
		t.Errorf("got %q, %v", out, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
