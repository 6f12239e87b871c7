package matrixoutbox_test

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// From outside, the parked items of an outbox that runs are listed, dropped and
// retried, and the outbox goes on.
func TestMatrixOutboxQueue_BesideAnOutbox(t *testing.T) {
	t.Parallel()
	client := newClient(t, "queue")
	room, db := newRoom(t, client), newDB(t).Writer
	cfg := outboxQuick
	cfg.DB = db
	outbox := startOutbox(t, client, cfg)
	queue, err := matrixoutbox.MatrixOutboxQueue(t.Context(), matrixoutbox.MatrixOutboxQueueConfig{DB: db, UserID: client.UserID})
	if err != nil {
		t.Fatal(err)
	}
	aside := func() (txns []string) {
		t.Helper()
		entries, err := queue.Entries(t.Context(), "aside", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if len(entry.Content) == 0 || entry.Error == "" {
				t.Errorf("%+v", entry)
			}
			txns = append(txns, entry.TransactionID)
		}
		return txns
	}
	other := newRoom(t, newClient(t, "other")) // which the client is not in
	txns := outboxPut(t, outbox, outboxText(other, "one"), outboxText(other, "two"))
	until(t, "two parked items", func() bool { return len(aside()) == 2 })
	if got := aside(); !slices.Equal(got, txns) {
		t.Errorf("parked: %v, want %v", got, txns)
	}
	if n, err := queue.Drop(t.Context(), txns[0], "unknown"); n != 1 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	// The outbox has seen newer items since.
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(room, "three"))...)
	if _, err := db.ExecContext(t.Context(), "UPDATE matrix_outbox SET room = ? WHERE txn = ?", room, txns[1]); err != nil {
		t.Fatal(err)
	}
	if n, err := queue.Retry(t.Context()); n != 1 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if got := outboxBodies(t, client, room, 2); !slices.Equal(got, []string{"three", "two"}) {
		t.Errorf("sent %v", got)
	}
	if got := aside(); len(got) != 0 {
		t.Errorf("still parked: %v", got)
	}
	if n, err := queue.Drop(t.Context()); n != 0 || err != nil {
		t.Errorf("dropped %d of none, %v", n, err)
	}
}

func TestMatrixOutboxQueue_Wrong(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	for _, cfg := range []matrixoutbox.MatrixOutboxQueueConfig{{UserID: "@a:b"}, {DB: db}, {DB: db, UserID: id.UserID("a")}} {
		if _, err := matrixoutbox.MatrixOutboxQueue(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	queue, err := matrixoutbox.MatrixOutboxQueue(t.Context(), matrixoutbox.MatrixOutboxQueueConfig{DB: db, UserID: "@a:b"})
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := queue.Entries(t.Context(), "queued", 0); len(entries) != 0 || err != nil {
		t.Errorf("a new queue: %v, %v", entries, err)
	}
	if _, err := queue.Entries(t.Context(), "lost", 0); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("no state: %v", err)
	}
}
