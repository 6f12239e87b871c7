package matrixsync_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// syncWait limits how long a test waits: for a real server on a loaded machine.
const syncWait = matrixtest.Patience

// startSync starts a service that ends with the test.
func startSync(t testing.TB, cfg matrixsync.MatrixSyncServiceConfig) *matrixsync.MatrixSyncServiceHandle {
	t.Helper()
	service, err := matrixsync.MatrixSyncService(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Stop)
	return service
}

// newStore creates a store in a database of its own.
func newStore(t testing.TB) *matrixsync.MatrixSyncStoreHandle {
	t.Helper()
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: newDB(t).Writer})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// next returns the next event.
func next(t testing.TB, service *matrixsync.MatrixSyncServiceHandle) matrix.MatrixSyncEvent {
	t.Helper()
	select {
	case e, ok := <-service.Events:
		if !ok {
			t.Fatal("Events is closed")
		}
		return e
	case <-time.After(syncWait):
		t.Fatalf("no event came; health: %+v", service.Health())
	}
	panic("unreachable")
}

// nextThat returns the next wanted event, and acknowledges it and those before
// it.
func nextThat(t testing.TB, service *matrixsync.MatrixSyncServiceHandle, wanted func(matrix.MatrixSyncEvent) bool) matrix.MatrixSyncEvent {
	t.Helper()
	for {
		e := next(t, service)
		if err := e.Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wanted(e) {
			return e
		}
	}
}

// nextMessage returns the next m.room.message.
func nextMessage(t testing.TB, service *matrixsync.MatrixSyncServiceHandle) matrix.MatrixSyncEvent {
	t.Helper()
	return nextThat(t, service, func(e matrix.MatrixSyncEvent) bool { return e.Type == "m.room.message" })
}

// nextError returns the next error.
func nextError(t testing.TB, service *matrixsync.MatrixSyncServiceHandle) error {
	t.Helper()
	select {
	case err, ok := <-service.Errors:
		if !ok {
			t.Fatal("Errors is closed")
		}
		return err
	case <-time.After(syncWait):
		t.Fatalf("no error came; health: %+v", service.Health())
	}
	panic("unreachable")
}

// wantMessages reads messages until the last of the bodies has arrived, and
// checks that they arrived in order, each once.
func wantMessages(t testing.TB, service *matrixsync.MatrixSyncServiceHandle, bodies []string) []matrix.MatrixSyncEvent {
	t.Helper()
	var got []string
	var events []matrix.MatrixSyncEvent
	for len(got) < len(bodies) {
		e := nextMessage(t, service)
		got, events = append(got, e.Body), append(events, e)
		if e.Body == bodies[len(bodies)-1] {
			break
		}
	}
	if !slices.Equal(got, bodies) {
		t.Fatalf("got %d messages %q\nwant %d %q", len(got), got, len(bodies), bodies)
	}
	return events
}

// wantClosed drains a channel and checks that it is closed.
func wantClosed[T any](t testing.TB, what string, channel <-chan T) {
	t.Helper()
	deadline := time.After(syncWait)
	for {
		select {
		case _, ok := <-channel:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatalf("%s is not closed", what)
		}
	}
}

func send(t testing.TB, client *mautrix.Client, room id.RoomID, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		// t.Context is done in a Cleanup.
		if _, err := client.SendText(context.WithoutCancel(t.Context()), room, body); err != nil {
			t.Fatal(err)
		}
	}
}

// waitHealth waits until the service is in a state.
func waitHealth(t testing.TB, service *matrixsync.MatrixSyncServiceHandle, state string) matrixsync.MatrixSyncHealth {
	t.Helper()
	for deadline := time.Now().Add(syncWait); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if health := service.Health(); health.State == state {
			return health
		}
	}
	t.Fatalf("health is %+v, want %s", service.Health(), state)
	panic("unreachable")
}

// inSync waits until an initial sync has a room's last message: Dendrite
// answers a send earlier.
func inSync(t testing.TB, client *mautrix.Client, room id.RoomID, body string) {
	t.Helper()
	const filter = `{"room":{"timeline":{"limit":1}}}`
	asked := 0
	until(t, "message in a sync", func() bool {
		asked++ // as the timeout, which keeps Synapse from giving its last answer again
		answer, err := client.SyncRequest(t.Context(), asked, "", filter, false, event.PresenceOffline)
		if err != nil {
			t.Fatal(err)
		}
		joined := answer.Rooms.Join[room]
		if joined == nil {
			return false
		}
		return slices.ContainsFunc(joined.Timeline.Events, func(e *event.Event) bool { return e.Content.Raw["body"] == body })
	})
}
