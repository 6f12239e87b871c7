package matrix

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixEventKind says what a [MatrixSyncEvent] is. The service sets it:
// nothing that a user sends changes it.
type MatrixEventKind string

// The kinds.
const (
	MatrixKindEvent     MatrixEventKind = ""          // an event, decrypted where it was encrypted
	MatrixKindEncrypted MatrixEventKind = "encrypted" // an event that can't be decrypted, yet; see Reason
	MatrixKindGap       MatrixEventKind = "gap"       // no event: some that the server did not give; see Gap
)

// MatrixSyncEvent is one event of a room, with what a program mostly asks for
// pulled out. A string or ID that the event does not have, or has with a wrong
// type, is empty. All but EventID, RoomID, Timestamp and what the service
// itself adds is as its sender wrote it, and not to be trusted: that an edit or
// a redaction is allowed, say, nobody has checked.
//
// More in matrix_sync_event.md:
//   - All but what the service adds is as its sender wrote it.
//   - Trust is MatrixTrustNone for plain text: there the homeserver says who
//     wrote it.
type MatrixSyncEvent struct {
	Kind      MatrixEventKind   // what it is: an event, or what the service says itself
	Type      string            // "m.room.message", "m.reaction", ..., or any text that a sender made up; empty in a gap
	RoomID    id.RoomID         // where it is
	EventID   id.EventID        // unique; empty in the state of an invitation and in a gap
	Sender    id.UserID         // who sent it
	StateKey  *string           // of a state event, may be ""; nil: not a state event
	Body      string            // of a message (m.room.message) content.body: of an edit the new one, of a reply without the quotation before it
	MsgType   event.MessageType // of a message content.msgtype: m.text, m.notice, m.image, ...; of an edit the new one
	Timestamp time.Time         // when the sender's server says that it was sent, in UTC; zero if it is no time up to the year 9999

	ThreadRoot id.EventID // the first event of the thread that it is in
	ReplyTo    id.EventID // what it answers; empty where the reply is only a thread's fallback for older clients
	Edits      id.EventID // the event whose content it replaces
	Redacts    id.EventID // the event that a redaction empties
	RelatesTo  id.EventID // the target of another relation: what a reaction is to, the poll of a vote
	Key        string     // of a reaction: the emoji

	Encrypted     bool        // it came encrypted
	Decrypted     bool        // it came encrypted and this is what was in it
	Trust         MatrixTrust // how sure it is that Sender wrote what was in it; of what is not Decrypted MatrixTrustNone
	Reason        string      // of MatrixKindEncrypted: why it can't be read
	TransactionID string      // of an event that this device sent: the transaction ID of that send
	Redelivered   bool        // it was delivered before and not acknowledged
	Replayed      bool        // it comes out of an initial sync made because the server did not know the old token any more

	// Join says whether it was sent before the user joined the room, or
	// rejoined it, or after: while the user was in the room.
	Join MatrixMoment
	// Start says whether it was there before the first sync of all with this
	// store, without a store of this process, or came after.
	Start MatrixMoment

	Raw json.RawMessage // the event as the server sent it; of a decrypted one, the decrypted one; not to be changed
	Gap *MatrixSyncGap  // of MatrixKindGap, and never nil there: what is missing

	seq int64   // see Seq
	ack ackFunc // see SetAck
}

type ackFunc = func(ctx context.Context, tx *sql.Tx, seq int64) error

// MatrixSyncGap says which part of a room's timeline is missing: what lies
// between two tokens of /messages.
type MatrixSyncGap struct {
	From string `json:"from"` // the token before the missing part: the sync's last one
	To   string `json:"to"`   // the token after it: where filling stopped
}

// Ack says that the event is dealt with and need not come again. It returns nil
// once that is durable: at once on the disk where the service has a store, and
// without effect where it has none. It may be called from any goroutine, and
// again. Within a transaction on the store's database use AckTx: SQLite has one
// writer, so Ack would wait for the transaction until ctx ends.
func (e MatrixSyncEvent) Ack(ctx context.Context) error { return e.AckTx(ctx, nil) }

// AckTx is Ack as a part of the caller's transaction on the store's database:
// the event is acknowledged if tx commits, and only then. A nil tx is Ack.
//
// Errors: CodeUnsupported where the store can't, and the store's own.
func (e MatrixSyncEvent) AckTx(ctx context.Context, tx *sql.Tx) error {
	if e.ack == nil {
		return nil
	}
	return e.ack(ctx, tx, e.seq)
}

// SetAck sets the event's place in a store and what Ack (with a nil tx) and
// AckTx call. A sync does so with each event that it delivers; a test may, to
// see what is acknowledged.
func (e *MatrixSyncEvent) SetAck(seq int64, ack func(ctx context.Context, tx *sql.Tx, seq int64) error) {
	e.seq, e.ack = seq, ack
}

// Seq returns the event's place in the store of the sync that delivered it,
// from 1; 0 for an event of no store.
func (e MatrixSyncEvent) Seq() int64 { return e.seq }

// MatrixTrust is how sure it is who wrote an event. More is greater: a program
// that obeys orders may ask for evt.Trust >= MatrixTrustCrossSigned. Below
// MatrixTrustCrossSigned the homeserver is believed.
type MatrixTrust int

// The levels of trust.
const (
	MatrixTrustNone          MatrixTrust = iota // not encrypted, or not decrypted: the homeserver says who wrote it
	MatrixTrustUnknownDevice                    // its key is forwarded, a backup's, or of a device that the sender does not have (any more)
	MatrixTrustUnverified                       // from a device in the sender's list, which the homeserver keeps
	MatrixTrustCrossSigned                      // from a device that the sender's identity has signed, and that is the first identity seen
	MatrixTrustVerified                         // from this device, or signed by an identity that this account has verified
)

var trustNames = [...]string{"none", "unknown-device", "unverified", "cross-signed", "verified"}

// String returns the level's name, such as "cross-signed".
func (t MatrixTrust) String() string {
	if t < 0 || int(t) >= len(trustNames) {
		return "invalid"
	}
	return trustNames[t]
}

// MarshalText returns the level's name.
func (t MatrixTrust) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a level's name. Errors: CodeInvalid for another one.
func (t *MatrixTrust) UnmarshalText(text []byte) error {
	i := slices.Index(trustNames[:], string(text))
	if i < 0 {
		return &core.Error{Code: core.CodeInvalid, Op: "matrix_sync_event read trust", Message: "no level of trust: " + ident.Clip(string(text), 80)}
	}
	*t = MatrixTrust(i)
	return nil
}

// MatrixMoment says on which side of a moment an event lies.
type MatrixMoment int

// The sides. They are stored: a number never changes its meaning.
const (
	MatrixMomentUnknown MatrixMoment = 0 // nothing tells
	MatrixMomentBefore  MatrixMoment = 1
	MatrixMomentAfter   MatrixMoment = 2
)

var momentNames = [...]string{"unknown", "before", "after"}

// String returns the side's name, such as "before".
func (m MatrixMoment) String() string {
	if m < 0 || int(m) >= len(momentNames) {
		return "invalid"
	}
	return momentNames[m]
}

// MarshalText returns the side's name.
func (m MatrixMoment) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a side's name. Errors: CodeInvalid for another one.
func (m *MatrixMoment) UnmarshalText(text []byte) error {
	i := slices.Index(momentNames[:], string(text))
	if i < 0 {
		return &core.Error{
			Code: core.CodeInvalid, Op: "matrix_sync_event read moment",
			Message: "no side of a moment: " + ident.Clip(string(text), 80),
		}
	}
	*m = MatrixMoment(i)
	return nil
}
