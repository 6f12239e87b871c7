package work

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"fnregistry.dev/functions/core"
)

// WorkPoolConfig says how a pool works. The zero value of a field is its
// default.
type WorkPoolConfig struct {
	// Slots is how many items are worked on at the same time. Default: as
	// many as there are CPUs for this process (GOMAXPROCS).
	Slots int
	// KeepGoing works on all items though some fail. Default: the first
	// failure ends the context of the others, and starts no more.
	KeepGoing bool
}

// WorkPoolResult is what became of one item.
type WorkPoolResult[Out any] struct {
	Value Out
	// Err is do's error, or, for an item that was not started, a
	// *core.Error with CodeCanceled or, after a deadline, CodeTimeout.
	Err error
}

// WorkPool calls do for each item, in a bounded number of goroutines, and
// returns when all of those have returned. The items are started in order;
// results[i] is that of items[i].
//
// The error is nil if each do returned nil. Without KeepGoing it is the first
// failure in time, else it joins the failures in the items' order. If ctx ended
// before all items were started, it is a *core.Error with CodeCanceled or
// CodeTimeout. It is a *core.Error with CodeInvalid for negative Slots.
//
// More in work_pool.md:
//   - It returns when the running calls have returned: a do that ignores its
//     context delays it.
//   - Without KeepGoing, results that failed only because the first failure
//     ended their context have that error too; err is the one that matters.
func WorkPool[In, Out any](
	ctx context.Context,
	cfg WorkPoolConfig,
	items []In,
	do func(ctx context.Context, item In) (Out, error),
) (results []WorkPoolResult[Out], err error) {
	if cfg.Slots < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "work_pool", Message: "Slots is negative"}
	}
	if cfg.Slots == 0 {
		cfg.Slots = runtime.GOMAXPROCS(0)
	}
	workCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results = make([]WorkPoolResult[Out], len(items))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(cfg.Slots, len(items)) {
		all.Go(func() {
			for i := range next {
				if results[i].Value, results[i].Err = do(workCtx, items[i]); results[i].Err != nil && !cfg.KeepGoing {
					cancel(results[i].Err)
				}
			}
		})
	}
	started := hand(workCtx, next, len(items))
	all.Wait()
	for i := started; i < len(items); i++ {
		results[i].Err = notStarted("work_pool", workCtx)
	}
	return results, poolError(ctx, workCtx, cfg, results, started)
}

// hand distributes the numbers from 0 to n until ctx is done, and returns how
// many were taken.
func hand(ctx context.Context, next chan<- int, n int) int {
	defer close(next)
	for i := range n {
		if ctx.Err() != nil {
			return i
		}
		select {
		case next <- i:
		case <-ctx.Done():
			return i
		}
	}
	return n
}

func poolError[Out any](
	ctx, workCtx context.Context,
	cfg WorkPoolConfig,
	results []WorkPoolResult[Out],
	started int,
) error {
	if !cfg.KeepGoing && ctx.Err() == nil {
		return context.Cause(workCtx) // the first failure, or nil
	}
	var failures []error
	for _, r := range results[:started] {
		failures = append(failures, r.Err)
	}
	if started < len(results) {
		failures = append(failures, stopped("work_pool", ctx))
	}
	return errors.Join(failures...)
}

// notStarted is the error of an item that was not started before ctx ended.
func notStarted(op string, ctx context.Context) error {
	return &core.Error{Code: core.ErrorCode(ctx.Err()), Op: op, Message: "not started", Err: context.Cause(ctx)}
}

// stopped is the overall error if some items were not started.
func stopped(op string, ctx context.Context) error {
	return &core.Error{
		Code:    core.ErrorCode(ctx.Err()),
		Op:      op,
		Message: "stopped before all items had run",
		Err:     context.Cause(ctx),
	}
}
