package matrixsync

import (
	"context"
	"math/rand/v2"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// MatrixSyncEach runs a [MatrixSyncService] and calls handle with each event,
// one after the other, until ctx ends or handle returns an error. An event that
// handle returned nil for is acknowledged, if need be after retries while the
// store is busy; the one it returned an error for is not, and with a Store
// comes again at the next start. What goes wrong with the server goes to
// cfg.Logger, and is tried again.
//
// Errors: handle's own, as it is; those of [MatrixSyncService]; the store's,
// unless it may pass; CodeConflict when another process has taken the store
// over ([ErrMatrixSyncTakenOver]), or its file was deleted or replaced; nil
// when ctx ended.
//
// More in matrix_sync_each.md:
//   - An event that handle always fails at ends each run: store what can't be
//     handled elsewhere, and return nil.
//   - Each event is acknowledged in a transaction of its own;
//     matrix_sync_service's Ack takes many in one, and an event's AckTx makes
//     it a part of handle's.
func MatrixSyncEach(
	ctx context.Context,
	cfg MatrixSyncServiceConfig,
	handle func(ctx context.Context, evt matrix.MatrixSyncEvent) error,
) error {
	if handle == nil {
		return &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_each", Message: "no handle given"}
	}
	service, err := MatrixSyncService(ctx, cfg)
	if err != nil {
		return err
	}
	defer service.Stop()
	for evt := range service.Events {
		if ctx.Err() != nil {
			return nil // those that are still in the channel come again
		}
		if err := service.Err(); err != nil {
			return err // those are for whoever has the store now
		}
		if err := handle(ctx, evt); err != nil {
			return err
		}
		if err := service.ackHandled(ctx, evt); err != nil {
			return err
		}
	}
	<-service.Done()
	return service.Err()
}

// ackWithin is how long one try to acknowledge may take: it may have to wait
// for a transaction.
const ackWithin = 30 * time.Second

// ackHandled acknowledges an event that was handled. A store that is busy is
// tried again until ctx or the service ends; the first try is made in any case.
func (h *MatrixSyncServiceHandle) ackHandled(ctx context.Context, evt matrix.MatrixSyncEvent) error {
	backoff := core.BackoffDelayConfig{Initial: h.sync.cfg.InitialBackoff, Max: h.sync.cfg.MaxBackoff}
	for attempt := 0; ; attempt++ {
		trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWithin)
		err := evt.Ack(trying)
		cancel()
		switch core.ErrorCode(err) {
		case core.CodeUnavailable, core.CodeTimeout, core.CodeLimited:
		default:
			return err
		}
		wait := core.BackoffDelay(backoff, attempt, rand.Float64())
		h.sync.log.Warn("matrix sync can't acknowledge", "error", err, "tries", attempt+1, "retry_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil // it comes again
		case <-h.Done():
			timer.Stop()
			return h.Err()
		}
	}
}
