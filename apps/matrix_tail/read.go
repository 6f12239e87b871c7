package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

const followHelp = `It begins where the last follow of the same rooms stopped, and loses nothing in
between. A line has the time, with several rooms the room, the sender's ID and name,
the text and the event's ID. Ctrl-C ends it.

With --json each event is an object with room_id, event_id, time, sender,
sender_name, type, body and others, and as event what the server sent:

  matrix_tail follow --json | jq -r 'select(.type == "m.room.message") | .body'`

// follow prints events until ctx ends.
func follow(ctx context.Context, c call, _ *settings) error {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	rooms, err := s.followed(ctx)
	if err != nil {
		return err
	}
	printer, err := s.newEventPrinter(rooms.titles)
	if err != nil {
		return err
	}
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{
		DB: s.db.Writer, Prefix: rooms.prefix(),
	})
	if err != nil {
		return err
	}
	outbox, err := s.startSender(ctx)
	if err != nil {
		return err
	}
	defer outbox.Stop(context.WithoutCancel(ctx)) // 5 seconds at most
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // it ends by itself where another process has taken all over
		<-outbox.Done()
		cancel()
	}()
	cfg := matrixsync.MatrixSyncServiceConfig{Client: s.client, Store: store, Logger: c.Log}
	err = matrixsync.MatrixSyncEach(ctx, cfg, func(ctx context.Context, evt matrix.MatrixSyncEvent) error {
		printer.names.Observe(evt)
		if !rooms.has(evt.RoomID) {
			return nil
		}
		return printer.event(ctx, evt)
	})
	return cmp.Or(outbox.Err(), err)
}

// followedRooms are the rooms whose events are printed.
type followedRooms struct {
	rooms  []id.RoomID // sorted; empty: all
	titles map[id.RoomID]string
}

// followed finds the rooms that the arguments name. Where there are several,
// each is called as the user called it, and of all rooms by its ID and title:
// a title alone is what others chose, and may be another room's too.
func (s *session) followed(ctx context.Context) (followedRooms, error) {
	f := followedRooms{titles: map[id.RoomID]string{}}
	if len(s.Args) == 0 {
		all, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: s.client})
		for _, room := range all {
			f.titles[room.RoomID] = string(room.RoomID) + " " + room.Title
		}
		return f, err
	}
	for _, named := range s.Args {
		room, err := s.resolve(ctx, named)
		if err != nil {
			return f, err
		}
		f.rooms = append(f.rooms, room)
		f.titles[room] = named
	}
	slices.Sort(f.rooms)
	f.rooms = slices.Compact(f.rooms)
	if len(f.rooms) == 1 {
		f.titles = nil
	}
	return f, nil
}

func (f followedRooms) has(room id.RoomID) bool {
	return len(f.rooms) == 0 || slices.Contains(f.rooms, room)
}

// prefix is that of the tables with the position: each set of rooms has its
// own.
func (f followedRooms) prefix() string {
	if len(f.rooms) == 0 {
		return "follow_all"
	}
	names := make([]string, len(f.rooms))
	for i, room := range f.rooms {
		names[i] = string(room)
	}
	return fmt.Sprintf("follow_%x", core.HashContent([]byte(strings.Join(names, "\n")))[7:23])
}

const historyHelp = `The next older events are those before the first one printed:

  matrix_tail history '#ops:example.org' --limit 200 --before '$event'`

// historyOptions are history's own.
type historyOptions struct {
	settings
	Limit  int    `yaml:"-" flag:"limit" short:"n" doc:"most events" min:"1" max:"10000"`
	Before string `yaml:"-" flag:"before" doc:"an event's ID: print those in front of it (default: the last ones)"`
}

func history(ctx context.Context, c call, o *historyOptions) error {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	cfg := matrixsync.MatrixRoomHistoryConfig{
		Client: s.client, Room: room, Before: id.EventID(o.Before), Limit: o.Limit,
	}
	part, err := matrixsync.MatrixRoomHistory(ctx, cfg)
	if err == nil && slices.ContainsFunc(part.Events, isLocked) {
		if err := s.fetchKeys(ctx); err != nil {
			return err
		}
		part, err = matrixsync.MatrixRoomHistory(ctx, cfg)
	}
	if err != nil {
		return err
	}
	printer, err := s.newEventPrinter(nil)
	if err != nil {
		return err
	}
	for _, evt := range part.Events {
		if err := printer.event(ctx, evt); err != nil {
			return err
		}
	}
	if part.More {
		c.Log.Info("there are older events", "before", part.Events[0].EventID)
	}
	return nil
}

// isLocked reports whether a key that may wait on the server is missing.
func isLocked(evt matrix.MatrixSyncEvent) bool { return evt.Kind == matrix.MatrixKindEncrypted }

func (s *session) fetchKeys(ctx context.Context) error {
	return matrixsync.MatrixSyncKeys(ctx, matrixsync.MatrixSyncKeysConfig{Client: s.client})
}

// event requests an event of a room, decrypted if its key can be had.
func (s *session) event(ctx context.Context, room id.RoomID, eventID string) (matrix.MatrixSyncEvent, error) {
	cfg := matrixsync.MatrixEventGetConfig{Client: s.client, Room: room, EventID: id.EventID(eventID)}
	evt, err := matrixsync.MatrixEventGet(ctx, cfg)
	if err != nil || !isLocked(evt) {
		return evt, err
	}
	if err := s.fetchKeys(ctx); err != nil {
		return evt, err
	}
	return matrixsync.MatrixEventGet(ctx, cfg)
}
