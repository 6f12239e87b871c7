package postgresmigrate_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/postgres/postgresmigrate"
	"fnregistry.dev/functions/infra/sqltest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
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
	usersSQL = "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);\nINSERT INTO users (name) VALUES ('a;b'), ('c');\n"
	indexSQL = "-- speeds up the login\nCREATE INDEX users_name ON users (name);\n"
)

// has reports whether a table, index or sequence is there.
func has(t testing.TB, pool *pgxpool.Pool, name string) bool {
	t.Helper()
	return pgtest.Get[bool](t, pool, "SELECT to_regclass($1) IS NOT NULL", name)
}

func migrate(t testing.TB, pool *pgxpool.Pool, fsys fs.FS) (migration.MigrationResult, error) {
	t.Helper()
	return postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: fsys})
}

func mustMigrate(t testing.TB, pool *pgxpool.Pool, fsys fs.FS) migration.MigrationResult {
	t.Helper()
	result, err := migrate(t, pool, fsys)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func names(list []migration.MigrationFile) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

func TestPostgresMigrate_Conformance(t *testing.T) {
	t.Parallel()
	sqltest.MigrateConformance(t, func(t *testing.T) sqltest.MigrateConformanceConfig {
		pool := pgtest.Open(t, pgtest.NewDatabase(t))
		return sqltest.MigrateConformanceConfig{
			Op: "postgres_migrate",
			Migrate: func(ctx context.Context, r sqltest.MigrateConformanceRequest) (sqltest.MigrateConformanceResult, error) {
				done, err := postgresmigrate.PostgresMigrate(ctx, pool, postgresmigrate.PostgresMigrateConfig(r))
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
			Endless: "SELECT pg_sleep(3600);",
			Has:     func(t *testing.T, name string) bool { return has(t, pool, name) },
			Count: func(t *testing.T, table string) int {
				t.Helper()
				return pgtest.Get[int](t, pool, "SELECT count(*) FROM "+table)
			},
			Hold: func(t *testing.T) (string, func()) {
				finish := holdLock(t, pool, files("1_gate.sql", "SELECT count(*) FROM gate;\nSELECT 1/0;"))
				return "another process migrates", func() { errtest.Want(t, finish(), core.CodeInvalid, "division by zero") }
			},
		}
	})
}

func TestPostgresMigrate_BadFiles(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	for _, c := range []struct {
		name string
		fsys fs.FS
		want string
	}{
		{"digits", files("99999999999999999999_a.sql", usersSQL), "bad name"},
		{"no number", files("_a.sql", usersSQL), "bad name"},
		{"odd", files("1_a b.sql", usersSQL), "bad name"},
		{"zero", files("0_users.sql", usersSQL), "0_users.sql: bad name"},
		{"nul", files("1_a.sql", "SELECT 1;\x00 DROP"), "UTF-8"},
		{"latin", files("1_a.sql", "SELECT '\xfc'"), "UTF-8"},
		{"commit", files("1_a.sql", "CREATE TABLE a (n int);\ncommit;"), "1_a.sql:2: commit; in a migration"},
		{"begin", files("1_a.sql", "BEGIN; CREATE TABLE a (n int)"), "1_a.sql:1: BEGIN"},
		{"syntax", files("1_a.sql", "CREATE TABEL a (n int)"), `1_a.sql:1: ERROR: syntax error at or near "TABEL"`},
		{"goose", files("1_a.sql", "-- +goose Up\n-- +goose Sideways\nSELECT 1;"), "Sideways"},
		{"goose semicolon", files("1_a.sql", "-- +goose Up\nSELECT 1"), "missing semicolon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := migrate(t, pool, c.fsys)
			errtest.Want(t, err, core.CodeInvalid, c.want)
		})
	}
	for _, table := range []string{"a; DROP", "Upper", strings.Repeat("x", 64), `"`} {
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: files("1_a.sql", "SELECT 1"), Table: table})
		errtest.Want(t, err, core.CodeInvalid, "bad table name")
	}
}

const functionSQL = `CREATE TABLE log (n int);
CREATE FUNCTION note(n int) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
	INSERT INTO log VALUES (n); -- a ; in a body
	PERFORM 1;
END;
$body$;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM log;
	COMMIT;
END
$$;
SELECT note(7);
`

func TestPostgresMigrate_FunctionsNeedNoAnnotation(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	mustMigrate(t, pool, files("1_function.sql", functionSQL))
	if n := pgtest.Get[int](t, pool, "SELECT n FROM log"); n != 7 {
		t.Errorf("got %d", n)
	}
	pgtest.Exec(t, pool, "CALL tidy()")
}

// goose's own files, its command line's table, and what its command line makes
// of ours.
func TestPostgresMigrate_GetsOnWithGoose(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	fsys := files("1_users.sql", "-- +goose Up\n"+usersSQL+"-- +goose Down\nDROP TABLE users;\n", "2_index.sql", "-- +goose Up\n"+indexSQL)
	plain := func(fsys fs.FS) {
		t.Helper()
		db := stdlib.OpenDBFromPool(pool)
		defer db.Close()
		provider, err := goose.NewProvider(goose.DialectPostgres, db, fsys)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	plain(files("1_users.sql", string(fsys["1_users.sql"].Data)))
	if result := mustMigrate(t, pool, fsys); names(result.Applied) != "2_index.sql" || result.Version != 2 {
		t.Fatalf("%+v", result)
	}
	if !has(t, pool, "users") {
		t.Error("the Down part was run")
	}
	fsys["3_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE more (n int);\n")}
	plain(fsys)
	if result := mustMigrate(t, pool, fsys); len(result.Applied) != 0 || result.Version != 3 {
		t.Fatalf("%+v", result)
	}
	fsys["2_index.sql"].Data = append(fsys["2_index.sql"].Data, ' ')
	_, err := migrate(t, pool, fsys)
	errtest.Want(t, err, core.CodeConflict, "2_index.sql: has changed")
}

// What pg_dump writes empties the search_path.
func TestPostgresMigrate_SearchPathIsTheFilesOwn(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	pgtest.ExecURL(t, text, "CREATE SCHEMA app")
	pool := pgtest.Open(t, text+"&search_path=app")
	fsys := files("1_dump.sql", "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE app.t (n int);")
	for range 2 {
		if result := mustMigrate(t, pool, fsys); result.Version != 1 {
			t.Errorf("%+v", result)
		}
	}
	if !has(t, pool, "app.goose_db_version") || pgtest.Get[string](t, pool, "SHOW search_path") != "app" {
		t.Error("the history is elsewhere, or the pool's search_path has changed")
	}
	_, err := migrate(t, pgtest.Open(t, text+"&search_path=nowhere"), fsys)
	errtest.Want(t, err, core.CodeInvalid, "no schema of the search_path")
}

func TestPostgresMigrate_StatementTimeoutDoesNotCount(t *testing.T) {
	t.Parallel()
	pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: pgtest.NewDatabase(t), StatementTimeout: 100 * time.Millisecond, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(t.Context()) // the pool's only one: the migration has its own
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := migrate(t, pool, files("1_slow.sql", "SELECT pg_sleep(0.5)")); err != nil {
		t.Error(err)
	}
}

// holdLock begins a migration that waits for the test, and returns what ends
// it.
func holdLock(t *testing.T, pool *pgxpool.Pool, fsys fstest.MapFS) (finish func() error) {
	t.Helper()
	pgtest.Exec(t, pool, "CREATE TABLE gate (n int)")
	gate, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Exec(t.Context(), "LOCK TABLE gate"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: fsys})
		done <- err
	}()
	pgtest.Within(t, "the migration waits at the gate", func() bool {
		return pgtest.Get[int](t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass") == 1
	})
	return func() error {
		if err := gate.Rollback(t.Context()); err != nil {
			return err
		}
		return <-done
	}
}

// A session that waits inside the server for the lock has a snapshot, which
// CREATE INDEX CONCURRENTLY waits for.
func TestPostgresMigrate_WaitingDoesNotBlockConcurrentIndex(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	pgtest.Exec(t, pool, usersSQL)
	fsys := files("1_gate.sql", "SELECT count(*) FROM gate",
		"2_index.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY users_name ON users (name);\n")
	finish := holdLock(t, pool, fsys)
	waiting := make(chan error, 1)
	go func() {
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: fsys})
		waiting <- err
	}()
	pgtest.Within(t, "the second one has asked for the lock", func() bool {
		return pgtest.Get[int](t, pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'") == 1
	})
	if err := finish(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if !has(t, pool, "users_name") {
		t.Error("no index")
	}
}

func TestPostgresMigrate_ConnectionLostHalfway(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	fsys := files("1_users.sql", usersSQL, "2_lost.sql", "CREATE TABLE half (n int);\nSELECT pg_terminate_backend(pg_backend_pid());", "3_index.sql", indexSQL)
	result, err := migrate(t, pool, fsys)
	errtest.Want(t, err, core.CodeUnavailable, "postgres_migrate file=2_lost.sql")
	if names(result.Applied) != "1_users.sql" || names(result.Pending) != "2_lost.sql 3_index.sql" || has(t, pool, "half") || has(t, pool, "users_name") {
		t.Errorf("%+v", result)
	}
}

func TestPostgresMigrate_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := pgtest.Open(t, server.Postgres(t))
	fsys := files("1_users.sql", usersSQL, "2_gate.sql", "CREATE TABLE half (n int);\nSELECT count(*) FROM gate;")
	done := make(chan error, 1)
	pgtest.Exec(t, pool, "CREATE TABLE gate (n int)")
	gate, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Exec(t.Context(), "LOCK TABLE gate"); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := migrate(t, pool, fsys)
		done <- err
	}()
	pgtest.Within(t, "the migration waits at the gate", func() bool {
		return pgtest.Get[int](t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass") == 1
	})
	server.Kill(t)
	errtest.Want(t, <-done, core.CodeUnavailable, "2_gate.sql")
	_ = gate.Rollback(t.Context())
	server.Restart(t)
	pgtest.Within(t, "the pool finds the server again", func() bool { return pool.Ping(t.Context()) == nil })
	if has(t, pool, "half") || !has(t, pool, "users") {
		t.Error("not as acknowledged")
	}
	if result := mustMigrate(t, pool, fsys); names(result.Applied) != "2_gate.sql" || result.Version != 2 {
		t.Errorf("%+v", result)
	}
}

func TestPostgresMigrate_NoRight(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	user := "u_" + strings.ToLower(rand.Text()[:10])
	pgtest.ExecURL(t, text, "CREATE ROLE "+user+" LOGIN PASSWORD 'secret-word'")
	t.Cleanup(func() { pgtest.ExecURL(t, servers.Postgres(t), "DROP ROLE "+user) })
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "secret-word")
	_, err = migrate(t, pgtest.Open(t, u.String()), files("1_users.sql", usersSQL))
	errtest.Want(t, err, core.CodeForbidden, "permission denied")
	if strings.Contains(err.Error(), "secret-word") {
		t.Error(err)
	}
}

func TestPostgresMigrate_HostileAndLargeFiles(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	line := "INSERT INTO big VALUES ('" + strings.Repeat("0123456789", 100) + "');\n"
	fsys := files("1_a.sql", "\ufeffCREATE TABLE odd (t text);\nINSERT INTO odd VALUES ('--'), ('/*'), ('$x'), ('{{.X}}'), ('${HOME}'), (E'\\'; DROP TABLE odd; --'), ('🙂');",
		"2_big.sql", "CREATE TABLE big (t text);\n"+strings.Repeat(line, 10_000)) // 10 MB
	mustMigrate(t, pool, fsys)
	if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM odd"); n != 7 {
		t.Errorf("%d rows", n)
	}
	if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM big"); n != 10_000 {
		t.Errorf("%d rows", n)
	}
}

// Many instances with a pool of their own, all at one moment, on an empty
// database.
func TestPostgresMigrate_ManyAtOnce(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	const instances = 12
	results := make([]migration.MigrationResult, instances)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range instances {
		pool := pgtest.Open(t, text)
		all.Go(func() {
			<-start
			var err error
			if results[i], err = migrate(t, pool, raceFS()); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	checkRace(t, pgtest.Open(t, text), results)
}

// Real processes: this test binary starts itself, and all of them are let go at
// one moment.
func TestPostgresMigrate_ProcessesAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 4
	text := pgtest.NewDatabase(t)
	var all []*killtest.Process
	for range processes {
		all = append(all, killtest.Start(t, killtest.Config{Role: "migrate", Args: []string{text}}))
	}
	for _, p := range all {
		p.Expect("ready")
	}
	for _, p := range all {
		p.CloseInput()
	}
	var results []migration.MigrationResult
	for _, p := range all {
		var result migration.MigrationResult
		if err := json.Unmarshal(p.Output(), &result); err != nil {
			t.Error(err)
		}
		p.Wait()
		results = append(results, result)
	}
	checkRace(t, pgtest.Open(t, text), results)
}

func checkRace(t *testing.T, pool *pgxpool.Pool, results []migration.MigrationResult) {
	t.Helper()
	applied := 0
	for _, result := range results {
		if result.Version != raceFiles || len(result.Pending) != 0 {
			t.Errorf("an instance ended at version %d, want %d", result.Version, raceFiles)
		}
		applied += len(result.Applied)
	}
	if applied != raceFiles {
		t.Errorf("the instances applied %d files in all, want each of the %d once", applied, raceFiles)
	}
	if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM counter"); n != raceFiles-1 {
		t.Errorf("%d rows, want %d", n, raceFiles-1)
	}
	if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM goose_db_version"); n != raceFiles+1 {
		t.Errorf("%d lines in the history, want %d", n, raceFiles+1)
	}
}

const raceFiles = 20

func raceFS() fstest.MapFS {
	fsys := files("1_table.sql", "CREATE TABLE counter (n int)")
	for i := 2; i <= raceFiles; i++ {
		fsys[fmt.Sprintf("%d_row.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "INSERT INTO counter VALUES (%d)", i)}
	}
	return fsys
}

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"migrate": func(args []string) error { return migrateChild(args[0]) }})
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// migrateChild is one process of ProcessesAtOnce: it says that it is ready,
// waits for the end of its input, opens and migrates.
func migrateChild(text string) error {
	fmt.Println("ready")
	if err := killtest.AwaitInputEnd(); err != nil {
		return err
	}
	ctx := context.Background()
	pool, err := postgres.PostgresOpen(ctx, postgres.PostgresOpenConfig{URL: text})
	if err != nil {
		return err
	}
	defer pool.Close()
	result, err := postgresmigrate.PostgresMigrate(ctx, pool, postgresmigrate.PostgresMigrateConfig{FS: raceFS()})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
