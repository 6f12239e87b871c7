package matrix_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

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

// Nothing is sent unencrypted to a room that the client knows to be encrypted.
func TestMatrixSendEvent_EncryptedRoomWithoutCrypto(t *testing.T) {
	t.Parallel()
	client := newClient(t, "clear")
	room := newRoom(t, client)
	first, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: "open"}})
	if err != nil {
		t.Fatal(err)
	}
	client.StateStore = mautrix.NewMemoryStateStore()
	if err := client.StateStore.SetEncryptionEvent(t.Context(), room, &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
	outbox := startOutbox(t, client, outboxQuick)
	message := matrix.MatrixMessage{Text: "secret"}
	for _, queue := range []matrix.MatrixEnqueuer{nil, outbox} {
		for name, sendIt := range map[string]func() error{
			"send": func() error {
				_, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Client: client, Outbox: queue, Room: room, Message: message})
				return err
			},
			"edit": func() error {
				_, err := matrix.MatrixEditMessage(t.Context(), matrix.MatrixEditMessageConfig{Client: client, Outbox: queue, Room: room, Target: first.EventID, Message: message})
				return err
			},
			"react": func() error {
				_, err := matrix.MatrixReact(t.Context(), matrix.MatrixReactConfig{Client: client, Outbox: queue, Room: room, Target: first.EventID, Key: "secret"})
				return err
			},
			"event": func() error {
				_, err := matrix.MatrixSendEvent(t.Context(), matrix.MatrixSendEventConfig{Client: client, Outbox: queue, Room: room, Type: "org.example.x", Content: map[string]string{"x": "secret"}})
				return err
			},
			"redact": func() error {
				_, err := matrix.MatrixRedactMessage(t.Context(), matrix.MatrixRedactMessageConfig{Client: client, Outbox: queue, Room: room, Target: first.EventID, Reason: "secret"})
				return err
			},
		} {
			if err := sendIt(); core.ErrorCode(err) != core.CodeUnsupported || core.ErrorHint(err) == "" {
				t.Errorf("%s, outbox %v: %v", name, queue != nil, err)
			}
		}
	}
	// Events without content may be sent.
	last, err := matrix.MatrixRedactMessage(t.Context(), matrix.MatrixRedactMessageConfig{Client: client, Room: room, Target: first.EventID})
	if err != nil {
		t.Fatal(err)
	}
	outboxEvent(t, client, room, last.EventID)
	page, err := client.Messages(t.Context(), room, "", "", mautrix.DirectionBackward, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, evt := range page.Chunk {
		if strings.Contains(string(evt.Content.VeryRaw), "secret") {
			t.Errorf("went out: %s %s", evt.Type.Type, evt.Content.VeryRaw)
		}
	}
}
