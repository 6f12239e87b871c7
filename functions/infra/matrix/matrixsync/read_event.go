package matrixsync

import (
	"context"
	"encoding/json"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

// readEvent reads an event that was requested outside of a sync, and decrypts
// it as far as its key is there.
func readEvent(
	ctx context.Context,
	client *mautrix.Client,
	room id.RoomID,
	raw json.RawMessage,
) matrix.MatrixSyncEvent {
	evt := matrix.MatrixEventParse(room, raw)
	evt.RoomID = room
	if evt.Kind != matrix.MatrixKindEncrypted {
		return evt
	}
	if gjson.GetBytes(raw, "unsigned.redacted_because").Exists() {
		evt.Reason = "redacted"
		return evt
	}
	crypto, _ := client.Crypto.(MatrixSyncCrypto)
	plain, err := decryptRaw(ctx, crypto, room, raw)
	if err != nil {
		evt.Reason = undecryptable(err)
		return evt
	}
	return plain
}
