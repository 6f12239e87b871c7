package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// A key is matched literally, and its value must be a string.
func TestField(t *testing.T) {
	t.Parallel()
	object := gjson.Parse("{\"a.b\":\"dots\",\"a\":{\"b\":1},\"n\":17,\"bad\":\"x\xff\"}")
	for key, want := range map[string]string{"a.b": "dots", "a": "", "n": "", "bad": "x\ufffd", "none": "", "*": ""} {
		if got := wire.String(wire.Field(object, key)); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if field := wire.Field(gjson.Parse(`[1]`), "0"); field.Exists() {
		t.Errorf("a field of a list: %v", field)
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	e, err := wire.Event("!r:x", json.RawMessage(`{"type":"m.room.name","state_key":"","content":{"name":"ops"}}`))
	if err != nil || e.RoomID != "!r:x" || e.Type != event.StateRoomName || e.Content.AsRoomName().Name != "ops" {
		t.Errorf("%+v %v", e, err)
	}
	if e, err = wire.Event("!r:x", json.RawMessage(`{"type":"org.example.x","content":{}}`)); err != nil || e.Type.Class != event.MessageEventType {
		t.Errorf("an unknown type: %+v %v", e, err)
	}
	if _, err := wire.Event("!r:x", json.RawMessage(`[]`)); err == nil {
		t.Error("a list is no event")
	}
}
