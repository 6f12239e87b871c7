package matrix

import (
	"context"
	"time"
)

// outboxPace is how slow the server is: its slowest answers in the last one to
// two minutes.
type outboxPace struct {
	began        time.Time // of the present minute
	last, before time.Duration
}

// paceFactor says how much longer than its slowest answer a server may need to
// finish what it was asked and gave no answer to. On a machine with five times
// more work than cores a message appeared 40 s after its send was given up,
// when answers took 20 s.
const paceFactor = 4

// note takes the time that a request took, answered or given up.
func (p *outboxPace) note(took time.Duration, now time.Time) {
	p.turn(now)
	p.last = max(p.last, took)
}

// slowest returns the time that the slowest answer took.
func (p *outboxPace) slowest(now time.Time) time.Duration {
	p.turn(now)
	return max(p.last, p.before)
}

func (p *outboxPace) turn(now time.Time) {
	switch since := now.Sub(p.began); {
	case since >= 2*time.Minute:
		p.began, p.last, p.before = now, 0, 0
	case since >= time.Minute:
		p.began, p.last, p.before = now, 0, p.last
	}
}

// request makes one request, within RequestTimeout, and notes how long it
// takes.
func (h *MatrixOutboxHandle) request(ctx context.Context, do func(context.Context) error) error {
	return h.requestWithin(ctx, h.cfg.RequestTimeout, do)
}

func (h *MatrixOutboxHandle) requestWithin(ctx context.Context, timeout time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := do(ctx)
	// The most expensive requests have more time. They say no more of a send.
	h.notePace(min(time.Since(start), h.cfg.RequestTimeout))
	return err
}

func (h *MatrixOutboxHandle) notePace(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pace.note(took, time.Now())
}

// settle is how long a send without an answer may still take effect: Settle,
// and longer while the server is slow.
func (h *MatrixOutboxHandle) settle() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg.Settle + paceFactor*h.pace.slowest(time.Now())
}
