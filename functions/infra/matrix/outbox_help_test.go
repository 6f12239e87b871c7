package matrix_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// outboxSends is the pattern of requests that send an event.
const outboxSends = "PUT /_matrix/client/v3/rooms/{room}/send/"

// outboxSetup is a user, a room, and a proxy between them and the homeserver.
type outboxSetup struct {
	direct *mautrix.Client // past the proxy
	client *mautrix.Client // through it
	proxy  *fault.HTTPProxy
	room   id.RoomID
}

func newOutboxSetup(t testing.TB) outboxSetup {
	t.Helper()
	return outboxSetupOn(t, servers.Matrix(t))
}

func outboxSetupOn(t testing.TB, server servers.Homeserver) outboxSetup {
	t.Helper()
	user := server.NewUser(t, "outbox")
	direct := clientFor(t, server.URL, user)
	proxy := fault.HTTP(t, server.URL)
	return outboxSetup{direct: direct, client: clientFor(t, proxy.URL(), user), proxy: proxy, room: newRoom(t, direct)}
}

// outboxQuick has waits that fit a test.
var outboxQuick = matrix.MatrixOutboxConfig{
	Backoff: core.BackoffDelayConfig{Initial: 20 * time.Millisecond, Max: 200 * time.Millisecond},
	Settle:  300 * time.Millisecond, RequestTimeout: 10 * time.Second, Poll: 50 * time.Millisecond,
}

// startOutbox starts an outbox on a new database, or on cfg's, and stops it with the test.
func startOutbox(t testing.TB, client *mautrix.Client, cfg matrix.MatrixOutboxConfig) *matrix.MatrixOutboxHandle {
	t.Helper()
	if cfg.DB == nil {
		cfg.DB = newDB(t).Writer
	}
	cfg.Client = client
	outbox, err := matrix.MatrixOutbox(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(outbox.Stop)
	return outbox
}

func outboxText(room id.RoomID, body string) matrix.MatrixOutboxItem {
	return matrix.MatrixOutboxItem{Room: room, Type: "m.room.message", Content: map[string]any{"msgtype": "m.text", "body": body}}
}

func outboxPut(t testing.TB, outbox *matrix.MatrixOutboxHandle, items ...matrix.MatrixOutboxItem) []string {
	t.Helper()
	ids, err := outbox.Enqueue(t.Context(), items...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func outboxItems(room id.RoomID, from, to int) []matrix.MatrixOutboxItem {
	var items []matrix.MatrixOutboxItem
	for i := from; i < to; i++ {
		items = append(items, outboxText(room, fmt.Sprint(i)))
	}
	return items
}

func outboxTexts(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// outboxSent waits for items, and returns their event IDs.
func outboxSent(t testing.TB, outbox *matrix.MatrixOutboxHandle, transactions ...string) []id.EventID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

// outboxEvents returns all events of a type in a room, oldest first.
func outboxEvents(t testing.TB, client *mautrix.Client, room id.RoomID, eventType string) []*event.Event {
	t.Helper()
	var events []*event.Event
	seen := map[id.EventID]bool{} // Dendrite gives one event twice at the seam of two pages
	for from := ""; ; {
		page, err := client.Messages(t.Context(), room, from, "", mautrix.DirectionBackward, nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, evt := range page.Chunk {
			if evt.Type.Type == eventType && !seen[evt.ID] {
				events = append(events, evt)
			}
			seen[evt.ID] = true
		}
		if page.End == "" || page.End == from || len(page.Chunk) == 0 {
			slices.Reverse(events)
			return events
		}
		from = page.End
	}
}

// outboxBodies returns the texts of a room's messages, oldest first, once there are n of them: Dendrite shows an event in
// /messages a moment after it has accepted it.
func outboxBodies(t testing.TB, client *mautrix.Client, room id.RoomID, n int) []string {
	t.Helper()
	var texts []string
	until(t, fmt.Sprintf("%d messages", n), func() bool {
		texts = nil
		for _, evt := range outboxEvents(t, client, room, "m.room.message") {
			body, _ := evt.Content.Raw["body"].(string)
			texts = append(texts, body)
		}
		return len(texts) >= n
	})
	return texts
}

// outboxEvent returns an event, once the server shows it.
func outboxEvent(t testing.TB, client *mautrix.Client, room id.RoomID, eventID id.EventID) *event.Event {
	t.Helper()
	var evt *event.Event
	until(t, "event", func() (found bool) {
		var err error
		evt, err = client.GetEvent(t.Context(), room, eventID)
		return err == nil
	})
	return evt
}
