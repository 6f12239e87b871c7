package matrixsync

import (
	"context"
	"encoding/json"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixEventGetConfig says which event [MatrixEventGet] requests.
type MatrixEventGetConfig struct {
	Client  *mautrix.Client // decrypts by its Crypto, if it has one; required
	Room    id.RoomID       // required
	EventID id.EventID      // required
}

// MatrixEventGet requests one event of a room by its ID, and decrypts it where
// it is encrypted and the client has its key, also from the key backup. One
// that it can't decrypt has Kind MatrixKindEncrypted and a Reason.
//
// Errors: CodeInvalid for a bad config, CodeNotFound where the room has no such
// event or the user may not see it, CodeUnavailable for an answer that is no
// event of the room, and those of [matrix.MatrixError].
//
// More in matrix_event_get.md:
//   - A key that was sent to this device and not fetched yet is missing:
//     matrix_sync_keys fetches those.
//   - An edit does not change the event: Body is what was first sent.
func MatrixEventGet(ctx context.Context, cfg MatrixEventGetConfig) (matrix.MatrixSyncEvent, error) {
	op := "matrix_event_get event=" + ident.Clip(string(cfg.EventID), 80)
	fail := func(code core.Code, message, hint string) (matrix.MatrixSyncEvent, error) {
		return matrix.MatrixSyncEvent{}, &core.Error{Code: code, Op: op, Message: message, Hint: hint}
	}
	switch {
	case cfg.Client == nil:
		return fail(core.CodeInvalid, "no Client given", "")
	case cfg.Room == "":
		return fail(core.CodeInvalid, "no Room given", "")
	case len(cfg.EventID) < 2 || cfg.EventID[0] != '$' || len(cfg.EventID) > ident.MaxBytes:
		return fail(core.CodeInvalid, "this is no event ID", "it begins with $; in a shell, put it into single quotes")
	}
	url := cfg.Client.BuildClientURL("v3", "rooms", cfg.Room, "event", cfg.EventID)
	raw, err := cfg.Client.MakeRequest(ctx, http.MethodGet, url, nil, nil)
	if err != nil {
		return matrix.MatrixSyncEvent{}, matrix.MatrixError(op, err)
	}
	if !json.Valid(raw) || matrix.MatrixEventParse(cfg.Room, raw).EventID != cfg.EventID {
		return fail(core.CodeUnavailable, "the server's answer is not this event", "")
	}
	return readEvent(ctx, cfg.Client, cfg.Room, raw), nil
}
