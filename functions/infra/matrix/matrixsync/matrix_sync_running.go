package matrixsync

import (
	"sync"

	"maunium.net/go/mautrix"
)

// syncRunning has the clients that a sync service runs for.
var syncRunning sync.Map // *mautrix.Client to struct{}

// MatrixSyncRunning reports whether a [MatrixSyncService] of this process runs
// for the client: from its start until its channels are closed.
//
// More in matrix_sync_running.md:
//   - It knows this process alone, and no sync that was started by mautrix's
//     own SyncWithContext.
//   - The result may be old when you act on it. matrix_sync_service itself
//     refuses a second service without a race.
func MatrixSyncRunning(client *mautrix.Client) bool {
	_, running := syncRunning.Load(client)
	return running
}
