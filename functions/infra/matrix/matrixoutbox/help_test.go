package matrixoutbox_test

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// outboxSends is the pattern of requests that send a message.
var outboxSends = sendsOf("m.room.message")

// sendsOf is the pattern of requests that send an event of a type.
func sendsOf(eventType string) string {
	return "PUT /_matrix/client/v3/rooms/{room}/send/" + eventType + "/"
}

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

func outboxText(room id.RoomID, body string) matrix.MatrixOutboxItem {
	return matrix.MatrixOutboxItem{Room: room, Type: "m.room.message", Content: map[string]any{"msgtype": "m.text", "body": body}}
}

func outboxPut(t testing.TB, outbox *matrixoutbox.MatrixOutboxHandle, items ...matrix.MatrixOutboxItem) []string {
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
