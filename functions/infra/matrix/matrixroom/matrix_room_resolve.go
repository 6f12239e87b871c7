package matrixroom

import (
	"context"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixRoomResolveConfig says which room is meant.
type MatrixRoomResolveConfig struct {
	Client *mautrix.Client // required; asked only for an alias
	Room   string          // an ID (!abc:example.org), an alias (#ops:example.org, or #ops of the client's own server), or a link of either kind: matrix.to, matrix:
}

// MatrixRoomResolve returns the ID of a room that a person named, and the
// servers by which it can be joined (of an alias or a link; none for a bare
// ID). Whether the room of an ID exists is not asked.
//
// Errors: CodeInvalid for what names no room, CodeNotFound for an alias that
// nobody has, and those of [matrix.MatrixError].
//
// More in matrix_room_resolve.md:
//   - An ID is taken as it is, without a request: whether there is such a room
//     shows when it is used.
//   - An alias can be moved to another room at any time: keep the ID, not the
//     alias.
func MatrixRoomResolve(ctx context.Context, cfg MatrixRoomResolveConfig) (room id.RoomID, via []string, err error) {
	const op = "matrix_room_resolve"
	named := strings.TrimSpace(cfg.Room)
	if strings.HasPrefix(named, "https://matrix.to/") || strings.HasPrefix(named, "matrix:") {
		if uri, err := id.ParseMatrixURIOrMatrixToURL(named); err == nil {
			named, via = uri.PrimaryIdentifier(), uri.Via
		}
	}
	if strings.HasPrefix(named, "#") && !strings.Contains(named, ":") && cfg.Client != nil {
		named += ":" + cfg.Client.UserID.Homeserver()
	}
	switch {
	case cfg.Client == nil:
		return "", nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	case len(named) > 1 && named[0] == '!':
		return id.RoomID(named), via, nil
	case len(named) > 1 && named[0] == '#':
		answer, err := cfg.Client.ResolveAlias(ctx, id.RoomAlias(named))
		if err != nil {
			err = matrix.MatrixError(op+" alias="+ident.Clip(named, 100), err)
			if core.ErrorCode(err) == core.CodeNotFound {
				err = &core.Error{Code: core.CodeNotFound, Hint: "check the spelling, or give the room's ID", Err: err}
			}
			return "", nil, err
		}
		return answer.RoomID, answer.Servers, nil
	}
	return "", nil, &core.Error{
		Code: core.CodeInvalid, Op: op, Message: "this names no room: " + ident.Clip(cfg.Room, 100),
		Hint: "rooms are named like !abc:example.org or #alias:example.org",
	}
}
