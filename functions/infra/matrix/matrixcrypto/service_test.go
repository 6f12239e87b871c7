//go:build goolm || libolm

package matrixcrypto_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// startService runs a sync service over the device's own database.
func (d *device) startService(t *testing.T) *matrixsync.MatrixSyncServiceHandle {
	t.Helper()
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: d.db.Writer})
	if err != nil {
		t.Fatal(err)
	}
	service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: d.client, Store: store, PollTimeout: time.Second, InitialBackoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Stop)
	return service
}

// next returns the next event that satisfies cond, and acknowledges all up to
// it.
func next(t *testing.T, service *matrixsync.MatrixSyncServiceHandle, cond func(matrix.MatrixSyncEvent) bool) matrix.MatrixSyncEvent {
	t.Helper()
	deadline := time.After(matrixtest.Patience)
	for {
		select {
		case evt, ok := <-service.Events:
			if !ok {
				t.Fatal("the service has ended")
			}
			if err := evt.Ack(t.Context()); err != nil {
				t.Fatal(err)
			}
			if cond(evt) {
				return evt
			}
		case <-deadline:
			t.Fatal("the event did not come")
		}
	}
}

// readable accepts events that are not, or no longer, undecryptable. Its key
// may arrive a sync later than the event: Dendrite's two queues are
// independent, and the second sync after an interruption may contain an event
// whose key is in the next one. The service then delivers it as "encrypted"
// first.
func readable(want id.EventID) func(matrix.MatrixSyncEvent) bool {
	return func(evt matrix.MatrixSyncEvent) bool {
		return evt.EventID == want && evt.Kind != matrix.MatrixKindEncrypted
	}
}

func withID(want id.EventID) func(matrix.MatrixSyncEvent) bool {
	return func(evt matrix.MatrixSyncEvent) bool { return evt.EventID == want }
}

func TestMatrixCryptoInit_WithSyncService(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	service := bob.startService(t)
	for round := range 2 {
		text := []string{"before", "after"}[round] + " the restart"
		sent := alice.send(t, room, text)
		evt := next(t, service, readable(sent))
		if evt.Type != "m.room.message" || evt.Body != text || !evt.Decrypted || !evt.Encrypted || evt.Sender != alice.client.UserID {
			t.Errorf("%+v", evt)
		}
		sent = bob.send(t, room, "answer")
		wantRead(t, alice, sent, "answer")
		if evt := next(t, service, readable(sent)); evt.Body != "answer" {
			t.Errorf("its own message: %+v", evt)
		}
		service.Stop()
		bob.restart(t)
		service = bob.startService(t)
	}
}

// The message arrives first, the key later, with a restart of the reader in
// between.
func TestMatrixCryptoInit_EncryptedFirstDecryptedLater(t *testing.T) {
	t.Parallel()
	const passphrase = "correct horse battery staple"
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	bob.cfg.Bootstrap, bob.cfg.RecoveryKey, bob.cfg.Password = true, passphrase, bob.user.Password
	bob.restart(t)
	room := encryptedRoom(t, alice, bob)
	sent := alice.send(t, room, "late")
	wantRead(t, bob, sent, "late")
	second := bob.another(t, config{})
	second.start(t)
	service := second.startService(t)
	evt := next(t, service, withID(sent))
	if evt.Kind != "encrypted" || evt.Reason == "" || evt.Body != "" || evt.Decrypted {
		t.Fatalf("without a key: %+v", evt)
	}
	service.Stop()
	second.restart(t)
	service = second.startService(t)
	bob.until(t, "the backup's keys", func() bool {
		info, err := bob.client.GetKeyBackupLatestVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.Count > 0
	})
	service.Stop()
	second.cfg.RecoveryKey = passphrase // the user has entered the backup's key
	second.restart(t)
	service = second.startService(t)
	if evt := next(t, service, readable(sent)); evt.Type != "m.room.message" || evt.Body != "late" || !evt.Decrypted {
		t.Errorf("with the key: %+v", evt)
	}
}

func TestMatrixCryptoInit_AfterSyncBegan(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	alice.stop(t)
	if err := alice.tryStart(t); err != nil {
		t.Fatal(err)
	}
	service := alice.startService(t)
	cfg := alice.cfg
	if err := alice.crypto.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := matrixcrypto.MatrixCryptoInit(t.Context(), cfg)
	wantCode(t, err, core.CodeConflict)
	if err == nil || !strings.Contains(err.Error(), "sync has begun") {
		t.Errorf("it does not say why: %v", err)
	}
	service.Stop()
	if alice.crypto, err = matrixcrypto.MatrixCryptoInit(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}

// The second sync has a message that was sent after the first response, which
// has the other keys: the message's own key comes with the next sync.
func TestMatrixCryptoInit_KeyAfterLookBack(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	alice := newDevice(t, "alice", config{})
	bob := bareDevice(t, proxy.URL(), server.NewUser(t, "bob"), config{})
	bob.start(t)
	room := encryptedRoom(t, alice, bob)
	service := bob.startService(t)
	wake := func() id.EventID {
		resp, err := alice.client.SendStateEvent(t.Context(), room, event.StateTopic, "", &event.TopicEventContent{Topic: time.Now().String()})
		if err != nil {
			t.Fatal(err)
		}
		return resp.EventID
	}
	// The first may come with the initial sync, and a look back needs a
	// response that is older than the latest.
	for range 2 {
		next(t, service, withID(wake()))
	}
	isSync := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/sync") }
	failure := proxy.Add(fault.Rule{Where: isSync, Max: 1, Fault: fault.Status{Code: 502}})
	looks, sent := make(chan struct{}), make(chan struct{})
	var once sync.Once
	answer := sync.OnceFunc(func() { close(sent) })
	t.Cleanup(answer) // before the proxy's, which waits for its requests
	proxy.Add(fault.Rule{Fault: fault.Delay{Time: time.Millisecond}, Where: func(r *http.Request) bool {
		ms, _ := strconv.Atoi(r.URL.Query().Get("timeout"))
		if isSync(r) && 0 < ms && ms < 1000 { // the look back's
			once.Do(func() { close(looks) })
			<-sent
		}
		return false
	}})
	wake()
	if err := failure.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-looks:
	case <-time.After(matrixtest.Patience):
		t.Fatal("there was no look back")
	}
	message := alice.send(t, room, "early")
	alice.event(t, message) // or Dendrite's sync may not have it yet
	answer()
	if evt := next(t, service, withID(message)); evt.Kind != matrix.MatrixKindEncrypted {
		t.Errorf("without its key: %+v", evt)
	}
	if evt := next(t, service, withID(message)); evt.Body != "early" || !evt.Decrypted {
		t.Errorf("with its key: %+v", evt)
	}
}

// A server with intermittent failures must not cost a message, outgoing or
// incoming.
func TestMatrixCryptoInit_FailingServer(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	alice := newDevice(t, "alice", config{})
	bob := bareDevice(t, proxy.URL(), server.NewUser(t, "bob"), config{})
	bob.start(t)
	room := encryptedRoom(t, alice, bob)
	service := bob.startService(t)
	for _, path := range []string{"POST /_matrix/client/v3/keys/", "PUT /_matrix/client/v3/sendToDevice/", "GET /_matrix/client/v3/sync"} {
		proxy.Add(fault.Rule{Match: path, Probability: 0.4, Fault: fault.Status{Code: 502}})
	}
	for i := range 12 {
		text := strings.Repeat("x", i+1)
		sent := alice.send(t, room, text)
		if evt := next(t, service, readable(sent)); evt.Body != text {
			t.Fatalf("bob got %+v", evt)
		}
		var answer id.EventID
		for {
			resp, err := bob.client.SendText(t.Context(), room, text)
			if err == nil {
				answer = resp.EventID
				break
			}
			if core.ErrorCode(matrix.MatrixError("send", err)) != core.CodeUnavailable {
				t.Fatal(err)
			}
		}
		wantRead(t, alice, answer, text)
		if i%4 == 3 { // new sessions
			alice.setVisibility(t, room, []event.HistoryVisibility{event.HistoryVisibilityInvited, event.HistoryVisibilityJoined, event.HistoryVisibilityShared}[i/4])
		}
	}
}

func TestMatrixCryptoInit_Media(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoom(t, alice, bob)
	data := bytes.Repeat([]byte("a secret picture "), 300_000)
	thumbnail, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: alice.client, Content: strings.NewReader("small"), Encrypt: true})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{
		Client: alice.client, Room: room, Content: bytes.NewReader(data), FileName: "secret.txt", Caption: "for you", Thumbnail: &thumbnail,
	})
	if err != nil {
		t.Fatal(err)
	}
	evt := bob.event(t, sent.EventID)
	if evt.Type != event.EventEncrypted || bytes.Contains(evt.Content.VeryRaw, []byte("secret.txt")) {
		t.Errorf("the server sees %s", evt.Content.VeryRaw)
	}
	decrypted := bob.decrypt(t, evt)
	message := decrypted.Content.AsMessage()
	if message.URL != "" || message.File == nil || message.Info.ThumbnailFile == nil || message.Info.ThumbnailURL != "" || message.FileName != "secret.txt" || message.Body != "for you" {
		t.Fatalf("the message: %s", decrypted.Content.VeryRaw)
	}
	for file, want := range map[*event.EncryptedFileInfo][]byte{message.File: data, message.Info.ThumbnailFile: []byte("small")} {
		var got bytes.Buffer
		if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: bob.client, File: file, Writer: &got}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("other content came: %d bytes", got.Len())
		}
	}
	plain := thumbnail
	plain.File = nil
	_, err = matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{Client: alice.client, Room: room, Content: bytes.NewReader(data), Thumbnail: &plain})
	wantCode(t, err, core.CodeInvalid)
}
