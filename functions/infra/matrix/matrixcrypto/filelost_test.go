//go:build goolm || libolm

package matrixcrypto_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite"
)

// The file of the keys is deleted under a running program: keys that come would
// be lost with the process, and the sync could not ask for them again. So it
// ends, and nothing is sent that is encrypted with keys of which nothing is
// left.
func TestMatrixCryptoInit_FileLost(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: matrixtest.DB(t).Writer})
	if err != nil {
		t.Fatal(err)
	}
	service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: bob.client, Store: store, InitialBackoff: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Stop()
	next(t, service, readable(alice.send(t, room, "one")))
	if err := os.Remove(bob.path); err != nil {
		t.Fatal(err)
	}
	carol := newDevice(t, "carol", config{}) // whose device list bob has to note
	if _, err := alice.client.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: carol.client.UserID}); err != nil {
		t.Fatal(err)
	}
	alice.send(t, room, "two")
	matrixtest.Until(t, "end of the sync", func() bool {
		select {
		case <-service.Done():
			return true
		case evt := <-service.Events:
			if evt.Body == "two" {
				t.Error("the message came")
			}
		default:
		}
		return false
	})
	if err := service.Err(); !errors.Is(err, sqlite.ErrSQLiteFileLost) {
		t.Errorf("ended with %v", err)
	}
	_, err = matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{
		Client: bob.client, Room: room, Message: matrix.MatrixMessage{Text: "three"},
	})
	if !errors.Is(err, sqlite.ErrSQLiteFileLost) {
		t.Errorf("sent: %v", err)
	}
}
