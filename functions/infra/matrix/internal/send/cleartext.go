package send

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// CheckCleartext returns an error if an event would go out readable to the
// server into a room that the client knows to be encrypted, since the client
// has no encryption. [Check] and [Once] call it, so that nothing goes round it.
//
// What a client with encryption sends in the clear as well (reactions) is
// refused, too; a redaction without a reason says nothing, and an event that is
// encrypted already may go.
func CheckCleartext(ctx context.Context, client *mautrix.Client, room id.RoomID, eventType string, content []byte) error {
	switch {
	case client.Crypto != nil || client.StateStore == nil:
		return nil
	case eventType == event.EventEncrypted.Type, eventType == event.EventRedaction.Type && readRedaction(content).Reason == "":
		return nil
	}
	encrypted, err := knownEncrypted(ctx, client.StateStore, room)
	if err != nil || !encrypted {
		return err
	}
	return ErrorCleartext()
}

// ErrorCleartext returns the error of a client without encryption in an
// encrypted room.
func ErrorCleartext() error {
	return &core.Error{Code: core.CodeUnsupported, Message: "the room is encrypted, and the client has no encryption", Hint: "call matrix_crypto_init first"}
}

// knownEncrypted reports whether a state store knows that a room is or was
// encrypted. mautrix's stores forget it when a later setting names no algorithm
// that they know; a room stays encrypted for good.
func knownEncrypted(ctx context.Context, store mautrix.StateStore, room id.RoomID) (bool, error) {
	settings, ok := store.(interface {
		GetEncryptionEvent(ctx context.Context, room id.RoomID) (*event.EncryptionEventContent, error)
	})
	if ok {
		setting, err := settings.GetEncryptionEvent(ctx, room)
		if err != nil || setting != nil {
			return true, err
		}
	}
	return store.IsEncrypted(ctx, room)
}
