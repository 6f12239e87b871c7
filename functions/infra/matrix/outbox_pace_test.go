package matrix

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

func TestOutboxPace(t *testing.T) {
	t.Parallel()
	var p outboxPace
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		at   time.Duration
		took time.Duration // 0: nothing happens
		want time.Duration
	}{
		{0, time.Second, time.Second},
		{10 * time.Second, 3 * time.Second, 3 * time.Second},
		{59 * time.Second, 2 * time.Second, 3 * time.Second},
		{61 * time.Second, time.Second, 3 * time.Second},
		{119 * time.Second, 0, 3 * time.Second},
		{122 * time.Second, 0, time.Second},
		{300 * time.Second, 0, 0},
	} {
		now := start.Add(step.at)
		if step.took > 0 {
			p.note(step.took, now)
		}
		if got := p.slowest(now); got != step.want {
			t.Errorf("after %v: slowest %v, want %v", step.at, got, step.want)
		}
	}
}

// A look up may take minutes, and no send has to settle for as long.
func TestOutboxPace_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &MatrixOutboxHandle{cfg: MatrixOutboxConfig{Settle: 10 * time.Second, RequestTimeout: time.Minute}}
		err := h.requestWithin(t.Context(), transactionsTimeout, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if want := 10*time.Second + paceFactor*time.Minute; err == nil || h.settle() != want {
			t.Errorf("settle is %v, want %v; %v", h.settle(), want, err)
		}
	})
}

// shortLines is a server behind nginx, as that is set up: a request line has 8
// KiB at the most.
type shortLines struct{ requests int }

func (s *shortLines) RoundTrip(request *http.Request) (*http.Response, error) {
	s.requests++
	status, body := http.StatusOK, `{"next_batch":"s"}`
	if len("GET  HTTP/1.1\r\n"+request.URL.RequestURI()) > 8<<10 {
		status, body = http.StatusRequestURITooLong, "<html>"
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
}

// However many rooms wait, a look's URL is one that servers take, each room is
// in one look, and the looks are few.
func TestOutboxTransactions_ManyRooms(t *testing.T) {
	t.Parallel()
	server := &shortLines{}
	client, err := mautrix.NewClient("http://recorded.invalid", "@bot:localhost", "token")
	if err != nil {
		t.Fatal(err)
	}
	client.Client = &http.Client{Transport: server}
	var looks outboxTransactions
	rooms := map[id.RoomID]*transactionsLook{}
	for _, filler := range []int{0, 200} { // IDs of 255 bytes at the most
		for i := range 500 {
			room := id.RoomID(fmt.Sprintf("!%018d%s:matrix.example.org", i, strings.Repeat("=", filler)))
			rooms[room] = looks.join(room)
			if again := looks.join(room); again != rooms[room] {
				t.Fatalf("%s is in two looks", room)
			}
		}
	}
	found := 0
	for _, look := range looks.next {
		found += len(look.rooms)
		if _, err := syncTransactions(t.Context(), client, look.rooms, lookUpPage); err != nil {
			t.Fatalf("%d rooms: %v", len(look.rooms), err)
		}
	}
	if found != len(rooms) || server.requests > 100 {
		t.Errorf("%d of %d rooms in %d looks", found, len(rooms), server.requests)
	}
}
