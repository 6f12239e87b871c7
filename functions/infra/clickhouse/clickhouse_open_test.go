package clickhouse_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/clickhouse"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestClickHouseOpen_Compression(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"", "lz4", "zstd", "none"} {
		cfg := config(servers.ClickHouse(t))
		cfg.Compression = method
		conn := openConfig(t, cfg)
		if n := count(t, conn, "SELECT sum(number) FROM numbers(100000)"); n != 4999950000 {
			t.Errorf("%q: %d", method, n)
		}
		exec(t, conn, "DROP TABLE IF EXISTS nothing")
	}
}

func TestClickHouseOpen_Database(t *testing.T) {
	t.Parallel()
	var database string
	if err := open(t).QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&database); err != nil || !strings.HasPrefix(database, "test_") {
		t.Error(database, err)
	}
	cfg := config(servers.ClickHouse(t))
	cfg.Database = "nowhere'; DROP DATABASE x"
	_, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
	errtest.Want(t, err, core.CodeNotFound, "nowhere")
}

// Neither a wrong password nor the right one is in any error, and nothing is
// retried.
func TestClickHouseOpen_WrongCredentials(t *testing.T) {
	t.Parallel()
	server := servers.ClickHouse(t)
	for _, c := range []struct{ user, password string }{
		{"default", "hunter2\x00'\""}, {"default", ""}, {"no'body`\x00", server.Password}, {"", "hunter2"},
	} {
		cfg := config(server)
		cfg.User, cfg.Password = c.user, c.password
		start := time.Now()
		_, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
		errtest.Want(t, err, core.CodeUnauthenticated, "clickhouse_open address="+server.Addr)
		for err := err; err != nil; err = errors.Unwrap(err) {
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, server.Password) || strings.Contains(text, "hunter2") {
				t.Errorf("holds a password: %s", text)
			}
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v: it was retried", took)
		}
	}
}

func TestClickHouseOpen_BadConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  clickhouse.ClickHouseOpenConfig
		want string
	}{
		{clickhouse.ClickHouseOpenConfig{}, "no address"},
		{clickhouse.ClickHouseOpenConfig{Addresses: []string{"localhost"}}, `bad address "localhost"`},
		{clickhouse.ClickHouseOpenConfig{Addresses: []string{":9000"}}, "bad address"},
		{clickhouse.ClickHouseOpenConfig{Addresses: []string{"clickhouse://user:hunter2@db:9000"}}, "bad address"},
		{clickhouse.ClickHouseOpenConfig{Addresses: []string{"db:9000"}, Compression: "gzip"}, `bad Compression "gzip"`},
	} {
		_, err := clickhouse.ClickHouseOpen(t.Context(), c.cfg)
		errtest.Want(t, err, core.CodeInvalid, c.want)
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("holds a password: %v", err)
		}
	}
}

// nobody returns an address where no one listens.
func nobody(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// silent returns an address that accepts connections and never answers.
func silent(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

func TestClickHouseOpen_SeveralAddresses(t *testing.T) {
	t.Parallel()
	server := servers.ClickHouse(t)
	cfg := config(server)
	cfg.Addresses = []string{nobody(t), silent(t), server.Addr}
	cfg.DialTimeout = 200 * time.Millisecond
	cfg.WaitFor = -1
	if n := count(t, openConfig(t, cfg), "SELECT 1"); n != 1 {
		t.Error(n)
	}
	cfg.Addresses = cfg.Addresses[:2]
	_, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
	errtest.Want(t, err, core.ErrorCode(err), cfg.Addresses[0]+": ")
	if code := core.ErrorCode(err); code != core.CodeUnavailable && code != core.CodeTimeout || !strings.Contains(err.Error(), cfg.Addresses[1]+": ") {
		t.Errorf("%s: %v", code, err)
	}
}

func TestClickHouseOpen_WaitsForServer(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "clickhouse")
	server.Kill(t)
	opened := make(chan error, 1)
	go func() {
		conn, err := clickhouse.ClickHouseOpen(t.Context(), config(server.ClickHouse(t)))
		if err == nil {
			err = conn.Close()
		}
		opened <- err
	}()
	server.Restart(t)
	if err := <-opened; err != nil {
		t.Error(err)
	}
	server.Kill(t)
	cfg := config(server.ClickHouse(t))
	cfg.WaitFor = 300 * time.Millisecond
	_, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
	errtest.Want(t, err, core.CodeUnavailable, "refused")
}

// The context ends a wait, and a handshake with a server that never answers.
func TestClickHouseOpen_Context(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"nobody": nobody(t), "silent": silent(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			cfg := clickhouse.ClickHouseOpenConfig{Addresses: []string{address}, DialTimeout: time.Minute, WaitFor: time.Hour}
			_, err := clickhouse.ClickHouseOpen(ctx, cfg)
			errtest.Want(t, err, core.CodeTimeout, "deadline")
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A server without TLS is distinguished from one that is down.
func TestClickHouseOpen_TLS(t *testing.T) {
	t.Parallel()
	cfg := config(servers.ClickHouse(t))
	cfg.TLS, cfg.WaitFor = &tls.Config{MinVersion: tls.VersionTLS13}, -1
	_, err := clickhouse.ClickHouseOpen(t.Context(), cfg)
	if err == nil || errors.Is(err, chgo.ErrAcquireConnTimeout) {
		t.Errorf("got %v", err)
	}
}

// A pool survives a server that is killed and restarted.
func TestClickHouseOpen_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "clickhouse")
	conn := openConfig(t, config(server.ClickHouse(t)))
	count(t, conn, "SELECT 1")
	server.Kill(t)
	var n uint8
	err := clickhouse.ClickHouseError("op", conn.QueryRow(t.Context(), "SELECT 1").Scan(&n))
	errtest.Want(t, err, core.CodeUnavailable, "op: ")
	server.Restart(t)
	count(t, conn, "SELECT 1")
}

// The error says that it was waiting for a connection.
func TestClickHouseOpen_MaxConns(t *testing.T) {
	t.Parallel()
	cfg := config(servers.ClickHouse(t))
	cfg.MaxConns, cfg.DialTimeout = 1, 500*time.Millisecond
	conn := openConfig(t, cfg)
	rows, err := conn.Query(t.Context(), "SELECT number FROM numbers(10000000)") // more than the driver reads ahead
	if err != nil {
		t.Fatal(err)
	}
	var n uint8
	err = clickhouse.ClickHouseError("op", conn.QueryRow(t.Context(), "SELECT 1").Scan(&n))
	errtest.Want(t, err, core.CodeUnavailable, "acquire conn timeout")
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	count(t, conn, "SELECT 1")
}
