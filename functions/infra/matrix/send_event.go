package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// outgoing is an event to send, by whichever way.
type outgoing struct {
	op          string
	client      *mautrix.Client
	outbox      *MatrixOutboxHandle
	room        id.RoomID
	eventType   string
	content     any
	transaction string // default: a new one
}

// send is the one way out of the units that send: it checks the event and sends it, or puts it into the outbox.
func (o outgoing) send(ctx context.Context) (MatrixSent, error) {
	if o.outbox != nil {
		ids, err := o.outbox.Enqueue(ctx, MatrixOutboxItem{Room: o.room, Type: o.eventType, Content: o.content, TransactionID: o.transaction})
		if err != nil {
			return MatrixSent{}, withOp(o.op, err)
		}
		return MatrixSent{EventID: standIn(ids[0]), TransactionID: ids[0], Queued: true}, nil
	}
	if o.client == nil {
		return MatrixSent{}, &core.Error{Code: core.CodeInvalid, Op: o.op, Message: "no client and no outbox given"}
	}
	content, err := checkEvent(ctx, o.client, MatrixOutboxItem{Room: o.room, Type: o.eventType, Content: o.content, TransactionID: o.transaction})
	if err != nil {
		return MatrixSent{}, withOp(o.op, err)
	}
	if len(pendingTargets(content)) > 0 {
		return MatrixSent{}, &core.Error{Code: core.CodeInvalid, Op: o.op, Message: "an ID that begins with ~ names an event in an outbox", Hint: "send through that outbox"}
	}
	transaction := o.transaction
	if transaction == "" {
		transaction = newTransaction()
	}
	eventID, err := sendOnce(ctx, o.client, o.room, o.eventType, content, transaction)
	if err != nil {
		return MatrixSent{TransactionID: transaction}, MatrixError(o.op, err)
	}
	return MatrixSent{EventID: eventID, TransactionID: transaction}, nil
}

// checkEvent returns the content as JSON, or what is wrong with the item.
func checkEvent(ctx context.Context, client *mautrix.Client, item MatrixOutboxItem) (json.RawMessage, error) {
	switch {
	case !strings.HasPrefix(string(item.Room), "!") || len(item.Room) > maxIDBytes:
		return nil, &core.Error{Code: core.CodeInvalid, Message: "bad room ID " + clip(string(item.Room), 80), Hint: "a room ID begins with !; look an alias up first"}
	case item.Type == "" || len(item.Type) > maxIDBytes:
		return nil, &core.Error{Code: core.CodeInvalid, Message: "bad event type " + clip(item.Type, 80)}
	case len(item.TransactionID) > maxIDBytes || strings.ContainsFunc(item.TransactionID, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }):
		return nil, &core.Error{Code: core.CodeInvalid, Message: "bad transaction ID " + clip(item.TransactionID, 80), Hint: "up to 255 bytes without spaces and slashes"}
	}
	if client.Crypto != nil && client.StateStore == nil { // mautrix would panic
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the client has Crypto and no StateStore", Hint: "without one it can't tell which rooms are encrypted"}
	}
	content, err := marshalContent(item.Content)
	if err != nil {
		return nil, err
	}
	return content, checkEventSize(ctx, client, item.Room, item.Type, content)
}

// sendOnce tries to send an event, once: mautrix' own retries read the Retry-After header alone.
func sendOnce(ctx context.Context, client *mautrix.Client, room id.RoomID, eventType string, content json.RawMessage, transaction string) (id.EventID, error) {
	ctx = context.WithValue(ctx, mautrix.MaxAttemptsContextKey, 1)
	var resp *mautrix.RespSendEvent
	var err error
	if eventType == event.EventRedaction.Type {
		var redaction event.RedactionEventContent
		if err := json.Unmarshal(content, &redaction); err != nil || redaction.Redacts == "" {
			return "", &core.Error{Code: core.CodeInvalid, Message: "a redaction that says not what it redacts", Err: err}
		}
		resp, err = client.RedactEvent(ctx, room, redaction.Redacts, mautrix.ReqRedact{TxnID: transaction, Reason: redaction.Reason})
	} else {
		kind := event.Type{Type: eventType, Class: event.MessageEventType}
		resp, err = client.SendMessageEvent(ctx, room, kind, content, mautrix.ReqSendEvent{TransactionID: transaction})
	}
	if err != nil {
		return "", err
	}
	if resp == nil || resp.EventID == "" {
		return "", &core.Error{Code: core.CodeUnavailable, Message: "the server's answer has no event ID"}
	}
	return resp.EventID, nil
}

func newTransaction() string { return "fn" + rand.Text() }

// standIn names an event that is still in the queue.
func standIn(transaction string) id.EventID { return id.EventID("~" + transaction) }

// withOp names the operation of an error that names none.
func withOp(op string, err error) error {
	if coded, ok := err.(*core.Error); ok && coded.Op == "" {
		copied := *coded
		copied.Op = op
		return &copied
	}
	return err
}
