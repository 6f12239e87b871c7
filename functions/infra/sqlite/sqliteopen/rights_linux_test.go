package sqliteopen

import (
	"os"
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/tools/testenv/testkit/rights"
)

func TestSQLiteOpen_Rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chmod(t, filepath.Dir(dir), 0o755) // only the owner may enter TempDir's parent
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
			rights.AsNobody(t, func() {
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
