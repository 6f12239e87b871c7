package matrixroom

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixRoomStateConfig says of which room the state is wanted.
type MatrixRoomStateConfig struct {
	Client *mautrix.Client // in the room; required
	RoomID id.RoomID       // required
}

// MatrixRoomStateResult is a room's state at one moment. What the room does not
// have, or has with a wrong type, is empty.
type MatrixRoomStateResult struct {
	RoomID      id.RoomID
	Name        string                         // of m.room.name; see Title
	Topic       string                         // in plain text
	Alias       id.RoomAlias                   // the canonical one
	Version     id.RoomVersion                 // "1" where the room does not say it
	Encrypted   bool                           // end-to-end; once on, it never goes off
	JoinRule    event.JoinRule                 // invite, public, knock, restricted, ...
	Replacement id.RoomID                      // the room that people are to go to instead, after an upgrade
	Members     map[id.UserID]MatrixRoomMember // all that ever were in the room, with their Membership

	power roomPower
}

// MatrixRoomMember is what a room says of a user.
type MatrixRoomMember struct {
	Membership event.Membership // join, invite, knock, leave or ban
	Name       string           // as the user wants to be called here; not unique; may be empty
}

// MatrixRoomState asks the server for a room's state, in one request: its name,
// whether it is encrypted, its members, and through its methods who may do
// what. It also brings client.StateStore up to date, by which mautrix decides
// whether it encrypts.
//
// Errors: CodeInvalid for a bad config; CodeForbidden where the client is not
// in the room; CodeUnavailable where the response is not a room's state; those
// of [matrix.MatrixError].
//
// More in matrix_room_state.md:
//   - A large room's answer has megabytes: every user who ever was in it has an
//     event there.
//   - The creators of a room of version 12 or later stand above all levels
//     (math.MaxInt) and are in no list of levels.
func MatrixRoomState(ctx context.Context, cfg MatrixRoomStateConfig) (*MatrixRoomStateResult, error) {
	const op = "matrix_room_state"
	switch {
	case cfg.Client == nil:
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no Client given"}
	case cfg.RoomID == "":
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no RoomID given"}
	}
	body, err := cfg.Client.MakeRequest(ctx, http.MethodGet, cfg.Client.BuildClientURL("v3", "rooms", cfg.RoomID, "state"), nil, nil)
	if err != nil {
		return nil, matrix.MatrixError(op+" room="+string(cfg.RoomID), err)
	}
	state, err := parseRoomState(cfg.RoomID, body)
	if err != nil {
		return nil, &core.Error{Code: core.CodeUnavailable, Op: op + " room=" + string(cfg.RoomID), Err: err}
	}
	if store := cfg.Client.StateStore; store != nil {
		if err := updateStateStore(ctx, store, cfg.RoomID, body); err != nil {
			return nil, &core.Error{Op: op + " store", Err: err}
		}
	}
	return state, nil
}

func parseRoomState(room id.RoomID, body []byte) (*MatrixRoomStateResult, error) {
	if !json.Valid(body) {
		return nil, errors.New("the server's response is no JSON")
	}
	events := gjson.ParseBytes(body)
	if !events.IsArray() {
		return nil, errors.New("the server's response is no list of events")
	}
	state := newRoomState(room)
	state.addAll(events)
	state.power.settle(state.Version)
	return state, nil
}

func newRoomState(room id.RoomID) *MatrixRoomStateResult {
	return &MatrixRoomStateResult{RoomID: room, Version: "1", Members: map[id.UserID]MatrixRoomMember{}}
}

// addAll adds the state events of a list.
func (s *MatrixRoomStateResult) addAll(events gjson.Result) {
	events.ForEach(func(_, evt gjson.Result) bool {
		if key := wire.Field(evt, "state_key"); key.Type == gjson.String {
			s.add(wire.String(wire.Field(evt, "type")), wire.String(key), evt)
		}
		return true
	})
}

func (s *MatrixRoomStateResult) add(kind, key string, evt gjson.Result) {
	content := wire.Field(evt, "content")
	text := func(field string) string { return wire.String(wire.Field(content, field)) }
	if kind == event.StateMember.Type {
		s.Members[id.UserID(key)] = MatrixRoomMember{
			Membership: event.Membership(text("membership")),
			Name:       text("displayname"),
		}
		return
	}
	if key != "" {
		return
	}
	switch kind {
	case event.StateRoomName.Type:
		s.Name = text("name")
	case event.StateTopic.Type:
		s.Topic = text("topic")
	case event.StateCanonicalAlias.Type:
		s.Alias = id.RoomAlias(text("alias"))
	case event.StateJoinRules.Type:
		s.JoinRule = event.JoinRule(text("join_rule"))
	case event.StateTombstone.Type:
		s.Replacement = id.RoomID(text("replacement_room"))
	case event.StateEncryption.Type:
		s.Encrypted = true // also with an algorithm that nobody knows: sending in the clear would be the worse guess
	case event.StateCreate.Type:
		if version := text("room_version"); version != "" {
			s.Version = id.RoomVersion(version)
		}
		s.power.create(wire.String(wire.Field(evt, "sender")), content)
	case event.StatePowerLevels.Type:
		s.power.levels(content)
	}
}

// updateStateStore gives mautrix what it asks its store for. An event that
// mautrix can't read is left out.
func updateStateStore(ctx context.Context, store mautrix.StateStore, room id.RoomID, body []byte) error {
	var raws []json.RawMessage
	if err := json.Unmarshal(body, &raws); err != nil {
		return err
	}
	var members []*event.Event
	for _, raw := range raws {
		evt, err := wire.Event(room, raw)
		if err != nil || evt.StateKey == nil {
			continue
		}
		switch evt.Type {
		case event.StateMember:
			members = append(members, evt)
		case event.StateEncryption, event.StatePowerLevels, event.StateCreate, event.StateJoinRules:
			mautrix.UpdateStateStore(ctx, store, evt)
		}
	}
	return store.ReplaceCachedMembers(ctx, room, members)
}

// In lists the users with this membership, sorted.
func (s *MatrixRoomStateResult) In(membership event.Membership) []id.UserID {
	var users []id.UserID
	for user, member := range s.Members {
		if member.Membership == membership {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	return users
}

// Title is what to call the room towards a user: its name, else its alias, else
// up to three of the others in it, else its ID.
func (s *MatrixRoomStateResult) Title(towards id.UserID) string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Alias != "":
		return string(s.Alias)
	}
	title := ""
	others := slices.DeleteFunc(
		append(s.In(event.MembershipJoin), s.In(event.MembershipInvite)...),
		func(user id.UserID) bool { return user == towards },
	)
	for i, user := range others {
		if i == 3 {
			return title + ", ..."
		}
		if i > 0 {
			title += ", "
		}
		if name := s.Members[user].Name; name != "" {
			title += name
		} else {
			title += string(user)
		}
	}
	if title == "" {
		return string(s.RoomID)
	}
	return title
}
