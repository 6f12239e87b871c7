//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A process that is being started has a copy of each open file for a moment.
func TestFileLock_CopyOfTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	lock, err := FileLock(t.Context(), path, FileLockConfig{})
	if err != nil {
		t.Fatal(err)
	}
	dup, err := syscall.Dup(int(lock.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(dup) })
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := FileLock(t.Context(), path, FileLockConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
