package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// write writes one batch after another. After one that ended the intake, it
// reports the remaining ones as not tried.
func (h *ClickHouseBatchInsertHandle[T]) write() {
	defer close(h.done)
	defer h.abort(nil)
	defer h.release()
	for p := range h.batches {
		var b ClickHouseBatchInsertBatch[T]
		if len(h.result.Unwritten) > 0 {
			b.Err = h.fail(core.CodeCanceled, "not tried, since an earlier batch failed", nil)
		} else {
			h.writeBatch(p, &b)
		}
		if p.n > 0 { // all rows may have been refused
			if b.Err != nil || h.onBatch != nil {
				b.Rows = p.rows()
			}
			h.report(b, p.n)
		}
		p.reset()
		select {
		case h.free <- p:
		default:
		}
	}
}

func (h *ClickHouseBatchInsertHandle[T]) report(b ClickHouseBatchInsertBatch[T], rows int) {
	if b.Err == nil {
		h.result.Written += int64(rows)
	} else {
		h.result.Failed += int64(rows)
		if h.firstErr == nil {
			h.firstErr = b.Err
		}
	}
	switch {
	case h.onBatch != nil:
		h.onBatch(b)
	case b.Err != nil:
		if len(h.result.Unwritten) == 0 {
			close(h.failed)
		}
		h.result.Unwritten = append(h.result.Unwritten, b)
	}
}

// writeBatch tries until the batch is written, fails for good, or runs out of
// time, and records the outcome in b. It removes rows that don't fit from p.
func (h *ClickHouseBatchInsertHandle[T]) writeBatch(p *pending[T], b *ClickHouseBatchInsertBatch[T]) {
	token := newToken()
	if h.target.hasToken {
		b.Token = token.String()
	}
	until := deadline(h.cfg.RetryFor)
	for attempt := 0; p.n > 0; attempt++ {
		queryID := newToken().String()
		sent, err := h.try(p, token, queryID)
		if sent && err != nil {
			var written bool
			if written, err = h.findOut(p, b, queryID, err, until); b.Unclear || written {
				b.Err = err
				return
			}
		}
		if bad, ok := errors.AsType[*refusedError](err); ok {
			if err = h.refuse(p, bad); err == nil {
				attempt = -1
				continue
			}
		}
		b.Err = ClickHouseError(h.target.op, err)
		if b.Err == nil || !mayPass(b.Err) || !h.pause(attempt, until) {
			return
		}
		b.Err = nil
	}
}

// pause waits before the next try and reports whether there is time for one.
func (h *ClickHouseBatchInsertHandle[T]) pause(attempt int, until time.Time) bool {
	wait := core.BackoffDelay(core.BackoffDelayConfig{Initial: 100 * time.Millisecond, Max: 10 * time.Second}, attempt, rand.Float64())
	return time.Now().Add(wait).Before(until) && work.SleepContext(h.ctx, wait) == nil
}

// try sends the batch once. sent reports whether its data were, or may have
// been, sent.
func (h *ClickHouseBatchInsertHandle[T]) try(p *pending[T], token token, queryID string) (sent bool, err error) {
	ctx, done := sendContext(h.ctx, h.cfg.Timeout)
	defer func() { done(err) }()
	block, err := h.target.prepare(ctx, queryID)
	if err != nil {
		return false, contextError(ctx, err)
	}
	columns := block.Columns()
	given := columns[:len(h.codec.columns)]
	if err := h.codec.fill(given, p); err != nil {
		_ = block.Abort()
		return false, &refusedError{err: err, columns: given}
	}
	if h.target.hasToken {
		if err := token.fill(columns[len(given)], p.n); err != nil {
			_ = block.Abort()
			return false, err
		}
	}
	return true, contextError(ctx, block.Send())
}

// sendContext returns a context for one batch, and a function that ends it with
// the batch's error. After a success only the timeout ends it: clickhouse-go
// v2.50 watches the context of a batch, and if that ends just after Send
// returned, it may still close the connection, which by then is back in the
// pool.
func sendContext(parent context.Context, timeout time.Duration) (ctx context.Context, done func(error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), timeout)
	stop := context.AfterFunc(parent, cancel)
	return ctx, func(err error) {
		stop()
		if err != nil {
			cancel()
		}
	}
}

// findOut asks the server for the outcome of a batch whose INSERT ended with
// err. If the outcome can't be determined, it sets b.Unclear. Otherwise, if the
// batch was not written, none of it was, and findOut returns err.
func (h *ClickHouseBatchInsertHandle[T]) findOut(
	p *pending[T],
	b *ClickHouseBatchInsertBatch[T],
	queryID string,
	err error,
	until time.Time,
) (written bool, _ error) {
	b.Unclear = true
	if !h.target.hasToken {
		return false, h.fail("", "it is not known whether the rows were written", err)
	}
	for attempt := 0; ; attempt++ {
		ctx, cancel := context.WithTimeout(h.ctx, h.cfg.Timeout)
		stored, askErr := h.target.stored(ctx, queryID, b.Token)
		askErr = ClickHouseError(h.target.op+" lookup", contextError(ctx, askErr))
		cancel()
		switch {
		case askErr == nil && stored == 0:
			b.Unclear = false
			return false, err
		case askErr == nil && stored == uint64(p.n):
			b.Unclear = false
			return true, nil
		case askErr == nil:
			return false, h.fail(core.CodeConflict, fmt.Sprintf("%d of %d rows are in the table", stored, p.n), err)
		case !mayPass(askErr) || !h.pause(attempt, until):
			return false, h.fail(
				core.ErrorCode(askErr),
				"it is not known whether the rows were written",
				errors.Join(err, askErr),
			)
		}
	}
}

func (h *ClickHouseBatchInsertHandle[T]) fail(code core.Code, message string, err error) error {
	if code == "" {
		code = core.ErrorCode(ClickHouseError("", err))
	}
	return &core.Error{Code: code, Op: h.target.op, Message: message, Err: err}
}

// deadline returns the time d from now; for a negative d, never.
func deadline(d time.Duration) time.Time {
	if d < 0 {
		d = math.MaxInt64
	}
	return time.Now().Add(d)
}
