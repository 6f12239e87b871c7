package matrixoutbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// The requests together cover exactly the rooms that joined, each as many as
// fit into a URL, in their order.
func TestLooks_Join(t *testing.T) {
	t.Parallel()
	var all looks
	const rooms = 500
	room := func(n int) id.RoomID { return id.RoomID(fmt.Sprintf("!%03d:example.org", n)) }
	size := transactionsSize(room(0))
	joined := map[*look]int{}
	for n := range rooms {
		joined[all.join(room(n), n)]++
	}
	for n := 0; n < rooms; {
		look := all.next()
		if look == nil {
			t.Fatalf("no look for room %d", n)
		}
		if len(look.rooms) != joined[look] || len(look.rooms) != min(transactionsBytes/size, rooms-n) {
			t.Errorf("a look for %d rooms, %d joined it", len(look.rooms), joined[look])
		}
		for range len(look.rooms) {
			if !look.rooms[room(n)] {
				t.Errorf("room %d is not in its look", n)
			}
			n++
		}
		if look.limit != n-1 {
			t.Errorf("a limit of %d, want %d", look.limit, n-1)
		}
	}
	if all.next() != nil {
		t.Error("a look for no room")
	}
}

// shortLines is a server behind nginx with its default configuration: a request
// line has at most 8 KiB.
type shortLines struct{ requests int }

func (s *shortLines) RoundTrip(request *http.Request) (*http.Response, error) {
	s.requests++
	status, body := http.StatusOK, `{"next_batch":"s"}`
	if len("GET  HTTP/1.1\r\n"+request.URL.RequestURI()) > 8<<10 {
		status, body = http.StatusRequestURITooLong, "<html>"
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
}

// However many rooms wait, a request's URL is accepted by servers, each room is
// in one request, and the requests are few.
func TestLooks_ManyRooms(t *testing.T) {
	t.Parallel()
	server := &shortLines{}
	client, err := mautrix.NewClient("http://recorded.invalid", "@bot:localhost", "token")
	if err != nil {
		t.Fatal(err)
	}
	client.Client = &http.Client{Transport: server}
	var all looks
	rooms := map[id.RoomID]*look{}
	for _, filler := range []int{0, 200} { // IDs of 255 bytes at the most
		for i := range 500 {
			room := id.RoomID(fmt.Sprintf("!%018d%s:matrix.example.org", i, strings.Repeat("=", filler)))
			rooms[room] = all.join(room, lookUpPage)
			if again := all.join(room, lookUpPage); again != rooms[room] {
				t.Fatalf("%s is in two looks", room)
			}
		}
	}
	found := 0
	for look := all.next(); look != nil; look = all.next() {
		found += len(look.rooms)
		if _, err := syncTransactions(t.Context(), client, look.rooms, look.limit); err != nil {
			t.Fatalf("%d rooms: %v", len(look.rooms), err)
		}
	}
	if found != len(rooms) || server.requests > 100 {
		t.Errorf("%d of %d rooms in %d looks", found, len(rooms), server.requests)
	}
}
