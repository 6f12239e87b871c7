package matrixoutbox

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// looks looks up the transaction IDs of rooms' latest events, as
// /sync reports them, for all rooms that want to know, by one request after the
// other. An initial sync is the most expensive request there is: one for each
// room at once, after a restart, kept Dendrite busy until all were given up,
// and asked again.
type looks struct {
	running bool
	timeout time.Duration // of the next request: longer after one that was given up
	waiting []*look       // for the one under way to end, oldest first
}

// look is one request.
type look struct {
	rooms map[id.RoomID]bool
	bytes int // of the rooms in a URL
	limit int // events of each room

	done         chan struct{} // closed when the result is there
	transactions map[id.EventID]string
	err          error
}

// transactionsBytes is how much of a look's URL its rooms may have: their
// filter is a part of it. A request's first line may have 8 KiB for nginx and
// 16 KiB for Synapse: one that is too long would fail for all rooms, again and
// again.
const transactionsBytes = 4 << 10

// join returns the waiting look that a room is in, with at least limit events
// of it.
func (t *looks) join(room id.RoomID, limit int) *look {
	look := t.lookFor(room)
	look.limit = max(look.limit, limit)
	return look
}

// lookFor returns the waiting look that has the room. A new room joins the last
// one, or a further one where that would get too long.
func (t *looks) lookFor(room id.RoomID) *look {
	for _, look := range t.waiting {
		if look.rooms[room] {
			return look
		}
	}
	bytes, n := transactionsSize(room), len(t.waiting)
	if n == 0 || t.waiting[n-1].bytes+bytes > transactionsBytes {
		t.waiting = append(t.waiting, &look{rooms: map[id.RoomID]bool{}, done: make(chan struct{})})
		n++
	}
	look := t.waiting[n-1]
	look.rooms[room] = true
	look.bytes += bytes
	return look
}

// transactionsSize returns how many bytes a room has in a look's URL.
func transactionsSize(room id.RoomID) int { return len(url.QueryEscape(`"` + string(room) + `",`)) }

// next takes the look that has waited longest, nil if none does.
func (t *looks) next() *look {
	if len(t.waiting) == 0 {
		return nil
	}
	look := t.waiting[0]
	t.waiting = t.waiting[1:]
	return look
}

// transactionsTimeout is how long a look may take at most: as long as
// matrix_sync_service allows for a first sync.
const transactionsTimeout = 10 * time.Minute

// transactionsOf returns the transaction IDs of a room's latest events, at
// least limit of them. It begins after the call. Meanwhile other rooms may use
// this one's slot.
func (s *sender) transactionsOf(ctx context.Context, room id.RoomID, limit int) (map[id.EventID]string, error) {
	s.mu.Lock()
	look := s.looks.join(room, limit)
	if !s.looks.running {
		s.looks.running = true
		s.work.Go(func() { s.runLooks(ctx) })
	}
	s.mu.Unlock()
	<-s.slots
	defer func() { s.slots <- struct{}{} }()
	select {
	case <-look.done:
		return look.transactions, look.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// runLooks makes the requests until none is wanted.
func (s *sender) runLooks(ctx context.Context) {
	for {
		s.mu.Lock()
		look, timeout := s.looks.next(), max(s.looks.timeout, s.cfg.RequestTimeout)
		s.looks.running = look != nil
		s.mu.Unlock()
		if look == nil {
			return
		}
		look.err = s.requestWithin(ctx, timeout, func(ctx context.Context) (err error) {
			look.transactions, err = syncTransactions(ctx, s.cfg.Client, look.rooms, look.limit)
			return err
		})
		s.mu.Lock()
		s.looks.timeout = 0
		if errors.Is(look.err, context.DeadlineExceeded) {
			s.looks.timeout = min(2*timeout, transactionsTimeout)
		}
		s.mu.Unlock()
		close(look.done)
	}
}

// syncTransactions asks /sync for the transaction IDs of the rooms' latest
// events.
func syncTransactions(
	ctx context.Context,
	client *mautrix.Client,
	rooms map[id.RoomID]bool,
	limit int,
) (map[id.EventID]string, error) {
	none := &mautrix.FilterPart{NotTypes: []event.Type{{Type: "*"}}}
	filter, err := json.Marshal(&mautrix.Filter{
		AccountData: none,
		Presence:    none,
		Room: &mautrix.RoomFilter{
			AccountData: none, Ephemeral: none, Rooms: slices.Sorted(maps.Keys(rooms)),
			State:    &mautrix.FilterPart{NotTypes: []event.Type{{Type: "*"}}, LazyLoadMembers: true},
			Timeline: &mautrix.FilterPart{Limit: limit},
		},
	})
	if err != nil {
		return nil, err
	}
	body, err := wire.InitialSync(ctx, client, string(filter))
	if err != nil {
		return nil, err
	}
	var resp mautrix.RespSync
	if err := json.Unmarshal(body, &resp); err != nil {
		return nil, err
	}
	transactions := map[id.EventID]string{}
	for _, room := range resp.Rooms.Join {
		for _, evt := range room.Timeline.Events {
			transactions[evt.ID] = evt.Unsigned.TransactionID
		}
	}
	return transactions, nil
}
