package postgres_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// newDatabase makes a database of the test's own on the run's server and
// returns its URL.
func newDatabase(t testing.TB) string {
	t.Helper()
	admin := servers.Postgres(t)
	name := "t_" + strings.ToLower(rand.Text()[:12])
	execURL(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execURL(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return withPath(t, admin, name)
}

func withPath(t testing.TB, text, database string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

// withHost puts another address into a URL, as of a proxy.
func withHost(t testing.TB, text, addr string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = addr
	return u.String()
}

func hostOf(t testing.TB, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
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

// open opens a pool on a database and runs sql on it.
func open(t testing.TB, text string, sql ...string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	for _, s := range sql {
		exec(t, pool, s)
	}
	return pool
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
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

// receive waits for a value of a channel.
func receive[T any](t testing.TB, from <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
	return value
}

// hostile are texts that break what puts them together without care.
var hostile = []string{"'; DROP TABLE t; --", `"quoted"`, `back\slash`, "läng\nzwei", "$1 $$ %s %00", "🙂", "a b=c 'd"}
