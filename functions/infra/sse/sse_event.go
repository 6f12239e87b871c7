package sse

import "time"

// SSEEvent is one server-sent event, as it is published and as it is received.
//
// More in sse_event.md:
//   - ID is the last one of the stream, which need not be this event's own.
//   - Data is text.
type SSEEvent struct {
	// ID is the last event ID once this event was seen: its own, or that of an
	// earlier event of the stream if it has none. A hub gives each event its ID
	// and ignores this field.
	ID string
	// Type is what the stream calls "event". Empty means "message" when
	// publishing; what is received always has one.
	Type string
	// Data is the payload; several lines are joined with "\n".
	Data string
	// Retry asks the client to wait this long before it reconnects from now on,
	// in whole milliseconds; zero: not asked.
	Retry time.Duration
}
