package matrixoutbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/service"
)

// MatrixOutboxConfig says whose queue an outbox sends, and how.
type MatrixOutboxConfig struct {
	Client         *mautrix.Client              // with UserID; the same device from start to start, as matrix_client_init keeps it; required
	DB             *sql.DB                      // SQLite, in a file; its tables are matrix_outbox and matrix_outbox_owner; stays open; required
	Concurrency    int                          // rooms in which is sent at the same time; default 8
	Backoff        core.BackoffDelayConfig      // waits after a failure, in each room; default 1 s to 60 s
	RequestTimeout time.Duration                // for one request; default 60 s
	Settle         time.Duration                // how long a try without an answer may still take effect on a server that answers at once; default 10 s
	MaxTries       int                          // tries that the server answered with 5xx or M_UNKNOWN until an item is parked; default: no limit
	KeepSent       time.Duration                // how long it is remembered at least what was sent; default 24 h
	KeepSentCount  int                          // how many of the latest sent items are remembered, however old they are; default 50,000
	Poll           time.Duration                // how often it looks for what EnqueueTx or another process has put in; default 1 s
	Metrics        *metrics.MetricsTextRegistry // default: no metrics
	Logger         *slog.Logger                 // default: no logs

	// EnqueueOnly is for a process beside the one that sends the queue: the
	// outbox sends nothing and leaves the queue to the other, whether or not
	// it runs. All methods work; Wait looks into the database every Poll. Of
	// Client only UserID is used: whether an item must be encrypted, the other
	// finds out. No metrics are kept.
	EnqueueOnly bool
}

// MatrixOutboxHandle is a running outbox. It is a [service.Service] and a
// [matrix.MatrixEnqueuer]. Its methods may be called by several goroutines.
type MatrixOutboxHandle struct {
	// Errors reports what goes wrong: tries that failed, items that were set
	// aside (errors.As finds a *MatrixOutboxAside). It never holds the outbox
	// up: when 64 errors wait, the oldest goes. It is closed at the end.
	Errors <-chan error

	client  *mautrix.Client
	store   *store
	waiters *waiters
	sender  *sender

	done chan struct{}
	err  error // why it ended; written before done is closed
}

var (
	_ service.Service       = (*MatrixOutboxHandle)(nil)
	_ matrix.MatrixEnqueuer = (*MatrixOutboxHandle)(nil)
)

// MatrixOutboxAside is why an item was set aside.
type MatrixOutboxAside struct {
	Room          id.RoomID
	TransactionID string
	Uncertain     bool // it may have been sent all the same
	Err           error
}

func (e *MatrixOutboxAside) Error() string {
	if e.Uncertain {
		return fmt.Sprintf("set aside, may have been sent: %v", e.Err)
	}
	return fmt.Sprintf("set aside: %v", e.Err)
}

// Unwrap returns the cause.
func (e *MatrixOutboxAside) Unwrap() error { return e.Err }

// outboxRunning has the outboxes of this process, by database and account.
var outboxRunning sync.Map

type outboxKey struct {
	db      *sql.DB
	account string
}

// MatrixOutbox sends what is in a queue on disk: in each room in the order in
// which it was put in, in several rooms at once, each event once. It begins
// with what a former process has left. ctx ends it at once, Stop
// gracefully; nothing is lost by either, nor by SIGKILL.
//
// A try that failed is repeated with backoff and with the same transaction ID,
// for as long as it takes; of a rate limit both forms are heeded, by all rooms.
// Where the answer was lost, or the process was killed, it looks first whether
// the event is in the room: not every server remembers transaction IDs over a
// restart of its own. What the server refuses for good is parked, reported by
// Errors, and blocks nothing. Without credentials everything waits, and goes on
// when the client has new ones.
//
// Errors: CodeInvalid for a bad config, CodeConflict where an outbox of this
// process already runs on the same database for the same user, what
// sqlite_error gives for the database. If another process takes the queue over,
// or the database file is deleted or replaced ([sqlite.ErrSQLiteFileLost]),
// this one stops, and Errors has a CodeConflict; with a lost file Enqueue
// fails, too.
//
// More in matrix_outbox.md:
//   - How once comes about: before each try the item is marked on disk.
//   - None of this depends on this machine's wall clock: times are the
//     homeserver's (its Date header; where none is known, the first send of a
//     process is preceded by a request for /versions), the order of what was
//     sent is kept by stamps that only grow, and waits are monotonic.
func MatrixOutbox(ctx context.Context, cfg MatrixOutboxConfig) (*MatrixOutboxHandle, error) {
	const op = "matrix_outbox"
	if cfg.Client == nil || cfg.DB == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "Client and DB are required"}
	}
	if !ident.IsUser(cfg.Client.UserID) {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "the client has no user ID",
			Hint:    "make it with matrix_client_init",
		}
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	account := string(cfg.Client.UserID)
	release, err := register(cfg, account)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	h, err := newHandle(ctx, cfg, account)
	if err != nil {
		release()
		return nil, send.WithOp(op, err)
	}
	go func() {
		defer close(h.done)
		h.err = h.sender.run(ctx)
		release()
		h.waiters.close()
		h.sender.report.close()
	}()
	return h, nil
}

// register notes that an outbox sends an account's queue, so that no second one
// of this process does.
func register(cfg MatrixOutboxConfig, account string) (release func(), err error) {
	if cfg.EnqueueOnly {
		return func() {}, nil
	}
	key := outboxKey{cfg.DB, account}
	if _, running := outboxRunning.LoadOrStore(key, struct{}{}); running {
		return nil, &core.Error{Code: core.CodeConflict, Message: "an outbox of " + account + " already runs on this database"}
	}
	return func() { outboxRunning.Delete(key) }, nil
}

func newHandle(ctx context.Context, cfg MatrixOutboxConfig, account string) (*MatrixOutboxHandle, error) {
	store, err := openStore(ctx, cfg.DB, account)
	if err != nil {
		return nil, err
	}
	waiters := newWaiters()
	sender := newSender(cfg, store, waiters)
	if !cfg.EnqueueOnly {
		if err := store.own(ctx); err != nil {
			return nil, err
		}
		if err := sender.recallPace(ctx); err != nil {
			return nil, err
		}
	}
	return &MatrixOutboxHandle{
		Errors: sender.report.errors, client: cfg.Client,
		store: store, waiters: waiters, sender: sender, done: make(chan struct{}),
	}, nil
}

func (cfg MatrixOutboxConfig) withDefaults() (MatrixOutboxConfig, error) {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.KeepSentCount <= 0 {
		cfg.KeepSentCount = 50_000
	}
	if cfg.EnqueueOnly {
		cfg.Client = &mautrix.Client{UserID: cfg.Client.UserID} // without a state store nothing is refused for its encryption
		cfg.Metrics = nil
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return cfg, durations.Fill("matrix_outbox",
		durations.Field{Name: "RequestTimeout", Value: &cfg.RequestTimeout, Default: time.Minute},
		durations.Field{Name: "Settle", Value: &cfg.Settle, Default: 10 * time.Second},
		durations.Field{Name: "KeepSent", Value: &cfg.KeepSent, Default: 24 * time.Hour},
		durations.Field{Name: "Poll", Value: &cfg.Poll, Default: time.Second},
	)
}

// Stop begins nothing new, waits for what is under way (5 seconds, then it is
// broken off), and returns when all has ended, or ctx is done: then it goes on
// stopping. What is in the queue stays there. See [service.Service].
func (h *MatrixOutboxHandle) Stop(ctx context.Context) error {
	h.sender.stop()
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
	}
	select {
	case <-h.done:
		return h.err
	default:
		return &core.Error{
			Code:    core.CodeTimeout,
			Op:      "matrix_outbox stop",
			Message: "it has not ended yet",
			Err:     context.Cause(ctx),
		}
	}
}

// Done is closed when all has ended.
func (h *MatrixOutboxHandle) Done() <-chan struct{} { return h.done }

// Err returns a CodeConflict if another process has taken the queue over or its
// database file was deleted or replaced, and nil after any other end and before
// Done is closed.
func (h *MatrixOutboxHandle) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}
