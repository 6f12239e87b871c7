//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"errors"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
	"maunium.net/go/mautrix/sqlstatestore"
)

// stateStore is the client's StateStore: what rooms are encrypted, and who is
// in them, on disk. A sync that goes on from a token is not told again that a
// room is encrypted, and mautrix's own store in memory, which doesn't know,
// would let plain text through after a restart.
type stateStore struct {
	*sqlstatestore.SQLStateStore
	client *mautrix.Client
	told   func() bool // a sync runs, and tells of changes

	inTransaction func(ctx context.Context, do func(ctx context.Context) error) error

	// forget drops a room's outbound session: the next message needs a new one,
	// since who may read it has changed.
	forget func(ctx context.Context, room id.RoomID) error

	mu    sync.Mutex
	plain map[id.RoomID]time.Time // when the server said that they are not encrypted
	stale map[id.RoomID]bool      // whose session could not be dropped
}

var (
	_ mautrix.StateStore        = (*stateStore)(nil)
	_ mautrix.StateStoreUpdater = (*stateStore)(nil)
)

// A room is held for not encrypted for so long without asking again: with a
// sync that runs, which tells of a change at once, and without one.
const (
	believePlain      = 5 * time.Minute
	believePlainAlone = time.Second
)

// IsEncrypted reports whether messages to a room must be encrypted. What is not
// known is asked from the server; when it can't be, it is an error, and nothing
// is sent.
func (s *stateStore) IsEncrypted(ctx context.Context, room id.RoomID) (bool, error) {
	if content, err := s.GetEncryptionEvent(ctx, room); err != nil || content != nil {
		return true, err // by whatever algorithm: Encrypt refuses those that it doesn't have
	}
	limit := believePlainAlone
	if s.told() {
		limit = believePlain
	}
	s.mu.Lock()
	plain := time.Since(s.plain[room]) < limit
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
		s.plain[room] = time.Now()
		return false, nil
	case err != nil:
		return true, err
	}
	return true, s.SetEncryptionEvent(ctx, room, &content)
}

// SetEncryptionEvent keeps what a room's encryption is. Once encrypted, a room
// stays so: a server or an admin who takes the setting back is not followed, as
// the specification asks.
func (s *stateStore) SetEncryptionEvent(
	ctx context.Context,
	room id.RoomID,
	content *event.EncryptionEventContent,
) error {
	known, err := s.GetEncryptionEvent(ctx, room)
	if err != nil || known != nil && (content.Algorithm != id.AlgorithmMegolmV1 || sameEncryption(known, content)) {
		return err
	}
	if err := s.SQLStateStore.SetEncryptionEvent(ctx, room, content); err != nil {
		return err
	}
	return s.drop(ctx, room)
}

func sameEncryption(a, b *event.EncryptionEventContent) bool {
	return a.Algorithm == b.Algorithm && a.RotationPeriodMillis == b.RotationPeriodMillis && a.RotationPeriodMessages == b.RotationPeriodMessages
}

// SetHistoryVisibility keeps who may read what was sent before they came.
func (s *stateStore) SetHistoryVisibility(
	ctx context.Context,
	room id.RoomID,
	content *event.HistoryVisibilityEventContent,
) error {
	known, err := s.GetHistoryVisibility(ctx, room)
	if err != nil || known != nil && known.HistoryVisibility == content.HistoryVisibility {
		return err
	}
	if err := s.SQLStateStore.SetHistoryVisibility(ctx, room, content); err != nil {
		return err
	}
	return s.drop(ctx, room)
}

// SetMember keeps a member. It is told of the same one more than once: by the
// sync, and by the client's own calls.
func (s *stateStore) SetMember(
	ctx context.Context,
	room id.RoomID,
	user id.UserID,
	member *event.MemberEventContent,
) error {
	known, err := s.TryGetMember(ctx, room, user)
	if err != nil {
		return err
	}
	if known != nil && known.Membership == member.Membership && known.Displayname == member.Displayname && known.AvatarURL == member.AvatarURL {
		return nil
	}
	if err := s.SQLStateStore.SetMember(ctx, room, user, member); err != nil {
		return err
	}
	return s.memberChanged(ctx, room, known, member.Membership)
}

// SetMembership is what the client's own calls (JoinRoom, InviteUser) tell
// before the sync does.
func (s *stateStore) SetMembership(
	ctx context.Context,
	room id.RoomID,
	user id.UserID,
	membership event.Membership,
) error {
	known, err := s.TryGetMember(ctx, room, user)
	if err != nil || known != nil && known.Membership == membership {
		return err
	}
	if err := s.SQLStateStore.SetMembership(ctx, room, user, membership); err != nil {
		return err
	}
	return s.memberChanged(ctx, room, known, membership)
}

// ReplaceCachedMembers stores a list of members that was asked for.
func (s *stateStore) ReplaceCachedMembers(
	ctx context.Context,
	room id.RoomID,
	members []*event.Event,
	only ...event.Membership,
) error {
	err := s.inTransaction(ctx, func(ctx context.Context) error {
		return s.SQLStateStore.ReplaceCachedMembers(ctx, room, members, only...)
	})
	if err != nil {
		return err
	}
	return s.drop(ctx, room)
}

func (s *stateStore) memberChanged(
	ctx context.Context,
	room id.RoomID,
	before *event.MemberEventContent,
	now event.Membership,
) error {
	if reader(now) == (before != nil && reader(before.Membership)) {
		return nil
	}
	return s.drop(ctx, room)
}

// drop forgets a room's session, now or before the next message to it: mautrix
// does not hand errors of a state store on.
func (s *stateStore) drop(ctx context.Context, room id.RoomID) error {
	err := s.forget(ctx, room)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stale[room] = true
	}
	return err
}

// dropStale makes up for it.
func (s *stateStore) dropStale(ctx context.Context, room id.RoomID) error {
	s.mu.Lock()
	stale := s.stale[room]
	delete(s.stale, room)
	s.mu.Unlock()
	if !stale {
		return nil
	}
	return s.drop(ctx, room)
}

// UpdateState stores an event that the client or the sync tells of.
func (s *stateStore) UpdateState(ctx context.Context, evt *event.Event) {
	known, err := s.takeEvent(ctx, evt.RoomID, evt)
	if err != nil {
		s.client.Log.Warn().Err(err).Stringer("room_id", evt.RoomID).Str("event_type", evt.Type.Type).Msg("failed to store a room's state")
	}
	if !known {
		mautrix.UpdateStateStore(ctx, s.SQLStateStore, evt)
	}
}

// takeState stores what a sync response says about rooms and matters to
// encryption.
func (s *stateStore) takeState(ctx context.Context, resp *mautrix.RespSync) error {
	for room, joined := range resp.Rooms.Join {
		if joined == nil {
			continue
		}
		for _, evt := range stateEvents(joined) {
			if _, err := s.takeEvent(ctx, room, evt); err != nil {
				return err
			}
		}
	}
	return nil
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

// takeEvent stores an event that matters to encryption, and reports whether it
// is one.
func (s *stateStore) takeEvent(ctx context.Context, room id.RoomID, evt *event.Event) (known bool, err error) {
	content, ok := parsed(evt, event.StateEventType)
	if !ok || evt.StateKey == nil || room == "" {
		return false, nil
	}
	user := id.UserID(*evt.StateKey)
	switch content := content.(type) {
	case *event.MemberEventContent:
		if user == "" {
			return true, nil
		}
		return true, s.SetMember(ctx, room, user, content)
	case *event.EncryptionEventContent:
		if user == "" {
			return true, s.SetEncryptionEvent(ctx, room, content)
		}
	case *event.HistoryVisibilityEventContent:
		if user == "" {
			return true, s.SetHistoryVisibility(ctx, room, content)
		}
	}
	return false, nil
}

// reader reports whether a member gets the room's keys.
func reader(membership event.Membership) bool {
	return membership == event.MembershipJoin || membership == event.MembershipInvite
}

// parsed returns an event's content without changing the event, which others
// are going to read, too.
func parsed(evt *event.Event, class event.TypeClass) (any, bool) {
	if evt.Content.Parsed != nil {
		return evt.Content.Parsed, true
	}
	content, kind := evt.Content, evt.Type
	kind.Class = class
	err := content.ParseRaw(kind)
	return content.Parsed, err == nil && content.Parsed != nil
}
