package main

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
)

// roomResult is printed as JSON.
type roomResult struct {
	RoomID    id.RoomID    `json:"room_id"`
	Title     string       `json:"title,omitempty"`
	Alias     id.RoomAlias `json:"alias,omitempty"`
	Members   int          `json:"members,omitempty"`
	Encrypted bool         `json:"encrypted"`
	Invited   bool         `json:"invited"`
	Inviter   id.UserID    `json:"inviter,omitempty"`
}

func rooms(ctx context.Context, c call, _ *settings) error {
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	rooms, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: s.client})
	if err != nil {
		return err
	}
	for _, room := range rooms {
		text := fmt.Sprintf("%s  %s  members: %d, encrypted: %t, invited: %t", core.TerminalText(string(room.RoomID)),
			core.TerminalText(room.Title), room.Joined, room.Encrypted, room.Invited)
		if room.Inviter != "" {
			text += " by " + core.TerminalText(string(room.Inviter))
		}
		result := roomResult{
			RoomID: room.RoomID, Title: room.Title, Alias: room.Alias, Members: room.Joined,
			Encrypted: room.Encrypted, Invited: room.Invited, Inviter: room.Inviter,
		}
		if err := show(c, text, result); err != nil {
			return err
		}
	}
	return keepRooms(ctx, c.Settings, rooms)
}

// joinOptions are join's own.
type joinOptions struct {
	settings
	Invited bool `yaml:"-" flag:"invited" doc:"accept all open invitations"`
}

// memberResult is printed as JSON.
type memberResult struct {
	RoomID     id.RoomID `json:"room_id"`
	Membership string    `json:"membership"`
}

func join(ctx context.Context, c call, o *joinOptions) error {
	if o.Invited == (len(c.Args) > 0) {
		return &core.Error{
			Code: core.CodeInvalid, Message: "matrix_tail join needs either rooms or --invited",
			Hint: "matrix_tail rooms lists invitations",
		}
	}
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	named := c.Args
	if o.Invited {
		if named, err = s.invitations(ctx); err != nil {
			return err
		}
	}
	for _, room := range named {
		joined, err := matrixroom.MatrixRoomJoin(ctx, matrixroom.MatrixRoomJoinConfig{Client: s.client, Room: room})
		if err != nil {
			return err
		}
		if err := show(c, "joined "+core.TerminalText(string(joined)), memberResult{joined, "join"}); err != nil {
			return err
		}
	}
	return nil
}

// invitations are the rooms with an open one.
func (s *session) invitations(ctx context.Context) ([]string, error) {
	rooms, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: s.client})
	if err != nil {
		return nil, err
	}
	var invited []string
	for _, room := range rooms {
		if room.Invited {
			invited = append(invited, string(room.RoomID))
		}
	}
	return invited, nil
}

func leave(ctx context.Context, c call, _ *settings) error {
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	for _, named := range c.Args {
		room, err := s.resolve(ctx, named)
		if err != nil {
			return err
		}
		if _, err := s.client.LeaveRoom(ctx, room); err != nil {
			return matrix.MatrixError("leave room="+string(room), err)
		}
		if err := show(c, "left "+core.TerminalText(string(room)), memberResult{room, "leave"}); err != nil {
			return err
		}
	}
	return nil
}
