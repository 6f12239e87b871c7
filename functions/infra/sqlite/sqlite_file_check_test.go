package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

func TestSQLiteFileCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(path string) error
		lost   bool
	}{
		"untouched": {func(string) error { return nil }, false},
		"deleted":   {os.Remove, true},
		"moved":     {func(path string) error { return os.Rename(path, path+".old") }, true},
		"replaced": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		}, true},
		"made anew": {func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		}, true},
		"folder":     {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, true},
		"permission": {func(path string) error { return os.Chmod(path, 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "folder", "test.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			check, err := sqlite.SQLiteFileCheck(t.Context(), db.Writer)
			if err != nil || check.Check() != nil {
				t.Fatalf("at first %v, %v", err, check.Check())
			}
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
			if err := check.Check(); errors.Is(err, sqlite.ErrSQLiteFileLost) != c.lost || c.lost && core.ErrorCode(err) != core.CodeConflict || !c.lost && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Unchanged is true only of files whose last write is well before the stamp,
// and false after each write, whatever the journal's mode.
func TestSQLiteFileCheck_Unchanged(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, KeepJournal: mode == "delete"})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE t (a)"); err != nil {
				t.Fatal(err)
			}
			check, err := sqlite.SQLiteFileCheck(t.Context(), db.Writer)
			if err != nil {
				t.Fatal(err)
			}
			if check.Unchanged(sqlite.SQLiteFileCheckStamp{}) || check.Unchanged(check.Stamp()) {
				t.Error("a file that was written just now counts as unchanged")
			}
			age := func() { // as if the last write were an hour ago
				for _, name := range []string{path, path + "-wal"} {
					old := time.Now().Add(-time.Hour)
					if err := os.Chtimes(name, old, old); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
			}
			age()
			stamp := check.Stamp()
			if !check.Unchanged(stamp) {
				t.Error("nothing was written")
			}
			for _, sql := range []string{"INSERT INTO t VALUES (1)", "CREATE TABLE u (a)", "PRAGMA wal_checkpoint(TRUNCATE)", "DELETE FROM t"} {
				age()
				before := check.Stamp()
				if _, err := db.Writer.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
				if check.Unchanged(before) && (mode == "wal" || !strings.Contains(sql, "checkpoint")) {
					t.Errorf("%s was not noticed", sql)
				}
			}
			age()
			stamp = check.Stamp()
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if check.Unchanged(stamp) {
				t.Error("the file is gone")
			}
			if err := os.Rename(path+".old", path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSQLiteFileCheck_GoneAlready(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.SQLiteFileCheck(t.Context(), db.Writer); !errors.Is(err, sqlite.ErrSQLiteFileLost) {
		t.Errorf("got %v", err)
	}
}

func TestSQLiteFileCheck_InMemory(t *testing.T) {
	t.Parallel()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	check, err := sqlite.SQLiteFileCheck(t.Context(), db.Writer)
	if err != nil || check.Check() != nil {
		t.Errorf("got %v, %v", err, check.Check())
	}
	if err := (*sqlite.SQLiteFileCheckHandle)(nil).Check(); err != nil {
		t.Errorf("nil: %v", err)
	}
}
