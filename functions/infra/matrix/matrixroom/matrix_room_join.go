package matrixroom

import (
	"context"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

// MatrixRoomJoinConfig says which room is joined.
type MatrixRoomJoinConfig struct {
	Client *mautrix.Client // required
	Room   string          // an ID, an alias or a link, as matrix_room_resolve takes it; required
}

// MatrixRoomJoin joins a room, or accepts the invitation into it, and returns
// its ID. It asks the servers that the alias or the link names, and for a bare
// ID that in its name, since the user's own server may not know the room yet.
// To join a room that the user is in already is no error. A request that the
// server refuses is not repeated.
//
// Errors: those of [MatrixRoomResolve]; CodeForbidden for a room that is only
// for the invited; CodeNotFound for one that no server knows; others of
// [matrix.MatrixError].
//
// More in matrix_room_join.md:
//   - It joins whatever it is given: whose invitations a program accepts by
//     itself, matrix_join_policy decides.
//   - A join of a large room of other servers may take minutes: give ctx a
//     deadline of your own choice.
func MatrixRoomJoin(ctx context.Context, cfg MatrixRoomJoinConfig) (id.RoomID, error) {
	room, via, err := MatrixRoomResolve(ctx, MatrixRoomResolveConfig(cfg))
	if err != nil {
		return "", err
	}
	if _, server, found := strings.Cut(string(room), ":"); found && len(via) == 0 {
		via = []string{server}
	}
	joined, err := cfg.Client.JoinRoom(ctx, string(room), &mautrix.ReqJoinRoom{Via: via})
	if err != nil {
		return "", matrix.MatrixError("matrix_room_join room="+string(room), err)
	}
	return joined.RoomID, nil
}
