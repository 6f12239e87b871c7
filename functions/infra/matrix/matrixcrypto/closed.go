package matrixcrypto

import (
	"context"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// closedCrypto is a client's Crypto after Close. With nil the client would send
// plain text to encrypted rooms.
type closedCrypto struct{}

var _ mautrix.CryptoHelper = closedCrypto{}

func errClosed() error {
	return &core.Error{Code: core.CodeUnavailable, Op: "matrix_crypto_init", Message: "the encryption was closed"}
}

func (closedCrypto) Encrypt(context.Context, id.RoomID, event.Type, any) (*event.EncryptedEventContent, error) {
	return nil, errClosed()
}

func (closedCrypto) Decrypt(context.Context, *event.Event) (*event.Event, error) {
	return nil, errClosed()
}

func (closedCrypto) WaitForSession(context.Context, id.RoomID, id.SenderKey, id.SessionID, time.Duration) bool {
	return false
}

func (closedCrypto) RequestSession(context.Context, id.RoomID, id.SenderKey, id.SessionID, id.UserID, id.DeviceID) {
}

func (closedCrypto) Init(context.Context) error { return errClosed() }
