// Package pgtest has what the tests of the PostgreSQL packages share. Only
// tests import it.
package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// Patience is how long tests wait for what must come.
const Patience = 30 * time.Second

// NewDatabase makes a database of the test's own on the run's server and
// returns its URL.
func NewDatabase(t testing.TB) string {
	t.Helper()
	admin := servers.Postgres(t)
	name := "t_" + strings.ToLower(rand.Text()[:12])
	ExecURL(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { ExecURL(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return WithPath(t, admin, name)
}

// WithPath puts another database into a URL.
func WithPath(t testing.TB, text, database string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}

// ExecURL runs a statement on a connection of its own.
func ExecURL(t testing.TB, text, sql string) {
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

// Open opens a pool on a database and runs sql on it.
func Open(t testing.TB, text string, sql ...string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.PostgresOpen(t.Context(), postgres.PostgresOpenConfig{URL: text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	for _, s := range sql {
		Exec(t, pool, s)
	}
	return pool
}

// Exec runs a statement.
func Exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Get returns the one value of a query.
func Get[T any](t testing.TB, pool *pgxpool.Pool, query string, args ...any) (value T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// Within waits for a condition on the real thing.
func Within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}
