package http_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPReport_ShowsAndLogs(t *testing.T) {
	t.Parallel()
	secret := &core.Error{Code: core.CodeUnavailable, Op: "dial db1", Message: "the store is down", Hint: "ask again", RetryAfter: 1500 * time.Millisecond,
		Err: errors.New("password wrong")}
	for name, c := range map[string]struct {
		err   error
		want  fnhttp.HTTPReportResult
		after string
	}{
		"coded": {secret, fnhttp.HTTPReportResult{
			Status: 503, Title: "Service Unavailable", Code: core.CodeUnavailable, Detail: "the store is down", Hint: "ask again", RetryAfter: 1500 * time.Millisecond,
		}, "2"},
		"another status": {&fnhttp.HTTPProblemError{Status: 418, Err: secret}, fnhttp.HTTPReportResult{
			Status: 418, Title: "I'm a teapot", Code: core.CodeUnavailable, Detail: "the store is down", Hint: "ask again", RetryAfter: 1500 * time.Millisecond,
		}, "2"},
		"internal": {&core.Error{Code: core.CodeInternal, Message: "at line 7", Hint: "x", RetryAfter: time.Second}, fnhttp.HTTPReportResult{
			Status: 500, Title: "Internal Server Error", Code: core.CodeInternal,
		}, ""},
		"no code":  {errors.New("at line 7"), fnhttp.HTTPReportResult{Status: 500, Title: "Internal Server Error", Code: core.CodeInternal}, ""},
		"canceled": {context.Canceled, fnhttp.HTTPReportResult{Status: 499, Title: "Client Closed Request", Code: core.CodeCanceled}, ""},
		"none":     {nil, fnhttp.HTTPReportResult{Status: 500, Title: "Internal Server Error", Code: core.CodeInternal}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged string
			handler := fnhttp.HTTPAccessLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, name := range []string{"Etag", "Last-Modified", "Content-Encoding", "Content-Length"} {
					w.Header().Set(name, "x")
				}
				got := fnhttp.HTTPReport(w, r, c.err)
				if got.RequestID == "" || got.RequestID != w.Header().Get(fnhttp.RequestIDHeader) {
					t.Errorf("request ID %q", got.RequestID)
				}
				if got.RequestID = ""; got != c.want {
					t.Errorf("got %+v", got)
				}
				w.WriteHeader(got.Status)
			}), fnhttp.HTTPAccessLogConfig{Logger: slog.New(slog.DiscardHandler), Observe: func(r fnhttp.HTTPAccessLogRecord) {
				if r.Err != nil {
					logged = r.Err.Error()
				}
			}})
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
			header := answer.Result().Header
			if header.Get("Retry-After") != c.after || header.Get("Cache-Control") != "no-store" {
				t.Errorf("header %v", header)
			}
			if header.Get("Etag")+header.Get("Last-Modified")+header.Get("Content-Encoding")+header.Get("Content-Length") != "" {
				t.Errorf("headers of the response that failed: %v", header)
			}
			if logged == "" || c.err != nil && logged != c.err.Error() {
				t.Errorf("logged %q", logged)
			}
		})
	}
}
