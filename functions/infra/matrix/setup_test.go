package matrix_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Helpers that the Matrix packages share.
var (
	newRoom      = matrixtest.Room
	until        = matrixtest.Until
	wantError    = matrixtest.WantError
	wantNoSecret = matrixtest.WantNoSecret
	shown        = matrixtest.Shown
	serve        = matrixtest.Serve
	answer       = matrixtest.Answer
	outboxQuick  = matrixtest.OutboxQuick
	outboxSent   = matrixtest.OutboxSent
	outboxEvents = matrixtest.Events
	outboxEvent  = matrixtest.Event
	outboxBodies = matrixtest.Bodies
)

type lockedBuffer = matrixtest.Buffer

// newClient makes a user on the homeserver of testenv and returns a client for
// it, which keeps no connection behind.
func newClient(t testing.TB, name string) *mautrix.Client {
	t.Helper()
	server := servers.Matrix(t)
	return clientFor(t, server.URL, server.NewUser(t, name))
}

// clientFor returns a client of a user; url may be that of a proxy.
func clientFor(t testing.TB, url string, user servers.User) *mautrix.Client {
	t.Helper()
	return matrixtest.Client(t, url, matrixtest.User(user))
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

// startOutbox starts an outbox on a new database, or on cfg's, and stops it
// with the test.
func startOutbox(t testing.TB, client *mautrix.Client, cfg matrixoutbox.MatrixOutboxConfig) *matrixoutbox.MatrixOutboxHandle {
	t.Helper()
	if cfg.DB == nil {
		cfg.DB = newDB(t).Writer
	}
	return matrixtest.StartOutbox(t, client, cfg)
}
