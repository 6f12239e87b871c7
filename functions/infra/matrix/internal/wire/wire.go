// Package wire reads events as homeservers send them.
package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Field returns the value of a key of an object. The key is taken
// literally: gjson's own Get reads dots and stars as a path.
func Field(object gjson.Result, key string) (field gjson.Result) {
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

// String returns a string as valid UTF-8, and "" for a value of
// another type.
func String(value gjson.Result) string {
	if value.Type != gjson.String {
		return ""
	}
	if !utf8.ValidString(value.Str) {
		return strings.ToValidUTF8(value.Str, "\ufffd")
	}
	return value.Str
}

// Event returns an event in mautrix's form, with its content parsed as far
// as mautrix knows the type.
func Event(room id.RoomID, raw json.RawMessage) (*event.Event, error) {
	var e event.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	e.RoomID = room
	e.Type.Class = event.MessageEventType
	if e.StateKey != nil {
		e.Type.Class = event.StateEventType
	}
	if err := e.Content.ParseRaw(e.Type); err != nil && !errors.Is(err, event.ErrUnsupportedContentType) {
		return nil, err
	}
	return &e, nil
}
