package matrixtest

import (
	"context"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// OutboxQuick has waits that fit a test.
var OutboxQuick = matrixoutbox.MatrixOutboxConfig{
	Backoff: core.BackoffDelayConfig{Initial: 20 * time.Millisecond, Max: 200 * time.Millisecond},
	Settle:  300 * time.Millisecond, RequestTimeout: 10 * time.Second, Poll: 50 * time.Millisecond,
}

// StartOutbox starts an outbox of a client on a new database, or on cfg's, and
// stops it with the test.
func StartOutbox(t testing.TB, client *mautrix.Client, cfg matrixoutbox.MatrixOutboxConfig) *matrixoutbox.MatrixOutboxHandle {
	t.Helper()
	if cfg.DB == nil {
		cfg.DB = DB(t).Writer
	}
	cfg.Client = client
	outbox, err := matrixoutbox.MatrixOutbox(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outbox.Stop(context.Background()) })
	return outbox
}

// OutboxSent waits for items, and returns their event IDs.
func OutboxSent(t testing.TB, outbox *matrixoutbox.MatrixOutboxHandle, transactions ...string) []id.EventID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var ids []id.EventID
	for _, txn := range transactions {
		eventID, err := outbox.Wait(ctx, txn)
		if err != nil {
			entry, _ := outbox.Entry(t.Context(), txn)
			t.Fatalf("%s: %v (%+v)", txn, err, entry)
		}
		ids = append(ids, eventID)
	}
	return ids
}
