package matrixroom

import (
	"context"
	"errors"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixRoomInviteConfig says who is invited where.
type MatrixRoomInviteConfig struct {
	Client *mautrix.Client // in the room; required
	RoomID id.RoomID       // required
	UserID id.UserID       // @name:server; required
	Reason string          // shown to the user; optional
}

// MatrixRoomInvite invites a user into a room. It returns false, and sends
// nothing, where the user is in the room or invited already, so that it may be
// called again.
//
// Errors: CodeInvalid for a bad config; CodeForbidden where the client is not
// in the room or may not invite, or the user is banned; those of
// [matrix.MatrixError], such as CodeLimited with RetryAfter.
//
// More in matrix_room_invite.md:
//   - A banned user is CodeForbidden with a hint, and not unbanned.
//   - It costs a request to ask for the membership first.
func MatrixRoomInvite(ctx context.Context, cfg MatrixRoomInviteConfig) (invited bool, err error) {
	op := "matrix_room_invite"
	switch {
	case cfg.Client == nil:
		return false, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	case cfg.RoomID == "":
		return false, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no RoomID given"}
	case ident.CheckUser(cfg.UserID) != nil:
		return false, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "the user ID is not valid", Hint: "a user ID is like @name:example.org",
		}
	}
	op += " user=" + string(cfg.UserID)
	membership, err := cfg.membership(ctx)
	switch {
	case err != nil:
		return false, matrix.MatrixError(op, err)
	case membership == event.MembershipBan:
		return false, &core.Error{
			Code:    core.CodeForbidden,
			Op:      op,
			Message: "the user is banned from the room",
			Hint:    "unban the user first",
		}
	case membership == event.MembershipJoin, membership == event.MembershipInvite:
		return false, nil
	}
	_, err = cfg.Client.InviteUser(ctx, cfg.RoomID, &mautrix.ReqInviteUser{UserID: cfg.UserID, Reason: cfg.Reason})
	if err == nil {
		return true, nil
	}
	if errors.Is(err, mautrix.MForbidden) { // perhaps another has invited the user meanwhile
		if membership, again := cfg.membership(ctx); again == nil && (membership == event.MembershipJoin || membership == event.MembershipInvite) {
			return false, nil
		}
	}
	return false, matrix.MatrixError(op, err)
}

// membership is empty for a user who never was in the room.
func (cfg *MatrixRoomInviteConfig) membership(ctx context.Context) (event.Membership, error) {
	var member struct {
		Membership event.Membership `json:"membership"`
	}
	url := cfg.Client.BuildClientURL("v3", "rooms", cfg.RoomID, "state", event.StateMember.Type, string(cfg.UserID))
	_, err := cfg.Client.MakeRequest(ctx, "GET", url, nil, &member)
	if errors.Is(err, mautrix.MNotFound) {
		return "", nil
	}
	return member.Membership, err
}
