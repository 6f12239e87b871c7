package matrixoutbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// forgetful is a homeserver with one room that treats the first message as
// Dendrite does within a few milliseconds of a minute: it waits in the room's
// queue, and its request for a response, until the room's next event.
type forgetful struct {
	name     string // of the software; "": it does not say
	header   string // Server in each answer
	refusing bool   // events of other types than messages
	failing  bool   // a proxy answers for them, and for the version, with 502

	other string // where requests to send events of other types are redirected to

	mu      sync.Mutex
	waiting []string // events in the queue
	shown   []string // events of the room, newest first
	sends   int
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.header != "" {
		w.Header().Set("Server", f.header)
	}
	switch path := r.URL.Path; {
	case f.failing && (strings.Contains(path, "/federation/") || strings.Contains(path, "/send/dev.")):
		w.WriteHeader(http.StatusBadGateway)
	case path == "/_matrix/federation/v1/version" && f.name != "":
		fmt.Fprintf(w, `{"server":{"name":%q,"version":"0"}}`, f.name)
	case f.other != "" && strings.Contains(path, "/send/dev."):
		http.Redirect(w, r, f.other, http.StatusPermanentRedirect)
	case strings.Contains(path, "/send/"):
		f.send(w, r)
	case strings.HasSuffix(path, "/messages") && r.URL.Query().Get("dir") == "b":
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprintf(w, `{"start":"a","chunk":[%s]}`, strings.Join(f.shown, ","))
	case strings.HasSuffix(path, "/messages"):
		fmt.Fprint(w, `{"start":"a","chunk":[]}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errcode":"M_UNRECOGNIZED","error":"no such endpoint"}`)
	}
}

// send takes PUT /_matrix/client/v3/rooms/{room}/send/{type}/{transaction}.
func (f *forgetful) send(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	eventType, transaction := parts[len(parts)-2], parts[len(parts)-1]
	if f.refusing && eventType != "m.room.message" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errcode":"M_FORBIDDEN","error":"no power"}`)
		return
	}
	var content json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&content); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.sends++
	first := f.sends == 1
	text := fmt.Sprintf(`{"type":%q,"event_id":"$%d","sender":"@a:x","origin_server_ts":%d,"content":%s,"unsigned":{"transaction_id":%q}}`,
		eventType, f.sends, time.Now().UnixMilli(), content, transaction)
	answer := fmt.Sprintf(`{"event_id":"$%d"}`, f.sends)
	f.waiting = append(f.waiting, text)
	if !first {
		for _, event := range f.waiting {
			f.shown = slices.Insert(f.shown, 0, event)
		}
		f.waiting = nil
	}
	f.mu.Unlock()
	if first {
		<-r.Context().Done()
		return
	}
	fmt.Fprint(w, answer)
}

// messages counts the room's messages, and its other events.
func (f *forgetful) messages() (messages, others int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, event := range f.shown {
		if strings.Contains(event, `"type":"m.room.message"`) {
			messages++
		} else {
			others++
		}
	}
	return messages, others
}

// An event that waits in the room's queue is not sent again: the queue is
// flushed first. Without the flush this server shows the message twice,
// whatever it calls itself.
func TestMatrixOutbox_FlushesQueue(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host got %s %s", r.Method, r.URL)
	}))
	t.Cleanup(other.Close)
	for _, test := range []struct {
		name             string
		server           *forgetful
		messages, others int
	}{
		{"dendrite", &forgetful{name: "Dendrite"}, 1, 1},
		{"a room that refuses it", &forgetful{name: "Dendrite", refusing: true}, 2, 0},
		{"a proxy that fails", &forgetful{name: "Dendrite", failing: true}, 2, 0},
		{"another server", &forgetful{name: "Synapse"}, 2, 0},
		{"Synapse without federation", &forgetful{header: "Synapse/1.99"}, 2, 0},
		{"one that does not say", &forgetful{}, 1, 1},
		{"one that redirects", &forgetful{other: other.URL}, 2, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			listener := httptest.NewServer(test.server)
			t.Cleanup(listener.Close)
			client, err := mautrix.NewClient(listener.URL, "@a:x", "token")
			if err != nil {
				t.Fatal(err)
			}
			client.StateStore = mautrix.NewMemoryStateStore()
			cfg := outboxQuick
			cfg.RequestTimeout, cfg.Settle = 300*time.Millisecond, 200*time.Millisecond
			outbox := startOutbox(t, client, cfg)
			outboxSent(t, outbox, outboxPut(t, outbox, outboxText("!room:x", "once"))...)
			if messages, others := test.server.messages(); messages != test.messages || others != test.others {
				t.Errorf("%d messages and %d other events in the room, want %d and %d", messages, others, test.messages, test.others)
			}
		})
	}
}

// Messages to rooms that were idle for a minute are posted once. Dendrite
// sometimes forgets one until the room's next event: without the flush this
// fails in about half of its runs.
func TestMatrixOutbox_RoomsIdleForAMinute(t *testing.T) {
	t.Parallel()
	const rooms = 40
	server := servers.Matrix(t)
	client := clientFor(t, server.URL, server.NewUser(t, "idle"))
	if isSynapse(t, server.URL) {
		t.Skip("Synapse has no queue of a room, and its rate limits make this take 10 minutes")
	}
	cfg := outboxQuick
	cfg.Concurrency, cfg.RequestTimeout, cfg.Settle = rooms, 10*time.Second, 5*time.Second
	outbox := startOutbox(t, client, cfg)
	all := make([]id.RoomID, rooms)
	for i := range all {
		all[i] = newRoom(t, client)
	}
	post := func(room id.RoomID, body string) error {
		ids, err := outbox.Enqueue(t.Context(), outboxText(room, body))
		if err == nil {
			_, err = outbox.Wait(t.Context(), ids[0])
		}
		return err
	}
	var work sync.WaitGroup
	for i, room := range all {
		work.Go(func() {
			time.Sleep(time.Duration(i) * 50 * time.Millisecond) // one after the other, so that the times are right
			err := post(room, "0")
			// From the response to the end of Dendrite's wait it is a minute,
			// less the response's transit time.
			time.Sleep(time.Minute - 15*time.Millisecond + time.Duration(i)*time.Millisecond)
			if err := errors.Join(err, post(room, "1")); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, room := range all {
		if got := outboxBodies(t, client, room, 2); !slices.Equal(got, outboxTexts(0, 2)) {
			t.Errorf("%s has %v", room, got)
		}
	}
}

// isSynapse reports whether a server is Synapse, which identifies itself in
// each response.
func isSynapse(t *testing.T, url string) bool {
	t.Helper()
	res, err := http.Get(url + "/_matrix/client/versions")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return strings.HasPrefix(res.Header.Get("Server"), "Synapse/")
}
