package matrix

import (
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixEventNormalize pulls out of an event what [MatrixSyncEvent] has fields
// for. It never fails: what is missing or has a wrong type is empty. An event
// of type m.room.encrypted has Kind [MatrixKindEncrypted], and no Body; one
// that mautrix has decrypted with Decrypted and Encrypted set. nil gives the
// zero value.
//
// Raw is put together from the event's fields around its content, which stays
// byte for byte as it came; unknown fields next to the content are lost in
// mautrix already.
//
// More in matrix_event_normalize.md:
//   - The quotation that older clients put before a reply (lines beginning with
//     "> ", the first naming the sender) is taken off Body; formatted_body in
//     Raw keeps its own.
//   - Of an edit, Body and MsgType are the new ones; Edits is the event that is
//     to change.
func MatrixEventNormalize(evt *event.Event) MatrixSyncEvent {
	if evt == nil {
		return MatrixSyncEvent{}
	}
	content := normalizeContentOf(evt)
	out := MatrixSyncEvent{
		Type: evt.Type.Type, RoomID: evt.RoomID, EventID: evt.ID, Sender: evt.Sender, StateKey: evt.StateKey,
		Timestamp: normalizeTime(evt.Timestamp), TransactionID: evt.Unsigned.TransactionID,
		Decrypted: evt.Mautrix.WasEncrypted, Encrypted: evt.Mautrix.WasEncrypted,
		Raw: normalizeJoin(evt, content),
	}
	if out.Decrypted {
		out.Trust = normalizeTrust(evt.Mautrix.TrustState)
	}
	normalizeFill(&out, gjson.ParseBytes(content), evt.Redacts, evt.Unsigned.RedactedBecause != nil)
	return out
}

// normalizeTrust is mautrix's trust on the scale of [MatrixTrust].
func normalizeTrust(state id.TrustState) MatrixTrust {
	switch state {
	case id.TrustStateVerified, id.TrustStateCrossSignedVerified:
		return MatrixTrustVerified
	case id.TrustStateCrossSignedTOFU:
		return MatrixTrustCrossSigned
	case id.TrustStateCrossSignedUntrusted, id.TrustStateUnset: // of the first, the identity is another than at first
		return MatrixTrustUnverified
	}
	return MatrixTrustUnknownDevice
}

// normalizeContentOf is the content's JSON: the server's bytes, or for an event
// that the program made what it consists of.
func normalizeContentOf(evt *event.Event) []byte {
	if evt.Content.VeryRaw != nil {
		return evt.Content.VeryRaw
	}
	content, err := json.Marshal(&evt.Content)
	if err != nil {
		return []byte("{}")
	}
	return content
}

// normalizeJoin writes the event around its content.
func normalizeJoin(evt *event.Event, content []byte) json.RawMessage {
	text := func(out []byte, key, value string) []byte {
		if value == "" {
			return out
		}
		quoted, _ := json.Marshal(value) // a string can't fail
		return append(append(out, key...), quoted...)
	}
	out := make([]byte, 0, len(content)+320)
	out = append(out, `{"content":`...)
	out = append(out, content...)
	out = text(out, `,"event_id":`, string(evt.ID))
	out = append(out, `,"origin_server_ts":`...)
	out = strconv.AppendInt(out, evt.Timestamp, 10)
	out = text(out, `,"redacts":`, string(evt.Redacts))
	out = text(out, `,"room_id":`, string(evt.RoomID))
	out = text(out, `,"sender":`, string(evt.Sender))
	if evt.StateKey != nil {
		quoted, _ := json.Marshal(*evt.StateKey)
		out = append(append(out, `,"state_key":`...), quoted...)
	}
	out = text(out, `,"type":`, evt.Type.Type)
	if !evt.Unsigned.IsEmpty() {
		if unsigned, err := json.Marshal(&evt.Unsigned); err == nil {
			out = append(append(out, `,"unsigned":`...), unsigned...)
		}
	}
	return append(out, '}')
}
