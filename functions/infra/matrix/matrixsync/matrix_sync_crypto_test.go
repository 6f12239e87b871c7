package matrixsync_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// toyCrypto stands in for a crypto machine with keys distributed by the test:
// this package links none, and matrixcrypto's own tests use the real one. Its
// "ciphertext" is base64.
type toyCrypto struct {
	mautrix.CryptoHelper // panics where the sync asks for more than it should

	mu      sync.Mutex
	keys    map[matrixsync.MatrixSessionKey]bool
	fresh   []matrixsync.MatrixSessionKey
	members int   // member events seen
	broken  error // of ProcessSync
}

func newToyCrypto() *toyCrypto { return &toyCrypto{keys: map[matrixsync.MatrixSessionKey]bool{}} }

func (c *toyCrypto) give(room id.RoomID, session id.SessionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := matrixsync.MatrixSessionKey{RoomID: room, SessionID: session}
	c.keys[key] = true
	c.fresh = append(c.fresh, key)
}

func (c *toyCrypto) ProcessSync(_ context.Context, resp *mautrix.RespSync, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.broken; err != nil {
		c.broken = nil
		return err
	}
	for _, room := range resp.Rooms.Join {
		for _, e := range room.State.Events {
			if e.Type == event.StateMember && e.Content.AsMember().Membership != "" && e.RoomID != "" {
				c.members++
			}
		}
	}
	return nil
}

func (c *toyCrypto) Decrypt(_ context.Context, evt *event.Event) (*event.Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content := evt.Content.AsEncrypted()
	if !c.keys[matrixsync.MatrixSessionKey{RoomID: evt.RoomID, SessionID: content.SessionID}] {
		return nil, fmt.Errorf("toy: %w", matrixsync.ErrMatrixNoKey)
	}
	plain, err := base64.StdEncoding.DecodeString(string(content.MegolmCiphertext))
	if err != nil {
		return nil, err
	}
	inner := &event.Event{Type: event.EventMessage, Sender: "@impostor:x", ID: "$impostor", RoomID: "!impostor:x", Timestamp: evt.Timestamp}
	inner.Mautrix.WasEncrypted = true
	return inner, json.Unmarshal(fmt.Appendf(nil, `{"msgtype":"m.text","body":%q}`, plain), &inner.Content)
}

func (c *toyCrypto) NewKeys() []matrixsync.MatrixSessionKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.fresh
	c.fresh = nil
	return fresh
}

var _ matrixsync.MatrixSyncCrypto = (*toyCrypto)(nil)

func sendEncrypted(t *testing.T, w *world, session, body string) id.EventID {
	t.Helper()
	sent, err := w.alice.SendMessageEvent(t.Context(), w.room, event.EventEncrypted, map[string]any{
		"algorithm": "m.megolm.v1.aes-sha2", "session_id": session, "sender_key": "x", "device_id": "y",
		"ciphertext": base64.StdEncoding.EncodeToString([]byte(body)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sent.EventID
}

func nextSecret(t *testing.T, service *matrixsync.MatrixSyncServiceHandle, ack bool) matrix.MatrixSyncEvent {
	t.Helper()
	for {
		e := next(t, service)
		if ack || !e.Encrypted {
			if err := e.Ack(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if e.Encrypted {
			return e
		}
	}
}

func wantUndecrypted(t *testing.T, e matrix.MatrixSyncEvent, event id.EventID, redelivered bool) {
	t.Helper()
	if e.Kind != matrix.MatrixKindEncrypted || e.Type != "m.room.encrypted" || e.Reason == "" || e.Body != "" || e.Decrypted || e.EventID != event || e.Redelivered != redelivered {
		t.Errorf("got %+v, want %s undecrypted", e, event)
	}
}

func wantDecrypted(t *testing.T, w *world, e matrix.MatrixSyncEvent, event id.EventID, body string, redelivered bool) {
	t.Helper()
	if e.Type != "m.room.message" || e.Body != body || !e.Decrypted || e.EventID != event || e.RoomID != w.room || e.Sender != w.alice.UserID || e.Redelivered != redelivered {
		t.Errorf("got %+v, want %s decrypted: %s", e, event, body)
	}
}

func TestMatrixSyncCrypto_KeyComesLater(t *testing.T) {
	t.Parallel()
	for name, durable := range map[string]bool{"SQLite": true, "memory": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			crypto := newToyCrypto()
			crypto.broken = errors.New("the crypto's database is locked")
			w.bot.Crypto = crypto
			cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, InitialBackoff: time.Millisecond}
			if durable {
				cfg.Store = newStore(t)
			}
			service := startSync(t, cfg)
			crypto.give(w.room, "known")
			early := sendEncrypted(t, w, "known", "read at once")
			wantDecrypted(t, w, nextSecret(t, service, true), early, "read at once", false)
			late := sendEncrypted(t, w, "late", "the key comes later")
			wantUndecrypted(t, nextSecret(t, service, true), late, false)
			other := sendEncrypted(t, w, "other", "its key never comes")
			wantUndecrypted(t, nextSecret(t, service, true), other, false)
			crypto.give(w.room, "late")
			after := sendEncrypted(t, w, "known", "after the key") // wakes the poll, as a to-device message does
			wantDecrypted(t, w, nextSecret(t, service, true), late, "the key comes later", false)
			wantDecrypted(t, w, nextSecret(t, service, true), after, "after the key", false)
			crypto.mu.Lock()
			defer crypto.mu.Unlock()
			if crypto.members == 0 || crypto.broken != nil {
				t.Errorf("the crypto saw %d member events", crypto.members)
			}
		})
	}
}

// Each delivery, undecrypted and decrypted, is acknowledged separately; and a
// key that arrives while no service runs finds the events waiting for it.
func TestMatrixSyncCrypto_OverRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	crypto := newToyCrypto()
	w.bot.Crypto = crypto
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t)}
	service := startSync(t, cfg)
	first, second := sendEncrypted(t, w, "s1", "one"), sendEncrypted(t, w, "s2", "two")
	wantUndecrypted(t, nextSecret(t, service, false), first, false)
	wantUndecrypted(t, nextSecret(t, service, true), second, false)
	service.Stop()
	crypto.give(w.room, "s2")
	crypto.NewKeys() // told to a process that died

	service = startSync(t, cfg)
	wantUndecrypted(t, nextSecret(t, service, true), first, true)
	wantDecrypted(t, w, nextSecret(t, service, false), second, "two", false)
	service.Stop()

	service = startSync(t, cfg)
	wantDecrypted(t, w, nextSecret(t, service, true), second, "two", true)
	crypto.give(w.room, "s1")
	send(t, w.alice, w.room, "wake up")
	wantDecrypted(t, w, nextSecret(t, service, true), first, "one", false)
	service.Stop()

	w.bot.Crypto = nil // without crypto nothing waits any more
	service = startSync(t, cfg)
	third := sendEncrypted(t, w, "s2", "three")
	wantUndecrypted(t, nextSecret(t, service, true), third, false)
	service.Stop()

	w.bot.Crypto = crypto
	service = startSync(t, cfg)
	wantDecrypted(t, w, nextSecret(t, service, true), third, "three", false)
	fourth := sendEncrypted(t, w, "s2", "four")
	wantDecrypted(t, w, nextSecret(t, service, false), fourth, "four", false)
	service.Stop()
	wantDecrypted(t, w, nextSecret(t, startSync(t, cfg), true), fourth, "four", true)
}
