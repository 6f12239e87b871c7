package sqliteopen

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
)

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

func TestSQLiteOpen_Rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755) // TempDir's parent is the owner's alone
	path := filepath.Join(dir, "x.db")
	db := mustOpen(t, SQLiteOpenConfig{Path: path})
	exec(t, db.Writer, "CREATE TABLE t (n)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name              string
		fileMode, dirMode os.FileMode
		cfg               SQLiteOpenConfig
		want              string
	}{
		{"file not writable", 0o444, 0o777, SQLiteOpenConfig{Path: path}, "readonly"},
		{"folder not writable", 0o666, 0o555, SQLiteOpenConfig{Path: path}, "readonly"},
		{"neither", 0o444, 0o555, SQLiteOpenConfig{Path: path}, "readonly"},
		{"new file, folder not writable", 0o666, 0o555, SQLiteOpenConfig{Path: filepath.Join(dir, "new.db")}, "unable to open"},
		{"file not readable", 0o000, 0o777, SQLiteOpenConfig{Path: path, ReadOnly: true}, "unable to open"},
		{"folder not searchable", 0o666, 0o000, SQLiteOpenConfig{Path: path}, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			chmod(t, path, c.fileMode)
			chmod(t, dir, c.dirMode)
			defer chmod(t, dir, 0o777)
			asNobody(t, func() {
				db, err := SQLiteOpen(t.Context(), c.cfg)
				wantError(t, db, err, core.CodeForbidden, c.want)
				t.Log(err)
				if err != nil && c.want != "permission denied" && err.(*core.Error).Hint == "" {
					t.Error("no hint")
				}
			})
		})
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
