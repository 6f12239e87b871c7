package matrixsync

import (
	"context"
	"database/sql"
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
	"fnregistry.dev/functions/infra/sqlite"
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

	began      time.Time          // when the service was started
	joinHidden bool               // the filter may keep the user's member events out of timelines
	position   MatrixSyncPosition // what is stored
	tokens     syncTokens         // of the latest responses
	lookBack   string             // a trusted token: what came since is asked for next to the next response; empty: no need
	replaying  bool               // the server has forgotten the token: this is a new initial sync
	fullState  bool               // the client's state store is empty, though the sync resumes from a token
	quick      bool               // ask for an answer at once: at the start and after a failure
	refused    int                // times in a row that the server refused the token as one it doesn't know
	resets     syncResets         // when a refused token was given up
	standing   int                // answers in a row that came at once, with the token of the one before
	attempt    int                // failures in a row
	lost       error              // why the store can't be used any more; nil: it can
}

func newSyncService(cfg MatrixSyncServiceConfig, filter string) *syncService {
	s := &syncService{
		cfg: cfg, client: cfg.Client, store: cfg.Store, user: cfg.Client.UserID, filter: filter, log: cfg.Logger, quick: true,
		began: time.Now(), joinHidden: joinHidden(cfg.Filter, cfg.Client.UserID),
		events: make(chan matrix.MatrixSyncEvent, cfg.ChannelBuffer),
		errors: make(chan error, syncErrorsKept),
		wake:   make(chan struct{}, 1),
		health: newSyncHealth(), metrics: newSyncMetrics(cfg),
	}
	if s.store == nil {
		s.store = newSyncMemory()
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
// done. It returns an error if the store is lost.
func (s *syncService) run(ctx context.Context) error {
	s.fullState = s.fullState && s.position.Token != ""
	if s.redeliver(ctx) != nil || s.releaseKept(ctx, MatrixSessionKey{}) != nil {
		return s.lost
	}
	for ctx.Err() == nil {
		began := time.Now()
		timeout := s.cfg.PollTimeout
		if s.quick || s.position.Token == "" {
			timeout = 0
		}
		since := s.position.Token
		request := mautrix.ReqSync{Since: since, Timeout: int(timeout.Milliseconds()), FullState: s.fullState}
		response, err := s.pollWatching(ctx, request)
		if s.lost != nil {
			return s.lost
		}
		if err != nil {
			s.failed(ctx, err)
			continue
		}
		s.quick = false
		took := time.Since(began)
		var lookBack *syncResponse
		if s.lookBack != "" {
			if lookBack, err = s.askLookBack(ctx); err != nil {
				return s.lost
			}
		}
		fresh, err := s.takeIn(ctx, response, lookBack)
		if err != nil {
			return s.lost
		}
		s.succeeded()
		s.pause(ctx, s.floor(response, since, timeout, took, fresh)-time.Since(began))
	}
	return nil
}

// syncIdleFloor is the least time between two polls when the server answers at
// once without news.
const syncIdleFloor = time.Second

// floor returns the least time from the start of a poll to that of the next. A
// server that answers at once, again and again, must not make the loop spin.
// One whose token stands still shows no progress, whatever it answers: it is
// asked more and more rarely.
func (s *syncService) floor(
	response *syncResponse, since string, timeout, took time.Duration, fresh int,
) time.Duration {
	least := s.cfg.MinInterval
	stands := response.NextBatch == since
	if timeout == 0 || took >= timeout/2 || (!stands && (fresh > 0 || response.forDevice())) {
		s.standing = 0
		return least
	}
	if !stands || took >= syncIdleFloor {
		s.standing = 0
		return max(least, syncIdleFloor)
	}
	backoff := core.BackoffDelayConfig{Initial: syncIdleFloor, Max: s.cfg.MaxBackoff, Floor: syncIdleFloor}
	s.standing++
	return max(least, core.BackoffDelay(backoff, s.standing-1, rand.Float64()))
}

// failed waits after a failed poll, or turns to an initial sync where the
// server doesn't know the token.
func (s *syncService) failed(ctx context.Context, err error) {
	s.quick = true
	if interrupted(err) {
		s.distrust()
	}
	if s.position.Token == "" || !isUnknownSince(err) {
		s.refused = 0
	} else if s.refused++; s.refused >= 2 && s.resets.allowed() { // once may be an accident, an initial sync is expensive
		s.resets.add()
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

// fail reports an error and waits before the next try.
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

// retry does something that a response can't be stored without, until it is
// done. Only ctx ends it, and the loss of the store.
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
		if losesStore(err) {
			s.lose(err)
			return err
		}
		s.fail(ctx, err)
	}
}

// losesStore reports whether an error means that no retry helps: another
// service has the store, or its file is gone, or that of the keys.
func losesStore(err error) bool {
	return errors.Is(err, ErrMatrixSyncTakenOver) || errors.Is(err, sqlite.ErrSQLiteFileLost)
}

// lose notes why the service ends.
func (s *syncService) lose(err error) {
	s.lost = matrix.MatrixError("matrix_sync_service", err)
	s.tell(s.lost)
	s.health.fail(s.lost, false)
	s.log.Error("matrix sync ends", "error", s.lost)
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

// syncErrorsKept is how many errors wait for a reader.
const syncErrorsKept = 16

// tell puts an error on Errors, in place of the oldest if it is full.
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

// acknowledgerTx is a store that can acknowledge within a transaction of its
// caller.
type acknowledgerTx interface {
	AcknowledgeTx(ctx context.Context, tx *sql.Tx, seqs []int64) error
}

var _ acknowledgerTx = (*MatrixSyncStoreHandle)(nil)

// acknowledge acknowledges events in the store, within tx unless that is nil.
func (s *syncService) acknowledge(ctx context.Context, tx *sql.Tx, seqs []int64) error {
	switch {
	case len(seqs) == 0 || s.cfg.Store == nil:
		return nil
	case tx == nil:
		return s.cfg.Store.Acknowledge(ctx, seqs)
	}
	store, ok := s.cfg.Store.(acknowledgerTx)
	if !ok {
		return &core.Error{
			Code: core.CodeUnsupported, Op: "matrix_sync_service acknowledge", Message: "this store takes no transaction",
			Hint: "use Ack, after the commit",
		}
	}
	return store.AcknowledgeTx(ctx, tx, seqs)
}

func (s *syncService) acknowledgeOne(ctx context.Context, tx *sql.Tx, seq int64) error {
	return s.acknowledge(ctx, tx, []int64{seq})
}
