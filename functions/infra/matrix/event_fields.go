package matrix

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// normalizeFill fills in what comes from the content; redacts is the field
// next to it, where room versions up to 10 have a redaction's target.
func normalizeFill(out *MatrixSyncEvent, content gjson.Result, redacts id.EventID) {
	var relation, edit gjson.Result
	if content.IsObject() {
		content.ForEach(func(key, value gjson.Result) bool {
			switch key.Str {
			case "body":
				out.Body = wire.String(value)
			case "msgtype":
				out.MsgType = event.MessageType(wire.String(value))
			case "m.relates_to":
				relation = value
			case "m.new_content":
				edit = value
			case "redacts":
				out.Redacts = id.EventID(wire.String(value))
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
		out.Body = wire.String(wire.Field(edit, "body"))
		if msgType := wire.String(wire.Field(edit, "msgtype")); msgType != "" {
			out.MsgType = event.MessageType(msgType)
		}
	}
	if out.ReplyTo != "" {
		out.Body = normalizeWithoutQuote(out.Body)
	}
	if out.Type != event.EventMessage.Type || out.StateKey != nil {
		out.Body, out.MsgType = "", "" // any event may have such fields: no program is to take one for a message
	}
	if out.Type == event.EventEncrypted.Type && out.StateKey == nil && !out.Decrypted { // else somebody has encrypted such an event
		out.Kind, out.Encrypted = MatrixKindEncrypted, true
	}
}

func normalizeRelation(out *MatrixSyncEvent, relation gjson.Result) {
	var kind, target, key, reply string
	fallingBack := false
	relation.ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "rel_type":
			kind = wire.String(value)
		case "event_id":
			target = wire.String(value)
		case "key":
			key = wire.String(value)
		case "is_falling_back":
			fallingBack = value.Type == gjson.True
		case "m.in_reply_to":
			reply = wire.String(wire.Field(value, "event_id"))
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

// normalizeWithoutQuote takes off the quotation that replies had before their
// text up to version 1.12 of Matrix: lines beginning with "> ", the first with
// the sender, then an empty one.
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

// latestMS is the end of the year 9999, past which a time.Time has no JSON.
const latestMS = 253402300799999

func normalizeTime(ms int64) time.Time {
	if ms <= 0 || ms > latestMS {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
