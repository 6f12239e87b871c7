package core

// ErrorHTTPStatus returns the HTTP status that a server answers err with: 200
// for nil, 500 for a code it doesn't know. The statuses are those of RFC 9110
// (429: RFC 6585). They are written as numbers because net/http would add 2 MB
// to every program that only handles errors.
//
// More in error_http_status.md:
//   - 499 is nginx's number and has no name in net/http: http.StatusText gives
//     "" for it.
//   - It does not write the answer, nor Retry-After; the caller has
//     Error.RetryAfter for that.
func ErrorHTTPStatus(err error) int {
	switch ErrorCode(err) {
	case "":
		return 200
	case CodeInvalid:
		return 400
	case CodeUnauthenticated:
		return 401
	case CodeForbidden:
		return 403
	case CodeNotFound:
		return 404
	case CodeConflict:
		return 409
	case CodeTooLarge:
		return 413
	case CodeLimited:
		return 429
	case CodeTimeout:
		return 504 // not 408, which blames the client for sending its request too slowly
	case CodeCanceled:
		return 499 // nginx's "client closed request": the client never sees it, access logs do
	case CodeUnavailable:
		return 503
	case CodeUnsupported:
		return 501
	default:
		return 500
	}
}
