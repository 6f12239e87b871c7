package matrixoutbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/send"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
	"fnregistry.dev/functions/infra/sqlite"
)

// room is a room whose queue is worked on, by one goroutine.
type room struct {
	id   id.RoomID
	view view // of its first item

	// Guarded by the sender's mu.
	again   bool      // something was put in meanwhile
	waiting string    // transaction ID of the item that waits for its next try
	next    time.Time // when that is
}

// view is what this process has seen of the server since the last try of an
// uncertain item.
type view struct {
	transaction string    // of the item
	shown       time.Time // since when the server shows what was sent before the item; zero: not seen
	lagging     time.Time // since when it was seen not to; zero: not seen
	unflushed   int       // how often flush has failed
}

// viewOf returns the view of the room's first item.
func (r *room) viewOf(row *item) *view {
	if r.view.transaction != row.txn {
		r.view = view{transaction: row.txn}
	}
	return &r.view
}

// step is what came of working on one item.
type step struct {
	again bool          // the item is still there: wait and try again
	item  string        // its transaction ID
	floor time.Duration // wait at least so long
	limit time.Duration // wait at most so long; 0: no limit
	down  bool          // the server was not there: another room's success ends the wait
}

// looksUntilSettled is how often at most a lost event is looked for, after the
// first look, until it counts as not sent.
const looksUntilSettled = 4

// laggingLimit is how long a server may not show what it has acknowledged,
// until its item is set aside.
const laggingLimit = 10 * time.Minute

// runRoom sends a room's queue, and ends when it is empty.
func (s *sender) runRoom(ctx context.Context, r *room) {
	for failures := 0; s.gate.wait(s.stopping); {
		step, empty := s.step(ctx, r)
		switch {
		case empty && s.leave(r):
			return
		case !step.again:
			failures = 0
			continue
		}
		cfg := s.cfg.Backoff
		cfg.Floor = max(cfg.Floor, step.floor)
		wait := core.BackoffDelay(cfg, failures, rand.Float64())
		if step.limit > 0 {
			wait = min(wait, step.limit)
		}
		s.setWaiting(r, step.item, time.Now().Add(wait))
		s.sleep(wait, step.floor, step.down)
		s.setWaiting(r, "", time.Time{})
		failures++
	}
	s.mu.Lock()
	delete(s.rooms, r.id)
	s.mu.Unlock()
}

func (s *sender) setWaiting(r *room, transaction string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.waiting, r.next = transaction, until
}

// leave ends the work on a room, unless something was put in meanwhile.
func (s *sender) leave(r *room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.again {
		r.again = false
		return false
	}
	delete(s.rooms, r.id)
	return true
}

// sleep waits. Where the wait is for a server that was down, news that it is up
// ends it, but not before the floor.
func (s *sender) sleep(wait, floor time.Duration, down bool) {
	var news <-chan struct{}
	if down {
		news = s.gate.news()
	}
	timer, least := time.NewTimer(wait), time.Now().Add(floor)
	defer timer.Stop()
	for {
		select {
		case <-s.stopping:
			return
		case <-timer.C:
			return
		case <-news:
			news = nil
			timer.Reset(max(0, time.Until(least)))
		}
	}
}

// step works on the first item of a room.
func (s *sender) step(ctx context.Context, r *room) (step step, empty bool) {
	row, err := s.store.head(ctx, r.id)
	if err != nil {
		return s.storeFailed(ctx, err), false
	}
	if row == nil {
		return step, true
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.stopping:
		return step, false
	}
	if row.uncertain {
		var decided bool
		step, decided = s.find(ctx, row, r.viewOf(row))
		if decided {
			step.item = row.txn
			return step, false
		}
	}
	step = s.try(ctx, r, row)
	step.item = row.txn
	return step, false
}

// find finds out what came of a former try of an item. It is decided unless the
// item is to be sent again.
func (s *sender) find(ctx context.Context, row *item, v *view) (step step, decided bool) {
	eventID, result, err := s.lookUp(ctx, row)
	if err != nil {
		return s.failed(ctx, row, err, true), true
	}
	switch result {
	case verdictFound:
		s.metrics.recover()
		return s.done(ctx, row, eventID), true
	case verdictLagging:
		if v.lagging.IsZero() {
			v.lagging = time.Now()
		}
		if !s.lagsTooLong(row, v) {
			step.again, step.floor = true, s.cfg.Settle/looksUntilSettled
			return step, true
		}
	case verdictAbsent:
		if v.shown.IsZero() && row.shownAt.IsZero() { // the first such look since the try
			if err := s.flush(ctx, row); err != nil && v.unflushed < flushTries {
				v.unflushed++
				return s.failed(ctx, row, err, true), true
			}
		}
		if err := s.noteShown(ctx, row, v); err != nil {
			return s.storeFailed(ctx, err), true
		}
		wait := s.settle() - s.sinceShown(row, v)
		if wait <= 0 {
			return step, false
		}
		step.again, step.floor, step.limit = true, s.cfg.Settle/looksUntilSettled, wait // the server may be at it yet
		return step, true
	}
	cause := &core.Error{
		Code:    core.CodeConflict,
		Message: "can't tell whether it was sent",
		Hint:    "look into the room, then Retry or Drop it",
	}
	return s.setAside(ctx, row, true, cause), true
}

// lagsTooLong reports whether the server has not shown for laggingLimit what
// was sent before an item, over restarts, too: by its own clock. However long
// ago the try was, the server is given some time from the first look of this
// process: both may just have been started.
func (s *sender) lagsTooLong(row *item, v *view) bool {
	seen := time.Since(v.lagging)
	if now := s.store.clock.now(); !now.IsZero() && now.Sub(row.triedAt) >= laggingLimit {
		return seen >= s.settle()
	}
	return seen >= laggingLimit
}

// noteShown notes that the server was seen, after the last try of an item, to
// show what was sent before it. An item that is not in the room then may come
// there yet, for as long as settle says from the first such look.
func (s *sender) noteShown(ctx context.Context, row *item, v *view) error {
	if !v.shown.IsZero() {
		return nil
	}
	if row.shownAt.IsZero() {
		if err := s.store.shown(ctx, row); err != nil {
			return err
		}
	}
	if !v.lagging.IsZero() {
		s.notePace(ctx, min(time.Since(v.lagging), laggingLimit)) // it may have been parked since
	}
	v.shown = time.Now()
	return nil
}

// sinceShown returns how long ago noteShown was first called for an item, by
// the monotonic clock, or, over restarts, by this machine's and the server's
// clock, the shorter time of these: either may have been set.
func (s *sender) sinceShown(row *item, v *view) time.Duration {
	since := time.Since(v.shown)
	if now := s.store.clock.now(); !now.IsZero() && !row.shownDate.IsZero() {
		const rounding = 2 * time.Second // both are whole seconds, and answers take some time
		since = max(since, min(time.Since(row.shownAt), now.Sub(row.shownDate)-rounding))
	}
	return since
}

// try sends an item.
func (s *sender) try(ctx context.Context, r *room, row *item) step {
	content, err := s.resolve(ctx, row)
	if err != nil {
		if core.ErrorCode(err) == core.CodeNotFound {
			return s.setAside(ctx, row, false, err)
		}
		return s.storeFailed(ctx, err)
	}
	if err := s.learnTime(ctx); err != nil {
		return s.failed(ctx, row, &unsent.Error{Err: err}, false)
	}
	r.view = view{} // as begin does in the store: what is seen after the try counts
	switch err := s.store.begin(ctx, row); {
	case errors.Is(err, errMoved):
		return step{}
	case err != nil:
		return s.storeFailed(ctx, err)
	}
	row.tries++
	start := time.Now()
	var eventID id.EventID
	err = s.request(ctx, func(ctx context.Context) (err error) {
		eventID, err = send.Once(ctx, s.cfg.Client, s.via(), row.room, row.eventType, content, row.txn)
		return err
	})
	if err != nil && !send.IsDuplicateReaction(err) {
		return s.failed(ctx, row, err, false)
	}
	s.metrics.send(time.Since(start))
	return s.done(ctx, row, eventID)
}

// done notes that an item was sent. Once the server has the event, the end of
// ctx is no reason to forget it.
func (s *sender) done(ctx context.Context, row *item, eventID id.EventID) step {
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := s.store.sent(storing, row.seq, eventID); err != nil {
		return s.storeFailed(ctx, err) // it stays uncertain, and is found in the room
	}
	s.gate.works()
	s.noteSuccess()
	s.waiters.notify(row.txn)
	return step{}
}

func (s *sender) setAside(ctx context.Context, row *item, uncertain bool, cause error) step {
	if err := s.store.setAside(ctx, row, uncertain, cause.Error()); err != nil {
		return s.storeFailed(ctx, err)
	}
	s.metrics.aside()
	s.report.report(ctx, &core.Error{
		Code: core.ErrorCode(cause), Op: rowOp(row),
		Err: &MatrixOutboxAside{Room: row.room, TransactionID: row.txn, Uncertain: uncertain, Err: cause},
	})
	s.waiters.notify(row.txn)
	return step{}
}

func rowOp(row *item) string {
	return "matrix_outbox room=" + string(row.room) + " transaction=" + row.txn
}

// storeFailed is for errors of the database. Where another process has the
// queue now, or its file is gone, all ends.
func (s *sender) storeFailed(ctx context.Context, err error) step {
	coded := send.WithOp("matrix_outbox", err)
	s.noteFailure(coded)
	s.report.report(ctx, coded)
	if errors.Is(err, errOwner) || errors.Is(err, sqlite.ErrSQLiteFileLost) {
		s.lose(coded)
	}
	return step{again: true}
}

// failed decides what a failed request means. asking: it was to find out about
// a former try.
func (s *sender) failed(ctx context.Context, row *item, cause error, asking bool) step {
	err := matrix.MatrixError(rowOp(row), cause)
	kind := failureOf(cause)
	if ctx.Err() != nil {
		return step{again: true} // broken off by the end: what is stored is right
	}
	if kind == failedMissing {
		otherwise := failedOpen
		if unsent.Is(cause) {
			otherwise = failedBefore
		}
		kind = s.missing(ctx, row, asking, otherwise)
	}
	s.metrics.fail(err)
	s.noteFailure(err)
	if kind == failedForGood || s.cfg.MaxTries > 0 && row.tries >= s.cfg.MaxTries && stuck(cause) {
		return s.setAside(ctx, row, asking || kind != failedForGood, err)
	}
	certain := !asking && (kind == failedLimited || kind == failedCredentials || kind == failedBefore)
	if err := s.store.failed(ctx, row, certain, err.Error()); err != nil {
		return s.storeFailed(ctx, err)
	}
	s.report.report(ctx, err)
	coded, _ := errors.AsType[*core.Error](err)
	next := step{again: true, floor: coded.RetryAfter, down: noAnswer(cause)}
	switch kind {
	case failedLimited:
		s.gate.hold(coded.RetryAfter, false)
	case failedCredentials:
		s.gate.hold(core.BackoffDelay(s.cfg.Backoff, 1<<20, 0), true)
		return step{again: true, down: true}
	}
	return next
}
