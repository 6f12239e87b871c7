// Package unsent marks errors of requests that never left this process, so that
// a queue can tell them from those whose answer was lost.
package unsent

import (
	"errors"
	"net/http"
	"net/url"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
)

// Error is why an event was not sent: something went wrong before the request
// that would have sent it, such as its encryption.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Unchecked is why a client of matrix_client_init did not make a request: what
// it asks of the homeserver before the first one has failed. It says nothing
// about the request.
type Unchecked struct{ Err error }

func (e *Unchecked) Error() string { return e.Err.Error() }
func (e *Unchecked) Unwrap() error { return e.Err }

// ServerAway reports whether a coded error says that there is nobody to ask, or
// nobody who can answer now: no connection, no answer, 5xx or 429. Asking later
// may help.
func ServerAway(err error) bool {
	switch core.ErrorCode(err) {
	case core.CodeTimeout:
		return true
	case core.CodeUnavailable, core.CodeLimited:
	default:
		return false
	}
	if answer, ok := errors.AsType[mautrix.HTTPError](err); ok {
		return answer.Response == nil || answer.Response.StatusCode >= 500 || answer.Response.StatusCode == http.StatusTooManyRequests
	}
	if _, ok := errors.AsType[*Unchecked](err); ok {
		return true
	}
	_, ok := errors.AsType[*url.Error](err) // of net/http: a discovery
	return ok
}

// Is reports whether an error of a request says that it was not made.
func Is(err error) bool {
	if _, ok := errors.AsType[*Error](err); ok {
		return true
	}
	_, ok := errors.AsType[*Unchecked](err)
	return ok
}
