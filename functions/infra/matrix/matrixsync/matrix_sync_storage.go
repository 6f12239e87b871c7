package matrixsync

import (
	"context"
	"errors"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

// ErrMatrixSyncTakenOver is what TakeIn and Release fail with when another
// service has begun on the store. It ends the service.
var ErrMatrixSyncTakenOver = errors.New("another service has taken the store over")

// MatrixSyncStorage keeps what a sync must not forget: the token, the events
// that are not acknowledged, those that wait for their key, and the IDs of
// those that were there before. [MatrixSyncStore] is the one in SQLite;
// [MatrixSyncService] has one in memory. Each method takes effect wholly or not
// at all. Acknowledge is called by any goroutine, the others by the service's
// own. A store that shares its database with the program may also have
// AcknowledgeTx(ctx, tx *sql.Tx, seqs []int64) error, which acknowledges as a
// part of the caller's transaction, and one that several processes may share
// Owned(ctx) error: with an error that Is ErrMatrixSyncTakenOver a service ends
// that is waiting for the server. Any goroutine may call these.
//
// More in matrix_sync_storage.md:
//   - TakeIn is one transaction: records, rooms, token.
//   - Trusted is kept beside Token, and is given back by Begin.
type MatrixSyncStorage interface {
	// Begin takes the store over for a service: of another one that still uses
	// it, TakeIn and Release fail with an error that Is ErrMatrixSyncTakenOver
	// from now on. A store that belongs to another user is an error
	// (CodeConflict).
	Begin(ctx context.Context, user id.UserID) (MatrixSyncPosition, error)

	// Known says of each event ID whether it was stored before, as far as the
	// store remembers.
	Known(ctx context.Context, ids []id.EventID) ([]bool, error)

	// TakeIn stores the records, the rooms and the token together. It sets each
	// record's Seq, rising in the order of the records and over all that were
	// before, and 0 for one whose ID is known: that is not stored again.
	TakeIn(ctx context.Context, batch *MatrixSyncBatch) error

	// Pending returns the records that are not acknowledged, in the order of
	// Seq, from the first past after.
	Pending(ctx context.Context, after int64, limit int) ([]MatrixSyncRecord, error)

	// Waiting returns the records that wait for this key (for any: the zero
	// value), as Pending does.
	Waiting(ctx context.Context, key MatrixSessionKey, after int64, limit int) ([]MatrixSyncRecord, error)

	// Release ends a record's waiting and adds one of kind MatrixSyncDecrypted
	// for the same event, whose Seq it returns.
	Release(ctx context.Context, seq int64) (int64, error)

	// Acknowledge makes the records not pending. One that is not there, or not
	// any more, is no error.
	Acknowledge(ctx context.Context, seqs []int64) error
}

// MatrixSyncPosition is where a sync resumes.
type MatrixSyncPosition struct {
	Token   string // of the last response stored; empty at the first start
	Trusted string // as the last batch had it; empty: like Token
	Rooms   map[id.RoomID]MatrixSyncRoom
}

// MatrixSyncBatch is one sync response as it is stored, or a part of one.
type MatrixSyncBatch struct {
	Token   string // of the response before, until the last part; empty leaves the stored one
	Trusted string // of an earlier response, to look back from at the next start; empty leaves the stored one
	Records []MatrixSyncRecord
	Rooms   []MatrixSyncRoom // those that changed
}

// MatrixSyncRoom is what is remembered of a room.
type MatrixSyncRoom struct {
	RoomID     id.RoomID
	Membership string     // of the own user: join, invite or leave
	Last       id.EventID // of the latest event of its timeline
	Inviter    id.UserID  // of the open invitation, while Membership is invite
	Invitation string     // tells it from others of the same inviter; up to 50 bytes
}

// MatrixSyncKind says what a record is delivered as.
type MatrixSyncKind int

// The kinds. They are stored: a number never changes its meaning.
const (
	MatrixSyncPlain     MatrixSyncKind = 0 // an event as the server sent it
	MatrixSyncEncrypted MatrixSyncKind = 1 // an encrypted one, delivered as such
	MatrixSyncDecrypted MatrixSyncKind = 2 // an encrypted one, delivered decrypted
	MatrixSyncHole      MatrixSyncKind = 3 // no event: what is missing
	MatrixSyncInvite    MatrixSyncKind = 4 // the own member event in an invitation's stripped state
)

// MatrixSyncRecord is one delivery of an event.
type MatrixSyncRecord struct {
	Seq      int64 // its place in the order of delivery, from 1
	RoomID   id.RoomID
	EventID  id.EventID   // by which it is known again; empty where the server gave none, and with MatrixSyncDecrypted
	Session  id.SessionID // whose key it waits for; else empty
	Kind     MatrixSyncKind
	Replayed bool
	Join     matrix.MatrixMoment // as in the event
	Start    matrix.MatrixMoment // as in the event
	Data     []byte              // the server's JSON, of a gap its details
}
