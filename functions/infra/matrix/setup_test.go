package matrix_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient makes a user on the homeserver of testenv and returns a client for it, which keeps no connection behind.
func newClient(t testing.TB, name string) *mautrix.Client {
	t.Helper()
	server := servers.Matrix(t)
	return clientFor(t, server.URL, server.NewUser(t, name))
}

// clientFor returns a client of a user; url may be that of a proxy.
func clientFor(t testing.TB, url string, user servers.User) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(url, id.UserID(user.ID), user.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	client.DeviceID = id.DeviceID(user.DeviceID)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client.Client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	return client
}

// newRoom makes a room of the first client which the others have joined.
func newRoom(t testing.TB, owner *mautrix.Client, others ...*mautrix.Client) id.RoomID {
	t.Helper()
	request := &mautrix.ReqCreateRoom{Preset: "private_chat"}
	for _, other := range others {
		request.Invite = append(request.Invite, other.UserID)
	}
	room, err := owner.CreateRoom(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if _, err := other.JoinRoomByID(t.Context(), room.RoomID); err != nil {
			t.Fatal(err)
		}
	}
	return room.RoomID
}

// newDB opens a new SQLite file.
func newDB(t testing.TB) *sqliteopen.SQLiteOpenHandle {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// until polls a condition of the world outside of this process.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 30 s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
