package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
)

// PostgresListenConfig says what [PostgresListen] listens for.
type PostgresListenConfig struct {
	Channels  []string                // exact names as used by NOTIFY, case-sensitive, without quotes; at least one
	Buffer    int                     // notifications kept for a slow reader; default 1024
	Heartbeat time.Duration           // interval at which an idle connection is pinged, and timeout of the ping; default 15 s
	Backoff   core.BackoffDelayConfig // pauses between tries to reconnect; default 0.1 s to 30 s
}

// PostgresListenEvent is a notification, or the news that some may have been
// missed.
type PostgresListenEvent struct {
	// Missed says that this is no notification: listening begins here, and what
	// was sent before may be lost. It comes first, after each reconnect, and
	// where the reader was too slow for the buffer. What the caller keeps up to
	// date by notifications it reads anew now, and then misses nothing.
	Missed bool
	Reason error // with Missed: why the connection broke or that the buffer was full; nil at the first start

	Channel string // of the notification
	Payload string // up to 8,000 bytes; empty when NOTIFY has none
	PID     uint32 // the server's process that sent it
}

const (
	defaultListenBuffer    = 1024
	defaultListenHeartbeat = 15 * time.Second
	maxChannelName         = 63 // NAMEDATALEN - 1; LISTEN truncates a longer one, NOTIFY refuses it
)

var defaultListenBackoff = core.BackoffDelayConfig{Initial: 100 * time.Millisecond, Max: 30 * time.Second}

// PostgresListen yields the notifications (NOTIFY) of some channels as they
// come, on a connection of its own next to the pool. When that breaks, it
// reconnects with growing pauses, for as long as it takes, and says by an
// event with Missed that notifications may be lost: the server keeps none for
// who isn't there.
//
// A slow reader doesn't hold up the server: past Buffer events notifications
// are dropped, and an event with Missed takes their place.
//
// The loop ends without an error when ctx is done, with the last one where no
// try can help: a bad channel name (CodeInvalid), credentials or a database
// that are not there (any more). When the loop ends, or is left, the connection
// is closed.
//
// More in postgres_listen.md:
//   - The first event has Missed (and no Reason): state read after it can't
//     change unnoticed.
//   - If the loop ends without an error, ctx is done; see ctx.Err().
func PostgresListen(
	ctx context.Context,
	pool *pgxpool.Pool,
	cfg PostgresListenConfig,
) iter.Seq2[PostgresListenEvent, error] {
	return func(yield func(PostgresListenEvent, error) bool) {
		if err := cfg.check(); err != nil {
			yield(PostgresListenEvent{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		l := newListener(pool, cfg.withDefaults())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.run(ctx)
		}()
		defer func() {
			cancel()
			<-done
		}()
		for {
			event, err, ok := l.queue.take(ctx)
			if !ok || !yield(event, err) || err != nil {
				return
			}
		}
	}
}

func (cfg PostgresListenConfig) check() error {
	if len(cfg.Channels) == 0 {
		return &core.Error{Code: core.CodeInvalid, Op: "postgres_listen", Message: "Channels names no channel"}
	}
	for _, channel := range cfg.Channels {
		if channel == "" || len(channel) > maxChannelName || strings.ContainsRune(channel, 0) {
			return &core.Error{
				Code:    core.CodeInvalid,
				Op:      "postgres_listen",
				Message: fmt.Sprintf("bad channel name %.80q", channel),
				Hint:    fmt.Sprintf("a name has 1 to %d bytes, none of them NUL", maxChannelName),
			}
		}
	}
	return nil
}

func (cfg PostgresListenConfig) withDefaults() PostgresListenConfig {
	if cfg.Buffer <= 0 {
		cfg.Buffer = defaultListenBuffer
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = defaultListenHeartbeat
	}
	if cfg.Backoff == (core.BackoffDelayConfig{}) {
		cfg.Backoff = defaultListenBackoff
	}
	return cfg
}
