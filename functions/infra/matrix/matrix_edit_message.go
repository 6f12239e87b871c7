package matrix

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixEditMessageConfig is a message's new text, and how it goes out.
type MatrixEditMessageConfig struct {
	Client        *mautrix.Client // sends at once; not used with Outbox
	Outbox        MatrixEnqueuer  // puts it into the queue instead; Client or Outbox is required
	Room          id.RoomID       // required
	Target        id.EventID      // the message as first sent, never an edit of it; through an Outbox also a stand-in; required
	Message       MatrixMessage   // what it says from now on, all of it; Mentions are kept, and notify nobody
	Ping          []id.UserID     // whom the edit notifies, as those newly mentioned; default: no one
	TransactionID string          // default: a new one
}

// fallbackBytes is how long the text for clients that don't support edits stays
// where the event would else be too large.
const fallbackBytes = 200

// MatrixEditMessage replaces the text of a message of one's own: m.new_content
// for clients that know edits, and the text with "* " before it for those that
// don't. The fallback, not the text, is cut where the event would be too large.
//
// Errors are those of [MatrixSendMessage]; CodeInvalid for a Target that is no
// event ID.
//
// More in matrix_edit_message.md:
//   - Each edit is an event with its whole text, twice: update a progress line
//     every few seconds, not at every percent.
//   - Target is the first event always.
func MatrixEditMessage(ctx context.Context, cfg MatrixEditMessageConfig) (MatrixSent, error) {
	op := "matrix_edit_message room=" + ident.Clip(string(cfg.Room), 80)
	if err := checkTarget(cfg.Target); err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	replacement, err := messageContent(cfg.Message)
	if err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	ping, err := messageMentions(MatrixMessage{Mentions: cfg.Ping})
	if err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	edit := editContent(replacement, cfg.Target, ping)
	out := MatrixSendEventConfig{
		Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room,
		Type: event.EventMessage.Type, Content: edit, TransactionID: cfg.TransactionID,
	}
	sent, err := sendEvent(ctx, op, out)
	if coded := (*core.Error)(nil); errors.As(err, &coded) && coded.Code == core.CodeTooLarge && coded.Err == nil {
		edit.Body, edit.Format, edit.FormattedBody = cutText(edit.Body, fallbackBytes), "", ""
		return sendEvent(ctx, op, out)
	}
	return sent, err
}

func editContent(
	replacement *event.MessageEventContent,
	target id.EventID,
	ping *event.Mentions,
) *event.MessageEventContent {
	edit := *replacement
	edit.NewContent = replacement
	edit.RelatesTo = (&event.RelatesTo{}).SetReplace(target)
	edit.Mentions = ping
	edit.Body = "* " + edit.Body
	if edit.FormattedBody != "" {
		edit.FormattedBody = "* " + edit.FormattedBody
	}
	return &edit
}

func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// checkTarget refuses what can't be an event's ID, or the stand-in of one.
func checkTarget(target id.EventID) error {
	if len(target) < 2 || len(target) > ident.MaxBytes+1 || !strings.ContainsRune("$~", rune(target[0])) {
		return &core.Error{
			Code:    core.CodeInvalid,
			Message: "bad event ID " + ident.Clip(string(target), 80),
			Hint:    "an event ID begins with $, the stand-in of a queued one with ~",
		}
	}
	return nil
}
