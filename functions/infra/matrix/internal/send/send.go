// Package send has what each way out of the client shares: it checks events,
// and sends them once.
package send

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/redirect"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
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
	if err := CheckCleartext(ctx, client, item.Room, item.Type, content); err != nil {
		return nil, err
	}
	return content, checkSize(ctx, client, item.Room, item.Type, content)
}

// Once tries to send an event, once: mautrix' own retries read the Retry-After
// header alone. It is the only way out for what users write: CheckCleartext
// holds for it also where the room was encrypted after [Check]. An error of
// what comes before the request, such as the encryption, is an [*unsent.Error].
// via makes the request.
func Once(
	ctx context.Context,
	client *mautrix.Client,
	via *http.Client,
	room id.RoomID,
	eventType string,
	content json.RawMessage,
	transaction string,
) (id.EventID, error) {
	if err := CheckCleartext(ctx, client, room, eventType, content); err != nil {
		return "", &unsent.Error{Err: err}
	}
	ctx = context.WithValue(ctx, mautrix.MaxAttemptsContextKey, 1)
	path, body, err := request(ctx, client, room, eventType, content, transaction)
	if err != nil {
		return "", &unsent.Error{Err: err}
	}
	var resp mautrix.RespSendEvent
	_, err = client.MakeFullRequest(ctx, mautrix.FullRequest{
		Method: http.MethodPut, URL: client.BuildURL(path), RequestJSON: body, ResponseJSON: &resp,
		Client: redirect.Strict(via),
	})
	if err != nil {
		return "", err
	}
	if resp.EventID == "" {
		return "", &core.Error{Code: core.CodeUnavailable, Message: "the server's answer has no event ID"}
	}
	return resp.EventID, nil
}

// request returns the path and the body of a request that sends an event,
// encrypted where the room is.
func request(
	ctx context.Context, client *mautrix.Client, room id.RoomID, eventType string, content json.RawMessage, transaction string,
) (path mautrix.ClientURLPath, body any, err error) {
	switch eventType {
	case event.EventRedaction.Type:
		redaction := readRedaction(content)
		if redaction.Redacts == "" {
			return nil, nil, &core.Error{Code: core.CodeInvalid, Message: "a redaction that says not what it redacts"}
		}
		reason := map[string]string{}
		if redaction.Reason != "" {
			reason["reason"] = redaction.Reason
		}
		return mautrix.ClientURLPath{"v3", "rooms", room, "redact", redaction.Redacts, transaction}, reason, nil
	case event.EventReaction.Type, event.EventEncrypted.Type: // clients look for reactions by what they say
	default:
		encrypted, err := encrypt(ctx, client, room, eventType, content)
		if err != nil {
			return nil, nil, err
		}
		if encrypted != nil {
			return mautrix.ClientURLPath{"v3", "rooms", room, "send", event.EventEncrypted.Type, transaction}, encrypted, nil
		}
	}
	return mautrix.ClientURLPath{"v3", "rooms", room, "send", eventType, transaction}, content, nil
}

// redaction is what goes out of the content of a redaction.
type redaction struct {
	Redacts id.EventID `json:"redacts"`
	Reason  string     `json:"reason"`
}

func readRedaction(content []byte) redaction {
	var r redaction
	if json.Unmarshal(content, &r) != nil {
		return redaction{}
	}
	return r
}

// encrypt returns an event's content encrypted, or nil where it goes in the
// clear.
func encrypt(ctx context.Context, client *mautrix.Client, room id.RoomID, eventType string, content json.RawMessage) (*event.EncryptedEventContent, error) {
	if client.Crypto == nil {
		return nil, nil
	}
	encrypted, err := client.StateStore.IsEncrypted(ctx, room)
	if err != nil {
		return nil, fmt.Errorf("ask whether the room is encrypted: %w", err)
	}
	if !encrypted {
		return nil, nil
	}
	sealed, err := client.Crypto.Encrypt(ctx, room, event.Type{Type: eventType, Class: event.MessageEventType}, content)
	if err != nil {
		return nil, fmt.Errorf("encrypt the event: %w", err)
	}
	return sealed, nil
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
