package clickhouse_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"fnregistry.dev/functions/infra/clickhouse"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a pool on the shared server, with a database of this test's own.
func open(t testing.TB) driver.Conn {
	t.Helper()
	cfg := config(servers.ClickHouse(t))
	cfg.Database = newDatabase(t, servers.ClickHouse(t))
	return openConfig(t, cfg)
}

// newDatabase creates a database that is dropped at the end of the test.
func newDatabase(t testing.TB, server servers.ClickHouseServer) string {
	t.Helper()
	database := "test_" + strings.ToLower(rand.Text())
	admin := openConfig(t, config(server))
	exec(t, admin, "CREATE DATABASE "+database)
	t.Cleanup(func() {
		if err := admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+database); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return database
}

func config(server servers.ClickHouseServer) clickhouse.ClickHouseOpenConfig {
	return clickhouse.ClickHouseOpenConfig{Addresses: []string{server.Addr}, User: server.User, Password: server.Password}
}

func openConfig(t testing.TB, cfg clickhouse.ClickHouseOpenConfig) driver.Conn {
	t.Helper()
	conn, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func exec(t testing.TB, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// count runs a query that returns one number.
func count(t testing.TB, conn driver.Conn, query string, args ...any) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT toUInt64(("+query+"))", args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
