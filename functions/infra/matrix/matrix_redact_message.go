package matrix

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixRedactMessageConfig says what is to go, and how the wish goes out.
type MatrixRedactMessageConfig struct {
	Client        *mautrix.Client // sends at once; not used with Outbox
	Outbox        MatrixEnqueuer  // puts it into the queue instead; Client or Outbox is required
	Room          id.RoomID       // required
	Target        id.EventID      // a message, a reaction, an edit; through an Outbox also a stand-in; required
	Reason        string          // shown to people; default: none
	TransactionID string          // default: a new one
}

// MatrixRedactMessage takes the content of an event away, for all and for good.
// It works on any event that is not state, of others' too where one has the
// power.
//
// Errors: CodeInvalid for a Target that is no event ID, and what MatrixError
// gives for the server's response.
//
// More in matrix_redact_message.md:
//   - One's own events one can always redact; those of others need the room's
//     power for it (CodeForbidden).
//   - Media stay on the homeserver, and so do later edits, which are separate
//     events: a message's edits are redacted with it by most servers' clients
//     only in what they show.
func MatrixRedactMessage(ctx context.Context, cfg MatrixRedactMessageConfig) (MatrixSent, error) {
	op := "matrix_redact_message room=" + ident.Clip(string(cfg.Room), 80)
	if err := checkTarget(cfg.Target); err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	return sendEvent(ctx, op, MatrixSendEventConfig{
		Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room, Type: event.EventRedaction.Type,
		Content: &event.RedactionEventContent{Redacts: cfg.Target, Reason: cfg.Reason}, TransactionID: cfg.TransactionID,
	})
}
