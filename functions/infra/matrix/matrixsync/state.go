package matrixsync

import (
	"context"
	"encoding/json"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// stateOfInterest has the types that mautrix.UpdateStateStore looks at.
var stateOfInterest = map[string]bool{
	event.StateMember.Type: true, event.StatePowerLevels.Type: true, event.StateEncryption.Type: true,
	event.StateCreate.Type: true, event.StateJoinRules.Type: true, event.StateHistoryVisibility.Type: true,
}

// cryptoPart is the response's part for the crypto, without the rooms' state
// yet. A to-device message that is no event is left out: nobody could do
// anything with it.
func (s *syncService) cryptoPart(response *syncResponse) *mautrix.RespSync {
	if s.crypto == nil {
		return nil
	}
	part := &mautrix.RespSync{
		NextBatch: response.NextBatch, DeviceLists: response.DeviceLists,
		DeviceOTKCount: response.DeviceOTKCount, FallbackKeys: response.FallbackKeys,
	}
	for _, raw := range response.ToDevice.Events {
		var e event.Event
		if json.Unmarshal(raw, &e) == nil {
			e.Type.Class = event.ToDeviceEventType
			part.ToDevice.Events = append(part.ToDevice.Events, &e)
		}
	}
	part.Rooms.Join = map[id.RoomID]*mautrix.SyncJoinedRoom{}
	part.Rooms.Leave = map[id.RoomID]*mautrix.SyncLeftRoom{}
	return part
}

// applyState brings the client's state store and the crypto up to date with
// state events.
func (t *syncTaking) applyState(ctx context.Context, room id.RoomID, raws []json.RawMessage, member event.Membership) {
	if t.client.StateStore == nil && t.crypto == nil {
		return
	}
	_, all := t.client.StateStore.(mautrix.StateStoreUpdater)
	for _, raw := range raws {
		kind := gjson.GetBytes(raw, "type").Str
		if !all && !stateOfInterest[kind] {
			continue
		}
		e, err := wire.Event(room, raw)
		if err != nil || e.StateKey == nil {
			continue // no state that anyone could use
		}
		mautrix.UpdateStateStore(ctx, t.client.StateStore, e)
		if t.crypto != nil && (kind == event.StateMember.Type || kind == event.StateEncryption.Type) {
			t.addCryptoState(e, member)
		}
	}
}

func (t *syncTaking) addCryptoState(e *event.Event, member event.Membership) {
	if member == event.MembershipLeave {
		room := t.state.Rooms.Leave[e.RoomID]
		if room == nil {
			room = &mautrix.SyncLeftRoom{}
			t.state.Rooms.Leave[e.RoomID] = room
		}
		room.State.Events = append(room.State.Events, e)
		return
	}
	room := t.state.Rooms.Join[e.RoomID]
	if room == nil {
		room = &mautrix.SyncJoinedRoom{}
		t.state.Rooms.Join[e.RoomID] = room
	}
	room.State.Events = append(room.State.Events, e)
}

// applyTimelineState does the same for the state events of a timeline.
func (t *syncTaking) applyTimelineState(ctx context.Context, events []matrix.MatrixSyncEvent, member event.Membership) {
	for i := range events {
		if events[i].StateKey != nil {
			t.applyState(ctx, events[i].RoomID, []json.RawMessage{events[i].Raw}, member)
		}
	}
}
