package matrixsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

// killedLine is what a child prints for each event, twice: before it
// acknowledges and after.
type killedLine struct {
	Body        string
	Redelivered bool
	Acked       bool
}

type consumerSettings struct{ DB, URL, User, Token string }

// consumeForever is a child's role: it reads events, prints them, acknowledges
// them, and prints that.
func consumeForever(args []string) error {
	var settings consumerSettings
	if err := json.Unmarshal([]byte(args[0]), &settings); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), syncWait) // for one that stands still
	defer cancel()
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: settings.DB})
	if err != nil {
		return err
	}
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		return err
	}
	client, err := mautrix.NewClient(settings.URL, id.UserID(settings.User), settings.Token)
	if err != nil {
		return err
	}
	service, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: client, Store: store, MinInterval: time.Millisecond, ChannelBuffer: 3})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for e := range service.Events {
		if e.Type != "m.room.message" {
			if err := e.Ack(context.Background()); err != nil {
				return err
			}
			continue
		}
		line := killedLine{Body: e.Body, Redelivered: e.Redelivered}
		if err := out.Encode(line); err != nil {
			return err
		}
		if err := e.Ack(context.Background()); err != nil {
			return err
		}
		line.Acked = true
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return errors.New("the service ended")
}

// A consumer repeatedly killed at any moment: each message is acknowledged, in
// order; acknowledged ones are not delivered again; repeated ones are marked.
func TestSync_ConsumerKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings, err := json.Marshal(consumerSettings{
		DB: filepath.Join(t.TempDir(), "sync.db"), URL: w.proxy.URL(), User: w.user.ID, Token: w.user.AccessToken,
	})
	if err != nil {
		t.Fatal(err)
	}
	const messages, kills = 300, 12
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			if _, err := w.alice.SendText(t.Context(), w.room, fmt.Sprint(i)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	var seen, acked int // how many of the messages 0, 1, 2 ...
	again := 0
	for kill := 0; acked < messages; kill++ {
		patience := 3 + kill*7%23 // lines until it is killed
		if kill >= kills {
			patience = 1 << 30
		}
		child := killtest.Start(t, killtest.Config{Role: "consumer", Args: []string{string(settings)}})
		first := true
		for { // also what it wrote between the kill's sending and its coming
			text, ok := child.Line()
			if !ok {
				break
			}
			var line killedLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			var n int
			if _, err := fmt.Sscan(line.Body, &n); err != nil {
				t.Fatal(err)
			}
			if first && !line.Acked && n == acked+1 && seen == n {
				acked = n // the last one was acknowledged, and the line that says so lost with the process
			}
			first = false
			switch {
			case n != acked:
				t.Fatalf("got %d (acknowledged: %v), want %d", n, line.Acked, acked)
			case line.Acked:
				acked++
			case n < seen:
				again++
				if !line.Redelivered {
					t.Fatalf("%d came again unmarked", n)
				}
			default:
				seen++
			}
			if patience--; patience == 0 || acked == messages {
				child.Kill()
			}
		}
		if !child.Wait() {
			t.Fatalf("the consumer ended by itself at %d", acked)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d messages came twice", again, messages)
}
