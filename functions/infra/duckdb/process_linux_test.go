//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/rights"
)

// fullDiskEnv names the folder that the FullDisk process works in. It is not a
// role of killtest, since it needs a mount namespace.
const fullDiskEnv = "DUCKDB_TEST_FULL_DISK"

func init() {
	dir := os.Getenv(fullDiskEnv)
	if dir == "" {
		return
	}
	err := rights.MountSmallDisk(dir, "12m") // it disappears with the process
	if err == nil {
		err = fillDisk(context.Background(), dir)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The full disk is a tmpfs of 12 MB in a mount namespace of another process. It
// needs root, or a kernel that allows user namespaces.
func TestDuckDBAppend_FullDisk(t *testing.T) {
	t.Parallel()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDiskEnv+"="+t.TempDir())
	cmd.SysProcAttr = rights.MountNamespace()
	out, err := cmd.CombinedOutput()
	if denied := errors.Is(err, syscall.EPERM) || err != nil && strings.Contains(string(out), "operation not permitted"); denied && os.Getuid() != 0 {
		t.Skip("this kernel lets only root mount a small disk, not users in namespaces of their own")
	}
	if err != nil || strings.Count(string(out), "as expected") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestDuckDBOpen_Rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755) // only the owner may enter TempDir's parent
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
			rights.AsNobody(t, func() {
				_, err := DuckDBOpen(t.Context(), c.cfg)
				errtest.Want(t, err, core.CodeForbidden, "ermission denied")
			})
		})
	}
}

// The driver runs in its caller's thread, so that rights.AsNobody applies to
// it, but a DuckDB query may run in threads of its own.
func TestDuckDBExport_ReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755)
	chmod(t, dir, 0o555)
	rights.AsNobody(t, func() {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1}, "CREATE TABLE t AS SELECT 1 AS n")
		_, err := DuckDBExport(t.Context(), db, DuckDBExportConfig{Path: filepath.Join(dir, "x.parquet"), Table: "t"})
		errtest.Want(t, err, core.CodeForbidden, "ermission denied")
	})
}

func TestDuckDBImport_Unreadable(t *testing.T) {
	t.Parallel()
	path := write(t, "x.csv", "a\n1\n")
	chmod(t, filepath.Dir(filepath.Dir(path)), 0o755)
	chmod(t, path, 0)
	rights.AsNobody(t, func() {
		db := openWith(t, DuckDBOpenConfig{Path: ":memory:", Threads: 1})
		_, err := DuckDBImport(t.Context(), db, DuckDBImportConfig{Path: path, Table: "t"})
		errtest.Want(t, err, core.CodeForbidden, "ermission denied")
	})
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
