package postgres

import (
	"context"
	"sync"

	"fnregistry.dev/functions/core"
)

// eventQueue holds at most max events for a slow reader, and one more that
// reports that others were dropped.
type eventQueue struct {
	max  int
	more chan struct{} // holds a token when there is an event to take

	mu     sync.Mutex
	events []PostgresListenEvent
	err    error // the end, after all events
}

func newEventQueue(max int) *eventQueue {
	return &eventQueue{max: max, more: make(chan struct{}, 1)}
}

var errBufferFull = &core.Error{
	Code:    core.CodeLimited,
	Op:      "postgres_listen",
	Message: "the buffer was full, notifications were dropped",
	Hint:    "read faster, or raise Buffer",
}

// put adds an event. If the queue is full it adds an event that reports the
// loss, unless that already is the last one: a reader of that event re-reads
// the state after this event, too.
func (q *eventQueue) put(event PostgresListenEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.events); n >= q.max {
		if q.events[n-1].Missed {
			return
		}
		event = PostgresListenEvent{Missed: true, Reason: errBufferFull}
	}
	q.events = append(q.events, event)
	q.wake()
}

// fail ends the queue.
func (q *eventQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.wake()
}

func (q *eventQueue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take returns the next event, or the error after the last; ok is false once
// ctx is done.
func (q *eventQueue) take(ctx context.Context) (event PostgresListenEvent, err error, ok bool) {
	for {
		if ctx.Err() != nil {
			return event, nil, false
		}
		if event, err, ok := q.pop(); ok {
			return event, err, true
		}
		select {
		case <-q.more:
		case <-ctx.Done():
		}
	}
}

func (q *eventQueue) pop() (event PostgresListenEvent, err error, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return event, q.err, q.err != nil
	}
	event = q.events[0]
	q.events[0] = PostgresListenEvent{} // releases its payload
	q.events = q.events[1:]
	return event, nil, true
}
