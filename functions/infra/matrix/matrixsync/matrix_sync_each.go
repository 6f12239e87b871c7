package matrixsync

import (
	"context"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// MatrixSyncEach runs a [MatrixSyncService] and calls handle with each event,
// one after the other, until ctx ends or handle returns an error. An event that
// handle returned nil for is acknowledged; the one it returned an error for is
// not, and with a Store comes again at the next start. What goes wrong with the
// server goes to cfg.Logger, and is tried again.
//
// Errors: handle's own, as it is; those of [MatrixSyncService] and of the
// store; nil when ctx ended.
//
// More in matrix_sync_each.md:
//   - An event that handle always fails at ends each run: store what can't be
//     handled elsewhere, and return nil.
//   - Each event is acknowledged in a transaction of its own;
//     matrix_sync_service's Ack takes many in one.
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
		if err := handle(ctx, evt); err != nil {
			return err
		}
		if err := evt.Ack(); err != nil {
			return err
		}
	}
	return nil
}
