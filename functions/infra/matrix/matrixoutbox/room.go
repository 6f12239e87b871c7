package matrixoutbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// outboxStep is what came of working on one item.
type outboxStep struct {
	again bool          // the item is still there: wait and try again
	item  string        // its transaction ID
	floor time.Duration // wait at least so long
	limit time.Duration // wait at most so long; 0: no limit
	down  bool          // the server was not there: another room's success ends the wait
}

// looksUntilSettled is how often at most a lost event is looked for, after the first look, until it counts as not sent.
const looksUntilSettled = 4

// behindLimit is how long a server may not show what it has acknowledged, until its item is set aside.
const behindLimit = 10 * time.Minute

// runRoom sends a room's queue, and ends when it is empty.
func (h *MatrixOutboxHandle) runRoom(room id.RoomID, state *outboxRoom) {
	for failures := 0; h.waitTurn(); {
		step, empty := h.step(room, state)
		switch {
		case empty && h.leave(room, state):
			return
		case !step.again:
			failures = 0
			continue
		}
		cfg := h.cfg.Backoff
		cfg.Floor = max(cfg.Floor, step.floor)
		wait := core.BackoffDelay(cfg, failures, rand.Float64())
		if step.limit > 0 {
			wait = min(wait, step.limit)
		}
		h.setWaiting(state, step.item, time.Now().Add(wait))
		h.sleep(wait, step.floor, step.down)
		h.setWaiting(state, "", time.Time{})
		failures++
	}
	h.mu.Lock()
	delete(h.rooms, room)
	h.mu.Unlock()
}

func (h *MatrixOutboxHandle) setWaiting(state *outboxRoom, transaction string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	state.waiting, state.next = transaction, until
}

// leave ends the work on a room, unless something was put in meanwhile.
func (h *MatrixOutboxHandle) leave(room id.RoomID, state *outboxRoom) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state.again {
		state.again = false
		return false
	}
	delete(h.rooms, room)
	return true
}

// waitTurn waits until sending is allowed: by rate limit and credentials. It returns false when the outbox stops.
func (h *MatrixOutboxHandle) waitTurn() bool {
	for {
		select {
		case <-h.stopping:
			return false
		default:
		}
		h.mu.Lock()
		wait, changed := time.Until(h.until), h.changed
		h.mu.Unlock()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-h.stopping:
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sleep waits. Where the wait is for a server that was down, news that it is up ends it, but not before the floor.
func (h *MatrixOutboxHandle) sleep(wait, floor time.Duration, down bool) {
	h.mu.Lock()
	changed := h.changed
	h.mu.Unlock()
	if !down {
		changed = nil
	}
	timer, least := time.NewTimer(wait), time.Now().Add(floor)
	defer timer.Stop()
	for {
		select {
		case <-h.stopping:
			return
		case <-timer.C:
			return
		case <-changed:
			changed = nil
			timer.Reset(max(0, time.Until(least)))
		}
	}
}

// step works on the first item of a room.
func (h *MatrixOutboxHandle) step(room id.RoomID, state *outboxRoom) (step outboxStep, empty bool) {
	row, err := h.store.head(h.ctx, room)
	if err != nil {
		return h.storeFailed(err), false
	}
	if row == nil {
		return outboxStep{}, true
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-h.stopping:
		return outboxStep{}, false
	}
	step = h.try(row, state)
	step.item = row.txn
	return step, false
}

// try finds out about a former try of the item, or sends it.
func (h *MatrixOutboxHandle) try(row *outboxRow, state *outboxRoom) outboxStep {
	if row.uncertain {
		eventID, verdict, err := h.lookUp(h.ctx, row)
		switch {
		case err != nil:
			return h.failed(row, err, true)
		case verdict == outboxFound:
			h.metrics.recover()
			return h.done(row, eventID)
		case verdict == outboxBehind && !state.lagsTooLong(h, row):
			return outboxStep{again: true, floor: h.cfg.Settle / looksUntilSettled}
		case verdict == outboxAbsent:
			if state.shown != row.txn && row.shownAt.IsZero() { // the first such look
				if err := h.flush(h.ctx, row); err != nil {
					return h.failed(row, err, true)
				}
			}
			if err := h.noteShown(row, state); err != nil {
				return h.storeFailed(err)
			}
			if wait := h.settle() - state.sinceShown(row); wait > 0 { // the server may be at it yet
				return outboxStep{again: true, floor: h.cfg.Settle / looksUntilSettled, limit: wait}
			}
		default:
			return h.setAside(row, true, &core.Error{Code: core.CodeConflict, Message: "can't tell whether it was sent", Hint: "look into the room, then Retry or Drop it"})
		}
	}
	content, err := h.resolve(h.ctx, row)
	if err != nil {
		if core.ErrorCode(err) == core.CodeNotFound {
			return h.setAside(row, false, err)
		}
		return h.storeFailed(err)
	}
	state.shown, state.lagging = "", "" // as begin does: what is seen after the try counts
	switch err := h.store.begin(h.ctx, row); {
	case errors.Is(err, errOutboxMoved):
		return outboxStep{}
	case err != nil:
		return h.storeFailed(err)
	}
	row.tries++
	start := time.Now()
	var eventID id.EventID
	err = h.request(h.ctx, func(ctx context.Context) (err error) {
		eventID, err = send.Once(ctx, h.cfg.Client, row.room, row.eventType, content, row.txn)
		return err
	})
	if err != nil && !send.IsDuplicateReaction(err) {
		return h.failed(row, err, false)
	}
	h.metrics.send(time.Since(start))
	return h.done(row, eventID)
}

// done notes that an item was sent. Once the server has the event, the end of
// ctx is no reason to forget it.
func (h *MatrixOutboxHandle) done(row *outboxRow, eventID id.EventID) outboxStep {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), outboxStopGrace)
	defer cancel()
	if err := h.store.sent(ctx, row.seq, eventID); err != nil {
		return h.storeFailed(err) // it stays uncertain, and is found in the room
	}
	h.mu.Lock()
	if h.locked {
		h.until, h.locked = time.Time{}, false
	}
	h.signal()
	h.mu.Unlock()
	h.notify(row.txn)
	return outboxStep{}
}

// signal ends waits that were for a server that now answers. h.mu is held.
func (h *MatrixOutboxHandle) signal() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *MatrixOutboxHandle) setAside(row *outboxRow, uncertain bool, cause error) outboxStep {
	if err := h.store.aside(h.ctx, row, uncertain, cause.Error()); err != nil {
		return h.storeFailed(err)
	}
	h.metrics.aside()
	code := core.ErrorCode(cause)
	h.tell(&core.Error{Code: code, Op: rowOp(row), Err: &MatrixOutboxAside{Room: row.room, TransactionID: row.txn, Uncertain: uncertain, Err: cause}})
	h.notify(row.txn)
	return outboxStep{}
}

func rowOp(row *outboxRow) string {
	return "matrix_outbox room=" + string(row.room) + " transaction=" + row.txn
}

// storeFailed is for errors of the database. Where another process has the queue now, all ends.
func (h *MatrixOutboxHandle) storeFailed(err error) outboxStep {
	h.tell(send.WithOp("matrix_outbox", err))
	if errors.Is(err, errOutboxOwner) {
		h.beginStop()
		h.cancel()
	}
	return outboxStep{again: true}
}

// failed decides what a failed try means. asking: the try was to find out about a former one.
func (h *MatrixOutboxHandle) failed(row *outboxRow, cause error, asking bool) outboxStep {
	err := matrix.MatrixError(rowOp(row), cause)
	kind := outboxFailureKind(cause)
	if h.ctx.Err() != nil {
		return outboxStep{again: true} // broken off by the end: what is stored is right
	}
	h.metrics.fail(err)
	if kind == failedForGood || h.cfg.MaxTries > 0 && row.tries >= h.cfg.MaxTries && answered5xx(cause) {
		return h.setAside(row, asking || kind != failedForGood, err)
	}
	certain := !asking && (kind == failedLimited || kind == failedCredentials || kind == failedBefore)
	if err := h.store.failed(h.ctx, row, certain, err.Error()); err != nil {
		return h.storeFailed(err)
	}
	h.tell(err)
	coded, _ := errors.AsType[*core.Error](err)
	step := outboxStep{again: true, floor: coded.RetryAfter, down: noAnswer(cause)}
	switch kind {
	case failedLimited:
		h.pause(coded.RetryAfter, false)
	case failedCredentials:
		h.pause(core.BackoffDelay(h.cfg.Backoff, 1<<20, 0), true)
		return outboxStep{again: true, down: true}
	}
	return step
}

// noteShown notes that the server was seen, after the last try of an item, to
// show what was sent before it. An item that is not in the room then may come
// there yet, for as long as settle says from the first such look.
func (h *MatrixOutboxHandle) noteShown(row *outboxRow, state *outboxRoom) error {
	if state.shown == row.txn {
		return nil
	}
	if row.shownAt.IsZero() {
		if err := h.store.shown(h.ctx, row); err != nil {
			return err
		}
	}
	if state.lagging == row.txn {
		h.notePace(min(time.Since(state.lagsSince), behindLimit)) // it may have been parked since
	}
	state.shown, state.since = row.txn, time.Now()
	return nil
}

// sinceShown returns how long ago noteShown was first called for an item. By
// the clock alone it would be less where that was put back.
func (r *outboxRoom) sinceShown(row *outboxRow) time.Duration {
	return max(time.Since(r.since), time.Since(row.shownAt))
}

// lagsTooLong notes that the server does not show what was sent before an item,
// and reports whether it has not done so for behindLimit, over restarts, too.
// However long ago the try was, the server is given some time from the first
// look of this process: both may just have been started.
func (r *outboxRoom) lagsTooLong(h *MatrixOutboxHandle, row *outboxRow) bool {
	if r.lagging != row.txn {
		r.lagging, r.lagsSince = row.txn, time.Now()
	}
	return time.Since(row.triedAt) >= behindLimit && time.Since(r.lagsSince) >= h.settle()
}

// pause holds all rooms back.
func (h *MatrixOutboxHandle) pause(wait time.Duration, locked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(wait); until.After(h.until) {
		h.until = until
	}
	h.locked = h.locked || locked
}

// outboxFailure says what a failed try tells of its item.
type outboxFailure int

const (
	failedOpen        outboxFailure = iota // the server may have done it
	failedBefore                           // the server was not reached
	failedLimited                          // later, says the server
	failedCredentials                      // it's not the item's fault: the account can't send at all now
	failedForGood                          // the server refuses this item
)

// accountErrcodes are refusals that no other item would escape.
var accountErrcodes = map[string]bool{
	"M_UNKNOWN_TOKEN": true, "M_MISSING_TOKEN": true, "M_USER_LOCKED": true, "M_USER_SUSPENDED": true,
	"M_USER_DEACTIVATED": true, "M_CONSENT_NOT_GIVEN": true, "M_RESOURCE_LIMIT_EXCEEDED": true,
}

func outboxFailureKind(err error) outboxFailure {
	if coded, ok := errors.AsType[*core.Error](err); ok && coded.Code == core.CodeInvalid {
		return failedForGood // our own word, before anything was sent
	}
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	if !ok {
		if _, coded := errors.AsType[*core.Error](err); coded {
			return failedOpen
		}
		return failedBefore // encryption, or no client: nothing went out
	}
	if answer.Response == nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return failedBefore
		}
		return failedOpen
	}
	status, errcode := answer.Response.StatusCode, ""
	if answer.RespError != nil {
		errcode = answer.RespError.ErrCode
	}
	switch {
	case status == http.StatusTooManyRequests, errcode == "M_LIMIT_EXCEEDED":
		return failedLimited
	case accountErrcodes[errcode], status == http.StatusUnauthorized:
		return failedCredentials
	case status == http.StatusRequestEntityTooLarge:
		return failedForGood
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout && errcode != "":
		return failedForGood // without an errcode it is a proxy that speaks, not the homeserver
	}
	return failedOpen
}

// noAnswer says whether the network failed. A server that answers with an error is not down, and nor is our encryption.
func noAnswer(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && answer.Response == nil
}

func answered5xx(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && answer.Response != nil && answer.Response.StatusCode >= 500
}
