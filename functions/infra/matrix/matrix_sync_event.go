package matrix

import (
	"encoding/json"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Types of a [MatrixSyncEvent] that are not event types of Matrix.
const (
	MatrixTypeEncrypted = "encrypted" // an event that cannot be decrypted, yet
	MatrixTypeGap       = "gap"       // events that the server did not give
)

// MatrixSyncEvent is one event of a room, with what a program mostly asks for
// pulled out. A string or ID that the event does not have, or has with a wrong
// type, is empty. All but EventID, RoomID, Timestamp and what the service
// itself adds is as its sender wrote it, and not to be trusted: that an edit or
// a redaction is allowed, say, nobody has checked.
//
// More in matrix_sync_event.md:
//   - All but what the service adds is as its sender wrote it.
//   - A message that was redacted before it came has an empty Body and MsgType.
type MatrixSyncEvent struct {
	Type      string            // "m.room.message", "m.reaction", ...; or MatrixTypeEncrypted or MatrixTypeGap
	RoomID    id.RoomID         // where it is
	EventID   id.EventID        // unique; empty in the state of an invitation and in a gap
	Sender    id.UserID         // who sent it
	StateKey  *string           // of a state event, may be ""; nil: not a state event
	Body      string            // content.body: of an edit the new one, of a reply without the quotation before it
	MsgType   event.MessageType // content.msgtype: m.text, m.notice, m.image, ...; of an edit the new one
	Timestamp time.Time         // when the sender's server says that it was sent, in UTC; zero if it is no time up to the year 9999

	ThreadRoot id.EventID // the first event of the thread that it is in
	ReplyTo    id.EventID // what it answers; empty where the reply is only a thread's fallback for older clients
	Edits      id.EventID // the event whose content it replaces
	Redacts    id.EventID // the event that a redaction empties
	RelatesTo  id.EventID // the target of another relation: what a reaction is to, the poll of a vote
	Key        string     // of a reaction: the emoji

	Encrypted     bool   // it came encrypted
	Decrypted     bool   // it came encrypted and this is what was in it
	TransactionID string // of an event that this device sent: the transaction ID of that send
	Redelivered   bool   // it was delivered before and not acknowledged
	Replayed      bool   // it comes out of an initial sync made because the server did not know the old token any more

	Raw json.RawMessage // the event as the server sent it; of a decrypted one, the decrypted one; not to be changed
	Gap *MatrixSyncGap  // of MatrixTypeGap: what is missing; else nil

	seq int64                 // see Seq
	ack func(seq int64) error // see SetAck
}

// MatrixSyncGap says which part of a room's timeline is missing: what lies
// between two tokens of /messages.
type MatrixSyncGap struct {
	From string `json:"from"` // the token before the missing part: the sync's last one
	To   string `json:"to"`   // the token after it: where filling stopped
}

// Ack says that the event is dealt with and need not come again. It returns nil
// once that is durable: at once on the disk where the service has a store, and
// without effect where it has none. It may be called from any goroutine, and
// again.
func (e MatrixSyncEvent) Ack() error {
	if e.ack == nil {
		return nil
	}
	return e.ack(e.seq)
}

// SetAck says where the event is in a store and what Ack calls. A sync does so
// with each event that it delivers; a test may, to see what is acknowledged.
func (e *MatrixSyncEvent) SetAck(seq int64, ack func(seq int64) error) {
	e.seq, e.ack = seq, ack
}

// Seq returns the event's place in the store of the sync that delivered it,
// from 1; 0 for an event of no store.
func (e MatrixSyncEvent) Seq() int64 { return e.seq }
