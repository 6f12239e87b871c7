//go:build cgo

package duckdb

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
)

func init() {
	// A role that needs a file system of its own mounts it first; it goes with the process.
	if os.Getenv(roleVariable) == "full" {
		for _, mount := range []error{
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", os.Getenv(pathVariable), "tmpfs", 0, "size=12m"),
		} {
			if mount != nil {
				panic(mount)
			}
		}
	}
}

// The full disk is a tmpfs of 12 MB in a mount namespace of another process. It needs root, or a kernel that lets users
// have namespaces.
func TestDuckDBAppend_FullDisk(t *testing.T) {
	t.Parallel()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=full", pathVariable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if denied := errors.Is(err, syscall.EPERM) || err != nil && strings.Contains(string(out), "panic: operation not permitted"); denied && os.Getuid() != 0 {
		t.Skip("this kernel lets only root mount a small disk, not users in namespaces of their own")
	}
	if err != nil || strings.Count(string(out), "as it should be") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// asNobody runs f with the rights of a user who owns nothing. For root that is the file system's user ID of this one
// thread, which takes root's right to ignore permissions away; other users have no such right anyway.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

func TestDuckDBOpen_Rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755) // TempDir's parent is the owner's alone
	path := filepath.Join(dir, "x.db")
	db, err := DuckDBOpen(t.Context(), DuckDBOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t (n INTEGER)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name              string
		fileMode, dirMode os.FileMode
		cfg               DuckDBOpenConfig
	}{
		{"file not writable", 0o444, 0o777, DuckDBOpenConfig{Path: path}},
		{"new file, folder not writable", 0o666, 0o555, DuckDBOpenConfig{Path: filepath.Join(dir, "new.db")}},
		{"file not readable", 0o000, 0o777, DuckDBOpenConfig{Path: path, ReadOnly: true}},
		{"folder not searchable", 0o666, 0o000, DuckDBOpenConfig{Path: path}},
	} {
		t.Run(c.name, func(t *testing.T) {
			chmod(t, path, c.fileMode)
			chmod(t, dir, c.dirMode)
			defer chmod(t, dir, 0o777)
			asNobody(t, func() {
				_, err := DuckDBOpen(t.Context(), c.cfg)
				wantError(t, err, core.CodeForbidden, "ermission denied")
			})
		})
	}
}

// The driver runs in the thread of its caller, so that asNobody holds for it, but a query of DuckDB's may run in threads of its own.
func TestDuckDBExport_ReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755)
	chmod(t, dir, 0o555)
	asNobody(t, func() {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1}, "CREATE TABLE t AS SELECT 1 AS n")
		_, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: filepath.Join(dir, "x.parquet"), Table: "t"})
		wantError(t, err, core.CodeForbidden, "ermission denied")
	})
}

func TestDuckDBImport_Unreadable(t *testing.T) {
	t.Parallel()
	path := write(t, "x.csv", "a\n1\n")
	chmod(t, filepath.Dir(filepath.Dir(path)), 0o755)
	chmod(t, path, 0)
	asNobody(t, func() {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1})
		_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: path, Table: "t"})
		wantError(t, err, core.CodeForbidden, "ermission denied")
	})
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
