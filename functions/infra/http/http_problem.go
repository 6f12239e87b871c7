package http

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// HTTPProblem reports err by [HTTPReport] and answers the request with what
// that shows of it, as problem JSON (RFC 9457). It must be the only response:
// nothing may have been written before.
//
// The members are type, title, status, detail, instance (the request's path),
// code, hint, retry_after_ms and request_id, each left out where empty, and the
// Members of an [HTTPProblemError].
//
// More in http_problem.md:
//   - Message and Hint are sent to clients, Op and Err never are.
//   - It must be the whole response: after a first Write the status is out, and
//     net/http logs a superfluous WriteHeader.
func HTTPProblem(w http.ResponseWriter, r *http.Request, err error) {
	reported := HTTPReport(w, r, err)
	shown, _ := errors.AsType[*HTTPProblemError](err)
	if shown == nil {
		shown = &HTTPProblemError{}
	}
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
	set("title", cmp.Or(shown.Title, reported.Title))
	set("instance", r.URL.EscapedPath())
	set("request_id", reported.RequestID)
	set("code", string(reported.Code))
	set("detail", reported.Detail)
	set("hint", reported.Hint)
	members["status"] = reported.Status
	delete(members, "retry_after_ms")
	if reported.RetryAfter > 0 {
		members["retry_after_ms"] = roundUp(reported.RetryAfter, time.Millisecond)
	}
	writeProblem(w, reported.Status, members)
}

func writeProblem(w http.ResponseWriter, status int, members map[string]any) {
	body, err := json.Marshal(members)
	if err != nil { // a member that JSON can't hold; the standard ones always can
		body, _ = json.Marshal(map[string]any{"type": members["type"], "title": members["title"], "status": status})
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // error ignored: the client is gone
}
