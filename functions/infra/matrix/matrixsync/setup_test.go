package matrixsync_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Helpers that the Matrix packages share.
var (
	newRoom     = matrixtest.Room
	until       = matrixtest.Until
	rewriting   = matrixtest.Rewriting
	rewriteJSON = matrixtest.RewriteJSON
	staleReads  = matrixtest.StaleReads
)

const messagesPath = matrixtest.MessagesPath

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
