//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"errors"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
	"maunium.net/go/mautrix/sqlstatestore"
)

// stateStore is the client's StateStore: what rooms are encrypted, and who is in them, on disk. A sync that goes on from
// a token is not told again that a room is encrypted, and mautrix's own store in memory, which doesn't know, would let
// plain text through after a restart.
type stateStore struct {
	*sqlstatestore.SQLStateStore
	client *mautrix.Client

	mu    sync.Mutex
	plain map[id.RoomID]bool  // of which the server said that they are not encrypted
	taken map[id.EventID]bool // of the last sync response: already stored
}

var (
	_ mautrix.StateStore        = (*stateStore)(nil)
	_ mautrix.StateStoreUpdater = (*stateStore)(nil)
)

// IsEncrypted says whether messages to a room must be encrypted. What is not known is asked from the server, once; when
// it can't be, it is an error, and nothing is sent.
func (s *stateStore) IsEncrypted(ctx context.Context, room id.RoomID) (bool, error) {
	if content, err := s.GetEncryptionEvent(ctx, room); err != nil || content != nil {
		return true, err // by whatever algorithm: Encrypt refuses those that it doesn't have
	}
	s.mu.Lock()
	plain := s.plain[room]
	s.mu.Unlock()
	if plain {
		return false, nil
	}
	var content event.EncryptionEventContent
	err := s.client.StateEvent(ctx, room, event.StateEncryption, "", &content)
	switch {
	case errors.Is(err, mautrix.MNotFound):
		s.mu.Lock()
		defer s.mu.Unlock()
		s.plain[room] = true
		return false, nil
	case err != nil:
		return true, err
	}
	return true, s.SetEncryptionEvent(ctx, room, &content)
}

// SetEncryptionEvent keeps what a room's encryption is. Once encrypted, a room stays so: a server or an admin who takes
// the setting back is not followed, as the specification asks.
func (s *stateStore) SetEncryptionEvent(ctx context.Context, room id.RoomID, content *event.EncryptionEventContent) error {
	if content.Algorithm != id.AlgorithmMegolmV1 {
		known, err := s.GetEncryptionEvent(ctx, room)
		if err != nil || known != nil {
			return err
		}
	}
	return s.SQLStateStore.SetEncryptionEvent(ctx, room, content)
}

// UpdateState stores an event of which the client tells, unless the sync response had it.
func (s *stateStore) UpdateState(ctx context.Context, evt *event.Event) {
	s.mu.Lock()
	taken := evt.ID != "" && s.taken[evt.ID]
	s.mu.Unlock()
	if taken {
		return
	}
	if content, ok := evt.Content.Parsed.(*event.EncryptionEventContent); ok {
		if err := s.SetEncryptionEvent(ctx, evt.RoomID, content); err != nil {
			s.client.Log.Warn().Err(err).Stringer("room_id", evt.RoomID).Msg("failed to store that a room is encrypted")
		}
		return
	}
	mautrix.UpdateStateStore(ctx, s.SQLStateStore, evt)
}

// takeState stores what a sync response says about rooms and matters to encryption, and returns the rooms whose next
// message needs a new session, since who may read it has changed.
func (s *stateStore) takeState(ctx context.Context, resp *mautrix.RespSync) (map[id.RoomID]bool, error) {
	taken, stale := map[id.EventID]bool{}, map[id.RoomID]bool{}
	for room, joined := range resp.Rooms.Join {
		if joined == nil {
			continue
		}
		for _, evt := range stateEvents(joined) {
			changed, err := s.takeEvent(ctx, room, evt)
			if err != nil {
				return nil, err
			}
			if changed {
				stale[room] = true
			}
			taken[evt.ID] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = taken
	return stale, nil
}

func stateEvents(joined *mautrix.SyncJoinedRoom) []*event.Event {
	var events []*event.Event
	add := func(more []*event.Event) {
		for _, evt := range more {
			if evt != nil && evt.StateKey != nil && (evt.Type.Type == event.StateMember.Type || *evt.StateKey == "") {
				events = append(events, evt)
			}
		}
	}
	add(joined.State.Events)
	add(joined.Timeline.Events)
	if joined.StateAfter != nil {
		add(joined.StateAfter.Events)
	}
	return events
}

func (s *stateStore) takeEvent(ctx context.Context, room id.RoomID, evt *event.Event) (changed bool, err error) {
	content, ok := parsed(evt, event.StateEventType)
	if !ok {
		return false, nil
	}
	switch content := content.(type) {
	case *event.EncryptionEventContent:
		return true, s.SetEncryptionEvent(ctx, room, content)
	case *event.HistoryVisibilityEventContent:
		return true, s.SetHistoryVisibility(ctx, room, content)
	case *event.MemberEventContent:
		user := id.UserID(*evt.StateKey)
		if user == "" {
			return false, nil
		}
		before, err := s.GetMembership(ctx, room, user)
		if err != nil {
			return false, err
		}
		return reader(before) != reader(content.Membership), s.SetMember(ctx, room, user, content)
	}
	return false, nil
}

// reader says whether a member gets the room's keys.
func reader(membership event.Membership) bool {
	return membership == event.MembershipJoin || membership == event.MembershipInvite
}

// parsed returns an event's content without changing the event, which others are going to read, too.
func parsed(evt *event.Event, class event.TypeClass) (any, bool) {
	if evt.Content.Parsed != nil {
		return evt.Content.Parsed, true
	}
	content, kind := evt.Content, evt.Type
	kind.Class = class
	err := content.ParseRaw(kind)
	return content.Parsed, err == nil && content.Parsed != nil
}
