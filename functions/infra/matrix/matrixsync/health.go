package matrixsync

import (
	"sync"
	"time"
)

// The states of a [MatrixSyncHealth].
const (
	MatrixSyncHealthy          = "healthy"           // the last sync succeeded
	MatrixSyncDegraded         = "degraded"          // none has succeeded yet, or the last failed and is tried again
	MatrixSyncNeedsCredentials = "needs credentials" // the server refuses the access token: only the caller can help
)

// MatrixSyncHealth says how a service does.
type MatrixSyncHealth struct {
	State       string
	Since       time.Time // of the state
	LastSuccess time.Time // when a response was last stored and delivered; zero: never
	Failures    int       // since then
	Err         error     // the last failure; nil while healthy
}

type syncHealth struct {
	mu  sync.Mutex
	now MatrixSyncHealth
}

func newSyncHealth() *syncHealth {
	return &syncHealth{now: MatrixSyncHealth{State: MatrixSyncDegraded, Since: time.Now()}}
}

func (h *syncHealth) get() MatrixSyncHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *syncHealth) turn(state string) {
	if h.now.State != state {
		h.now.State, h.now.Since = state, time.Now()
	}
}

func (h *syncHealth) fail(err error, credentials bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	state := MatrixSyncDegraded
	if credentials {
		state = MatrixSyncNeedsCredentials
	}
	h.turn(state)
	h.now.Failures++
	h.now.Err = err
}

func (h *syncHealth) succeed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(MatrixSyncHealthy)
	h.now.LastSuccess, h.now.Failures, h.now.Err = time.Now(), 0, nil
}
