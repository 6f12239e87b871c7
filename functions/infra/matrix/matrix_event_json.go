package matrix

import (
	"encoding/json"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixEventJSONConfig says what [MatrixEventJSON] adds to an event.
type MatrixEventJSONConfig struct {
	Name string // what the sender is called: sender_name; default: left out
}

// eventJSON has the names of the fields. What is empty is left out.
type eventJSON struct {
	Kind          MatrixEventKind   `json:"kind,omitempty"`
	RoomID        id.RoomID         `json:"room_id"`
	EventID       id.EventID        `json:"event_id,omitempty"`
	Time          time.Time         `json:"time,omitzero"`
	Sender        id.UserID         `json:"sender,omitempty"`
	SenderName    string            `json:"sender_name,omitempty"`
	Type          string            `json:"type,omitempty"`
	StateKey      *string           `json:"state_key,omitempty"`
	MsgType       event.MessageType `json:"msgtype,omitempty"`
	Body          string            `json:"body,omitempty"`
	ThreadRoot    id.EventID        `json:"thread_root,omitempty"`
	ReplyTo       id.EventID        `json:"reply_to,omitempty"`
	Edits         id.EventID        `json:"edits,omitempty"`
	Redacts       id.EventID        `json:"redacts,omitempty"`
	RelatesTo     id.EventID        `json:"relates_to,omitempty"`
	Key           string            `json:"key,omitempty"`
	Encrypted     bool              `json:"encrypted"`
	Trust         MatrixTrust       `json:"trust"`
	Reason        string            `json:"reason,omitempty"`
	TransactionID string            `json:"transaction_id,omitempty"`
	Redelivered   bool              `json:"redelivered,omitempty"`
	Replayed      bool              `json:"replayed,omitempty"`
	Gap           *MatrixSyncGap    `json:"gap,omitempty"`
	Event         json.RawMessage   `json:"event,omitempty"`
}

// MatrixEventJSON returns an event as a JSON object for other programs, with
// the fields of [MatrixSyncEvent] in snake_case and, as event, the event as the
// server sent it, or what was in it where it was encrypted. room_id, encrypted
// and trust are always there; what is empty is left out. An event that can't be
// decrypted has kind "encrypted" and a reason, and missing ones kind "gap".
//
// More in matrix_event_json.md:
//   - All but kind, room_id, trust and reason is as its sender wrote it: a
//     script that obeys looks at sender and trust first.
//   - A terminal may be steered by what is in it: json_line escapes that.
func MatrixEventJSON(evt MatrixSyncEvent, cfg MatrixEventJSONConfig) json.RawMessage {
	out := eventJSON{
		Kind: evt.Kind, RoomID: evt.RoomID, EventID: evt.EventID, Time: evt.Timestamp,
		Sender: evt.Sender, SenderName: cfg.Name, Type: evt.Type, StateKey: evt.StateKey,
		MsgType: evt.MsgType, Body: evt.Body,
		ThreadRoot: evt.ThreadRoot, ReplyTo: evt.ReplyTo, Edits: evt.Edits, Redacts: evt.Redacts,
		RelatesTo: evt.RelatesTo, Key: evt.Key,
		Encrypted: evt.Encrypted, Trust: evt.Trust, Reason: evt.Reason, TransactionID: evt.TransactionID,
		Redelivered: evt.Redelivered, Replayed: evt.Replayed, Gap: evt.Gap, Event: evt.Raw,
	}
	if !json.Valid(out.Event) {
		out.Event = nil
	}
	text, err := json.Marshal(out)
	if err != nil { // a time.Time outside of the years 0 to 9999
		out.Time = time.Time{}
		text, _ = json.Marshal(out)
	}
	return text
}
