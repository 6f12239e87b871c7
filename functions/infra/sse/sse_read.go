package sse

import (
	"errors"
	"io"
	"iter"

	"fnregistry.dev/functions/core"
)

// defaultMaxBytes is the default for the longest line and the longest event.
const defaultMaxBytes = 1 << 20

// SSERead reads one event stream, such as the body of an answer, and yields its
// events as the HTML standard (section 9.2.6) interprets them. It ends at the
// end of r; an event that is not ended by a blank line is dropped, as the
// standard has it.
//
// A line or an event's data longer than maxBytes (zero: 1 MiB) is yielded as an
// error, CodeTooLarge, and the stream continues after that event. When reading
// fails, that error is the last thing yielded: CodeTimeout, CodeCanceled or
// CodeUnavailable. It does not close r.
//
// More in sse_read.md:
//   - It does not check the response: check status and Content-Type first.
//   - An event that the end of the stream interrupts is dropped, as the
//     standard requires, even if its data was complete.
func SSERead(r io.Reader, maxBytes int) iter.Seq2[SSEEvent, error] {
	return func(yield func(SSEEvent, error) bool) {
		stream := newParser(r, maxBytes, "")
		for {
			event, err := stream.next()
			if err == io.EOF {
				return
			}
			if !yield(event, err) || err != nil && !errors.Is(err, errTooLarge) {
				return
			}
		}
	}
}

// brokenStream adds a code to the error of a failed read.
func brokenStream(op string, err error) error {
	code := core.ErrorCode(err)
	if code == core.CodeInternal {
		code = core.CodeUnavailable
	}
	return &core.Error{Code: code, Op: op, Message: "the event stream broke", Err: err}
}
