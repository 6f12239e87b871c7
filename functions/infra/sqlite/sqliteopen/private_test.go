//go:build unix

package sqliteopen_test

import (
	"os"
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// The file, -wal and -shm are for this user alone, whether they are new or
// were left open to others.
func TestSQLiteOpen_Private(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.db")
	check := func(when string, want os.FileMode) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s, %q: %v, %v", when, suffix, info, err)
			}
		}
	}
	open := func() *sqliteopen.SQLiteOpenHandle {
		t.Helper()
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, Private: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t (n)"); err != nil {
			t.Fatal(err)
		}
		return db
	}
	first := open()
	defer first.Close()
	check("new", 0o600)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	second := open()
	defer second.Close()
	check("opened again", 0o600)
}

func TestSQLiteOpen_PrivateMemory(t *testing.T) {
	t.Parallel()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: ":memory:", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
