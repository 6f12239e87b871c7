//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/keyring"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

const recoveryPassphrase = "correct horse battery staple"

// withIdentity is an older device of the user, which makes an identity, a
// backup and a message that is in it.
func withIdentity(t *testing.T, p person, room string) (event string) {
	t.Helper()
	client, err := matrix.MatrixClientInit(t.Context(), matrix.MatrixClientInitConfig{
		Homeserver: servers.Matrix(t).URL, AccessToken: p.AccessToken,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Client.CloseIdleConnections()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: filepath.Join(t.TempDir(), "keys.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	crypto, err := matrixcrypto.MatrixCryptoInit(t.Context(), matrixcrypto.MatrixCryptoInitConfig{
		Client: client, DB: db.Writer, PickleKey: make([]byte, 32), Bootstrap: true, RecoveryKey: recoveryPassphrase, Password: p.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer crypto.Close()
	sent, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{
		Client: client, Room: id.RoomID(room), Message: matrix.MatrixMessage{Text: "from long ago"},
	})
	if err != nil {
		t.Fatal(err)
	}
	since := ""
	for range 2 { // by which the key goes into the backup
		response, err := client.SyncRequest(t.Context(), 0, since, "", false, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := crypto.ProcessSync(t.Context(), response, since); err != nil {
			t.Fatal(err)
		}
		since = response.NextBatch
	}
	return string(sent.EventID)
}

// A new device is verified, and reads old messages, once it has the recovery
// key: from the environment, a file, or asked for.
func TestMatrixTail_RecoveryKey(t *testing.T) {
	t.Parallel()
	servers.Keyring(t)
	p := newPerson(t, "me")
	p.keyring = true
	room := p.newRoom(t, true)
	event := withIdentity(t, p, room)
	if out := p.run(t, p.Password+"\n", "login"); !strings.Contains(out, "not verified") {
		t.Errorf("without the key: %q", out)
	}
	if out := p.run(t, "", "history", room); !strings.Contains(out, "(encrypted: ") || strings.Contains(out, "long ago") {
		t.Errorf("without the key: %q", out)
	}
	wrong := p
	wrong.env = append(p.env[:len(p.env):len(p.env)], "MATRIX_TAIL_RECOVERY_KEY=battery horse")
	wrong.failsWith(t, p.Password+"\n", 64, "wrong recovery key", "login")
	p.fails(t, 64, "unknown flag", "login", "--recovery-key", recoveryPassphrase)
	file := filepath.Join(t.TempDir(), "recovery")
	if err := os.WriteFile(file, []byte(recoveryPassphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := p.run(t, p.Password+"\n", "login", "--json", "--recovery-key-file", file)
	if object := objects(t, out)[0]; object["verified"] != true || object["backup"] == nil || object["user_id"] != p.ID {
		t.Errorf("%v", object)
	}
	if strings.Contains(out, recoveryPassphrase) {
		t.Error("the recovery key was shown")
	}
	if out := p.run(t, "", "history", room); !strings.Contains(out, "from long ago  "+event) {
		t.Errorf("with the key: %q", out)
	}
	another := p // device, which asks for the key
	another.env = append(p.env[:len(p.env):len(p.env)], "MATRIX_TAIL_STATE="+t.TempDir())
	another.forget(t)
	screen := another.onTerminal(t, os.Args[0]+" login --recover", [][2]string{
		{"recovery key of " + p.ID, recoveryPassphrase}, {"password of " + p.ID, p.Password},
	})
	if !strings.Contains(screen, "the device is verified") {
		t.Error(screen)
	}
	if out := another.run(t, "", "history", room); !strings.Contains(out, "from long ago  "+event) {
		t.Errorf("another device: %q", out)
	}
}

// forget removes what the keyring has of the person.
func (p person) forget(t *testing.T) {
	t.Helper()
	store, err := keyring.KeyringTokenStore(keyring.KeyringTokenStoreConfig{Service: "matrix_tail"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"matrix/" + p.ID, "matrix/" + p.ID + "/pickle"} {
		if err := store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}
