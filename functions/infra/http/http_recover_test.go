package http_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// panicking serves a handler behind HTTPRecover, within an access log or not.
// What net/http itself logs of a panic is in served.
type panicking struct {
	*httptest.Server
	log, served logBuffer
}

func newPanicking(t *testing.T, handler http.HandlerFunc, accessLog bool) *panicking {
	t.Helper()
	s := &panicking{}
	logger := slog.New(slog.NewJSONHandler(&s.log, nil))
	stack := fnhttp.HTTPRecover(handler, fnhttp.HTTPRecoverConfig{Logger: logger})
	if accessLog {
		stack = fnhttp.HTTPAccessLog(stack, fnhttp.HTTPAccessLogConfig{Logger: logger})
	}
	s.Server = httptest.NewUnstartedServer(stack)
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&s.served, nil), slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestHTTPRecover_Answers500(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"text": "s3cret", "error": errors.New("s3cret"), "coded": &core.Error{Code: core.CodeNotFound, Message: "s3cret"},
		"type that can't be compared": []string{"s3cret"},
	} {
		for _, accessLog := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newPanicking(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Set-Cookie", "session=1")
					w.Header().Set("Content-Type", "text/html")
					w.Header().Set("Cache-Control", "public, max-age=3600")
					panic(value)
				}, accessLog)
				response, err := s.Client().Get(s.URL + "/x")
				if err != nil {
					t.Fatal(err)
				}
				problem := decodeBody(t, response)
				delete(problem, "request_id")
				wantMembers(t, problem, map[string]any{
					"type": "about:blank", "status": 500.0, "code": "internal", "title": "Internal Server Error", "instance": "/x",
				})
				if response.Header.Get("Set-Cookie") != "" || response.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("headers of the response that was not: %v", response.Header)
				}
				s.Close()
				log := s.log.String()
				if !strings.Contains(log, "the handler panicked: ") || !strings.Contains(log, "http_recover_test.go") || !strings.Contains(log, "s3cret") {
					t.Errorf("the log lacks the panic or its stack: %s", log)
				}
				if accessLog && !strings.Contains(log, `"status":500`) || s.served.String() != "" {
					t.Errorf("log %s, net/http's %s", log, s.served.String())
				}
			})
		}
	}
}

// What has begun is cut short, so that no client takes it for whole.
func TestHTTPRecover_AbortsWhatHasBegun(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(http.ResponseWriter){
		"written": func(w http.ResponseWriter) { io.WriteString(w, "one byte and more") },
		"flushed": func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"status":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
	} {
		for _, accessLog := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newPanicking(t, func(w http.ResponseWriter, _ *http.Request) {
					begin(w)
					panic("too late")
				}, accessLog)
				response, err := s.Client().Get(s.URL)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				if err == nil {
					t.Errorf("got a whole response: %q", body)
				}
				s.Close()
				if log := s.log.String(); !strings.Contains(log, "the handler panicked: too late") || accessLog && !strings.Contains(log, `"msg":"http request"`) || strings.Contains(log, `"level":"INFO"`) {
					t.Errorf("log %s", log)
				}
				if s.served.String() != "" {
					t.Errorf("net/http logged it again: %s", s.served.String())
				}
			})
		}
	}
}

// A connection that was taken over is nobody's after a panic: it is closed.
func TestHTTPRecover_ClosesWhatWasTakenOver(t *testing.T) {
	t.Parallel()
	s := newPanicking(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		}
		panic("after the hijack")
	}, true)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

func TestHTTPRecover_LetsAbortsPass(t *testing.T) {
	t.Parallel()
	s := newPanicking(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false)
	if response, err := s.Client().Get(s.URL); err == nil {
		t.Errorf("got %s", response.Status)
	}
	s.Close()
	if s.log.String() != "" || s.served.String() != "" {
		t.Errorf("an abort was logged: %s%s", s.log.String(), s.served.String())
	}
}

// Held back by gzip or for an ETag is not sent: the 500 can still go out.
func TestHTTPRecover_BehindBuffers(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPGzip(fnhttp.HTTPConditional(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "held")
		panic("while it is held")
	}), fnhttp.HTTPConditionalConfig{}), fnhttp.HTTPGzipConfig{})
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set("Accept-Encoding", "gzip")
	fnhttp.HTTPRecover(handler, fnhttp.HTTPRecoverConfig{Logger: slog.New(slog.DiscardHandler)}).ServeHTTP(recorder, request)
	if recorder.Code != 500 || strings.Contains(recorder.Body.String(), "held") || recorder.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d %v %s", recorder.Code, recorder.Header(), recorder.Body)
	}
}
