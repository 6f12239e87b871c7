package matrixoutbox

import (
	"context"
	"database/sql"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixOutboxQueueConfig says whose queue is looked at.
type MatrixOutboxQueueConfig struct {
	DB     *sql.DB   // that of the outbox; stays open; required
	UserID id.UserID // the outbox's account; required
}

// MatrixOutboxQueueHandle is the queue of an outbox, seen from outside. It
// needs no closing. Its methods may be called by several goroutines.
type MatrixOutboxQueueHandle struct {
	store *store
}

// MatrixOutboxQueue opens the queue of a [MatrixOutbox] to look at it and to
// change it, without sending anything and without a network: for a command
// beside the program that sends, which goes on. Where no outbox ever was, the
// queue is empty.
//
// Errors: CodeInvalid for a bad config, and what sqlite_error gives for the
// database.
//
// More in matrix_outbox_queue.md:
//   - What Retry puts back is sent by the outbox that runs, within a Poll, or
//     by the next one.
//   - An item that is being sent may be dropped and sent nevertheless.
func MatrixOutboxQueue(ctx context.Context, cfg MatrixOutboxQueueConfig) (*MatrixOutboxQueueHandle, error) {
	const op = "matrix_outbox_queue"
	switch {
	case cfg.DB == nil:
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no DB given"}
	case !ident.IsUser(cfg.UserID):
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no UserID given: it is @name:server"}
	}
	store, err := openStore(ctx, cfg.DB, string(cfg.UserID))
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	return &MatrixOutboxQueueHandle{store: store}, nil
}

// Entries returns the items of a state (queued, sent or aside), in the order in
// which they were put in, at most limit (0: 1000). Next is always zero.
func (h *MatrixOutboxQueueHandle) Entries(ctx context.Context, state string, limit int) ([]MatrixOutboxEntry, error) {
	entries, err := h.store.entriesNamed(ctx, state, limit)
	return entries, send.WithOp("matrix_outbox_queue entries", err)
}

// Retry puts items that were set aside back to their old place in the queue:
// those named, or all. It returns how many.
func (h *MatrixOutboxQueueHandle) Retry(ctx context.Context, transactions ...string) (int, error) {
	n, err := h.store.requeue(ctx, transactions)
	return n, send.WithOp("matrix_outbox_queue retry", err)
}

// Drop takes items out, whether they are queued or set aside, and returns how
// many.
func (h *MatrixOutboxQueueHandle) Drop(ctx context.Context, transactions ...string) (int, error) {
	n, err := h.store.remove(ctx, transactions)
	return n, send.WithOp("matrix_outbox_queue drop", err)
}
