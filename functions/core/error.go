// Package core holds the pure units and the types that all other units share.
// It imports only the standard library.
package core

import (
	"cmp"
	"strings"
	"time"
)

// Code says what kind of failure an [Error] is, so that a caller can act on it
// without reading the text.
type Code string

// The codes. Each maps to one HTTP status ([ErrorHTTPStatus]) and one exit code
// ([ErrorExitCode]).
const (
	CodeInvalid         Code = "invalid"         // the request or the input is wrong; the same call fails again
	CodeUnauthenticated Code = "unauthenticated" // no credentials, or invalid ones
	CodeForbidden       Code = "forbidden"       // known caller, not allowed
	CodeNotFound        Code = "not_found"       // what was named does not exist
	CodeConflict        Code = "conflict"        // it already exists, or has changed meanwhile
	CodeTooLarge        Code = "too_large"       // over a size limit
	CodeLimited         Code = "rate_limited"    // too many calls; see Error.RetryAfter
	CodeTimeout         Code = "timeout"         // a deadline passed
	CodeCanceled        Code = "canceled"        // the caller's context was cancelled
	CodeUnavailable     Code = "unavailable"     // a dependency is down; the same call may pass later
	CodeUnsupported     Code = "unsupported"     // this platform, server or build cannot do it
	CodeInternal        Code = "internal"        // a defect
)

// Error is the one error type that units return: a code for programs, an
// operation and a message for people. No field may hold a secret: errors are
// logged and shown.
//
// More in error.md:
//   - Declare the result as error, never as *core.Error: a nil *core.Error in
//     an error is not nil.
//   - No field may hold a secret.
type Error struct {
	Code       Code          // zero: the code of Err, or CodeInternal if Err has none; see [ErrorCode]
	Op         string        // what was being done, and on what: "postgres_open host=db1"
	Message    string        // what went wrong, lower case, no full stop; empty: Err says it all
	Hint       string        // what to do about it; shown on a line of its own by programs, never part of Error()
	RetryAfter time.Duration // earliest time for another try; zero: not known
	Err        error         // the cause, or nil
}

// Error returns "op: message: cause", leaving out what is empty, and the code
// where neither a message nor a cause is set. It never returns an empty text.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	add(e.Op)
	add(e.Message)
	if e.Err != nil {
		add(e.Err.Error())
	}
	if e.Message == "" && e.Err == nil {
		add(string(cmp.Or(e.Code, CodeInternal)))
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }
