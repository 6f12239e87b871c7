package http_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// logBuffer is a log that a server writes and a test reads.
type logBuffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

// accessServer serves mux behind the access log. After stop, log holds all
// lines and records all records.
type accessServer struct {
	*httptest.Server
	log     logBuffer
	records []fnhttp.HTTPAccessLogRecord
	mu      sync.Mutex
	running sync.WaitGroup
}

func newAccessServer(t *testing.T, next http.Handler, skip func(*http.Request) bool) *accessServer {
	t.Helper()
	s := &accessServer{}
	logged := fnhttp.HTTPAccessLog(next, fnhttp.HTTPAccessLogConfig{
		Logger: slog.New(slog.NewJSONHandler(&s.log, nil)), Skip: skip,
		Observe: func(record fnhttp.HTTPAccessLogRecord) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.records = append(s.records, record)
		},
	})
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1) // the server's own Close does not wait for hijacked connections
		defer s.running.Done()
		logged.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // panics are meant
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *accessServer) get(t *testing.T, path string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.Client().Do(request)
	if err != nil {
		return nil, ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response, string(body)
}

// line is the only line of the log, once all requests are over.
func (s *accessServer) line(t *testing.T) map[string]any {
	t.Helper()
	s.Close()
	s.running.Wait()
	var line map[string]any
	if err := json.Unmarshal([]byte(s.log.String()), &line); err != nil {
		t.Fatalf("log %q: %v", s.log.String(), err)
	}
	return line
}

func TestHTTPAccessLog_LineHasWhatWeNeedAndNoSecrets(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /units/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "hello")
	})
	s := newAccessServer(t, mux, nil)
	response, _ := s.get(t, "/units/7?token=s3cret", "Authorization", "Bearer s3cret", "Cookie", "a=s3cret", "User-Agent", "s3cret")
	line := s.line(t)
	for name, want := range map[string]any{"level": "INFO", "msg": "http request", "method": "GET", "route": "GET /units/{id}",
		"path": "/units/7", "status": 202.0, "bytes": 5.0, "request_id": response.Header.Get("X-Request-Id")} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if line["duration"].(float64) <= 0 || !strings.HasPrefix(line["remote"].(string), "127.0.0.1:") || line["error"] != nil {
		t.Errorf("line %v", line)
	}
	if strings.Contains(s.log.String(), "s3cret") {
		t.Errorf("a secret was logged: %s", s.log.String())
	}
}

// What a request can make the log write is bounded, though escaping makes it
// longer.
func TestHTTPAccessLog_LongPath(t *testing.T) {
	t.Parallel()
	var log logBuffer
	handler := fnhttp.HTTPAccessLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fnhttp.HTTPProblem(w, r, &core.Error{Code: core.CodeNotFound, Message: "no file " + r.URL.Path})
	}), fnhttp.HTTPAccessLogConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := httptest.NewRequest("GET", "/x", nil)
	r.URL.Path, r.Method = "/é"+strings.Repeat("\x00", 60_000), strings.Repeat("M", 60_000)
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if text := log.String(); len(text) > 30_000 || !strings.Contains(text, "/é") || !strings.Contains(text, "(60003 bytes)") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
}

func TestHTTPAccessLog_RequestID(t *testing.T) {
	t.Parallel()
	for given, kept := range map[string]bool{"abc-1_2.3": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"a b": false, `a"b`: false, "ü": false, "": false} {
		s := newAccessServer(t, http.NotFoundHandler(), nil)
		response, _ := s.get(t, "/", "X-Request-Id", given)
		got := response.Header.Get("X-Request-Id")
		if (got == given) != kept || len(got) < 8 {
			t.Errorf("%q gave %q", given, got)
		}
	}
}

func TestHTTPAccessLog_TellsTheErrorBehindAProblem(t *testing.T) {
	t.Parallel()
	failing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fnhttp.HTTPProblem(w, r, &core.Error{Op: "db_read", Err: errors.New("disk on fire")})
	})
	// Through two other writers of this package, which it looks behind.
	s := newAccessServer(t, fnhttp.HTTPGzip(fnhttp.HTTPConditional(failing, fnhttp.HTTPConditionalConfig{}), fnhttp.HTTPGzipConfig{}), nil)
	_, body := s.get(t, "/")
	line := s.line(t)
	if line["error"] != "db_read: disk on fire" || line["level"] != "ERROR" || line["status"] != 500.0 {
		t.Errorf("line %v", line)
	}
	if strings.Contains(body, "fire") {
		t.Errorf("the client was told: %s", body)
	}
}

func TestHTTPAccessLog_Panic(t *testing.T) {
	t.Parallel()
	s := newAccessServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }), func(*http.Request) bool { return true })
	if response, _ := s.get(t, "/"); response != nil {
		t.Errorf("got %d, want the connection cut", response.StatusCode)
	}
	if line := s.line(t); line["status"] != 500.0 || line["level"] != "ERROR" || line["error"] != "the handler panicked" {
		t.Errorf("line %v", line)
	}
}

func TestHTTPAccessLog_SkipAndObserve(t *testing.T) {
	t.Parallel()
	s := newAccessServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(500)
		}
	}), func(*http.Request) bool { return true })
	s.get(t, "/healthz")
	s.get(t, "/broken")
	if line := s.line(t); line["path"] != "/broken" { // the only line
		t.Errorf("line %v", line)
	}
	if len(s.records) != 2 || s.records[0].Path != "/healthz" || s.records[0].Status != 200 || s.records[1].Status != 500 || s.records[0].Duration <= 0 {
		t.Errorf("observed %+v", s.records)
	}
}

func TestHTTPAccessLog_FilesAndStreams(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	continued := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints) // not the response yet
		w.(http.Flusher).Flush()
		<-continued
		io.WriteString(w, "later")
	})
	s := newAccessServer(t, mux, nil)
	if _, body := s.get(t, "/file"); len(body) != 100_000 {
		t.Errorf("got %d bytes", len(body))
	}
	response, err := s.Client().Get(s.URL + "/stream") // returns only because of the flush
	if err != nil {
		t.Fatal(err)
	}
	close(continued)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	s.Close()
	s.running.Wait()
	if len(s.records) != 2 || s.records[0].Bytes != 100_000 || s.records[1].Bytes != 5 || s.records[1].Status != 200 {
		t.Errorf("observed %+v", s.records)
	}
}

func TestHTTPAccessLog_Hijack(t *testing.T) {
	t.Parallel()
	s := newAccessServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nraw")
		conn.Close()
	}), nil)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
	answer, _ := io.ReadAll(bufio.NewReader(conn))
	if !strings.HasSuffix(string(answer), "raw") {
		t.Errorf("got %q", answer)
	}
	if line := s.line(t); line["status"] != 101.0 {
		t.Errorf("line %v", line)
	}
}

func BenchmarkHTTPAccessLog(b *testing.B) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"none", next},
		{"http_access_log", fnhttp.HTTPAccessLog(next, fnhttp.HTTPAccessLogConfig{Logger: logger})},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				c.handler.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
