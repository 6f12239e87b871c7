package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// PostgresLockConfig says which lock [PostgresLock] takes, and how long it
// waits.
type PostgresLockConfig struct {
	Name      string        // any text; within a database, equal names are one lock; required
	Wait      time.Duration // for another holder; zero: as long as ctx lives; negative: one try
	Heartbeat time.Duration // interval at which an idle connection is pinged, and timeout of the ping; default 5 s
}

const defaultLockHeartbeat = 5 * time.Second

// PostgresLockHandle is a lock that is held. Call Unlock.
type PostgresLockHandle struct {
	// Key is the lock's number in the view pg_locks: classid is its upper half,
	// objid its lower one.
	Key int64

	conn   *pgx.Conn
	pooled bool // the lock is that of a transaction
	op     string
	ctx    context.Context
	cancel context.CancelCauseFunc
	quit   context.CancelFunc // ends the watch
	done   chan struct{}      // closed when the watch has ended; lost is set by then
	lost   error
	unlock sync.Once
	result error
}

// PostgresLock takes an exclusive lock by name, on which all programs that use
// the same database agree: a session's advisory lock of the server, held on a
// connection of its own next to the pool. It waits by asking again (0.05 s to 1
// s apart): a session that waits inside the server would keep VACUUM and CREATE
// INDEX CONCURRENTLY waiting too.
//
// Through a pooler such as PgBouncer, in any mode, it is the lock of a
// transaction that stays open: the pooler has one process less for the others
// meanwhile.
//
// ctx bounds the waiting alone: once the lock is held, its end changes nothing,
// so that a program that is asked to stop can finish the job that it has begun.
//
// Do the work under the handle's Context: it has ctx's values, and is
// cancelled, with the reason as its cause, when the connection breaks, since
// the server then gives the lock to another. A connection that falls silent is
// found out after two Heartbeats at the latest; the server is asked to free the
// lock of a client that is gone after about five.
//
// Errors: CodeConflict when another one holds it for longer than Wait,
// CodeInvalid for an empty name, and those of [PostgresError].
//
// More in postgres_lock.md:
//   - It does not fence.
//   - Use lock.Context() for the work, or you won't notice the loss.
func PostgresLock(ctx context.Context, pool *pgxpool.Pool, cfg PostgresLockConfig) (*PostgresLockHandle, error) {
	if cfg.Name == "" {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "postgres_lock", Message: "Name is empty"}
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultLockHeartbeat
	}
	h := &PostgresLockHandle{Key: lockKey(cfg.Name), op: "postgres_lock name=" + cfg.Name, done: make(chan struct{})}
	var err error
	if h.conn, err = connect(ctx, pool, keepalive(cfg.Heartbeat)); isStartupRefused(err) {
		h.conn, err = connect(ctx, pool, nil) // a pooler watches its servers itself
	}
	if err != nil {
		return nil, PostgresError(h.op, err)
	}
	if h.pooled, err = isPooled(ctx, h.conn); err == nil {
		err = h.acquire(ctx, cfg.Wait)
	}
	if err != nil {
		closeConn(h.conn)
		return nil, PostgresError(h.op, err)
	}
	work := context.WithoutCancel(ctx)
	h.ctx, h.cancel = context.WithCancelCause(work)
	watching, quit := context.WithCancel(work)
	h.quit = quit
	go h.watch(watching, cfg.Heartbeat)
	return h, nil
}

// lockKey returns a name's number: the first 8 bytes of its SHA-256.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("postgres_lock:" + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// keepalive returns the session parameters with which the server detects within
// about five heartbeats that a client has disappeared without closing the
// connection. Its own default is two hours. The client detects a broken
// connection earlier.
func keepalive(heartbeat time.Duration) map[string]string {
	seconds := max(1, int64((heartbeat+time.Second-1)/time.Second))
	return map[string]string{
		"statement_timeout":       "0",
		"tcp_keepalives_idle":     strconv.FormatInt(2*seconds, 10),
		"tcp_keepalives_interval": strconv.FormatInt(seconds, 10),
		"tcp_keepalives_count":    "3",
	}
}

// acquire tries to get the lock until it has it, or wait has elapsed.
func (h *PostgresLockHandle) acquire(ctx context.Context, wait time.Duration) error {
	asking := ctx
	if wait > 0 {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	for attempt := 0; ; attempt++ {
		// Not under asking: a try that Wait cuts short would break the
		// connection, and say less.
		got, err := h.try(ctx)
		if err != nil {
			return PostgresError(h.op, err)
		}
		if got {
			return nil
		}
		if wait < 0 {
			return h.held()
		}
		if work.SleepContext(asking, core.BackoffDelay(lockBackoff, attempt, rand.Float64())) == nil {
			continue
		}
		if ctx.Err() != nil {
			return PostgresError(h.op, context.Cause(ctx))
		}
		return h.held()
	}
}

// try asks for the lock once. Through a pooler a session's lock would belong to
// whoever gets the server's process next: there it is a transaction's, which
// stays open, without a snapshot that VACUUM would wait for.
func (h *PostgresLockHandle) try(ctx context.Context) (got bool, err error) {
	if !h.pooled {
		err = h.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", h.Key).Scan(&got)
		return got, err
	}
	if _, err := h.conn.Exec(ctx, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return false, err
	}
	if err := h.conn.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", h.Key).Scan(&got); err != nil || got {
		return got, err
	}
	_, err = h.conn.Exec(ctx, "ROLLBACK") // the pooler's process is free while this waits
	return false, err
}

var lockBackoff = core.BackoffDelayConfig{Initial: 50 * time.Millisecond, Max: time.Second}

func (h *PostgresLockHandle) held() error {
	return &core.Error{
		Code:    core.CodeConflict,
		Op:      h.op,
		Message: "another session holds the lock",
		Hint:    "pg_locks, joined with pg_stat_activity by pid, shows who",
	}
}

// watch waits for the connection to break, or for the end of ctx.
func (h *PostgresLockHandle) watch(ctx context.Context, heartbeat time.Duration) {
	defer close(h.done)
	for {
		quiet, cancel := context.WithTimeout(ctx, heartbeat)
		err := h.conn.PgConn().WaitForNotification(quiet) // there is no LISTEN: it returns only when the connection breaks
		cancel()
		if ctx.Err() != nil {
			return // requested by Unlock
		}
		if err != nil && pgconn.Timeout(err) {
			err = ping(h.conn, heartbeat)
		}
		if err != nil {
			h.lost = &core.Error{
				Code:    core.CodeUnavailable,
				Op:      h.op,
				Message: "the lock is lost",
				Hint:    "stop the work: someone else may have the lock now",
				Err:     err,
			}
			h.cancel(h.lost)
			return
		}
	}
}

// Context is done when the lock is lost (context.Cause says why) or was given
// back. It does not end with the context that PostgresLock was called with, and
// has no deadline.
func (h *PostgresLockHandle) Context() context.Context { return h.ctx }

// Unlock gives the lock back and closes its connection. It returns the reason
// (CodeUnavailable) when the lock was lost meanwhile, and may be called again.
// It doesn't need a live context.
func (h *PostgresLockHandle) Unlock() error {
	h.unlock.Do(func() {
		h.quit()
		<-h.done
		h.cancel(context.Canceled)
		if h.result = h.lost; h.lost == nil {
			h.result = h.release()
		}
		closeConn(h.conn)
	})
	return h.result
}

// release unlocks before the connection closes: the server may take a moment to
// notice the close.
func (h *PostgresLockHandle) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	had := true
	var err error
	if h.pooled {
		_, err = h.conn.Exec(ctx, "ROLLBACK")
	} else {
		err = h.conn.QueryRow(ctx, "SELECT pg_advisory_unlock($1)", h.Key).Scan(&had)
	}
	if err == nil && had {
		return nil
	}
	return &core.Error{Code: core.CodeUnavailable, Op: h.op, Message: "the lock is lost", Err: err}
}
