package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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
