package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connect opens a connection outside the pool, with the pool's settings and
// hooks. params are additional session settings. A connection that is held for
// long must not be one of the pool's few.
func connect(ctx context.Context, pool *pgxpool.Pool, params map[string]string) (*pgx.Conn, error) {
	cfg := pool.Config()
	for name, value := range params {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil || cfg.AfterConnect == nil {
		return conn, err
	}
	if err := cfg.AfterConnect(ctx, conn); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// closeTimeout bounds the closing of a connection whose server may be gone.
const closeTimeout = 5 * time.Second

// closeConn closes a connection, also when the caller's context is done.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // error ignored: the caller can't do anything about it
}

// ping checks that the server responds within timeout.
func ping(conn *pgx.Conn, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return conn.Ping(ctx)
}
