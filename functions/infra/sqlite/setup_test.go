package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// open opens a new database file, with the driver selected by the build tags,
// and runs sql on it.
func open(t testing.TB, sql ...string) *sqliteopen.SQLiteOpenHandle {
	t.Helper()
	return openPath(t, filepath.Join(t.TempDir(), "test.db"), sql...)
}

func openPath(t testing.TB, path string, sql ...string) *sqliteopen.SQLiteOpenHandle {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range sql {
		if _, err := db.Writer.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
}

// The point of this package beside sqliteopen: importing it links no
// driver.
func TestPackageLinksNoDriver(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), filepath.Join(goroot(t), "bin", "go"), "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "fnregistry.dev/functions/core") {
		t.Fatalf("no list of packages:\n%s", out)
	}
	for _, driver := range []string{"modernc.org/", "mattn/"} {
		if strings.Contains(string(out), driver) {
			t.Errorf("links %s:\n%s", driver, out)
		}
	}
}

func goroot(t *testing.T) string {
	t.Helper()
	if root := os.Getenv("GOROOT"); root != "" { // go test sets it
		return root
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
