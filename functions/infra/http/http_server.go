package http

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

// HTTPServerConfig says what [HTTPServer] serves, and how patiently. A negative
// timeout is none at all.
type HTTPServerConfig struct {
	Handler http.Handler // required
	// Addr is host:port. Empty: 127.0.0.1:0, a free port. An empty host is
	// 127.0.0.1, too; for all interfaces write 0.0.0.0 or [::].
	Addr string
	// Listener is taken instead of Addr: a Unix socket, TLS, an inherited one.
	// The server closes it.
	Listener net.Listener
	// OnStop is called once, in a goroutine of its own, as soon as the server
	// begins to stop, so that it can end what has no end of its own: event
	// streams, by their hub's Close. The server has not stopped before OnStop
	// has returned. nil: there is no such thing.
	OnStop func()

	ReadHeaderTimeout time.Duration // zero: 5 s
	ReadTimeout       time.Duration // for a whole request with its body; zero: 30 s
	WriteTimeout      time.Duration // from the end of the request's header to the end of the response; zero: 60 s
	IdleTimeout       time.Duration // between two requests of a connection; zero: 120 s
	// ShutdownTimeout is how long running requests may take to end once the
	// server stops. Zero: 5 s, half of what service_run has for all services.
	// Negative: no time at all.
	ShutdownTimeout time.Duration
	MaxHeaderBytes  int          // zero: 64 KiB
	Logger          *slog.Logger // gets net/http's own log (panics, TLS errors) as warnings; nil: slog.Default()
}

// HTTPServerHandle is a running server. Its Stop, Done and Err are those of
// [service.Service].
type HTTPServerHandle struct {
	*service.ServiceStartHandle
	addr   net.Addr
	cutOff context.CancelFunc // ends the patience with running requests
}

var _ service.Service = (*HTTPServerHandle)(nil)

// HTTPServer listens, on loopback unless told otherwise, and serves in the
// background until Stop is called or ctx is done. When it returns, connections
// are accepted. The caller stops it.
//
// To stop, the server accepts no more connections, calls OnStop, and lets
// running requests end for up to ShutdownTimeout; those that are left are cut
// off, which makes Err and Stop return CodeTimeout. A Stop whose context ends
// earlier cuts them off then.
//
// Requests' contexts carry ctx's values, but are not cancelled with it: they
// end when the client leaves or the shutdown's time is over. A handler that
// takes longer than WriteTimeout, or streams, sets its own deadline by
// http.NewResponseController(w): SetWriteDeadline with the zero time for none,
// or with a new one before each write, as SSEHandler does. So does one that
// reads a body for longer than ReadTimeout, by SetReadDeadline; once the body
// is read, that timeout is over.
//
// Errors: CodeInvalid for a bad config or address, CodeConflict for an address
// in use, CodeForbidden for a port it may not take. Err has CodeUnavailable for
// a listener that broke.
//
// More in http_server.md:
//   - A handler that takes longer than WriteTimeout loses its response without
//     an error: net/http closes the connection.
//   - ReadTimeout is for reading the request.
func HTTPServer(ctx context.Context, cfg HTTPServerConfig) (*HTTPServerHandle, error) {
	op := "http_server listen addr=" + cmp.Or(cfg.Addr, "127.0.0.1:0")
	if cfg.Handler == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no handler"}
	}
	listener, err := cfg.listen(ctx, op)
	if err != nil {
		return nil, err
	}
	patience, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	s := &serving{cfg: &cfg, listener: listener, patience: patience, fresh: map[net.Conn]struct{}{}}
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "http_server", Run: s.run})
	if err != nil {
		cutOff()
		return nil, errors.Join(err, listener.Close())
	}
	return &HTTPServerHandle{running, listener.Addr(), cutOff}, nil
}

// Addr is where the server listens.
func (h *HTTPServerHandle) Addr() net.Addr { return h.addr }

// URL is an address for people and programs on this machine, as
// http://127.0.0.1:8787. It is the loopback one where the server listens on all
// interfaces: 0.0.0.0 and [::] are no hosts that [HTTPStack] answers. It is of
// no use for a Listener of another kind than plain TCP.
func (h *HTTPServerHandle) URL() string {
	addr := h.addr.String()
	if tcp, ok := h.addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return "http://" + addr
}

// Stop stops the server and waits until it has stopped or ctx is done; then it
// cuts off what still runs. See [service.Service].
func (h *HTTPServerHandle) Stop(ctx context.Context) error {
	err := h.ServiceStartHandle.Stop(ctx)
	h.cutOff()
	return err
}

// serving is a server at work.
type serving struct {
	cfg      *HTTPServerConfig
	listener net.Listener
	patience context.Context // with running requests; ends with a Stop that can't wait

	mu    sync.Mutex
	fresh map[net.Conn]struct{} // connections without a request so far
}

// run serves until ctx is done, and stops.
func (s *serving) run(ctx context.Context) error {
	op := "http_server serve addr=" + s.listener.Addr().String()
	base, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	server := s.server(base)
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	var broken error
	select {
	case broken = <-served:
	case <-ctx.Done():
	}

	var told sync.WaitGroup
	if s.cfg.OnStop != nil {
		told.Go(s.cfg.OnStop)
	}
	defer told.Wait() // after the cut, which ends what it may wait for
	err := s.shutdown(server)
	if err != nil {
		endRequests()
		server.Close()
	}
	switch {
	case broken != nil:
		return &core.Error{Code: core.CodeUnavailable, Op: op, Message: "stopped accepting connections", Err: broken}
	case err != nil:
		<-served
		return &core.Error{Code: core.CodeTimeout, Op: op, Message: "requests were still running at the end of the shutdown, and were cut off"}
	}
	<-served
	return nil
}

// mostFresh is how long a connection may take to its first request while the
// server stops. Browsers open some for requests that they may never send, and
// net/http would wait 5 s for them.
const mostFresh = time.Second

// shutdown waits until the running requests have ended. It returns an error
// where some have not in time.
func (s *serving) shutdown(server *http.Server) error {
	wait := cmp.Or(s.cfg.ShutdownTimeout, 5*time.Second)
	ctx, cancel := context.WithTimeout(s.patience, wait)
	defer cancel()
	closing := time.AfterFunc(min(mostFresh, wait/2), s.closeFresh)
	defer closing.Stop()
	err := server.Shutdown(ctx)
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return nil // all have ended; what else Shutdown returns is about the listener, and it is closed
	}
	return err
}

// noteState keeps track of the connections without a request.
func (s *serving) noteState(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.fresh[conn] = struct{}{}
	} else {
		delete(s.fresh, conn)
	}
}

func (s *serving) closeFresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.fresh {
		conn.Close()
	}
}

func (cfg *HTTPServerConfig) listen(ctx context.Context, op string) (net.Listener, error) {
	if cfg.Listener != nil {
		return cfg.Listener, nil
	}
	host, port, err := net.SplitHostPort(cmp.Or(cfg.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Hint: "write host:port, such as 127.0.0.1:8787", Err: err}
	}
	var config net.ListenConfig
	listener, err := config.Listen(context.WithoutCancel(ctx), "tcp", net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port))
	if err == nil {
		return listener, nil
	}
	failed := &core.Error{Code: core.CodeInvalid, Op: op, Err: err}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		failed.Code, failed.Hint = core.CodeConflict, "another program listens there: stop it, or choose another port (port 0 takes a free one)"
	case errors.Is(err, syscall.EACCES):
		failed.Code, failed.Hint = core.CodeForbidden, "ports below 1024 need a privilege: choose a higher one"
	}
	return nil, failed
}

func (s *serving) server(base context.Context) *http.Server {
	cfg := s.cfg
	logger := cmp.Or(cfg.Logger, slog.Default())
	return &http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: cmp.Or(cfg.ReadHeaderTimeout, 5*time.Second),
		ReadTimeout:       cmp.Or(cfg.ReadTimeout, 30*time.Second),
		WriteTimeout:      cmp.Or(cfg.WriteTimeout, time.Minute),
		IdleTimeout:       cmp.Or(cfg.IdleTimeout, 2*time.Minute),
		MaxHeaderBytes:    cmp.Or(cfg.MaxHeaderBytes, 64<<10),
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnState:         s.noteState,
	}
}
