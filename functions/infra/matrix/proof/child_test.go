package proof_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// child is the role of a process that works until it is killed. Its argument is
// the job.
func child(work func(context.Context, job, *mautrix.Client, *sqliteopen.SQLiteOpenHandle) error) func(args []string) error {
	return func(args []string) error {
		var j job
		if err := json.Unmarshal([]byte(args[0]), &j); err != nil {
			return err
		}
		return begin(j, work)
	}
}

func begin(j job, work func(context.Context, job, *mautrix.Client, *sqliteopen.SQLiteOpenHandle) error) error {
	ctx := context.Background()
	client, err := mautrix.NewClient(j.URL, id.UserID(j.User.ID), j.User.AccessToken)
	if err != nil {
		return err
	}
	client.DeviceID = id.DeviceID(j.User.DeviceID)
	client.Client = &http.Client{Transport: newMortal(j)}
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: j.DB})
	if err != nil {
		return err
	}
	defer db.Close()
	return work(ctx, j, client, db)
}

// read acknowledges events, one by one or several together, and keeps the
// ledger.
func read(ctx context.Context, j job, client *mautrix.Client, db *sqliteopen.SQLiteOpenHandle) error {
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		return err
	}
	sync, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: client, Store: store, InitialBackoff: 20 * time.Millisecond, MaxBackoff: time.Second})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(j.Ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	onReport("reader", func() string { return readerReport(sync, store) }, sync.Errors)
	random := rand.New(rand.NewPCG(j.Seed, uint64(j.Start)<<1))
	var batch []matrix.MatrixSyncEvent
	for e := range sync.Events {
		if e.Kind == matrix.MatrixKindGap {
			return fmt.Errorf("a gap in %s", e.RoomID)
		}
		if e.Type == event.EventMessage.Type {
			if _, err := fmt.Fprintf(out, "D %s %t %s\n", e.EventID, e.Redelivered, e.Body); err != nil {
				return err
			}
		}
		maybeDie(random)
		batch = append(batch, e)
		if len(sync.Events) > 0 && len(batch) < 10 {
			continue
		}
		if err := acknowledge(sync, out, batch, random); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return fmt.Errorf("the service ended by itself")
}

func acknowledge(sync *matrixsync.MatrixSyncServiceHandle, out *os.File, batch []matrix.MatrixSyncEvent, random *rand.Rand) error {
	var ids strings.Builder
	for _, e := range batch {
		if e.Type == event.EventMessage.Type {
			ids.WriteString(" " + string(e.EventID))
		}
	}
	if _, err := fmt.Fprintf(out, "a%s\n", &ids); err != nil {
		return err
	}
	maybeDie(random)
	if len(batch) == 1 {
		if err := batch[0].Ack(context.Background()); err != nil {
			return err
		}
	} else if err := sync.Ack(context.Background(), batch...); err != nil {
		return err
	}
	maybeDie(random)
	_, err := fmt.Fprintln(out, "A")
	return err
}

// maybeDie occasionally sends itself a SIGKILL at the worst moment.
func maybeDie(random *rand.Rand) {
	if random.IntN(500) == 0 {
		die()
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it comes
}

// mortal is a transport that kills its process at one in so many requests:
// before the request, while the server processes it, or once the response has
// arrived.
type mortal struct {
	http.RoundTripper
	mu     sync.Mutex
	random *rand.Rand
	deadly int
}

func newMortal(j job) *mortal {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = rooms
	return &mortal{RoundTripper: transport, random: rand.New(rand.NewPCG(j.Seed, uint64(j.Start)<<1|1)), deadly: j.Deadly}
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	deadly, moment, wait := m.random.IntN(m.deadly) == 0, m.random.IntN(3), time.Duration(m.random.IntN(50))*time.Millisecond
	m.mu.Unlock()
	if !deadly {
		return m.RoundTripper.RoundTrip(r)
	}
	switch moment {
	case 0:
		die()
	case 1:
		time.AfterFunc(wait, die)
	}
	response, err := m.RoundTripper.RoundTrip(r)
	if moment == 2 {
		die()
	}
	return response, err
}

// settle is how long after its sender was killed a send may still take effect,
// on a loaded machine.
const settle = 15 * time.Second

// write enqueues its messages, which the outbox accepts once however often they
// are repeated, and waits until all are sent.
func write(ctx context.Context, j job, client *mautrix.Client, db *sqliteopen.SQLiteOpenHandle) error {
	outbox, err := matrixoutbox.MatrixOutbox(ctx, matrixoutbox.MatrixOutboxConfig{Client: client, DB: db.Writer, Concurrency: rooms, Backoff: quick, Settle: settle})
	if err != nil {
		return err
	}
	onReport(fmt.Sprint("writer ", j.Sender), func() string { return writerReport(outbox) }, outbox.Errors)
	var items []matrix.MatrixOutboxItem
	for n := range j.Each {
		for _, room := range j.Rooms {
			text := body(room, j.Sender, n)
			items = append(items, matrix.MatrixOutboxItem{
				Room: room, Type: event.EventMessage.Type, TransactionID: strings.ReplaceAll(text, " ", "-"),
				Content: event.MessageEventContent{MsgType: event.MsgText, Body: text},
			})
		}
	}
	transactions, err := outbox.Enqueue(ctx, items...)
	if err != nil {
		return err
	}
	for _, transaction := range transactions {
		if _, err := outbox.Wait(ctx, transaction); err != nil {
			return err
		}
	}
	return outbox.Stop(ctx)
}
