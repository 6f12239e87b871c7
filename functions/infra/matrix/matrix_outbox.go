package matrix

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
	"fnregistry.dev/functions/infra/metrics"
)

// MatrixOutboxConfig says whose queue an outbox sends, and how.
type MatrixOutboxConfig struct {
	Client         *mautrix.Client              // with UserID; the same device from start to start, as matrix_client_init keeps it; required
	DB             *sql.DB                      // SQLite, in a file; its tables are matrix_outbox and matrix_outbox_owner; stays open; required
	Concurrency    int                          // rooms in which is sent at the same time; default 8
	Backoff        core.BackoffDelayConfig      // waits after a failure, in each room; default 1 s to 60 s
	RequestTimeout time.Duration                // for one request; default 60 s
	Settle         time.Duration                // how long a try without an answer may still take effect on a server that answers at once; default 10 s
	MaxTries       int                          // tries that the server answered with 5xx until an item is set aside; default: no limit
	KeepSent       time.Duration                // how long it is remembered what was sent; default 24 h
	Poll           time.Duration                // how often it looks for what EnqueueTx or another process has put in; default 1 s
	Metrics        *metrics.MetricsTextRegistry // default: no metrics
	Logger         *slog.Logger                 // default: no logs
}

// MatrixOutboxItem is an event to send.
type MatrixOutboxItem struct {
	Room          id.RoomID // required
	Type          string    // of the event: "m.room.message"; for "m.room.redaction" Content has redacts and reason; required
	Content       any       // what encoding/json makes an object of; required
	TransactionID string    // an item whose ID the outbox has had is not taken in again; default: a new one
}

// MatrixOutboxHandle is a running outbox. Its methods may be called by several goroutines.
type MatrixOutboxHandle struct {
	// Errors tells what goes wrong: tries that failed, what was set aside (errors.As finds a *MatrixOutboxAside). It never
	// holds the outbox up: when 64 errors wait, the oldest goes. It is closed when all has ended.
	Errors <-chan error

	cfg     MatrixOutboxConfig
	account string
	store   *outboxStore
	metrics *outboxMetrics
	errors  chan error

	ctx      context.Context // ends what is under way
	cancel   context.CancelFunc
	stopping chan struct{} // closed: nothing new is begun
	stopOnce sync.Once
	ended    chan struct{}
	slots    chan struct{}
	work     sync.WaitGroup

	mu      sync.Mutex
	rooms   map[id.RoomID]*outboxRoom
	waiters map[string][]chan struct{}
	until   time.Time     // no try before, in any room: the rate limit is the account's
	locked  bool          // until is for want of credentials
	changed chan struct{} // closed and renewed when waiting may be over
	closed  bool
	looks   outboxTransactions
	pace    outboxPace
}

// outboxRoom is a room whose queue is worked on.
type outboxRoom struct {
	again bool      // something was put in meanwhile
	shown string    // transaction ID of the item before which the server shows what was sent
	since time.Time // since when

	lagging   string    // transaction ID of the item before which the server does not show what was sent
	lagsSince time.Time // since when

	waiting string    // transaction ID of the item that waits for its next try; guarded by the handle's mu
	next    time.Time // when that is
}

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

const (
	outboxStopGrace    = 5 * time.Second
	outboxErrorsBuffer = 64
)

// outboxRunning has the outboxes of this process, by database and account.
var outboxRunning sync.Map

type outboxKey struct {
	db      *sql.DB
	account string
}

// MatrixOutbox sends what is in a queue on disk: in each room in the order in which it was put in, in several rooms at
// once, each event once. It begins with what a former process has left. ctx ends it at once, Stop in the orderly way;
// nothing is lost by either, nor by SIGKILL.
//
// A try that failed is repeated with backoff and with the same transaction ID, for as long as it takes; of a rate limit
// both forms are heeded, by all rooms. Where the answer was lost, or the process was killed, it looks first whether the
// event is in the room: not every server remembers transaction IDs over a restart of its own. What the server refuses for
// good is set aside, told by Errors, and blocks nothing. Without credentials everything waits, and goes on when the
// client has new ones.
//
// Errors: CodeInvalid for a bad config, CodeConflict where an outbox of this process already runs on the same database
// for the same user, what sqlite_error gives for the database. If another process takes the queue over, this one stops,
// and Errors has a CodeConflict.
//
// More in matrix_outbox.md:
//   - How once comes about: before each try the item is marked on disk.
//   - A request that the server still works on after that, unanswered, can be
//     posted twice by a server with dedupe in memory.
func MatrixOutbox(ctx context.Context, cfg MatrixOutboxConfig) (*MatrixOutboxHandle, error) {
	const op = "matrix_outbox"
	if cfg.Client == nil || cfg.DB == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "Client and DB are required"}
	}
	if !isUserID(cfg.Client.UserID) {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "the client has no user ID", Hint: "make it with matrix_client_init"}
	}
	cfg = cfg.withDefaults()
	h := &MatrixOutboxHandle{
		cfg: cfg, account: string(cfg.Client.UserID),
		errors: make(chan error, outboxErrorsBuffer), stopping: make(chan struct{}), ended: make(chan struct{}),
		slots: make(chan struct{}, cfg.Concurrency), rooms: map[id.RoomID]*outboxRoom{}, waiters: map[string][]chan struct{}{},
		changed: make(chan struct{}),
	}
	h.Errors = h.errors
	h.metrics = newOutboxMetrics(cfg.Metrics, h.account)
	key := outboxKey{cfg.DB, h.account}
	if _, running := outboxRunning.LoadOrStore(key, h); running {
		return nil, &core.Error{Code: core.CodeConflict, Op: op, Message: "an outbox of " + h.account + " already runs on this database"}
	}
	store, err := openOutboxStore(ctx, cfg.DB, h.account)
	if err != nil {
		outboxRunning.Delete(key)
		return nil, withOp(op, err)
	}
	h.store = store
	if err := h.recallPace(ctx); err != nil {
		outboxRunning.Delete(key)
		return nil, withOp(op, err)
	}
	h.ctx, h.cancel = context.WithCancel(ctx)
	h.work.Go(h.poll)
	go func() {
		<-h.ctx.Done()
		h.beginStop()
		h.work.Wait()
		outboxRunning.Delete(key)
		h.end()
	}()
	return h, nil
}

func (cfg MatrixOutboxConfig) withDefaults() MatrixOutboxConfig {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	orDefault := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orDefault(&cfg.RequestTimeout, time.Minute)
	orDefault(&cfg.Settle, 10*time.Second)
	orDefault(&cfg.KeepSent, 24*time.Hour)
	orDefault(&cfg.Poll, time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return cfg
}

// Stop begins nothing new, waits for what is under way (5 seconds, then it is broken off), and returns when all has
// ended. What is in the queue stays there. It may be called again.
func (h *MatrixOutboxHandle) Stop() {
	h.beginStop()
	idle := make(chan struct{})
	go func() {
		h.work.Wait()
		close(idle)
	}()
	grace := time.NewTimer(outboxStopGrace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	h.cancel()
	<-h.ended
}

// beginStop is under the lock, so that no work is begun once it is waited for.
func (h *MatrixOutboxHandle) beginStop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopOnce.Do(func() { close(h.stopping) })
}

// end is the last of it: the store's statements, those who wait, and the channel.
func (h *MatrixOutboxHandle) end() {
	h.mu.Lock()
	h.closed = true
	for _, waiting := range h.waiters {
		for _, w := range waiting {
			close(w)
		}
	}
	h.waiters = nil
	close(h.errors)
	h.mu.Unlock()
	close(h.ended)
}

// poll finds the rooms that have something to send: at the start, and what others put in.
func (h *MatrixOutboxHandle) poll() {
	ticker := time.NewTicker(h.cfg.Poll)
	defer ticker.Stop()
	pruned := time.Time{}
	seen := int64(0)
	for {
		if rooms, last, err := h.store.roomsAfter(h.ctx, seen); err != nil {
			h.tell(withOp("matrix_outbox", err))
		} else {
			seen = last
			h.wakeRooms(rooms)
		}
		if time.Since(pruned) > time.Minute {
			pruned = time.Now()
			if err := h.store.prune(h.ctx, pruned.Add(-h.cfg.KeepSent)); err != nil {
				h.tell(withOp("matrix_outbox", err))
			}
		}
		h.measure()
		select {
		case <-h.stopping:
			return
		case <-ticker.C:
		}
	}
}

// measure sets the gauges.
func (h *MatrixOutboxHandle) measure() {
	if h.metrics == nil {
		return
	}
	if status, err := h.Status(h.ctx); err == nil {
		h.metrics.depth(status)
	}
}

// wakeRooms sees that each room is worked on.
func (h *MatrixOutboxHandle) wakeRooms(rooms []id.RoomID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.stopping:
		return
	default:
	}
	if h.closed {
		return
	}
	for _, room := range rooms {
		if running := h.rooms[room]; running != nil {
			running.again = true
			continue
		}
		state := &outboxRoom{}
		h.rooms[room] = state
		h.work.Go(func() { h.runRoom(room, state) })
	}
}

// tell puts an error into Errors, and the log.
func (h *MatrixOutboxHandle) tell(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.ctx.Err() != nil && core.ErrorCode(err) == core.CodeCanceled {
		return
	}
	h.cfg.Logger.Warn("outbox", "user", h.account, "error", err)
	for {
		select {
		case h.errors <- err:
			return
		default:
		}
		select {
		case <-h.errors:
		default:
		}
	}
}
