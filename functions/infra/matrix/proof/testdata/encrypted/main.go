// Command encrypted is small with encryption and a store on disk.
package main

import (
	"context"
	"fmt"
	"os"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

func main() {
	ctx := context.Background()
	client, err := matrix.MatrixClientInit(ctx, matrix.MatrixClientInitConfig{UserID: id.UserID(os.Args[1]), Password: []byte(os.Getenv("PASSWORD"))})
	if err != nil {
		panic(err)
	}
	db, err := sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: "state.db"})
	if err != nil {
		panic(err)
	}
	if _, err := matrixcrypto.MatrixCryptoInit(ctx, matrixcrypto.MatrixCryptoInitConfig{Client: client, DB: db.Writer, PickleKey: []byte(os.Getenv("PICKLE"))}); err != nil {
		panic(err)
	}
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		panic(err)
	}
	err = matrixsync.MatrixSyncEach(ctx, matrixsync.MatrixSyncServiceConfig{Client: client, Store: store}, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
		_, err := fmt.Println(evt.RoomID, evt.Sender, evt.Body)
		return err
	})
	panic(err)
}
