package core

import "fmt"

// HTTPStatusError returns what the status of an answer means for the client
// that got it: nil below 300, else an [*Error] with op and the code that
// reports whether another try makes sense. It is the other direction of
// [ErrorHTTPStatus]. The statuses are those of RFC 9110 (425: RFC 8470, 429:
// RFC 6585).
//
// More in http_status_error.md:
//   - 304 is an error here: check for it first if you sent If-None-Match.
//   - It does not read Retry-After: retry_after_parse does.
func HTTPStatusError(op string, status int) error {
	code := statusCode(status)
	if code == "" {
		return nil
	}
	return &Error{Code: code, Op: op, Message: fmt.Sprintf("the server answered with status %d", status)}
}

func statusCode(status int) Code {
	switch status {
	case 401, 407:
		return CodeUnauthenticated
	case 403, 451:
		return CodeForbidden
	case 404, 410:
		return CodeNotFound
	case 405, 415, 501, 505:
		return CodeUnsupported
	case 408:
		return CodeTimeout
	case 409, 412, 428:
		return CodeConflict
	case 413, 414, 431:
		return CodeTooLarge
	case 425:
		return CodeUnavailable
	case 429:
		return CodeLimited
	}
	switch {
	case status < 300:
		return ""
	case status < 400: // a redirect that the client did not follow
		return CodeUnavailable
	case status < 500:
		return CodeInvalid
	}
	return CodeUnavailable
}
