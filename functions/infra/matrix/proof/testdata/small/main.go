// Command small is a small program: it prints what it reads.
package main

import (
	"context"
	"fmt"
	"os"

	"fnregistry.dev/functions/infra/matrix"
	"maunium.net/go/mautrix/id"
)

func main() {
	ctx := context.Background()
	client, err := matrix.MatrixClientInit(ctx, matrix.MatrixClientInitConfig{UserID: id.UserID(os.Args[1]), Password: []byte(os.Getenv("PASSWORD"))})
	if err != nil {
		panic(err)
	}
	sync, err := matrix.MatrixSyncService(ctx, matrix.MatrixSyncServiceConfig{Client: client})
	if err != nil {
		panic(err)
	}
	for evt := range sync.Events {
		fmt.Println(evt.RoomID, evt.Sender, evt.Body)
	}
}
