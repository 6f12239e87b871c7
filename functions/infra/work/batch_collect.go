package work

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// BatchCollectConfig says when a batch of [BatchCollect] is due and what
// becomes of it. The zero value of an optional field is its default.
type BatchCollectConfig[T any] struct {
	// Write stores a batch. It is called with one batch after the other, in
	// order, and may keep it. Its context has the values of BatchCollect's and
	// ends with that of Stop. An error ends the intake. Required.
	Write func(ctx context.Context, batch BatchCollectBatch[T]) error
	// MaxItems makes a batch due, and is the most that it has. Default:
	// 10,000.
	MaxItems int
	// MaxBytes makes a batch due by Size. The item that reaches it is in the
	// batch. Default: 16 MiB.
	MaxBytes int
	// Size is an item's measure for MaxBytes. Default nil: bytes are not
	// counted.
	Size func(item *T) int
	// MaxAge of its first item makes a batch due. Default: 1 s.
	MaxAge time.Duration
}

// BatchCollectBatch is a batch of items, in the pieces in which they came.
type BatchCollectBatch[T any] struct {
	Chunks [][]T
	Count  int // of items
}

// Items returns the batch in one slice, which may be the one that came in.
func (b BatchCollectBatch[T]) Items() []T {
	if len(b.Chunks) == 1 {
		return b.Chunks[0]
	}
	return slices.Concat(b.Chunks...)
}

// BatchCollectHandle is a running collection. It is a service.Service.
type BatchCollectHandle[T any] struct {
	cfg      BatchCollectConfig[T]
	in       <-chan []T
	ctx      context.Context // of Write
	abort    context.CancelCauseFunc
	release  func() bool // ends the watch for the end of the caller's context
	stopOnce sync.Once
	stop     chan struct{} // Stop was called, or the caller's context is done
	closed   chan struct{} // no more items are taken
	failed   chan struct{} // Write has failed
	batches  chan BatchCollectBatch[T]
	done     chan struct{}
	// Both are the writer's, and anyone's after done.
	err     error
	untried []BatchCollectBatch[T]
}

// BatchCollect takes items from a channel, any number at a time, gathers them
// in batches by number, bytes and age, and hands each to cfg.Write while the
// next one gathers. While one is being written and another is full, nothing is
// taken from the channel, so that at most two batches are in memory, and
// whoever sends waits. A batch that is due while another is being written goes
// on growing until it is full.
//
// Call Stop at the end. Closing the channel ends the collection, too, once all
// is taken, and so does the end of ctx: as with Stop, what was taken is still
// written. When Write fails, nothing more is taken or written: Untried returns
// what was taken and not handed to Write, and what the failed batch became
// Write knows alone.
//
// Slices that were sent are not copied, and must not be changed.
//
// The error of the start is a *core.Error with CodeInvalid.
//
// More in batch_collect.md:
//   - Whoever sends selects on Closed, too: after a failure nobody receives any
//     more.
//   - Items are in memory alone: acknowledge their source when Write has
//     returned, not when they are sent.
func BatchCollect[T any](ctx context.Context, in <-chan []T, cfg BatchCollectConfig[T]) (*BatchCollectHandle[T], error) {
	invalid := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "batch_collect", Message: message}
	}
	switch {
	case in == nil || cfg.Write == nil:
		return nil, invalid("the channel and Write are required")
	case cfg.MaxItems < 0 || cfg.MaxBytes < 0 || cfg.MaxAge < 0:
		return nil, invalid("MaxItems, MaxBytes and MaxAge can't be negative")
	}
	cfg.MaxItems = cmp.Or(cfg.MaxItems, 10_000)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 16<<20)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, time.Second)
	if cfg.Size == nil {
		cfg.Size = func(*T) int { return 0 }
	}
	h := &BatchCollectHandle[T]{
		cfg: cfg, in: in,
		stop: make(chan struct{}), closed: make(chan struct{}), failed: make(chan struct{}),
		batches: make(chan BatchCollectBatch[T]), done: make(chan struct{}),
	}
	h.ctx, h.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	h.release = context.AfterFunc(ctx, h.askToStop)
	go h.collect()
	go h.write()
	return h, nil
}

// Closed is closed when no more items are taken: after Stop, after the end of
// the channel or of the context, or when Write has failed.
func (h *BatchCollectHandle[T]) Closed() <-chan struct{} { return h.closed }

// Done is closed when all that was taken is written or given up.
func (h *BatchCollectHandle[T]) Done() <-chan struct{} { return h.done }

// Stop takes the items that wait in the channel's buffer (all there are, if it
// is closed), writes what was taken, and returns when that is done. When ctx is
// done first, Write's context ends; what is not written by then is in Untried,
// and Stop still waits for Write to return. Items in the channel that were not
// taken stay there. It returns Err's error, and may be called again.
func (h *BatchCollectHandle[T]) Stop(ctx context.Context) error {
	h.askToStop()
	select {
	case <-h.done:
	case <-ctx.Done():
		h.abort(context.Cause(ctx))
		<-h.done
	}
	return h.Err()
}

func (h *BatchCollectHandle[T]) askToStop() {
	h.stopOnce.Do(func() { close(h.stop) })
}

// Err returns nil before Done is closed, and when all that was taken is
// written; else Write's error, as it is, or a *core.Error with the code of
// Stop's context.
func (h *BatchCollectHandle[T]) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// Untried returns the batches that were taken and never handed to Write, and
// nil before Done is closed.
func (h *BatchCollectHandle[T]) Untried() []BatchCollectBatch[T] {
	select {
	case <-h.done:
		return h.untried
	default:
		return nil
	}
}
