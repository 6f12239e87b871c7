package matrix_test

import (
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// Two sends with the same transaction ID are one event.
func TestMatrixSendEvent_Custom(t *testing.T) {
	t.Parallel()
	client := newClient(t, "custom")
	room := newRoom(t, client)
	cfg := matrix.MatrixSendEventConfig{
		Client: client, Room: room, Type: "org.example.build",
		Content: map[string]any{"number": 12}, TransactionID: "build-12",
	}
	sent, err := matrix.MatrixSendEvent(t.Context(), cfg)
	if err != nil || sent.Queued || sent.TransactionID != "build-12" {
		t.Fatalf("%+v %v", sent, err)
	}
	if got := contentOf(t, client, room, sent.EventID); got != `{"number":12}` {
		t.Errorf("sent %s", got)
	}
	again, err := matrix.MatrixSendEvent(t.Context(), cfg)
	if err != nil || again != sent {
		t.Errorf("%+v, then %+v %v", sent, again, err)
	}
}

func TestMatrixSendEvent_Refused(t *testing.T) {
	t.Parallel()
	client := newClient(t, "refused")
	good := matrix.MatrixSendEventConfig{Client: client, Room: "!r:x", Type: "org.example.x", Content: map[string]any{}}
	for name, spoil := range map[string]func(*matrix.MatrixSendEventConfig){
		"no way out":   func(cfg *matrix.MatrixSendEventConfig) { cfg.Client = nil },
		"no room":      func(cfg *matrix.MatrixSendEventConfig) { cfg.Room = "#alias:x" },
		"no type":      func(cfg *matrix.MatrixSendEventConfig) { cfg.Type = "" },
		"no object":    func(cfg *matrix.MatrixSendEventConfig) { cfg.Content = []int{1} },
		"no JSON":      func(cfg *matrix.MatrixSendEventConfig) { cfg.Content = make(chan int) },
		"a stand-in":   func(cfg *matrix.MatrixSendEventConfig) { cfg.Content = map[string]any{"redacts": "~1"} },
		"bad ID":       func(cfg *matrix.MatrixSendEventConfig) { cfg.TransactionID = "a/b" },
		"nothing sent": func(cfg *matrix.MatrixSendEventConfig) { cfg.Content = nil },
	} {
		cfg := good
		spoil(&cfg)
		sent, err := matrix.MatrixSendEvent(t.Context(), cfg)
		if core.ErrorCode(err) != core.CodeInvalid || sent != (matrix.MatrixSent{}) {
			t.Errorf("%s: %+v %v", name, sent, err)
		}
	}
}
