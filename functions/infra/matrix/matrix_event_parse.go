package matrix

import (
	"encoding/json"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixEventParse pulls out of an event what [MatrixSyncEvent] has fields for,
// as [MatrixEventNormalize] does, from the server's bytes, which become Raw.
// They must be valid JSON. What is no object has an empty Type. Keys are read
// by their exact case: unlike encoding/json it takes no "Sender" for "sender".
//
// room is where the event is: events in a sync have no room_id. With an empty
// room the event's own room_id is taken.
//
// More in matrix_event_parse.md:
//   - Invalid JSON gives an event with some fields missing, without an error:
//     check it with json.Valid where it comes from elsewhere than a parsed
//     response.
//   - Keys are read by their exact case, as homeservers do. encoding/json, and
//     mautrix with it, takes "SENDER" for sender.
func MatrixEventParse(room id.RoomID, raw json.RawMessage) MatrixSyncEvent {
	out := MatrixSyncEvent{RoomID: room, Raw: raw}
	var content gjson.Result
	var redacts string
	var redacted bool
	object := gjson.Parse(string(raw)) // one copy, of which the strings below are parts
	if !object.IsObject() {
		return out
	}
	object.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
			out.Type = wire.String(value)
		case "room_id":
			if out.RoomID == "" {
				out.RoomID = id.RoomID(wire.String(value))
			}
		case "event_id":
			out.EventID = id.EventID(wire.String(value))
		case "sender":
			out.Sender = id.UserID(wire.String(value))
		case "state_key":
			if value.Type == gjson.String {
				stateKey := wire.String(value)
				out.StateKey = &stateKey
			}
		case "origin_server_ts":
			if value.Type == gjson.Number {
				out.Timestamp = normalizeTime(value.Int())
			}
		case "redacts":
			redacts = wire.String(value)
		case "content":
			content = value
		case "unsigned":
			out.TransactionID = wire.String(wire.Field(value, "transaction_id"))
			redacted = wire.Field(value, "redacted_because").IsObject()
		}
		return true
	})
	normalizeFill(&out, content, id.EventID(redacts), redacted)
	return out
}
