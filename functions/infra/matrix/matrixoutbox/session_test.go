package matrixoutbox_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// scrambled stands in for encryption in tests about events whose content can't
// be compared: no two are equal.
type scrambled struct{ mautrix.CryptoHelper }

func (scrambled) Encrypt(context.Context, id.RoomID, event.Type, any) (*event.EncryptedEventContent, error) {
	return &event.EncryptedEventContent{Algorithm: id.AlgorithmMegolmV1, MegolmCiphertext: []byte(rand.Text()), SessionID: "session"}, nil
}

// The response is lost and the program restarts, in the same session of the
// user or in a new one, to which no server reveals the old one's transaction
// IDs.
func TestMatrixOutbox_LostAnswerOverSessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		newSession, encrypted bool
		unsure                bool
	}{
		{name: "same session"},
		{name: "new session", newSession: true},
		{name: "encrypted, same session", encrypted: true},
		{name: "encrypted, new session", newSession: true, encrypted: true, unsure: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := servers.Matrix(t)
			user := server.NewUser(t, "session")
			direct := clientFor(t, server.URL, user)
			proxy := fault.HTTP(t, server.URL)
			client := clientFor(t, proxy.URL(), user)
			room := newRoom(t, direct)
			eventType := "m.room.message"
			if c.encrypted {
				eventType = "m.room.encrypted"
				scramble(t, client, room)
			}
			lost := proxy.Add(fault.Rule{Match: sendsOf(eventType), Max: 1, Fault: fault.Reset{AfterServer: true}})
			cfg := outboxQuick
			cfg.DB, cfg.Settle = newDB(t).Writer, time.Hour // so that this one does not try again
			outbox := startOutbox(t, client, cfg)
			ids := outboxPut(t, outbox, outboxText(room, "lost"), outboxText(room, "next"))
			if err := lost.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			stop(t, outbox)

			again := clientFor(t, server.URL, user)
			if c.newSession {
				logIn(t, again, user)
			}
			if c.encrypted {
				scramble(t, again, room)
			}
			cfg.Settle = 300 * time.Millisecond
			outbox = startOutbox(t, again, cfg)
			outboxSent(t, outbox, ids[1])
			_, err := outbox.Wait(t.Context(), ids[0])
			aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err)
			if c.unsure != (ok && aside.Uncertain) || !c.unsure && err != nil {
				t.Errorf("%v", err)
			}
			until(t, "two messages", func() bool { return len(outboxEvents(t, again, room, eventType)) >= 2 })
			if got := len(outboxEvents(t, again, room, eventType)); got != 2 {
				t.Errorf("sent %d", got)
			}
			if got := outboxBodies(t, again, room, 0); !c.encrypted && !slices.Equal(got, []string{"lost", "next"}) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

func scramble(t testing.TB, client *mautrix.Client, room id.RoomID) {
	t.Helper()
	client.Crypto, client.StateStore = scrambled{}, mautrix.NewMemoryStateStore()
	if err := client.StateStore.SetEncryptionEvent(t.Context(), room, &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
}

func logIn(t testing.TB, client *mautrix.Client, user servers.User) {
	t.Helper()
	_, err := client.Login(t.Context(), &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: user.ID},
		Password: user.Password, StoreCredentials: true,
	})
	if err != nil {
		t.Fatal(err)
	}
}
