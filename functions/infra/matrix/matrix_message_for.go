package matrix

import (
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixMessageFor reports whether an event is a text that somebody has just
// written for user to act on: a new message of type m.text by another user,
// which came after user joined the room and after the program was first
// started. It is false for edits, notices, emotes, files, reactions,
// redactions, state events, events of any other type, events that can't be
// decrypted, gaps, old history, and where it is not known whether an event is
// old history.
//
// More in matrix_message_for.md:
//   - It does not say who may give orders: anybody in the room may have sent
//     the message.
//   - A message that comes again after a crash (Redelivered) is one, too.
func MatrixMessageFor(user id.UserID, evt MatrixSyncEvent) bool {
	return evt.Kind == MatrixKindEvent &&
		evt.Type == event.EventMessage.Type && evt.StateKey == nil &&
		evt.MsgType == event.MsgText && evt.Body != "" &&
		evt.Edits == "" &&
		evt.EventID != "" && evt.Sender != "" && evt.Sender != user &&
		evt.Join == MatrixMomentAfter && evt.Start == MatrixMomentAfter
}
