package matrix_test

import (
	"encoding/json"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixSyncEvent_AckWithoutService(t *testing.T) {
	t.Parallel()
	if err := (matrix.MatrixSyncEvent{}).Ack(); err != nil {
		t.Error(err)
	}
}

// A program may hand events on as JSON.
func TestMatrixSyncEvent_JSON(t *testing.T) {
	t.Parallel()
	e := matrix.MatrixEventParse("!r:x", json.RawMessage(benchEvent))
	e.Gap = &matrix.MatrixSyncGap{From: "a", To: "b"}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again matrix.MatrixSyncEvent
	if err := json.Unmarshal(text, &again); err != nil || again.EventID != e.EventID || !again.Timestamp.Equal(e.Timestamp) || *again.Gap != *e.Gap || !strings.Contains(string(again.Raw), "hello") {
		t.Errorf("%v, %s", err, text)
	}
}
