//go:build goolm || libolm

package matrixcrypto_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/killtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"take": child, "claim": claimChild})
	goleak.VerifyTestMain(m)
}

// device is one device of a user, with its own database, driven by plain /sync
// calls.
type device struct {
	user   servers.User
	url    string
	path   string // of the database
	cfg    matrixcrypto.MatrixCryptoInitConfig
	client *mautrix.Client
	db     *sqliteopen.SQLiteOpenHandle
	crypto *matrixcrypto.MatrixCryptoInitHandle
	since  string
	last   *mautrix.RespSync
	seen   []*event.Event // timelines, in the server's order
}

var pickle = []byte("0123456789abcdef0123456789abcdef")

// newDevice creates a user with one device that has encryption. cfg.Client and
// cfg.DB are set here.
func newDevice(t testing.TB, name string, cfg matrixcrypto.MatrixCryptoInitConfig) *device {
	t.Helper()
	server := servers.Matrix(t)
	d := bareDevice(t, server.URL, server.NewUser(t, name), cfg)
	d.start(t)
	return d
}

// another logs the user in on a further device, without starting its
// encryption.
func (d *device) another(t testing.TB, cfg matrixcrypto.MatrixCryptoInitConfig) *device {
	t.Helper()
	client := matrixtest.Client(t, d.url, d.user)
	resp, err := client.Login(t.Context(), &mautrix.ReqLogin{
		Type:       mautrix.AuthTypePassword,
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: d.user.ID},
		Password:   d.user.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	user := d.user
	user.AccessToken, user.DeviceID = resp.AccessToken, resp.DeviceID.String()
	return bareDevice(t, d.url, user, cfg)
}

func bareDevice(t testing.TB, url string, user servers.User, cfg matrixcrypto.MatrixCryptoInitConfig) *device {
	if len(cfg.PickleKey) == 0 && cfg.Secrets == nil {
		cfg.PickleKey = pickle
	}
	return &device{user: user, url: url, path: filepath.Join(t.TempDir(), "keys.db"), cfg: cfg}
}

// start is a start of the program: everything is new except the database and
// the sync token.
func (d *device) start(t testing.TB) {
	t.Helper()
	if err := d.tryStart(t); err != nil {
		t.Fatal(err)
	}
}

func (d *device) tryStart(t testing.TB) error {
	t.Helper()
	var err error
	if d.db, err = sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: d.path}); err != nil {
		t.Fatal(err)
	}
	db := d.db
	t.Cleanup(func() { _ = db.Close() })
	d.client = matrixtest.Client(t, d.url, d.user)
	d.cfg.Client, d.cfg.DB = d.client, d.db.Writer
	d.crypto, err = matrixcrypto.MatrixCryptoInit(t.Context(), d.cfg)
	return err
}

// stop ends the program like a crash: the server is not notified.
func (d *device) stop(t testing.TB) {
	t.Helper()
	if err := errors.Join(d.crypto.Close(), d.db.Close()); err != nil {
		t.Fatal(err)
	}
}

func (d *device) restart(t testing.TB) {
	t.Helper()
	d.stop(t)
	d.start(t)
}

// fetch requests the next response and keeps its timelines, without passing it
// to the encryption.
func (d *device) fetch(t testing.TB) {
	t.Helper()
	resp, err := d.client.SyncRequest(t.Context(), 0, d.since, "", false, "")
	if err != nil {
		t.Fatal(err)
	}
	d.last = resp
	for room, joined := range resp.Rooms.Join {
		for _, evt := range joined.Timeline.Events {
			evt.RoomID = room
			d.seen = append(d.seen, evt)
		}
	}
}

// fetchUntil repeats the request from the same token until cond holds.
func (d *device) fetchUntil(t testing.TB, what string, cond func() bool) {
	t.Helper()
	matrixtest.Until(t, what+" for "+d.client.UserID.String(), func() bool {
		d.fetch(t)
		return cond()
	})
}

// saw reports whether the device was sent an event.
func (d *device) saw(want id.EventID) bool {
	return slices.ContainsFunc(d.seen, func(evt *event.Event) bool { return evt.ID == want })
}

// sync processes the next response.
func (d *device) sync(t testing.TB) {
	t.Helper()
	d.fetch(t)
	d.take(t)
}

// take passes the last response to the encryption, and advances the token.
func (d *device) take(t testing.TB) {
	t.Helper()
	if err := d.crypto.ProcessSync(t.Context(), d.last, d.since); err != nil {
		t.Fatal(err)
	}
	d.since = d.last.NextBatch
}

// until syncs until cond holds.
func (d *device) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	first := true
	matrixtest.Until(t, what+" for "+d.client.UserID.String(), func() bool {
		if !first {
			d.sync(t)
		}
		first = false
		return cond()
	})
}

// event returns the event with this ID once the server has delivered it.
func (d *device) event(t testing.TB, want id.EventID) *event.Event {
	t.Helper()
	var found *event.Event
	d.until(t, want.String(), func() bool {
		i := slices.IndexFunc(d.seen, func(evt *event.Event) bool { return evt.ID == want })
		if i >= 0 {
			found = d.seen[i]
		}
		return i >= 0
	})
	return found
}

// read returns the text of a message that must have been encrypted.
func (d *device) read(t testing.TB, want id.EventID) string {
	t.Helper()
	evt := d.event(t, want)
	if evt.Type != event.EventEncrypted {
		t.Fatalf("%s went out as %s", want, evt.Type.Type)
	}
	return d.decrypt(t, evt).Content.AsMessage().Body
}

// decrypt decrypts an event once its key has arrived: Dendrite may deliver an
// event a sync before the key that was sent before it, since its two queues are
// independent.
func (d *device) decrypt(t testing.TB, evt *event.Event) (decrypted *event.Event) {
	t.Helper()
	d.until(t, "key of "+evt.ID.String(), func() bool {
		var err error
		decrypted, err = d.crypto.Decrypt(t.Context(), evt)
		if err != nil && !noKey(err) {
			t.Fatalf("%s reads %s: %v", d.client.DeviceID, evt.ID, err)
		}
		return err == nil
	})
	return decrypted
}

func (d *device) send(t testing.TB, room id.RoomID, text string) id.EventID {
	t.Helper()
	resp, err := d.client.SendText(t.Context(), room, text)
	if err != nil {
		t.Fatal(err)
	}
	return resp.EventID
}

func wantRead(t testing.TB, d *device, evt id.EventID, want string) {
	t.Helper()
	if got := d.read(t, evt); got != want {
		t.Errorf("%s read %q, want %q", d.client.DeviceID, got, want)
	}
}

func wantCode(t testing.TB, err error, want core.Code) {
	t.Helper()
	if core.ErrorCode(err) != want || err == nil {
		t.Errorf("got %v (%s), want code %s", err, core.ErrorCode(err), want)
	}
}

// encryptedRoom creates an encrypted room of the first device's user that the
// others have joined.
func encryptedRoom(t testing.TB, owner *device, others ...*device) id.RoomID {
	t.Helper()
	return encryptedRoomWith(t, event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}, owner, others...)
}

func encryptedRoomWith(t testing.TB, encryption event.EncryptionEventContent, owner *device, others ...*device) id.RoomID {
	t.Helper()
	request := &mautrix.ReqCreateRoom{Preset: "private_chat", InitialState: []*event.Event{{
		Type:    event.StateEncryption,
		Content: event.Content{Parsed: &encryption},
	}}}
	for _, other := range others {
		request.Invite = append(request.Invite, other.client.UserID)
	}
	room, err := owner.client.CreateRoom(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if _, err := other.client.JoinRoomByID(t.Context(), room.RoomID); err != nil {
			t.Fatal(err)
		}
	}
	all := append([]*device{owner}, others...)
	for _, d := range all {
		d.until(t, "all members", func() bool {
			members, err := d.client.StateStore.GetRoomJoinedOrInvitedMembers(t.Context(), room.RoomID)
			if err != nil {
				t.Fatal(err)
			}
			joined := 0
			for _, member := range members {
				if d.client.StateStore.IsInRoom(t.Context(), room.RoomID, member) {
					joined++
				}
			}
			return joined == len(all)
		})
	}
	return room.RoomID
}

func noKey(err error) bool { return errors.Is(err, matrixsync.ErrMatrixNoKey) }
