//go:build goolm || libolm

package matrixcrypto_test

import (
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
)

// New members can read what is sent from then on, and former members can't,
// however the client learned of the change.
func TestMatrixCryptoInit_MembersChange(t *testing.T) {
	t.Parallel()
	for name, hear := range map[string]func(t *testing.T, d *device){
		"by ProcessSync": func(t *testing.T, d *device) { d.sync(t) },
		// Like a sync that updates the state store itself, before it calls
		// ProcessSync.
		"by the state store first": func(t *testing.T, d *device) {
			d.fetch(t)
			for room, joined := range d.last.Rooms.Join {
				for _, evt := range append(joined.State.Events, joined.Timeline.Events...) {
					if evt.StateKey == nil {
						continue
					}
					evt.RoomID = room
					_ = evt.Content.ParseRaw(evt.Type)
					mautrix.UpdateStateStore(t.Context(), d.client.StateStore, evt)
				}
			}
			d.take(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
			room := encryptedRoom(t, alice, bob)
			before := alice.send(t, room, "two of us")
			wantRead(t, bob, before, "two of us")

			if _, err := alice.client.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: carol.client.UserID}); err != nil {
				t.Fatal(err)
			}
			if _, err := carol.client.JoinRoomByID(t.Context(), room); err != nil {
				t.Fatal(err)
			}
			joined := func(want bool, user id.UserID) {
				t.Helper()
				matrixtest.Until(t, "news of "+user.String(), func() bool {
					hear(t, alice)
					return alice.client.StateStore.IsInRoom(t.Context(), room, user) == want
				})
			}
			joined(true, carol.client.UserID)
			three := alice.send(t, room, "three of us")
			wantRead(t, carol, three, "three of us")
			wantRead(t, bob, three, "three of us")
			if _, err := carol.crypto.Decrypt(t.Context(), carol.event(t, before)); !noKey(err) {
				t.Errorf("carol reads what was before her: %v", err)
			}

			if _, err := bob.client.LeaveRoom(t.Context(), room); err != nil {
				t.Fatal(err)
			}
			joined(false, bob.client.UserID)
			after := alice.send(t, room, "without bob")
			wantRead(t, carol, after, "without bob")
			evt := matrixtest.Event(t, alice.client, room, after)
			evt.RoomID = room
			for range 3 {
				bob.sync(t)
			}
			if _, err := bob.crypto.Decrypt(t.Context(), evt); !noKey(err) {
				t.Errorf("bob reads what was after him: %v", err)
			}
		})
	}
}

// A device that a member has logged out gets no more keys, and a new one gets
// them.
func TestMatrixCryptoInit_DevicesChange(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	wantRead(t, bob, alice.send(t, room, "one device"), "one device")
	second := bob.another(t, config{})
	second.start(t)
	sent := id.EventID("")
	alice.until(t, "the new device", func() bool {
		sent = alice.send(t, room, "two devices")
		_, err := second.crypto.Decrypt(t.Context(), second.event(t, sent))
		return err == nil
	})
	wantRead(t, bob, sent, "two devices")
	if _, err := second.client.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Another login of the same user can't see what the logged-out device would
	// get; a new session proves it.
	session := func(evt id.EventID) any { return alice.event(t, evt).Content.Raw["session_id"] }
	before := session(sent)
	alice.until(t, "the logout", func() bool { return session(alice.send(t, room, "one again")) != before })
}

// A room can't become unencrypted, and an unknown algorithm is no reason for
// plain text.
func TestMatrixCryptoInit_NoDowngrade(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	room := encryptedRoom(t, alice)
	changed, err := alice.client.SendStateEvent(t.Context(), room, event.StateEncryption, "", map[string]any{"algorithm": "none"})
	if err != nil {
		t.Fatal(err)
	}
	alice.event(t, changed.EventID)
	wantRead(t, alice, alice.send(t, room, "still"), "still")

	odd, err := alice.client.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{InitialState: []*event.Event{{
		Type: event.StateEncryption, Content: event.Content{Raw: map[string]any{"algorithm": "org.example.quantum"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = alice.client.SendText(t.Context(), odd.RoomID, "secret")
		wantCode(t, err, core.CodeUnsupported)
		alice.sync(t)
	}
}
