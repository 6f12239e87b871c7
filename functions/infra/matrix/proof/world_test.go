package proof_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// quick is a backoff for a server that is near and soon up again.
var quick = core.BackoffDelayConfig{Initial: 20 * time.Millisecond, Max: time.Second}

// world describes who sends to whom.
type world struct {
	home    servers.Homeserver
	dir     string // of the databases and the ledger; it stays where the test failed
	rooms   []id.RoomID
	each    int // messages of each sender in each room
	reader  job
	writers []job
	proxies []*fault.HTTPProxy // one for each process
	asked   int                // how often history asked
}

// newWorld creates users, and rooms that all of them have joined.
func newWorld(t *testing.T, home servers.Homeserver) *world {
	t.Helper()
	dir := keptDir(t)
	w := &world{home: home, dir: dir, each: *messages / rooms / senders}
	users := []servers.User{home.NewUser(t, "reader")}
	for i := range senders {
		users = append(users, home.NewUser(t, fmt.Sprint("sender", i)))
	}
	for range rooms {
		made, err := w.client(t, users[0]).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Preset: "public_chat"})
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users[1:] {
			if _, err := w.client(t, user).JoinRoomByID(t.Context(), made.RoomID); err != nil {
				t.Fatal(err)
			}
		}
		w.rooms = append(w.rooms, made.RoomID)
	}
	w.reader = w.job(t, job{
		Kind: "reader", User: users[0], DB: filepath.Join(dir, "reader.db"), Ledger: filepath.Join(dir, "ledger"), Deadly: 80,
	})
	for i, user := range users[1:] {
		w.writers = append(w.writers, w.job(t, job{
			Kind: "writer", User: user, DB: filepath.Join(dir, fmt.Sprintf("writer%d.db", i)), Sender: i, Rooms: w.rooms, Each: w.each,
			Deadly: max(200, w.each*rooms/10),
		}))
	}
	return w
}

// job gives a process its seed, and a proxy of its own to the server.
func (w *world) job(t *testing.T, j job) job {
	t.Helper()
	proxy := fault.HTTP(t, w.home.URL)
	w.proxies = append(w.proxies, proxy)
	j.URL, j.Seed = proxy.URL(), *seed+uint64(len(w.proxies))
	proxy.SetSeed(j.Seed)
	faults(proxy, w.roomOf)
	return j
}

// roomOf returns the number of the room that a request concerns, which is the
// same in each run.
func (w *world) roomOf(r *http.Request) string {
	for i, room := range w.rooms {
		if strings.Contains(r.URL.Path, string(room)) {
			return strconv.Itoa(i)
		}
	}
	return ""
}

// faultCounts adds up the proxies' counts.
func (w *world) faultCounts() fault.HTTPCounts {
	all := w.proxies[0].Counts()
	for _, proxy := range w.proxies[1:] {
		c := proxy.Counts()
		all.Requests += c.Requests
		all.Injected += c.Injected
		all.Unreachable += c.Unreachable
		all.Resets += c.Resets
		for i, rule := range c.Rules {
			all.Rules[i].Matched += rule.Matched
			all.Rules[i].Injected += rule.Injected
		}
	}
	return all
}

// keptDir creates a folder that is removed after the test, unless that failed.
func keptDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "matrix-proof-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("databases and ledger are kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// client returns a client that bypasses the proxy.
func (w *world) client(t *testing.T, user servers.User) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(w.home.URL, id.UserID(user.ID), user.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	client.Client = &http.Client{Timeout: time.Minute}
	return client
}

// fence returns once the server has no pending sends, while no sender runs: it
// processes a room's events one after another. It also waits until the server
// shows them: Dendrite passes each event from the part that stores it to the
// part that answers syncs by a queue of its own, and what is in that queue when
// it stops can be lost, so that no sync ever has it. The fence's events are not
// messages.
func (w *world) fence(t *testing.T) {
	t.Helper()
	client := w.client(t, w.reader.User)
	fences := make([]id.EventID, len(w.rooms))
	for i, room := range w.rooms {
		sent, err := client.SendMessageEvent(t.Context(), room, event.Type{Type: "dev.fnregistry.fence", Class: event.MessageEventType}, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		fences[i] = sent.EventID
	}
	for i, room := range w.rooms {
		matrixtest.Until(t, "fence in "+string(room), func() bool {
			page, err := client.Messages(t.Context(), room, "", "", mautrix.DirectionBackward, nil, 20)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(page.Chunk, func(e *event.Event) bool { return e.ID == fences[i] })
		})
	}
}

// total is the number of messages.
func (w *world) total() int { return w.each * rooms * senders }

// check compares the server's messages with those sent, and the reader's with
// the server's.
func (w *world) check(t *testing.T) {
	t.Helper()
	l := readLedger(t, w.reader.Ledger)
	report(t, "the ledger", l.wrong)
	came := map[id.RoomID][]string{}
	for _, e := range l.first {
		room, _, _ := strings.Cut(l.bodies[e], " ")
		came[id.RoomID(room)] = append(came[id.RoomID(room)], e)
	}
	posted := w.history(t)
	for _, room := range w.rooms {
		var events, bodies, read []string
		for _, e := range posted[room] {
			text, _ := e.Content.Raw["body"].(string)
			events, bodies = append(events, string(e.ID)), append(bodies, text)
		}
		report(t, "posted to "+string(room), w.inOrder(room, bodies))
		for _, e := range came[room] {
			read = append(read, l.bodies[e])
		}
		report(t, "read in "+string(room), w.inOrder(room, read))
		slices.Sort(events)
		slices.Sort(came[room])
		if !slices.Equal(events, came[room]) {
			t.Errorf("room %s: the reader had %d events, the server has %d, and they are not the same", room, len(came[room]), len(events))
		}
	}
	for e := range l.bodies {
		if !l.acked[e] && !l.maybe[e] {
			t.Errorf("event %s was not acknowledged", e)
		}
	}
	w.nothingPending(t)
	t.Logf("%d events acknowledged, %d of them maybe just before a kill; %d deliveries again", len(l.acked)+len(l.maybe), len(l.maybe), l.twice)
}

// history reads a room's messages from the server, oldest first: as far back as
// one initial sync goes, and the rest in pages. (Pages alone would not be
// enough: Dendrite loses events of the same depth between two of them.)
func (w *world) history(t *testing.T) map[id.RoomID][]*event.Event {
	t.Helper()
	client := w.client(t, w.reader.User)
	w.asked++ // as the timeout, which keeps Synapse from giving its last answer again
	all, err := client.SyncRequest(t.Context(), w.asked, "", `{"room":{"timeline":{"limit":1000000,"types":["m.room.message"]}}}`, false, event.PresenceOffline)
	if err != nil {
		t.Fatal(err)
	}
	history := map[id.RoomID][]*event.Event{}
	for room, part := range all.Rooms.Join {
		events, from := part.Timeline.Events, part.Timeline.PrevBatch
		for part.Timeline.Limited && from != "" {
			page, err := client.Messages(t.Context(), room, from, "", mautrix.DirectionBackward, nil, 500)
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(page.Chunk)
			events = append(page.Chunk, events...)
			if page.End == from {
				break
			}
			from = page.End
		}
		history[room] = slices.DeleteFunc(events, func(e *event.Event) bool { return e.Type.Type != event.EventMessage.Type })
	}
	return history
}

// inOrder reports deviations in a room: each sender's messages must be there
// once, in order. Between senders there is no single order: /sync and /messages
// of the same server differ.
func (w *world) inOrder(room id.RoomID, bodies []string) (wrong []string) {
	next := make([]int, senders)
	for _, text := range bodies {
		sender := -1
		for i := range next {
			if text == body(room, i, next[i]) {
				sender = i
			}
		}
		if sender < 0 {
			wrong = append(wrong, "doubled or out of order: "+text)
			continue
		}
		next[sender]++
	}
	for i, n := range next {
		if n != w.each {
			wrong = append(wrong, fmt.Sprintf("of sender %d there are %d messages in order, want %d", i, n, w.each))
		}
	}
	return wrong
}

// nothingPending checks the reader's store.
func (w *world) nothingPending(t *testing.T) {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: w.reader.DB})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		t.Fatal(err)
	}
	pending, err := store.Pending(context.Background(), 0, 10)
	if err != nil || len(pending) > 0 {
		t.Errorf("the store still has %d pending, %v", len(pending), err)
	}
}

// report prints at most ten deviations.
func report(t *testing.T, where string, wrong []string) {
	t.Helper()
	for i, text := range wrong {
		if i == 10 {
			t.Errorf("%s: and %d more", where, len(wrong)-i)
			return
		}
		t.Errorf("%s: %s", where, text)
	}
}
