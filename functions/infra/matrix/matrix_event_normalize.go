package matrix

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixEventNormalize pulls out of an event what [MatrixSyncEvent] has fields for. It never fails: what is missing or has
// a wrong type is empty. An event of type m.room.encrypted comes out as [MatrixTypeEncrypted], without a Body; one that mautrix
// has decrypted with Decrypted and Encrypted set. nil gives the zero value.
//
// Raw is put together from the event's fields around its content, which stays byte for byte as it came; unknown
// fields beside the content are lost in mautrix already.
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
	normalizeFill(&out, gjson.ParseBytes(content), evt.Redacts)
	return out
}

// normalizeRaw is [MatrixEventNormalize] for the server's bytes of one event, which must be valid JSON and become Raw: for
// the sync, which need not go through mautrix's event then. Unlike encoding/json it takes no "Sender" for "sender". room is
// where the event stands in the sync: events there have no room_id. What is not an object has an empty Type.
func normalizeRaw(room id.RoomID, raw json.RawMessage) MatrixSyncEvent {
	out := MatrixSyncEvent{RoomID: room, Raw: raw}
	var content gjson.Result
	var redacts string
	object := gjson.Parse(string(raw)) // one copy, of which the strings below are parts
	if !object.IsObject() {
		return out
	}
	object.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
			out.Type = normalizeString(value)
		case "room_id":
			if out.RoomID == "" {
				out.RoomID = id.RoomID(normalizeString(value))
			}
		case "event_id":
			out.EventID = id.EventID(normalizeString(value))
		case "sender":
			out.Sender = id.UserID(normalizeString(value))
		case "state_key":
			if value.Type == gjson.String {
				stateKey := normalizeString(value)
				out.StateKey = &stateKey
			}
		case "origin_server_ts":
			if value.Type == gjson.Number {
				out.Timestamp = normalizeTime(value.Int())
			}
		case "redacts":
			redacts = normalizeString(value)
		case "content":
			content = value
		case "unsigned":
			out.TransactionID = normalizeString(normalizeField(value, "transaction_id"))
		}
		return true
	})
	normalizeFill(&out, content, id.EventID(redacts))
	return out
}

// normalizeFill fills in what comes from the content; redacts is the field beside it, where room versions up to 10 have
// a redaction's target.
func normalizeFill(out *MatrixSyncEvent, content gjson.Result, redacts id.EventID) {
	var relation, edit gjson.Result
	if content.IsObject() {
		content.ForEach(func(key, value gjson.Result) bool {
			switch key.Str {
			case "body":
				out.Body = normalizeString(value)
			case "msgtype":
				out.MsgType = event.MessageType(normalizeString(value))
			case "m.relates_to":
				relation = value
			case "m.new_content":
				edit = value
			case "redacts":
				out.Redacts = id.EventID(normalizeString(value))
			}
			return true
		})
	}
	if redacts != "" { // servers copy it there in newer room versions too; in older ones the content's is its sender's
		out.Redacts = redacts
	}
	if out.Type != event.EventRedaction.Type {
		out.Redacts = ""
	}
	if relation.IsObject() && out.StateKey == nil {
		normalizeRelation(out, relation)
	}
	if out.Edits != "" && edit.IsObject() {
		out.Body = normalizeString(normalizeField(edit, "body"))
		if msgType := normalizeString(normalizeField(edit, "msgtype")); msgType != "" {
			out.MsgType = event.MessageType(msgType)
		}
	}
	if out.ReplyTo != "" {
		out.Body = normalizeWithoutQuote(out.Body)
	}
	if out.Type == event.EventEncrypted.Type {
		out.Type, out.Encrypted, out.Body, out.MsgType = MatrixTypeEncrypted, true, "", ""
	}
}

func normalizeRelation(out *MatrixSyncEvent, relation gjson.Result) {
	var kind, target, key, reply string
	fallingBack := false
	relation.ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "rel_type":
			kind = normalizeString(value)
		case "event_id":
			target = normalizeString(value)
		case "key":
			key = normalizeString(value)
		case "is_falling_back":
			fallingBack = value.Type == gjson.True
		case "m.in_reply_to":
			reply = normalizeString(normalizeField(value, "event_id"))
		}
		return true
	})
	switch event.RelationType(kind) {
	case event.RelThread:
		out.ThreadRoot = id.EventID(target)
		if fallingBack {
			reply = ""
		}
	case event.RelReplace:
		out.Edits = id.EventID(target)
	case event.RelAnnotation:
		out.RelatesTo, out.Key = id.EventID(target), key
	case "":
	default:
		out.RelatesTo = id.EventID(target)
	}
	out.ReplyTo = id.EventID(reply)
}

// normalizeWithoutQuote takes off the quotation that replies had before their text up to version 1.12 of Matrix: lines
// beginning with "> ", the first with the sender, then an empty one.
func normalizeWithoutQuote(body string) string {
	if !strings.HasPrefix(body, "> <@") && !strings.HasPrefix(body, "> * <@") {
		return body
	}
	rest := body
	for strings.HasPrefix(rest, ">") {
		_, after, found := strings.Cut(rest, "\n")
		if !found {
			return body // a quotation and nothing else: its sender's own words
		}
		rest = after
	}
	return strings.TrimPrefix(rest, "\n")
}

// normalizeField is the value of a key of an object, taken literally: gjson's own Get reads dots and stars as a path.
func normalizeField(object gjson.Result, key string) (field gjson.Result) {
	if !object.IsObject() {
		return field
	}
	object.ForEach(func(name, value gjson.Result) bool {
		if name.Str == key {
			field = value
		}
		return true
	})
	return field
}

func normalizeString(value gjson.Result) string {
	if value.Type != gjson.String {
		return ""
	}
	if !utf8.ValidString(value.Str) {
		return strings.ToValidUTF8(value.Str, "\ufffd")
	}
	return value.Str
}

// latestMS is the end of the year 9999, past which a time.Time has no JSON.
const latestMS = 253402300799999

func normalizeTime(ms int64) time.Time {
	if ms <= 0 || ms > latestMS {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// normalizeContentOf is the content's JSON: the server's bytes, or for an event that the program made what it consists of.
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
