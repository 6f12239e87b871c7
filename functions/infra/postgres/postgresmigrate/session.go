package postgresmigrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/postgres"
	"fnregistry.dev/functions/infra/work"
)

var errSessionLost = &core.Error{
	Code:    core.CodeUnavailable,
	Op:      "postgres_migrate",
	Message: "the connection broke, and with it the lock",
}

// openDB makes a database/sql pool with the settings and hooks of the given one
// that connects once: it is one session to the end, which the lock belongs to,
// and where that breaks nothing goes on without it.
func openDB(pool *pgxpool.Pool) *sql.DB {
	cfg := pool.Config()
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "0"
	var connected atomic.Bool
	options := []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		if connected.Swap(true) {
			return errSessionLost
		}
		if cfg.AfterConnect != nil {
			return cfg.AfterConnect(ctx, conn)
		}
		return nil
	})}
	if cfg.BeforeConnect != nil {
		options = append(options, stdlib.OptionBeforeConnect(cfg.BeforeConnect))
	}
	db := stdlib.OpenDB(*cfg.ConnConfig, options...)
	db.SetMaxOpenConns(1)
	return db
}

// lock takes the advisory lock of the table; closing the session gives it back.
// It asks until it has it: a session that waits inside the server would hold up
// a CREATE INDEX CONCURRENTLY of the one that migrates, for ever.
func (m *migrating) lock(ctx context.Context) error {
	if err := m.refusePooler(ctx); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, m.lockTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		var got bool
		if err := m.db.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", m.lockKey()).Scan(&got); err != nil {
			return postgres.PostgresError("postgres_migrate", err)
		}
		if got {
			return nil
		}
		if work.SleepContext(waiting, core.BackoffDelay(lockBackoff, attempt, rand.Float64())) == nil {
			continue
		}
		if ctx.Err() != nil {
			return postgres.PostgresError("postgres_migrate", context.Cause(ctx))
		}
		return &core.Error{
			Code:    core.CodeUnavailable,
			Op:      "postgres_migrate",
			Message: "another process migrates for too long",
			Hint:    "try again when it is done; pg_locks (locktype advisory), joined with pg_stat_activity by pid, shows who it is",
		}
	}
}

// refusePooler refuses a connection that another process answers for than the
// one that was announced: PgBouncer or the like is in between, and its lock
// might be another client's with the next transaction.
func (m *migrating) refusePooler(ctx context.Context) error {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return postgres.PostgresError("postgres_migrate", err)
	}
	defer conn.Close()
	var process, announced uint32
	err = conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&process)
	if err == nil {
		err = conn.Raw(func(driver any) error {
			announced = driver.(*stdlib.Conn).Conn().PgConn().PID()
			return nil
		})
	}
	if err != nil {
		return postgres.PostgresError("postgres_migrate", err)
	}
	if process != announced {
		return &core.Error{
			Code: core.CodeUnsupported, Op: "postgres_migrate",
			Message: "there is a pooler in between, through which a lock is not safe",
			Hint:    "migrate with the URL of the server itself",
		}
	}
	return nil
}

var lockBackoff = core.BackoffDelayConfig{Initial: 50 * time.Millisecond, Max: time.Second}

// lockKey is a number for the table: the first 8 bytes of the SHA-256 of what
// it says. The server keeps advisory locks for each database.
func (m *migrating) lockKey() int64 {
	sum := sha256.Sum256([]byte("postgres_migrate:" + m.qualifiedTable()))
	return int64(binary.BigEndian.Uint64(sum[:]))
}
