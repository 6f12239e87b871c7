package matrix

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/id"
)

// The rooms of all looks together are those that joined, each look has as many
// as go into a URL, and they come in their order.
func TestOutboxTransactions_Join(t *testing.T) {
	t.Parallel()
	var looks outboxTransactions
	const rooms = 2*transactionsRooms + 7
	joined := map[*transactionsLook]int{}
	for n := range rooms {
		joined[looks.join(id.RoomID(fmt.Sprint("!", n)), n)]++
	}
	for n := 0; n < rooms; {
		look := looks.next()
		if look == nil {
			t.Fatalf("no look for room %d", n)
		}
		if len(look.rooms) != joined[look] || len(look.rooms) != min(transactionsRooms, rooms-n) {
			t.Errorf("a look for %d rooms, %d joined it", len(look.rooms), joined[look])
		}
		for range len(look.rooms) {
			if !look.rooms[id.RoomID(fmt.Sprint("!", n))] {
				t.Errorf("room %d is not in its look", n)
			}
			n++
		}
		if look.limit != n-1 {
			t.Errorf("a limit of %d, want %d", look.limit, n-1)
		}
	}
	if looks.next() != nil {
		t.Error("a look for no room")
	}
}
