package postgresmigrate_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/postgresmigrate"
	"fnregistry.dev/tools/testenv/testkit/servers"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"
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

// newDatabase makes a database of the test's own on the run's server and returns its URL.
func newDatabase(t testing.TB) string {
	t.Helper()
	admin := servers.Postgres(t)
	name := "t_" + strings.ToLower(rand.Text()[:12])
	execURL(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execURL(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func execURL(t testing.TB, text, sql string) {
	t.Helper()
	ctx := context.Background() // t's own has ended in a Cleanup
	conn, err := pgx.Connect(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func open(t testing.TB, text string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec1(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func get[T any](t testing.TB, pool *pgxpool.Pool, query string, args ...any) (value T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// has says whether a table, index or sequence is there.
func has(t testing.TB, pool *pgxpool.Pool, name string) bool {
	t.Helper()
	return get[bool](t, pool, "SELECT to_regclass($1) IS NOT NULL", name)
}

func migrate(t testing.TB, pool *pgxpool.Pool, fsys fs.FS) (postgresmigrate.PostgresMigrateResult, error) {
	t.Helper()
	return postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: fsys})
}

func mustMigrate(t testing.TB, pool *pgxpool.Pool, fsys fs.FS) postgresmigrate.PostgresMigrateResult {
	t.Helper()
	result, err := migrate(t, pool, fsys)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func names(list []postgresmigrate.PostgresMigrateFile) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

// wantError checks the code and that the text holds want.
func wantError(t testing.TB, err error, code core.Code, want string) {
	t.Helper()
	if core.ErrorCode(err) != code || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %q (%s), want code %s and %q in the text", err, core.ErrorCode(err), code, want)
	}
	if coded, ok := errors.AsType[*core.Error](err); ok && coded.Op == "" {
		t.Errorf("%v: no Op", err)
	}
}

const patience = 30 * time.Second

// within waits for a condition on the real thing.
func within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestPostgresMigrate_AppliesInOrderOnce(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	// 10 comes after 9, whatever their names sort like; a file of another kind is left alone.
	fsys := files("9_users.sql", usersSQL, "10_index.sql", indexSQL, "README.md", "x", "11_x.go", "package x")
	result := mustMigrate(t, pool, fsys)
	if names(result.Applied) != "9_users.sql 10_index.sql" || result.Version != 10 || len(result.Pending) != 0 {
		t.Errorf("%+v", result)
	}
	if n := get[int](t, pool, "SELECT count(*) FROM users"); n != 2 {
		t.Errorf("%d users, want 2", n)
	}
	again := mustMigrate(t, pool, fsys)
	if len(again.Applied) != 0 || again.Version != 10 {
		t.Errorf("a second run: %+v", again)
	}
	fsys["11_more.sql"] = &fstest.MapFile{Data: []byte("DELETE FROM users")}
	if more := mustMigrate(t, pool, fsys); names(more.Applied) != "11_more.sql" || more.Version != 11 {
		t.Errorf("a third file: %+v", more)
	}
}

func TestPostgresMigrate_FailureRollsBackThatFileAlone(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	fsys := files("1_users.sql", usersSQL, "2_bad.sql", "-- first\n\nCREATE TABLE half (n int);\n\n-- hier: ü\nINSERT INTO nowhere VALUES (1);", "3_index.sql", indexSQL)
	result, err := migrate(t, pool, fsys)
	wantError(t, err, core.CodeInvalid, "postgres_migrate 2_bad.sql:6: ")
	if names(result.Applied) != "1_users.sql" || names(result.Pending) != "2_bad.sql 3_index.sql" || result.Version != 1 {
		t.Errorf("%+v", result)
	}
	if has(t, pool, "half") {
		t.Error("half of 2_bad.sql stayed")
	}
	// Once the file is mended (it was never recorded), all of it goes through.
	fsys["2_bad.sql"].Data = []byte("CREATE TABLE whole (n int)")
	if result := mustMigrate(t, pool, fsys); names(result.Applied) != "2_bad.sql 3_index.sql" {
		t.Errorf("%+v", result)
	}
}

func TestPostgresMigrate_RefusesChangedHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"changed", files("1_users.sql", usersSQL+" ", "3_index.sql", indexSQL), "1_users.sql: has changed since it was applied at 20"},
		{"gone", files("1_users.sql", usersSQL), "3_index.sql: version 3 was applied at 20"},
		{"late", files("1_users.sql", usersSQL, "2_late.sql", "SELECT 1", "3_index.sql", indexSQL), "2_late.sql: is new, but version 3 is already applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool := open(t, newDatabase(t))
			mustMigrate(t, pool, files("1_users.sql", usersSQL, "3_index.sql", indexSQL))
			c.files["4_new.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE new (n int)")}
			_, err := migrate(t, pool, c.files)
			wantError(t, err, core.CodeConflict, c.want)
			if coded, ok := errors.AsType[*core.Error](err); !ok || coded.Hint == "" {
				t.Error("no hint")
			}
			if has(t, pool, "new") {
				t.Error("a file was applied all the same")
			}
		})
	}
}

func TestPostgresMigrate_LineEndsAndNamesAreNoChange(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	mustMigrate(t, pool, files("1_users.sql", usersSQL))
	mustMigrate(t, pool, files("001_accounts.sql", strings.ReplaceAll(usersSQL, "\n", "\r\n")))
}

func TestPostgresMigrate_DryRunChangesNothing(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	cfg := postgresmigrate.PostgresMigrateConfig{FS: files("sub/1_users.sql", usersSQL, "sub/2_index.sql", indexSQL), Dir: "sub", Table: "my_history", DryRun: true}
	for range 2 {
		result, err := postgresmigrate.PostgresMigrate(t.Context(), pool, cfg)
		if err != nil || names(result.Pending) != "1_users.sql 2_index.sql" || len(result.Applied) != 0 || result.Version != 0 {
			t.Fatalf("%+v, %v", result, err)
		}
		if len(result.Pending[0].Checksum) != 64 {
			t.Errorf("checksum %q", result.Pending[0].Checksum)
		}
	}
	if n := get[int](t, pool, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
		t.Errorf("%d objects in the schema after a dry run", n)
	}
	cfg.DryRun = false
	if _, err := postgresmigrate.PostgresMigrate(t.Context(), pool, cfg); err != nil {
		t.Fatal(err)
	}
	if n := get[int](t, pool, "SELECT count(*) FROM my_history WHERE version_id > 0"); n != 2 {
		t.Errorf("%d lines in the history", n)
	}
}

func TestPostgresMigrate_BadFiles(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
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
		{"empty", files("1_a.sql", "-- nothing\n\n"), "no SQL statement"},
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
			wantError(t, err, core.CodeInvalid, c.want)
		})
	}
	for _, table := range []string{"a; DROP", "Upper", strings.Repeat("x", 64), `"`} {
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: files("1_a.sql", "SELECT 1"), Table: table})
		wantError(t, err, core.CodeInvalid, "bad table name")
	}
	_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: files("1_a.sql", "SELECT 1"), Dir: "no"})
	wantError(t, err, core.CodeNotFound, "no")
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
	pool := open(t, newDatabase(t))
	mustMigrate(t, pool, files("1_function.sql", functionSQL))
	if n := get[int](t, pool, "SELECT n FROM log"); n != 7 {
		t.Errorf("got %d", n)
	}
	exec1(t, pool, "CALL tidy()")
}

// goose's own files, its command line's table, and what its command line makes of ours.
func TestPostgresMigrate_GetsOnWithGoose(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
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
	wantError(t, err, core.CodeConflict, "2_index.sql: has changed")
}

// What pg_dump writes empties the search_path.
func TestPostgresMigrate_SearchPathIsTheFilesOwn(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	execURL(t, text, "CREATE SCHEMA app")
	pool := open(t, text+"&search_path=app")
	fsys := files("1_dump.sql", "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE app.t (n int);")
	for range 2 {
		if result := mustMigrate(t, pool, fsys); result.Version != 1 {
			t.Errorf("%+v", result)
		}
	}
	if !has(t, pool, "app.goose_db_version") || get[string](t, pool, "SHOW search_path") != "app" {
		t.Error("the history is elsewhere, or the pool's search_path has changed")
	}
	_, err := migrate(t, open(t, text+"&search_path=nowhere"), fsys)
	wantError(t, err, core.CodeInvalid, "no schema of the search_path")
}

func TestPostgresMigrate_StatementTimeoutDoesNotCount(t *testing.T) {
	t.Parallel()
	pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: newDatabase(t), StatementTimeout: 100 * time.Millisecond, MaxConns: 1})
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

// holdLock begins a migration that waits for the test, and returns what ends it.
func holdLock(t *testing.T, pool *pgxpool.Pool, fsys fstest.MapFS) (finish func() error) {
	t.Helper()
	exec1(t, pool, "CREATE TABLE gate (n int)")
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
	within(t, "the migration waits at the gate", func() bool {
		return get[int](t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass") == 1
	})
	return func() error {
		if err := gate.Rollback(t.Context()); err != nil {
			return err
		}
		return <-done
	}
}

func TestPostgresMigrate_LockTimeout(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	fsys := files("1_gate.sql", "SELECT count(*) FROM gate")
	finish := holdLock(t, pool, fsys)
	cfg := postgresmigrate.PostgresMigrateConfig{FS: fsys, LockTimeout: 250 * time.Millisecond}
	_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, cfg)
	wantError(t, err, core.CodeUnavailable, "another process migrates")
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	cfg.LockTimeout = time.Hour
	_, err = postgresmigrate.PostgresMigrate(ctx, pool, cfg)
	wantError(t, err, core.CodeTimeout, "deadline")
	if err := finish(); err != nil {
		t.Error(err)
	}
	if result := mustMigrate(t, pool, fsys); result.Version != 1 || len(result.Applied) != 0 {
		t.Errorf("%+v", result)
	}
}

// A session that waits inside the server for the lock has a snapshot, which CREATE INDEX CONCURRENTLY waits for.
func TestPostgresMigrate_WaitingDoesNotBlockConcurrentIndex(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	exec1(t, pool, usersSQL)
	fsys := files("1_gate.sql", "SELECT count(*) FROM gate",
		"2_index.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY users_name ON users (name);\n")
	finish := holdLock(t, pool, fsys)
	waiting := make(chan error, 1)
	go func() {
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: fsys})
		waiting <- err
	}()
	within(t, "the second one has asked for the lock", func() bool {
		return get[int](t, pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'") == 1
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

func TestPostgresMigrate_CancelRollsBack(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := postgresmigrate.PostgresMigrate(ctx, pool, postgresmigrate.PostgresMigrateConfig{FS: files("1_endless.sql", "CREATE TABLE half (n int);\nSELECT pg_sleep(3600);")})
	wantError(t, err, core.CodeTimeout, "deadline")
	exec1(t, pool, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND datname = current_database() AND pid <> pg_backend_pid()")
	if has(t, pool, "half") {
		t.Error("half of the file stayed")
	}
	mustMigrate(t, pool, files("1_users.sql", usersSQL))
}

func TestPostgresMigrate_ConnectionLostHalfway(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	fsys := files("1_users.sql", usersSQL, "2_lost.sql", "CREATE TABLE half (n int);\nSELECT pg_terminate_backend(pg_backend_pid());", "3_index.sql", indexSQL)
	result, err := migrate(t, pool, fsys)
	wantError(t, err, core.CodeUnavailable, "postgres_migrate 2_lost.sql")
	if names(result.Applied) != "1_users.sql" || names(result.Pending) != "2_lost.sql 3_index.sql" || has(t, pool, "half") || has(t, pool, "users_name") {
		t.Errorf("%+v", result)
	}
}

func TestPostgresMigrate_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := open(t, server.Postgres(t))
	fsys := files("1_users.sql", usersSQL, "2_gate.sql", "CREATE TABLE half (n int);\nSELECT count(*) FROM gate;")
	done := make(chan error, 1)
	exec1(t, pool, "CREATE TABLE gate (n int)")
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
	within(t, "the migration waits at the gate", func() bool {
		return get[int](t, pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass") == 1
	})
	server.Kill(t)
	wantError(t, <-done, core.CodeUnavailable, "2_gate.sql")
	_ = gate.Rollback(t.Context())
	server.Restart(t)
	within(t, "the pool finds the server again", func() bool { return pool.Ping(t.Context()) == nil })
	if has(t, pool, "half") || !has(t, pool, "users") {
		t.Error("not as acknowledged")
	}
	if result := mustMigrate(t, pool, fsys); names(result.Applied) != "2_gate.sql" || result.Version != 2 {
		t.Errorf("%+v", result)
	}
}

func TestPostgresMigrate_NoRight(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	user := "u_" + strings.ToLower(rand.Text()[:10])
	execURL(t, text, "CREATE ROLE "+user+" LOGIN PASSWORD 'secret-word'")
	t.Cleanup(func() { execURL(t, servers.Postgres(t), "DROP ROLE "+user) })
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "secret-word")
	_, err = migrate(t, open(t, u.String()), files("1_users.sql", usersSQL))
	wantError(t, err, core.CodeForbidden, "permission denied")
	if strings.Contains(err.Error(), "secret-word") {
		t.Error(err)
	}
}

func TestPostgresMigrate_HostileAndLargeFiles(t *testing.T) {
	t.Parallel()
	pool := open(t, newDatabase(t))
	line := "INSERT INTO big VALUES ('" + strings.Repeat("0123456789", 100) + "');\n"
	fsys := files("1_a.sql", "\ufeffCREATE TABLE odd (t text);\nINSERT INTO odd VALUES ('--'), ('/*'), ('$x'), ('{{.X}}'), ('${HOME}'), (E'\\'; DROP TABLE odd; --'), ('🙂');",
		"2_big.sql", "CREATE TABLE big (t text);\n"+strings.Repeat(line, 10_000)) // 10 MB
	mustMigrate(t, pool, fsys)
	if n := get[int](t, pool, "SELECT count(*) FROM odd"); n != 7 {
		t.Errorf("%d rows", n)
	}
	if n := get[int](t, pool, "SELECT count(*) FROM big"); n != 10_000 {
		t.Errorf("%d rows", n)
	}
}

// Many instances with a pool of their own, all at one moment, on an empty database.
func TestPostgresMigrate_ManyAtOnce(t *testing.T) {
	t.Parallel()
	text := newDatabase(t)
	const instances = 12
	results := make([]postgresmigrate.PostgresMigrateResult, instances)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range instances {
		pool := open(t, text)
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
	checkRace(t, open(t, text), results)
}

// Real processes: this test binary starts itself, and all of them are let go at one moment.
func TestPostgresMigrate_ProcessesAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 4
	text := newDatabase(t)
	type child struct {
		cmd   *exec.Cmd
		ready *bufio.Reader
		start func() error
	}
	var children []child
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), migrateChildEnv+"="+text)
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
	var results []postgresmigrate.PostgresMigrateResult
	for _, c := range children {
		var result postgresmigrate.PostgresMigrateResult
		if err := json.NewDecoder(c.ready).Decode(&result); err != nil {
			t.Error(err)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Error(err)
		}
		results = append(results, result)
	}
	checkRace(t, open(t, text), results)
}

func checkRace(t *testing.T, pool *pgxpool.Pool, results []postgresmigrate.PostgresMigrateResult) {
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
	if n := get[int](t, pool, "SELECT count(*) FROM counter"); n != raceFiles-1 {
		t.Errorf("%d rows, want %d", n, raceFiles-1)
	}
	if n := get[int](t, pool, "SELECT count(*) FROM goose_db_version"); n != raceFiles+1 {
		t.Errorf("%d lines in the history, want %d", n, raceFiles+1)
	}
}

const (
	migrateChildEnv = "POSTGRES_MIGRATE_CHILD"
	raceFiles       = 20
)

func raceFS() fstest.MapFS {
	fsys := files("1_table.sql", "CREATE TABLE counter (n int)")
	for i := 2; i <= raceFiles; i++ {
		fsys[fmt.Sprintf("%d_row.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "INSERT INTO counter VALUES (%d)", i)}
	}
	return fsys
}

func TestMain(m *testing.M) {
	if text := os.Getenv(migrateChildEnv); text != "" {
		if err := migrateChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// migrateChild is one process of ProcessesAtOnce: it says that it is ready, waits for the end of its input, opens and migrates.
func migrateChild(text string) error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadByte(); err == nil {
		return errors.New("unexpected input")
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
