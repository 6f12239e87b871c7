package sqlite_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// files makes a FS of name, content pairs.
func files(pairs ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

const (
	usersSQL = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO users (name) VALUES ('a;b'), ('c');\n"
	indexSQL = "-- speeds up the login\nCREATE INDEX users_name ON users (name);\n"
)

func migrate(t testing.TB, db *sqliteopen.SQLiteOpenHandle, fsys fs.FS) (sqlite.SQLiteMigrateResult, error) {
	t.Helper()
	return sqlite.SQLiteMigrate(t.Context(), db.Writer, sqlite.SQLiteMigrateConfig{FS: fsys})
}

func mustMigrate(t testing.TB, db *sqliteopen.SQLiteOpenHandle, fsys fs.FS) sqlite.SQLiteMigrateResult {
	t.Helper()
	result, err := migrate(t, db, fsys)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func count(t testing.TB, db *sqliteopen.SQLiteOpenHandle, query string) (n int) {
	t.Helper()
	if err := db.Reader.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func names(list []sqlite.SQLiteMigrateFile) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

func TestSQLiteMigrate_AppliesInOrderOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	// 10 comes after 9, whatever their names sort like; a file of another kind is left alone.
	fsys := files("9_users.sql", usersSQL, "10_index.sql", indexSQL, "README.md", "x")
	result := mustMigrate(t, db, fsys)
	if names(result.Applied) != "9_users.sql 10_index.sql" || result.Version != 10 || len(result.Pending) != 0 {
		t.Errorf("%+v", result)
	}
	if n := count(t, db, "SELECT count(*) FROM users"); n != 2 {
		t.Errorf("%d users, want 2", n)
	}
	again := mustMigrate(t, db, fsys)
	if len(again.Applied) != 0 || again.Version != 10 {
		t.Errorf("a second run: %+v", again)
	}
	fsys["11_more.sql"] = &fstest.MapFile{Data: []byte("DELETE FROM users")}
	if more := mustMigrate(t, db, fsys); names(more.Applied) != "11_more.sql" || more.Version != 11 {
		t.Errorf("a third file: %+v", more)
	}
}

func TestSQLiteMigrate_FailureRollsBackThatFileAlone(t *testing.T) {
	t.Parallel()
	db := open(t)
	fsys := files("1_users.sql", usersSQL, "2_bad.sql", "CREATE TABLE half (n);\n\n-- here\nINSERT INTO nowhere VALUES (1);", "3_index.sql", indexSQL)
	result, err := migrate(t, db, fsys)
	wantError(t, err, core.CodeInvalid, "sqlite_migrate 2_bad.sql:4: ")
	if names(result.Applied) != "1_users.sql" || names(result.Pending) != "2_bad.sql 3_index.sql" || result.Version != 1 {
		t.Errorf("%+v", result)
	}
	if n := count(t, db, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"); n != 0 {
		t.Error("half of 2_bad.sql stayed")
	}
	// Once the file is mended (it was never recorded), all of it goes through on the same connection.
	fsys["2_bad.sql"].Data = []byte("CREATE TABLE whole (n)")
	if result := mustMigrate(t, db, fsys); names(result.Applied) != "2_bad.sql 3_index.sql" {
		t.Errorf("%+v", result)
	}
}

func TestSQLiteMigrate_RefusesChangedHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"changed", files("1_users.sql", usersSQL+" ", "3_index.sql", indexSQL), "1_users.sql: has changed since it was applied at 20"},
		{"gone", files("1_users.sql", usersSQL), "3_index.sql: was applied at 20"},
		{"late", files("1_users.sql", usersSQL, "2_late.sql", "SELECT 1", "3_index.sql", indexSQL), "2_late.sql: is new, but version 3 is already applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			mustMigrate(t, db, files("1_users.sql", usersSQL, "3_index.sql", indexSQL))
			c.files["4_new.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE new (n)")}
			_, err := migrate(t, db, c.files)
			wantError(t, err, core.CodeConflict, c.want)
			if coded, ok := errors.AsType[*core.Error](err); !ok || coded.Hint == "" {
				t.Error("no hint")
			}
			if n := count(t, db, "SELECT count(*) FROM sqlite_schema WHERE name = 'new'"); n != 0 {
				t.Error("a file was applied all the same")
			}
		})
	}
}

func TestSQLiteMigrate_LineEndsAndNamesAreNoChange(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustMigrate(t, db, files("1_users.sql", usersSQL))
	mustMigrate(t, db, files("001_accounts.sql", strings.ReplaceAll(usersSQL, "\n", "\r\n")))
}

func TestSQLiteMigrate_DryRunChangesNothing(t *testing.T) {
	t.Parallel()
	db := open(t)
	fsys := files("sub/1_users.sql", usersSQL, "sub/2_index.sql", indexSQL)
	cfg := sqlite.SQLiteMigrateConfig{FS: fsys, Dir: "sub", Table: "my_history", DryRun: true}
	for range 2 {
		result, err := sqlite.SQLiteMigrate(t.Context(), db.Reader, cfg)
		if err != nil || names(result.Pending) != "1_users.sql 2_index.sql" || len(result.Applied) != 0 || result.Version != 0 {
			t.Fatalf("%+v, %v", result, err)
		}
		if len(result.Pending[0].Checksum) != 64 {
			t.Errorf("checksum %q", result.Pending[0].Checksum)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM sqlite_schema"); n != 0 {
		t.Errorf("%d objects in the schema after a dry run", n)
	}
	cfg.DryRun = false
	if _, err := sqlite.SQLiteMigrate(t.Context(), db.Writer, cfg); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM my_history"); n != 2 {
		t.Errorf("%d lines in the history", n)
	}
}

func TestSQLiteMigrate_BadFiles(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, c := range []struct {
		name string
		fsys fs.FS
		want string
	}{
		{"none", files("x.txt", ""), "no *.sql file"},
		{"nil", nil, "no FS"},
		{"name", files("users.sql", usersSQL), "users.sql: bad name"},
		{"digits", files("99999999999999999999_a.sql", usersSQL), "bad name"},
		{"no number", files("_a.sql", usersSQL), "bad name"},
		{"odd", files("1_a b.sql", usersSQL), "bad name"},
		{"down", files("1_users.down.sql", usersSQL), "bad name"},
		{"zero", files("0_users.sql", usersSQL), "0_users.sql: bad name"},
		{"twice", files("1_a.sql", usersSQL, "01_b.sql", usersSQL), "same number"},
		{"empty", files("1_a.sql", "-- nothing\n/* here */ ;;"), "no SQL statement"},
		{"nul", files("1_a.sql", "SELECT 1;\x00 DROP"), "NUL"},
		{"commit", files("1_a.sql", "CREATE TABLE a (n);\ncommit;"), "1_a.sql:2: COMMIT in a migration"},
		{"begin", files("1_a.sql", "BEGIN; CREATE TABLE a (n)"), "1_a.sql:1: BEGIN"},
		{"vacuum", files("1_a.sql", "/* x */ VACUUM"), "VACUUM"},
		{"foreign keys", files("1_a.sql", "PRAGMA foreign_keys = OFF"), "PRAGMA foreign_keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := migrate(t, db, c.fsys)
			wantError(t, err, core.CodeInvalid, c.want)
		})
	}
	_, err := sqlite.SQLiteMigrate(t.Context(), db.Writer, sqlite.SQLiteMigrateConfig{FS: files("1_a.sql", "SELECT 1"), Table: "a; DROP"})
	wantError(t, err, core.CodeInvalid, "bad table name")
	_, err = sqlite.SQLiteMigrate(t.Context(), db.Writer, sqlite.SQLiteMigrateConfig{FS: files("1_a.sql", "SELECT 1"), Dir: "no"})
	wantError(t, err, core.CodeNotFound, "no")
}

func TestSQLiteMigrate_Triggers(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustMigrate(t, db, files("1_t.sql", `CREATE TABLE t (n); CREATE TABLE log (n);
CREATE TRIGGER t_log AFTER INSERT ON t BEGIN
	INSERT INTO log VALUES (CASE WHEN new.n > 1 THEN 'x;END;' ELSE 'y' END);
	DELETE FROM log WHERE n = 'z';
END;
INSERT INTO t VALUES (2);`))
	if n := count(t, db, "SELECT count(*) FROM log WHERE n = 'x;END;'"); n != 1 {
		t.Errorf("the trigger wrote %d rows", n)
	}
}

const rebuildSQL = `CREATE TABLE users2 (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users2 SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE users2 RENAME TO users;`

func TestSQLiteMigrate_ForeignKeysOff(t *testing.T) {
	t.Parallel()
	setup := files("1_users.sql", usersSQL,
		"2_posts.sql", "CREATE TABLE posts (author INTEGER REFERENCES users ON DELETE CASCADE); INSERT INTO posts VALUES (1), (2);")
	t.Run("on", func(t *testing.T) {
		db := open(t)
		mustMigrate(t, db, setup)
		mustMigrate(t, db, merge(setup, "3_rebuild.sql", rebuildSQL))
		if n := count(t, db, "SELECT count(*) FROM posts"); n != 0 {
			t.Errorf("%d posts: DROP TABLE is documented to delete them all when foreign keys are on", n)
		}
	})
	t.Run("off", func(t *testing.T) {
		db := open(t)
		mustMigrate(t, db, setup)
		mustMigrate(t, db, merge(setup, "3_rebuild.sql", "-- rebuild users\n-- foreign_keys: off\n\n"+rebuildSQL))
		if n := count(t, db, "SELECT count(*) FROM posts"); n != 2 {
			t.Errorf("%d posts, want both", n)
		}
		_, err := db.Writer.ExecContext(t.Context(), "INSERT INTO posts VALUES (99)")
		wantError(t, sqlite.SQLiteError("insert", err), core.CodeConflict, "FOREIGN KEY")
	})
	t.Run("dangling", func(t *testing.T) {
		db := open(t)
		mustMigrate(t, db, setup)
		_, err := migrate(t, db, merge(setup, "3_delete.sql", "-- foreign_keys: off\nDELETE FROM users WHERE id = 1;"))
		wantError(t, err, core.CodeConflict, "3_delete.sql: leaves rows in posts that point to no row in users")
		if n := count(t, db, "SELECT count(*) FROM users"); n != 2 {
			t.Errorf("%d users: not rolled back", n)
		}
	})
}

func merge(base fstest.MapFS, pairs ...string) fstest.MapFS {
	all := files(pairs...)
	for name, file := range base {
		all[name] = file
	}
	return all
}

func TestSQLiteMigrate_LockTimeout(t *testing.T) {
	t.Parallel()
	db := open(t)
	holder, err := db.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	second := openPath(t, dbPath(t, db.Reader))
	cfg := sqlite.SQLiteMigrateConfig{FS: files("1_users.sql", usersSQL), LockTimeout: 250 * time.Millisecond}
	_, err = sqlite.SQLiteMigrate(t.Context(), second.Writer, cfg)
	wantError(t, err, core.CodeUnavailable, "another process held the write lock")

	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	cfg.LockTimeout = time.Hour
	_, err = sqlite.SQLiteMigrate(ctx, second.Writer, cfg)
	wantError(t, err, core.CodeTimeout, "deadline")

	// The connection is as it was, and usable once the lock is free.
	var busy int
	if err := second.Writer.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&busy); err != nil || busy != 5000 {
		t.Errorf("busy_timeout is %d (%v), want 5000", busy, err)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustMigrate(t, second, cfg.FS)
}

func TestSQLiteMigrate_CancelRollsBack(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	endless := "CREATE TABLE half (n);\nINSERT INTO half WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c;"
	_, err := sqlite.SQLiteMigrate(ctx, db.Writer, sqlite.SQLiteMigrateConfig{FS: files("1_endless.sql", endless)})
	wantError(t, err, core.CodeTimeout, "1_endless.sql:2: ")
	if n := count(t, db, "SELECT count(*) FROM sqlite_schema"); n != 0 {
		t.Error("half of the file stayed")
	}
	mustMigrate(t, db, files("1_users.sql", usersSQL))
}

// Real processes: this test binary starts itself, and all of them are let go at one moment.
func TestSQLiteMigrate_ProcessesAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 4
	path := filepath.Join(t.TempDir(), "shared.db")
	type child struct {
		cmd   *exec.Cmd
		ready *bufio.Reader
		start func() error
	}
	var children []child
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), migrateChildEnv+"="+path)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, child{cmd, bufio.NewReader(stdout), stdin.Close})
	}
	for _, c := range children {
		if line, err := c.ready.ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	for _, c := range children {
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
	}
	applied := 0
	for _, c := range children {
		var result sqlite.SQLiteMigrateResult
		if err := json.NewDecoder(c.ready).Decode(&result); err != nil {
			t.Error(err)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Error(err)
		}
		if result.Version != raceFiles {
			t.Errorf("a process ended at version %d, want %d", result.Version, raceFiles)
		}
		applied += len(result.Applied)
	}
	if applied != raceFiles {
		t.Errorf("the processes applied %d files in all, want each of the %d once", applied, raceFiles)
	}
	db := openPath(t, path)
	if n := count(t, db, "SELECT count(*) FROM counter"); n != raceFiles-1 {
		t.Errorf("%d rows, want %d", n, raceFiles-1)
	}
}

const (
	migrateChildEnv = "SQLITE_MIGRATE_CHILD"
	raceFiles       = 30
)

func TestMain(m *testing.M) {
	path := os.Getenv(migrateChildEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := migrateChild(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// migrateChild is one process of ProcessesAtOnce: it says that it is ready, waits for the end of its input, opens and migrates.
func migrateChild(path string) error {
	fsys := files("1_table.sql", "CREATE TABLE counter (n)")
	for i := 2; i <= raceFiles; i++ {
		fsys[fmt.Sprintf("%d_row.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "INSERT INTO counter VALUES (%d)", i)}
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadByte(); err == nil {
		return errors.New("unexpected input")
	}
	ctx := context.Background()
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		return err
	}
	result, err := sqlite.SQLiteMigrate(ctx, db.Writer, sqlite.SQLiteMigrateConfig{FS: fsys})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return err
	}
	return db.Close()
}
