//go:build goolm || libolm

package matrixcrypto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func wantInUse(t *testing.T, err error, code core.Code, pid int) {
	t.Helper()
	wantCode(t, err, code)
	held, _ := errors.AsType[*filelock.FileLockedError](err)
	if !errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) || core.ErrorHint(err) == "" || held == nil || held.PID != pid {
		t.Errorf("got %v, hint %q, want in use by %d", err, core.ErrorHint(err), pid)
	}
}

// twin is another program of the same device on the same database.
func (d *device) twin() *device {
	return &device{user: d.user, url: d.url, path: d.path, cfg: d.cfg, since: d.since}
}

func TestMatrixCryptoInit_InUse(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	second := alice.twin()
	err := second.tryStart(t)
	wantInUse(t, err, core.CodeConflict, os.Getpid())
	if second.client.Crypto != nil {
		t.Error("the client has encryption after the failure")
	}
	if err := alice.crypto.Close(); err != nil {
		t.Fatal(err)
	}
	second.start(t)
	alice.cfg.Client = matrixtest.Client(t, alice.url, alice.user)
	_, err = matrixcrypto.MatrixCryptoInit(t.Context(), alice.cfg)
	wantInUse(t, err, core.CodeConflict, os.Getpid())
}

func TestMatrixCryptoInit_InUseInMemory(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	alice := bareDevice(t, server.URL, server.NewUser(t, "alice"), config{})
	alice.path = ":memory:"
	alice.start(t)
	cfg := alice.cfg
	cfg.Client = matrixtest.Client(t, alice.url, alice.user)
	_, err := matrixcrypto.MatrixCryptoInit(t.Context(), cfg)
	wantCode(t, err, core.CodeConflict)
	if !errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		t.Error(err)
	}
	if err := alice.crypto.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := matrixcrypto.MatrixCryptoInit(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A start that fails leaves the keys to the next.
func TestMatrixCryptoInit_FailedStartReleases(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	alice.stop(t)
	ctx, cancel := context.WithCancel(t.Context())
	alice.cfg.Client = matrixtest.Client(t, alice.url, alice.user)
	alice.cfg.Client.Client.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, errors.New("no network")
	})
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: alice.path})
	if err != nil {
		t.Fatal(err)
	}
	alice.cfg.DB = db.Writer
	if _, err := matrixcrypto.MatrixCryptoInit(ctx, alice.cfg); err == nil {
		t.Fatal("it started without a network")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	alice.start(t)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// claimChild claims the keys, says whether it could, and keeps them until its
// input ends.
func claimChild(args []string) error {
	var todo task
	if err := json.Unmarshal([]byte(args[0]), &todo); err != nil {
		return err
	}
	db, _, crypto, err := todo.open(context.Background())
	if errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		fmt.Println("in use")
		return killtest.AwaitInputEnd()
	}
	if err != nil {
		return err
	}
	defer db.Close()
	defer crypto.Close()
	fmt.Println("claimed")
	return killtest.AwaitInputEnd()
}

// Of processes that start at the same time one gets the keys. When it is
// killed, the next gets them at once.
func TestMatrixCryptoInit_ProcessesAtOnce(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	alice.stop(t)
	text, err := json.Marshal(task{User: alice.user, URL: alice.url, Path: alice.path})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		processes := make([]*killtest.Process, 4)
		for i := range processes {
			processes[i] = killtest.Start(t, killtest.Config{Role: "claim", Args: []string{string(text)}})
		}
		owners := 0
		for _, process := range processes {
			switch line, _ := process.Line(); line {
			case "claimed":
				owners++
			case "in use":
			default:
				t.Fatalf("said %q", line)
			}
		}
		if owners != 1 {
			t.Errorf("%d processes have the keys", owners)
		}
		for _, process := range processes {
			process.Kill()
			process.Wait()
		}
	}
	alice.start(t)
}

// Who waits gets the keys when the other process is killed, and not while it
// is only stopped.
func TestMatrixCryptoInit_Waits(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	alice.stop(t)
	text, err := json.Marshal(task{User: alice.user, URL: alice.url, Path: alice.path})
	if err != nil {
		t.Fatal(err)
	}
	holder := killtest.Start(t, killtest.Config{Role: "claim", Args: []string{string(text)}})
	holder.Expect("claimed")
	holder.Signal(syscall.SIGSTOP)
	alice.cfg.Wait = true
	waiting := make(chan error)
	go func() { waiting <- alice.tryStart(t) }()
	ended := alice.twin()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended.cfg.Client = matrixtest.Client(t, alice.url, alice.user)
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: alice.path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ended.cfg.DB = db.Writer
	_, err = matrixcrypto.MatrixCryptoInit(ctx, ended.cfg)
	wantCode(t, err, core.CodeCanceled)
	select {
	case err := <-waiting:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	holder.Kill()
	holder.Wait()
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
}

// dump returns all that is in a database.
func dump(t *testing.T, db *sqliteopen.SQLiteOpenHandle) []string {
	t.Helper()
	tables := column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL ORDER BY name")
	var rows []string
	for _, table := range tables {
		columns := column(t, db, "SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('"+table+"')")
		rows = append(rows, column(t, db, "SELECT '"+table+" ' || "+strings.Join(columns, " || ', ' || ")+" FROM "+table+" ORDER BY 1")...)
	}
	return rows
}

func column(t *testing.T, db *sqliteopen.SQLiteOpenHandle, query string) []string {
	t.Helper()
	rows, err := db.Reader.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// A process whose keys another has taken over, since somebody removed the lock
// file, writes nothing and sends nothing, whatever it was about to do.
func TestMatrixCryptoInit_StaleWritesNothing(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	room := encryptedRoomWith(t, event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1, RotationPeriodMessages: 1}, alice, bob)
	wantRead(t, bob, alice.send(t, room, "one"), "one")
	received := alice.event(t, bob.send(t, room, "to alice"))
	alice.decrypt(t, received)
	news := alice.event(t, bob.send(t, room, "read by nobody yet"))
	matrixtest.Until(t, "a key for alice", func() bool { // of a new session
		bob.send(t, room, "more")
		alice.fetch(t)
		return len(alice.last.ToDevice.Events) > 0
	})

	if err := os.Remove(alice.path + ".crypto.lock"); err != nil {
		t.Fatal(err)
	}
	second := alice.twin()
	second.start(t)
	before := dump(t, second.db)
	sent := atomic.Int64{}
	transport := alice.client.Client.Transport
	alice.client.Client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if (r.Method == http.MethodPut || strings.HasSuffix(r.URL.Path, "/keys/upload")) && r.Context().Err() == nil {
			t.Logf("%s %s", r.Method, r.URL.Path)
			sent.Add(1)
		}
		return transport.RoundTrip(r)
	})
	machine := matrixcrypto.Machine(alice.crypto)
	for name, try := range map[string]func() error{
		"send": func() error { _, err := alice.client.SendText(t.Context(), room, "stale"); return err },
		"share a session": func() error {
			return machine.ShareGroupSession(t.Context(), room, []id.UserID{bob.client.UserID})
		},
		"read": func() error { _, err := alice.crypto.Decrypt(t.Context(), news); return err },
		"sync": func() error { return alice.crypto.ProcessSync(t.Context(), alice.last, alice.since) },
		"devices": func() error {
			devices := map[id.DeviceID]*id.Device{}
			return machine.CryptoStore.PutDevices(t.Context(), bob.client.UserID, devices)
		},
		"account": func() error { return machine.CryptoStore.PutAccount(t.Context(), machine.GetAccount()) },
		"members": func() error {
			return alice.client.StateStore.ReplaceCachedMembers(t.Context(), room, nil)
		},
		"state": func() error {
			return alice.client.StateStore.SetMembership(t.Context(), room, "@new:x", event.MembershipJoin)
		},
	} {
		matrixcrypto.Unaware(alice.crypto)
		err := try()
		if err == nil || !strings.Contains(err.Error(), "another process has taken the keys over") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := alice.client.SendText(t.Context(), room, "stale")
	wantCode(t, err, core.CodeConflict)
	if after := dump(t, second.db); !slices.Equal(before, after) {
		t.Errorf("the database has changed:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	if n := sent.Load(); n > 0 {
		t.Errorf("%d requests that send", n)
	}
	if err := alice.crypto.Close(); err != nil {
		t.Error(err)
	}
	wantRead(t, bob, second.send(t, room, "by the other"), "by the other")
	second.decrypt(t, news)
}

// An Olm session whose use can't be stored sends nothing: its message key would
// be used again after a restart, and what is sent second can't be read.
func TestMatrixCryptoInit_OlmSessionNotStored(t *testing.T) {
	t.Parallel()
	alice, bob := newDevice(t, "alice", config{}), newDevice(t, "bob", config{})
	first := encryptedRoom(t, alice, bob)
	wantRead(t, bob, alice.send(t, first, "one"), "one") // so that there is an Olm session
	room := encryptedRoom(t, alice, bob)
	sent := atomic.Int64{}
	transport := alice.client.Client.Transport
	alice.client.Client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/sendToDevice/") && r.Context().Err() == nil {
			sent.Add(1)
		}
		return transport.RoundTrip(r)
	})
	exec := func(statement string) {
		if _, err := alice.db.Writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TRIGGER refuse BEFORE UPDATE ON crypto_olm_session BEGIN SELECT RAISE(ABORT, 'refused by the test'); END")
	_, err := alice.client.SendText(t.Context(), room, "never")
	if err == nil || !strings.Contains(err.Error(), "refused by the test") || sent.Load() > 0 {
		t.Errorf("%v, after %d requests", err, sent.Load())
	}
	exec("DROP TRIGGER refuse")
	wantRead(t, bob, alice.send(t, room, "two"), "two")
	if sent.Load() == 0 {
		t.Error("the key of the second room was not counted")
	}
}

func TestMatrixCryptoInit_LockBesideDatabase(t *testing.T) {
	t.Parallel()
	alice := newDevice(t, "alice", config{})
	if info, err := os.Stat(alice.path + ".crypto.lock"); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	link := filepath.Join(t.TempDir(), "link.db") // leads to the same lock
	if err := os.Symlink(alice.path, link); err != nil {
		t.Fatal(err)
	}
	second := alice.twin()
	second.path = link
	wantInUse(t, second.tryStart(t), core.CodeConflict, os.Getpid())
}
