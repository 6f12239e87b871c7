// Package progress gives up what does not get on: an answer that falls silent,
// and one that comes so slowly that it would never end.
package progress

import (
	"sync"
	"time"
)

// leastRate is how many bytes a second a transfer has to bring on average, once
// its time as a whole is over: a byte now and then keeps nothing alive.
const leastRate = 4 << 10

// Watch calls a function once when a transfer does not get on.
type Watch struct {
	mu       sync.Mutex
	silence  time.Duration
	deadline time.Time // moves with each byte
	timer    *time.Timer
}

// New starts a watch. stop is called, in a goroutine of its own, when nothing
// has moved for first, or, after something has, for silence; and when the
// transfer has taken longer than whole and what it has brought by then does not
// make up for that.
func New(first, silence, whole time.Duration, stop func()) *Watch {
	return &Watch{
		silence:  silence,
		deadline: time.Now().Add(whole),
		timer:    time.AfterFunc(min(first, whole), stop),
	}
}

// Moved notes that so many bytes have moved.
func (w *Watch) Moved(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = w.deadline.Add(time.Duration(bytes) * time.Second / leastRate)
	w.timer.Reset(min(w.silence, time.Until(w.deadline)))
}

// End ends the watch.
func (w *Watch) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}
