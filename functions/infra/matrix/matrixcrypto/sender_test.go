//go:build goolm || libolm

package matrixcrypto_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/olm"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
)

// A homeserver delivers an encrypted message with another member as its sender.
func TestMatrixCryptoInit_SenderRewritten(t *testing.T) {
	t.Parallel()
	bob, carol := newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	alice := newDevice(t, "alice", config{})
	room := encryptedRoom(t, bob, alice, carol)
	alice.stop(t)
	alice.url = matrixtest.Rewriting(t, alice.url, nil, func(answer *http.Response) error {
		if !strings.HasSuffix(answer.Request.URL.Path, "/sync") {
			return nil
		}
		var sync map[string]any
		return matrixtest.RewriteJSON(answer, &sync, func() {
			rooms, _ := sync["rooms"].(map[string]any)
			join, _ := rooms["join"].(map[string]any)
			joined, _ := join[string(room)].(map[string]any)
			timeline, _ := joined["timeline"].(map[string]any)
			events, _ := timeline["events"].([]any)
			for _, evt := range events {
				if evt := evt.(map[string]any); evt["type"] == "m.room.encrypted" && evt["sender"] == bob.user.ID {
					evt["sender"] = carol.user.ID
				}
			}
		})
	})
	alice.start(t)
	service := alice.startService(t)
	sent := bob.send(t, room, "open the door")
	honest := carol.send(t, room, "hello")
	for evt := range service.Events {
		if evt.EventID == sent && (evt.Decrypted || evt.Body != "" || evt.Trust != matrix.MatrixTrustNone) {
			t.Fatalf("bob's message as carol's: %+v", evt)
		}
		if evt.EventID == sent && strings.Contains(evt.Reason, "not from its sender") {
			break // it came first without a key if the key was late
		}
		if evt.EventID == honest && evt.Decrypted && evt.Sender != carol.client.UserID {
			t.Fatalf("carol's own: %+v", evt)
		}
		_ = evt.Ack(t.Context())
	}
}

func TestMatrixCryptoInit_WrongSender(t *testing.T) {
	t.Parallel()
	alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	room := encryptedRoom(t, alice, bob, carol)
	sent := bob.send(t, room, "from bob")
	own := alice.send(t, room, "from alice")
	wantTrust(t, alice, sent, matrix.MatrixTrustUnverified)
	wantTrust(t, alice, own, matrix.MatrixTrustVerified)
	for range 2 { // and after a restart
		for name, evt := range map[string]*event.Event{
			"as carol's":         changed(t, alice, sent, func(evt map[string]any) { evt["sender"] = carol.user.ID }),
			"as one's own":       changed(t, alice, sent, func(evt map[string]any) { evt["sender"] = alice.user.ID }),
			"as nobody's":        changed(t, alice, sent, func(evt map[string]any) { evt["sender"] = "@nobody:example.org" }),
			"one's own as bob's": changed(t, alice, own, func(evt map[string]any) { evt["sender"] = bob.user.ID }),
			"another sender key": changed(t, alice, sent, func(evt map[string]any) { evt["content"].(map[string]any)["sender_key"] = senderKey(carol) }),
			"carol, her sender key": changed(t, alice, sent, func(evt map[string]any) {
				evt["sender"], evt["content"].(map[string]any)["sender_key"] = carol.user.ID, senderKey(carol)
			}),
		} {
			wantForged(t, alice, name, evt)
		}
		wantRead(t, alice, sent, "from bob")
		alice.restart(t)
	}
}

// A server may also lie about the owners of devices.
func TestMatrixCryptoInit_DeviceOfAnother(t *testing.T) {
	t.Parallel()
	alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	room := encryptedRoom(t, alice, bob, carol)
	sent := bob.send(t, room, "from bob")
	wantRead(t, alice, sent, "from bob")
	forCarol := carol.send(t, room, "from carol")
	wantRead(t, alice, forCarol, "from carol")
	_, err := alice.db.Writer.ExecContext(t.Context(), `INSERT INTO crypto_device (user_id, device_id, identity_key, signing_key, trust, deleted, name) VALUES (?, 'MADEUP', ?, ?, 0, false, '')`,
		carol.user.ID, senderKey(bob), "made up, and signed by itself")
	if err != nil {
		t.Fatal(err)
	}
	wantForged(t, alice, "as carol's", changed(t, alice, sent, func(evt map[string]any) { evt["sender"] = carol.user.ID }))
	wantTrust(t, alice, sent, matrix.MatrixTrustUnverified)

	// A device with other keys than those of its sessions.
	_, err = alice.db.Writer.ExecContext(t.Context(), `UPDATE crypto_device SET signing_key = 'changed' WHERE identity_key = ? AND user_id = ?`, senderKey(carol), carol.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantForged(t, alice, "another signing key", changed(t, alice, forCarol, func(map[string]any) {}))
	// A device that the sender no longer has.
	_, err = alice.db.Writer.ExecContext(t.Context(), `UPDATE crypto_device SET deleted = true WHERE user_id = ?`, bob.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantTrust(t, alice, sent, matrix.MatrixTrustUnknownDevice)
}

// A key from the backup proves nothing: whoever knows the backup's public key,
// such as the server, can have written it there.
func TestMatrixCryptoInit_BackupSender(t *testing.T) {
	t.Parallel()
	kept := matrixtest.NewTokens()
	bob, carol := newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	alice := newDevice(t, "alice", config{})
	alice.cfg.Bootstrap, alice.cfg.Secrets, alice.cfg.Password = true, kept, alice.user.Password
	alice.restart(t)
	room := encryptedRoom(t, alice, bob, carol)
	sent := bob.send(t, room, "from bob")
	wantRead(t, alice, sent, "from bob")
	alice.until(t, "the backup", func() bool {
		info, err := alice.client.GetKeyBackupLatestVersion(t.Context())
		return err == nil && info.Count >= 1
	})
	second := alice.another(t, config{RecoveryKey: kept.Value("matrix/" + alice.user.ID + "/recovery")})
	second.start(t)
	wantForged(t, second, "as carol's", changed(t, second, sent, func(evt map[string]any) { evt["sender"] = carol.user.ID }))
	wantForged(t, second, "as one's own", changed(t, second, sent, func(evt map[string]any) { evt["sender"] = alice.user.ID }))
	wantTrust(t, second, sent, matrix.MatrixTrustUnknownDevice)
}

// Forwarded keys may claim any owner.
func TestMatrixCryptoInit_ForwardedSender(t *testing.T) {
	t.Parallel()
	alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	second := alice.another(t, config{})
	second.start(t)
	room := encryptedRoom(t, alice, bob, carol)
	wantRead(t, alice, bob.send(t, room, "they know one another"), "they know one another")

	byCarol := forge(t, room, bob)
	byCarol.forward(t, carol, alice)
	alice.sync(t)
	if _, err := alice.crypto.Decrypt(t.Context(), byCarol.event); !noKey(err) {
		t.Errorf("carol forwards a key as bob's: %v", err)
	}

	byOwn := forge(t, room, bob)
	byOwn.forward(t, second, alice)
	alice.until(t, "the forwarded key", func() bool { _, err := alice.crypto.Decrypt(t.Context(), byOwn.event); return !noKey(err) })
	decrypted, err := alice.crypto.Decrypt(t.Context(), byOwn.event)
	if err != nil {
		t.Fatal(err)
	}
	if got := matrix.MatrixEventNormalize(decrypted); got.Body != "forged" || got.Trust != matrix.MatrixTrustUnknownDevice {
		t.Errorf("forwarded by another device of one's own: %+v", got)
	}
	byOwn.event.Sender = carol.client.UserID
	wantForged(t, alice, "forwarded as bob's, sent as carol", byOwn.event)
}

// A key with claims must not pass them on to one received by Olm, nor inherit
// its proof.
func TestMatrixCryptoInit_MergedKeys(t *testing.T) {
	t.Parallel()
	alice, bob, carol := newDevice(t, "alice", config{}), newDevice(t, "bob", config{}), newDevice(t, "carol", config{})
	second := alice.another(t, config{})
	second.start(t)
	room := encryptedRoom(t, alice, bob, carol)
	wantRead(t, alice, bob.send(t, room, "they know one another"), "they know one another")
	for _, claimsFirst := range []bool{false, true} {
		session := forge(t, room, bob) // claims to be bob's, and is carol's
		steps := []func(){func() { session.give(t, carol, alice) }, func() { session.forward(t, second, alice) }}
		if claimsFirst {
			steps[0], steps[1] = steps[1], steps[0]
		}
		for _, step := range steps {
			step()
			alice.sync(t)
			alice.until(t, "a key", func() bool { return len(alice.last.ToDevice.Events) > 0 })
		}
		decrypted, err := alice.crypto.Decrypt(t.Context(), session.event)
		if err == nil && matrix.MatrixEventNormalize(decrypted).Trust > matrix.MatrixTrustUnknownDevice {
			t.Errorf("claims first %v: carol's session counts as bob's: %v", claimsFirst, decrypted.Mautrix.TrustState)
		}
	}
}

func TestMatrixCryptoInit_CrossSignedSender(t *testing.T) {
	t.Parallel()
	bob := newDevice(t, "bob", config{})
	bob.cfg.Bootstrap, bob.cfg.Secrets, bob.cfg.Password = true, matrixtest.NewTokens(), bob.user.Password
	bob.restart(t)
	alice := newDevice(t, "alice", config{})
	room := encryptedRoom(t, alice, bob)
	sent := bob.send(t, room, "signed")
	wantTrust(t, alice, sent, matrix.MatrixTrustCrossSigned)
	// The server shows another identity than at first.
	_, err := alice.db.Writer.ExecContext(t.Context(), `UPDATE crypto_cross_signing_keys SET first_seen_key = 'another' WHERE user_id = ? AND usage = 'master'`, bob.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantTrust(t, alice, sent, matrix.MatrixTrustUnverified)
}

// forgedSession is a Megolm session that claims to be a device's.
type forgedSession struct {
	of       *device
	outbound olm.OutboundGroupSession
	key      string // at index 0
	event    *event.Event
}

// forge makes a session and an event of a room encrypted with it.
func forge(t *testing.T, room id.RoomID, of *device) *forgedSession {
	t.Helper()
	outbound, err := olm.NewOutboundGroupSession()
	if err != nil {
		t.Fatal(err)
	}
	s := &forgedSession{of: of, outbound: outbound, key: outbound.Key()}
	text, err := outbound.Encrypt(fmt.Appendf(nil, `{"room_id":%q,"type":"m.room.message","content":{"msgtype":"m.text","body":"forged"}}`, room))
	if err != nil {
		t.Fatal(err)
	}
	s.event = &event.Event{ID: id.EventID("$" + outbound.ID()), RoomID: room, Sender: of.client.UserID, Type: event.EventEncrypted, Timestamp: time.Now().UnixMilli()}
	s.event.Content.Parsed = &event.EncryptedEventContent{Algorithm: id.AlgorithmMegolmV1, SessionID: outbound.ID(), MegolmCiphertext: text}
	return s
}

// forward sends the session's key to a device as a forwarded one.
func (s *forgedSession) forward(t *testing.T, from, to *device) {
	t.Helper()
	inbound, err := crypto.NewInboundGroupSession(senderKey(s.of), "", s.event.RoomID, s.key, 0, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	exported, err := inbound.Internal.Export(0)
	if err != nil {
		t.Fatal(err)
	}
	s.send(t, from, to, event.ToDeviceForwardedRoomKey, &event.ForwardedRoomKeyEventContent{
		RoomKeyEventContent: event.RoomKeyEventContent{Algorithm: id.AlgorithmMegolmV1, RoomID: s.event.RoomID, SessionID: s.outbound.ID(), SessionKey: string(exported)},
		SenderKey:           senderKey(s.of), ForwardingKeyChain: []string{}, SenderClaimedKey: matrixcrypto.Machine(s.of.crypto).OwnIdentity().SigningKey,
	})
}

// give sends the session's key to a device as if it were the sending device's
// own.
func (s *forgedSession) give(t *testing.T, from, to *device) {
	t.Helper()
	s.send(t, from, to, event.ToDeviceRoomKey, &event.RoomKeyEventContent{
		Algorithm: id.AlgorithmMegolmV1, RoomID: s.event.RoomID, SessionID: s.outbound.ID(), SessionKey: s.key,
	})
}

func (s *forgedSession) send(t *testing.T, from, to *device, kind event.Type, content any) {
	t.Helper()
	machine := matrixcrypto.Machine(from.crypto)
	target, err := machine.GetOrFetchDevice(t.Context(), to.client.UserID, to.client.DeviceID)
	if err != nil {
		t.Fatal(err)
	}
	if err := machine.SendEncryptedToDevice(t.Context(), target, kind, event.Content{Parsed: content}); err != nil {
		t.Fatal(err)
	}
}

func senderKey(d *device) id.SenderKey {
	return matrixcrypto.Machine(d.crypto).OwnIdentity().IdentityKey
}

// changed is an event as modified by a malicious server.
func changed(t *testing.T, d *device, want id.EventID, change func(evt map[string]any)) *event.Event {
	t.Helper()
	found := d.event(t, want)
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	change(fields)
	if text, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	evt := &event.Event{}
	if err := json.Unmarshal(text, evt); err != nil {
		t.Fatal(err)
	}
	evt.RoomID = found.RoomID
	return evt
}

func wantForged(t *testing.T, d *device, name string, evt *event.Event) {
	t.Helper()
	decrypted, err := d.crypto.Decrypt(t.Context(), evt)
	if decrypted != nil || core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "not from its sender") {
		t.Errorf("%s: decrypted %v, error %v", name, decrypted != nil, err)
	}
	if noKey(err) {
		t.Errorf("%s is told as a key that may come", name)
	}
}

func wantTrust(t *testing.T, d *device, evt id.EventID, want matrix.MatrixTrust) {
	t.Helper()
	decrypted, err := d.crypto.Decrypt(t.Context(), d.event(t, evt))
	if err != nil {
		t.Fatal(err)
	}
	if got := matrix.MatrixEventNormalize(decrypted); got.Trust != want || !got.Decrypted {
		t.Errorf("trust %s, want %s", got.Trust, want)
	}
}
