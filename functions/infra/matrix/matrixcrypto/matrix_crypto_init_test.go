//go:build goolm || libolm

package matrixcrypto_test

import (
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

type config = matrixcrypto.MatrixCryptoInitConfig

func TestMatrixCryptoInit_TwoUsers(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	for i := range 3 {
		text := fmt.Sprint("from alice ", i)
		sent := alice.send(t, room, text)
		wantRead(t, bob, sent, text)
		wantRead(t, alice, sent, text) // its own
	}
	wantRead(t, alice, bob.send(t, room, "from bob"), "from bob")
	sent := bob.send(t, room, "once more")
	wantRead(t, alice, sent, "once more")
	wantRead(t, alice, sent, "once more") // the same event decrypts again
}

func TestMatrixCryptoInit_TwoDevicesOverRestarts(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	bob2 := bob.another(t, config{})
	bob2.start(t)
	room := encryptedRoom(t, alice, bob)
	bob2.until(t, "the room's encryption", func() bool {
		encrypted, err := bob2.client.StateStore.IsEncrypted(t.Context(), room)
		return encrypted && err == nil
	})
	fingerprints := []string{bob.crypto.Fingerprint, bob2.crypto.Fingerprint}
	var sent []id.EventID
	for round := range 3 {
		for _, from := range []*device{alice, bob, bob2} {
			text := fmt.Sprint("round ", round, " from ", from.client.DeviceID)
			sent = append(sent, from.send(t, room, text))
			for _, to := range []*device{alice, bob, bob2} {
				wantRead(t, to, sent[len(sent)-1], text)
			}
		}
		for _, d := range []*device{alice, bob, bob2} {
			d.restart(t)
		}
	}
	for _, d := range []*device{alice, bob, bob2} { // and the old keys are still there
		for _, evt := range sent {
			d.read(t, evt)
		}
	}
	if got := []string{bob.crypto.Fingerprint, bob2.crypto.Fingerprint}; !slices.Equal(got, fingerprints) || got[0] == got[1] {
		t.Errorf("fingerprints %q, were %q", got, fingerprints)
	}
}

// After a restart nothing reports again that a room is encrypted, and mautrix's
// own state store would not know.
func TestMatrixCryptoInit_NoPlainTextAfterRestart(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	alice.restart(t)
	wantRead(t, bob, alice.send(t, room, "before any sync"), "before any sync")

	// A room that this device does not know: created by another device of the
	// user, and not synced.
	other := matrixtest.Client(t, alice.url, alice.user)
	made, err := other.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Invite: []id.UserID{bob.client.UserID}, InitialState: []*event.Event{{
		Type: event.StateEncryption, Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.client.JoinRoomByID(t.Context(), made.RoomID); err != nil {
		t.Fatal(err)
	}
	matrixtest.Until(t, "member that joined", func() bool { // Dendrite shows it a moment later
		members, err := other.JoinedMembers(t.Context(), made.RoomID)
		if err != nil {
			t.Fatal(err)
		}
		_, joined := members.Joined[bob.client.UserID]
		return joined
	})
	wantRead(t, bob, alice.send(t, made.RoomID, "unheard of"), "unheard of")

	plain, err := other.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{})
	if err != nil {
		t.Fatal(err)
	}
	sent := alice.send(t, plain.RoomID, "open")
	if evt := alice.event(t, sent); evt.Type != event.EventMessage {
		t.Errorf("in a room that is not encrypted it went out as %s", evt.Type.Type)
	}
}

func TestMatrixCryptoInit_KeyAfterMessage(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	sent := alice.send(t, room, "late")
	bob.crypto.NewKeys()
	bob.fetchUntil(t, "the message", func() bool { return bob.saw(sent) })
	i := slices.IndexFunc(bob.seen, func(evt *event.Event) bool { return evt.ID == sent })
	if i < 0 {
		t.Fatal("the message is not in the response after it was sent")
	}
	if _, err := bob.crypto.Decrypt(t.Context(), bob.seen[i]); !noKey(err) {
		t.Fatalf("without the key: %v", err)
	}
	bob.take(t)
	bob.until(t, "the key", func() bool {
		session := bob.seen[i].Content.Raw["session_id"].(string)
		return slices.Contains(bob.crypto.NewKeys(), matrixsync.MatrixSessionKey{RoomID: room, SessionID: id.SessionID(session)})
	})
	wantRead(t, bob, sent, "late")
	if keys := bob.crypto.NewKeys(); len(keys) != 0 {
		t.Errorf("told again of %v", keys)
	}
}

func TestMatrixCryptoInit_MessageIndexReplay(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	sent := alice.send(t, room, "pay 5")
	wantRead(t, bob, sent, "pay 5")
	replayed := *bob.event(t, sent)
	replayed.ID = "$another"
	for range 2 { // before and after a restart: what was read is on disk
		_, err := bob.crypto.Decrypt(t.Context(), &replayed)
		wantCode(t, err, core.CodeInvalid)
		if noKey(err) {
			t.Error("a replay is told as a key that may come")
		}
		bob.restart(t)
	}
	wantRead(t, bob, sent, "pay 5")
}

func TestMatrixCryptoInit_SameResponseTwice(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	sent := alice.send(t, room, "twice")
	bob.fetchUntil(t, "response with a key", func() bool { return len(bob.last.ToDevice.Events) > 0 })
	for range 2 {
		if err := bob.crypto.ProcessSync(t.Context(), bob.last, bob.since); err != nil {
			t.Fatal(err)
		}
		bob.restart(t) // and over a restart
	}
	bob.take(t)
	wantRead(t, bob, sent, "twice")
	wantRead(t, alice, bob.send(t, room, "back"), "back")
}

// The key of a message arrives in an Olm message that can be decrypted once. If
// storing it fails half-way, the repeated response must still deliver it.
func TestMatrixCryptoInit_FailingDatabase(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	for i, text := range []string{"first, by a new Olm session", "second, by the same"} {
		sent := alice.send(t, room, text)
		bob.fetchUntil(t, "response with a key", func() bool { return len(bob.last.ToDevice.Events) > 0 })
		rename(t, bob, "crypto_megolm_inbound_session", "away")
		err := bob.crypto.ProcessSync(t.Context(), bob.last, bob.since)
		rename(t, bob, "away", "crypto_megolm_inbound_session")
		if err == nil {
			t.Fatal("the key could not be stored, and ProcessSync said nothing")
		}
		if i == 1 {
			bob.restart(t)
		}
		bob.take(t)
		wantRead(t, bob, sent, text)
		alice.setVisibility(t, room, event.HistoryVisibilityInvited)
	}
}

// setVisibility changes who may read a room's history, and returns once the
// device knows: the next message uses a new Megolm session.
func (d *device) setVisibility(t *testing.T, room id.RoomID, visibility event.HistoryVisibility) {
	t.Helper()
	content := &event.HistoryVisibilityEventContent{HistoryVisibility: visibility}
	resp, err := d.client.SendStateEvent(t.Context(), room, event.StateHistoryVisibility, "", content)
	if err != nil {
		t.Fatal(err)
	}
	d.event(t, resp.EventID)
}

func rename(t *testing.T, d *device, from, to string) {
	t.Helper()
	if _, err := d.db.Writer.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
		t.Fatal(err)
	}
}

func TestMatrixCryptoInit_WrongPickleKey(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	alice.stop(t)
	alice.cfg.PickleKey = []byte("another key, of 32 bytes as well")
	err := alice.tryStart(t)
	wantCode(t, err, core.CodeUnauthenticated)
	if alice.client.Crypto != nil {
		t.Error("the client has encryption after the failure")
	}
	alice.cfg.PickleKey = pickle
	alice.start(t)
}

func TestMatrixCryptoInit_Secrets(t *testing.T) {
	t.Parallel()
	kept := matrixtest.NewTokens()
	alice := newDevice(t, "alice", config{Secrets: kept})
	name := "matrix/" + alice.user.ID + "/pickle"
	if got := len(kept.Value(name)); got < 40 {
		t.Fatalf("the pickle key has %d bytes", got)
	}
	alice.restart(t)
	if names, err := kept.List(t.Context()); len(names) != 1 || err != nil {
		t.Errorf("the secrets are %q, %v", names, err)
	}
	alice.stop(t)
	if err := kept.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	wantCode(t, alice.tryStart(t), core.CodeUnauthenticated)
	if names, err := kept.List(t.Context()); len(names) != 0 || err != nil {
		t.Errorf("a new pickle key was made for a database that has keys: %q, %v", names, err)
	}
	if err := kept.Set(t.Context(), name, "%"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, alice.tryStart(t), core.CodeInvalid)
}

func TestMatrixCryptoInit_OtherDevice(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	second := alice.another(t, config{})
	alice.stop(t)
	second.path = alice.path
	err := second.tryStart(t)
	wantCode(t, err, core.CodeConflict)

	lost := *alice // the same device, and a new database
	lost.path += "2"
	wantCode(t, lost.tryStart(t), core.CodeConflict)
}

func TestMatrixCryptoInit_AsksForDeviceID(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	want := alice.user.DeviceID
	alice.user.DeviceID = ""
	alice.restart(t)
	if got := alice.client.DeviceID.String(); got != want {
		t.Errorf("device %q, want %q", got, want)
	}
}

func TestMatrixCryptoInit_BadConfig(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	good := alice.cfg
	loggedOut := matrixtest.Client(t, alice.url, alice.user)
	loggedOut.UserID = ""
	for name, test := range map[string]struct {
		change func(*config)
		want   core.Code
	}{
		"no client":       {func(c *config) { c.Client = nil }, core.CodeInvalid},
		"no database":     {func(c *config) { c.DB = nil }, core.CodeInvalid},
		"no key":          {func(c *config) { c.PickleKey = nil }, core.CodeInvalid},
		"logged out":      {func(c *config) { c.Client = loggedOut }, core.CodeInvalid},
		"nowhere to keep": {func(c *config) { c.Bootstrap = true }, core.CodeInvalid},
		"initialised":     {func(*config) {}, core.CodeConflict},
	} {
		cfg := good
		test.change(&cfg)
		_, err := matrixcrypto.MatrixCryptoInit(t.Context(), cfg)
		if core.ErrorCode(err) != test.want {
			t.Errorf("%s: got %v, want code %s", name, err, test.want)
		}
	}
}

func TestMatrixCryptoInit_Closed(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	room := encryptedRoom(t, alice)
	sent := alice.event(t, alice.send(t, room, "before"))
	for range 2 {
		if err := alice.crypto.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := alice.client.SendText(t.Context(), room, "after")
	wantCode(t, err, core.CodeUnavailable)
	_, err = alice.crypto.Decrypt(t.Context(), sent)
	wantCode(t, err, core.CodeUnavailable)
	wantCode(t, alice.crypto.ProcessSync(t.Context(), alice.last, alice.since), core.CodeUnavailable)
	again, err := matrixcrypto.MatrixCryptoInit(t.Context(), alice.cfg) // on the same client
	if err != nil {
		t.Fatal(err)
	}
	alice.crypto = again
	wantRead(t, alice, alice.send(t, room, "again"), "again")
}
