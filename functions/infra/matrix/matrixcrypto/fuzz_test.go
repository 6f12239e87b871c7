//go:build goolm || libolm

package matrixcrypto

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// FuzzProcessSync passes the machine what a hostile server, or other users
// through it, may send. SELF stands for the device's identity key, so that an
// Olm message reaches the decryption. No server answers.
func FuzzProcessSync(f *testing.F) {
	for _, seed := range []string{
		`{}`,
		`{"to_device":{"events":[null,{},{"type":"m.room.encrypted","sender":"@a:b","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":"SELF","ciphertext":{"SELF":{"type":0,"body":"AwogSELF"}}}}]}}`,
		`{"to_device":{"events":[{"type":"m.room.encrypted","sender":"@a:b","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":"x","ciphertext":{"SELF":{"type":1,"body":"AwogIOp5yzYpnQ0BESyw"}}}}]}}`,
		`{"to_device":{"events":[{"type":"m.room_key_request","sender":"@a:b","content":{"action":"request","requesting_device_id":"D","request_id":"1","body":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"!r","session_id":"s"}}}]}}`,
		`{"to_device":{"events":[{"type":"m.room_key.withheld","sender":"@a:b","content":{"algorithm":"m.megolm.v1.aes-sha2","room_id":"!r","session_id":"s","code":"m.unverified"}},{"type":"m.secret.request","content":[]}]}}`,
		`{"device_lists":{"changed":["@a:b","",null]},"device_one_time_keys_count":{"signed_curve25519":-1}}`,
		`{"rooms":{"join":{"!r":null,"!s":{"state":{"events":[null,{"type":"m.room.encryption","state_key":"","content":{"algorithm":7}},{"type":"m.room.member","state_key":"","content":{}},{"type":"m.room.member","state_key":"@a:b","content":{"membership":[]}}]}}}}}`,
		`{"rooms":{"join":{"!s":{"timeline":{"events":[{"type":"m.room.encrypted","event_id":"$1","sender":"@a:b","content":{"algorithm":"m.megolm.v1.aes-sha2","session_id":"0123456789012345678901234567890123456789012","ciphertext":"AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg2yNOGL1viaUDXv6GJ6LXlHwSMk0CfHLpJrkvH6o"}},{"type":"m.room.encrypted","content":{}}]}}}}}`,
	} {
		f.Add([]byte(seed))
	}
	db, err := sqliteopen.SQLiteOpen(f.Context(), sqliteopen.SQLiteOpenConfig{Path: filepath.Join(f.TempDir(), "keys.db")})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	client, err := mautrix.NewClient("http://127.0.0.1:1", "@me:b", "token")
	if err != nil {
		f.Fatal(err)
	}
	client.DeviceID, client.Client = "ME", &http.Client{}
	claim, err := takeClaim(f.Context(), db.Writer, false)
	if err != nil {
		f.Fatal(err)
	}
	m := newEngine(client, db.Writer, claim)
	f.Cleanup(m.close)
	if err := m.openStores(f.Context(), MatrixCryptoInitConfig{Client: client, DB: db.Writer, PickleKey: []byte("key")}); err != nil {
		f.Fatal(err)
	}
	if err := m.load(f.Context()); err != nil {
		f.Fatal(err)
	}
	if err := m.store.PutAccount(f.Context(), m.mach.GetAccount()); err != nil {
		f.Fatal(err)
	}
	self := []byte(m.mach.GetAccount().IdentityKey())
	f.Fuzz(func(t *testing.T, text []byte) {
		var resp mautrix.RespSync
		if json.Unmarshal(bytes.ReplaceAll(text, []byte("SELF"), self), &resp) != nil {
			return
		}
		if err := m.ProcessSync(t.Context(), &resp, "since"); err != nil {
			t.Errorf("an error would be repeated for ever: %v", err)
		}
		for room, joined := range resp.Rooms.Join {
			if joined == nil {
				continue
			}
			for _, evt := range joined.Timeline.Events {
				if evt != nil {
					evt.RoomID = room
				}
				if _, err := m.Decrypt(t.Context(), evt); err == nil || core.ErrorCode(err) == core.CodeInternal {
					t.Errorf("decrypted, or failed oddly: %v", err)
				}
			}
		}
		if _, err := m.store.GetAccount(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
