package sqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

// files makes an FS from pairs of name and content.
func files(pairs ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

const (
	usersSQL = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO users (name) VALUES ('a;b'), ('c');\n"
)

func migrate(t testing.TB, db *sqliteopen.SQLiteOpenHandle, fsys fs.FS) (migration.MigrationResult, error) {
	t.Helper()
	return sqlite.SQLiteMigrate(t.Context(), db.Writer, sqlite.SQLiteMigrateConfig{FS: fsys})
}

func mustMigrate(t testing.TB, db *sqliteopen.SQLiteOpenHandle, fsys fs.FS) migration.MigrationResult {
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

func TestSQLiteMigrate_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.MigrateConformance(t, func(t *testing.T) sqltest.MigrateConformanceConfig {
		db := open(t)
		return sqltest.MigrateConformanceConfig{
			Op: "sqlite_migrate",
			Migrate: func(ctx context.Context, r sqltest.MigrateConformanceRequest) (sqltest.MigrateConformanceResult, error) {
				conns := db.Writer
				if r.DryRun {
					conns = db.Reader
				}
				done, err := sqlite.SQLiteMigrate(ctx, conns, sqlite.SQLiteMigrateConfig(r))
				result := sqltest.MigrateConformanceResult{Version: done.Version}
				for _, f := range done.Applied {
					result.Applied = append(result.Applied, f.Name)
				}
				for _, f := range done.Pending {
					result.Pending = append(result.Pending, f.Name)
					result.Checksums = append(result.Checksums, f.Checksum)
				}
				return result, err
			},
			Endless: "INSERT INTO half WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c;",
			Has: func(t *testing.T, name string) bool {
				return count(t, db, "SELECT count(*) FROM sqlite_schema WHERE name = '"+name+"'") > 0
			},
			Count: func(t *testing.T, table string) int { return count(t, db, "SELECT count(*) FROM "+table) },
			Hold: func(t *testing.T) (string, func()) {
				other := openPath(t, dbPath(t, db.Reader))
				holder, err := other.Writer.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				return "another process held the write lock", func() { _ = holder.Rollback() }
			},
		}
	})
}

func TestSQLiteMigrate_BadFiles(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, c := range []struct {
		name string
		fsys fs.FS
		want string
	}{
		{"digits", files("99999999999999999999_a.sql", usersSQL), "bad name"},
		{"no number", files("_a.sql", usersSQL), "bad name"},
		{"odd", files("1_a b.sql", usersSQL), "bad name"},
		{"zero", files("0_users.sql", usersSQL), "0_users.sql: bad name"},
		{"empty", files("1_a.sql", "-- nothing\n/* here */ ;;"), "no SQL statement"},
		{"nul", files("1_a.sql", "SELECT 1;\x00 DROP"), "NUL"},
		{"commit", files("1_a.sql", "CREATE TABLE a (n);\ncommit;"), "1_a.sql:2: COMMIT in a migration"},
		{"begin", files("1_a.sql", "BEGIN; CREATE TABLE a (n)"), "1_a.sql:1: BEGIN"},
		{"vacuum", files("1_a.sql", "/* x */ VACUUM"), "VACUUM"},
		{"foreign keys", files("1_a.sql", "PRAGMA foreign_keys = OFF"), "PRAGMA foreign_keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := migrate(t, db, c.fsys)
			errtest.Want(t, err, core.CodeInvalid, c.want)
		})
	}
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
		errtest.Want(t, sqlite.SQLiteError("insert", err), core.CodeConflict, "FOREIGN KEY")
	})
	t.Run("dangling", func(t *testing.T) {
		db := open(t)
		mustMigrate(t, db, setup)
		_, err := migrate(t, db, merge(setup, "3_delete.sql", "-- foreign_keys: off\nDELETE FROM users WHERE id = 1;"))
		errtest.Want(t, err, core.CodeConflict, "3_delete.sql: leaves rows in posts that point to no row in users")
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

func TestSQLiteMigrate_ConnectionAfterLockTimeout(t *testing.T) {
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
	errtest.Want(t, err, core.CodeUnavailable, "another process held the write lock")

	// The connection is unchanged, and usable once the lock is released.
	var busy int
	if err := second.Writer.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&busy); err != nil || busy != 5000 {
		t.Errorf("busy_timeout is %d (%v), want 5000", busy, err)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustMigrate(t, second, cfg.FS)
}

// Real processes: this test binary starts itself, and releases all of them at
// the same moment.
func TestSQLiteMigrate_ProcessesAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 4
	path := filepath.Join(t.TempDir(), "shared.db")
	var all []*killtest.Process
	for range processes {
		all = append(all, killtest.Start(t, killtest.Config{Role: "migrate", Args: []string{path}}))
	}
	for _, p := range all {
		p.Expect("ready")
	}
	for _, p := range all {
		p.CloseInput()
	}
	applied := 0
	for _, p := range all {
		var result migration.MigrationResult
		if err := json.Unmarshal(p.Output(), &result); err != nil {
			t.Error(err)
		}
		p.Wait()
		if result.Version != raceFiles {
			t.Errorf("a process ended at version %d, want %d", result.Version, raceFiles)
		}
		applied += len(result.Applied)
	}
	if applied != raceFiles {
		t.Errorf("the processes applied %d files in total, want each of the %d once", applied, raceFiles)
	}
	db := openPath(t, path)
	if n := count(t, db, "SELECT count(*) FROM counter"); n != raceFiles-1 {
		t.Errorf("%d rows, want %d", n, raceFiles-1)
	}
}

const raceFiles = 30

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"migrate": func(args []string) error { return migrateChild(args[0]) }})
	os.Exit(m.Run())
}

// migrateChild is one process of ProcessesAtOnce: it reports that it is ready,
// waits for the end of its input, opens and migrates.
func migrateChild(path string) error {
	fsys := files("1_table.sql", "CREATE TABLE counter (n)")
	for i := 2; i <= raceFiles; i++ {
		fsys[fmt.Sprintf("%d_row.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "INSERT INTO counter VALUES (%d)", i)}
	}
	fmt.Println("ready")
	if err := killtest.AwaitInputEnd(); err != nil {
		return err
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
