package matrix_test

import (
	"testing"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix"
)

// initClient is MatrixClientInit for a test: the client leaves no connection
// open.
func initClient(t testing.TB, cfg matrix.MatrixClientInitConfig) (*mautrix.Client, error) {
	t.Helper()
	client, err := matrix.MatrixClientInit(t.Context(), cfg)
	if client != nil {
		t.Cleanup(client.Client.CloseIdleConnections)
	}
	if (client == nil) == (err == nil) {
		t.Fatalf("client %v and error %v", client, err)
	}
	return client, err
}

func mustInit(t testing.TB, cfg matrix.MatrixClientInitConfig) *mautrix.Client {
	t.Helper()
	client, err := initClient(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
