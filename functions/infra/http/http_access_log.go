package http

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
	"unicode/utf8"
)

// HTTPAccessLogConfig says where [HTTPAccessLog] writes. The zero value logs to
// slog's default logger.
type HTTPAccessLogConfig struct {
	Logger  *slog.Logger              // nil: slog.Default() at the time of each request
	Observe func(HTTPAccessLogRecord) // called once after each request, before it is logged, for metrics; nil: none
	Skip    func(*http.Request) bool  // requests that are not logged unless they fail (probes); Observe still sees them; nil: none
}

// HTTPAccessLogRecord is what is known of a request when it is over.
type HTTPAccessLogRecord struct {
	Method    string
	Pattern   string        // the pattern that http.ServeMux chose, empty where none matched; safe as a metric label
	Path      string        // without the query
	Status    int           // 200 where the handler set none, 500 where it panicked, 101 after a hijack
	Bytes     int64         // of the body, as the handler wrote it
	Duration  time.Duration // until the handler returned
	Remote    string        // the peer's address and port; behind a proxy, the proxy's
	RequestID string
	Err       error // what HTTPReport or HTTPProblem was given, or that the handler panicked; nil where all went well
}

// HTTPAccessLog logs each request that next has answered, one line of level
// info, or error for a 5xx and a panic. Neither query strings nor headers nor
// bodies are logged: they carry secrets. A path is cut after 1000 bytes, an
// error after 4000.
//
// A request keeps the X-Request-Id it came with if that is up to 64 letters,
// digits, '-', '_' and '.'; otherwise it gets a random one. The ID is set on
// the response before next runs. A panic is logged as a 500 and passed on.
//
// More in http_access_log.md:
//   - The route is known only if no middleware between here and the mux copies
//     the request (r.WithContext): the mux writes it into the request it is
//     given.
//   - Paths are logged.
func HTTPAccessLog(next http.Handler, cfg HTTPAccessLogConfig) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get(RequestIDHeader)
		if !validRequestID(id) {
			id = rand.Text()
		}
		w.Header().Set(RequestIDHeader, id)
		recorder := &accessRecorder{ResponseWriter: w}
		record := HTTPAccessLogRecord{Method: r.Method, Path: r.URL.Path, Remote: r.RemoteAddr, RequestID: id}
		returned := false
		defer func() {
			record.Pattern = r.Pattern // the mux writes it into this very request
			record.Status, record.Bytes, record.Err = recorder.result(returned), recorder.bytes, recorder.err
			record.Duration = time.Since(start)
			if !returned && record.Err == nil {
				record.Err = errHandlerPanicked
			}
			if cfg.Observe != nil {
				cfg.Observe(record)
			}
			if record.failed() || cfg.Skip == nil || !cfg.Skip(r) {
				logAccess(r.Context(), cmp.Or(cfg.Logger, slog.Default()), record)
			}
		}()
		next.ServeHTTP(recorder, r)
		returned = true
	})
}

// errHandlerPanicked stands for the panic's value, which net/http logs with its
// stack, or [HTTPRecover] does.
var errHandlerPanicked = errors.New("the handler panicked")

func (record *HTTPAccessLogRecord) failed() bool {
	return record.Status >= 500 || errors.Is(record.Err, errHandlerPanicked)
}

func logAccess(ctx context.Context, logger *slog.Logger, record HTTPAccessLogRecord) {
	level := slog.LevelInfo
	if record.failed() {
		level = slog.LevelError
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs, slog.String("method", clipLog(record.Method, 32)), slog.String("route", record.Pattern),
		slog.String("path", clipLog(record.Path, 1000)), slog.Int("status", record.Status), slog.Int64("bytes", record.Bytes),
		slog.Duration("duration", record.Duration), slog.String("remote", record.Remote),
		slog.String("request_id", record.RequestID))
	if record.Err != nil {
		attrs = append(attrs, slog.String("error", clipLog(record.Err.Error(), 4000)))
	}
	logger.LogAttrs(ctx, level, "http request", attrs...)
}

// clipLog shortens what comes from outside to so many bytes: a request of 64 kB
// could make a line of several times that, once it is escaped.
func clipLog(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s... (%d bytes)", text[:end], len(text))
}

func validRequestID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// accessRecorder notes what passes through. http.ResponseController finds the
// rest by Unwrap; Flush, Hijack and ReadFrom are here for code that still asks
// the writer itself for them.
type accessRecorder struct {
	http.ResponseWriter
	status   int
	bytes    int64
	err      error
	hijacked net.Conn // what the handler took over; nil: nothing
}

var (
	_ http.Flusher  = (*accessRecorder)(nil)
	_ http.Hijacker = (*accessRecorder)(nil)
	_ io.ReaderFrom = (*accessRecorder)(nil)
	_ errorNoter    = (*accessRecorder)(nil)
)

func (a *accessRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *accessRecorder) noteError(err error) { a.err = err }

func (a *accessRecorder) result(returned bool) int {
	if a.status == 0 && !returned {
		return http.StatusInternalServerError
	}
	return cmp.Or(a.status, http.StatusOK)
}

func (a *accessRecorder) WriteHeader(status int) {
	if a.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // other 1xx are not the response yet
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *accessRecorder) Write(p []byte) (int, error) {
	a.status = cmp.Or(a.status, http.StatusOK)
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// ReadFrom lets net/http send files by sendfile.
func (a *accessRecorder) ReadFrom(r io.Reader) (int64, error) {
	a.status = cmp.Or(a.status, http.StatusOK)
	n, err := io.Copy(a.ResponseWriter, r)
	a.bytes += n
	return n, err
}

func (a *accessRecorder) Flush() { a.FlushError() }

func (a *accessRecorder) FlushError() error {
	err := http.NewResponseController(a.ResponseWriter).Flush()
	if err == nil {
		a.status = cmp.Or(a.status, http.StatusOK) // a flush sends the header
	}
	return err
}

func (a *accessRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.status, a.hijacked = http.StatusSwitchingProtocols, conn
	}
	return conn, rw, err
}
