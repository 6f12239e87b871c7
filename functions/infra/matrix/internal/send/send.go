// Package send has what each way out of the client shares: it checks events,
// and sends them once.
package send

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// Outgoing is an event to send. matrix.MatrixOutboxItem has the same fields.
type Outgoing struct {
	Room          id.RoomID
	Type          string
	Content       any
	TransactionID string // may be empty
}

// Check returns an event's content as JSON, or what is wrong with the event.
func Check(ctx context.Context, client *mautrix.Client, item Outgoing) (json.RawMessage, error) {
	switch {
	case !strings.HasPrefix(string(item.Room), "!") || len(item.Room) > ident.MaxBytes:
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "bad room ID " + ident.Clip(string(item.Room), 80),
			Hint:    "a room ID begins with !; look an alias up first",
		}
	case item.Type == "" || len(item.Type) > ident.MaxBytes:
		return nil, &core.Error{Code: core.CodeInvalid, Message: "bad event type " + ident.Clip(item.Type, 80)}
	case len(item.TransactionID) > ident.MaxBytes || strings.ContainsFunc(item.TransactionID, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }):
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "bad transaction ID " + ident.Clip(item.TransactionID, 80),
			Hint:    "up to 255 bytes without spaces and slashes",
		}
	}
	if client.Crypto != nil && client.StateStore == nil { // mautrix would panic
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "the client has Crypto and no StateStore",
			Hint:    "without one it can't tell which rooms are encrypted",
		}
	}
	content, err := JSON(item.Content)
	if err != nil {
		return nil, err
	}
	return content, checkSize(ctx, client, item.Room, item.Type, content)
}

// Once tries to send an event, once: mautrix' own retries read the Retry-After
// header alone.
func Once(
	ctx context.Context,
	client *mautrix.Client,
	room id.RoomID,
	eventType string,
	content json.RawMessage,
	transaction string,
) (id.EventID, error) {
	ctx = context.WithValue(ctx, mautrix.MaxAttemptsContextKey, 1)
	var resp *mautrix.RespSendEvent
	var err error
	if eventType == event.EventRedaction.Type {
		var redaction event.RedactionEventContent
		if err := json.Unmarshal(content, &redaction); err != nil || redaction.Redacts == "" {
			return "", &core.Error{
				Code:    core.CodeInvalid,
				Message: "a redaction that says not what it redacts",
				Err:     err,
			}
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

// NewTransaction returns a new transaction ID.
func NewTransaction() string { return "fn" + rand.Text() }

// StandIn names an event that is still in the queue.
func StandIn(transaction string) id.EventID { return id.EventID("~" + transaction) }

// WithOp names the operation of an error that names none.
func WithOp(op string, err error) error {
	if coded, ok := err.(*core.Error); ok && coded.Op == "" {
		copied := *coded
		copied.Op = op
		return &copied
	}
	return err
}

// IsDuplicateReaction reports whether a server refused a reaction since it is
// there already.
func IsDuplicateReaction(err error) bool {
	return errors.Is(err, mautrix.RespError{ErrCode: "M_DUPLICATE_ANNOTATION"})
}
