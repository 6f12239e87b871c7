package matrixoutbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

const (
	crashEnv     = "OUTBOX_CRASH_CHILD"
	crashPerRoom = 60
	crashKills   = 12
)

// init makes this program a process that sends, where TestMatrixOutbox_SIGKILL
// starts it as one.
func init() {
	if os.Getenv(crashEnv) == "" {
		return
	}
	if err := crashChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// crashChild puts messages in, those that are there already once more in vain:
// in each life more, and in the last one all. Only that one ends by itself,
// when all are sent; so each life has something to send, and each kill one to
// end.
func crashChild() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	client, err := mautrix.NewClient(os.Getenv("CHILD_URL"), id.UserID(os.Getenv("CHILD_USER")), os.Getenv("CHILD_TOKEN"))
	if err != nil {
		return err
	}
	client.DeviceID = id.DeviceID(os.Getenv("CHILD_DEVICE"))
	client.Client = &http.Client{}
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: os.Getenv("CHILD_DB")})
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
	life, err := strconv.Atoi(os.Getenv("CHILD_LIFE"))
	if err != nil {
		return err
	}
	var items []matrix.MatrixOutboxItem
	for i := range crashPerRoom * (life + 1) / (crashKills + 1) {
		for n, room := range strings.Fields(os.Getenv("CHILD_ROOMS")) {
			item := outboxText(id.RoomID(room), fmt.Sprint(i))
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
	if life < crashKills {
		<-ctx.Done()
		return errors.New("nobody killed it")
	}
	return nil
}

// A process that sends is killed at random, again and again, and so is the
// server, which forgets its transactions by it (Dendrite has them in memory
// alone): at the end each message was posted once, in order.
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
	env := append(os.Environ(), crashEnv+"=1", "CHILD_URL="+proxy.URL(), "CHILD_USER="+user.ID, "CHILD_TOKEN="+user.AccessToken,
		"CHILD_DEVICE="+user.DeviceID, "CHILD_DB="+filepath.Join(t.TempDir(), "crash.db"), "CHILD_ROOMS="+fmt.Sprint(string(rooms[0]), " ", string(rooms[1]), " ", string(rooms[2])))
	for life := range crashKills {
		ended := crashRound(t, append(env, fmt.Sprint("CHILD_LIFE=", life)), func(child *os.Process) {
			time.Sleep(time.Duration(20+dice.IntN(150)) * time.Millisecond) // the moment of the kill is what is random
			if err := child.Kill(); err != nil {
				t.Error(err)
			}
			if life%3 == 2 {
				proxy.Down()
				server.Kill(t)
				server.Restart(t)
				proxy.Up()
			}
		})
		if ended {
			t.Fatalf("life %d ended by itself", life)
		}
	}
	if !crashRound(t, append(env, fmt.Sprint("CHILD_LIFE=", crashKills)), func(*os.Process) {}) {
		t.Fatal("the last life was killed")
	}
	for n, room := range rooms {
		if got := outboxBodies(t, direct, room, crashPerRoom); !slices.Equal(got, outboxTexts(0, crashPerRoom)) {
			t.Errorf("room %d: sent %v", n, got)
		}
	}
}

// crashRound runs the child, hands it to meddle once it sends, and reports
// whether it ended by itself.
func crashRound(t *testing.T, env []string, meddle func(*os.Process)) bool {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = env
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err == nil {
		meddle(child.Process)
	}
	err = child.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return true
	case ok && exit.ExitCode() == -1: // by the signal
		return false
	}
	t.Fatalf("the child failed: %v\n%s", err, stderr.String())
	return false
}
