package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// PostgresOpenConfig says which database [PostgresOpen] opens, and how.
type PostgresOpenConfig struct {
	URL              string        // postgres://user:password@host:port/database?setting=value; defaults come from PGHOST, PGUSER, ~/.pgpass and so on, as with psql; required, at least "postgres://"
	Password         string        // overrides the URL's, so that the URL needs none
	TLS              string        // "disable", "require" (encrypted, but the server may be anyone) or "verify-full"; default: the URL's sslmode, else verify-full, but disable for loopback addresses and Unix sockets
	CAFile           string        // PEM file of the authorities that verify-full trusts; default: the URL's sslrootcert, else the system's
	ApplicationName  string        // as pg_stat_activity shows it; default: the URL's application_name, else the program's file name
	StatementTimeout time.Duration // the server cancels a statement that takes longer; default: the URL's statement_timeout, else 30 s; negative: nothing is set
	MaxConns         int           // connections in the pool; default: the URL's pool_max_conns, else the number of CPUs, at least 4
	WaitTimeout      time.Duration // how long to wait for a server that is not up yet; default 30 s; negative: one try
}

const (
	defaultStatementTimeout = 30 * time.Second
	defaultWaitTimeout      = 30 * time.Second
	defaultConnectTimeout   = 10 * time.Second // of one try; the URL's connect_timeout overrides it
)

// PostgresOpen opens a pool of connections and waits until the server answers,
// with growing pauses (0.1 s to 3 s): a server that is starting, refuses
// connections, or whose name can't be resolved yet gets WaitTimeout. What no
// waiting fixes (a wrong password, a missing database, a certificate that isn't
// trusted) comes back at once. ctx bounds the opening alone. Close the pool.
//
// sslmode prefer and allow are refused: both fall back to plain text when
// somebody in between says so. No error holds the password, or any part of a
// URL that can't be read.
//
// Errors: CodeInvalid for a bad config or certificate, CodeUnauthenticated,
// CodeNotFound for a missing database, CodeUnsupported for a server without
// TLS, CodeUnavailable when the server didn't answer in time, CodeTimeout and
// CodeCanceled for ctx.
//
// More in postgres_open.md:
//   - sslmode prefer and allow, the default of libpq and pgx, are refused: a
//     man in the middle can make them fall back to plain text. verify-ca is
//     refused, too.
//   - With require the server's identity is not checked.
func PostgresOpen(ctx context.Context, cfg PostgresOpenConfig) (*pgxpool.Pool, error) {
	settings, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	op := fmt.Sprintf("postgres_open host=%s port=%d database=%s", settings.ConnConfig.Host, settings.ConnConfig.Port, settings.ConnConfig.Database)
	// The pool has a context of its own: its values are used for background
	// connections, long after ctx has ended.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), settings)
	if err != nil {
		return nil, PostgresError(op, err)
	}
	if err := waitForServer(ctx, pool, op, cfg.WaitTimeout); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// waitBackoff retries often at first, for a server that is starting.
var waitBackoff = core.BackoffDelayConfig{Initial: 100 * time.Millisecond, Max: 3 * time.Second}

func waitForServer(ctx context.Context, pool *pgxpool.Pool, op string, timeout time.Duration) error {
	if timeout == 0 {
		timeout = defaultWaitTimeout
	}
	waiting := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var last error
	for attempt := 0; ; attempt++ {
		err := pool.Ping(waiting)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return PostgresError(op, context.Cause(ctx))
		}
		if waiting.Err() == nil || last == nil {
			last = err // the last error says more than "deadline exceeded"
		}
		if timeout < 0 || !mayPass(err) {
			return PostgresError(op, err)
		}
		if work.SleepContext(waiting, core.BackoffDelay(waitBackoff, attempt, rand.Float64())) != nil {
			return waitError(ctx, op, timeout, attempt+1, last)
		}
	}
}

func waitError(ctx context.Context, op string, timeout time.Duration, attempts int, last error) error {
	if ctx.Err() != nil {
		return PostgresError(op, context.Cause(ctx))
	}
	return &core.Error{
		Code:    core.CodeUnavailable,
		Op:      op,
		Message: fmt.Sprintf("no answer within %v, %d tries", timeout, attempts),
		Hint:    "check that the server is running and reachable at this address",
		Err:     last,
	}
}

// mayPass reports whether the same try may succeed later.
func mayPass(err error) bool {
	switch classify(err).Code {
	case core.CodeUnavailable, core.CodeTimeout:
		return true
	}
	return false
}
