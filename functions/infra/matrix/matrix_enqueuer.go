package matrix

import (
	"context"

	"maunium.net/go/mautrix/id"
)

// MatrixEnqueuer takes events and sends them later, in each room in the order
// in which they were put in. The handle of matrix_outbox is one. The units that
// send take one as Outbox.
//
// More in matrix_enqueuer.md:
//   - A variable of type *MatrixOutboxHandle that is nil counts as an Outbox
//     that is set: set the field only if there is a queue.
//   - An implementation of one's own puts the stand-ins ("~" and a transaction
//     ID) right that edits, reactions and answers name, before it sends.
type MatrixEnqueuer interface {
	// Enqueue puts items in, all of them or, with an error, none, and returns
	// their transaction IDs in the same order. When it returns they are as
	// durable as the queue is. An item whose transaction ID was put in before
	// is not put in again.
	//
	// Errors: CodeInvalid for an item that makes no event, CodeTooLarge for
	// one that is too large, CodeConflict for a transaction ID that belongs
	// to an event of another room or type, and the queue's own.
	Enqueue(ctx context.Context, items ...MatrixOutboxItem) ([]string, error)
}

// MatrixOutboxItem is an event to send.
type MatrixOutboxItem struct {
	Room          id.RoomID // required
	Type          string    // of the event: "m.room.message"; for "m.room.redaction" Content has redacts and reason; required
	Content       any       // what encoding/json makes an object of; required
	TransactionID string    // an item whose ID the queue has seen is not put in again; default: a new one
}
