package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func lock(t testing.TB, pool *pgxpool.Pool, cfg postgres.PostgresLockConfig) *postgres.PostgresLockHandle {
	t.Helper()
	handle, err := postgres.PostgresLock(t.Context(), pool, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Unlock() })
	return handle
}

// holderPID finds the session that holds a lock, as documented.
const holderPID = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (classid::bigint << 32 | objid::bigint) = $1"

func TestPostgresLock_OneHolder(t *testing.T) {
	t.Parallel()
	text := pgtest.NewDatabase(t)
	pool := pgtest.Open(t, text, "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
	const holders, rounds = 6, 4
	var all sync.WaitGroup
	for range holders {
		all.Go(func() {
			for range rounds {
				handle, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "counter"})
				if err != nil {
					t.Error(err)
					return
				}
				// Read, then write: concurrent increments would be lost.
				var n int
				if err := pool.QueryRow(handle.Context(), "SELECT n FROM counter").Scan(&n); err != nil {
					t.Error(err)
				}
				if _, err := pool.Exec(handle.Context(), "UPDATE counter SET n = $1", n+1); err != nil {
					t.Error(err)
				}
				if err := handle.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := pgtest.Get[int](t, pool, "SELECT n FROM counter"); n != holders*rounds {
		t.Errorf("counted %d, want %d", n, holders*rounds)
	}
}

func TestPostgresLock_Wait(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	held := lock(t, pool, postgres.PostgresLockConfig{Name: "a"})
	_, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a", Wait: -1})
	errtest.Want(t, err, core.CodeConflict, "postgres_lock name=a: another session holds the lock")
	_, err = postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a", Wait: 150 * time.Millisecond})
	errtest.Want(t, err, core.CodeConflict, "another session holds the lock")
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err = postgres.PostgresLock(ctx, pool, postgres.PostgresLockConfig{Name: "a"})
	errtest.Want(t, err, core.CodeTimeout, "postgres_lock name=a")
	lock(t, pool, postgres.PostgresLockConfig{Name: "b", Wait: -1}) // another name is another lock

	waited := make(chan error, 1)
	go func() {
		next, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a"})
		if err == nil {
			err = next.Unlock()
		}
		waited <- err
	}()
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, waited, "the next one gets the lock"); err != nil {
		t.Fatal(err)
	}
	// After Unlock it is free at once, not only when the server has noticed a
	// closed connection.
	for range 20 {
		if err := lock(t, pool, postgres.PostgresLockConfig{Name: "a", Wait: -1}).Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostgresLock_Contexts(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	ctx, cancel := context.WithCancel(t.Context())
	handle, err := postgres.PostgresLock(ctx, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Unlock()
	const pings = "SELECT query_start::text FROM pg_stat_activity WHERE pid = (" + holderPID + ") AND query = '-- ping'"
	seen := map[string]bool{}
	pgtest.Within(t, "three heartbeats pass", func() bool {
		var at string
		if pool.QueryRow(t.Context(), pings, handle.Key).Scan(&at) == nil {
			seen[at] = true
		}
		return len(seen) == 3
	})
	if err := handle.Context().Err(); err != nil {
		t.Fatalf("lost: %v", context.Cause(handle.Context()))
	}
	cancel()
	// The job continues, under the lock, until Unlock.
	_, err = postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a", Wait: -1})
	errtest.Want(t, err, core.CodeConflict, "another session")
	for range 2 {
		if err := handle.Unlock(); err != nil {
			t.Error(err)
		}
	}
	handle = lock(t, pool, postgres.PostgresLockConfig{Name: "a", Wait: -1})
	if err := handle.Unlock(); err != nil {
		t.Error(err)
	}
	if cause := context.Cause(handle.Context()); core.ErrorCode(cause) != core.CodeCanceled {
		t.Errorf("after Unlock: %v", cause)
	}
}

// The context passed bounds only the waiting: its cancellation or deadline lets
// the job under the lock finish, as after a SIGTERM, but the loss of the lock
// does not.
func TestPostgresLock_JobFinishes(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TABLE report (n int)")
	type key struct{}
	for _, stop := range []func(context.Context) (context.Context, context.CancelFunc){
		context.WithCancel,
		func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		},
	} {
		ctx, sigterm := stop(context.WithValue(t.Context(), key{}, "trace"))
		handle, err := postgres.PostgresLock(ctx, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		sigterm()
		if _, bounded := handle.Context().Deadline(); bounded || handle.Context().Value(key{}) != "trace" {
			t.Errorf("the job has a deadline (%v), or lost its values", bounded)
		}
		if _, err := pool.Exec(handle.Context(), "INSERT INTO report SELECT 1 FROM pg_sleep(0.1)"); err != nil {
			t.Errorf("the job was cut short: %v", err)
		}
		if err := handle.Unlock(); err != nil {
			t.Error(err)
		}
	}
	ctx, sigterm := context.WithCancel(t.Context())
	handle, err := postgres.PostgresLock(ctx, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	sigterm()
	pgtest.Exec(t, pool, "SELECT pg_terminate_backend($1)", pgtest.Get[int](t, pool, holderPID, handle.Key))
	receive(t, handle.Context().Done(), "the context ends")
	errtest.Want(t, handle.Unlock(), core.CodeUnavailable, "the lock is lost")
	// Who waits does stop.
	lock(t, pool, postgres.PostgresLockConfig{Name: "a"})
	_, err = postgres.PostgresLock(ctx, pool, postgres.PostgresLockConfig{Name: "a"})
	errtest.Want(t, err, core.CodeCanceled, "postgres_lock name=a")
}

func TestPostgresLock_LossIsTold(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	handle := lock(t, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: time.Hour}) // found without a heartbeat
	pid := pgtest.Get[int](t, pool, holderPID, handle.Key)
	pgtest.Exec(t, pool, "SELECT pg_terminate_backend($1)", pid)
	receive(t, handle.Context().Done(), "the context ends")
	errtest.Want(t, context.Cause(handle.Context()), core.CodeUnavailable, "postgres_lock name=a: the lock is lost")
	errtest.Want(t, handle.Unlock(), core.CodeUnavailable, "the lock is lost")
	// By now another one can have it.
	pgtest.Within(t, "another gets the lock", func() bool {
		next, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a", Wait: -1})
		return err == nil && next.Unlock() == nil
	})
}

func TestPostgresLock_ServerKilled(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "postgres")
	pool := pgtest.Open(t, server.Postgres(t))
	handle := lock(t, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: time.Hour})
	server.Kill(t)
	receive(t, handle.Context().Done(), "the context ends")
	_, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{Name: "a"})
	errtest.Want(t, err, core.CodeUnavailable, "postgres_lock name=a")
	server.Restart(t)
	lock(t, pool, postgres.PostgresLockConfig{Name: "a", Wait: -1})
}

func TestPostgresLock_Names(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t))
	_, err := postgres.PostgresLock(t.Context(), pool, postgres.PostgresLockConfig{})
	errtest.Want(t, err, core.CodeInvalid, "no name")
	keys := map[int64]string{}
	for _, name := range append(hostile, "nul\x00", "a", string(make([]byte, 10<<20))) {
		handle := lock(t, pool, postgres.PostgresLockConfig{Name: name, Wait: -1})
		if other, ok := keys[handle.Key]; ok {
			t.Errorf("%.20q and %.20q are one lock", name, other)
		}
		keys[handle.Key] = name
	}
}

// The client's packets are dropped silently.
func TestPostgresLock_SilenceIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, lost := range []fault.Direction{fault.ToServer, fault.ToClient} {
		t.Run(lost.String(), func(t *testing.T) {
			t.Parallel()
			text := pgtest.NewDatabase(t)
			proxy := fault.TCP(t, hostOf(t, text))
			pool := pgtest.Open(t, withHost(t, text, proxy.Addr()))
			handle := lock(t, pool, postgres.PostgresLockConfig{Name: "a", Heartbeat: 500 * time.Millisecond})
			proxy.OneWay(lost)
			receive(t, handle.Context().Done(), "the context ends")
			errtest.Want(t, context.Cause(handle.Context()), core.CodeUnavailable, "the lock is lost")
			errtest.Want(t, handle.Unlock(), core.CodeUnavailable, "the lock is lost")
			proxy.Heal()
		})
	}
}
