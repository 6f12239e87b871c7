package matrixsync

import (
	"context"
	"encoding/json"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixSyncKeysConfig says for whom [MatrixSyncKeys] fetches keys.
type MatrixSyncKeysConfig struct {
	Client *mautrix.Client // its Crypto takes the keys; without one there is nothing to do; required
}

// syncKeysFilter asks for no room, only for what comes next to the rooms.
const syncKeysFilter = `{"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]},"room":{"rooms":[],` +
	`"timeline":{"limit":1,"not_types":["*"]},"state":{"not_types":["*"]},"ephemeral":{"not_types":["*"]},` +
	`"account_data":{"not_types":["*"]}}}`

// maxKeyPages bounds the requests; servers give 100 messages and more at once.
const maxKeyPages = 100

// MatrixSyncKeys fetches the room keys that others have sent to this device,
// without events, for a program that reads encrypted rooms and runs no sync:
// otherwise the keys wait on the server. It returns at once where a
// [MatrixSyncService] runs for the client, which does the same, or where the
// client has no encryption. It is two requests as a rule. The server forgets a
// key only after Crypto has stored it.
//
// Errors: CodeInvalid without a Client, CodeUnavailable for an answer that is
// none, those of Crypto and of [matrix.MatrixError].
//
// More in matrix_sync_keys.md:
//   - Two processes with one key database are one too many here as well.
//   - It fetches what was sent; keys that nobody sent come from the backup when
//     an event is decrypted.
func MatrixSyncKeys(ctx context.Context, cfg MatrixSyncKeysConfig) error {
	const op = "matrix_sync_keys"
	if cfg.Client == nil {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	}
	crypto, ok := cfg.Client.Crypto.(MatrixSyncCrypto)
	if !ok || MatrixSyncRunning(cfg.Client) {
		return nil
	}
	body, err := wire.InitialSync(ctx, cfg.Client, syncKeysFilter)
	if err != nil {
		return matrix.MatrixError(op, err)
	}
	answer := &mautrix.RespSync{}
	if err := json.Unmarshal(body, answer); err != nil {
		return &core.Error{Code: core.CodeUnavailable, Op: op, Message: "the server's answer can't be read", Err: err}
	}
	for range maxKeyPages {
		if answer.NextBatch == "" {
			return &core.Error{Code: core.CodeUnavailable, Op: op, Message: "the server's answer has no token"}
		}
		// Not "" for the first one: that would make the device lists of all
		// users out of date, which this says nothing about.
		if err := crypto.ProcessSync(ctx, answer, answer.NextBatch); err != nil {
			return err
		}
		if len(answer.ToDevice.Events) == 0 {
			return nil
		}
		answer, err = cfg.Client.SyncRequest(ctx, 0, answer.NextBatch, syncKeysFilter, false, event.PresenceOffline)
		if err != nil {
			return matrix.MatrixError(op, err)
		}
	}
	return nil
}
