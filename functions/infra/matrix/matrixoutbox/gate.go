package matrixoutbox

import (
	"sync"
	"time"
)

// gate holds all rooms back while the account may not send: the rate limit and
// the credentials are the account's.
type gate struct {
	mu      sync.Mutex
	until   time.Time     // no try before
	locked  bool          // until is for want of credentials
	changed chan struct{} // closed and replaced when a wait may be over
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// wait waits until sending is allowed. It returns false when stopping is
// closed.
func (g *gate) wait(stopping <-chan struct{}) bool {
	for {
		select {
		case <-stopping:
			return false
		default:
		}
		g.mu.Lock()
		wait, changed := time.Until(g.until), g.changed
		g.mu.Unlock()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-stopping:
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// hold holds all rooms back for a time at least. locked says that it is for
// want of credentials.
func (g *gate) hold(wait time.Duration, locked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(wait); until.After(g.until) {
		g.until = until
	}
	g.locked = g.locked || locked
}

// works ends waits for credentials and for a server that was down, since there
// is reason to believe that both are there again.
func (g *gate) works() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.locked {
		g.until, g.locked = time.Time{}, false
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// news is closed by the next call of works.
func (g *gate) news() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

func (g *gate) needsCredentials() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.locked
}
