package work

import (
	"context"
	"time"
)

// SleepContext returns nil after d, or ctx's error as soon as ctx is done. It
// returns at once where d is not positive, with ctx's error if ctx is done.
//
// More in sleep_context.md:
//   - It can return nil though ctx ended in the same moment: what follows looks
//     at ctx itself.
//   - The error is context.Canceled or context.DeadlineExceeded; why ctx ended,
//     context.Cause says.
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
