package postgres_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
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
	within(t, "PgBouncer listens", func() bool {
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
	text := pgBouncer(t, newDatabase(t))
	start := time.Now()
	_, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text, WaitTimeout: time.Minute})
	wantError(t, err, core.CodeInvalid, "unsupported startup parameter: statement_timeout")
	if coded, ok := errors.AsType[*core.Error](err); !ok || !strings.Contains(coded.Hint, "ignore_startup_parameters") {
		t.Errorf("hint %q", coded.Hint)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	// Without that setting the pool opens, but listening needs it.
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text, StatementTimeout: -1})
	for _, err := range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"c"}}) {
		wantError(t, err, core.CodeInvalid, "unsupported startup parameter")
		break
	}
}

// Through a pooler in session mode that ignores the settings, the units work.
func TestPostgresOpen_PgBouncerSession(t *testing.T) {
	t.Parallel()
	direct := newDatabase(t)
	text := pgBouncer(t, direct, "pool_mode = session", "ignore_startup_parameters = statement_timeout")
	pool := openWith(t, postgres.PostgresOpenConfig{URL: text})
	exec(t, pool, tableT)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(1000, "x", nil)); n != 1000 || err != nil {
		t.Errorf("postgres_copy: %d, %v", n, err)
	}
	for event, err := range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"c"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Missed {
			exec(t, pool, "NOTIFY c, 'hello'")
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
	direct := newDatabase(t)
	text := pgBouncer(t, direct, "pool_mode = transaction", "ignore_startup_parameters = statement_timeout", "default_pool_size = 2")
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("default_query_exec_mode", "exec")
	u.RawQuery = query.Encode()
	pool := openWith(t, postgres.PostgresOpenConfig{URL: u.String()})
	exec(t, pool, tableT)
	if n, err := postgres.PostgresCopy(t.Context(), pool, copyT, rowsOf(10_000, "x", nil)); n != 10_000 || err != nil {
		t.Errorf("postgres_copy: %d, %v", n, err)
	}
	for i := range 50 {
		if got := get[int](t, pool, "SELECT count(*) FROM t WHERE n > $1", i); got != 10_000-i {
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
