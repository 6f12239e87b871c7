package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// listen runs the loop and passes its events on; the channel closes when the
// loop has ended.
func listen(t *testing.T, ctx context.Context, pool *pgxpool.Pool, cfg postgres.PostgresListenConfig) (<-chan postgres.PostgresListenEvent, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	events, ended := make(chan postgres.PostgresListenEvent), make(chan struct{})
	var last error
	go func() {
		defer close(ended)
		defer close(events)
		for event, err := range postgres.PostgresListen(ctx, pool, cfg) {
			if err != nil {
				last = err
				return
			}
			select {
			case events <- event:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return events, func() error { <-ended; return last }
}

func started(t *testing.T, events <-chan postgres.PostgresListenEvent) {
	t.Helper()
	if event := receive(t, events, "listening begins"); !event.Missed || event.Reason != nil {
		t.Fatalf("the first event is %+v", event)
	}
}

const listenerPID = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'"

// A program runs it as a service with service_start.
func TestPostgresListen_Conformance(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "listen", Run: func(ctx context.Context) error {
			for _, err := range postgres.PostgresListen(ctx, pool, postgres.PostgresListenConfig{Channels: []string{"a"}}) {
				if err != nil {
					return err
				}
			}
			return nil
		}})
	})
}

func TestPostgresListen_Notifications(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a", "B c"}, Heartbeat: time.Minute})
	started(t, events)
	for i := range 200 {
		channel := []string{"a", "B c", "not listened for"}[i%3]
		pgtest.Exec(t, pool, "SELECT pg_notify($1, $2)", channel, fmt.Sprint(i))
		if i%3 == 2 {
			continue
		}
		event := receive(t, events, "a notification")
		if event.Missed || event.Channel != channel || event.Payload != fmt.Sprint(i) || event.PID == 0 {
			t.Fatalf("got %+v, want %s %d", event, channel, i)
		}
	}
	pgtest.Exec(t, pool, `NOTIFY a`)
	if event := receive(t, events, "one without a payload"); event.Channel != "a" || event.Payload != "" {
		t.Errorf("got %+v", event)
	}
}

func TestPostgresListen_QuietStaysConnected(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a"}, Heartbeat: time.Second})
	started(t, events)
	pid := pgtest.Get[int](t, pool, listenerPID)
	seen := map[string]bool{}
	pgtest.Within(t, "three heartbeats pass", func() bool {
		var at string
		if pool.QueryRow(t.Context(), "SELECT query_start::text FROM pg_stat_activity WHERE pid = $1 AND query = '-- ping'", pid).Scan(&at) == nil {
			seen[at] = true
		}
		return len(seen) == 3
	})
	pgtest.Exec(t, pool, "SELECT pg_notify('a', 'still here')")
	if event := receive(t, events, "a notification"); event.Payload != "still here" {
		t.Errorf("got %+v", event)
	}
}

func TestPostgresListen_ReconnectsAndSaysSo(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a"}, Heartbeat: time.Hour})
	started(t, events)
	for range 3 {
		pgtest.Exec(t, pool, "SELECT pg_terminate_backend(pid) FROM ("+listenerPID+") l")
		event := receive(t, events, "the reconnect")
		if !event.Missed {
			t.Fatalf("got %+v", event)
		}
		errtest.Want(t, event.Reason, core.CodeUnavailable, "terminating connection")
		pgtest.Exec(t, pool, "SELECT pg_notify('a', 'again')")
		if event := receive(t, events, "a notification"); event.Payload != "again" {
			t.Fatalf("got %+v", event)
		}
	}
}

// Notifications sent after a Missed event are never lost: that is what the
// event promises.
func TestPostgresListen_NothingIsMissedAfterMissed(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TABLE state (n int); INSERT INTO state VALUES (0)")
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a"}})
	const last = 300
	writer := make(chan error, 1)
	go func() {
		for i := 1; i <= last; i++ {
			sql := fmt.Sprintf("UPDATE state SET n = %d; SELECT pg_notify('a', '%d')", i, i)
			if i%100 == 50 {
				sql += "; SELECT pg_terminate_backend(pid) FROM (" + listenerPID + ") l"
			}
			if _, err := pool.Exec(t.Context(), sql); err != nil {
				writer <- err
				return
			}
		}
		writer <- nil
	}()
	known := -1
	for known < last {
		event := receive(t, events, "state "+fmt.Sprint(last))
		if event.Missed {
			known = pgtest.Get[int](t, pool, "SELECT n FROM state")
			continue
		}
		var n int
		if _, err := fmt.Sscan(event.Payload, &n); err != nil || n > known+1 {
			t.Fatalf("%q follows %d: one is missing and was not reported", event.Payload, known)
		}
		known = max(known, n)
	}
	if err := receive(t, writer, "the writer ends"); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresListen_ServerKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := pgtest.Open(t, server.Postgres(t))
	cfg := postgres.PostgresListenConfig{Channels: []string{"a"}, Backoff: core.BackoffDelayConfig{Initial: 10 * time.Millisecond, Max: 100 * time.Millisecond}}
	events, _ := listen(t, t.Context(), pool, cfg)
	started(t, events)
	server.Kill(t)
	server.Restart(t)
	event := receive(t, events, "the reconnect")
	if !event.Missed || core.ErrorCode(event.Reason) != core.CodeUnavailable {
		t.Fatalf("got %+v", event)
	}
	pgtest.Within(t, "a notification can be sent", func() bool {
		_, err := pool.Exec(t.Context(), "SELECT pg_notify('a', 'after')")
		return err == nil
	})
	for event = range events {
		if event.Payload == "after" {
			break
		}
	}
}

// The server's process is stopped: the connection stays open, but nobody
// responds, as behind a firewall that dropped its state.
func TestPostgresListen_SilenceIsFoundOut(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a"}, Heartbeat: time.Second})
	started(t, events)
	stopProcess(t, pgtest.Get[int](t, pool, listenerPID))
	event := receive(t, events, "the reconnect")
	if !event.Missed {
		t.Fatalf("got %+v", event)
	}
	errtest.Want(t, event.Reason, core.CodeTimeout, "postgres_listen")
}

// stopProcess suspends a process until the test ends.
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
}

func TestPostgresListen_SlowReader(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	const buffer = 10
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"a", "done"}, Buffer: buffer})
	started(t, events)
	sent := 0
	for got := 0; ; got++ {
		for range 3 { // three come for each one that is read
			pgtest.Exec(t, pool, "SELECT pg_notify('a', $1)", fmt.Sprint(sent))
			sent++
		}
		event := receive(t, events, "first the buffered ones, then the report that some are missing")
		if event.Missed {
			errtest.Want(t, event.Reason, core.CodeLimited, "buffer was full")
			if got < buffer {
				t.Errorf("only %d events before the report, but the buffer holds %d", got, buffer)
			}
			break
		}
		if event.Payload != fmt.Sprint(got) {
			t.Fatalf("got %+v, want %d", event, got)
		}
	}
	// And it continues.
	for channel := ""; channel != "done"; channel = receive(t, events, "the next one").Channel {
		pgtest.Exec(t, pool, "SELECT pg_notify('done', '')")
	}
}

func TestPostgresListen_Ends(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	pool := pgtest.Open(t, text)
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, end := listen(t, ctx, pool, postgres.PostgresListenConfig{Channels: []string{"a"}})
		started(t, events)
		cancel()
		if err := end(); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	})
	t.Run("break", func(t *testing.T) {
		for range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: []string{"b"}}) {
			break
		}
		pgtest.Within(t, "the connection is closed", func() bool {
			return pgtest.Get[int](t, pool, "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN \"b\"'") == 0
		})
	})
	t.Run("no database", func(t *testing.T) {
		other := pgtest.Open(t, pgtest.NewDatabase(t))
		events, end := listen(t, t.Context(), other, postgres.PostgresListenConfig{Channels: []string{"a"}})
		started(t, events)
		pgtest.Exec(t, pool, "DROP DATABASE "+other.Config().ConnConfig.Database+" WITH (FORCE)")
		for range events {
		}
		err := end()
		errtest.Want(t, err, core.CodeNotFound, "postgres_listen")
		pgtest.Exec(t, pool, "CREATE DATABASE "+other.Config().ConnConfig.Database) // for the Cleanup
	})
}

func TestPostgresListen_BadChannels(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	for _, channels := range [][]string{nil, {""}, {"a", strings.Repeat("x", 64)}, {"nul\x00"}} {
		n := 0
		for _, err := range postgres.PostgresListen(t.Context(), pool, postgres.PostgresListenConfig{Channels: channels}) {
			n++
			errtest.Want(t, err, core.CodeInvalid, "channel")
		}
		if n != 1 {
			t.Errorf("%q: %d events", channels, n)
		}
	}
}

func TestPostgresListen_HostileNamesAndPayloads(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TABLE t (n int)")
	events, _ := listen(t, t.Context(), pool, postgres.PostgresListenConfig{Channels: append(hostile, strings.Repeat("y", 63))})
	started(t, events)
	for _, text := range append(hostile, strings.Repeat("y", 63)) {
		pgtest.Exec(t, pool, "SELECT pg_notify($1, $1)", text)
		if event := receive(t, events, text); event.Channel != text || event.Payload != text {
			t.Errorf("sent %q, got %+v", text, event)
		}
	}
	pgtest.Get[int](t, pool, "SELECT count(*) FROM t")
}

func TestPostgresListen_WrongPassword(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	cfg := pool.Config()
	cfg.ConnConfig.Password = "wrong-secret"
	other, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, err := range postgres.PostgresListen(t.Context(), other, postgres.PostgresListenConfig{Channels: []string{"a"}}) {
		errtest.Want(t, err, core.CodeUnauthenticated, "postgres_listen")
		if err == nil || strings.Contains(err.Error(), "wrong-secret") || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
