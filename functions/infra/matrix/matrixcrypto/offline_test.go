//go:build goolm || libolm

package matrixcrypto_test

import (
	"path/filepath"
	"sync"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// A device that starts while the server is away encrypts and decrypts once it
// is there, and takes nothing in before: an old device, one whose ID only the
// database knows, and a new one.
func TestMatrixCryptoInit_Offline(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, *device){
		"used before":    func(*testing.T, *device) {},
		"device unknown": func(_ *testing.T, bob *device) { bob.user.DeviceID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := fault.HTTP(t, servers.Matrix(t).URL)
			alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
			room := encryptedRoom(t, alice, bob)
			wantRead(t, alice, bob.send(t, room, "before"), "before")
			device := bob.client.DeviceID
			bob.stop(t)
			prepare(t, bob)
			bob.url = proxy.URL()
			proxy.Down()
			bob.start(t)
			if bob.client.DeviceID != device {
				t.Errorf("the device is %q, want %q", bob.client.DeviceID, device)
			}
			if _, err := bob.client.Crypto.Encrypt(t.Context(), room, event.EventMessage, map[string]any{}); core.ErrorCode(err) != core.CodeUnavailable {
				t.Errorf("encrypt: %v", err)
			}
			wantCode(t, bob.crypto.ProcessSync(t.Context(), &mautrix.RespSync{}, "s"), core.CodeUnavailable)
			proxy.Up()
			var sends sync.WaitGroup
			ids := make([]id.EventID, 5)
			for i := range ids {
				sends.Go(func() { ids[i] = bob.send(t, room, "after") })
			}
			sends.Wait()
			for _, evt := range ids {
				wantRead(t, alice, evt, "after")
			}
			wantRead(t, bob, alice.send(t, room, "to bob"), "to bob")
		})
	}
}

// A new device, too: its keys are published as soon as the server is there.
func TestMatrixCryptoInit_OfflineNewDevice(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	proxy := fault.HTTP(t, home.URL)
	alice := newDevice(t, "alice", config{})
	proxy.Down()
	bob := bareDevice(t, proxy.URL(), home.NewUser(t, "bob"), config{})
	bob.start(t)
	fingerprint := bob.crypto.Fingerprint
	proxy.Up()
	bob.sync(t)
	room := encryptedRoom(t, alice, bob)
	wantRead(t, bob, alice.send(t, room, "welcome"), "welcome")
	if fingerprint == "" || fingerprint != matrixcrypto.Machine(bob.crypto).Fingerprint() {
		t.Errorf("the fingerprint was %q", fingerprint)
	}
}

// What MatrixCryptoInit would have refused is refused then, and nothing is
// encrypted.
func TestMatrixCryptoInit_OfflineConflict(t *testing.T) {
	t.Parallel()
	proxy := fault.HTTP(t, servers.Matrix(t).URL)
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	bob.stop(t)
	bob.path, bob.url = filepath.Join(t.TempDir(), "other.db"), proxy.URL() // other keys than the server has
	proxy.Down()
	bob.start(t)
	proxy.Up()
	for range 2 {
		_, err := bob.client.SendText(t.Context(), room, "never")
		wantCode(t, err, core.CodeConflict)
		wantCode(t, bob.crypto.ProcessSync(t.Context(), &mautrix.RespSync{}, "s"), core.CodeConflict)
	}
	if err := bob.crypto.Close(); err != nil {
		t.Error(err)
	}
	_, err := bob.client.SendText(t.Context(), room, "never")
	wantCode(t, err, core.CodeUnavailable)
}
