package matrixsync_test

import (
	"testing"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

func TestMatrixEventGet_PlainAndLocked(t *testing.T) {
	t.Parallel()
	client := newClient(t, "getter")
	room := newRoom(t, client)
	plain, err := client.SendText(t.Context(), room, "hello")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := client.SendMessageEvent(t.Context(), room, event.EventEncrypted, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
	if err != nil {
		t.Fatal(err)
	}
	matrixtest.Event(t, client, room, locked.EventID)
	cfg := matrixsync.MatrixEventGetConfig{Client: client, Room: room, EventID: plain.EventID}
	evt, err := matrixsync.MatrixEventGet(t.Context(), cfg)
	if err != nil || evt.Body != "hello" || evt.Sender != client.UserID || evt.RoomID != room || evt.EventID != plain.EventID {
		t.Errorf("%+v, %v", evt, err)
	}
	cfg.EventID = locked.EventID
	if evt, err = matrixsync.MatrixEventGet(t.Context(), cfg); err != nil || evt.Kind != matrix.MatrixKindEncrypted || evt.Reason == "" {
		t.Errorf("without encryption: %+v, %v", evt, err)
	}
	if _, err := client.RedactEvent(t.Context(), room, locked.EventID); err != nil {
		t.Fatal(err)
	}
	matrixtest.Until(t, "redaction", func() bool {
		evt, err = matrixsync.MatrixEventGet(t.Context(), cfg)
		return err != nil || evt.Reason == "redacted"
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMatrixEventGet_Wrong(t *testing.T) {
	t.Parallel()
	client := newClient(t, "getter")
	room := newRoom(t, client)
	for name, c := range map[string]struct {
		cfg  matrixsync.MatrixEventGetConfig
		want core.Code
	}{
		"no client":     {matrixsync.MatrixEventGetConfig{Room: room, EventID: "$e"}, core.CodeInvalid},
		"no room":       {matrixsync.MatrixEventGetConfig{Client: client, EventID: "$e"}, core.CodeInvalid},
		"no ID":         {matrixsync.MatrixEventGetConfig{Client: client, Room: room, EventID: "../state"}, core.CodeInvalid},
		"unknown event": {matrixsync.MatrixEventGetConfig{Client: client, Room: room, EventID: "$nothing"}, core.CodeNotFound},
	} {
		if _, err := matrixsync.MatrixEventGet(t.Context(), c.cfg); core.ErrorCode(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
