package matrix_test

import (
	"encoding/json"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixEventJSON_Fields(t *testing.T) {
	t.Parallel()
	raw := `{"type":"m.room.message","content":{"body":"hi","msgtype":"m.text"}}`
	for want, evt := range map[string]matrix.MatrixSyncEvent{
		`{"room_id":"!r:b","event_id":"$e","time":"2026-01-02T03:04:05.006Z","sender":"@a:b","sender_name":"Al","type":"m.room.message",` +
			`"msgtype":"m.text","body":"hi","thread_root":"$t","encrypted":true,"trust":"cross-signed","event":` + raw + `}`: {
			RoomID: "!r:b", EventID: "$e", Sender: "@a:b", Type: "m.room.message", MsgType: "m.text", Body: "hi", ThreadRoot: "$t",
			Encrypted: true, Decrypted: true, Trust: matrix.MatrixTrustCrossSigned, Raw: json.RawMessage(raw),
			Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
		},
		`{"kind":"gap","room_id":"!r:b","sender_name":"Al","encrypted":false,"trust":"none","gap":{"from":"a","to":"b"}}`: {
			Kind: matrix.MatrixKindGap, RoomID: "!r:b", Gap: &matrix.MatrixSyncGap{From: "a", To: "b"},
		},
		`{"kind":"encrypted","room_id":"!r:b","sender_name":"Al","encrypted":true,"trust":"none","reason":"no key"}`: {
			Kind: matrix.MatrixKindEncrypted, RoomID: "!r:b", Encrypted: true, Reason: "no key",
		},
		`{"room_id":"!r:b","sender_name":"Al","state_key":"","encrypted":false,"trust":"none"}`: {
			RoomID: "!r:b", StateKey: new(string), Raw: json.RawMessage(`{"cut`), Timestamp: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	} {
		if got := string(matrix.MatrixEventJSON(evt, matrix.MatrixEventJSONConfig{Name: "Al"})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
