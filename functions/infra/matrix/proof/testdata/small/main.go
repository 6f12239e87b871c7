// Command small is a small program: it prints what it reads.
package main

import (
	"context"
	"fmt"
	"os"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

func main() {
	ctx := context.Background()
	client, err := matrix.MatrixClientInit(ctx, matrix.MatrixClientInitConfig{UserID: id.UserID(os.Args[1]), Password: []byte(os.Getenv("PASSWORD"))})
	if err != nil {
		panic(err)
	}
	sync, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: client})
	if err != nil {
		panic(err)
	}
	for evt := range sync.Events {
		fmt.Println(evt.RoomID, evt.Sender, evt.Body)
	}
}
