package matrix

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixSendMessageConfig is a message, and how it goes out.
type MatrixSendMessageConfig struct {
	Client        *mautrix.Client  // sends at once; not used with Outbox
	Outbox        MatrixEnqueuer   // puts it into the queue instead; Client or Outbox is required
	Room          id.RoomID        // required
	Message       MatrixMessage    // Text is required
	RelatesTo     *event.RelatesTo // where it answers, by MatrixThreadRelation; default: it answers nothing
	TransactionID string           // two messages with the same one are one message; default: a new one
}

// MatrixSendMessage sends a text, or Markdown as HTML with the plain text next
// to it, as a message, a notice or an emote. A reply pings nobody who is not
// in Mentions, not even whom it answers.
//
// Errors: CodeInvalid for a bad message; CodeTooLarge before anything is sent,
// where the event would not fit into 65,536 bytes; what MatrixError gives for
// the server's response. An error without a response (CodeUnavailable,
// CodeTimeout) leaves open whether it was sent: the TransactionID of the result
// makes a second try safe, or an Outbox does all that.
//
// More in matrix_send_message.md:
//   - A TransactionID made from what is answered ("answer-" and the event's ID
//     without $) makes the reply one, however often that event is delivered:
//     through an Outbox for as long as it remembers (KeepSent), at once for as
//     long as the server does.
//   - One try: mautrix' own retries are off, since they read the Retry-After
//     header alone.
func MatrixSendMessage(ctx context.Context, cfg MatrixSendMessageConfig) (MatrixSent, error) {
	op := "matrix_send_message room=" + ident.Clip(string(cfg.Room), 80)
	content, err := messageContent(cfg.Message)
	if err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	content.RelatesTo = cfg.RelatesTo
	return sendEvent(ctx, op, MatrixSendEventConfig{
		Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room,
		Type: event.EventMessage.Type, Content: content, TransactionID: cfg.TransactionID,
	})
}
