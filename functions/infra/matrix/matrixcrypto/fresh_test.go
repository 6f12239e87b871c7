//go:build goolm || libolm

package matrixcrypto_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
)

// A program that sends but does not sync shares its keys with the room's
// current members and their current devices when it sends.
func TestMatrixCryptoInit_WithoutSync(t *testing.T) {
	t.Parallel()
	alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	room := encryptedRoom(t, alice, bob)
	for _, restart := range []bool{false, true} { // the second time it has never synced in its life
		if restart {
			alice.restart(t)
		}
		before := alice.send(t, room, "as it was")
		wantReadSoon(t, bob, before, "as it was")
		second := bob.another(t, config{})
		second.start(t)
		wantReadSoon(t, second, alice.send(t, room, "to the new device"), "to the new device")

		other := matrixtest.Client(t, alice.url, alice.user) // whose calls alice's state store does not see
		if _, err := other.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: carol.client.UserID}); err != nil {
			t.Fatal(err)
		}
		if _, err := carol.client.JoinRoomByID(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		wantReadSoon(t, carol, alice.send(t, room, "to the new member"), "to the new member")
		if _, err := carol.crypto.Decrypt(t.Context(), carol.event(t, before)); !noKey(err) {
			t.Errorf("carol reads what was before her: %v", err)
		}

		if _, err := carol.client.LeaveRoom(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		after := alice.send(t, room, "without carol")
		wantReadSoon(t, bob, after, "without carol")
		evt, err := other.GetEvent(t.Context(), room, after)
		if err != nil {
			t.Fatal(err)
		}
		evt.RoomID = room
		for range 3 {
			carol.sync(t)
		}
		if _, err := carol.crypto.Decrypt(t.Context(), evt); !noKey(err) {
			t.Errorf("carol reads what was after her: %v", err)
		}
	}
}

// A sync service reports changes, so that nothing is requested; without one a
// burst into a large room makes one request.
func TestMatrixCryptoInit_FreshIsCheap(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	var asked atomic.Int64
	alice.stop(t)
	alice.url = matrixtest.Rewriting(t, alice.url, nil, func(answer *http.Response) error {
		if !strings.HasSuffix(answer.Request.URL.Path, "/joined_members") {
			return nil
		}
		asked.Add(1)
		var members mautrix.RespJoinedMembers
		return matrixtest.RewriteJSON(answer, &members, func() {
			for i := range 150 { // who have no devices
				members.Joined[id.UserID(fmt.Sprintf("@nobody%d:localhost", i))] = mautrix.JoinedMember{}
			}
		})
	})
	alice.start(t)
	const burst = 10
	for range burst {
		alice.send(t, room, "burst")
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times for the members of a large room in a burst", got)
	}
	service := alice.startService(t)
	last := alice.send(t, room, "the sync comes by here")
	next(t, service, withID(last))
	asked.Store(0)
	for range burst {
		alice.send(t, room, "burst")
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("asked %d times beside a sync that tells", got)
	}
}

// A room that is encrypted after a program has found it unencrypted.
func TestMatrixCryptoInit_EncryptedLater(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := matrixtest.Room(t, matrixtest.Client(t, alice.url, alice.user), matrixtest.Client(t, bob.url, bob.user))
	alice.send(t, room, "open")
	other := matrixtest.Client(t, alice.url, alice.user)
	if _, err := other.SendStateEvent(t.Context(), room, event.StateEncryption, "", &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
	sent := id.EventID("")
	bob.until(t, "an encrypted message", func() bool {
		sent = alice.send(t, room, "sealed")
		return bob.event(t, sent).Type == event.EventEncrypted
	})
	wantReadSoon(t, bob, sent, "sealed")
}

// wantReadSoon is wantRead if the key may arrive in a response after the
// message.
func wantReadSoon(t *testing.T, d *device, sent id.EventID, want string) {
	t.Helper()
	evt := d.event(t, sent)
	d.until(t, "the key", func() bool { _, err := d.crypto.Decrypt(t.Context(), evt); return !noKey(err) })
	wantRead(t, d, sent, want)
}
