package matrixoutbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

const (
	crashPerRoom = 60
	crashKills   = 12
)

// crashJob is the job of a sending process.
type crashJob struct {
	URL   string
	User  servers.User
	DB    string
	Rooms []id.RoomID
	Life  int // how often it was killed before
}

// crashChild enqueues messages, repeating those that are already queued: in
// each life more, and in the last one all. Only that one ends by itself, once
// all are sent; so each life has something to send, and each kill something to
// interrupt.
func crashChild(args []string) error {
	var job crashJob
	if err := json.Unmarshal([]byte(args[0]), &job); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), matrixtest.Patience)
	defer cancel()
	client, err := mautrix.NewClient(job.URL, id.UserID(job.User.ID), job.User.AccessToken)
	if err != nil {
		return err
	}
	client.DeviceID = id.DeviceID(job.User.DeviceID)
	client.Client = &http.Client{}
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: job.DB})
	if err != nil {
		return err
	}
	defer db.Close()
	cfg := outboxQuick
	cfg.Client, cfg.DB, cfg.Settle = client, db.Writer, time.Second
	outbox, err := matrixoutbox.MatrixOutbox(ctx, cfg)
	if err != nil {
		return err
	}
	defer outbox.Stop(ctx)
	var items []matrix.MatrixOutboxItem
	for i := range crashPerRoom * (job.Life + 1) / (crashKills + 1) {
		for n, room := range job.Rooms {
			item := outboxText(room, fmt.Sprint(i))
			item.TransactionID = fmt.Sprintf("crash-%d-%d", n, i)
			items = append(items, item)
		}
	}
	ids, err := outbox.Enqueue(ctx, items...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for _, txn := range ids {
		if _, err := outbox.Wait(ctx, txn); err != nil {
			return fmt.Errorf("%s: %w", txn, err)
		}
	}
	if job.Life < crashKills {
		<-ctx.Done()
		return errors.New("nobody killed it")
	}
	return nil
}

// A sending process is repeatedly killed at random, and so is the server, which
// thereby forgets its transactions (Dendrite keeps them only in memory): in the
// end each message was posted once, in order.
func TestMatrixOutbox_SIGKILL(t *testing.T) {
	t.Parallel()
	server := servers.Start(t, "matrix")
	homeserver := server.Matrix(t)
	user := homeserver.NewUser(t, "crash")
	direct := clientFor(t, homeserver.URL, user)
	rooms := []id.RoomID{newRoom(t, direct), newRoom(t, direct), newRoom(t, direct)}
	proxy := fault.HTTP(t, homeserver.URL)
	t.Logf("seed %d (FAULT_SEED replays it)", proxy.Seed())
	dice := rand.New(rand.NewPCG(proxy.Seed(), 7))
	proxy.Add(fault.Rule{Match: outboxSends, Probability: 0.5, Fault: fault.Delay{Jitter: 30 * time.Millisecond, AfterServer: true}})
	job := crashJob{URL: proxy.URL(), User: user, DB: filepath.Join(t.TempDir(), "crash.db"), Rooms: rooms}
	for ; job.Life < crashKills; job.Life++ {
		child := crashStart(t, job)
		child.Expect("ready")
		time.Sleep(time.Duration(20+dice.IntN(150)) * time.Millisecond) // the moment of the kill is what is random
		child.Kill()
		if job.Life%3 == 2 {
			proxy.Down()
			server.Kill(t)
			server.Restart(t)
			proxy.Up()
		}
		if !child.Wait() {
			t.Fatalf("life %d ended by itself", job.Life)
		}
	}
	if crashStart(t, job).Wait() || t.Failed() {
		t.Fatal("the last life did not send all")
	}
	for n, room := range rooms {
		if got := outboxBodies(t, direct, room, crashPerRoom); !slices.Equal(got, outboxTexts(0, crashPerRoom)) {
			t.Errorf("room %d: sent %v", n, got)
		}
	}
}

func crashStart(t *testing.T, job crashJob) *killtest.Process {
	t.Helper()
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return killtest.Start(t, killtest.Config{Role: "crash", Args: []string{string(data)}})
}
