package matrixsync_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// An event that handle failed on is delivered again, handled ones are not.
func TestMatrixSyncEach_AcknowledgesWhatWasHandled(t *testing.T) {
	t.Parallel()
	me, other := newClient(t, "me"), newClient(t, "other")
	room, db := newRoom(t, other, me), newDB(t)
	for _, text := range []string{"one", "two", "three"} {
		if _, err := other.SendText(t.Context(), room, text); err != nil {
			t.Fatal(err)
		}
	}
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		t.Fatal(err)
	}
	// until handles messages to one with this text, which it refuses.
	until := func(text string) (handled []string) {
		refused := errors.New("refused")
		err := matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: me, Store: store}, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
			switch evt.Body {
			case text:
				return refused
			case "":
			default:
				handled = append(handled, evt.Body)
			}
			return nil
		})
		if !errors.Is(err, refused) {
			t.Fatalf("got %v", err)
		}
		return handled
	}
	if got := until("two"); !slices.Equal(got, []string{"one"}) {
		t.Errorf("at first %q", got)
	}
	if got := until("three"); !slices.Equal(got, []string{"two"}) {
		t.Errorf("then %q", got)
	}
}

func TestMatrixSyncEach_EndsWithContext(t *testing.T) {
	t.Parallel()
	me := newClient(t, "me")
	newRoom(t, me)
	ctx, cancel := context.WithCancel(t.Context())
	err := matrixsync.MatrixSyncEach(ctx, matrixsync.MatrixSyncServiceConfig{Client: me}, func(context.Context, matrix.MatrixSyncEvent) error {
		cancel()
		return nil
	})
	if err != nil || matrixsync.MatrixSyncRunning(me) {
		t.Errorf("got %v, running %t", err, matrixsync.MatrixSyncRunning(me))
	}
}

func TestMatrixSyncEach_BadConfig(t *testing.T) {
	t.Parallel()
	handle := func(context.Context, matrix.MatrixSyncEvent) error { return nil }
	for _, err := range []error{
		matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{}, handle),
		matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: newClient(t, "me")}, nil),
	} {
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("got %v", err)
		}
	}
}

// eachFile opens a database file, and a store in it.
func eachFile(t *testing.T, path string) (*sqliteopen.SQLiteOpenHandle, *matrixsync.MatrixSyncStoreHandle) {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, BusyTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		t.Fatal(err)
	}
	return db, store
}

// seen calls back when a log has a message.
type seen struct {
	slog.Handler
	message string
	back    func()
}

func (s *seen) Enabled(context.Context, slog.Level) bool { return true }

func (s *seen) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, s.message) {
		s.back()
	}
	return nil
}

// Another process holds the database's lock while an event is acknowledged, for
// longer than the busy timeout: that passes.
func TestMatrixSyncEach_StoreBusyAtAck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	_, store := eachFile(t, path)
	other, _ := eachFile(t, path)
	server := &recorded{responses: [][]byte{[]byte(told("s1", "!r: $1 $2 $3"))}}
	var lock *sql.Tx
	release := sync.OnceFunc(func() {
		if err := lock.Rollback(); err != nil {
			t.Error(err)
		}
	})
	cfg := matrixsync.MatrixSyncServiceConfig{
		Client: recordedClient(t, server), Store: store, InitialBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
		Logger: slog.New(&seen{slog.DiscardHandler, "can't acknowledge", release}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var handled []string
	err := matrixsync.MatrixSyncEach(ctx, cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) (err error) {
		handled = append(handled, string(evt.EventID))
		switch evt.EventID {
		case "$1":
			lock, err = other.Writer.BeginTx(t.Context(), nil) // BEGIN IMMEDIATE
		case "$3":
			cancel()
		}
		return err
	})
	if err != nil || !slices.Equal(handled, []string{"$1", "$2", "$3"}) {
		t.Errorf("handled %q, %v", handled, err)
	}
	release()
	if left, err := store.Pending(t.Context(), 0, 10); err != nil || len(left) > 0 {
		t.Errorf("not acknowledged: %+v, %v", left, err)
	}
}

// A second process begins on the store: the first one ends and says why. Each
// message is handled, and what comes afterwards only by the second.
func TestMatrixSyncEach_AnotherProcessTakesTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "bot.db")
	each := func(ctx context.Context, bodies chan<- string) error {
		_, store := eachFile(t, path)
		cfg := matrixsync.MatrixSyncServiceConfig{
			Client: clientFor(t, w.proxy.URL(), servers.User{ID: w.user.ID, AccessToken: w.user.AccessToken, DeviceID: w.user.DeviceID}), Store: store, InitialBackoff: time.Millisecond,
		}
		return matrixsync.MatrixSyncEach(ctx, cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
			if evt.Type == "m.room.message" {
				bodies <- evt.Body
			}
			return nil
		})
	}
	firstBodies, secondBodies := make(chan string, 10), make(chan string, 10)
	firstEnd, secondEnd := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { firstEnd <- each(ctx, firstBodies) }()
	send(t, w.alice, w.room, "one")
	receive(t, firstBodies, "one")
	go func() { secondEnd <- each(ctx, secondBodies) }()
	until(t, "end of the first", func() bool {
		send(t, w.alice, w.room, "two")
		return len(firstEnd) > 0
	})
	err := <-firstEnd
	matrixtest.WantError(t, err, core.CodeConflict, "another service has taken the store over", w.user.AccessToken)
	if !errors.Is(err, matrixsync.ErrMatrixSyncTakenOver) {
		t.Errorf("got %v", err)
	}
	send(t, w.alice, w.room, "three")
	for body := ""; body != "three"; {
		select {
		case body = <-secondBodies:
		case <-time.After(syncWait):
			t.Fatal("the second got nothing")
		}
	}
	cancel()
	if err := <-secondEnd; err != nil {
		t.Errorf("the second: %v", err)
	}
}

func receive(t *testing.T, bodies <-chan string, want string) {
	t.Helper()
	select {
	case body := <-bodies:
		if body != want {
			t.Fatalf("got %q, want %q", body, want)
		}
	case <-time.After(syncWait):
		t.Fatalf("no %q", want)
	}
}

// The database file is deleted, moved or replaced while the bot runs: what it
// would acknowledge then would be lost with the process.
func TestMatrixSyncEach_FileLost(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"deleted": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bot.db")
			_, store := eachFile(t, path)
			server := &recorded{responses: [][]byte{[]byte(told("s1", "!r: $1 $2 $3"))}}
			cfg := matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), Store: store}
			var handled []string
			err := matrixsync.MatrixSyncEach(t.Context(), cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
				handled = append(handled, string(evt.EventID))
				if evt.EventID == "$2" {
					return change(path)
				}
				return nil
			})
			if core.ErrorCode(err) != core.CodeConflict || !errors.Is(err, sqlite.ErrSQLiteFileLost) || !slices.Equal(handled, []string{"$1", "$2"}) {
				t.Errorf("handled %q, %v", handled, err)
			}
		})
	}
}

// A bot that waits for a server that has nothing to say notices that its store
// is lost.
func TestMatrixSyncEach_StoreLostWhileIdle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(t *testing.T, path string)
		want error
	}{
		"deleted": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}, sqlite.ErrSQLiteFileLost},
		"taken over": {func(t *testing.T, path string) {
			_, store := eachFile(t, path)
			if _, err := store.Begin(t.Context(), "@bot:localhost"); err != nil {
				t.Error(err)
			}
		}, matrixsync.ErrMatrixSyncTakenOver},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bot.db")
			_, store := eachFile(t, path)
			server := &counting{answer: func(request *http.Request, n int) (*http.Response, error) {
				if n == 1 {
					return answerJSON(request, 200, []byte(told("s1", "!r: $1"))), nil
				}
				until(t, "acknowledgement", func() bool {
					left, err := store.Pending(t.Context(), 0, 1)
					return err == nil && len(left) == 0
				})
				c.lose(t, path)
				<-request.Context().Done()
				return nil, request.Context().Err()
			}}
			err := matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), Store: store}, func(context.Context, matrix.MatrixSyncEvent) error { return nil })
			if !errors.Is(err, c.want) || core.ErrorCode(err) != core.CodeConflict {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An event is acknowledged within the transaction in which it is handled: both
// happen or neither. Ack waits for that transaction, but not without an end.
func TestMatrixSyncEach_AckTx(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	db, store := eachFile(t, path)
	if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE done (event TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	server := &recorded{responses: [][]byte{[]byte(told("s1", "!r: $1 $2 $3"))}}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), Store: store}
	crashed := errors.New("crashed")
	run := func(crashAt string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := matrixsync.MatrixSyncEach(ctx, cfg, func(ctx context.Context, evt matrix.MatrixSyncEvent) error {
			tx, err := db.Writer.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := tx.ExecContext(ctx, "INSERT INTO done (event) VALUES (?)", evt.EventID); err != nil {
				return err
			}
			if err := evt.AckTx(ctx, tx); err != nil {
				return err
			}
			if string(evt.EventID) == crashAt {
				return crashed
			}
			if evt.EventID == "$3" {
				short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancelShort()
				if err := evt.Ack(short); core.ErrorCode(err) != core.CodeTimeout {
					t.Errorf("Ack within a transaction: %v", err)
				}
				defer cancel()
			}
			return tx.Commit()
		})
		if crashAt != "" && !errors.Is(err, crashed) || crashAt == "" && err != nil {
			t.Fatal(err)
		}
	}
	run("$2")
	run("")
	var done string
	if err := db.Writer.QueryRowContext(t.Context(), "SELECT group_concat(event, ' ') FROM (SELECT event FROM done ORDER BY rowid)").Scan(&done); err != nil || done != "$1 $2 $3" {
		t.Errorf("done: %q, %v", done, err)
	}
	if left, err := store.Pending(t.Context(), 0, 10); err != nil || len(left) > 0 {
		t.Errorf("not acknowledged: %+v, %v", left, err)
	}
}

// plainStore is a store without AcknowledgeTx.
type plainStore struct{ matrixsync.MatrixSyncStorage }

func TestMatrixSyncEach_AckTxUnsupported(t *testing.T) {
	t.Parallel()
	db, store := eachFile(t, filepath.Join(t.TempDir(), "bot.db"))
	server := &recorded{responses: [][]byte{[]byte(told("s1", "!r: $1"))}}
	for name, c := range map[string]struct {
		store matrixsync.MatrixSyncStorage
		want  core.Code
	}{"another store": {plainStore{store}, core.CodeUnsupported}, "no store": {nil, ""}} {
		ended := errors.New("ended")
		err := matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server), Store: c.store}, func(ctx context.Context, evt matrix.MatrixSyncEvent) error {
			tx, err := db.Writer.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if err := evt.AckTx(ctx, tx); core.ErrorCode(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
			return ended
		})
		if !errors.Is(err, ended) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
