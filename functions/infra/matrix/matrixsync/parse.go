package matrixsync

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// syncResponse is what the service reads of a sync response. mautrix.RespSync
// decodes each event's content three times and keeps it twice; here an event
// stays the server's bytes until its turn comes.
type syncResponse struct {
	NextBatch      string              `json:"next_batch"`
	ToDevice       syncEventList       `json:"to_device"`
	DeviceLists    mautrix.DeviceLists `json:"device_lists"`
	DeviceOTKCount mautrix.OTKCount    `json:"device_one_time_keys_count"`
	FallbackKeys   []id.KeyAlgorithm   `json:"device_unused_fallback_key_types"`
	Rooms          struct {
		Join   map[id.RoomID]*syncRoom `json:"join"`
		Invite map[id.RoomID]*syncRoom `json:"invite"`
		Leave  map[id.RoomID]*syncRoom `json:"leave"`
	} `json:"rooms"`

	came time.Time // when it came
	date time.Time // when it was sent by the server's clock; zero: it doesn't say
}

type syncEventList struct {
	Events []json.RawMessage `json:"events"`
}

type syncRoom struct {
	State       syncEventList `json:"state"`
	InviteState syncEventList `json:"invite_state"`
	Timeline    struct {
		syncEventList
		Limited   bool   `json:"limited"`
		PrevBatch string `json:"prev_batch"`
	} `json:"timeline"`
}

// parseSyncResponse reads a response. One that can't be read as a whole, or has
// no token, is an error: the same sync is requested again, and nothing of it is
// stored.
func parseSyncResponse(body []byte) (*syncResponse, error) {
	var response syncResponse
	err := json.Unmarshal(body, &response)
	if err == nil && response.NextBatch == "" {
		err = errors.New("no next_batch")
	}
	if err != nil {
		return nil, &core.Error{
			Code:    core.CodeUnavailable,
			Op:      "matrix_sync_service",
			Message: "bad sync response",
			Err:     err,
		}
	}
	return &response, nil
}

// forDevice reports whether the response has something for the crypto.
func (r *syncResponse) forDevice() bool {
	return len(r.ToDevice.Events)+len(r.DeviceLists.Changed)+len(r.DeviceLists.Left) > 0
}

// sortedRooms yields rooms in the order of their IDs, which JSON doesn't give.
// null is no room.
func sortedRooms(rooms map[id.RoomID]*syncRoom) []id.RoomID {
	maps.DeleteFunc(rooms, func(_ id.RoomID, room *syncRoom) bool { return room == nil })
	return slices.Sorted(maps.Keys(rooms))
}

// syncMembership is what a member event says.
type syncMembership struct {
	Content struct {
		Membership event.Membership `json:"membership"`
	} `json:"content"`
	Unsigned struct {
		PrevContent struct {
			Membership event.Membership `json:"membership"`
		} `json:"prev_content"`
	} `json:"unsigned"`
}

// membership returns what an event says of the user, as far as it is one of the
// user's member events.
func membership(e *matrix.MatrixSyncEvent, user id.UserID) (now, before event.Membership) {
	if e.StateKey == nil || *e.StateKey != string(user) || e.Type != event.StateMember.Type {
		return "", ""
	}
	var said syncMembership
	_ = json.Unmarshal(e.Raw, &said) // a wrong type is no membership
	return said.Content.Membership, said.Unsigned.PrevContent.Membership
}

// joins says that the event is the user's joining, not a mere change of the
// profile.
func joins(e *matrix.MatrixSyncEvent, user id.UserID) bool {
	now, before := membership(e, user)
	return now == event.MembershipJoin && before != event.MembershipJoin
}

// sessionOf is the Megolm session of an encrypted event.
func sessionOf(e *matrix.MatrixSyncEvent) id.SessionID {
	var said struct {
		Content struct {
			SessionID id.SessionID `json:"session_id"`
		} `json:"content"`
	}
	_ = json.Unmarshal(e.Raw, &said) // a wrong type is no session
	return said.Content.SessionID
}
