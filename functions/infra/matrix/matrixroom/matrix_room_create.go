package matrixroom

import (
	"context"
	"errors"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/work"
)

// MatrixRoomCreateConfig says what room is wanted. Without an Alias each call
// makes a new one.
type MatrixRoomCreateConfig struct {
	Client    *mautrix.Client // required
	Alias     string          // local part (ops) or whole alias (#ops:example.org): the room that has it is taken, or made
	Name      string          // of a new room
	Topic     string          // of a new room
	Invite    []id.UserID     // into a new room
	Public    bool            // everybody may join a new room; default: who is invited
	Encrypted bool            // end-to-end encryption; a room that is there must have it
	Direct    bool            // marks the invitations into a new room as to a direct chat
	Version   id.RoomVersion  // of a new room; empty: the server's default
}

// MatrixRoomCreateResult is the room.
type MatrixRoomCreateResult struct {
	RoomID  id.RoomID
	Created bool // by this call: only then do Name, Topic, Invite, Public, Direct and Version hold
}

// MatrixRoomCreate makes a room, or enters the one that has the alias. Of
// several callers at once, in one process or many, one makes the room and the
// others enter it; a caller that calls again after a lost response gets the
// room that was made. An encrypted room is encrypted from its first event.
//
// Errors: CodeInvalid for a bad config; CodeForbidden where the room cannot be
// entered; CodeNotFound for an alias of another server that names no room;
// CodeConflict where Encrypted is set and the existing room is not encrypted;
// those of [matrix.MatrixError].
//
// More in matrix_room_create.md:
//   - Without an alias, a call whose response is lost leaves an unknown room
//     behind.
//   - Anyone who may create aliases on the server can take the alias first.
func MatrixRoomCreate(ctx context.Context, cfg MatrixRoomCreateConfig) (MatrixRoomCreateResult, error) {
	alias, local, err := cfg.check()
	if err != nil {
		return MatrixRoomCreateResult{}, err
	}
	if alias == "" {
		return cfg.create(ctx, "")
	}
	// While another caller makes the room, its alias is taken before it can be
	// found, and found before it can be entered.
	for attempt := 0; ; attempt++ {
		result, err := cfg.getOrCreate(ctx, alias, local)
		switch core.ErrorCode(err) {
		case core.CodeConflict, core.CodeForbidden, core.CodeNotFound:
			if attempt < roomCreateTries && local != "" && work.SleepContext(ctx, 100*time.Millisecond<<attempt) == nil {
				continue
			}
		}
		return result, err
	}
}

const roomCreateTries = 5 // 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s

// check returns the whole alias, and its local part where it is one of the
// client's own server.
func (cfg *MatrixRoomCreateConfig) check() (alias id.RoomAlias, local string, err error) {
	const op = "matrix_room_create"
	if cfg.Client == nil {
		return "", "", &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	}
	for _, user := range cfg.Invite {
		if ident.CheckUser(user) != nil {
			return "", "", &core.Error{
				Code:    core.CodeInvalid,
				Op:      op,
				Message: "an invited user's ID cannot be read: it is @name:server",
			}
		}
	}
	if cfg.Alias == "" {
		return "", "", nil
	}
	own := cfg.Client.UserID.Homeserver()
	local, server, whole := strings.Cut(strings.TrimPrefix(cfg.Alias, "#"), ":")
	switch {
	case whole != strings.HasPrefix(cfg.Alias, "#"), local == "", whole && server == "", strings.ContainsAny(cfg.Alias, " \t\r\n\x00"), len(cfg.Alias) > 255:
		return "", "", &core.Error{Code: core.CodeInvalid, Op: op, Message: "the alias cannot be read", Hint: "give its local part, such as ops, or all of it, #ops:example.org"}
	case !whole || server == own:
		return id.NewRoomAlias(local, own), local, nil
	}
	return id.NewRoomAlias(local, server), "", nil
}

func (cfg *MatrixRoomCreateConfig) getOrCreate(ctx context.Context, alias id.RoomAlias, local string) (MatrixRoomCreateResult, error) {
	op := "matrix_room_create alias=" + string(alias)
	found, err := cfg.Client.ResolveAlias(ctx, alias)
	if err == nil && (found == nil || found.RoomID == "") {
		err = errors.New("the server's response names no room")
	}
	if err == nil {
		return cfg.enter(ctx, op, found)
	}
	if err = matrix.MatrixError(op, err); local == "" || core.ErrorCode(err) != core.CodeNotFound {
		return MatrixRoomCreateResult{}, err
	}
	return cfg.create(ctx, local)
}

func (cfg *MatrixRoomCreateConfig) enter(
	ctx context.Context,
	op string,
	found *mautrix.RespAliasResolve,
) (MatrixRoomCreateResult, error) {
	if _, err := cfg.Client.JoinRoom(ctx, string(found.RoomID), &mautrix.ReqJoinRoom{Via: found.Servers[:min(3, len(found.Servers))]}); err != nil {
		err = matrix.MatrixError(op+" join="+string(found.RoomID), err)
		if coded, ok := errors.AsType[*core.Error](err); ok && coded.Code == core.CodeForbidden {
			coded.Hint = "ask one of its members for an invitation, or take another alias"
		}
		return MatrixRoomCreateResult{}, err
	}
	if cfg.Encrypted {
		var encryption event.EncryptionEventContent // StateEvent also updates the client's StateStore
		err := matrix.MatrixError(op, cfg.Client.StateEvent(ctx, found.RoomID, event.StateEncryption, "", &encryption))
		if core.ErrorCode(err) == core.CodeNotFound || (err == nil && encryption.Algorithm == "") {
			return MatrixRoomCreateResult{}, &core.Error{
				Code:    core.CodeConflict,
				Op:      op,
				Message: "the existing room is not encrypted",
				Hint:    "take another alias",
			}
		}
		if err != nil {
			return MatrixRoomCreateResult{}, err
		}
	}
	return MatrixRoomCreateResult{RoomID: found.RoomID}, nil
}

func (cfg *MatrixRoomCreateConfig) create(ctx context.Context, local string) (MatrixRoomCreateResult, error) {
	request := &mautrix.ReqCreateRoom{
		RoomAliasName: local, Name: cfg.Name, Topic: cfg.Topic, Invite: cfg.Invite, IsDirect: cfg.Direct, RoomVersion: cfg.Version,
		Preset: "private_chat", Visibility: "private",
	}
	if cfg.Public {
		request.Preset = "public_chat"
	}
	if cfg.Encrypted {
		stateKey := ""
		request.InitialState = []*event.Event{{
			Type: event.StateEncryption, StateKey: &stateKey,
			Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}},
		}}
	}
	made, err := cfg.Client.CreateRoom(ctx, request)
	if err == nil && (made == nil || made.RoomID == "") {
		err = errors.New("the server's response names no room")
	}
	if err != nil {
		return MatrixRoomCreateResult{}, matrix.MatrixError("matrix_room_create", err)
	}
	return MatrixRoomCreateResult{RoomID: made.RoomID, Created: true}, nil
}
