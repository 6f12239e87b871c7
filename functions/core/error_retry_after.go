package core

import "time"

// ErrorRetryAfter returns how long to wait at least before the next try: the
// first RetryAfter that is set among the [Error]s in the error's tree,
// outermost first. It is 0 for nil and where it is not known.
//
// More in error_retry_after.md:
//   - It returns what a server asked for, without a cap: retry_after_parse caps
//     what it reads, other sources may not.
//   - 0 does not mean that a retry makes sense: error_code tells you that.
func ErrorRetryAfter(err error) time.Duration {
	asked, _ := firstError(err, func(e *Error) bool { return e.RetryAfter > 0 })
	return asked.RetryAfter
}
