package http

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"fnregistry.dev/functions/core"
)

// RequestIDHeader carries a request's ID. [HTTPAccessLog] sets it on the
// answer, [HTTPProblem] repeats it there.
const RequestIDHeader = "X-Request-Id"

// HTTPProblem answers a request that failed with err as problem JSON (RFC 9457)
// and reports err to the access log, or to slog's default logger where
// [HTTPAccessLog] is not in the chain and the status is 5xx. It must be the
// only answer: nothing may have been written before.
//
// The status is that of the error's code. The members are type, title, status,
// detail, instance (the request's path), code, hint, retry_after_ms and
// request_id, each left out where empty, and the Members of an
// [HTTPProblemError]. Detail and hint are Message and Hint of the first
// *core.Error that says more than an Op: Op and cause stay inside. An internal
// error, and any error that has no code, says nothing but its status.
// RetryAfter becomes a Retry-After header too, in whole seconds rounded up.
//
// More in http_problem.md:
//   - Message and Hint go to strangers, Op and Err never do.
//   - It must be the whole answer: after a first Write the status is out, and
//     net/http logs a superfluous WriteHeader.
func HTTPProblem(w http.ResponseWriter, r *http.Request, err error) {
	shown, _ := errors.AsType[*HTTPProblemError](err)
	if shown == nil {
		shown = &HTTPProblemError{}
	}
	status := shown.Status
	if status < 400 || status > 599 {
		status = core.ErrorHTTPStatus(err)
	}
	if err == nil {
		err, status = errors.New("http_problem called without an error"), http.StatusInternalServerError
	}
	reportError(w, r, status, err)

	members := maps.Clone(shown.Members)
	if members == nil {
		members = map[string]any{}
	}
	set := func(name, value string) {
		delete(members, name)
		if value != "" {
			members[name] = value
		}
	}
	set("type", cmp.Or(shown.Type, "about:blank"))
	set("title", cmp.Or(shown.Title, statusText(status)))
	set("instance", r.URL.EscapedPath())
	set("request_id", w.Header().Get(RequestIDHeader))
	code := cmp.Or(core.ErrorCode(err), core.CodeInternal)
	set("code", string(code))
	var detail core.Error
	if code != core.CodeInternal {
		detail = spokenError(err)
	}
	set("detail", detail.Message)
	set("hint", detail.Hint)
	members["status"] = status
	delete(members, "retry_after_ms")
	if detail.RetryAfter > 0 {
		members["retry_after_ms"] = roundUp(detail.RetryAfter, time.Millisecond)
		w.Header().Set("Retry-After", strconv.FormatInt(roundUp(detail.RetryAfter, time.Second), 10))
	}
	writeProblem(w, status, members)
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

func writeProblem(w http.ResponseWriter, status int, members map[string]any) {
	body, err := json.Marshal(members)
	if err != nil { // a member that JSON can't hold; the standard ones always can
		body, _ = json.Marshal(map[string]any{"type": members["type"], "title": members["title"], "status": status})
	}
	header := w.Header()
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified"} {
		header.Del(name) // they were meant for the answer that failed
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // a client that went away is nobody to tell
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
		slog.LogAttrs(r.Context(), slog.LevelError, "http problem", slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.Int("status", status), slog.String("error", err.Error()))
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
