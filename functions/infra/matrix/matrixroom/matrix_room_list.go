package matrixroom

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixRoomListConfig says whose rooms are wanted.
type MatrixRoomListConfig struct {
	Client *mautrix.Client // required
}

// MatrixRoomListItem is a room that the user is in, or is invited into.
type MatrixRoomListItem struct {
	RoomID    id.RoomID
	Title     string       // name, else alias, else who else is in it, else the ID; as others wrote it
	Alias     id.RoomAlias // the canonical one, or ""
	Encrypted bool
	Joined    int       // how many users are in it; 0 of an invitation
	Invited   bool      // an open invitation: the user is not in the room yet
	Inviter   id.UserID // of an invitation
}

// roomListFilter asks for no messages and of the state only what names a room
// and its few members that do.
const roomListFilter = `{"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]},"room":{` +
	`"timeline":{"limit":1,"not_types":["*"]},"ephemeral":{"not_types":["*"]},"account_data":{"not_types":["*"]},"state":{"lazy_load_members":true,` +
	`"types":["m.room.name","m.room.canonical_alias","m.room.encryption","m.room.member"]}}}`

// MatrixRoomList returns the rooms that the user is in or invited into,
// invitations first, by title. It is one request however many they are: an
// initial sync of its own, which takes nothing away from a sync that runs.
//
// Errors: CodeInvalid without a Client, CodeUnavailable where the response is
// none, and those of [matrix.MatrixError].
//
// More in matrix_room_list.md:
//   - It is an initial sync of its own, without messages: cheap for dozens of
//     rooms, some seconds of the server's time for thousands.
//   - Title is what others wrote: terminal_text before printing.
func MatrixRoomList(ctx context.Context, cfg MatrixRoomListConfig) ([]MatrixRoomListItem, error) {
	const op = "matrix_room_list"
	if cfg.Client == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	}
	body, err := wire.InitialSync(ctx, cfg.Client, roomListFilter)
	if err != nil {
		return nil, matrix.MatrixError(op, err)
	}
	if !json.Valid(body) {
		return nil, &core.Error{Code: core.CodeUnavailable, Op: op, Message: "the server's response is no JSON"}
	}
	var items []MatrixRoomListItem
	rooms := gjson.GetBytes(body, "rooms")
	rooms.Get("join").ForEach(func(room, part gjson.Result) bool {
		items = append(items, joinedItem(id.RoomID(room.Str), part, cfg.Client.UserID))
		return true
	})
	rooms.Get("invite").ForEach(func(room, part gjson.Result) bool {
		items = append(items, invitedItem(id.RoomID(room.Str), part, cfg.Client.UserID))
		return true
	})
	slices.SortFunc(items, func(a, b MatrixRoomListItem) int {
		if a.Invited != b.Invited {
			if a.Invited {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.RoomID, b.RoomID))
	})
	return items, nil
}

func joinedItem(room id.RoomID, part gjson.Result, user id.UserID) MatrixRoomListItem {
	state := stateOf(room, part.Get("state.events"), part.Get("timeline.events"))
	summary := part.Get("summary")
	// Heroes are who the server would name the room after. Their member events
	// need not be there.
	summary.Get(`m\.heroes`).ForEach(func(_, hero gjson.Result) bool {
		if _, known := state.Members[id.UserID(hero.Str)]; !known && hero.Str != "" {
			state.Members[id.UserID(hero.Str)] = MatrixRoomMember{Membership: event.MembershipJoin}
		}
		return true
	})
	joined := int(summary.Get(`m\.joined_member_count`).Int())
	return MatrixRoomListItem{
		RoomID: room, Title: state.Title(user), Alias: state.Alias, Encrypted: state.Encrypted,
		Joined: max(joined, len(state.In(event.MembershipJoin))),
	}
}

func invitedItem(room id.RoomID, part gjson.Result, user id.UserID) MatrixRoomListItem {
	events := part.Get("invite_state.events")
	state := stateOf(room, events)
	item := MatrixRoomListItem{
		RoomID:    room,
		Title:     state.Title(user),
		Alias:     state.Alias,
		Encrypted: state.Encrypted,
		Invited:   true,
	}
	events.ForEach(func(_, evt gjson.Result) bool {
		if evt.Get("type").Str == event.StateMember.Type && evt.Get("state_key").Str == string(user) {
			item.Inviter = id.UserID(evt.Get("sender").Str)
		}
		return true
	})
	return item
}

func stateOf(room id.RoomID, parts ...gjson.Result) *MatrixRoomStateResult {
	state := newRoomState(room)
	for _, events := range parts {
		state.addAll(events)
	}
	return state
}
