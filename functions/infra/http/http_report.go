package http

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"fnregistry.dev/functions/core"
)

// RequestIDHeader carries a request's ID. [HTTPAccessLog] sets it on the
// answer, [HTTPReport] has it in what may be shown.
const RequestIDHeader = "X-Request-Id"

// HTTPReportResult is what strangers may see of an error.
type HTTPReportResult struct {
	Status     int           // HTTP status, 400 to 599
	Title      string        // the status as text
	Code       core.Code     // never empty
	Detail     string        // what went wrong; empty for an internal error
	Hint       string        // what to do about it; empty: nothing known
	RetryAfter time.Duration // zero: not known
	RequestID  string        // by which the log has it; empty: there is none
}

// HTTPReport reports err to the access log, or to slog's default logger where
// [HTTPAccessLog] is not in the chain and the status is 5xx, and returns what
// a response may show of it. It does not answer: [HTTPProblem] does so with
// problem JSON, a page with what is returned. A nil err is reported as a
// failure of the server.
//
// The status is that of an [HTTPProblemError], else that of the error's code.
// Detail and hint are Message and Hint of the first *core.Error that says more
// than an Op: Op and cause stay inside. An internal error, and any error that
// has no code, says nothing but its status.
//
// It sets the headers of a response that failed: Cache-Control to no-store,
// Retry-After, in whole seconds rounded up, where RetryAfter is known, and it
// removes those that were meant for another response (ETag, Content-Encoding,
// Content-Length, Last-Modified).
//
// More in http_report.md:
//   - It must come before the status is written.
//   - Call it once per request: the access log keeps only the last error.
func HTTPReport(w http.ResponseWriter, r *http.Request, err error) HTTPReportResult {
	shown, _ := errors.AsType[*HTTPProblemError](err)
	status := core.ErrorHTTPStatus(err)
	if shown != nil && shown.Status >= 400 && shown.Status <= 599 {
		status = shown.Status
	}
	if err == nil {
		err, status = errors.New("http_report called without an error"), http.StatusInternalServerError
	}
	reportError(w, r, status, err)

	reported := HTTPReportResult{
		Status: status, Title: statusText(status), RequestID: w.Header().Get(RequestIDHeader),
		Code: cmp.Or(core.ErrorCode(err), core.CodeInternal),
	}
	if reported.Code != core.CodeInternal {
		spoken := spokenError(err)
		reported.Detail, reported.Hint, reported.RetryAfter = spoken.Message, spoken.Hint, max(0, spoken.RetryAfter)
	}
	header := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Etag", "Last-Modified"} {
		header.Del(name) // they were meant for the response that failed
	}
	header.Set("Cache-Control", "no-store")
	if reported.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(roundUp(reported.RetryAfter, time.Second), 10))
	}
	return reported
}

// spokenError is the first coded error in err that says more than an Op.
func spokenError(err error) core.Error {
	for {
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded == nil {
			return core.Error{}
		}
		if coded.Code != "" || coded.Message != "" {
			return *coded
		}
		err = coded.Err
	}
}

// errorNoter is the access log's recorder, wherever it is in the chain of
// writers.
type errorNoter interface{ noteError(error) }

func reportError(w http.ResponseWriter, r *http.Request, status int, err error) {
	for inner := w; inner != nil; {
		if noter, ok := inner.(errorNoter); ok {
			noter.noteError(err)
			return
		}
		wrapped, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		inner = wrapped.Unwrap()
	}
	if status >= 500 {
		slog.LogAttrs(r.Context(), slog.LevelError, "http problem", slog.String("method", clipLog(r.Method, 32)),
			slog.String("path", clipLog(r.URL.Path, 1000)), slog.Int("status", status), slog.String("error", clipLog(err.Error(), 4000)))
	}
}

func statusText(status int) string {
	if status == 499 { // nginx's, which core.ErrorHTTPStatus gives for a cancelled call
		return "Client Closed Request"
	}
	return cmp.Or(http.StatusText(status), "HTTP status "+strconv.Itoa(status))
}

func roundUp(d, unit time.Duration) int64 {
	return int64((d-1)/unit) + 1 // no overflow near the longest Duration
}
