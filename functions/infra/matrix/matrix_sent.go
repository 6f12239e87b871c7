package matrix

import "maunium.net/go/mautrix/id"

// MatrixSent is what became of an event: it was sent, or it is in the queue of
// an outbox.
//
// More in matrix_sent.md:
//   - With Queued the EventID is a stand-in ("~" and the transaction ID).
//   - After an error that leaves open whether the event was sent, TransactionID
//     is set: the same call with it is a second try, not a second message.
type MatrixSent struct {
	// EventID is the server's name for it. Of an event in the queue it is a
	// stand-in, "~" and the transaction ID, which everything that goes to the
	// same room through the same outbox may use in an event ID's place: an
	// edit, a reaction, a redaction, a reply. The outbox puts the real one
	// there when it sends.
	EventID       id.EventID
	TransactionID string // by which the server knows a second try, and the outbox its item
	Queued        bool   // whether it is in the queue
}
