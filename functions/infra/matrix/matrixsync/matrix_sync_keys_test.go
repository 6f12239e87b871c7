package matrixsync_test

import (
	"context"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// takingCrypto notes the to-device messages that it is given.
type takingCrypto struct {
	mautrix.CryptoHelper
	matrixsync.MatrixSyncCrypto
	seen map[string]int
	fail error
}

func (c *takingCrypto) ProcessSync(_ context.Context, resp *mautrix.RespSync, since string) error {
	if c.fail != nil {
		return c.fail
	}
	if since == "" {
		c.seen["since"]++
	}
	for _, evt := range resp.ToDevice.Events {
		number, _ := evt.Content.Raw["n"].(string)
		c.seen[number]++
	}
	return nil
}

func (c *takingCrypto) Decrypt(context.Context, *event.Event) (*event.Event, error) { return nil, nil }

func TestMatrixSyncKeys_TakesAll(t *testing.T) {
	t.Parallel()
	client, sender := newClient(t, "device"), newClient(t, "sender")
	send := func(n string) {
		t.Helper()
		content := &event.Content{Raw: map[string]any{"n": n}}
		request := &mautrix.ReqSendToDevice{Messages: map[id.UserID]map[id.DeviceID]*event.Content{client.UserID: {client.DeviceID: content}}}
		if _, err := sender.SendToDevice(t.Context(), event.NewEventType("org.example.key"), request); err != nil {
			t.Fatal(err)
		}
	}
	crypto := &takingCrypto{seen: map[string]int{}}
	client.Crypto = crypto
	cfg := matrixsync.MatrixSyncKeysConfig{Client: client}
	send("one")
	crypto.fail = &core.Error{Code: core.CodeUnavailable}
	matrixtest.Until(t, "failure", func() bool {
		return core.ErrorCode(matrixsync.MatrixSyncKeys(t.Context(), cfg)) == core.CodeUnavailable
	})
	crypto.fail = nil
	send("two")
	matrixtest.Until(t, "both messages", func() bool { // the one that failed was not forgotten
		if err := matrixsync.MatrixSyncKeys(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		return crypto.seen["one"] > 0 && crypto.seen["two"] > 0
	})
	clear(crypto.seen)
	if err := matrixsync.MatrixSyncKeys(t.Context(), cfg); err != nil || len(crypto.seen) != 0 {
		t.Errorf("again: %v, %v", crypto.seen, err)
	}
}

func TestMatrixSyncKeys_NothingToDo(t *testing.T) {
	t.Parallel()
	client, err := mautrix.NewClient("http://127.0.0.1:1", "@a:b", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := matrixsync.MatrixSyncKeys(t.Context(), matrixsync.MatrixSyncKeysConfig{Client: client}); err != nil {
		t.Errorf("without encryption: %v", err)
	}
	if err := matrixsync.MatrixSyncKeys(t.Context(), matrixsync.MatrixSyncKeysConfig{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("without a client: %v", err)
	}
	client.Crypto = &takingCrypto{}
	client.DefaultHTTPRetries = 0
	if err := matrixsync.MatrixSyncKeys(t.Context(), matrixsync.MatrixSyncKeysConfig{Client: client}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("without a server: %v", err)
	}
}
