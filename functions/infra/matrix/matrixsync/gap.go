package matrixsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/history"
)

// missed reports whether a limited timeline leaves out what was to be
// delivered: not history from before the user's joining, nor at the first sync.
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

// fill fetches what came before a limited timeline, back to an event that the
// store knows, to the last sync's token where there is none, or to the user's
// joining. Of a room that was left it may begin at the end, which is where the
// history of the user stops. The events are in the order of the room; gap is
// what stays missing before them.
func (t *syncTaking) fill(
	ctx context.Context, known MatrixSyncRoom, timeline []matrix.MatrixSyncEvent, from string, left bool,
) (events []matrix.MatrixSyncEvent, gap *matrix.MatrixSyncGap, err error) {
	cfg := history.Config{
		Timeline: eventIDs(timeline),
		From:     from,
		To:       t.position.Token,
		Pages:    t.cfg.GapPages,
		FromEnd:  left,
	}
	if known.Last != "" {
		// It is a surer end than the token, by which Dendrite may leave out
		// the first event after it.
		cfg.To, cfg.Joined = "", known.Membership == string(event.MembershipJoin)
	}
	walk := history.NewWalk[matrix.MatrixSyncEvent](cfg)
	for walk.State() == history.More {
		page, err := t.page(ctx, known, walk.Next())
		if err == nil && walk.Add(page) == history.Short {
			if err = t.waitForMore(ctx, walk.Tries()); err == nil {
				walk.Again()
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err != nil:
			t.report(matrix.MatrixError("matrix_sync_service fill room="+string(known.RoomID), err))
			walk.Stop()
		}
	}
	if walk.State() == history.Stopped {
		gap = &matrix.MatrixSyncGap{From: t.position.Token, To: walk.End()}
	}
	return walk.Events(), gap, nil
}

// waitForMore waits before a history is asked for again that ended above an
// event that the store knows, for the tries-th time. A server that is shutting
// down may answer so with status 200; one that has purged the room goes on
// doing so, and is answering for trustAfter: that is errShortHistory. It is
// waited for once for all rooms that are asked for soon after one another: a
// server may have purged hundreds.
func (t *syncTaking) waitForMore(ctx context.Context, tries int) error {
	t.interrupted = true
	since := time.Since(t.shortSince)
	switch {
	case tries == gapBrokenTries: // it fails in between, again and again
		return errShortHistory
	case t.shortSince.IsZero(), tries == 1 && since > 2*trustAfter:
		t.shortSince = time.Now()
	case since >= trustAfter:
		return errShortHistory
	}
	t.fail(ctx, errShortHistory)
	return ctx.Err()
}

var errShortHistory = &core.Error{
	Code: core.CodeNotFound, Op: "matrix_sync_service", Message: "the room's history ends above its last known event",
	RetryAfter: trustAfter / 4,
}

type syncPage struct {
	Chunk []json.RawMessage `json:"chunk"`
	End   string            `json:"end"`
}

// gapBrokenTries is how often a page of history is asked for that the server
// can't give: one room that it stumbles over must not hold up the others for
// ever. A server that is not there is waited for without an end.
const gapBrokenTries = 10

// page gets a page of a room's history, and says which of its events the store
// knows.
func (t *syncTaking) page(
	ctx context.Context,
	known MatrixSyncRoom,
	request history.Request,
) (history.Page[matrix.MatrixSyncEvent], error) {
	var page history.Page[matrix.MatrixSyncEvent]
	answer, err := t.askPage(ctx, known.RoomID, request)
	if err != nil {
		return page, err
	}
	events := t.normalizeAll(known.RoomID, answer.Chunk)
	areKnown, err := t.areKnown(ctx, known, eventIDs(events))
	if err != nil {
		return page, err
	}
	joined := known.Membership == string(event.MembershipJoin)
	for i := range events {
		e := history.Event[matrix.MatrixSyncEvent]{Value: events[i], ID: events[i].EventID, Known: areKnown[i]}
		e.First = !joined && joins(&events[i], t.user)
		page.Events = append(page.Events, e)
	}
	page.End = answer.End
	return page, nil
}

// askPage asks for a page of history until it gets one, or a response that
// asking again won't change.
func (t *syncTaking) askPage(ctx context.Context, room id.RoomID, request history.Request) (page syncPage, err error) {
	for broken := 0; ; {
		page, err = t.onePage(ctx, room, request)
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

func (t *syncTaking) onePage(ctx context.Context, room id.RoomID, request history.Request) (page syncPage, err error) {
	body, err := t.messages(ctx, room, request)
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return page, &core.Error{
			Code: core.CodeUnavailable,
			Op:   "matrix_sync_service",
			Err:  fmt.Errorf("%w: %w", errBadPage, err),
		}
	}
	return page, nil
}

// unknown returns the events that the store does not know.
func (t *syncTaking) unknown(
	ctx context.Context,
	room MatrixSyncRoom,
	events []matrix.MatrixSyncEvent,
) ([]matrix.MatrixSyncEvent, error) {
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

func eventIDs(events []matrix.MatrixSyncEvent) []id.EventID {
	ids := make([]id.EventID, len(events))
	for i := range events {
		ids[i] = events[i].EventID
	}
	return ids
}

// addGap records what is missing.
func (t *syncTaking) addGap(room id.RoomID, gap *matrix.MatrixSyncGap) {
	data, err := json.Marshal(gap)
	if err != nil {
		panic(err) // two strings
	}
	t.add(gapEvent(room, gap), MatrixSyncHole, data)
}

func gapEvent(room id.RoomID, gap *matrix.MatrixSyncGap) matrix.MatrixSyncEvent {
	return matrix.MatrixSyncEvent{Kind: matrix.MatrixKindGap, RoomID: room, Gap: gap}
}
