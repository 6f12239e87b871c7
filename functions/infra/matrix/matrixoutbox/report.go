package matrixoutbox

import (
	"context"
	"log/slog"
	"sync"

	"fnregistry.dev/functions/core"
)

// errorsBuffer is how many errors wait for their reader.
const errorsBuffer = 64

// reporter puts errors into a channel that never blocks, and into the log.
type reporter struct {
	errors  chan error
	log     *slog.Logger
	account string

	mu     sync.Mutex
	closed bool
}

func newReporter(log *slog.Logger, account string) *reporter {
	return &reporter{errors: make(chan error, errorsBuffer), log: log, account: account}
}

// report reports an error, in the place of the oldest if need be. That ctx has
// ended is no error.
func (r *reporter) report(ctx context.Context, err error) {
	if ctx.Err() != nil && core.ErrorCode(err) == core.CodeCanceled {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.log.Warn("outbox", "user", r.account, "error", err)
	for {
		select {
		case r.errors <- err:
			return
		default:
		}
		select {
		case <-r.errors:
		default:
		}
	}
}

func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	close(r.errors)
}
