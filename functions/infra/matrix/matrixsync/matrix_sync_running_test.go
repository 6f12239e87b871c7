package matrixsync_test

import (
	"testing"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

func TestMatrixSyncRunning_FromStartToEnd(t *testing.T) {
	t.Parallel()
	client := newClient(t, "bot")
	if matrixsync.MatrixSyncRunning(client) || matrixsync.MatrixSyncRunning(nil) {
		t.Error("runs before its start")
	}
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: client})
	if !matrixsync.MatrixSyncRunning(client) {
		t.Error("does not run")
	}
	service.Stop()
	if matrixsync.MatrixSyncRunning(client) {
		t.Error("runs after its end")
	}
}
