package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/postgres/postgresmigrate"
	"fnregistry.dev/functions/internal/errtest"
)

// pgBouncer starts a PgBouncer in front of a database for the test, and returns
// the URL through it.
func pgBouncer(t *testing.T, text string, settings ...string) string {
	t.Helper()
	path, err := osexec.LookPath("pgbouncer")
	if err != nil {
		if path, err = osexec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("SKIPPED: PgBouncer is missing: apt-get install pgbouncer")
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	dir, err := os.MkdirTemp("", "pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	config := append([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s user=%s password=%s", u.Hostname(), u.Port(), u.User.Username(), password),
		"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + port, "unix_socket_dir =", "auth_type = any",
	}, settings...)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{file}
	if os.Getuid() == 0 { // it refuses to run as root
		args = []string{"-u", "nobody", file}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	cmd := osexec.Command(path, args...)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	pgtest.Within(t, "PgBouncer listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return withHost(t, text, addr)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// A setting that PgBouncer doesn't know is not treated as a server that is
// down: no waiting, and a useful hint.
func TestPostgresOpen_PgBouncerRefusesSettings(t *testing.T) {
	t.Parallel()
	text := pgBouncer(t, pgtest.NewDatabase(t))
	start := time.Now()
	_, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: time.Minute})
	errtest.Want(t, err, core.CodeInvalid, "unsupported startup parameter: statement_timeout")
	if coded, ok := errors.AsType[*core.Error](err); !ok || !strings.Contains(coded.Hint, "ignore_startup_parameters") {
		t.Errorf("hint %q", coded.Hint)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	// Without that setting the pool opens, but listening needs it.
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text, StatementTimeout: -1})
	for _, err := range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"c"}}) {
		errtest.Want(t, err, core.CodeInvalid, "unsupported startup parameter")
		break
	}
}

// Through a pooler in session mode that ignores the settings, the units work.
func TestPostgresOpen_PgBouncerSession(t *testing.T) {
	t.Parallel()
	direct := pgtest.NewDatabase(t)
	text := pgBouncer(t, direct, "pool_mode = session", "ignore_startup_parameters = statement_timeout")
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text})
	pgtest.Exec(t, pool, tableT)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(1000, "x", nil)); n != 1000 || err != nil {
		t.Errorf("postgres_copy: %d, %v", n, err)
	}
	for event, err := range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"c"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Missed {
			pgtest.Exec(t, pool, "NOTIFY c, 'hello'")
			continue
		}
		if event.Payload != "hello" {
			t.Errorf("postgres_listen: %+v", event)
		}
		break
	}
}

// In transaction mode a session's state doesn't last: units that need none work
// if statements are not prepared by name.
func TestPostgresOpen_PgBouncerTransaction(t *testing.T) {
	t.Parallel()
	direct := pgtest.NewDatabase(t)
	text := pgBouncer(t, direct, "pool_mode = transaction", "ignore_startup_parameters = statement_timeout", "default_pool_size = 2")
	pool := openWith(t, postgres.PostgresOpenConfig{URL: execMode(t, text)})
	pgtest.Exec(t, pool, tableT)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(10_000, "x", nil)); n != 10_000 || err != nil {
		t.Errorf("postgres_copy: %d, %v", n, err)
	}
	for i := range 50 {
		if got := pgtest.Get[int](t, pool, "SELECT count(*) FROM t WHERE n > $1", i); got != 10_000-i {
			t.Errorf("%d rows", got)
		}
	}
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM t")
		return err
	}); err != nil {
		t.Error(err)
	}
}

// lockThrough tests that one of two has a lock, through a pooler or not, and
// that it passes on.
func lockThrough(t *testing.T, first, second *pgxpool.Pool) {
	t.Helper()
	// A heartbeat is also how long a ping may take: on a loaded machine 100 ms
	// were too short, and the lock was lost.
	lock, err := postgres.PostgresLock(t.Context(), first, postgres.PostgresLockConfig{Name: "job", Heartbeat: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	// Traffic makes the pooler hand its processes around.
	var traffic sync.WaitGroup
	for range 4 {
		traffic.Go(func() {
			for range 20 {
				if _, err := second.Exec(t.Context(), "SELECT 1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		_, err := postgres.PostgresLock(t.Context(), second, postgres.PostgresLockConfig{Name: "job", Wait: -1})
		errtest.Want(t, err, core.CodeConflict, "another session holds the lock")
	}
	traffic.Wait()
	if err := lock.Context().Err(); err != nil {
		t.Errorf("the lock is lost: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		next, err := postgres.PostgresLock(t.Context(), second, postgres.PostgresLockConfig{Name: "job"})
		if err == nil {
			err = next.Unlock()
		}
		waiting <- err
	}()
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
	if err := receive(t, waiting, "the lock"); err != nil {
		t.Error(err)
	}
}

// In transaction mode a session's lock would be everybody's.
func TestPostgresLock_PgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "session"} {
		for _, ignored := range []string{"statement_timeout", "statement_timeout,tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count"} {
			t.Run(mode+" "+strconv.Itoa(len(ignored)), func(t *testing.T) {
				t.Parallel()
				direct := pgtest.NewDatabase(t)
				text := execMode(t, pgBouncer(t, direct, "pool_mode = "+mode, "ignore_startup_parameters = "+ignored, "default_pool_size = 10"))
				pooled := openWith(t, postgres.PostgresOpenConfig{URL: text})
				lockThrough(t, pooled, openWith(t, postgres.PostgresOpenConfig{URL: text}))
				lockThrough(t, pooled, pgtest.Open(t, direct))
				lockThrough(t, pgtest.Open(t, direct), pooled)
			})
		}
	}
}

// execMode makes a URL for connections that prepare no statements by name.
func execMode(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("default_query_exec_mode", "exec")
	u.RawQuery = query.Encode()
	return u.String()
}

// Queries as JSON, and transactions, need no session.
func TestPostgresTx_PgBouncer(t *testing.T) {
	t.Parallel()
	text := execMode(t, pgBouncer(t, pgtest.NewDatabase(t), "pool_mode = transaction", "ignore_startup_parameters = statement_timeout", "default_pool_size = 2"))
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text})
	pgtest.Exec(t, pool, tableT)
	if err := postgres.PostgresTx(t.Context(), pool, postgres.PostgresTxConfig{Confirm: true}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO t (n) VALUES ($1)", 7)
		return err
	}); err != nil {
		t.Error(err)
	}
	for range 20 {
		if got := queryJSON(t, pool, queryConfig{Query: "SELECT n FROM t WHERE n = @n", Named: map[string]any{"n": 7}, ReadOnly: true}); got != "[{\"n\":7}]\n" {
			t.Errorf("%s", got)
		}
	}
}

// A migration's lock would not hold: it says why, and changes nothing.
func TestPostgresMigrate_PgBouncer(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"0001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (n int);\n")}}
	for _, mode := range []string{"transaction", "session"} {
		direct := pgtest.NewDatabase(t)
		text := execMode(t, pgBouncer(t, direct, "pool_mode = "+mode, "ignore_startup_parameters = statement_timeout"))
		pool := openWith(t, postgres.PostgresOpenConfig{URL: text})
		_, err := postgresmigrate.PostgresMigrate(t.Context(), pool, postgresmigrate.PostgresMigrateConfig{FS: files})
		errtest.Want(t, err, core.CodeUnsupported, "pooler")
		server := pgtest.Open(t, direct)
		if n := pgtest.Get[int](t, server, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
			t.Errorf("%s: %d tables", mode, n)
		}
		if _, err := postgresmigrate.PostgresMigrate(t.Context(), server, postgresmigrate.PostgresMigrateConfig{FS: files}); err != nil {
			t.Error(err)
		}
	}
}
