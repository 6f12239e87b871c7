package matrixsync

import (
	"context"
	"errors"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixSyncCrypto is what [MatrixSyncService] asks of end-to-end encryption.
// It uses cfg.Client.Crypto where that implements this interface, as
// matrix_crypto_init's does; without one every encrypted event is
// undecryptable. The methods are called by one goroutine, one after the other.
//
// More in matrix_sync_crypto.md:
//   - ProcessSync may see the same response twice, since it runs before the
//     response is stored: keep it idempotent.
//   - Decrypt is asked again for the same event after a restart.
type MatrixSyncCrypto interface {
	// ProcessSync stores what a sync response has next to the rooms'
	// messages: to-device messages, device lists, key counts, and state events
	// of the types m.room.member and m.room.encryption (RoomID set, content
	// parsed). It comes before the response is stored, so that no key is
	// lost, and so it may see the same response twice. An error is one that may
	// pass: the service asks again.
	ProcessSync(ctx context.Context, resp *mautrix.RespSync, since string) error

	// Decrypt returns the decrypted event, and must do so again for the same
	// one. An error that Is [ErrMatrixNoKey] says that the key may still come.
	// It fails where the key is not the sender's, and sets Mautrix.TrustState.
	Decrypt(ctx context.Context, evt *event.Event) (*event.Event, error)

	// NewKeys returns the sessions whose keys came since the last call, by any
	// way: to-device messages, requests, backup.
	NewKeys() []MatrixSessionKey
}

// MatrixSessionKey names a Megolm session. Session IDs alone are chosen by
// their senders.
type MatrixSessionKey struct {
	RoomID    id.RoomID
	SessionID id.SessionID
}

// ErrMatrixNoKey is the error of a [MatrixSyncCrypto] that has no key for an
// event, yet.
var ErrMatrixNoKey = errors.New("no key for this session yet")
