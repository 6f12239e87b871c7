//go:build goolm || libolm

package matrixcrypto_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// claim claims a key of a device, as anyone may.
func claim(t *testing.T, by *mautrix.Client, of *device) (keyID id.KeyID, key mautrix.OneTimeKey) {
	t.Helper()
	user, dev := of.client.UserID, of.client.DeviceID
	claimed, err := by.ClaimKeys(t.Context(), &mautrix.ReqClaimKeys{
		Timeout: 10_000, OneTimeKeys: mautrix.OneTimeKeysRequest{user: {dev: id.KeyAlgorithmSignedCurve25519}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for keyID, key := range claimed.OneTimeKeys[user][dev] {
		return keyID, key
	}
	return "", mautrix.OneTimeKey{}
}

// needFallback skips a test if the server has no fallback keys.
func needFallback(t *testing.T) {
	if servers.Matrix(t).Kind == "dendrite" {
		t.Skip("Dendrite v0.13.8 knows no fallback keys; Synapse does")
	}
}

// claimAll claims all one-time keys of a device, and returns its fallback key,
// or "" if the server has none.
func claimAll(t *testing.T, by *mautrix.Client, of *device) (id.KeyID, mautrix.OneTimeKey) {
	t.Helper()
	for range 200 {
		if keyID, key := claim(t, by, of); key.Fallback || keyID == "" {
			return keyID, key
		}
	}
	t.Fatal("the keys do not come to an end")
	panic("unreachable")
}

// A stranger repeatedly claims all one-time keys. Each sync response
// replenishes them.
func TestMatrixCryptoInit_OneTimeKeysRunOut(t *testing.T) {
	t.Parallel()
	bob, alice, stranger := newDevice(t, "bob", config{}), newDevice(t, "alice", config{}), newDevice(t, "stranger", config{})
	claimAll(t, stranger.client, bob)
	bob.until(t, "new keys", func() bool { keyID, key := claim(t, stranger.client, bob); return keyID != "" && !key.Fallback })
	claimAll(t, stranger.client, bob)
	bob.until(t, "new keys, again", func() bool { keyID, key := claim(t, stranger.client, bob); return keyID != "" && !key.Fallback })
	room := encryptedRoom(t, alice, bob)
	wantRead(t, bob, alice.send(t, room, "for the first time"), "for the first time")
}

// A first message can be sent even if all one-time keys are claimed, and a
// message sent to a fallback key before it was renewed can be read.
func TestMatrixCryptoInit_FallbackKey(t *testing.T) {
	t.Parallel()
	needFallback(t)
	bob, alice, stranger := newDevice(t, "bob", config{}), newDevice(t, "alice", config{}), newDevice(t, "stranger", config{})
	fallbackID, fallback := claimAll(t, stranger.client, bob)
	ok, err := signatures.VerifySignatureJSON(fallback.RawData, bob.client.UserID, bob.user.DeviceID, matrixcrypto.Machine(bob.crypto).OwnIdentity().SigningKey)
	if err != nil || !ok {
		t.Errorf("the fallback key's signature: %v %v", ok, err)
	}
	if again, _ := claim(t, stranger.client, bob); again != fallbackID {
		t.Errorf("claimed %s, then %s", fallbackID, again)
	}
	room := encryptedRoom(t, alice, bob)
	wantRead(t, bob, alice.send(t, room, "by the fallback key"), "by the fallback key")

	// Carol has the key, and uses it after another has replaced it.
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	server := servers.Matrix(t)
	url := matrixtest.Rewriting(t, server.URL, func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/sendToDevice/") {
			once.Do(func() { close(reached) })
			<-release
		}
	}, nil)
	carol := bareDevice(t, url, server.NewUser(t, "carol"), config{})
	carol.start(t)
	with := encryptedRoom(t, bob, carol)
	claimAll(t, stranger.client, bob) // of those that bob has published since
	sent := make(chan id.EventID, 1)
	go func() {
		resp, err := carol.client.SendText(t.Context(), with, "by the old fallback key")
		if err != nil {
			t.Error(err)
			sent <- ""
			return
		}
		sent <- resp.EventID
	}()
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		t.Error("carol sent no key")
	}
	bob.restart(t) // within the hour the key stays
	bob.sync(t)
	renewedID, _ := claimAll(t, stranger.client, bob)
	close(release)
	if renewedID == fallbackID {
		t.Error("the fallback key that was used is not renewed")
	}
	if evt := <-sent; evt != "" {
		wantRead(t, bob, evt, "by the old fallback key")
	}
}

// A program that sends and never syncs has its keys replaced at each start.
func TestMatrixCryptoInit_OneTimeKeysAtStart(t *testing.T) {
	t.Parallel()
	bob, stranger := newDevice(t, "bob", config{}), newDevice(t, "stranger", config{})
	first, _ := claimAll(t, stranger.client, bob)
	bob.restart(t)
	count := 0
	for {
		keyID, key := claim(t, stranger.client, bob)
		if key.Fallback || keyID == "" {
			if keyID != first {
				t.Errorf("the fallback key is %q, was %q", keyID, first)
			}
			break
		}
		count++
	}
	if count < 50 {
		t.Errorf("%d one-time keys after a start, want 50", count)
	}
}
