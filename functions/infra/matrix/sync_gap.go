package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"fnregistry.dev/functions/core"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// gapPageSize is within what servers give at once: Synapse 1000.
const gapPageSize = 100

// missed says whether a limited timeline leaves out what was to be delivered: not history from before the user's
// joining, nor at the first sync.
func (t *syncTaking) missed(known MatrixSyncRoom, member event.Membership, events []MatrixSyncEvent) bool {
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
// there is none, or to the user's joining. Of a room that was left it
// may begin at the end, which is where the history of the user stops. The events are in the order of the room; gap is what
// stays missing before them.
func (t *syncTaking) fill(ctx context.Context, known MatrixSyncRoom, from string, left bool) (events []MatrixSyncEvent, gap *MatrixSyncGap, err error) {
	// The room's last event is a surer end than the token, by which Dendrite may leave out the first event after it.
	to := t.position.Token
	if known.Last != "" {
		to = ""
	}
	for range t.cfg.GapPages { // none, if negative
		if from == "" && !left {
			break
		}
		page, err := t.page(ctx, known.RoomID, from, to)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			t.tell(MatrixError("matrix_sync_service: fill a gap in "+string(known.RoomID), err))
			break
		}
		fresh, reached, err := t.fresh(ctx, known, page.Chunk)
		if err != nil {
			return nil, nil, err
		}
		events = append(events, fresh...)
		if reached || page.End == "" {
			slices.Reverse(events)
			return events, nil, nil
		}
		if page.End == from { // Dendrite, of a room that the user has left: it gives the last page again and again
			break
		}
		from = page.End
	}
	slices.Reverse(events)
	return events, &MatrixSyncGap{From: t.position.Token, To: from}, nil
}

type syncPage struct {
	Chunk []json.RawMessage `json:"chunk"`
	End   string            `json:"end"`
}

// gapBrokenTries is how often a page of history is asked for that the server can't give: one room that it stumbles over
// must not hold up the others for ever. A server that is not there is waited for without an end.
const gapBrokenTries = 10

// page asks for a page of history until it gets one, or an answer that asking again won't change.
func (t *syncTaking) page(ctx context.Context, room id.RoomID, from, to string) (page syncPage, err error) {
	for broken := 0; ; {
		page, err = t.onePage(ctx, room, from, to)
		if err == nil {
			t.attempt = 0
			return page, nil
		}
		if answer, ok := errors.AsType[mautrix.HTTPError](err); errors.Is(err, errBadPage) || (ok && answer.IsStatus(http.StatusInternalServerError)) {
			broken++
		}
		err = MatrixError("matrix_sync_service", err)
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

func (t *syncTaking) onePage(ctx context.Context, room id.RoomID, from, to string) (page syncPage, err error) {
	body, err := t.messages(ctx, room, from, to)
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return page, &core.Error{Code: core.CodeUnavailable, Op: "matrix_sync_service", Err: fmt.Errorf("%w: %w", errBadPage, err)}
	}
	return page, nil
}

// fresh returns those events of a page, the latest first, that the store has not had. The page is looked at up to the
// oldest one that it has had: what comes behind that is older than the gap (Dendrite gives one such event a page beyond
// the token), while an unknown one between known ones came late over federation.
func (t *syncTaking) fresh(ctx context.Context, room MatrixSyncRoom, chunk []json.RawMessage) (events []MatrixSyncEvent, reached bool, err error) {
	all := t.normalizeAll(room.RoomID, chunk)
	ids := make([]id.EventID, len(all))
	for i := range all {
		ids[i] = all[i].EventID
	}
	var known []bool
	err = t.retry(ctx, func() (err error) { known, err = t.store.Known(ctx, ids); return err })
	if err != nil {
		return nil, false, err
	}
	oldest := -1
	for i, e := range ids {
		if known[i] = known[i] || (e != "" && e == room.Last); known[i] {
			oldest = i
		}
	}
	if oldest >= 0 {
		all, reached = all[:oldest], true
	}
	for i, e := range all {
		if known[i] {
			continue
		}
		events = append(events, e)
		if room.Membership != string(event.MembershipJoin) && joins(&e, t.user) {
			return events, true, nil
		}
	}
	return events, reached, nil
}

// addGap tells what is missing.
func (t *syncTaking) addGap(room id.RoomID, gap *MatrixSyncGap) {
	data, err := json.Marshal(gap)
	if err != nil {
		panic(err) // two strings
	}
	t.add(gapEvent(room, gap), MatrixSyncHole, data)
}

func gapEvent(room id.RoomID, gap *MatrixSyncGap) MatrixSyncEvent {
	return MatrixSyncEvent{Type: MatrixTypeGap, RoomID: room, Gap: gap}
}
