package work

import (
	"context"
	"time"
)

// SleepContext returns nil after d, or ctx's error as soon as ctx is done. It
// returns at once where d is not positive, with ctx's error if ctx is done.
//
// More in sleep_context.md:
//   - It can return nil though ctx ended at the same moment: check ctx
//     afterwards if that matters.
//   - The error is context.Canceled or context.DeadlineExceeded; context.Cause
//     has the reason.
func SleepContext(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
