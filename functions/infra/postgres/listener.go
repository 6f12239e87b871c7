package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// listener is one running loop over PostgresListen. run fills the queue that
// the loop empties.
type listener struct {
	pool  *pgxpool.Pool
	cfg   PostgresListenConfig
	queue *eventQueue
}

func newListener(pool *pgxpool.Pool, cfg PostgresListenConfig) *listener {
	return &listener{pool: pool, cfg: cfg, queue: newEventQueue(cfg.Buffer)}
}

// run listens, reconnecting until ctx is done or no retry can help.
func (l *listener) run(ctx context.Context) {
	var reason error // why the last connection broke, or could not be opened
	for attempt := 0; ; attempt++ {
		began := time.Now()
		listened, err := l.listen(ctx, reason)
		if ctx.Err() != nil {
			return
		}
		reason = PostgresError("postgres_listen", err)
		if !mayPass(err) {
			l.queue.fail(reason)
			return
		}
		if listened && time.Since(began) > l.cfg.Heartbeat {
			attempt = 0 // unless it broke immediately
		}
		if work.SleepContext(ctx, core.BackoffDelay(l.cfg.Backoff, attempt, rand.Float64())) != nil {
			return
		}
	}
}

// listen opens a connection and passes on notifications until it breaks, and
// returns why. listened reports whether it got as far as LISTEN.
func (l *listener) listen(ctx context.Context, reason error) (listened bool, err error) {
	conn, err := connect(ctx, l.pool, map[string]string{"statement_timeout": "0"})
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	for _, channel := range l.cfg.Channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return false, err
		}
	}
	l.queue.put(PostgresListenEvent{Missed: true, Reason: reason})
	for {
		if err := l.receive(ctx, conn); err != nil {
			return true, err
		}
	}
}

// receive waits for one notification, or for the heartbeat interval, after
// which the server must respond.
func (l *listener) receive(ctx context.Context, conn *pgx.Conn) error {
	quiet, cancel := context.WithTimeout(ctx, l.cfg.Heartbeat)
	defer cancel()
	n, err := conn.WaitForNotification(quiet)
	switch {
	case err == nil:
		l.queue.put(PostgresListenEvent{Channel: n.Channel, Payload: n.Payload, PID: n.PID})
		return nil
	case ctx.Err() == nil && pgconn.Timeout(err):
		return ping(conn, l.cfg.Heartbeat)
	}
	return err
}
