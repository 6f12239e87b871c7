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

// write writes a batch, and reports what became of it. Without onBatch an error
// ends the intake.
func (h *ClickHouseBatchInsertHandle[T]) write(ctx context.Context, batch work.BatchCollectBatch[T]) error {
	p := h.writing
	defer p.reset()
	for _, rows := range batch.Chunks {
		p.add(rows)
	}
	var b ClickHouseBatchInsertBatch[T]
	h.writeBatch(ctx, p, &b)
	if p.n > 0 { // all may have been refused
		if b.Err != nil || h.onBatch != nil {
			b.Rows = p.rows()
		}
		h.report(b, p.n)
	}
	if len(h.result.Unwritten) > 0 {
		return h.firstErr
	}
	return nil
}

// reportUntried reports the batches that no try was made for: without onBatch
// those after one that failed, else those that Stop had no time for.
func (h *ClickHouseBatchInsertHandle[T]) reportUntried() {
	err := h.fail(core.ErrorCode(h.collected.Err()), "not tried", h.collected.Err())
	if len(h.result.Unwritten) > 0 {
		err = h.fail(core.CodeCanceled, "not tried, since an earlier batch failed", nil)
	}
	for _, batch := range h.collected.Untried() {
		h.report(ClickHouseBatchInsertBatch[T]{Rows: batch.Items(), Err: err}, batch.Count)
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
		h.result.Unwritten = append(h.result.Unwritten, b)
	}
}

// writeBatch tries until the batch is written, or can't be, or time is up, and
// tells b. It takes the rows out of p that don't fit.
func (h *ClickHouseBatchInsertHandle[T]) writeBatch(ctx context.Context, p *pending[T], b *ClickHouseBatchInsertBatch[T]) {
	token := newToken()
	if h.target.hasToken {
		b.Token = token.String()
	}
	until := deadline(h.cfg.RetryFor)
	for attempt := 0; p.n > 0; attempt++ {
		queryID := newToken().String()
		sent, err := h.try(ctx, p, token, queryID)
		if sent && err != nil {
			var written bool
			if written, err = h.findOut(ctx, p, b, queryID, err, until); b.Unclear || written {
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
		if b.Err == nil || !mayPass(b.Err) || !h.pause(ctx, attempt, until) {
			return
		}
		b.Err = nil
	}
}

// pause waits before the next try, and reports whether there is time for one.
func (h *ClickHouseBatchInsertHandle[T]) pause(ctx context.Context, attempt int, until time.Time) bool {
	wait := core.BackoffDelay(core.BackoffDelayConfig{Initial: 100 * time.Millisecond, Max: 10 * time.Second}, attempt, rand.Float64())
	return time.Now().Add(wait).Before(until) && work.SleepContext(ctx, wait) == nil
}

// try sends the batch once. sent: its data were, or may have been.
func (h *ClickHouseBatchInsertHandle[T]) try(ctx context.Context, p *pending[T], token token, queryID string) (sent bool, err error) {
	ctx, done := sendContext(ctx, h.cfg.Timeout)
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
	ctx context.Context,
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
		asking, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
		stored, askErr := h.target.stored(asking, queryID, b.Token)
		askErr = ClickHouseError(h.target.op+" lookup", contextError(asking, askErr))
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
		case !mayPass(askErr) || !h.pause(ctx, attempt, until):
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
