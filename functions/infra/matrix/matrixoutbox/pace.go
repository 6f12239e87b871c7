package matrixoutbox

import (
	"context"
	"time"

	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// pace is how slow the server is: its slowest answers in the last one to two
// minutes.
type pace struct {
	began        time.Time // of the present minute
	last, before time.Duration
	stored       time.Duration // what the next process will begin with
	storedAt     time.Time
}

// paceStep is how much slower than what is stored the server is when that is
// stored again. A write for each answer would be one more for each message.
const paceStep = 500 * time.Millisecond

// paceFactor says how much longer than its slowest answer a server may need to
// finish what it was asked and gave no answer to. On a machine with five times
// more work than cores a message appeared 40 s after its send was given up,
// when answers took 20 s.
const paceFactor = 4

// slowest returns the time that the slowest answer took.
func (p *pace) slowest(now time.Time) time.Duration {
	switch since := now.Sub(p.began); {
	case since >= 2*time.Minute:
		return 0
	case since >= time.Minute:
		return p.last
	}
	return max(p.last, p.before)
}

// note takes the time that a request took, answered or given up.
func (p *pace) note(took time.Duration, now time.Time) {
	switch since := now.Sub(p.began); {
	case since >= 2*time.Minute:
		p.began, p.last, p.before = now, 0, 0
	case since >= time.Minute:
		p.began, p.last, p.before = p.began.Add(time.Minute), 0, p.last
	}
	p.last = max(p.last, took)
}

// isToStore reports whether the slowest answer is to be stored: where it is a
// good deal slower than what is, and once a minute while the server is slow, or
// what is stored says so.
func (p *pace) isToStore(now time.Time) bool {
	slowest := p.slowest(now)
	if slowest >= p.stored+paceStep {
		return true
	}
	return max(slowest, p.stored) >= paceStep && now.Sub(p.storedAt) >= time.Minute
}

// noteStored notes what was stored, or found there.
func (p *pace) noteStored(slowest time.Duration, at time.Time) { p.stored, p.storedAt = slowest, at }

// recallPace takes over what a former process knew of the pace: one that is
// killed while the server is slow must not have the next one believe that it is
// fast. How long ago that was only a wall clock could say, so it counts from
// now: at worst a lost send is waited for some seconds longer.
func (s *sender) recallPace(ctx context.Context) error {
	slowest, err := s.store.pace(ctx)
	if err == nil && slowest > 0 {
		now := time.Now()
		s.pace.note(slowest, now)
		s.pace.noteStored(slowest, now)
	}
	return err
}

// request makes one request, within RequestTimeout, and notes how long it
// takes.
func (s *sender) request(ctx context.Context, do func(context.Context) error) error {
	return s.requestWithin(ctx, s.cfg.RequestTimeout, do)
}

func (s *sender) requestWithin(ctx context.Context, timeout time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := do(ctx)
	// The most expensive requests have more time. They say no more of a
	// send.
	s.notePace(ctx, min(time.Since(start), s.cfg.RequestTimeout))
	return err
}

// notePace notes how long the server took, for the next process, too.
func (s *sender) notePace(ctx context.Context, took time.Duration) {
	s.mu.Lock()
	now := time.Now()
	s.pace.note(took, now)
	slowest, store := s.pace.slowest(now), s.pace.isToStore(now)
	if store {
		s.pace.noteStored(slowest, now)
	}
	s.mu.Unlock()
	if !store {
		return
	}
	if err := s.store.setPace(context.WithoutCancel(ctx), slowest); err != nil {
		s.report.report(ctx, send.WithOp("matrix_outbox", err))
	}
}

// settle is how long a send without an answer may still take effect: Settle,
// and longer while the server is slow.
func (s *sender) settle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Settle + paceFactor*s.pace.slowest(time.Now())
}
