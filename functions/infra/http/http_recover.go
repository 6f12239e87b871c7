package http

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"

	"fnregistry.dev/functions/core"
)

// HTTPRecoverConfig says where [HTTPRecover] reports panics. The zero value is
// usable.
type HTTPRecoverConfig struct {
	// Logger gets each panic with its stack, at level error. Default:
	// slog.Default() at the time of the panic.
	Logger *slog.Logger
}

// HTTPRecover answers a request whose handler panics with a 500 problem, and
// logs the panic with its stack. Headers that the handler set are dropped: they
// were meant for another response.
//
// A response that has begun can't be taken back: its connection is aborted, so
// that the client sees a response cut short and not one that looks whole. A
// connection that the handler took over is closed. http.ErrAbortHandler passes:
// that is how a handler itself aborts its response.
//
// Put it right inside [HTTPAccessLog], whose line then has the panic's text.
//
// More in http_recover.md:
//   - It recovers only panics of the handler's own goroutine.
//   - A response that gzip or an ETag still buffers counts as not begun: the
//     client gets the 500.
func HTTPRecover(next http.Handler, cfg HTTPRecoverConfig) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := recorderOf(w)
		if recorder == nil {
			recorder = &accessRecorder{ResponseWriter: w}
			w = recorder
		}
		header := maps.Clone(w.Header())
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler {
				panic(value)
			}
			err := &core.Error{Code: core.CodeInternal, Op: "http_recover", Err: fmt.Errorf("%w: %v", errHandlerPanicked, value)}
			cmp.Or(cfg.Logger, slog.Default()).LogAttrs(r.Context(), slog.LevelError, "http handler panicked",
				slog.String("method", clipLog(r.Method, 32)), slog.String("path", clipLog(r.URL.Path, 1000)), slog.String("error", clipLog(err.Error(), 4000)),
				slog.String("request_id", w.Header().Get(RequestIDHeader)), slog.String("stack", string(debug.Stack())))
			if recorder.status != 0 {
				recorder.abort(err)
			}
			clear(w.Header())
			maps.Copy(w.Header(), header)
			HTTPProblem(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// recorderOf finds the access log's recorder in a chain of writers, or nil.
func recorderOf(w http.ResponseWriter) *accessRecorder {
	for {
		if recorder, ok := w.(*accessRecorder); ok {
			return recorder
		}
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = wrapped.Unwrap()
	}
}

// abort ends a response that has begun, for the reason err.
func (a *accessRecorder) abort(err error) {
	a.noteError(err)
	if a.hijacked != nil {
		a.hijacked.Close() // which net/http leaves to the handler
	}
	panic(http.ErrAbortHandler)
}
