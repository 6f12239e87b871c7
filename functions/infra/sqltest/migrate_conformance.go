package sqltest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
)

// MigrateConformanceRequest has the fields of every driver's migrate config,
// which it converts to: sqlite.SQLiteMigrateConfig(r).
type MigrateConformanceRequest struct {
	FS          fs.FS
	Dir         string
	Table       string
	LockTimeout time.Duration
	DryRun      bool
}

// MigrateConformanceResult is what a migration did, by the files' names.
type MigrateConformanceResult struct {
	Version          int64
	Applied, Pending []string
	Checksums        []string // of Pending
}

// MigrateConformanceConfig is an empty database, its unit, and how the database
// says what the tests ask it. All fields are required.
type MigrateConformanceConfig struct {
	// Migrate is the unit.
	Migrate func(ctx context.Context, r MigrateConformanceRequest) (MigrateConformanceResult, error)
	// Op is what begins the unit's errors: "sqlite_migrate".
	Op string
	// Endless is a statement that never ends.
	Endless string
	// Has reports whether there is a table or index of a name.
	Has func(t *testing.T, name string) bool
	// Count returns how many rows a table has.
	Count func(t *testing.T, table string) int
	// Hold keeps others from migrating until release is called. locked is in
	// the error of who waits for too long.
	Hold func(t *testing.T) (locked string, release func())
}

// MigrateConformance tests, as parallel subtests of t, what the units that
// apply SQL files promise: each once and in order, a failure takes back its own
// file alone, a changed history is refused before anything is changed, a dry
// run changes nothing, bad files are named, and waiting for another process
// ends. setup makes an empty database of the subtest's own.
//
// Processes that start at once, a killed server and the database's own SQL are
// for the driver's tests.
//
// More in migrate_conformance.md:
//   - Hold must not leave a trace in the history: hold the lock only, or let a
//     migration fail at its end.
//   - The SQL of the suite is plain: int, text, CREATE TABLE, CREATE INDEX,
//     INSERT, DELETE.
func MigrateConformance(t *testing.T, setup func(t *testing.T) MigrateConformanceConfig) {
	t.Helper()
	for name, check := range map[string]func(t *testing.T, m *migrating){
		"AppliesInOrderOnce":      checkOrder,
		"FailureRollsBackOneFile": checkFailure,
		"ChangedHistory":          checkHistory,
		"LineEndsAndNames":        checkLineEnds,
		"DryRun":                  checkDryRun,
		"BadFiles":                checkBadFiles,
		"LockTimeout":             checkLockTimeout,
		"CancelRollsBack":         checkCancel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, &migrating{setup(t)})
		})
	}
}

const (
	usersSQL = "CREATE TABLE users (id int, name text);\nINSERT INTO users VALUES (1, 'a;b'), (2, 'c');\n"
	indexSQL = "-- speeds up the login\nCREATE INDEX users_name ON users (name);\n"
)

// files makes a file system from pairs of name and content.
func files(pairs ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

// migrating is a database under test.
type migrating struct{ MigrateConformanceConfig }

func (m *migrating) migrate(t *testing.T, fsys fs.FS) (MigrateConformanceResult, error) {
	t.Helper()
	return m.Migrate(t.Context(), MigrateConformanceRequest{FS: fsys})
}

// must migrates and checks which files were applied, and the resulting version.
func (m *migrating) must(t *testing.T, fsys fs.FS, version int64, applied ...string) {
	t.Helper()
	result, err := m.migrate(t, fsys)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(result.Applied, applied) || result.Version != version || len(result.Pending) != 0 {
		t.Errorf("%+v, want version %d and %q applied", result, version, applied)
	}
}

func checkOrder(t *testing.T, m *migrating) {
	// 10 comes after 9, however the names sort; other files are ignored.
	fsys := files("9_users.sql", usersSQL, "10_index.sql", indexSQL, "README.md", "x", "11_x.go", "package x")
	m.must(t, fsys, 10, "9_users.sql", "10_index.sql")
	if n := m.Count(t, "users"); n != 2 {
		t.Errorf("%d users, want 2", n)
	}
	m.must(t, fsys, 10)
	fsys["11_more.sql"] = &fstest.MapFile{Data: []byte("DELETE FROM users")}
	m.must(t, fsys, 11, "11_more.sql")
}

func checkFailure(t *testing.T, m *migrating) {
	fsys := files("1_users.sql", usersSQL,
		"2_bad.sql", "-- first\n\nCREATE TABLE half (n int);\n\n-- here: ü\nINSERT INTO nowhere VALUES (1);",
		"3_index.sql", indexSQL)
	result, err := m.migrate(t, fsys)
	errtest.Want(t, err, core.CodeInvalid, m.Op+" file=2_bad.sql:6: ")
	if !slices.Equal(result.Applied, []string{"1_users.sql"}) || result.Version != 1 ||
		!slices.Equal(result.Pending, []string{"2_bad.sql", "3_index.sql"}) {
		t.Errorf("%+v", result)
	}
	if m.Has(t, "half") {
		t.Error("half of 2_bad.sql stayed")
	}
	// Once the file, which was not recorded, is corrected, everything is
	// applied.
	fsys["2_bad.sql"].Data = []byte("CREATE TABLE whole (n int)")
	m.must(t, fsys, 3, "2_bad.sql", "3_index.sql")
}

func checkHistory(t *testing.T, m *migrating) {
	m.must(t, files("1_users.sql", usersSQL, "3_index.sql", indexSQL), 3, "1_users.sql", "3_index.sql")
	for _, c := range []struct {
		files fstest.MapFS
		want  string
	}{
		{files("1_users.sql", usersSQL+" ", "3_index.sql", indexSQL), "1_users.sql: has changed since it was applied at 20"},
		{files("1_users.sql", usersSQL), " was applied at 20"},
		{files("1_users.sql", usersSQL, "2_late.sql", "SELECT 1", "3_index.sql", indexSQL),
			"2_late.sql: is new, but version 3 is already applied"},
	} {
		c.files["4_new.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE new_table (n int)")}
		result, err := m.migrate(t, c.files)
		errtest.Want(t, err, core.CodeConflict, c.want)
		if result.Version != 3 || len(result.Applied) != 0 {
			t.Errorf("%+v, want the database's version", result)
		}
		if coded, ok := errors.AsType[*core.Error](err); !ok || coded.Hint == "" {
			t.Errorf("%v: no hint", err)
		}
		if m.Has(t, "new_table") {
			t.Error("a file was applied anyway")
		}
	}
}

func checkLineEnds(t *testing.T, m *migrating) {
	m.must(t, files("1_users.sql", usersSQL), 1, "1_users.sql")
	m.must(t, files("001_accounts.sql", strings.ReplaceAll(usersSQL, "\n", "\r\n")), 1)
}

func checkDryRun(t *testing.T, m *migrating) {
	request := MigrateConformanceRequest{
		FS: files("sub/1_users.sql", usersSQL, "sub/2_index.sql", indexSQL), Dir: "sub", Table: "my_history", DryRun: true,
	}
	for range 2 {
		result, err := m.Migrate(t.Context(), request)
		if err != nil || len(result.Applied) != 0 || result.Version != 0 ||
			!slices.Equal(result.Pending, []string{"1_users.sql", "2_index.sql"}) {
			t.Fatalf("%+v, %v", result, err)
		}
		if len(result.Checksums) != 2 || len(result.Checksums[0]) != 64 {
			t.Errorf("checksums %q", result.Checksums)
		}
	}
	if m.Has(t, "my_history") || m.Has(t, "users") {
		t.Error("a dry run changed something")
	}
	request.DryRun = false
	if _, err := m.Migrate(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if n := m.Count(t, "my_history"); n < 2 {
		t.Errorf("%d lines in the history", n)
	}
}

func checkBadFiles(t *testing.T, m *migrating) {
	for _, c := range []struct {
		fsys fs.FS
		want string
	}{
		{files("x.txt", ""), "no *.sql file"},
		{nil, "no FS"},
		{files("users.sql", usersSQL), "users.sql: bad name"},
		{files("1_users.down.sql", usersSQL), "bad name"},
		{files("1_a.sql", usersSQL, "01_b.sql", usersSQL), "same number"},
		{files("1_a.sql", "-- nothing\n\n"), "no SQL statement"},
		{files("1_a.sql", "SELECT 1;\x00 DROP"), "1_a.sql"},
		{files("1_a.sql", "CREATE TABLE a (n int);\nCOMMIT;"), "1_a.sql:2: COMMIT"},
		{files("1_a.sql", "CREATE TABLE a (n int); COMMIT; CREATE TABLE b (n int)"), "1_a.sql:1: COMMIT"},
		{files("1_a.sql", "CREATE TABLE a (n int) /* ; */\n;\n-- ;\n  commit -- x\n"), "1_a.sql:4: "},
		{files("1_a.sql", "BEGIN; CREATE TABLE a (n int)"), "1_a.sql:1: BEGIN"},
	} {
		_, err := m.migrate(t, c.fsys)
		errtest.Want(t, err, core.CodeInvalid, c.want)
	}
	one := files("1_a.sql", "SELECT 1")
	_, err := m.Migrate(t.Context(), MigrateConformanceRequest{FS: one, Table: "a; DROP"})
	errtest.Want(t, err, core.CodeInvalid, "bad table name")
	_, err = m.Migrate(t.Context(), MigrateConformanceRequest{FS: one, Dir: "no"})
	errtest.Want(t, err, core.CodeNotFound, "no")
}

func checkLockTimeout(t *testing.T, m *migrating) {
	locked, release := m.Hold(t)
	request := MigrateConformanceRequest{FS: files("1_users.sql", usersSQL), LockTimeout: 250 * time.Millisecond}
	_, err := m.Migrate(t.Context(), request)
	errtest.Want(t, err, core.CodeUnavailable, locked)

	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	request.LockTimeout = time.Hour
	_, err = m.Migrate(ctx, request)
	errtest.Want(t, err, core.CodeTimeout, "deadline")
	release()
	m.must(t, request.FS, 1, "1_users.sql")
}

func checkCancel(t *testing.T, m *migrating) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	fsys := files("1_endless.sql", "CREATE TABLE half (n int);\n"+m.Endless)
	_, err := m.Migrate(ctx, MigrateConformanceRequest{FS: fsys})
	errtest.Want(t, err, core.CodeTimeout, "")
	if m.Has(t, "half") {
		t.Error("half of the file stayed")
	}
	m.must(t, files("1_users.sql", usersSQL), 1, "1_users.sql")
}
