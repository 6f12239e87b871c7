package tokenfile_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/tools/testenv/testkit/rights"
)

// mountingEnv is set if the test binary runs one test in namespaces of its own.
const mountingEnv = "TOKENFILE_TEST_MOUNTING"

// ableToMount runs the rest of a test, f, in another process that may mount:
// in a mount namespace, and a user namespace unless this is root.
func ableToMount(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(mountingEnv) == t.Name() {
		f(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), mountingEnv+"="+t.Name())
	cmd.SysProcAttr = rights.MountNamespace()
	out, err := cmd.CombinedOutput()
	switch denied := errors.Is(err, syscall.EPERM) || bytes.Contains(out, []byte(noMount)); {
	case denied && os.Getuid() != 0:
		t.Skipf("this kernel lets only root mount a small disk, not users in namespaces of their own: %v\n%s", err, out)
	case err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")):
		t.Errorf("%v\n%s", err, out)
	}
}

const noMount = "a small disk can't be mounted"

// smallDisk mounts a disk of 256 KiB, which disappears with this process's
// namespace.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := rights.MountSmallDisk(dir, "256k"); err != nil {
		t.Fatal(noMount, err)
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
	ableToMount(t, fullDisk)
}

func fullDisk(t *testing.T) {
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
		t.Fatalf("%d were kept: the disk did not fill up in between", len(kept))
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
	ableToMount(t, readOnlyDisk)
}

func readOnlyDisk(t *testing.T) {
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

// A folder that the user may not write to, and files that they may not read.
func TestFileTokenStore_NoRights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	set(t, byIdentity(t, path, identity), "name", secret)
	if os.Getuid() == 0 { // so that they may read them, and only that
		for _, each := range []string{path, path + ".lock", identity} {
			if err := os.Chown(each, rights.Nobody, rights.Nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(filepath.Dir(dir), 0o755) // only the owner may enter it
	chmod(dir, 0o555)
	defer chmod(dir, 0o755)
	store := byIdentity(t, path, identity)
	rights.AsNobody(t, func() {
		wantValue(t, store, "name", secret)
		wantError(t, store.Set(t.Context(), "name", "new"), core.CodeForbidden, "permission denied")
		wantError(t, byIdentity(t, filepath.Join(dir, "new.age"), identity).Set(t.Context(), "name", "new"), core.CodeForbidden, "permission denied")
	})
	chmod(path, 0)
	rights.AsNobody(t, func() {
		_, err := byIdentity(t, path, identity).Get(t.Context(), "name")
		wantError(t, err, core.CodeForbidden, "permission denied")
	})
}

// Waiting for a lock that another process holds ends with the context, and when
// that process dies.
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

// If Path is refused, nothing is created next to it: a lock doesn't belong in
// someone else's folder.
func TestFileTokenStore_RefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	noLockOf(t, "/dev/null")
	identity := newIdentity(t, t.TempDir())
	good := filepath.Join(t.TempDir(), "good.age")
	set(t, byIdentity(t, good, identity), "name", "value")
	sealed := readFile(t, good)
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	write := func(content []byte, mode os.FileMode) func(string) error {
		return func(path string) error {
			writeFile(t, path, content, mode)
			return nil
		}
	}
	for name, c := range map[string]struct {
		make     func(path string) error
		identity string
		code     core.Code
	}{
		"folder":                {func(path string) error { return os.Mkdir(path, 0o700) }, identity, core.CodeInvalid},
		"pipe":                  {func(path string) error { return syscall.Mkfifo(path, 0o600) }, identity, core.CodeInvalid},
		"link to a device":      {link("/dev/null"), identity, core.CodeInvalid},
		"link to nowhere":       {link("nowhere"), identity, core.CodeInvalid},
		"link to itself":        {link("x"), identity, core.CodeInvalid},
		"open to others":        {write(sealed, 0o644), identity, core.CodeForbidden},
		"something else":        {write([]byte("plain text"), 0o600), identity, core.CodeInternal},
		"another's":             {write(sealed, 0o600), newIdentity(t, t.TempDir()), core.CodeUnauthenticated},
		"no such identity file": {func(string) error { return nil }, "/nowhere/identity", core.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			before, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			store := byIdentity(t, path, c.identity)
			wantError(t, store.Set(t.Context(), "name", secret), c.code, "")
			if err := store.Delete(t.Context(), "name"); err == nil {
				t.Error("Delete found something")
			}
			after, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || !slices.Equal(after, before) {
				t.Errorf("the folder holds %q, want %q, %v", after, before, err)
			}
		})
	}
	t.Run("no folder yet", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		wantError(t, byIdentity(t, filepath.Join(dir, "new", "x"), "/nowhere/identity").Set(t.Context(), "name", secret), core.CodeInvalid, "no identity file")
		wantFolder(t, dir)
	})
}

// noLockOf checks that a test leaves no lock next to a system file. Earlier
// versions of the unit did: leftovers are removed first.
func noLockOf(t *testing.T, path string) {
	t.Helper()
	path += ".lock"
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		switch err := os.Remove(path); {
		case errors.Is(err, fs.ErrPermission):
			return // a user who may not remove it can't have created it
		case err != nil:
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // after the parallel subtests
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", path, err)
		}
	})
}

// A lock that is a link would create a file at its target, and one that is a
// pipe would never be opened.
func TestFileTokenStore_LockRefused(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(lock string) error{
		"link": func(lock string) error { return os.Symlink("elsewhere", lock) },
		"pipe": func(lock string) error { return syscall.Mkfifo(lock, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := make(filepath.Join(dir, "x.lock")); err != nil {
				t.Fatal(err)
			}
			store := byIdentity(t, filepath.Join(dir, "x"), newIdentity(t, t.TempDir()))
			wantError(t, store.Set(t.Context(), "name", secret), core.CodeInvalid, "x.lock is not a regular file")
			wantFolder(t, dir, "x.lock")
		})
	}
}

// The link is changed to another file while a writer waits for the lock: the
// other file's content must not be written over the first one.
func TestFileTokenStore_LinkIsSwitched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity := newIdentity(t, t.TempDir())
	first, second, link := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "link")
	set(t, byIdentity(t, first, identity), "of the first", "value")
	set(t, byIdentity(t, second, identity), "of the second", "value")
	if err := os.Symlink("first", link); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, first)
	done := writerWaits(t, first+".lock", byIdentity(t, link, identity))
	if err := errors.Join(os.Symlink("second", link+".new"), os.Rename(link+".new", link)); err != nil {
		t.Fatal(err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(readFile(t, first), before) {
		names, err := byIdentity(t, first, identity).List(t.Context())
		t.Errorf("the first file was written to: %q, %v", names, err)
	}
	if names, err := byIdentity(t, second, identity).List(t.Context()); err != nil || !slices.Equal(names, []string{"new", "of the second"}) {
		t.Errorf("the second has %q, %v", names, err)
	}
}

// A lock that is replaced while a writer waits for it is refused like one that
// was wrong before: no file is created at a link's target, no pipe is waited
// for, and a file that is no longer at that path excludes no one.
func TestFileTokenStore_LockIsExchanged(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"link": func(path string) error { return os.Symlink("elsewhere", path) },
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, identity := t.TempDir(), newIdentity(t, t.TempDir())
			path := filepath.Join(dir, "x")
			set(t, byIdentity(t, path, identity), "name", "old")
			before := readFile(t, path)
			done := writerWaits(t, path+".lock", byIdentity(t, path, identity))
			if err := errors.Join(make(path+".new"), os.Rename(path+".new", path+".lock")); err != nil {
				t.Fatal(err)
			}
			wantError(t, done(), core.CodeInvalid, "")
			if !bytes.Equal(readFile(t, path), before) {
				t.Error("it was written to")
			}
			wantFolder(t, dir, "x", "x.lock")
		})
	}
}

// writerWaits starts a Set that waits for a lock, which this test holds. done
// releases the lock and returns the result of the Set.
func writerWaits(t *testing.T, lock string, store token.TokenStore) (done func() error) {
	t.Helper()
	unlock := holdLock(t, lock)
	ended := make(chan error, 1)
	go func() { ended <- store.Set(t.Context(), "new", "value") }()
	// It opens the lock for each try.
	for deadline := time.Now().Add(time.Minute); timesOpen(t, lock) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("it never waited for the lock")
		}
	}
	return func() error {
		unlock()
		return <-ended
	}
}

// timesOpen returns how often this process has the file open.
func timesOpen(t *testing.T, path string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if at, err := os.Readlink(file); err == nil && at == path { // it may be closed by now
			n++
		}
	}
	return n
}
