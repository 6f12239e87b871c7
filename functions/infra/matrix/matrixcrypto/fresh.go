//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// syncAge is how old the last response of a sync that runs may be: beyond it
// the sync is taken for stuck.
const syncAge = 2 * time.Minute

// The members and devices of a room with more than largeRoom members are
// believed for largeFresh: asking for thousands of devices takes servers
// seconds. Those of a smaller one are asked for before each message.
const (
	largeRoom  = 100
	largeFresh = 10 * time.Second
)

// upToDate reports whether a sync runs, which brings new members and devices.
func (m *engine) upToDate() bool {
	at, _ := m.synced.Load().(time.Time)
	return time.Since(at) < syncAge && matrixsync.MatrixSyncRunning(m.client)
}

// freshen asks for a room's members and for their devices, before a message to
// it, unless a sync brings them: a member or a device that came since could
// not read the message, and one that has left could. The caller has the room's
// lock.
func (m *engine) freshen(ctx context.Context, mach *crypto.OlmMachine, room id.RoomID) error {
	if m.upToDate() || !m.due(room) {
		return nil
	}
	var joined mautrix.RespJoinedMembers
	url := m.client.BuildClientURL("v3", "rooms", room, "joined_members")
	if _, err := m.client.MakeRequest(ctx, http.MethodGet, url, nil, &joined); err != nil {
		return err
	}
	if err := m.state.setJoined(ctx, room, joined.Joined); err != nil {
		return err
	}
	members, err := m.members(ctx, room)
	if err != nil {
		return err
	}
	for users := range slices.Chunk(members, 200) {
		if _, err := mach.FetchKeys(ctx, users, true); err != nil {
			return err
		}
	}
	if max(len(members), len(joined.Joined)) > largeRoom {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fresh[room] = time.Now().Add(largeFresh)
	}
	return nil
}

// due reports whether to ask for a room's members and devices.
func (m *engine) due(room id.RoomID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(m.fresh, func(_ id.RoomID, until time.Time) bool { return now.After(until) })
	return m.fresh[room].IsZero()
}

// setJoined stores who has joined a room.
func (s *stateStore) setJoined(ctx context.Context, room id.RoomID, joined map[id.UserID]mautrix.JoinedMember) error {
	known, err := s.GetAllMembers(ctx, room)
	if err != nil {
		return err
	}
	for user := range joined {
		if known[user] == nil || known[user].Membership != event.MembershipJoin {
			if err := s.SetMembership(ctx, room, user, event.MembershipJoin); err != nil {
				return err
			}
		}
	}
	for user, member := range known {
		if _, still := joined[user]; !still && member.Membership == event.MembershipJoin {
			if err := s.SetMembership(ctx, room, user, event.MembershipLeave); err != nil {
				return err
			}
		}
	}
	return nil
}
