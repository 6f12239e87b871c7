package matrix

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// outboxVerdict is what a look into the room says of an item.
type outboxVerdict int

const (
	outboxAbsent outboxVerdict = iota
	outboxBehind               // the server does not show yet what it has acknowledged before: Dendrite's read side can be far behind
	outboxFound
	outboxUnsure
)

const (
	lookUpPages    = 10
	lookUpFirst    = 100            // events in the first look
	lookUpPage     = 1000           // and in each further page, what Synapse gives at most
	lookUpSkew     = time.Hour      // by which the clocks of server and client may differ
	lookUpAnchored = 24 * time.Hour // the same, where an event is known to which the search goes back
)

// lookUp finds out whether the server has an item's event. It reads the room backwards to the last event that was sent
// before it. Synapse tells the transaction ID there. Dendrite tells it in /sync alone, so that is asked if there is an
// event that could be the one. Both tell it only to the session that sent it: an event without one is it if it has the
// same type and content; of an encrypted one nobody can tell.
func (h *MatrixOutboxHandle) lookUp(ctx context.Context, row *outboxRow) (id.EventID, outboxVerdict, error) {
	anchor, known, err := h.store.before(ctx, row)
	if err != nil {
		return "", outboxUnsure, err
	}
	candidates, found, reach, window, err := h.ownEvents(ctx, row, anchor, known)
	absent := outboxAbsent
	if anchor != "" && reach != reachedAnchor {
		absent = outboxBehind
	}
	switch {
	case err != nil:
		return "", outboxUnsure, err
	case found != "":
		return found, outboxFound, nil
	case candidates == nil && reach != reachedCap:
		return "", absent, nil
	}
	transactions, err := h.syncTransactions(ctx, row.room, window)
	if err != nil {
		return "", outboxUnsure, err
	}
	content, err := h.resolve(ctx, row)
	if err != nil {
		return "", outboxUnsure, err
	}
	verdict := absent
	if reach == reachedCap {
		verdict = outboxUnsure
	}
	for _, candidate := range candidates {
		switch transaction := transactions[candidate.ID]; {
		case transaction == row.txn:
			return candidate.ID, outboxFound, nil
		case transaction != "":
		case sameContent(candidate, row.eventType, content):
			found = candidate.ID
		case candidate.Type.Type == event.EventEncrypted.Type:
			verdict = outboxUnsure
		}
	}
	if found != "" {
		return found, outboxFound, nil
	}
	return "", verdict, nil
}

// outboxReach is where the search through a room ended.
type outboxReach int

const (
	reachedAnchor outboxReach = iota // at the last event that was sent before
	reachedEnd                       // at the room's beginning, or before the item was tried
	reachedCap                       // at the most pages that are read
)

// ownEvents returns the own events, newest first, of which one could be the item's, or the one that is, how far
// the search went, and how many events it took in at once.
func (h *MatrixOutboxHandle) ownEvents(ctx context.Context, row *outboxRow, anchor id.EventID, known map[id.EventID]bool) (candidates []*event.Event, found id.EventID, reach outboxReach, window int, err error) {
	oldest := row.triedAt.Add(-lookUpSkew)
	if anchor != "" {
		oldest = row.triedAt.Add(-lookUpAnchored)
	}
	// No filter of senders: Dendrite takes the newest events up to the limit and filters these, so that none may be left of
	// older ones, and ends the search there.
	from, limit := "", lookUpFirst
	for range lookUpPages {
		page, err := h.cfg.Client.Messages(ctx, row.room, from, "", mautrix.DirectionBackward, nil, limit)
		if err != nil {
			return nil, "", reachedCap, limit, err
		}
		for _, evt := range page.Chunk {
			if evt.ID == anchor {
				return candidates, "", reachedAnchor, limit, nil
			}
			if time.UnixMilli(evt.Timestamp).Before(oldest) {
				return candidates, "", reachedEnd, limit, nil
			}
			transaction := evt.Unsigned.TransactionID
			if transaction == row.txn {
				return nil, evt.ID, reachedEnd, limit, nil
			}
			same := evt.Type.Type == row.eventType || evt.Type.Type == event.EventEncrypted.Type
			if transaction == "" && same && evt.Sender == h.cfg.Client.UserID && evt.StateKey == nil && !known[evt.ID] {
				candidates = append(candidates, evt)
			}
		}
		if page.End == "" || page.End == from {
			return candidates, "", reachedEnd, limit, nil
		}
		if limit == lookUpFirst { // mostly enough; if not, from the start: Dendrite may lose events between two pages
			limit, candidates = lookUpPage, nil
			continue
		}
		from = page.End
	}
	return candidates, "", reachedCap, limit, nil
}

// syncTransactions returns the transaction IDs of a room's latest events, as many as window, as /sync tells them. It is a sync of
// its own from the beginning, for this room alone, which takes nothing away from the one that runs: what is for devices
// goes only when a sync with a later token is asked for.
func (h *MatrixOutboxHandle) syncTransactions(ctx context.Context, room id.RoomID, window int) (map[id.EventID]string, error) {
	none := &mautrix.FilterPart{NotTypes: []event.Type{{Type: "*"}}}
	filter, err := json.Marshal(&mautrix.Filter{
		AccountData: none,
		Presence:    none,
		Room: &mautrix.RoomFilter{
			AccountData: none, Ephemeral: none, Rooms: []id.RoomID{room},
			State:    &mautrix.FilterPart{NotTypes: []event.Type{{Type: "*"}}, LazyLoadMembers: true},
			Timeline: &mautrix.FilterPart{Limit: window},
		},
	})
	if err != nil {
		return nil, err
	}
	resp, err := h.cfg.Client.FullSyncRequest(ctx, mautrix.ReqSync{FilterID: string(filter), SetPresence: event.PresenceOffline})
	if err != nil {
		return nil, err
	}
	transactions := map[id.EventID]string{}
	joined := resp.Rooms.Join[room]
	if joined == nil {
		return transactions, nil
	}
	for _, evt := range joined.Timeline.Events {
		transactions[evt.ID] = evt.Unsigned.TransactionID
	}
	return transactions, nil
}

// sameContent says whether an event is what the item would have made.
func sameContent(evt *event.Event, eventType string, content json.RawMessage) bool {
	if evt.Type.Type != eventType {
		return false
	}
	var theirs, ours map[string]any
	if json.Unmarshal(evt.Content.VeryRaw, &theirs) != nil || json.Unmarshal(content, &ours) != nil {
		return false
	}
	if eventType == event.EventRedaction.Type { // whose target stands beside the content in older rooms
		if evt.Redacts != "" {
			theirs["redacts"] = string(evt.Redacts)
		}
		return theirs["redacts"] == ours["redacts"]
	}
	return reflect.DeepEqual(theirs, ours)
}
