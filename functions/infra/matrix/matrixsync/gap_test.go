package matrixsync_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// gapWorld is a world whose bot has synced once, acknowledged everything, and
// was offline while numbered messages were sent.
func gapWorld(t *testing.T, missed int) (w *world, cfg matrixsync.MatrixSyncServiceConfig, bodies []string) {
	t.Helper()
	w = newWorld(t)
	cfg = matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t), InitialBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "before")
	nextMessage(t, service)
	service.Stop()
	for i := range missed {
		bodies = append(bodies, fmt.Sprint("missed ", i))
	}
	send(t, w.alice, w.room, bodies...)
	return w, cfg, bodies
}

// wantSuffix reads the last n messages. There may be a few more: Dendrite
// answers a send before the message is in a sync, so the last ones may come
// with the second.
func wantSuffix(t *testing.T, service *matrixsync.MatrixSyncServiceHandle, bodies []string, n int) {
	t.Helper()
	first := slices.Index(bodies, nextMessage(t, service).Body)
	if first < 0 || first > len(bodies)-n || first < len(bodies)-n-5 {
		t.Fatalf("the first is message %d of %d, want the last %d", first, len(bodies), n)
	}
	wantMessages(t, service, bodies[first+1:])
}

func TestSync_LimitedTimelineIsFilled(t *testing.T) {
	t.Parallel()
	w, cfg, bodies := gapWorld(t, 230)
	pages := w.proxy.Add(fault.Rule{Match: messagesPath, Fault: fault.Delay{Time: time.Millisecond}})
	service := startSync(t, cfg)
	wantMessages(t, service, bodies)
	if n := pages.Injected(); n < 4 || n > 8 { // each of two to four read from both ends
		t.Errorf("%d pages of history for 180 messages", n)
	}
	send(t, w.alice, w.room, "live")
	wantMessages(t, service, []string{"live"})
}

// Concurrent messages are adjacent in the room's graph, where Dendrite omits
// those that fall between two pages. The reader comes and goes while they are
// sent, so that gaps begin and end among them.
func TestSync_GapsOfManySenders(t *testing.T) {
	t.Parallel()
	for _, page := range []int{100, 5} {
		t.Run(fmt.Sprint("pages of ", page), func(t *testing.T) {
			t.Parallel()
			gapsOfManySenders(t, page)
		})
	}
}

func gapsOfManySenders(t *testing.T, page int) {
	const senders, each, away = 6, 120, 150
	w, cfg, _ := gapWorld(t, 0)
	short := staleReads(t, w.proxy.URL(), new(atomic.Bool), new(atomic.Int64), page)
	cfg.Client = clientFor(t, short, servers.User{ID: string(w.bot.UserID), AccessToken: w.bot.AccessToken, DeviceID: string(w.bot.DeviceID)})
	cfg.GapPages = 1000
	var sending sync.WaitGroup
	var sent atomic.Int64
	var next [senders]int
	for i := range senders {
		user := newClient(t, fmt.Sprint("sender", i))
		if _, err := w.alice.InviteUser(t.Context(), w.room, &mautrix.ReqInviteUser{UserID: user.UserID}); err != nil {
			t.Fatal(err)
		}
		if _, err := user.JoinRoomByID(t.Context(), w.room); err != nil {
			t.Fatal(err)
		}
		sending.Go(func() {
			for n := range each {
				if _, err := user.SendText(t.Context(), w.room, fmt.Sprint(i, " ", n)); err != nil {
					t.Error(err)
				}
				sent.Add(1)
			}
		})
	}
	defer sending.Wait()
	for seen, came := sent.Load(), 0; came < senders*each; seen = sent.Load() {
		until(t, "many messages while away", func() bool { return sent.Load() >= min(seen+away, senders*each) })
		service := startSync(t, cfg)
		for n := 0; came < senders*each && (n < 10 || sent.Load() == senders*each); n++ {
			body, i := nextMessage(t, service).Body, 0
			if _, err := fmt.Sscan(body, &i); err != nil || body != fmt.Sprint(i, " ", next[i]) {
				t.Fatalf("%q came twice or out of order, behind %v of each sender", body, next)
			}
			next[i]++
			came++
		}
		service.Stop()
	}
}

// Gaps are filled and delivered room by room: rooms finished before the end of
// a process are not repeated.
func TestSync_GapsAreStoredOneByOne(t *testing.T) {
	t.Parallel()
	w, cfg, _ := gapWorld(t, 0)
	rooms := []id.RoomID{w.room, newRoom(t, w.alice, w.bot)}
	slices.Sort(rooms)
	service := startSync(t, cfg)
	send(t, w.alice, rooms[1], "known")
	wantMessages(t, service, []string{"known"})
	service.Stop()
	bodies := map[id.RoomID][]string{}
	for i := range 120 {
		for n, room := range rooms {
			body := fmt.Sprint(n, " ", i)
			bodies[room] = append(bodies[room], body)
			send(t, w.alice, room, body)
		}
	}
	history := func(room id.RoomID) string { return "GET /_matrix/client/v3/rooms/" + string(room) + "/messages" }
	hang := w.proxy.Add(fault.Rule{Match: history(rooms[1]), Fault: fault.Hang{}})
	service = startSync(t, cfg)
	wantMessages(t, service, bodies[rooms[0]]) // although the second room's are unavailable
	if err := hang.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	service.Stop()
	hang.Remove()
	asked := w.proxy.Add(fault.Rule{Match: history(rooms[0]), Fault: fault.Delay{Time: time.Millisecond}})
	service = startSync(t, cfg)
	wantMessages(t, service, bodies[rooms[1]])
	if n := asked.Injected(); n > 2 { // one page from both ends: the response is the same
		t.Errorf("%d pages of the first room's history", n)
	}
}

// Acknowledged events are not delivered again, nor are those that no store has:
// a gap is filled up to known events.
func TestSync_GapIsFilledThroughFaults(t *testing.T) {
	t.Parallel()
	w, cfg, bodies := gapWorld(t, 230)
	rule := w.proxy.Add(fault.Rule{Match: messagesPath, Max: 3, Fault: fault.Status{Code: 502}})
	cut := w.proxy.Add(fault.Rule{Match: messagesPath, Max: 2, Fault: fault.CorruptJSON{}})
	wantMessages(t, startSync(t, cfg), bodies)
	if rule.Injected() != 3 || cut.Injected() == 0 {
		t.Errorf("faults: %+v", w.proxy.Counts())
	}
}

func TestSync_GapPastThePageCap(t *testing.T) {
	t.Parallel()
	_, cfg, bodies := gapWorld(t, 230)
	cfg.GapPages = 1
	service := startSync(t, cfg)
	gap := nextThat(t, service, func(e matrix.MatrixSyncEvent) bool { return true })
	if gap.Kind != "gap" || gap.Gap == nil || gap.Gap.From == "" || gap.Gap.To == "" || gap.Gap.From == gap.Gap.To {
		t.Fatalf("got %+v", gap)
	}
	wantSuffix(t, service, bodies, 150) // one page and the timeline
}

func TestSync_GapThatMayNotBeFilled(t *testing.T) {
	t.Parallel()
	w, cfg, bodies := gapWorld(t, 80)
	w.proxy.Add(fault.Rule{Match: messagesPath, Fault: fault.Status{Code: 403, Errcode: "M_FORBIDDEN"}})
	service := startSync(t, cfg)
	if gap := next(t, service); gap.Kind != "gap" {
		t.Fatalf("got %+v", gap)
	}
	wantSuffix(t, service, bodies, 50)
	if err := nextError(t, service); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("got %v", err)
	}
}

// A gap is acknowledged like an event, and is delivered again until it was.
func TestSync_GapIsRedelivered(t *testing.T) {
	t.Parallel()
	_, cfg, _ := gapWorld(t, 60)
	cfg.GapPages = -1
	service := startSync(t, cfg)
	first := next(t, service)
	service.Stop()
	again := next(t, startSync(t, cfg))
	if first.Kind != "gap" || again.Kind != "gap" || !again.Redelivered || first.Redelivered || *again.Gap != *first.Gap {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// A room joined while offline has no gap before the joining, and everything
// after it.
func TestSync_JoinedWhileAway(t *testing.T) {
	t.Parallel()
	w, cfg, _ := gapWorld(t, 0)
	room := newRoom(t, w.alice)
	for i := range 30 {
		send(t, w.alice, room, fmt.Sprint("before the joining ", i))
	}
	if _, err := w.alice.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bot.JoinRoomByID(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i := range 70 {
		bodies = append(bodies, fmt.Sprint("after the joining ", i))
	}
	send(t, w.alice, room, bodies...)
	service := startSync(t, cfg)
	joined := nextThat(t, service, func(e matrix.MatrixSyncEvent) bool {
		if e.Kind == "gap" || e.Type == "m.room.message" {
			t.Fatalf("%+v before the joining", e)
		}
		return e.Type == "m.room.member" && e.Sender == w.bot.UserID
	})
	if joined.RoomID != room {
		t.Errorf("joined %s", joined.RoomID)
	}
	wantMessages(t, service, bodies)
}

// What was said before the user was removed is not lost with the room.
func TestSync_KickedWhileAway(t *testing.T) {
	t.Parallel()
	w, cfg, bodies := gapWorld(t, 80)
	if _, err := w.alice.KickUser(t.Context(), w.room, &mautrix.ReqKickUser{UserID: w.bot.UserID}); err != nil {
		t.Fatal(err)
	}
	service := startSync(t, cfg)
	wantMessages(t, service, bodies)
	nextThat(t, service, func(e matrix.MatrixSyncEvent) bool {
		return e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == string(w.bot.UserID)
	})
}

// The store has evicted all of the room's events, except which one was the
// last.
func TestSync_GapAfterALongSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy := newRoom(t, w.alice, w.bot)
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: newDB(t).Writer, DedupeCount: 1})
	if err != nil {
		t.Fatal(err)
	}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: store}
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "old 1", "old 2", "old 3")
	wantMessages(t, service, []string{"old 1", "old 2", "old 3"})
	send(t, w.alice, busy, "a", "b", "c", "d")
	wantMessages(t, service, []string{"a", "b", "c", "d"})
	service.Stop()
	var bodies []string
	for i := range 60 {
		bodies = append(bodies, fmt.Sprint("new ", i))
	}
	send(t, w.alice, w.room, bodies...)
	wantMessages(t, startSync(t, cfg), bodies)
}

func TestSync_UnknownToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := newDB(t).Writer
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: store, InitialBackoff: time.Millisecond}
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "old 1", "old 2")
	wantMessages(t, service, []string{"old 1", "old 2"})
	service.Stop()
	var bodies []string
	for i := range 120 {
		bodies = append(bodies, fmt.Sprint("new ", i))
	}
	send(t, w.alice, w.room, bodies...)
	inSync(t, w.alice, w.room, bodies[len(bodies)-1]) // or the last ones come after the new initial sync
	if _, err := db.ExecContext(t.Context(), "UPDATE matrix_sync_state SET token = 'no such token'"); err != nil {
		t.Fatal(err)
	}
	// Another filter: Synapse caches its response to an initial sync for two
	// minutes, and the events would come in the next.
	cfg.Filter = &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Limit: 40}}}
	service = startSync(t, cfg)
	events := wantMessages(t, service, bodies) // no old one, and the gap behind the timeline is filled too
	if slices.ContainsFunc(events, func(e matrix.MatrixSyncEvent) bool { return !e.Replayed || e.Redelivered }) {
		t.Error("not all are marked as replayed")
	}
	send(t, w.alice, w.room, "live")
	if e := wantMessages(t, service, []string{"live"}); e[0].Replayed {
		t.Error("marked as replayed after the replay")
	}
}

// A room whose history the server can't return does not block the sync forever.
func TestSync_GapOfABrokenRoom(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]fault.Fault{"500": fault.Status{Code: 500, Errcode: "M_UNKNOWN"}, "corrupt": fault.CorruptJSON{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, cfg, bodies := gapWorld(t, 80)
			rule := w.proxy.Add(fault.Rule{Match: messagesPath, Fault: broken})
			service := startSync(t, cfg)
			if gap := next(t, service); gap.Kind != "gap" {
				t.Fatalf("got %+v", gap)
			}
			wantSuffix(t, service, bodies, 50)
			if rule.Injected() < 5 {
				t.Errorf("given up after %d tries", rule.Injected())
			}
		})
	}
}
