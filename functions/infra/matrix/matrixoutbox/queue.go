package matrixoutbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// Enqueue puts items into the queue, all of them or, with an error, none, and
// returns their transaction IDs in the same order. When it returns they are on
// disk. An item whose transaction ID the outbox has had is not put in again.
//
// Errors: CodeInvalid for an item that makes no event, CodeTooLarge for one
// over 65,536 bytes, CodeConflict for a transaction ID that belongs to an event
// of another room or type, what sqlite_error gives for the database.
func (h *MatrixOutboxHandle) Enqueue(ctx context.Context, items ...matrix.MatrixOutboxItem) ([]string, error) {
	const op = "matrix_outbox enqueue"
	prepared, err := h.prepare(ctx, items)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	if err := h.store.enqueue(ctx, prepared); err != nil {
		return nil, send.WithOp(op, err)
	}
	h.sender.wake(roomsOf(items))
	return transactionIDs(prepared), nil
}

// EnqueueTx is [MatrixOutboxHandle.Enqueue] within a transaction of the caller
// on the same database: the items are sent if it commits, and only then. Call
// Wake after the commit, or they wait for up to a Poll.
func (h *MatrixOutboxHandle) EnqueueTx(
	ctx context.Context,
	tx *sql.Tx,
	items ...matrix.MatrixOutboxItem,
) ([]string, error) {
	const op = "matrix_outbox enqueue"
	prepared, err := h.prepare(ctx, items)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	if err := h.store.insert(ctx, tx, prepared); err != nil {
		return nil, send.WithOp(op, err)
	}
	if err := h.store.file.Check(); err != nil {
		return nil, err
	}
	return transactionIDs(prepared), nil
}

// preparedItem is an item that was found good.
type preparedItem struct {
	matrix.MatrixOutboxItem
	content []byte
}

func (h *MatrixOutboxHandle) prepare(ctx context.Context, items []matrix.MatrixOutboxItem) ([]preparedItem, error) {
	prepared := make([]preparedItem, len(items))
	for i, item := range items {
		content, err := send.Check(ctx, h.client, send.Outgoing(item))
		if err != nil {
			return nil, err
		}
		if item.TransactionID == "" {
			item.TransactionID = send.NewTransaction()
		}
		prepared[i] = preparedItem{item, content}
	}
	return prepared, nil
}

func transactionIDs(items []preparedItem) []string {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.TransactionID
	}
	return ids
}

func roomsOf(items []matrix.MatrixOutboxItem) []id.RoomID {
	rooms := make([]id.RoomID, 0, 1)
	for _, item := range items {
		if !slices.Contains(rooms[max(0, len(rooms)-64):], item.Room) { // one too many is harmless
			rooms = append(rooms, item.Room)
		}
	}
	return rooms
}

// Wake looks at once for what EnqueueTx has put in, and ends waits for
// credentials and for a server that was down.
func (h *MatrixOutboxHandle) Wake(ctx context.Context) error {
	rooms, _, err := h.store.roomsAfter(ctx, 0)
	if err != nil {
		return send.WithOp("matrix_outbox wake", err)
	}
	h.sender.gate.works()
	h.sender.wake(rooms)
	return nil
}

// MatrixOutboxStatus is how an outbox stands.
type MatrixOutboxStatus struct {
	Queued           int           // items that wait to be sent, the ones under way among them
	Rooms            int           // in how many rooms
	Aside            int           // items that were set aside
	Oldest           time.Duration // age of the oldest queued item; 0 where there is none
	NeedsCredentials bool          // the server refuses the account: give the client new credentials
	Failures         int           // tries that failed, in all rooms, since an item was last sent
	Err              error         // the last of these; nil: none
}

// Status returns how the outbox stands.
func (h *MatrixOutboxHandle) Status(ctx context.Context) (MatrixOutboxStatus, error) {
	status, err := h.store.status(ctx)
	if err != nil {
		return status, send.WithOp("matrix_outbox status", err)
	}
	status.NeedsCredentials = h.sender.gate.needsCredentials()
	status.Failures, status.Err = h.sender.failing()
	return status, nil
}

// MatrixOutboxEntry is an item as the outbox has it.
type MatrixOutboxEntry struct {
	Room          id.RoomID
	Type          string
	TransactionID string
	Content       json.RawMessage // as it was put in; empty once it is sent
	State         string          // queued, sent or aside
	Uncertain     bool            // it may have been sent, and nobody knows yet
	EventID       id.EventID      // of a sent one
	Tries         int
	Error         string    // why the last try failed
	Enqueued      time.Time // when it was put in
	Next          time.Time // when it is tried next; zero while that is not known: behind others of its room, or being tried
}

// Entries returns the items of a state, in the order in which they were put in,
// at most limit (0: 1000).
func (h *MatrixOutboxHandle) Entries(ctx context.Context, state string, limit int) ([]MatrixOutboxEntry, error) {
	entries, err := h.store.entriesNamed(ctx, state, limit)
	for i := range entries {
		h.setNext(&entries[i])
	}
	return entries, send.WithOp("matrix_outbox entries", err)
}

// Entry returns an item. CodeNotFound: it was never put in, was dropped, or was
// sent and is forgotten.
func (h *MatrixOutboxHandle) Entry(ctx context.Context, transaction string) (MatrixOutboxEntry, error) {
	const op = "matrix_outbox entry"
	entry, found, err := h.store.entry(ctx, transaction)
	if err == nil && !found {
		err = &core.Error{Code: core.CodeNotFound, Message: "there is no item " + ident.Clip(transaction, 80)}
	}
	if err != nil {
		return entry, send.WithOp(op, err)
	}
	h.setNext(&entry)
	return entry, nil
}

// setNext says when a queued item is tried next.
func (h *MatrixOutboxHandle) setNext(e *MatrixOutboxEntry) {
	if e.State == stateQueued.String() {
		e.Next = h.sender.nextTry(e.Room, e.TransactionID)
	}
}

// Retry puts items that were set aside back to their old place in the queue:
// those named, or all. It returns how many.
func (h *MatrixOutboxHandle) Retry(ctx context.Context, transactions ...string) (int, error) {
	n, err := h.store.requeue(ctx, transactions)
	if err != nil {
		return n, send.WithOp("matrix_outbox retry", err)
	}
	return n, h.Wake(ctx)
}

// Drop takes items out, whether they are queued or set aside, and returns how
// many. One that is under way may be sent nevertheless. What refers to a
// dropped item is set aside when its turn comes.
func (h *MatrixOutboxHandle) Drop(ctx context.Context, transactions ...string) (int, error) {
	if len(transactions) == 0 {
		return 0, nil
	}
	n, err := h.store.remove(ctx, transactions)
	for _, txn := range transactions {
		h.waiters.notify(txn)
	}
	return n, send.WithOp("matrix_outbox drop", err)
}

// Wait waits until an item is sent, and returns its event ID; it returns the
// reason where it was set aside (errors.As finds a *MatrixOutboxAside),
// CodeNotFound where it was dropped, CodeUnavailable when the outbox ends
// before.
func (h *MatrixOutboxHandle) Wait(ctx context.Context, transaction string) (id.EventID, error) {
	for {
		news, ended := h.waiters.add(transaction) // before looking, so that nothing happens in between
		eventID, decided, err := h.result(ctx, transaction)
		if decided || ended {
			h.waiters.remove(transaction, news)
		}
		switch {
		case decided:
			return eventID, send.WithOp("matrix_outbox wait", err)
		case ended:
			return "", &core.Error{
				Code:    core.CodeUnavailable,
				Op:      "matrix_outbox wait",
				Message: "the outbox has ended; the item stays in the queue",
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			h.waiters.remove(transaction, news)
			return "", &core.Error{Code: core.ErrorCode(ctx.Err()), Op: "matrix_outbox wait", Err: ctx.Err()}
		}
	}
}

// result returns what became of an item. It is not decided as long as the item
// is queued.
func (h *MatrixOutboxHandle) result(
	ctx context.Context,
	transaction string,
) (eventID id.EventID, decided bool, err error) {
	entry, err := h.Entry(ctx, transaction)
	if err != nil {
		return "", true, err
	}
	switch entry.State {
	case stateQueued.String():
		return "", false, nil
	case stateSent.String():
		return entry.EventID, true, nil
	}
	cause := &MatrixOutboxAside{
		Room:          entry.Room,
		TransactionID: transaction,
		Uncertain:     entry.Uncertain,
		Err:           errors.New(entry.Error),
	}
	return "", true, &core.Error{Code: core.CodeConflict, Err: cause}
}

// Observe takes note of own events that a sync delivers: one whose transaction
// ID belongs to an item that was under way need not be looked for. It is a
// help, not needed: without it the outbox finds out by itself.
func (h *MatrixOutboxHandle) Observe(ctx context.Context, events ...matrix.MatrixSyncEvent) error {
	for _, evt := range events {
		if evt.TransactionID == "" || evt.EventID == "" || evt.Sender != h.client.UserID {
			continue
		}
		if err := h.store.observed(ctx, evt.RoomID, evt.TransactionID, evt.EventID); err != nil {
			return send.WithOp("matrix_outbox observe", err)
		}
		h.waiters.notify(evt.TransactionID)
	}
	return nil
}
