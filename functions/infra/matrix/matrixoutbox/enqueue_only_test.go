package matrixoutbox_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
)

// An outbox that only takes items leaves the queue to the one that sends, in
// another process or in this one, and reports what it did.
func TestMatrixOutbox_EnqueueOnly(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	path := filepath.Join(t.TempDir(), "outbox.db")
	open := func() *sqliteopen.SQLiteOpenHandle {
		db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	cfg := outboxQuick
	cfg.DB, cfg.EnqueueOnly = open().Writer, true
	queue := startOutbox(t, &mautrix.Client{UserID: s.client.UserID}, cfg) // no server, no token
	first := outboxPut(t, queue, outboxItems(s.room, 0, 3)...)
	ctx, cancel := context.WithTimeout(t.Context(), 4*outboxQuick.Poll)
	defer cancel()
	if _, err := queue.Wait(ctx, first[0]); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("waited for: %v", err)
	}
	if entry, err := queue.Entry(t.Context(), first[0]); err != nil || entry.State != "queued" || entry.Tries != 0 {
		t.Errorf("%+v, %v", entry, err)
	}

	sending := outboxQuick
	sending.DB = open().Writer
	sender := startOutbox(t, s.client, sending)
	outboxSent(t, queue, first...)
	beside := cfg
	beside.DB = sending.DB
	second := startOutbox(t, s.client, beside)
	outboxSent(t, second, outboxPut(t, second, outboxItems(s.room, 3, 6)...)...)
	outboxSent(t, queue, outboxPut(t, queue, outboxItems(s.room, 6, 9)...)...)
	if err := sender.Err(); err != nil {
		t.Errorf("the sender ended with %v", err)
	}

	// What the sender sets aside the other hears of, and may retry or drop.
	refuse := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Status{Code: 403, Body: `{"errcode":"M_FORBIDDEN","error":"no"}`}})
	refused := outboxPut(t, queue, outboxText(s.room, "9"), outboxText(s.room, "dropped"))
	for _, transaction := range refused {
		_, err := queue.Wait(t.Context(), transaction)
		if _, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err); !ok {
			t.Errorf("waited for: %v", err)
		}
	}
	if err := refuse.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s.proxy.Heal()
	if n, err := queue.Drop(t.Context(), refused[1]); n != 1 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	if n, err := queue.Retry(t.Context()); n != 1 || err != nil {
		t.Errorf("%d are tried again, %v", n, err)
	}
	stop(t, sender)
	outboxSent(t, startOutbox(t, s.client, sending), refused[0]) // Retry wakes no other process
	if got := outboxBodies(t, s.direct, s.room, 10); !slices.Equal(got, outboxTexts(0, 10)) {
		t.Errorf("sent %v", got)
	}
	waiting := outboxPut(t, queue, outboxText("!nowhere:example.org", "x"))
	stop(t, queue)
	if _, err := queue.Wait(t.Context(), waiting[0]); core.ErrorCode(err) != core.CodeUnavailable && core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("after Stop: %v", err)
	}
}

// Whether a room is encrypted the process that sends finds out: this one need
// not have encryption.
func TestMatrixOutbox_EnqueueOnlyEncrypted(t *testing.T) {
	t.Parallel()
	const room id.RoomID = "!encrypted:example.org"
	client := newClient(t, "encrypted")
	client.StateStore = mautrix.NewMemoryStateStore()
	setting := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
	if err := client.StateStore.SetEncryptionEvent(t.Context(), room, setting); err != nil {
		t.Fatal(err)
	}
	cfg := outboxQuick
	cfg.DB, cfg.EnqueueOnly = newDB(t).Writer, true
	queue := startOutbox(t, client, cfg)
	outboxPut(t, queue, outboxText(room, "for the other to encrypt"))
	if _, err := queue.Enqueue(t.Context(), outboxText("nowhere", "x")); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a bad item: %v", err)
	}
	// The gate of the one that sends holds for it all the same.
	cfg.EnqueueOnly = false
	sender := startOutbox(t, client, cfg)
	entries, err := sender.Entries(t.Context(), "queued", 0)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%+v, %v", entries, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := sender.Wait(ctx, entries[0].TransactionID); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("waited for: %v", err)
	}
}

func TestMatrixOutbox_EnqueueOnlyConformance(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		client := &mautrix.Client{UserID: "@me:example.org"}
		return matrixoutbox.MatrixOutbox(ctx, matrixoutbox.MatrixOutboxConfig{Client: client, DB: db, EnqueueOnly: true})
	})
}
