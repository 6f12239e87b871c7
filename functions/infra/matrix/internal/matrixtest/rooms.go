package matrixtest

import (
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Events returns all events of a type in a room, oldest first.
func Events(t testing.TB, client *mautrix.Client, room id.RoomID, eventType string) []*event.Event {
	t.Helper()
	var events []*event.Event
	seen := map[id.EventID]bool{} // Dendrite gives one event twice at a page boundary
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

// Bodies returns the texts of a room's messages, oldest first, once there are n
// of them: Dendrite shows an event in /messages a moment after it has accepted
// it.
func Bodies(t testing.TB, client *mautrix.Client, room id.RoomID, n int) []string {
	t.Helper()
	var texts []string
	Until(t, fmt.Sprintf("%d messages", n), func() bool {
		texts = nil
		for _, evt := range Events(t, client, room, "m.room.message") {
			body, _ := evt.Content.Raw["body"].(string)
			texts = append(texts, body)
		}
		return len(texts) >= n
	})
	return texts
}

// Event returns an event, once the server shows it.
func Event(t testing.TB, client *mautrix.Client, room id.RoomID, eventID id.EventID) *event.Event {
	t.Helper()
	var evt *event.Event
	Until(t, "event", func() (found bool) {
		var err error
		evt, err = client.GetEvent(t.Context(), room, eventID)
		return err == nil
	})
	return evt
}
