package matrix_test

import (
	"testing"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixSyncRunning_FromStartToEnd(t *testing.T) {
	t.Parallel()
	client := newClient(t, "bot")
	if matrix.MatrixSyncRunning(client) || matrix.MatrixSyncRunning(nil) {
		t.Error("runs before its start")
	}
	service := startSync(t, matrix.MatrixSyncServiceConfig{Client: client})
	if !matrix.MatrixSyncRunning(client) {
		t.Error("does not run")
	}
	service.Stop()
	if matrix.MatrixSyncRunning(client) {
		t.Error("runs after its end")
	}
}
