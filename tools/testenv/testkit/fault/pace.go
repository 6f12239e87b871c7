package fault

import (
	"context"
	"time"
)

// pacer spreads bytes over time. It is used by one goroutine.
type pacer struct {
	free time.Time // when the link has carried all that was given to it
}

// piece returns how many of n bytes to send at once so that the stream stays
// even: 20 ms worth.
func (p *pacer) piece(n int, bytesPerSecond int64) int {
	return int(min(int64(n), max(1, bytesPerSecond/50)))
}

// until takes n bytes and returns when they have passed.
func (p *pacer) until(n int, bytesPerSecond int64) time.Time {
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(bytesPerSecond) * float64(time.Second)))
	return p.free
}

// sleep waits for d. It ends early when ctx ends, with its error, or when stop
// is closed, without one.
func sleep(ctx context.Context, d time.Duration, stop <-chan struct{}) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	case <-ctx.Done():
	}
	return ctx.Err()
}
