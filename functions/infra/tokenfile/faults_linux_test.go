package tokenfile_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

// smallDisk mounts a disk of 256 KiB. That needs root, as the tests' containers have it; elsewhere the test fails and
// says so, rather than pass without having tried.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount a small disk (this test must be run by root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

func TestFileTokenStore_FullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, t.TempDir())
	store := byIdentity(t, path, identity)
	kept := map[string]string{}
	for i := range 100 {
		name, value := fmt.Sprint("name ", i), strings.Repeat(secret, 500)
		err := store.Set(t.Context(), name, value)
		if err != nil {
			wantError(t, err, core.CodeUnavailable, "no space left")
			break
		}
		kept[name] = value
	}
	if len(kept) == 0 || len(kept) == 100 {
		t.Fatalf("%d were kept: the disk did not get full in the middle", len(kept))
	}
	fresh := byIdentity(t, path, identity)
	for name, value := range kept {
		wantValue(t, fresh, name, value)
	}
	if names, err := fresh.List(t.Context()); err != nil || len(names) != len(kept) {
		t.Errorf("%q, %v, want %d names", names, err, len(kept))
	}
	wantFolder(t, dir, "tokens.age", "tokens.age.lock")
	if err := fresh.Set(t.Context(), "small", "x"); err == nil { // it may or may not fit
		wantValue(t, byIdentity(t, path, identity), "small", "x")
	}
}

func TestFileTokenStore_ReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, t.TempDir())
	set(t, byIdentity(t, path, identity), "name", secret)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	store := byIdentity(t, path, identity)
	wantValue(t, store, "name", secret)
	wantError(t, store.Set(t.Context(), "name", "new"), core.CodeForbidden, "read-only")
	wantError(t, store.Delete(t.Context(), "name"), core.CodeForbidden, "read-only")
	wantError(t, byIdentity(t, filepath.Join(dir, "sub", "x"), identity).Set(t.Context(), "name", "new"), core.CodeForbidden, "read-only")
	wantValue(t, store, "name", secret)
}

// A folder that the user may not write to, and files that he may not read. Root may do all, so this thread is another
// user's as far as files go.
func TestFileTokenStore_NoRights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	set(t, byIdentity(t, path, identity), "name", secret)
	const nobody = 65534
	for _, each := range []string{path, path + ".lock", identity} {
		if err := os.Chown(each, nobody, nobody); err != nil {
			t.Fatalf("this test must be run by root: %v", err)
		}
	}
	for _, each := range []string{dir, filepath.Dir(dir)} { // the latter is the owner's alone
		if err := os.Chmod(each, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setfsuid(0)
	store := byIdentity(t, path, identity)
	wantValue(t, store, "name", secret)
	wantError(t, store.Set(t.Context(), "name", "new"), core.CodeForbidden, "permission denied")
	wantError(t, byIdentity(t, filepath.Join(dir, "new.age"), identity).Set(t.Context(), "name", "new"), core.CodeForbidden, "permission denied")
	if err := syscall.Setfsuid(0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	_, err := byIdentity(t, path, identity).Get(t.Context(), "name")
	wantError(t, err, core.CodeForbidden, "permission denied")
}

// A wait for a lock that another process holds ends with the context, and when that process dies.
func TestFileTokenStore_LockOfAProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	set(t, byIdentity(t, path, identity), "name", "old")
	holder := exec.CommandContext(t.Context(), "flock", path+".lock", "sh", "-c", "echo held; exec cat")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, byIdentity(t, path, identity).Set(ctx, "name", secret), core.CodeTimeout, "another writer")
	done := make(chan error)
	go func() { done <- byIdentity(t, path, identity).Set(t.Context(), "name", "new") }()
	if err := in.Close(); err != nil { // cat ends, and flock with it
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := holder.Wait(); err != nil {
		t.Error(err)
	}
	wantValue(t, byIdentity(t, path, identity), "name", "new")
}
