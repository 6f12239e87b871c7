package matrixoutbox

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/history"
)

// verdict is what a look into the room says of an item.
type verdict int

const (
	verdictAbsent  verdict = iota
	verdictLagging         // the server does not show yet what it has acknowledged before: Dendrite's read side can be far behind
	verdictFound
	verdictUnknown // it is unknown
)

const (
	lookUpPages    = 30
	lookUpFirst    = 100            // events in the first look
	lookUpPage     = 1000           // and in each further page: what Synapse gives at most; Dendrite gives 100
	lookUpSkew     = 24 * time.Hour // by which the server's clock may be set while an item is under way
	lookUpAnchored = 24 * time.Hour // how far back at most the last event sent before is searched
	lookUpOlder    = 20             // so many events in a row are older than a time, and what is below them is, too: one may have any time
)

// lookUp finds out whether the server has an item's event. It reads the room
// backwards to the last event that was sent before it. Synapse tells the
// transaction ID there. Dendrite tells it in /sync alone, so that is asked if
// there is an event that could be the one. Both tell it only to the session
// that sent it: an event without one is it if it has the same type and content;
// of an encrypted one it is unknown.
func (s *sender) lookUp(ctx context.Context, row *item) (id.EventID, verdict, error) {
	before, err := s.store.before(ctx, row)
	if err != nil {
		return "", verdictUnknown, err
	}
	own, err := s.searchRoom(ctx, row, before)
	switch {
	case err != nil:
		return "", verdictUnknown, err
	case own.found != "":
		return own.found, verdictFound, nil
	case own.candidates == nil && own.verdict != verdictUnknown:
		return "", own.verdict, nil
	}
	transactions, err := s.transactionsOf(ctx, row.room, min(own.looked, lookUpPage))
	if err != nil {
		return "", verdictUnknown, err
	}
	content, err := s.resolve(ctx, row)
	if err != nil {
		return "", verdictUnknown, err
	}
	result := own.verdict
	var found id.EventID
	for _, candidate := range own.candidates {
		switch transaction := transactions[candidate.ID]; {
		case transaction == row.txn:
			return candidate.ID, verdictFound, nil
		case transaction != "":
		case sameContent(candidate, row.eventType, content):
			found = candidate.ID
		case candidate.Type.Type == event.EventEncrypted.Type:
			result = verdictUnknown
		}
	}
	if found != "" {
		return found, verdictFound, nil
	}
	return "", result, nil
}

// sentBefore is what the outbox knows to have sent to a room, seen from an
// item's last try.
type sentBefore struct {
	anchor id.EventID          // the last one before it; "" if none is known
	at     time.Time           // when that was acknowledged
	older  map[id.EventID]bool // those before the anchor
	newer  map[id.EventID]bool // those since the try
}

// ownEvents is what a search through a room found.
type ownEvents struct {
	candidates []*event.Event // newest first; each could be the item's
	found      id.EventID     // the one that is, where the server says so
	verdict    verdict        // if it is none of these
	looked     int            // at so many events
}

// searchRoom searches a room for an item's event.
func (s *sender) searchRoom(ctx context.Context, row *item, before sentBefore) (ownEvents, error) {
	tried, sent := s.inPast(row.triedAt), s.inPast(before.at)
	oldest, atOldest := tried.Add(-lookUpSkew), verdictAbsent
	if before.anchor != "" {
		oldest = tried.Add(-lookUpAnchored)
		if sent.After(oldest) { // it must be seen before that
			oldest, atOldest = sent.Add(-lookUpSkew), verdictLagging
		}
	}
	older := 0 // events in a row
	// No filter of senders: Dendrite takes the newest events up to the limit
	// and filters these, so that none may be left of older ones, and ends the
	// search there.
	from, limit, own := "", lookUpFirst, ownEvents{verdict: atOldest}
	var above []*event.Event
	for range lookUpPages {
		chunk, end, err := s.history(ctx, row.room, from, limit, above)
		if err != nil {
			return own, err
		}
		own.looked += len(chunk)
		for _, evt := range chunk {
			transaction := evt.Unsigned.TransactionID
			switch {
			case evt.ID == before.anchor:
				own.verdict = verdictAbsent
				return own, nil
			case before.older[evt.ID]: // shown without the anchor, which came after it
				own.verdict = verdictLagging
				return own, nil
			case transaction == row.txn:
				own.found = evt.ID
				return own, nil
			}
			if !time.UnixMilli(evt.Timestamp).Before(oldest) {
				older = 0
			} else if older++; older == lookUpOlder {
				return own, nil
			}
			same := evt.Type.Type == row.eventType || evt.Type.Type == event.EventEncrypted.Type
			if transaction == "" && same && evt.Sender == s.cfg.Client.UserID && evt.StateKey == nil && !before.newer[evt.ID] {
				own.candidates = append(own.candidates, evt)
			}
		}
		if end == "" || end == from {
			return own, nil
		}
		from, limit, above = end, lookUpPage, chunk
	}
	own.verdict = verdictUnknown
	return own, nil
}

// inPast returns a stored time, or the present where that is later: a clock was
// ahead when it was stored.
func (s *sender) inPast(at time.Time) time.Time {
	if now := s.store.clock.now(); !now.IsZero() && at.After(now) {
		return now
	}
	return at
}

// history returns a page of a room, newest first, with what the server leaves
// out between that and the page above.
func (s *sender) history(
	ctx context.Context,
	room id.RoomID,
	from string,
	limit int,
	above []*event.Event,
) (chunk []*event.Event, end string, err error) {
	messages := func(dir mautrix.Direction, limit int) (page mautrix.RespMessages, err error) {
		query := map[string]string{"dir": string(dir), "limit": strconv.Itoa(limit)}
		if from != "" {
			query["from"] = from
		}
		url := s.cfg.Client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"}, query)
		err = s.request(ctx, func(ctx context.Context) error {
			return s.ask(ctx, mautrix.FullRequest{Method: http.MethodGet, URL: url, ResponseJSON: &page})
		})
		return page, err
	}
	if from != "" {
		seam, err := messages(mautrix.DirectionForward, history.SeamSize)
		if err != nil {
			return nil, "", err
		}
		ids := make([]id.EventID, len(above))
		for i, evt := range above {
			ids[i] = evt.ID
		}
		chunk = history.LeftOut(seam.Chunk, func(evt *event.Event) id.EventID { return evt.ID }, ids)
	}
	page, err := messages(mautrix.DirectionBackward, limit)
	if err != nil {
		return nil, "", err
	}
	return append(chunk, page.Chunk...), page.End, nil
}

// sameContent reports whether an event is what the item would have made.
func sameContent(evt *event.Event, eventType string, content json.RawMessage) bool {
	if evt.Type.Type != eventType {
		return false
	}
	var theirs, ours map[string]any
	if json.Unmarshal(evt.Content.VeryRaw, &theirs) != nil || json.Unmarshal(content, &ours) != nil {
		return false
	}
	if eventType == event.EventRedaction.Type { // whose target stands next to the content in older rooms
		if evt.Redacts != "" {
			theirs["redacts"] = string(evt.Redacts)
		}
		return theirs["redacts"] == ours["redacts"]
	}
	return reflect.DeepEqual(theirs, ours)
}
