package matrix_test

import (
	"encoding/json"
	"testing"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixEventParse_Room(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"type":"m.x","room_id":"!own:x"}`)
	if e := matrix.MatrixEventParse("!sync:x", raw); e.RoomID != "!sync:x" || string(e.Raw) != string(raw) {
		t.Errorf("%+v", e)
	}
	if e := matrix.MatrixEventParse("", raw); e.RoomID != "!own:x" {
		t.Errorf("%+v", e)
	}
}

// A sender must not be able to name another one in addition to the server's
// key.
func TestMatrixEventParse_ExactCase(t *testing.T) {
	t.Parallel()
	e := matrix.MatrixEventParse("!r:x", json.RawMessage(`{"type":"m.x","sender":"@a:x","SENDER":"@b:x","Event_ID":"$1"}`))
	if e.Sender != "@a:x" || e.EventID != "" {
		t.Errorf("%+v", e)
	}
}

func TestMatrixEventParse_NoObject(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`null`, `[]`, `"m.x"`, `17`} {
		if e := matrix.MatrixEventParse("!r:x", json.RawMessage(raw)); e.Type != "" || string(e.Raw) != raw {
			t.Errorf("%s: %+v", raw, e)
		}
	}
}
