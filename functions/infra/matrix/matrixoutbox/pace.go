package matrixoutbox

import (
	"context"
	"time"

	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// outboxPace is how slow the server is: its slowest answers in the last one to
// two minutes.
type outboxPace struct {
	began        time.Time // of the present minute
	last, before time.Duration
	stored       time.Duration // what the next process will begin with
	storedAt     time.Time
}

// paceStep is how much slower than what is stored the server is when that is
// stored anew. A write for each answer would be one more for each message.
const paceStep = 500 * time.Millisecond

// toStore returns how slow the server is, if that is to be stored: where it is a
// good deal slower than what is, and once a minute while it is slow.
func (p *outboxPace) toStore(now time.Time) (slowest time.Duration, ok bool) {
	slowest = p.slowest(now)
	if slowest < paceStep || slowest < p.stored+paceStep && now.Sub(p.storedAt) < time.Minute {
		return 0, false
	}
	p.stored, p.storedAt = slowest, now
	return slowest, true
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

// recallPace takes over what a former process knew of the pace: one that is
// killed while the server is slow must not have the next one believe that it is
// fast.
func (h *MatrixOutboxHandle) recallPace(ctx context.Context) error {
	slowest, at, err := h.store.pace(ctx)
	if err == nil && time.Since(at) < 2*time.Minute {
		h.pace.note(slowest, at)
		h.pace.stored, h.pace.storedAt = slowest, at
	}
	return err
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
	// The most expensive requests have more time. They say no more of a
	// send.
	h.notePace(min(time.Since(start), h.cfg.RequestTimeout))
	return err
}

// notePace notes how long the server took, for the next process, too.
func (h *MatrixOutboxHandle) notePace(took time.Duration) {
	h.mu.Lock()
	now := time.Now()
	h.pace.note(took, now)
	slowest, ok := h.pace.toStore(now)
	h.mu.Unlock()
	if !ok {
		return
	}
	if err := h.store.setPace(context.WithoutCancel(h.ctx), slowest, now); err != nil {
		h.tell(send.WithOp("matrix_outbox", err))
	}
}

// settle is how long a send without an answer may still take effect: Settle,
// and longer while the server is slow.
func (h *MatrixOutboxHandle) settle() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg.Settle + paceFactor*h.pace.slowest(time.Now())
}
