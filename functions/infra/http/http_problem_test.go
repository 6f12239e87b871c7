package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// problem is the response to a GET /units/a%20b?token=s3cret that fails with
// err, with its body decoded.
func problem(t *testing.T, err error) (*http.Response, map[string]any) {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fnhttp.HTTPProblem(w, r, err) })
	return getJSON(t, handler, "/units/a%20b?token=s3cret")
}

// getJSON asks a real server over a real connection.
func getJSON(t *testing.T, handler http.Handler, path string) (*http.Response, map[string]any) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return response, decodeBody(t, response)
}

func decodeBody(t *testing.T, response *http.Response) map[string]any {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatalf("%d with body %q: %v", response.StatusCode, body, err)
	}
	return members
}

func wantMembers(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if !bytes.Equal(gotText, wantText) {
		t.Errorf("members:\n got %s\nwant %s", gotText, wantText)
	}
}

func TestHTTPProblem_CodedError(t *testing.T) {
	t.Parallel()
	response, members := problem(t, fmt.Errorf("wrapped: %w", &core.Error{
		Code: core.CodeNotFound, Op: "units_get /secret/path", Message: "no such unit", Hint: "list them with fn find", Err: errors.New("cause"),
	}))
	if response.StatusCode != 404 || response.Header.Get("Content-Type") != "application/problem+json" ||
		response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d with %v", response.StatusCode, response.Header)
	}
	wantMembers(t, members, map[string]any{"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
		"detail": "no such unit", "hint": "list them with fn find", "instance": "/units/a%20b"})
}

func TestHTTPProblem_InternalErrorsLeakNothing(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"plain":         errors.New("dial 10.0.0.3: s3cret"),
		"code internal": &core.Error{Code: core.CodeInternal, Message: "s3cret", Hint: "s3cret", Err: errors.New("s3cret")},
		"zero code":     &core.Error{Message: "s3cret"},
		"unknown code":  fmt.Errorf("s3cret: %w", &core.Error{Err: errors.New("s3cret")}),
		"nil":           nil,
	} {
		response, members := problem(t, err)
		if response.StatusCode != 500 {
			t.Errorf("%s: got %d", name, response.StatusCode)
		}
		wantMembers(t, members, map[string]any{"type": "about:blank", "title": "Internal Server Error", "status": 500,
			"code": "internal", "instance": "/units/a%20b"})
	}
}

func TestHTTPProblem_CauseOfAnOpIsShown(t *testing.T) {
	t.Parallel()
	inner := &core.Error{Code: core.CodeConflict, Message: "it exists"}
	response, members := problem(t, &core.Error{Op: "unit_save", Err: inner})
	if response.StatusCode != 409 || members["detail"] != "it exists" {
		t.Errorf("got %d, %v", response.StatusCode, members)
	}
}

func TestHTTPProblem_RetryAfter(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]struct {
		header string
		ms     float64
	}{
		1500 * time.Millisecond: {"2", 1500},
		time.Nanosecond:         {"1", 1},
		3 * time.Second:         {"3", 3000},
	} {
		response, members := problem(t, &core.Error{Code: core.CodeLimited, Message: "slow down", RetryAfter: wait})
		if response.StatusCode != 429 || response.Header.Get("Retry-After") != want.header || members["retry_after_ms"] != want.ms {
			t.Errorf("%v: got %d, header %q, member %v", wait, response.StatusCode, response.Header.Get("Retry-After"), members["retry_after_ms"])
		}
	}
}

func TestHTTPProblem_ContextErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{context.Canceled: "Client Closed Request", context.DeadlineExceeded: "Gateway Timeout"} {
		if _, members := problem(t, err); members["title"] != want {
			t.Errorf("%v: got %v", err, members)
		}
	}
}

func TestHTTPProblem_ReplacesHeadersOfTheAnswerThatFailed(t *testing.T) {
	t.Parallel()
	response, members := getJSON(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{"Content-Length": "99999", "Content-Encoding": "br", "ETag": `"x"`,
			"Last-Modified": "Sun, 01 Mar 2026 12:00:30 GMT", "Cache-Control": "public", "X-Request-Id": "abc"} {
			w.Header().Set(name, value)
		}
		fnhttp.HTTPProblem(w, r, &core.Error{Code: core.CodeInvalid, Message: "no"})
	}), "/")
	for _, name := range []string{"Content-Encoding", "ETag", "Last-Modified"} {
		if response.Header.Get(name) != "" {
			t.Errorf("%s is still %q", name, response.Header.Get(name))
		}
	}
	if response.Header.Get("Cache-Control") != "no-store" || members["request_id"] != "abc" {
		t.Errorf("got %v, %v", response.Header, members)
	}
}

func TestHTTPProblem_LogsFailuresWithoutAnAccessLog(t *testing.T) {
	// Not parallel: it changes slog's default logger.
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	request := httptest.NewRequest("GET", "/x?token=s3cret", nil)
	fnhttp.HTTPProblem(httptest.NewRecorder(), request, &core.Error{Code: core.CodeNotFound})
	if log.Len() > 0 {
		t.Errorf("a 404 was logged: %s", log.String())
	}
	fnhttp.HTTPProblem(httptest.NewRecorder(), request, errors.New("disk on fire"))
	if line := log.String(); !bytes.Contains(log.Bytes(), []byte(`error="disk on fire"`)) || bytes.Contains(log.Bytes(), []byte("s3cret")) {
		t.Errorf("logged %s", line)
	}
}
