package matrixsync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// closing is a server that is shutting down, like Dendrite once its database is
// closed: while room is set, that room is omitted from syncs and from pages of
// history, with status 200 and unchanged tokens. The real server does so for
// milliseconds.
type closing struct {
	room    atomic.Pointer[id.RoomID]
	syncs   atomic.Int64 // from which the room was left out
	pages   atomic.Int64 // likewise
	pageMax int64        // of these there are at most so many
}

func (c *closing) answer(answer *http.Response) error {
	room := c.room.Load()
	path := answer.Request.URL.Path
	switch {
	case room == nil || answer.StatusCode != http.StatusOK:
	case strings.HasSuffix(path, "/v3/sync") && c.pageMax == 0:
		var sync map[string]any
		return rewriteJSON(answer, &sync, func() {
			rooms, _ := sync["rooms"].(map[string]any)
			join, _ := rooms["join"].(map[string]any)
			if _, ok := join[string(*room)]; ok {
				delete(join, string(*room))
				c.syncs.Add(1)
			}
		})
	case strings.HasSuffix(path, string(*room)+"/messages") && answer.Request.URL.Query().Get("dir") == "b":
		if c.pages.Add(1) > c.pageMax {
			return nil
		}
		var page map[string]any
		return rewriteJSON(answer, &page, func() {
			page["chunk"] = []json.RawMessage{}
			delete(page, "end")
		})
	}
	return nil
}

// through returns a client like another one, with another URL.
func through(t *testing.T, url string, like *matrixsync.MatrixSyncServiceConfig) {
	t.Helper()
	c := like.Client
	like.Client = clientFor(t, url, servers.User{ID: string(c.UserID), AccessToken: c.AccessToken, DeviceID: string(c.DeviceID)})
}

// A server omits a room from its last responses before it shuts down: the
// room's messages arrive once it is back, for a sync that saw it go and for one
// that was started later.
func TestSync_ServerShutsDown(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted=%t", restarted), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			other := newRoom(t, w.alice, w.bot)
			server := &closing{}
			cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t), InitialBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}
			through(t, rewriting(t, w.proxy.URL(), nil, server.answer), &cfg)
			service := startSync(t, cfg)
			send(t, w.alice, w.room, "first")
			wantMessages(t, service, []string{"first"})
			server.room.Store(&w.room)
			send(t, w.alice, w.room, "left out", "left out, too")
			// Later in the stream: once this one has arrived, the token is past
			// the others.
			send(t, w.alice, other, "told")
			wantMessages(t, service, []string{"told"})
			if server.syncs.Load() == 0 {
				t.Fatal("nothing was left out")
			}
			if restarted {
				service.Stop()
				server.room.Store(nil)
				service = startSync(t, cfg)
			} else {
				down := w.proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/sync", Fault: fault.Reset{}})
				w.proxy.Cut()
				if err := down.Wait(t.Context(), 2); err != nil {
					t.Fatal(err)
				}
				server.room.Store(nil)
				down.Remove()
			}
			wantMessages(t, service, []string{"left out", "left out, too"})
			send(t, w.alice, w.room, "last")
			wantMessages(t, service, []string{"last"})
		})
	}
}

// A cached old response to the second sync does not override the newer one to
// the first: Synapse caches responses for 2 minutes.
func TestSync_StaleLookBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := newRoom(t, w.alice, w.bot)
	var mu sync.Mutex
	kept := map[string][]byte{} // answers with the room, by token
	replayed := 0
	url := rewriting(t, w.proxy.URL(), nil, func(answer *http.Response) error {
		since := answer.Request.URL.Query().Get("since")
		if !strings.HasSuffix(answer.Request.URL.Path, "/v3/sync") || answer.StatusCode != http.StatusOK || since == "" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		var body json.RawMessage
		return rewriteJSON(answer, &body, func() {
			switch old := kept[since]; {
			case old != nil:
				body = old
				replayed++
			case bytes.Contains(body, []byte(w.room)):
				kept[since] = body
			}
		})
	})
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t)}
	through(t, url, &cfg)
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "one")
	wantMessages(t, service, []string{"one"})
	service.Stop()
	var last id.EventID
	for _, body := range []string{"two", "three", "four"} {
		send(t, w.alice, w.room, body)
		service := startSync(t, cfg)
		last = wantMessages(t, service, []string{body})[0].EventID
		service.Stop()
	}
	// Now only the old response has the room.
	send(t, w.alice, other, "elsewhere")
	service = startSync(t, cfg)
	wantMessages(t, service, []string{"elsewhere"})
	service.Stop()
	position, err := cfg.Store.Begin(t.Context(), w.bot.UserID)
	if err != nil {
		t.Fatal(err)
	}
	if got := position.Rooms[w.room].Last; got != last {
		t.Errorf("the room's last event is %s, want %s", got, last)
	}
	mu.Lock()
	defer mu.Unlock()
	if replayed == 0 {
		t.Error("no old answer was given")
	}
}

// A page of history that is empty because the server is shutting down is not
// the end of the history.
func TestSync_ServerShutsDownInGap(t *testing.T) {
	t.Parallel()
	w, cfg, bodies := gapWorld(t, 230)
	server := &closing{pageMax: 2}
	server.room.Store(&w.room)
	through(t, rewriting(t, w.proxy.URL(), nil, server.answer), &cfg)
	service := startSync(t, cfg)
	wantMessages(t, service, bodies)
	if n := server.pages.Load(); n < 3 {
		t.Errorf("%d pages were asked for", n)
	}
}

// A history that stays truncated is reported as a gap rather than treated as
// complete.
func TestSync_HistoryEndsEarly(t *testing.T) {
	t.Parallel()
	w, cfg, _ := gapWorld(t, 230)
	server := &closing{pageMax: 1 << 30}
	server.room.Store(&w.room)
	through(t, rewriting(t, w.proxy.URL(), nil, server.answer), &cfg)
	service := startSync(t, cfg)
	for {
		e := next(t, service)
		if e.Kind == matrix.MatrixKindGap {
			break
		}
		if e.Type == event.EventMessage.Type {
			t.Fatalf("%q came, and no gap before it", e.Body)
		}
	}
}

// Events repeated by a resumed sync are not delivered again: messages, an
// invitation, and one that came after a leave.
func TestSync_ResumedDeliversNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t), InitialBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "one", "two")
	wantMessages(t, service, []string{"one", "two"})
	invited := newRoom(t, w.alice)
	invite := func() {
		t.Helper()
		if _, err := w.alice.InviteUser(t.Context(), invited, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		nextThat(t, service, func(e matrix.MatrixSyncEvent) bool { return e.RoomID == invited && e.EventID == "" })
	}
	invite()
	if _, err := w.bot.LeaveRoom(t.Context(), invited); err != nil {
		t.Fatal(err)
	}
	nextThat(t, service, func(e matrix.MatrixSyncEvent) bool { return e.RoomID == invited && e.EventID != "" })
	invite()
	var again []string
	note := func(e matrix.MatrixSyncEvent) bool {
		again = append(again, fmt.Sprint(e.RoomID, " ", e.Type, " ", e.Body))
		return e.Body == "resumed" || e.Body == "restarted"
	}
	cut := w.proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/sync", Max: 1, Fault: fault.Status{Code: 503}})
	w.proxy.Cut()
	if err := cut.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	send(t, w.alice, w.room, "resumed")
	nextThat(t, service, note)
	service.Stop()
	service = startSync(t, cfg)
	send(t, w.alice, w.room, "restarted")
	nextThat(t, service, note)
	want := []string{fmt.Sprint(w.room, " m.room.message resumed"), fmt.Sprint(w.room, " m.room.message restarted")}
	if !slices.Equal(again, want) {
		t.Errorf("came: %q\nwant %q", again, want)
	}
}
