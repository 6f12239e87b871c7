package send

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// MaxEventBytes is what an event may have as a whole, in canonical JSON (spec,
// "Size limits").
const MaxEventBytes = 65_536

// eventEnvelope is what a server adds to the content at most: hash, signature,
// up to 10 previous and 10 authorising events, times, and names of keys.
// Measured with one previous event: 550 bytes next to the IDs.
const eventEnvelope = 1_500

// JSON returns a content as it is sent and counted: without the escapes that
// canonical JSON does not have.
func JSON(content any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content); err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the content is no JSON", Err: err}
	}
	data := bytes.TrimSpace(out.Bytes())
	if len(data) == 0 || data[0] != '{' {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the content is not a JSON object"}
	}
	return data, nil
}

// checkSize refuses what a server would refuse for its size.
func checkSize(
	ctx context.Context,
	client *mautrix.Client,
	room id.RoomID,
	eventType string,
	content json.RawMessage,
) error {
	envelope := eventEnvelope + len(room) + len(eventType) + 2*len(client.UserID)
	size := len(content) + envelope
	if client.Crypto != nil {
		// The plain event in base64, with the session's and the sender's keys
		// next to it.
		encryptedSize := (len(content)+len(room)+len(eventType)+40)*4/3 + 400 + envelope
		if encryptedSize <= MaxEventBytes {
			return nil // and nobody needs to be asked
		}
		// Where the server can't be asked the room may be encrypted.
		if encrypted, err := client.StateStore.IsEncrypted(ctx, room); encrypted || err != nil {
			size = encryptedSize
		}
	}
	if size <= MaxEventBytes {
		return nil
	}
	return TooLarge(size)
}

// TooLarge is the error of an event of that many bytes.
func TooLarge(size int) error {
	return &core.Error{
		Code:    core.CodeTooLarge,
		Message: fmt.Sprintf("the event would have about %d bytes, and %d are allowed", size, MaxEventBytes),
		Hint:    "split the text, or send it as a file",
	}
}
