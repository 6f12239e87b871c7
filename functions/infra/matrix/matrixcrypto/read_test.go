//go:build goolm || libolm

package matrixcrypto_test

import (
	"testing"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// A device that never syncs reads history and single events once it has fetched
// the keys.
func TestMatrixCryptoInit_ReadWithoutSync(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", matrixcrypto.MatrixCryptoInitConfig{}), newDevice(t, "bob", matrixcrypto.MatrixCryptoInitConfig{})
	room := encryptedRoom(t, alice, bob)
	first := alice.send(t, room, "first")
	matrixtest.Event(t, bob.client, room, first)
	get := func() matrix.MatrixSyncEvent {
		t.Helper()
		evt, err := matrixsync.MatrixEventGet(t.Context(), matrixsync.MatrixEventGetConfig{Client: bob.client, Room: room, EventID: first})
		if err != nil {
			t.Fatal(err)
		}
		return evt
	}
	if evt := get(); evt.Kind != matrix.MatrixKindEncrypted {
		t.Fatalf("read without a key: %+v", evt)
	}
	matrixtest.Until(t, "key", func() bool {
		if err := matrixsync.MatrixSyncKeys(t.Context(), matrixsync.MatrixSyncKeysConfig{Client: bob.client}); err != nil {
			t.Fatal(err)
		}
		evt := get()
		return evt.Kind == matrix.MatrixKindEvent && evt.Body == "first" && evt.Decrypted && evt.Trust > matrix.MatrixTrustNone
	})
	for range 2 { // again is no replay
		part, err := matrixsync.MatrixRoomHistory(t.Context(), matrixsync.MatrixRoomHistoryConfig{Client: bob.client, Room: room, Limit: 1})
		if err != nil || len(part.Events) != 1 || part.Events[0].Body != "first" || part.Events[0].Sender != alice.client.UserID || !part.More {
			t.Errorf("%+v, %v", part, err)
		}
	}
}
