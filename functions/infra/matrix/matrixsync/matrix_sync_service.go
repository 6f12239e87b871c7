package matrixsync

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/service"
)

// MatrixSyncServiceConfig says what [MatrixSyncService] syncs, and how. Only
// Client is required.
type MatrixSyncServiceConfig struct {
	Client *mautrix.Client // with homeserver URL, user ID and access token; one service for each client

	// Of the durations zero is the default, and a negative one is an error.

	InitialBackoff time.Duration // first wait after a failed sync; default 1 s
	MaxBackoff     time.Duration // longest wait; default 60 s
	ChannelBuffer  int           // capacity of Events; default 256

	Store       MatrixSyncStorage            // default: in memory, see [MatrixSyncServiceHandle.Ack]
	Filter      *mautrix.Filter              // default: 50 events a room, without presence, typing, receipts and account data
	PollTimeout time.Duration                // how long the server holds an empty answer back, in whole milliseconds; default 30 s
	MinInterval time.Duration                // from the start of one sync to that of the next; default 100 ms
	GapPages    int                          // of 100 events each, to fill a room's gap with; default 50; negative: none
	Logger      *slog.Logger                 // default: none
	Metrics     *metrics.MetricsTextRegistry // default: none
}

// MatrixSyncServiceHandle is a running service.
type MatrixSyncServiceHandle struct {
	// Events has timelines' events, invitations, leaves and gaps, in each room
	// in the server's order. A full buffer blocks the sync, and loses nothing.
	// It is closed at the end, behind the events that are in it.
	Events <-chan matrix.MatrixSyncEvent
	// Errors has what went wrong and is tried again; nothing there ends the
	// service. It need not be read: the oldest errors make room. It is closed
	// at the end.
	Errors <-chan error
	// Stop ends the service, waits until it has, and may be called again and by
	// several goroutines. Service has a Stop with a context.
	Stop func()

	sync    *syncService
	running *service.ServiceStartHandle
}

// MatrixSyncService runs a client's sync loop in a goroutine of its own until
// ctx ends or Stop is called. What comes is on Events.
//
// With a Store nothing is lost and nothing doubled: a response's events and its
// token are stored together before the events are delivered, and each event is
// delivered again at the next start, with Redelivered set, until it was
// acknowledged. Without one an event counts as acknowledged once it was
// received.
//
// A limited timeline is filled from the room's history, up to GapPages; what
// stays missing is one event of kind "gap". A token that the server does not
// know any more leads to a new initial sync: what the store knows is left out,
// the rest has Replayed set.
//
// No failure of the server ends the service, only the loss of the store does
// (see Err): it waits with backoff, and as long as the server asks for. On 401
// it waits as long as MaxBackoff, or until [MatrixSyncServiceHandle.Resume],
// for new credentials of the same user and device.
//
// Errors: CodeInvalid for a bad config, CodeConflict where a service runs for
// the client already or the store is another user's, and the store's own.
//
// More in matrix_sync_service.md:
//   - Exactly once is the acknowledgement.
//   - Without Ack (with a Store) no event is ever finished: the database grows
//     and each start delivers all of it again.
func MatrixSyncService(ctx context.Context, cfg MatrixSyncServiceConfig) (*MatrixSyncServiceHandle, error) {
	cfg, filter, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, running := syncRunning.LoadOrStore(cfg.Client, struct{}{}); running {
		return nil, &core.Error{
			Code:    core.CodeConflict,
			Op:      "matrix_sync_service",
			Message: "a service runs for this client already",
			Hint:    "stop it first, or read its Events",
		}
	}
	s := newSyncService(cfg, filter)
	position, err := s.store.Begin(ctx, cfg.Client.UserID)
	if err != nil {
		syncRunning.Delete(cfg.Client)
		return nil, err
	}
	s.begin(position)
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "matrix_sync_service", Run: func(ctx context.Context) error {
		defer s.end()
		return s.run(ctx)
	}})
	if err != nil {
		syncRunning.Delete(cfg.Client)
		return nil, err
	}
	stop := func() { _ = running.Stop(context.WithoutCancel(ctx)) } // Err has the error
	return &MatrixSyncServiceHandle{Events: s.events, Errors: s.errors, Stop: stop, sync: s, running: running}, nil
}

// Done is closed when the service has ended, and its channels are closed.
func (h *MatrixSyncServiceHandle) Done() <-chan struct{} { return h.running.Done() }

// Err returns a CodeConflict if the service ended because its store was lost:
// another service has taken it over ([ErrMatrixSyncTakenOver]), or the file of
// its database, or of the keys, was deleted or replaced
// ([sqlite.ErrSQLiteFileLost]). It returns nil after any other end and before
// Done is closed.
func (h *MatrixSyncServiceHandle) Err() error { return h.running.Err() }

// Service returns the service with the methods that all services have, such as
// for service_run. The Stop there waits until the service has ended or its
// context is done.
func (h *MatrixSyncServiceHandle) Service() service.Service { return h.running }

// defaultSyncFilter leaves out what is not delivered. Its timeline limit is
// that of mautrix.
const defaultSyncFilter = `{"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]},` +
	`"room":{"timeline":{"limit":50},"ephemeral":{"not_types":["*"]},"account_data":{"not_types":["*"]}}}`

func (cfg MatrixSyncServiceConfig) withDefaults() (MatrixSyncServiceConfig, string, error) {
	invalid := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_service", Message: message}
	}
	switch {
	case cfg.Client == nil:
		return cfg, "", invalid("no Client given")
	case cfg.Client.HomeserverURL == nil || cfg.Client.HomeserverURL.Scheme == "":
		return cfg, "", invalid("the Client has no homeserver URL")
	case cfg.Client.UserID == "":
		return cfg, "", invalid("the Client has no user ID")
	case cfg.Client.Client == nil:
		return cfg, "", invalid("the Client has no HTTP client")
	}
	filter := defaultSyncFilter
	if cfg.Filter != nil {
		text, err := json.Marshal(cfg.Filter)
		if err != nil {
			return cfg, "", &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_service", Message: "bad Filter", Err: err}
		}
		filter = string(text)
	}
	err := durations.Fill("matrix_sync_service",
		durations.Field{Name: "MaxBackoff", Value: &cfg.MaxBackoff, Default: time.Minute},
		durations.Field{Name: "InitialBackoff", Value: &cfg.InitialBackoff, Default: time.Second},
		durations.Field{Name: "PollTimeout", Value: &cfg.PollTimeout, Default: 30 * time.Second},
		durations.Field{Name: "MinInterval", Value: &cfg.MinInterval, Default: 100 * time.Millisecond},
	)
	if err != nil {
		return cfg, "", err
	}
	cfg.PollTimeout = max(cfg.PollTimeout, time.Millisecond)
	cfg.InitialBackoff = min(cfg.InitialBackoff, cfg.MaxBackoff)
	if cfg.ChannelBuffer <= 0 {
		cfg.ChannelBuffer = 256
	}
	cfg.GapPages = cmp.Or(cfg.GapPages, 50)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return cfg, filter, nil
}

// Ack acknowledges events in one transaction of the store: once it has returned
// nil, they do not come again, whatever happens to the process. Without a Store
// it does nothing. It may be called by several goroutines, and after the
// service has ended.
func (h *MatrixSyncServiceHandle) Ack(ctx context.Context, events ...matrix.MatrixSyncEvent) error {
	return h.AckTx(ctx, nil, events...)
}

// AckTx is Ack within a transaction of the caller on the store's database: the
// events are acknowledged if tx commits, and only then. So an event can be
// acknowledged together with what it causes, such as an outbox's EnqueueTx.
// CodeUnsupported: the store can't.
func (h *MatrixSyncServiceHandle) AckTx(ctx context.Context, tx *sql.Tx, events ...matrix.MatrixSyncEvent) error {
	seqs := make([]int64, 0, len(events))
	for _, e := range events {
		if seq := e.Seq(); seq > 0 {
			seqs = append(seqs, seq)
		}
	}
	return h.sync.acknowledge(ctx, tx, seqs)
}

// Resume ends a wait for a next try at once, as after new credentials by
// [matrix.MatrixClientLogin]. Other ways to set a token while requests run,
// client.AccessToken and client.OAuthSetTokens, are data races.
func (h *MatrixSyncServiceHandle) Resume() {
	select {
	case h.sync.wake <- struct{}{}:
	default: // one is there already
	}
}

// Health says how the service does.
func (h *MatrixSyncServiceHandle) Health() MatrixSyncHealth { return h.sync.health.get() }
