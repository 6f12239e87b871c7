package matrixsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/history"
)

// gapPageSize is within what servers give at once: Synapse 1000.
const gapPageSize = 100

// missed says whether a limited timeline leaves out what was to be delivered: not history from before the user's
// joining, nor at the first sync.
func (t *syncTaking) missed(known MatrixSyncRoom, member event.Membership, events []matrix.MatrixSyncEvent) bool {
	switch {
	case t.position.Token == "" && !t.replaying:
		return false
	case known.Membership == string(event.MembershipJoin):
		return true
	case member == event.MembershipLeave:
		return false
	}
	for i := range events {
		if joins(&events[i], t.user) {
			return false
		}
	}
	return true
}

// fill fetches what came before a limited timeline, back to an event that the store has had, to the last sync's token where
// there is none, or to the user's joining. Of a room that was left it may begin at the end, which is where the history of the
// user stops. The events are in the order of the room; gap is what stays missing before them.
func (t *syncTaking) fill(ctx context.Context, known MatrixSyncRoom, timeline []matrix.MatrixSyncEvent, from string, left bool) (events []matrix.MatrixSyncEvent, gap *matrix.MatrixSyncGap, err error) {
	// The room's last event is a surer end than the token, by which Dendrite may leave out the first event after it.
	to := t.position.Token
	if known.Last != "" {
		to = ""
	}
	last := syncGapPart{ids: eventIDs(timeline), end: from}
	for range t.cfg.GapPages { // none, if negative
		if last.end == "" && !left {
			break
		}
		part, err := t.wholePart(ctx, known, last, to, left)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if part.reached || !last.reached {
			events = append(events, part.events...)
		}
		if err != nil {
			t.tell(matrix.MatrixError("matrix_sync_service: fill a gap in "+string(known.RoomID), err))
			break
		}
		if part.end == "" || last.reached || (part.reached && !part.open) {
			slices.Reverse(events)
			return events, nil, nil
		}
		if part.end == last.end { // Dendrite, of a room that the user has left: it gives the last page again and again
			break
		}
		last = part
	}
	slices.Reverse(events)
	if last.reached {
		return events, nil, nil
	}
	return events, &matrix.MatrixSyncGap{From: t.position.Token, To: last.end}, nil
}

// syncGapPart is a page of history, the latest event first.
type syncGapPart struct {
	events  []matrix.MatrixSyncEvent // that the store has not had, down to the oldest one that it has had
	below   []matrix.MatrixSyncEvent // those after that, where open
	ids     []id.EventID             // of the whole page
	reached bool                     // the store has had some of it, or the user joined there: nothing below belongs to the gap
	open    bool                     // but for what the page below may tell
	end     string
}

// settledRun is how many known events in a row show that the gap ends above them: an unknown one that was sent at the same
// time as a known one, and came later, can stand below it.
const settledRun = 20

// wholePart gets a part, and asks again for one that ends the room's history
// above an event that the store knows. A server that is shutting down may
// answer so with status 200; one that has purged the room goes on doing so, and
// is answering for trustAfter. That is waited for once for all rooms that are
// asked for soon after one another: a server may have purged hundreds.
func (t *syncTaking) wholePart(ctx context.Context, known MatrixSyncRoom, last syncGapPart, to string, left bool) (syncGapPart, error) {
	for tries := 1; ; tries++ {
		part, err := t.part(ctx, known, last, to)
		short := part.end == "" && !part.reached && !last.reached && !left &&
			known.Last != "" && known.Membership == string(event.MembershipJoin)
		if err != nil || !short {
			return part, err
		}
		t.interrupted = true
		since := time.Since(t.shortSince)
		switch {
		case tries == gapBrokenTries: // it fails in between, again and again
			return part, errShortHistory
		case t.shortSince.IsZero(), tries == 1 && since > 2*trustAfter:
			t.shortSince = time.Now()
		case since >= trustAfter:
			return part, errShortHistory
		}
		if t.fail(ctx, errShortHistory); ctx.Err() != nil {
			return part, ctx.Err()
		}
	}
}

var errShortHistory = &core.Error{
	Code: core.CodeNotFound, Op: "matrix_sync_service", Message: "the room's history ends above its last known event",
	RetryAfter: trustAfter / 4,
}

// part gets the page below the last one, and what the server leaves out between the two.
func (t *syncTaking) part(ctx context.Context, known MatrixSyncRoom, last syncGapPart, to string) (part syncGapPart, err error) {
	part.events = last.below
	if last.end != "" {
		seam, err := t.page(ctx, known.RoomID, mautrix.DirectionForward, last.end, "", history.SeamSize)
		if err != nil {
			return part, err
		}
		between := history.LeftOut(t.normalizeAll(known.RoomID, seam.Chunk), func(e matrix.MatrixSyncEvent) id.EventID { return e.EventID }, last.ids)
		unknown, err := t.unknown(ctx, known, between)
		if err != nil {
			return part, err
		}
		part.events = append(part.events, unknown...)
	}
	page, err := t.page(ctx, known.RoomID, mautrix.DirectionBackward, last.end, to, gapPageSize)
	if err != nil {
		return part, err
	}
	part.end = page.End
	err = t.fresh(ctx, known, page.Chunk, &part)
	return part, err
}

type syncPage struct {
	Chunk []json.RawMessage `json:"chunk"`
	End   string            `json:"end"`
}

// gapBrokenTries is how often a page of history is asked for that the server can't give: one room that it stumbles over
// must not hold up the others for ever. A server that is not there is waited for without an end.
const gapBrokenTries = 10

// page asks for a page of history until it gets one, or an answer that asking again won't change.
func (t *syncTaking) page(ctx context.Context, room id.RoomID, dir mautrix.Direction, from, to string, limit int) (page syncPage, err error) {
	for broken := 0; ; {
		page, err = t.onePage(ctx, room, dir, from, to, limit)
		if err == nil {
			t.attempt = 0
			return page, nil
		}
		// A page that the server can't give, or gives as no JSON, says
		// nothing of whether it is shutting down: it may do so for ever.
		if answer, ok := errors.AsType[mautrix.HTTPError](err); errors.Is(err, errBadPage) || (ok && answer.IsStatus(http.StatusInternalServerError)) {
			broken++
		} else if interrupted(err) {
			t.interrupted, t.shortSince = true, time.Time{}
		}
		err = matrix.MatrixError("matrix_sync_service", err)
		switch core.ErrorCode(err) {
		case core.CodeForbidden, core.CodeNotFound, core.CodeInvalid, core.CodeUnsupported, core.CodeTooLarge:
			return page, err
		}
		if broken == gapBrokenTries {
			return page, err
		}
		if t.fail(ctx, err); ctx.Err() != nil {
			return page, ctx.Err()
		}
	}
}

var errBadPage = errors.New("bad page of history")

func (t *syncTaking) onePage(ctx context.Context, room id.RoomID, dir mautrix.Direction, from, to string, limit int) (page syncPage, err error) {
	body, err := t.messages(ctx, room, dir, from, to, limit)
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return page, &core.Error{Code: core.CodeUnavailable, Op: "matrix_sync_service", Err: fmt.Errorf("%w: %w", errBadPage, err)}
	}
	return page, nil
}

// fresh adds those events of a page that the store has not had. The page is looked at up to the
// oldest one that it has had: what comes behind that is older than the gap (Dendrite gives one such event a page beyond
// the token), while an unknown one between known ones came late.
func (t *syncTaking) fresh(ctx context.Context, room MatrixSyncRoom, chunk []json.RawMessage, part *syncGapPart) error {
	all := t.normalizeAll(room.RoomID, chunk)
	part.ids = eventIDs(all)
	known, err := t.areKnown(ctx, room, part.ids)
	if err != nil {
		return err
	}
	if oldest := lastTrue(known); oldest >= 0 {
		part.reached = true
		below := all[oldest+1:]
		if part.open = len(below) < settledRun && slices.Contains(known[max(0, len(known)-settledRun):], false); part.open {
			part.below = below
		}
		all = all[:oldest]
	}
	for i, e := range all {
		if known[i] {
			continue
		}
		part.events = append(part.events, e)
		if room.Membership != string(event.MembershipJoin) && joins(&e, t.user) {
			part.reached, part.open = true, false
			return nil
		}
	}
	return nil
}

// unknown returns the events that the store has not had.
func (t *syncTaking) unknown(ctx context.Context, room MatrixSyncRoom, events []matrix.MatrixSyncEvent) ([]matrix.MatrixSyncEvent, error) {
	if len(events) == 0 {
		return nil, nil
	}
	known, err := t.areKnown(ctx, room, eventIDs(events))
	if err != nil {
		return nil, err
	}
	var fresh []matrix.MatrixSyncEvent
	for i, e := range events {
		if !known[i] {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

func (t *syncTaking) areKnown(ctx context.Context, room MatrixSyncRoom, ids []id.EventID) (known []bool, err error) {
	err = t.retry(ctx, func() (err error) { known, err = t.store.Known(ctx, ids); return err })
	if err != nil {
		return nil, err
	}
	for i, e := range ids {
		known[i] = known[i] || (e != "" && e == room.Last)
	}
	return known, nil
}

func lastTrue(all []bool) int {
	for i, is := range slices.Backward(all) {
		if is {
			return i
		}
	}
	return -1
}

func eventIDs(events []matrix.MatrixSyncEvent) []id.EventID {
	ids := make([]id.EventID, len(events))
	for i := range events {
		ids[i] = events[i].EventID
	}
	return ids
}

// addGap tells what is missing.
func (t *syncTaking) addGap(room id.RoomID, gap *matrix.MatrixSyncGap) {
	data, err := json.Marshal(gap)
	if err != nil {
		panic(err) // two strings
	}
	t.add(gapEvent(room, gap), MatrixSyncHole, data)
}

func gapEvent(room id.RoomID, gap *matrix.MatrixSyncGap) matrix.MatrixSyncEvent {
	return matrix.MatrixSyncEvent{Type: matrix.MatrixTypeGap, RoomID: room, Gap: gap}
}
