package matrix

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
)

// outboxTransactions looks up the transaction IDs of rooms' latest events, as
// /sync reports them, for all rooms that want to know, by one request after the
// other. An initial sync is the most expensive request there is: one for each
// room at once, after a restart, kept Dendrite busy until all were given up,
// and asked again.
type outboxTransactions struct {
	running bool
	timeout time.Duration       // of the next request: longer after one that was given up
	next    []*transactionsLook // wait for the one under way to end
}

// transactionsLook is one request.
type transactionsLook struct {
	rooms map[id.RoomID]bool
	bytes int // of the rooms in a URL
	limit int // events of each room

	done         chan struct{} // closed when the result is there
	transactions map[id.EventID]string
	err          error
}

// transactionsTimeout is how long a look may take at most: as long as a first
// sync.
const transactionsTimeout = syncInitialSlack

// transactionsBytes is how much of a look's URL its rooms may have: their filter
// is a part of it. A request's first line may have 8 KiB for nginx and 16 KiB
// for Synapse.
const transactionsBytes = 4 << 10

// join returns the look that a room belongs to: the last one, unless that would
// get too long.
func (looks *outboxTransactions) join(room id.RoomID) *transactionsLook {
	for _, look := range looks.next {
		if look.rooms[room] {
			return look
		}
	}
	bytes := len(url.QueryEscape(`"` + string(room) + `",`))
	if n := len(looks.next); n == 0 || looks.next[n-1].bytes+bytes > transactionsBytes {
		looks.next = append(looks.next, &transactionsLook{rooms: map[id.RoomID]bool{}, done: make(chan struct{})})
	}
	look := looks.next[len(looks.next)-1]
	look.rooms[room] = true
	look.bytes += bytes
	return look
}

// transactionsOf returns the transaction IDs of a room's latest events, at least
// limit of them. It begins after the call. Meanwhile other rooms may use this
// one's slot.
func (h *MatrixOutboxHandle) transactionsOf(room id.RoomID, limit int) (map[id.EventID]string, error) {
	h.mu.Lock()
	look := h.looks.join(room)
	look.limit = max(look.limit, limit)
	if !h.looks.running {
		h.looks.running = true
		h.work.Go(h.runLooks)
	}
	h.mu.Unlock()
	<-h.slots
	defer func() { h.slots <- struct{}{} }()
	select {
	case <-look.done:
		return look.transactions, look.err
	case <-h.ctx.Done():
		return nil, h.ctx.Err()
	}
}

// runLooks makes the requests until none is wanted.
func (h *MatrixOutboxHandle) runLooks() {
	for {
		h.mu.Lock()
		h.looks.running = len(h.looks.next) > 0
		if !h.looks.running {
			h.mu.Unlock()
			return
		}
		look, timeout := h.looks.next[0], max(h.looks.timeout, h.cfg.RequestTimeout)
		h.looks.next = h.looks.next[1:]
		h.mu.Unlock()
		look.err = h.requestWithin(h.ctx, timeout, func(ctx context.Context) (err error) {
			look.transactions, err = syncTransactions(ctx, h.cfg.Client, look.rooms, look.limit)
			return err
		})
		h.mu.Lock()
		h.looks.timeout = 0
		if errors.Is(look.err, context.DeadlineExceeded) {
			h.looks.timeout = min(2*timeout, transactionsTimeout)
		}
		h.mu.Unlock()
		close(look.done)
	}
}

// syncTransactions asks /sync for the transaction IDs of the rooms' latest events.
func syncTransactions(ctx context.Context, client *mautrix.Client, rooms map[id.RoomID]bool, limit int) (map[id.EventID]string, error) {
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
	body, err := initialSync(ctx, client, string(filter))
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
