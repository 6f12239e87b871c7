package matrixsync_test

import (
	"context"
	"errors"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// pingBot is the bot of docs/matrix.md.
func pingBot(client *mautrix.Client, outbox matrix.MatrixEnqueuer) func(context.Context, matrix.MatrixSyncEvent) error {
	return func(ctx context.Context, evt matrix.MatrixSyncEvent) error {
		if !matrix.MatrixMessageFor(client.UserID, evt) || evt.Body != "!ping" {
			return nil
		}
		_, err := matrix.MatrixSendMessage(ctx, matrix.MatrixSendMessageConfig{
			Outbox: outbox, Room: evt.RoomID, Message: matrix.MatrixMessage{Text: "pong", Kind: "notice"},
			RelatesTo:     matrix.MatrixThreadRelation(evt, matrix.MatrixThreadRelationConfig{}),
			TransactionID: "pong-" + string(evt.EventID),
		})
		return err
	}
}

// runPingBot runs the bot until handled returns an error, which it returns, or
// ctx ends. The event of that error is answered, and not acknowledged.
func runPingBot(
	ctx context.Context, t *testing.T, client *mautrix.Client, db *sqliteopen.SQLiteOpenHandle, handled func(evt matrix.MatrixSyncEvent, outbox *matrixoutbox.MatrixOutboxHandle) error,
) error {
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		return err
	}
	outbox, err := matrixoutbox.MatrixOutbox(t.Context(), matrixoutbox.MatrixOutboxConfig{Client: client, DB: db.Writer})
	if err != nil {
		return err
	}
	defer matrixtest.Stop(t, outbox)
	bot := pingBot(client, outbox)
	return matrixsync.MatrixSyncEach(ctx, matrixsync.MatrixSyncServiceConfig{Client: client, Store: store}, func(ctx context.Context, evt matrix.MatrixSyncEvent) error {
		if err := bot(ctx, evt); err != nil {
			return err
		}
		return handled(evt, outbox)
	})
}

// pongs counts the answers in a room.
func pongs(t *testing.T, client *mautrix.Client, room id.RoomID) (n int) {
	t.Helper()
	for _, evt := range matrixtest.Events(t, client, room, "m.room.message") {
		if evt.Content.Raw["body"] == "pong" {
			n++
		}
	}
	return n
}

// The bot of docs/matrix.md answers each order once, and nothing that merely
// looks like one: history from before its first start and its joining, an edit,
// a notice, a custom event, a state event. It dies between an answer and its
// acknowledgement, and is started again two days later.
func TestMatrixSyncEach_Bot(t *testing.T) {
	t.Parallel()
	client, alice := newClient(t, "bot"), newClient(t, "alice")
	room, other, db := newRoom(t, alice, client), newRoom(t, alice), newDB(t)
	send(t, alice, room, "!ping")
	send(t, alice, other, "!ping")
	inSync(t, client, room, "!ping")

	ready, crashed := make(chan struct{}), errors.New("crashed")
	ended := make(chan error, 1)
	go func() {
		ended <- runPingBot(t.Context(), t, client, db, func(evt matrix.MatrixSyncEvent, outbox *matrixoutbox.MatrixOutboxHandle) error {
			switch evt.Body {
			case "ready?":
				select {
				case <-ready:
				default:
					close(ready)
				}
			case "crash":
				return crashed
			}
			return nil
		})
	}()
	until(t, "bot", func() bool {
		send(t, alice, room, "ready?")
		select {
		case <-ready:
			return true
		default:
			return false
		}
	})
	post := func(eventType event.Type, content any) id.EventID {
		t.Helper()
		sent, err := alice.SendMessageEvent(t.Context(), room, eventType, content)
		if err != nil {
			t.Fatal(err)
		}
		return sent.EventID
	}
	body := map[string]any{"msgtype": "m.text", "body": "!ping"}
	ping := post(event.EventMessage, body)
	post(event.EventMessage, map[string]any{
		"msgtype": "m.text", "body": "* !ping", "m.new_content": body,
		"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": ping},
	})
	post(event.EventMessage, map[string]any{"msgtype": "m.notice", "body": "!ping"})
	post(event.NewEventType("dev.fnregistry.test"), body)
	state := event.Type{Type: "dev.fnregistry.test", Class: event.StateEventType}
	if _, err := alice.SendStateEvent(t.Context(), room, state, "", body); err != nil {
		t.Fatal(err)
	}
	letIn(t, alice, client, other)
	send(t, alice, other, "!ping")
	until(t, "answer in the room joined", func() bool { return pongs(t, alice, other) > 0 })
	send(t, alice, room, "crash")
	if err := <-ended; !errors.Is(err, crashed) {
		t.Fatalf("ended with %v", err)
	}
	if a, b := pongs(t, alice, room), pongs(t, alice, other); a != 1 || b != 1 {
		t.Errorf("%d and %d answers, want 1 and 1", a, b)
	}

	// Answered, and not acknowledged.
	send(t, alice, room, "!ping")
	err := runPingBot(t.Context(), t, client, db, func(evt matrix.MatrixSyncEvent, outbox *matrixoutbox.MatrixOutboxHandle) error {
		if !matrix.MatrixMessageFor(client.UserID, evt) || evt.Body != "!ping" {
			return nil
		}
		matrixtest.OutboxSent(t, outbox, "pong-"+string(evt.EventID))
		later, err := outbox.Enqueue(t.Context(), matrix.MatrixOutboxItem{ // the last of a room is always remembered
			Room: room, Type: "m.room.message", Content: map[string]any{"msgtype": "m.notice", "body": "later"},
		})
		if err != nil {
			return err
		}
		matrixtest.OutboxSent(t, outbox, later...)
		return crashed
	})
	if !errors.Is(err, crashed) {
		t.Fatalf("ended with %v", err)
	}
	if _, err := db.Writer.ExecContext(t.Context(), "UPDATE matrix_outbox SET done_at = done_at - 2 * 86400000"); err != nil {
		t.Fatal(err)
	}
	send(t, alice, room, "!ping")
	ctx, cancel := context.WithCancel(t.Context())
	again := 0
	err = runPingBot(ctx, t, client, db, func(evt matrix.MatrixSyncEvent, outbox *matrixoutbox.MatrixOutboxHandle) error {
		if !matrix.MatrixMessageFor(client.UserID, evt) || evt.Body != "!ping" {
			return nil
		}
		if evt.Redelivered {
			again++
			return nil
		}
		matrixtest.OutboxSent(t, outbox, "pong-"+string(evt.EventID))
		cancel()
		return nil
	})
	if err != nil || again != 1 {
		t.Errorf("ended with %v, %d events came again", err, again)
	}
	if n := pongs(t, alice, room); n != 3 {
		t.Errorf("%d answers to 3 orders", n)
	}
}
