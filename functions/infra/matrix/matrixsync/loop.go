package matrixsync

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// syncService is the loop. All of it but events, errors, wake, health and the
// store's Acknowledge belongs to one goroutine.
type syncService struct {
	cfg            MatrixSyncServiceConfig
	client         *mautrix.Client
	store          MatrixSyncStorage
	crypto         MatrixSyncCrypto // nil: none
	user           id.UserID
	filter         string
	timelineFilter string // of filter, for gaps; empty: none
	log            *slog.Logger

	events  chan matrix.MatrixSyncEvent
	errors  chan error
	wake    chan struct{}
	health  *syncHealth
	metrics *syncMetrics

	ack       func(seq int64) error // of each event; nil without a store
	position  MatrixSyncPosition    // what is taken in
	tokens    syncTokens            // of the latest responses
	lookBack  string                // a trusted token: what came since is asked for next to the next response; empty: no need
	replaying bool                  // the server has forgotten the token: this is a new initial sync
	fullState bool                  // the client's state store is empty, though the sync goes on from a token
	quick     bool                  // ask for an answer at once: at the start and after a failure
	refused   int                   // times in a row that the server refused the token as one it doesn't know
	attempt   int                   // failures in a row
}

func newSyncService(cfg MatrixSyncServiceConfig, filter string) *syncService {
	s := &syncService{
		cfg: cfg, client: cfg.Client, store: cfg.Store, user: cfg.Client.UserID, filter: filter, log: cfg.Logger, quick: true,
		events: make(chan matrix.MatrixSyncEvent, cfg.ChannelBuffer),
		errors: make(chan error, syncErrorsKept),
		wake:   make(chan struct{}, 1),
		health: newSyncHealth(), metrics: newSyncMetrics(cfg),
	}
	if s.store == nil {
		s.store = newSyncMemory()
	}
	if cfg.Store != nil {
		s.ack = func(seq int64) error { return s.acknowledge([]int64{seq}) }
	}
	if cfg.Filter != nil && cfg.Filter.Room != nil && cfg.Filter.Room.Timeline != nil {
		timeline := *cfg.Filter.Room.Timeline
		timeline.Limit = 0                // pages have their own
		text, _ := json.Marshal(timeline) // went well as a part of the filter
		s.timelineFilter = string(text)
	}
	s.crypto, _ = cfg.Client.Crypto.(MatrixSyncCrypto)
	_, s.fullState = cfg.Client.StateStore.(*mautrix.MemoryStateStore)
	return s
}

// end is the last that the goroutine does.
func (s *syncService) end() {
	syncRunning.Delete(s.client)
	close(s.events)
	close(s.errors)
}

// run first delivers what an earlier process left, then syncs until ctx is
// done.
func (s *syncService) run(ctx context.Context) {
	s.fullState = s.fullState && s.position.Token != ""
	if s.redeliver(ctx) != nil || s.releaseKept(ctx, MatrixSessionKey{}) != nil {
		return // only ctx ends these
	}
	for ctx.Err() == nil {
		began := time.Now()
		timeout := s.cfg.PollTimeout
		if s.quick || s.position.Token == "" {
			timeout = 0
		}
		response, err := s.poll(ctx, mautrix.ReqSync{Since: s.position.Token, Timeout: int(timeout.Milliseconds()), FullState: s.fullState})
		if err != nil {
			s.failed(ctx, err)
			continue
		}
		s.quick = false
		var lookBack *syncResponse
		if s.lookBack != "" {
			if lookBack, err = s.askLookBack(ctx); err != nil {
				return
			}
		}
		if s.takeIn(ctx, response, lookBack) != nil {
			return
		}
		s.succeeded()
		floor := s.cfg.MinInterval
		if response.empty() && timeout > 0 && time.Since(began) < timeout/2 {
			floor = max(floor, syncEmptyFloor)
		}
		s.pause(ctx, floor-time.Since(began))
	}
}

// syncEmptyFloor is the least time between two polls when the server answers at
// once with nothing in it.
const syncEmptyFloor = time.Second

// failed waits after a failed poll, or turns to an initial sync where the
// server doesn't know the token.
func (s *syncService) failed(ctx context.Context, err error) {
	s.quick = true
	if interrupted(err) {
		s.distrust()
	}
	if s.position.Token == "" || !isUnknownSince(err) {
		s.refused = 0
	} else if s.refused++; s.refused == 2 { // once may be an accident in between, and a new initial sync is dear
		s.tell(&core.Error{
			Op: "matrix_sync_service", Message: "the server does not know the token any more", Err: matrix.MatrixError("", err),
		})
		s.position.Token, s.replaying, s.refused = "", true, 0
		s.tokens, s.lookBack = nil, ""
		return
	}
	s.fail(ctx, err)
}

// isUnknownSince reports whether an error is how servers refuse a since token.
// The specification names no code for it.
func isUnknownSince(err error) bool {
	answer, ok := errors.AsType[mautrix.RespError](err)
	if !ok || answer.StatusCode != http.StatusBadRequest {
		return false
	}
	switch answer.ErrCode {
	case "M_INVALID_PARAM", "M_UNKNOWN", "M_UNKNOWN_POS": // Dendrite and Synapse; older Synapse; sliding sync's
		return true
	}
	return false
}

// fail tells an error and waits before the next try.
func (s *syncService) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	credentials := isUnauthenticated(err)
	err = matrix.MatrixError("matrix_sync_service", err)
	s.tell(err)
	s.health.fail(err, credentials)
	delay := s.delay(err, credentials)
	s.log.Warn("matrix sync failed", "error", err, "failures", s.attempt+1, "retry_in", delay)
	s.attempt++
	s.pause(ctx, delay)
}

func (s *syncService) delay(err error, credentials bool) time.Duration {
	if credentials {
		return s.cfg.MaxBackoff
	}
	backoff := core.BackoffDelayConfig{Initial: s.cfg.InitialBackoff, Max: s.cfg.MaxBackoff}
	if coded, ok := errors.AsType[*core.Error](err); ok {
		backoff.Floor = coded.RetryAfter
	}
	return core.BackoffDelay(backoff, s.attempt, rand.Float64())
}

// isUnauthenticated says that other credentials are needed: any 401, whatever
// its code.
func isUnauthenticated(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return (ok && answer.IsStatus(http.StatusUnauthorized)) || errors.Is(err, mautrix.MUnknownToken)
}

func (s *syncService) succeeded() {
	if s.attempt > 0 {
		s.log.Info("matrix sync works again", "failures", s.attempt)
	}
	s.attempt, s.refused = 0, 0
	s.health.succeed()
	s.metrics.succeed()
}

// retry does something that a response can't be taken in without, until it is
// done. Only ctx ends it.
func (s *syncService) retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			s.attempt = 0
			return nil
		}
		s.fail(ctx, err)
	}
}

// pause waits, until Resume or the end of ctx at the latest.
func (s *syncService) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-ctx.Done():
	}
}

// syncErrorsKept is how many errors wait for who reads them.
const syncErrorsKept = 16

// tell puts an error on Errors, in the place of the oldest if need be.
func (s *syncService) tell(err error) {
	s.metrics.fail(err)
	for {
		select {
		case s.errors <- err:
			return
		default:
		}
		select {
		case <-s.errors:
		default:
		}
	}
}

func (s *syncService) acknowledge(seqs []int64) error {
	if len(seqs) == 0 || s.cfg.Store == nil {
		return nil
	}
	// Not the service's context: what was done is to be acknowledged after
	// Stop, too.
	return s.store.Acknowledge(context.Background(), seqs)
}
