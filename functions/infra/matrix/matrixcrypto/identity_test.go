//go:build goolm || libolm

package matrixcrypto_test

import (
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// identity returns the public master key of a user and the signatures on a
// device, as another user sees them.
func identity(t *testing.T, asked *mautrix.Client, user id.UserID, device id.DeviceID) (master id.Ed25519, selfSigned bool) {
	t.Helper()
	resp, err := asked.QueryKeys(t.Context(), &mautrix.ReqQueryKeys{DeviceKeys: mautrix.DeviceKeysRequest{user: {}}})
	if err != nil {
		t.Fatal(err)
	}
	if keys, ok := resp.MasterKeys[user]; ok {
		master = keys.FirstKey()
	}
	self := resp.SelfSigningKeys[user]
	for keyID := range resp.DeviceKeys[user][device].Signatures[user] {
		for _, key := range self.Keys {
			selfSigned = selfSigned || strings.HasSuffix(keyID.String(), key.String())
		}
	}
	return master, selfSigned
}

func TestMatrixCryptoInit_Bootstrap(t *testing.T) {
	t.Parallel()
	server, kept := newDevice(t, "carol", config{}), matrixtest.NewTokens()
	alice := newDevice(t, "alice", config{})
	if alice.crypto.HasIdentity || alice.crypto.DeviceVerified || alice.crypto.BackupVersion != "" {
		t.Fatalf("a new account: %+v", alice.crypto)
	}
	alice.cfg.Bootstrap, alice.cfg.Secrets, alice.cfg.Password = true, kept, alice.user.Password
	alice.restart(t)
	if !alice.crypto.HasIdentity || !alice.crypto.DeviceVerified || alice.crypto.BackupVersion == "" {
		t.Fatalf("after bootstrap: %+v", alice.crypto)
	}
	master, signed := identity(t, server.client, alice.client.UserID, alice.client.DeviceID)
	if master == "" || !signed {
		t.Fatalf("others see master key %q, device signed %v", master, signed)
	}
	version := alice.crypto.BackupVersion
	alice.restart(t) // nothing is created again
	if again, _ := identity(t, server.client, alice.client.UserID, alice.client.DeviceID); again != master || alice.crypto.BackupVersion != version || !alice.crypto.DeviceVerified {
		t.Errorf("the identity or the backup was made anew: %+v", alice.crypto)
	}
	alice.cfg.Bootstrap = false
	alice.restart(t)
	if !alice.crypto.DeviceVerified || alice.crypto.BackupVersion != version {
		t.Errorf("without Bootstrap: %+v", alice.crypto)
	}
}

func TestMatrixCryptoInit_Backup(t *testing.T) {
	t.Parallel()
	kept := matrixtest.NewTokens()
	bob := newDevice(t, "bob", config{})
	alice := newDevice(t, "alice", config{})
	alice.cfg.Bootstrap, alice.cfg.Secrets, alice.cfg.Password = true, kept, alice.user.Password
	alice.restart(t)
	room := encryptedRoom(t, alice, bob)
	before := bob.send(t, room, "before the device was there")
	wantRead(t, alice, before, "before the device was there")
	own := alice.send(t, room, "my own")
	wantRead(t, alice, own, "my own")
	alice.until(t, "the backup", func() bool {
		info, err := alice.client.GetKeyBackupLatestVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.Count >= 2
	})

	recovery := kept.Value("matrix/" + alice.user.ID + "/recovery")
	unsigned := alice.another(t, config{})
	unsigned.start(t)
	if !unsigned.crypto.HasIdentity || unsigned.crypto.DeviceVerified || unsigned.crypto.BackupVersion != "" {
		t.Errorf("a device without the recovery key: %+v", unsigned.crypto)
	}
	if _, err := unsigned.crypto.Decrypt(t.Context(), unsigned.event(t, before)); !noKey(err) {
		t.Errorf("it reads old messages: %v", err)
	}
	unsigned.stop(t)
	unsigned.cfg.RecoveryKey = "EsTj 3yST y93F SLpB jJsz eAXc 2XzA ygD3 w69H fGaN TKBj jXEd"
	wantCode(t, unsigned.tryStart(t), core.CodeInvalid)
	unsigned.cfg.RecoveryKey = "no such passphrase"
	wantCode(t, unsigned.tryStart(t), core.CodeInvalid)
	unsigned.cfg.RecoveryKey = recovery
	unsigned.start(t)
	if !unsigned.crypto.DeviceVerified || unsigned.crypto.BackupVersion == "" {
		t.Errorf("with the recovery key: %+v", unsigned.crypto)
	}
	if _, signed := identity(t, bob.client, alice.client.UserID, unsigned.client.DeviceID); !signed {
		t.Error("others don't see the device as signed")
	}
	wantRead(t, unsigned, before, "before the device was there")
	wantRead(t, unsigned, own, "my own")
	if keys := unsigned.crypto.NewKeys(); len(keys) != 2 || slices.ContainsFunc(keys, func(key matrixsync.MatrixSessionKey) bool { return key.RoomID != room }) {
		t.Errorf("NewKeys after the backup: %v", keys)
	}
	unsigned.cfg.RecoveryKey = "" // needed once
	unsigned.restart(t)
	if !unsigned.crypto.DeviceVerified || unsigned.crypto.BackupVersion == "" {
		t.Errorf("after a restart without the recovery key: %+v", unsigned.crypto)
	}
}

// A passphrase chosen by the caller opens the storage on another device, too.
func TestMatrixCryptoInit_Passphrase(t *testing.T) {
	t.Parallel()
	const passphrase = "correct horse battery staple"
	alice := newDevice(t, "alice", config{})
	alice.cfg.Bootstrap, alice.cfg.RecoveryKey, alice.cfg.Password = true, passphrase, alice.user.Password
	alice.restart(t)
	second := alice.another(t, config{RecoveryKey: passphrase})
	second.start(t)
	if !second.crypto.DeviceVerified || second.crypto.BackupVersion != alice.crypto.BackupVersion {
		t.Errorf("second device: %+v", second.crypto)
	}
}

// A verified device shares its keys with another verified one that requests
// them.
func TestMatrixCryptoInit_KeyRequest(t *testing.T) {
	t.Parallel()
	const passphrase = "correct horse battery staple"
	bob := newDevice(t, "bob", config{})
	alice := newDevice(t, "alice", config{})
	alice.cfg.Bootstrap, alice.cfg.RecoveryKey, alice.cfg.Password = true, passphrase, alice.user.Password
	alice.restart(t)
	room := encryptedRoom(t, alice, bob)
	sent := bob.send(t, room, "asked for")
	wantRead(t, alice, sent, "asked for")
	if err := alice.client.DeleteKeyBackupVersion(t.Context(), id.KeyBackupVersion(alice.crypto.BackupVersion)); err != nil {
		t.Fatal(err)
	}
	second := alice.another(t, config{RecoveryKey: passphrase})
	second.start(t)
	if second.crypto.BackupVersion != "" {
		t.Fatal("the backup is still there")
	}
	evt := second.event(t, sent)
	if _, err := second.crypto.Decrypt(t.Context(), evt); !noKey(err) {
		t.Fatalf("without the key: %v", err)
	}
	session := id.SessionID(evt.Content.Raw["session_id"].(string))
	second.until(t, "the key", func() bool { // it asks by itself when the key has not come for a while
		alice.sync(t)
		return slices.Contains(second.crypto.NewKeys(), matrixsync.MatrixSessionKey{RoomID: room, SessionID: session})
	})
	wantRead(t, second, sent, "asked for")
}

func TestMatrixCryptoInit_WrongPassword(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	kept := matrixtest.NewTokens()
	alice.cfg.Bootstrap, alice.cfg.Secrets, alice.cfg.Password = true, kept, "wrong"
	alice.stop(t)
	err := alice.tryStart(t)
	if err == nil { // MSC3967: some servers take a first identity without a password
		if !alice.crypto.DeviceVerified {
			t.Errorf("no error, and %+v", alice.crypto)
		}
		return
	}
	if code := core.ErrorCode(err); code != core.CodeUnauthenticated && code != core.CodeForbidden {
		t.Errorf("%s: %v", code, err)
	}
	if strings.Contains(err.Error(), alice.user.AccessToken) {
		t.Error("the error has the access token")
	}
	before := kept.Value("matrix/" + alice.user.ID + "/recovery")
	alice.cfg.Password = alice.user.Password // what the first try left is used
	alice.start(t)
	if after := kept.Value("matrix/" + alice.user.ID + "/recovery"); !alice.crypto.DeviceVerified || after != before || before == "" {
		t.Errorf("recovery key kept: %v, %+v", after == before, alice.crypto)
	}
}
