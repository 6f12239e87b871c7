package matrix

import (
	"cmp"
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixSendEventConfig is an event of any type, and how it is sent.
type MatrixSendEventConfig struct {
	Client        *mautrix.Client // sends at once; not used with Outbox
	Outbox        MatrixEnqueuer  // puts it into the queue instead; Client or Outbox is required
	Room          id.RoomID       // required
	Type          string          // of the event: "m.room.message"; for "m.room.redaction" Content has redacts and reason; required
	Content       any             // what encoding/json makes an object of; required
	TransactionID string          // two events with the same one are one event; default: a new one
}

// MatrixSendEvent sends an event that is not state. The other units that send
// make the content of common events and call it.
//
// Errors: CodeInvalid for an event that is none; CodeUnsupported where the
// client has no encryption and its state store knows that the room is
// encrypted; CodeTooLarge before anything is sent, where it would not fit into
// 65,536 bytes; what [MatrixError] gives for the server's answer. An error
// without an answer (CodeUnavailable,
// CodeTimeout) leaves open whether the event was sent: the TransactionID of the
// result makes a second try safe, or an Outbox does all that.
//
// More in matrix_send_event.md:
//   - It sends no state events: those have no transaction ID.
//   - One try: mautrix' own retries are off, since they read the Retry-After
//     header alone.
func MatrixSendEvent(ctx context.Context, cfg MatrixSendEventConfig) (MatrixSent, error) {
	return sendEvent(ctx, "matrix_send_event room="+ident.Clip(string(cfg.Room), 80), cfg)
}

// sendEvent is MatrixSendEvent for a unit whose errors begin with op.
func sendEvent(ctx context.Context, op string, cfg MatrixSendEventConfig) (MatrixSent, error) {
	item := MatrixOutboxItem{Room: cfg.Room, Type: cfg.Type, Content: cfg.Content, TransactionID: cfg.TransactionID}
	if cfg.Outbox != nil {
		ids, err := cfg.Outbox.Enqueue(ctx, item)
		if err != nil {
			return MatrixSent{}, send.WithOp(op, err)
		}
		return MatrixSent{EventID: send.StandIn(ids[0]), TransactionID: ids[0], Queued: true}, nil
	}
	if cfg.Client == nil {
		return MatrixSent{}, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no client and no outbox given"}
	}
	content, err := send.Check(ctx, cfg.Client, send.Outgoing(item))
	if err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	if len(send.PendingTargets(content)) > 0 {
		return MatrixSent{}, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "an ID that begins with ~ names an event in an outbox",
			Hint:    "send through that outbox",
		}
	}
	transaction := cmp.Or(cfg.TransactionID, send.NewTransaction())
	eventID, err := send.Once(ctx, cfg.Client, cfg.Client.Client, cfg.Room, cfg.Type, content, transaction)
	if err != nil {
		return MatrixSent{TransactionID: transaction}, MatrixError(op, err)
	}
	return MatrixSent{EventID: eventID, TransactionID: transaction}, nil
}
