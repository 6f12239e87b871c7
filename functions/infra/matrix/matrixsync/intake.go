package matrixsync

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// syncTaking is one response on its way into the store and to the consumer.
type syncTaking struct {
	*syncService
	batch      MatrixSyncBatch   // without its records
	deliveries []delivery        // of the batch
	state      *mautrix.RespSync // for the crypto

	first           bool      // this is the first sync of all with the store
	beganAt, cameAt time.Time // when the service began and when the response came, by the server's clock

	interrupted bool      // while history was fetched, as by a server that shuts down
	taken       int       // records stored so far
	fresh       int       // of them, those that the store did not know
	shortSince  time.Time // since when the server, answering all the time, has ended histories too early
}

// delivery is an event, and what is stored of it until it is acknowledged.
type delivery struct {
	event  matrix.MatrixSyncEvent
	record MatrixSyncRecord
}

// syncTimeline is a joined or left room's part of a response.
type syncTimeline struct {
	roomID id.RoomID
	room   *syncRoom
	member event.Membership
	events []matrix.MatrixSyncEvent
	before matrix.MatrixMoment // Join of what comes just before the events, once it is set in these

	lookBack bool                     // the store may know the events
	fresh    []matrix.MatrixSyncEvent // with lookBack: those that it does not know
}

// takeIn stores a response and delivers it; before it, the unknown events of a
// look back, which may be nil. It returns how many events the store did not
// know. Only ctx, and the loss of the store, end it before that is done.
//
// What is in a room with a gap is stored and delivered with the rooms
// before it, and the token with the last: a process that is killed while it
// fills one gap after the other finds the first ones filled.
//
// Synapse may report of one room that it was left and that there is an
// invitation to it: that is the later of the two.
func (s *syncService) takeIn(ctx context.Context, response, lookBack *syncResponse) (fresh int, err error) {
	t := &syncTaking{syncService: s, state: s.cryptoPart(response), first: s.position.Token == "" && !s.replaying}
	t.beganAt, t.cameAt = serverTimes(s.began, response)
	err = t.takeIn(ctx, response, lookBack)
	return t.fresh, err
}

func (t *syncTaking) takeIn(ctx context.Context, response, lookBack *syncResponse) error {
	s := t.syncService
	missed, err := t.lookBackTimelines(ctx, lookBack, response)
	if err != nil {
		return err
	}
	timelines := slices.Concat(
		missed,
		t.timelines(ctx, response.Rooms.Join, event.MembershipJoin),
		t.timelines(ctx, response.Rooms.Leave, event.MembershipLeave),
	)
	if s.crypto != nil {
		if err := s.retry(ctx, func() error { return s.crypto.ProcessSync(ctx, t.state, s.position.Token) }); err != nil {
			return err
		}
		if err := s.releaseNew(ctx); err != nil {
			return err
		}
	}
	for _, timeline := range timelines {
		filled, err := t.timeline(ctx, timeline)
		if err != nil {
			return err
		}
		if !filled {
			continue
		}
		t.batch.Token = s.position.Token
		if err := t.commit(ctx); err != nil {
			return err
		}
	}
	for _, room := range sortedRooms(response.Rooms.Invite) {
		t.invitation(room, response.Rooms.Invite[room])
	}
	latest := syncToken{token: response.NextBatch, came: response.came, taken: t.taken + len(t.deliveries)}
	tokens := s.tokens.add(latest, s.lookBackMost())
	t.batch.Token, t.batch.Trusted = response.NextBatch, tokens[0].token
	err = t.commit(ctx, func() {
		s.tokens, s.lookBack, s.replaying, s.fullState = tokens, "", false, false
	})
	if t.interrupted {
		s.distrust() // the response may have come from a server that was going
	}
	return err
}

// timelines applies the state in rooms' parts, and returns the parts.
func (t *syncTaking) timelines(
	ctx context.Context,
	rooms map[id.RoomID]*syncRoom,
	member event.Membership,
) []syncTimeline {
	timelines := make([]syncTimeline, 0, len(rooms))
	for _, roomID := range sortedRooms(rooms) {
		room := rooms[roomID]
		events := t.normalizeAll(roomID, room.Timeline.Events)
		t.applyState(ctx, roomID, room.State.Events, member)
		t.applyTimelineState(ctx, events, member)
		timelines = append(timelines, syncTimeline{roomID: roomID, room: room, member: member, events: events})
	}
	return timelines
}

// commit stores the batch, notes that it is stored, delivers its events, and
// begins the next batch.
func (t *syncTaking) commit(ctx context.Context, stored ...func()) error {
	if err := t.decrypt(ctx); err != nil {
		return err
	}
	t.batch.Records = make([]MatrixSyncRecord, 0, len(t.deliveries))
	for _, d := range t.deliveries {
		t.batch.Records = append(t.batch.Records, d.record)
	}
	if err := t.retry(ctx, func() error { return t.store.TakeIn(ctx, &t.batch) }); err != nil {
		return err
	}
	t.position.Token = t.batch.Token
	for _, room := range t.batch.Rooms {
		t.position.Rooms[room.RoomID] = room
	}
	for _, note := range stored {
		note()
	}
	for i, record := range t.batch.Records {
		if record.Seq == 0 {
			continue // the store knows it
		}
		t.fresh++
		if err := t.deliver(ctx, &t.deliveries[i].event, record.Seq); err != nil {
			return err
		}
	}
	t.taken += len(t.deliveries)
	t.batch, t.deliveries = MatrixSyncBatch{}, nil
	return nil
}

// known returns what the store knows of a room.
func (t *syncTaking) known(room id.RoomID) MatrixSyncRoom {
	known := t.position.Rooms[room]
	known.RoomID = room
	return known
}

// latest is known with what this response has already changed of it.
func (t *syncTaking) latest(room id.RoomID) MatrixSyncRoom {
	for _, changed := range slices.Backward(t.batch.Rooms) {
		if changed.RoomID == room {
			return changed
		}
	}
	return t.known(room)
}

// add appends what is to be delivered.
func (t *syncTaking) add(e matrix.MatrixSyncEvent, kind MatrixSyncKind, data []byte) {
	e.Replayed = t.replaying
	record := MatrixSyncRecord{
		RoomID: e.RoomID, EventID: e.EventID, Kind: kind, Replayed: e.Replayed, Join: e.Join, Start: e.Start, Data: data,
	}
	if e.Kind == matrix.MatrixKindEncrypted && kind == MatrixSyncPlain {
		record.Kind, record.Session = MatrixSyncEncrypted, sessionOf(&e)
	}
	t.deliveries = append(t.deliveries, delivery{e, record})
}

// timeline adds a joined or left room's part to the batch. It reports whether
// history was fetched for it.
func (t *syncTaking) timeline(ctx context.Context, part syncTimeline) (fetched bool, err error) {
	roomID, room, member, events := part.roomID, part.room, part.member, part.events
	known := t.known(roomID)
	if member == event.MembershipLeave {
		events = t.withOwnLeave(roomID, room, events)
	}
	limited, last := room.Timeline.Limited, lastEventID(events)
	if !part.lookBack { // of which lookBackTimelines has done so
		part.before = t.markTimeline(events, known, member, !limited)
	}
	if part.lookBack {
		// One that begins with a known event has nothing missing before
		// it.
		limited = limited && (len(events) == 0 || len(part.fresh) > 0 && part.fresh[0].EventID == events[0].EventID)
		if last != lastEventID(part.fresh) {
			last = "" // known, and maybe an old answer's: the room may be past it
		}
		events = part.fresh
	}
	anchored := false
	// Of a room that the user was put out of Dendrite may give the leaving
	// alone, and not say that more is missing.
	left := member == event.MembershipLeave
	if (limited || left) && t.missed(known, member, events) {
		filled, gap, err := t.fill(ctx, known, events, room.Timeline.PrevBatch, left)
		if err != nil {
			return false, err
		}
		fetched = true
		if gap != nil {
			t.addGap(roomID, gap)
		}
		markJoin(filled, t.user, known.Membership == string(event.MembershipJoin) && gap == nil, part.before)
		anchored = gap == nil
		if err := t.markStart(ctx, known, filled, anchored); err != nil {
			return false, err
		}
		for _, e := range filled {
			t.add(e, MatrixSyncPlain, e.Raw)
		}
	}
	if err := t.markStart(ctx, known, events, anchored); err != nil {
		return false, err
	}
	for _, e := range events {
		t.add(e, MatrixSyncPlain, e.Raw)
	}
	now := MatrixSyncRoom{RoomID: roomID, Membership: string(member), Last: cmp.Or(last, known.Last)}
	now.Last = id.EventID(strings.Clone(string(now.Last))) // it is a part of the whole event
	if now != known {
		t.batch.Rooms = append(t.batch.Rooms, now)
	}
	return fetched, nil
}

// lastEventID returns the ID of the last event that has one.
func lastEventID(events []matrix.MatrixSyncEvent) id.EventID {
	for _, e := range slices.Backward(events) {
		if e.EventID != "" {
			return e.EventID
		}
	}
	return ""
}

// normalizeAll parses events, and leaves out and reports what is none.
func (t *syncTaking) normalizeAll(room id.RoomID, raws []json.RawMessage) []matrix.MatrixSyncEvent {
	events := make([]matrix.MatrixSyncEvent, 0, len(raws))
	for _, raw := range raws {
		e := matrix.MatrixEventParse(room, raw)
		if e.Type == "" {
			t.tell(&core.Error{Code: core.CodeInvalid, Op: "matrix_sync_service", Message: fmt.Sprintf("room %.100s: left out what is no event: %.100q", room, raw)})
			continue
		}
		events = append(events, e)
	}
	return events
}

// withOwnLeave adds the own member event from the state, where a rejected
// invitation or a ban has it.
func (t *syncTaking) withOwnLeave(
	room id.RoomID,
	left *syncRoom,
	events []matrix.MatrixSyncEvent,
) []matrix.MatrixSyncEvent {
	for i := range events {
		if now, _ := membership(&events[i], t.user); now != "" {
			return events
		}
	}
	for _, raw := range left.State.Events {
		e := matrix.MatrixEventParse(room, raw)
		if now, _ := membership(&e, t.user); now == event.MembershipLeave || now == event.MembershipBan {
			return append(events, e)
		}
	}
	return events
}

// invitation adds an invitation to the batch: the own member event of its
// stripped state. That has no ID that could be trusted. An initial sync has all
// open invitations, and a server may show one in each answer: the one that is
// known to be open is left out.
func (t *syncTaking) invitation(roomID id.RoomID, room *syncRoom) {
	for _, raw := range room.InviteState.Events {
		e := matrix.MatrixEventParse(roomID, raw)
		if now, _ := membership(&e, t.user); now != event.MembershipInvite {
			continue
		}
		e.EventID = ""
		known := t.latest(roomID)
		invited := MatrixSyncRoom{
			RoomID:     roomID,
			Membership: string(event.MembershipInvite),
			Last:       known.Last,
			Inviter:    e.Sender,
			Invitation: invitationOf(raw),
		}
		if known.Invitation == "" && t.position.Token == "" { // stored by a version that did not tell them apart
			known.Invitation = invited.Invitation
		}
		if invited == known {
			return
		}
		e.Join = matrix.MatrixMomentBefore
		t.batch.Rooms = append(t.batch.Rooms, invited)
		t.add(e, MatrixSyncInvite, raw)
		return
	}
	t.tell(&core.Error{Code: core.CodeInvalid, Op: "matrix_sync_service", Message: fmt.Sprintf("room %.100s: an invitation without its member event", roomID)})
}
