//go:build goolm || libolm

package matrixcrypto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// task is the work of a child process: it processes sync responses until it is
// killed, and prints a line after each.
type task struct {
	User  servers.User
	URL   string
	Path  string // of the database, in which the sync token is, too
	Since string
}

const tokenTable = "CREATE TABLE IF NOT EXISTS test_token (one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT)"

func child(args []string) error {
	var todo task
	if err := json.Unmarshal([]byte(args[0]), &todo); err != nil {
		return err
	}
	return todo.run(context.Background())
}

func (todo task) run(ctx context.Context) error {
	db, client, crypto, err := todo.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	since, err := token(ctx, db, todo.Since)
	if err != nil {
		return err
	}
	for {
		resp, err := client.SyncRequest(ctx, 1000, since, "", false, "")
		if err != nil {
			return err
		}
		if err := crypto.ProcessSync(ctx, resp, since); err != nil {
			return err
		}
		since = resp.NextBatch
		if _, err := db.Writer.ExecContext(ctx, "INSERT INTO test_token VALUES (1, ?) ON CONFLICT DO UPDATE SET token = excluded.token", since); err != nil {
			return err
		}
		fmt.Println("taken in")
	}
}

// open opens the database and sets encryption up. The caller closes the
// database.
func (todo task) open(ctx context.Context) (*sqliteopen.SQLiteOpenHandle, *mautrix.Client, *matrixcrypto.MatrixCryptoInitHandle, error) {
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: todo.Path})
	if err != nil {
		return nil, nil, nil, err
	}
	client, err := mautrix.NewClient(todo.URL, id.UserID(todo.User.ID), todo.User.AccessToken)
	if err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	client.DeviceID = id.DeviceID(todo.User.DeviceID)
	crypto, err := matrixcrypto.MatrixCryptoInit(ctx, config{Client: client, DB: db.Writer, PickleKey: pickle})
	if err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	return db, client, crypto, nil
}

func token(ctx context.Context, db *sqliteopen.SQLiteOpenHandle, since string) (string, error) {
	if _, err := db.Writer.ExecContext(ctx, tokenTable); err != nil {
		return "", err
	}
	err := db.Writer.QueryRowContext(ctx, "SELECT coalesce(max(token), ?) FROM test_token", since).Scan(&since)
	return since, err
}

// Each message has a key of its own, and its reader is killed repeatedly while
// the keys arrive: none may be lost, neither one that the server considers
// delivered, since it has seen the next token, nor one that was half stored.
func TestMatrixCryptoInit_Killed(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoomWith(t, event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1, RotationPeriodMessages: 1}, alice, bob)
	text, err := json.Marshal(task{User: bob.user, URL: bob.url, Path: bob.path, Since: bob.since})
	if err != nil {
		t.Fatal(err)
	}
	bob.stop(t)

	// It sends until there were enough kills to be meaningful.
	const messages, enough = 60, 6
	var sent []id.EventID
	sending, killed := make(chan struct{}), make(chan struct{}, 1000)
	go func() {
		defer close(sending)
		for i := range messages + enough {
			if i >= messages {
				select {
				case <-killed:
				case <-t.Context().Done():
					return
				}
			}
			resp, err := alice.client.SendText(t.Context(), room, fmt.Sprint(i))
			if err != nil {
				t.Error(err)
				return
			}
			sent = append(sent, resp.EventID)
		}
	}()
	kills := 0
	for running := true; running; kills++ {
		reader := killtest.Start(t, killtest.Config{Role: "take", Args: []string{string(text)}})
		if kills%2 == 1 { // every other one is killed when it is past its start, however long that takes
			reader.Expect("taken in")
		}
		select { // not to hide a race: the kill is to come at any moment
		case <-time.After(time.Duration(rand.Int64N(int64(300 * time.Millisecond)))):
		case <-sending:
			running = false
		}
		reader.Kill()
		if !reader.Wait() {
			t.Fatal("the reader ended by itself")
		}
		killed <- struct{}{}
	}

	bob.start(t)
	if bob.since, err = token(t.Context(), bob.db, bob.since); err != nil {
		t.Fatal(err)
	}
	for i, evtID := range sent {
		bob.readAsked(t, room, evtID, fmt.Sprint(i))
	}
	t.Logf("%d kills", kills)
}

// readAsked reads an event that may no longer be in any sync response.
func (d *device) readAsked(t *testing.T, room id.RoomID, want id.EventID, text string) {
	t.Helper()
	evt := matrixtest.Event(t, d.client, room, want)
	evt.RoomID = room
	d.until(t, "the key of "+text, func() bool {
		decrypted, err := d.crypto.Decrypt(t.Context(), evt)
		return err == nil && decrypted.Content.AsMessage().Body == text
	})
}

// Several goroutines that send to a room concurrently must not use a message
// key twice.
func TestMatrixCryptoInit_SendersAtOnce(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoomWith(t, event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1, RotationPeriodMessages: 7}, alice, bob)
	var senders sync.WaitGroup
	sent := make([]id.EventID, 40)
	for i := range sent {
		senders.Go(func() {
			resp, err := alice.client.SendText(t.Context(), room, fmt.Sprint(i))
			if err != nil {
				t.Error(err)
				return
			}
			sent[i] = resp.EventID
		})
	}
	for range 5 {
		alice.sync(t)
	}
	senders.Wait()
	for i, evt := range sent {
		bob.readAsked(t, room, evt, fmt.Sprint(i))
	}
}
