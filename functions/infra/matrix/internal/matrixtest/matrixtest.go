// Package matrixtest has what the tests of the Matrix packages share.
package matrixtest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// NewClient makes a user on the homeserver of testenv and returns a client of
// it.
func NewClient(t testing.TB, name string) *mautrix.Client {
	t.Helper()
	server := servers.Matrix(t)
	return Client(t, server.URL, server.NewUser(t, name))
}

// Client returns a client of a user, which keeps no connection behind; url may
// be that of a proxy.
func Client(t testing.TB, url string, user servers.User) *mautrix.Client {
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

// DB opens a new SQLite file, which is closed with the test.
func DB(t testing.TB) *sqliteopen.SQLiteOpenHandle {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
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

// Room makes a room of the first client which the others have joined.
func Room(t testing.TB, owner *mautrix.Client, others ...*mautrix.Client) id.RoomID {
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

// Patience is how long a test waits for what a server, or another process, is
// to do: as long as a loaded machine may take. Nothing waits for its end.
const Patience = 3 * time.Minute

// Until polls a condition of the world outside of this process.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, Patience)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop stops a service and checks that it ended cleanly.
func Stop(t testing.TB, s service.Service) {
	t.Helper()
	if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("stop: %v", err)
	}
}
