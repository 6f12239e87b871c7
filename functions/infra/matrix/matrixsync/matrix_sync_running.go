package matrixsync

import (
	"sync"

	"maunium.net/go/mautrix"
)

// syncRunning has the clients that a sync service runs for.
var syncRunning sync.Map // *mautrix.Client to struct{}

// MatrixSyncRunning says whether a [MatrixSyncService] of this process runs for the client: from its start until its
// channels are closed.
func MatrixSyncRunning(client *mautrix.Client) bool {
	_, running := syncRunning.Load(client)
	return running
}
