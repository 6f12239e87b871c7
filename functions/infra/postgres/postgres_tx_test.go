package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/postgres/internal/pgtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
)

// Those that get in each other's way are run again until each has counted once:
// by serialization failures, which come at the commit, too, and by deadlocks.
func TestPostgresTx_RunsAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options pgx.TxOptions
		do      func(ctx context.Context, tx pgx.Tx, worker int) error
	}{
		"serializable": {pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx, _ int) error {
			var n int
			if err := tx.QueryRow(ctx, "SELECT n FROM t WHERE id = 1").Scan(&n); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE t SET n = $1 WHERE id = 1", n+1)
			return err
		}},
		"write skew": {pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx, worker int) error {
			var n int
			if err := tx.QueryRow(ctx, "SELECT sum(n) FROM t").Scan(&n); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "INSERT INTO t (id, n) VALUES ((SELECT max(id) + 1 FROM t), 1)")
			return err
		}},
		"deadlock": {pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx, worker int) error {
			for _, id := range []int{1 + worker%2, 2 - worker%2} {
				if _, err := tx.Exec(ctx, "UPDATE t SET n = n + id % 2 WHERE id = $1", id); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := pgtest.NewDatabase(t)
			// Deadlocks are looked for after a second by default.
			pool := pgtest.Open(t, text, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 0), (2, 0)")
			const workers, each = 4, 10
			var again atomic.Int64
			var all sync.WaitGroup
			for worker := range workers {
				all.Go(func() {
					for range each {
						cfg := postgres.PostgresTxConfig{Options: c.options, Tries: -1, OnRetry: func(int, error) { again.Add(1) }}
						if err := postgres.PostgresTx(t.Context(), pool, cfg, func(ctx context.Context, tx pgx.Tx) error {
							if _, err := tx.Exec(ctx, "SET LOCAL deadlock_timeout = '20ms'"); err != nil {
								return err
							}
							return c.do(ctx, tx, worker)
						}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if n := pgtest.Get[int](t, pool, "SELECT sum(n) FROM t"); n != workers*each {
				t.Errorf("%d were counted, want %d", n, workers*each)
			}
			t.Logf("%d transactions were run %d times again", workers*each, again.Load())
		})
	}
}

func TestPostgresTx_Errors(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.NewDatabase(t), "CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO t VALUES (1)")
	own := errors.New("own error")
	insert := func(ctx context.Context, tx pgx.Tx, n int) error {
		_, err := tx.Exec(ctx, "INSERT INTO t VALUES ($1)", n)
		return err
	}
	calls := 0
	run := func(cfg postgres.PostgresTxConfig, do func(ctx context.Context, tx pgx.Tx) error) error {
		calls = 0
		return postgres.PostgresTx(t.Context(), pool, cfg, func(ctx context.Context, tx pgx.Tx) error {
			calls++
			return do(ctx, tx)
		})
	}
	if err := run(postgres.PostgresTxConfig{}, func(ctx context.Context, tx pgx.Tx) error { return errors.Join(insert(ctx, tx, 2), own) }); !errors.Is(err, own) || calls != 1 {
		t.Errorf("own error: %v, %d calls", err, calls)
	}
	if err := run(postgres.PostgresTxConfig{}, func(ctx context.Context, tx pgx.Tx) error { return insert(ctx, tx, 1) }); core.ErrorCode(err) != core.CodeConflict || calls != 1 {
		t.Errorf("a constraint that is looked at by the commit: %v, %d calls", err, calls)
	}
	if err := run(postgres.PostgresTxConfig{}, func(ctx context.Context, tx pgx.Tx) error {
		_, _ = tx.Exec(ctx, "SELECT 1/0") // swallowed
		return nil
	}); err == nil || errors.Is(err, postgres.ErrPostgresTxUnclear) || calls != 1 {
		t.Errorf("an aborted transaction: %v, %d calls", err, calls)
	}
	raise := func(state string) func(ctx context.Context, tx pgx.Tx) error {
		return func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '"+state+"'; END $$")
			return err
		}
	}
	if err := run(postgres.PostgresTxConfig{Tries: 3}, raise("40001")); core.ErrorCode(err) != core.CodeUnavailable || calls != 3 {
		t.Errorf("out of tries: %v, %d calls", err, calls)
	}
	if err := run(postgres.PostgresTxConfig{Tries: 3}, raise("40003")); err == nil || calls != 1 {
		t.Errorf("40003 is unknown: %v, %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := postgres.PostgresTx(ctx, pool, postgres.PostgresTxConfig{Tries: -1, OnRetry: func(int, error) { cancel() }}, raise("40P01"))
	if core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("cancelled between tries: %v", err)
	}
	func() {
		defer func() {
			if p := recover(); p != "out of paper" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = run(postgres.PostgresTxConfig{}, func(ctx context.Context, tx pgx.Tx) error {
			_ = insert(ctx, tx, 3)
			panic("out of paper")
		})
	}()
	if n := pgtest.Get[int](t, pool, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows", n)
	}
	if busy := pool.Stat().AcquiredConns(); busy != 0 {
		t.Errorf("%d connections are out of the pool", busy)
	}
}

// held is a database whose commits that wrote to t wait for a lock, until
// release is called.
type held struct {
	direct  *pgxpool.Pool
	proxied *pgxpool.Pool
	proxy   *fault.TCPProxy
	release func()
}

func holdCommits(t *testing.T) *held {
	t.Helper()
	text := pgtest.NewDatabase(t)
	h := &held{proxy: fault.TCP(t, hostOf(t, text))}
	h.direct = pgtest.Open(t, text, "CREATE TABLE t (n int)", `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$`,
		"CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE wait()")
	h.proxied = pgtest.Open(t, withHost(t, text, h.proxy.Addr()))
	conn, err := h.direct.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		t.Fatal(err)
	}
	h.release = sync.OnceFunc(func() {
		if _, err := conn.Exec(context.Background(), "SELECT pg_advisory_unlock(1)"); err != nil {
			t.Error(err)
		}
		conn.Release()
	})
	t.Cleanup(h.release)
	return h
}

// insert runs a transaction through the proxy and calls meanwhile when its
// commit waits on the server.
func (h *held) insert(t *testing.T, cfg postgres.PostgresTxConfig, meanwhile func(pid int)) (calls int, err error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		done <- postgres.PostgresTx(t.Context(), h.proxied, cfg, func(ctx context.Context, tx pgx.Tx) error {
			calls++
			_, err := tx.Exec(ctx, "INSERT INTO t VALUES (1)")
			return err
		})
	}()
	pid := 0
	pgtest.Within(t, "the commit waits", func() bool {
		return h.direct.QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'commit%' AND wait_event_type = 'Lock'").Scan(&pid) == nil
	})
	meanwhile(pid)
	err = receive(t, done, "the transaction's end")
	return calls, err
}

// A commit whose answer is lost is never run again, and with Confirm it is
// found out what became of it.
func TestPostgresTx_AnswerLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg       postgres.PostgresTxConfig
		meanwhile func(t *testing.T, h *held, pid int)
		rows      int
		check     func(err error) bool
	}{
		"committed":            {postgres.PostgresTxConfig{}, loseAnswer, 1, isUnclear},
		"committed, confirmed": {postgres.PostgresTxConfig{Confirm: true}, loseAnswer, 1, func(err error) bool { return err == nil }},
		"killed":               {postgres.PostgresTxConfig{}, terminate, 0, isUnclear},
		"killed, confirmed": {postgres.PostgresTxConfig{Confirm: true}, terminate, 0, func(err error) bool {
			return core.ErrorCode(err) == core.CodeUnavailable && !errors.Is(err, postgres.ErrPostgresTxUnclear)
		}},
		// The server does not notice that the client is gone before it has
		// committed.
		"still in progress, confirmed": {postgres.PostgresTxConfig{Confirm: true}, func(t *testing.T, h *held, _ int) {
			h.proxy.Down() // pgx's request to cancel the commit does not come through
			time.AfterFunc(300*time.Millisecond, func() {
				h.release()
				h.proxy.Up()
			})
		}, 1, func(err error) bool { return err == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := holdCommits(t)
			calls, err := h.insert(t, c.cfg, func(pid int) { c.meanwhile(t, h, pid) })
			if !c.check(err) || calls != 1 {
				t.Errorf("%v (%s), %d calls", err, core.ErrorCode(err), calls)
			}
			if n := pgtest.Get[int](t, h.direct, "SELECT count(*) FROM t"); n != c.rows {
				t.Errorf("%d rows, want %d", n, c.rows)
			}
		})
	}
}

func isUnclear(err error) bool {
	return errors.Is(err, postgres.ErrPostgresTxUnclear) && core.ErrorCode(err) == core.CodeInternal
}

// loseAnswer lets the commit happen, but not its answer come through.
func loseAnswer(t *testing.T, h *held, _ int) {
	h.proxy.OneWay(fault.ToClient)
	h.release()
	pgtest.Within(t, "the commit's answer is lost", func() bool { return h.proxy.Counts().Vanished > 0 })
	h.proxy.Heal()
}

func terminate(t *testing.T, h *held, pid int) {
	pgtest.Exec(t, h.direct, "SELECT pg_terminate_backend($1)", pid)
}

// ctx that ends during the commit leaves it unclear; with Confirm the end is
// awaited.
func TestPostgresTx_ContextEndsInCommit(t *testing.T) {
	t.Parallel()
	for _, confirm := range []bool{false, true} {
		h := holdCommits(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- postgres.PostgresTx(ctx, h.proxied, postgres.PostgresTxConfig{Confirm: confirm}, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO t VALUES (1)")
				return err
			})
		}()
		pgtest.Within(t, "the commit waits", func() bool {
			return pgtest.Get[int](t, h.direct, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'commit%' AND wait_event_type = 'Lock'") == 1
		})
		cancel()
		err := receive(t, done, "the transaction's end")
		h.release()
		// pgx asks the server to cancel what runs: the commit is undone.
		rows := pgtest.Get[int](t, h.direct, "SELECT count(*) FROM t")
		if confirm && (rows == 1) != (err == nil) || !confirm && !isUnclear(err) || confirm && isUnclear(err) {
			t.Errorf("confirm %t: %d rows, %v", confirm, rows, err)
		}
	}
}

func TestPostgresTx_ConnectionLostBefore(t *testing.T) {
	t.Parallel()
	h := holdCommits(t)
	err := postgres.PostgresTx(t.Context(), h.proxied, postgres.PostgresTxConfig{Confirm: true}, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO t VALUES (1)"); err != nil {
			return err
		}
		h.proxy.Cut()
		_, err := tx.Exec(ctx, "INSERT INTO t VALUES (2)")
		return err
	})
	if err == nil || errors.Is(err, postgres.ErrPostgresTxUnclear) {
		t.Errorf("%v", err)
	}
	pgtest.Within(t, "nothing is in", func() bool { return pgtest.Get[int](t, h.direct, "SELECT count(*) FROM t") == 0 })
}
