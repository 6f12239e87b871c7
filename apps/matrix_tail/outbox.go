package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// queueFile is the send queue on disk.
type queueFile struct {
	*matrixoutbox.MatrixOutboxQueueHandle
	db *sqliteopen.SQLiteOpenHandle
}

// openQueue needs neither a login nor a network.
func openQueue(ctx context.Context, s *settings) (*queueFile, error) {
	if err := checkUser(s); err != nil {
		return nil, err
	}
	db, err := openState(ctx, s)
	if err != nil {
		return nil, err
	}
	cfg := matrixoutbox.MatrixOutboxQueueConfig{DB: db.Writer, UserID: id.UserID(s.User)}
	queue, err := matrixoutbox.MatrixOutboxQueue(ctx, cfg)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &queueFile{queue, db}, nil
}

func (q *queueFile) close() { q.db.Close() }

// parked is what the outbox calls aside.
const parked = "aside"

// unsent are the parked items and those that wait.
func (q *queueFile) unsent(ctx context.Context) ([]matrixoutbox.MatrixOutboxEntry, error) {
	entries, err := q.Entries(ctx, parked, 0)
	if err != nil {
		return nil, err
	}
	queued, err := q.Entries(ctx, "queued", 0)
	return append(entries, queued...), err
}

// queuedResult is printed as JSON.
type queuedResult struct {
	TransactionID string    `json:"transaction_id"`
	State         string    `json:"state"` // queued or parked
	RoomID        id.RoomID `json:"room_id"`
	Type          string    `json:"type"`
	Body          string    `json:"body,omitempty"`
	Time          time.Time `json:"time"`
	Tries         int       `json:"tries"`
	MaybeSent     bool      `json:"maybe_sent,omitempty"`
	Error         string    `json:"error,omitempty"`
}

func outbox(ctx context.Context, c call, _ *settings) error {
	queue, err := openQueue(ctx, c.Settings)
	if err != nil {
		return err
	}
	defer queue.close()
	entries, err := queue.unsent(ctx)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := show(c, queuedLine(entry), resultOf(entry)); err != nil {
			return err
		}
	}
	return nil
}

func resultOf(entry matrixoutbox.MatrixOutboxEntry) queuedResult {
	return queuedResult{
		TransactionID: entry.TransactionID, State: stateOf(entry), RoomID: entry.Room,
		Type: entry.Type, Body: bodyOf(entry), Time: entry.Enqueued, Tries: entry.Tries, MaybeSent: maybeSent(entry), Error: entry.Error,
	}
}

func stateOf(entry matrixoutbox.MatrixOutboxEntry) string {
	if entry.State == parked {
		return "parked"
	}
	return entry.State
}

// maybeSent reports whether a parked item may have arrived. One that waits is
// found out about before it is sent again.
func maybeSent(entry matrixoutbox.MatrixOutboxEntry) bool {
	return entry.State == parked && entry.Uncertain
}

func bodyOf(entry matrixoutbox.MatrixOutboxEntry) string {
	return gjson.GetBytes(entry.Content, "body").String()
}

func queuedLine(entry matrixoutbox.MatrixOutboxEntry) string {
	line := fmt.Sprintf("%s  %s  %s  %s  %s", entry.Enqueued.Local().Format("2006-01-02 15:04:05"), stateOf(entry),
		core.TerminalText(entry.TransactionID), core.TerminalText(string(entry.Room)), queuedText(entry))
	if maybeSent(entry) {
		line += "  (may have been sent)"
	}
	if entry.Error != "" {
		line += "  error: " + core.TerminalText(entry.Error)
	}
	return line
}

// queuedText says shortly what an item is.
func queuedText(entry matrixoutbox.MatrixOutboxEntry) string {
	text := []rune(core.TerminalText(bodyOf(entry)))
	if len(text) == 0 {
		text = []rune(core.TerminalText(entry.Type))
	}
	const most = 60
	if len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return string(text)
}

// retry puts parked items back, and waits until they are sent.
func retry(ctx context.Context, c call, _ *settings) error {
	transactions, err := requeue(ctx, c)
	if err != nil || len(transactions) == 0 {
		return err
	}
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	p := &post{session: s}
	for _, entry := range transactions {
		p.own.add(entry.TransactionID)
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	defer p.stop(context.WithoutCancel(ctx))
	var failed error
	for _, entry := range transactions {
		p.room = entry.Room
		if err := p.wait(ctx, entry.TransactionID); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// requeue returns the items that it put back: those that are named, or all.
func requeue(ctx context.Context, c call) ([]matrixoutbox.MatrixOutboxEntry, error) {
	queue, err := openQueue(ctx, c.Settings)
	if err != nil {
		return nil, err
	}
	defer queue.close()
	aside, err := queue.Entries(ctx, parked, 0)
	if err != nil {
		return nil, err
	}
	if len(c.Args) > 0 {
		if aside, err = named(aside, c.Args); err != nil {
			return nil, err
		}
	}
	transactions := make([]string, len(aside))
	for i, entry := range aside {
		transactions[i] = entry.TransactionID
	}
	if len(transactions) == 0 {
		return nil, nil
	}
	_, err = queue.Retry(ctx, transactions...)
	return aside, err
}

// named are the entries of these transactions, which must all be there.
func named(entries []matrixoutbox.MatrixOutboxEntry, transactions []string) ([]matrixoutbox.MatrixOutboxEntry, error) {
	known := map[string]matrixoutbox.MatrixOutboxEntry{}
	for _, entry := range entries {
		known[entry.TransactionID] = entry
	}
	var found []matrixoutbox.MatrixOutboxEntry
	for _, transaction := range transactions {
		entry, ok := known[transaction]
		if !ok {
			return nil, &core.Error{
				Code: core.CodeNotFound, Message: "there is no such message: " + core.TerminalText(transaction),
				Hint: "matrix_tail outbox lists them",
			}
		}
		found = append(found, entry)
	}
	return found, nil
}

func drop(ctx context.Context, c call, _ *settings) error {
	queue, err := openQueue(ctx, c.Settings)
	if err != nil {
		return err
	}
	defer queue.close()
	entries, err := queue.unsent(ctx)
	if err != nil {
		return err
	}
	dropped, err := named(entries, c.Args)
	if err != nil {
		return err
	}
	if _, err := queue.Drop(ctx, c.Args...); err != nil {
		return err
	}
	for _, entry := range dropped {
		if err := show(c, "dropped "+core.TerminalText(entry.TransactionID), resultOf(entry)); err != nil {
			return err
		}
	}
	return nil
}
