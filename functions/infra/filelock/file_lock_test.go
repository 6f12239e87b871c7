//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/internal/childtest"
)

func TestMain(m *testing.M) {
	childtest.Play(map[string]func(args []string) string{"hold": holdForever})
	os.Exit(m.Run())
}

// holdForever locks a file and keeps it until it is killed.
func holdForever(args []string) string {
	if _, err := filelock.FileLock(context.Background(), args[0], filelock.FileLockConfig{}); err != nil {
		return err.Error()
	}
	os.Stdout.WriteString("held\n")
	select {}
}

// startHolder starts a process that holds a lock, and ends with the test.
func startHolder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	holder := childtest.Command(t, "hold", path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = holder.Process.Kill(), holder.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return holder
}

func wantHeld(t *testing.T, err error, code core.Code, path string, pid int) {
	t.Helper()
	held, ok := errors.AsType[*filelock.FileLockedError](err)
	if !ok || core.ErrorCode(err) != code || *held != (filelock.FileLockedError{Path: path, PID: pid}) {
		t.Errorf("%v (%s), want code %s, held by %d", err, core.ErrorCode(err), code, pid)
	}
}

func lockNow(t *testing.T, path string) *filelock.FileLockHandle {
	t.Helper()
	lock, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func unlock(t *testing.T, lock *filelock.FileLockHandle) {
	t.Helper()
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestFileLock_OtherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	holder := startHolder(t, path)
	pid := holder.Process.Pid
	_, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
	wantHeld(t, err, core.CodeConflict, path, pid)
	if !strings.Contains(err.Error(), "process "+strconv.Itoa(pid)+" holds the lock") {
		t.Error(err)
	}
	// A stopped process holds it, a killed one doesn't.
	if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = filelock.FileLock(ctx, path, filelock.FileLockConfig{Wait: true})
	wantHeld(t, err, core.CodeTimeout, path, pid)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	unlock(t, lock)
	unlock(t, lock)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || info.Size() != 0 {
		t.Errorf("afterwards %v, %v", info, err)
	}
}

func TestFileLock_SameProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			lock, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{Wait: true})
			if err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), inside.Add(1)))
			_, err = filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
			wantHeld(t, err, core.CodeConflict, path, os.Getpid())
			inside.Add(-1)
			unlock(t, lock)
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d held it at once", most.Load())
	}
}

func TestFileLock_WaitEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	lock := lockNow(t, path)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := filelock.FileLock(ctx, path, filelock.FileLockConfig{Wait: true})
		wantHeld(t, err, core.CodeTimeout, path, os.Getpid())
		canceled, cancelNow := context.WithCancel(t.Context())
		cancelNow()
		if _, err := filelock.FileLock(canceled, path, filelock.FileLockConfig{}); core.ErrorCode(err) != core.CodeCanceled {
			t.Error(err)
		}
	})
	unlock(t, lock)
}

// A lock file that is removed locks nobody out any more: who waits for it gets
// the new one.
func TestFileLock_Replaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	old := lockNow(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	lock := lockNow(t, path)
	unlock(t, old)
	_, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
	wantHeld(t, err, core.CodeConflict, path, os.Getpid())
	unlock(t, lock)
}

func TestFileLock_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Symlink(at("elsewhere"), at("link")), syscall.Mkfifo(at("pipe"), 0o600), os.Mkdir(at("folder"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]core.Code{
		"link": core.CodeInvalid, "pipe": core.CodeInvalid, "folder": core.CodeInvalid, "missing/x.lock": core.CodeNotFound,
	} {
		if _, err := filelock.FileLock(t.Context(), at(name), filelock.FileLockConfig{Wait: true}); core.ErrorCode(err) != want {
			t.Errorf("%s: %v (%s), want %s", name, err, core.ErrorCode(err), want)
		}
	}
	if _, err := os.Lstat(at("elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the link was followed")
	}
}

// What the last holder left, or anybody wrote, is no process ID.
func TestFileLock_OddContent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	for _, text := range []string{"", "x", "-3", strings.Repeat("9", 5000)} {
		lock := lockNow(t, path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
		wantHeld(t, err, core.CodeConflict, path, 0)
		unlock(t, lock)
	}
}

// A lock is held until Close, also by a handle that nobody keeps.
func TestFileLock_DroppedHandle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	lockNow(t, path)
	collected := make(chan struct{})
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { close(collected) })
	runtime.GC()
	<-collected
	runtime.GC() // what the first has queued has run
	_, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
	wantHeld(t, err, core.CodeConflict, path, os.Getpid())
}
