package matrixoutbox_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// As long as the server does not show an event that it has acknowledged, a lost
// event does not count as not sent, however long that takes; nor is the item
// parked, however long the room's history.
func TestMatrixOutbox_ReadSideBehind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit  int
		hidden []string
	}{
		"shows nothing":              {100, nil},
		"shows older ones, in pages": {1, []string{"anchor", "lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOutboxSetup(t)
			var behind atomic.Bool
			var looks atomic.Int64
			stale := staleReads(t, s.proxy.URL(), &behind, &looks, c.limit, c.hidden...)
			client := clientFor(t, stale, servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)})
			outbox := startOutbox(t, client, outboxQuick)
			outboxSent(t, outbox, outboxPut(t, outbox, outboxItems(s.room, 0, 50)...)...)
			outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "anchor"))...)
			behind.Store(true)
			lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{AfterServer: true}})
			transactions := outboxPut(t, outbox, outboxText(s.room, "lost"), outboxText(s.room, "next"))
			if err := lost.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			sends := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Delay{Time: time.Millisecond}})
			until(t, "ten looks", func() bool { return looks.Load() >= 10 }) // Settle is over after four
			if n := sends.Matched(); n != 0 {
				t.Errorf("it sent %d times though it could not know", n)
			}
			behind.Store(false)
			outboxSent(t, outbox, transactions...)
			want := append(outboxTexts(0, 50), "anchor", "lost", "next")
			if got := outboxBodies(t, s.direct, s.room, len(want)); !slices.Equal(got, want) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// If server and outbox were both off for long, the server gets some time to
// show what it had acknowledged before, and the item is not parked immediately.
func TestMatrixOutbox_ReadSideBehindAfterRest(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	var behind atomic.Bool
	var looks atomic.Int64
	stale := staleReads(t, s.proxy.URL(), &behind, &looks, 100)
	client := clientFor(t, stale, servers.User{ID: string(s.client.UserID), AccessToken: s.client.AccessToken, DeviceID: string(s.client.DeviceID)})
	cfg := outboxQuick
	cfg.DB = newDB(t).Writer
	outbox := startOutbox(t, client, cfg)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "anchor"))...)
	behind.Store(true)
	lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{AfterServer: true}})
	transactions := outboxPut(t, outbox, outboxText(s.room, "lost"), outboxText(s.room, "next"))
	if err := lost.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	until(t, "look", func() bool { return looks.Load() > 0 }) // the try's end is stored
	stop(t, outbox)
	const rest = "UPDATE matrix_outbox SET tried_at = tried_at - 3600000, done_at = done_at - 3600000"
	if _, err := cfg.DB.ExecContext(t.Context(), rest); err != nil {
		t.Fatal(err)
	}
	looks.Store(0)
	cfg.Settle = 20 * time.Second
	outbox = startOutbox(t, client, cfg)
	until(t, "look", func() bool { return looks.Load() > 0 })
	behind.Store(false)
	outboxSent(t, outbox, transactions...)
	want := []string{"anchor", "lost", "next"}
	if got := outboxBodies(t, s.direct, s.room, len(want)); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
}

// A lost event is found behind more than a page of events by others.
func TestMatrixOutbox_BusyRoom(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "matrix")
	home := server.Matrix(t)
	s := outboxSetupOn(t, home)
	other := clientFor(t, home.URL, home.NewUser(t, "other"))
	if _, err := s.direct.InviteUser(t.Context(), s.room, &mautrix.ReqInviteUser{UserID: other.UserID}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.JoinRoomByID(t.Context(), s.room); err != nil {
		t.Fatal(err)
	}
	outbox := startOutbox(t, s.client, outboxQuick)
	outboxSent(t, outbox, outboxPut(t, outbox, outboxText(s.room, "first"))...)
	looks := s.proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/rooms/{room}/messages", Fault: fault.Status{Code: 503}})
	lost := s.proxy.Add(fault.Rule{Match: outboxSends, Max: 1, Fault: fault.Reset{AfterServer: true}})
	transactions := outboxPut(t, outbox, outboxText(s.room, "second"), outboxText(s.room, "third"))
	if err := lost.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	const others = 250
	for i := range others {
		if _, err := other.SendText(t.Context(), s.room, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	server.Stop(t) // by which Dendrite forgets the transaction
	server.Restart(t)
	looks.Remove()
	outboxSent(t, outbox, transactions...)
	bodies := outboxBodies(t, s.direct, s.room, others+3)
	own := slices.DeleteFunc(bodies, func(text string) bool { return text[0] >= '0' && text[0] <= '9' })
	if !slices.Equal(own, []string{"first", "second", "third"}) {
		t.Errorf("sent %v", own)
	}
}
