package matrixoutbox

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
	"fnregistry.dev/functions/infra/sqlite"
)

// Enqueue puts items into the queue, all of them or, with an error, none, and returns their transaction IDs in the same
// order. When it returns they are on disk. An item whose transaction ID the outbox has had is not put in again.
//
// Errors: CodeInvalid for an item that makes no event, CodeTooLarge for one over 65,536 bytes, CodeConflict for a
// transaction ID that belongs to an event of another room or type, what sqlite_error gives for the database.
func (h *MatrixOutboxHandle) Enqueue(ctx context.Context, items ...matrix.MatrixOutboxItem) ([]string, error) {
	const op = "matrix_outbox enqueue"
	prepared, err := h.prepare(ctx, items)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	tx, err := h.store.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, sqlite.SQLiteError(op, err)
	}
	defer tx.Rollback()
	ids, err := h.insert(ctx, tx, prepared)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	if err := tx.Commit(); err != nil {
		return nil, sqlite.SQLiteError(op, err)
	}
	h.wakeRooms(roomsOf(items))
	return ids, nil
}

// EnqueueTx is [MatrixOutboxHandle.Enqueue] within a transaction of the caller on the same database: the items are sent
// if it commits, and only then. Call Wake after the commit, or they wait for up to a Poll.
func (h *MatrixOutboxHandle) EnqueueTx(ctx context.Context, tx *sql.Tx, items ...matrix.MatrixOutboxItem) ([]string, error) {
	const op = "matrix_outbox enqueue"
	prepared, err := h.prepare(ctx, items)
	if err != nil {
		return nil, send.WithOp(op, err)
	}
	ids, err := h.insert(ctx, tx, prepared)
	return ids, send.WithOp(op, err)
}

// preparedItem is an item that was found good.
type preparedItem struct {
	matrix.MatrixOutboxItem
	content []byte
}

func (h *MatrixOutboxHandle) prepare(ctx context.Context, items []matrix.MatrixOutboxItem) ([]preparedItem, error) {
	prepared := make([]preparedItem, len(items))
	for i, item := range items {
		content, err := send.Check(ctx, h.cfg.Client, send.Outgoing(item))
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

func (h *MatrixOutboxHandle) insert(ctx context.Context, tx *sql.Tx, items []preparedItem) ([]string, error) {
	if err := h.store.insert(ctx, tx, items); err != nil {
		return nil, err
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.TransactionID
	}
	return ids, nil
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

// Wake looks at once for what EnqueueTx has put in, and ends waits for credentials and for a server that was down.
func (h *MatrixOutboxHandle) Wake(ctx context.Context) error {
	rooms, _, err := h.store.roomsAfter(ctx, 0)
	if err != nil {
		return send.WithOp("matrix_outbox wake", err)
	}
	h.mu.Lock()
	if h.locked {
		h.until, h.locked = time.Time{}, false
	}
	h.signal()
	h.mu.Unlock()
	h.wakeRooms(rooms)
	return nil
}

// MatrixOutboxStatus is how an outbox stands.
type MatrixOutboxStatus struct {
	Queued           int           // items that wait to be sent, the ones under way among them
	Rooms            int           // in how many rooms
	Aside            int           // items that were set aside
	Oldest           time.Duration // age of the oldest queued item; 0 where there is none
	NeedsCredentials bool          // the server refuses the account: give the client new credentials
}

// Status tells how the outbox stands.
func (h *MatrixOutboxHandle) Status(ctx context.Context) (MatrixOutboxStatus, error) {
	const query = `SELECT count(*), count(DISTINCT room), coalesce(min(enqueued_at), 0),
(SELECT count(*) FROM matrix_outbox WHERE account = ?1 AND state = 2) FROM matrix_outbox WHERE account = ?1 AND state = 0`
	var status MatrixOutboxStatus
	var oldest int64
	err := h.store.db.QueryRowContext(ctx, query, h.account).Scan(&status.Queued, &status.Rooms, &oldest, &status.Aside)
	if err != nil {
		return status, sqlite.SQLiteError("matrix_outbox status", err)
	}
	if oldest > 0 {
		status.Oldest = max(0, time.Since(time.UnixMilli(oldest)))
	}
	h.mu.Lock()
	status.NeedsCredentials = h.locked
	h.mu.Unlock()
	return status, nil
}

// MatrixOutboxEntry is an item as the outbox has it.
type MatrixOutboxEntry struct {
	Room          id.RoomID
	Type          string
	TransactionID string
	State         string     // queued, sent or aside
	Uncertain     bool       // it may have been sent, and nobody knows yet
	EventID       id.EventID // of a sent one
	Tries         int
	Error         string    // why the last try failed
	Enqueued      time.Time // when it was put in
	Next          time.Time // when it is tried next; zero while that is not known: behind others of its room, or being tried
}

var outboxStates = []string{outboxQueued: "queued", outboxSent: "sent", outboxAside: "aside"}

// Entries returns the items of a state, in the order in which they were put in, at most limit (0: 1000).
func (h *MatrixOutboxHandle) Entries(ctx context.Context, state string, limit int) ([]MatrixOutboxEntry, error) {
	const op = "matrix_outbox entries"
	number := slices.Index(outboxStates, state)
	if number < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "there is no state " + ident.Clip(state, 40), Hint: "there are queued, sent and aside"}
	}
	if limit <= 0 {
		limit = 1000
	}
	return h.entries(ctx, op, "state = ? ORDER BY seq LIMIT ?", number, limit)
}

// Entry returns an item. CodeNotFound: it was never put in, was dropped, or was sent and is forgotten.
func (h *MatrixOutboxHandle) Entry(ctx context.Context, transaction string) (MatrixOutboxEntry, error) {
	const op = "matrix_outbox entry"
	found, err := h.entries(ctx, op, "txn = ?", transaction)
	if err == nil && len(found) == 0 {
		err = &core.Error{Code: core.CodeNotFound, Op: op, Message: "there is no item " + ident.Clip(transaction, 80)}
	}
	if err != nil {
		return MatrixOutboxEntry{}, err
	}
	return found[0], nil
}

func (h *MatrixOutboxHandle) entries(ctx context.Context, op, where string, args ...any) ([]MatrixOutboxEntry, error) {
	query := "SELECT room, type, txn, state, uncertain, event_id, tries, error, enqueued_at FROM matrix_outbox WHERE account = ? AND " + where
	rows, err := h.store.db.QueryContext(ctx, query, append([]any{h.account}, args...)...)
	if err != nil {
		return nil, sqlite.SQLiteError(op, err)
	}
	defer rows.Close()
	var entries []MatrixOutboxEntry
	for rows.Next() {
		var e MatrixOutboxEntry
		var state int
		var enqueued int64
		if err := rows.Scan(&e.Room, &e.Type, &e.TransactionID, &state, &e.Uncertain, &e.EventID, &e.Tries, &e.Error, &enqueued); err != nil {
			return nil, sqlite.SQLiteError(op, err)
		}
		e.State, e.Enqueued = outboxStates[state], time.UnixMilli(enqueued)
		e.Next = h.nextTry(e)
		entries = append(entries, e)
	}
	return entries, sqlite.SQLiteError(op, rows.Err())
}

// nextTry returns when a queued item is tried next, zero if it does not wait.
func (h *MatrixOutboxHandle) nextTry(e MatrixOutboxEntry) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state := h.rooms[e.Room]; state != nil && e.State == "queued" && state.waiting == e.TransactionID {
		return state.next
	}
	return time.Time{}
}

// Retry puts items that were set aside back to their old place in the queue: those named, or all. It returns how many.
func (h *MatrixOutboxHandle) Retry(ctx context.Context, transactions ...string) (int, error) {
	n, err := h.change(ctx, "UPDATE matrix_outbox SET state = 0, tries = 0, done_at = 0 WHERE account = ? AND state = 2", transactions)
	if err != nil {
		return n, send.WithOp("matrix_outbox retry", err)
	}
	return n, h.Wake(ctx)
}

// Drop takes items out, whether they are queued or set aside, and returns how many. One that is under way may be sent
// nevertheless. What refers to a dropped item is set aside when its turn comes.
func (h *MatrixOutboxHandle) Drop(ctx context.Context, transactions ...string) (int, error) {
	if len(transactions) == 0 {
		return 0, nil
	}
	n, err := h.change(ctx, "DELETE FROM matrix_outbox WHERE account = ? AND state <> 1", transactions)
	for _, txn := range transactions {
		h.notify(txn)
	}
	return n, send.WithOp("matrix_outbox drop", err)
}

func (h *MatrixOutboxHandle) change(ctx context.Context, statement string, transactions []string) (int, error) {
	if len(transactions) == 0 {
		result, err := h.store.db.ExecContext(ctx, statement, h.account)
		if err != nil {
			return 0, sqlite.SQLiteError("", err)
		}
		n, err := result.RowsAffected()
		return int(n), sqlite.SQLiteError("", err)
	}
	tx, err := h.store.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, sqlite.SQLiteError("", err)
	}
	defer tx.Rollback()
	total := int64(0)
	for _, txn := range transactions {
		result, err := tx.ExecContext(ctx, statement+" AND txn = ?", h.account, txn)
		if err != nil {
			return 0, sqlite.SQLiteError("", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, sqlite.SQLiteError("", err)
		}
		total += n
	}
	return int(total), sqlite.SQLiteError("", tx.Commit())
}

// Wait waits until an item is sent, and returns its event ID; it returns the reason where it was set aside (errors.As
// finds a *MatrixOutboxAside), CodeNotFound where it was dropped, CodeUnavailable when the outbox ends before.
func (h *MatrixOutboxHandle) Wait(ctx context.Context, transaction string) (id.EventID, error) {
	const op = "matrix_outbox wait"
	for {
		news := make(chan struct{}) // asked for before looking, so that nothing happens in between
		h.mu.Lock()
		closed := h.closed
		if !closed {
			h.waiters[transaction] = append(h.waiters[transaction], news)
		}
		h.mu.Unlock()
		entry, err := h.Entry(ctx, transaction)
		if err != nil || entry.State != "queued" || closed {
			h.forget(transaction, news)
			switch {
			case err != nil:
				return "", send.WithOp(op, err)
			case entry.State == "sent":
				return entry.EventID, nil
			case entry.State == "queued":
				return "", &core.Error{Code: core.CodeUnavailable, Op: op, Message: "the outbox has ended; the item stays in the queue"}
			}
			cause := &MatrixOutboxAside{Room: entry.Room, TransactionID: transaction, Uncertain: entry.Uncertain, Err: errors.New(entry.Error)}
			return "", &core.Error{Code: core.CodeConflict, Op: op, Err: cause}
		}
		select {
		case <-news:
		case <-ctx.Done():
			h.forget(transaction, news)
			return "", &core.Error{Code: core.ErrorCode(ctx.Err()), Op: op, Err: ctx.Err()}
		}
	}
}

func (h *MatrixOutboxHandle) forget(transaction string, news chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := slices.DeleteFunc(h.waiters[transaction], func(w chan struct{}) bool { return w == news })
	if len(left) == 0 {
		delete(h.waiters, transaction)
	} else {
		h.waiters[transaction] = left
	}
}

// notify wakes who waits for an item.
func (h *MatrixOutboxHandle) notify(transaction string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.waiters[transaction] {
		close(w)
	}
	delete(h.waiters, transaction)
}

// Observe takes note of own events that a sync delivers: one whose transaction ID belongs to an item that was under way
// need not be looked for. It is a help, not needed: without it the outbox finds out by itself.
func (h *MatrixOutboxHandle) Observe(ctx context.Context, events ...matrix.MatrixSyncEvent) error {
	for _, evt := range events {
		if evt.TransactionID == "" || evt.EventID == "" || evt.Sender != h.cfg.Client.UserID {
			continue
		}
		const statement = "UPDATE matrix_outbox SET state = 1, event_id = ?, done_at = ?, content = '', error = '', uncertain = 0 WHERE account = ? AND txn = ? AND room = ? AND state <> 1 AND tries > 0"
		err := h.store.exec(ctx, statement, string(evt.EventID), time.Now().UnixMilli(), h.account, evt.TransactionID, string(evt.RoomID))
		if err != nil {
			return send.WithOp("matrix_outbox observe", err)
		}
		h.notify(evt.TransactionID)
	}
	return nil
}
