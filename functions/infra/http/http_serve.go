package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPServeConfig is what [HTTPServe] serves, and how patiently. A negative
// timeout is none at all.
type HTTPServeConfig struct {
	Handler           http.Handler   // required
	Addr              string         // host:port; empty: 127.0.0.1:0, a free port. ":8080" is 127.0.0.1:8080; for all interfaces write 0.0.0.0 or [::]
	Listener          net.Listener   // taken instead of Addr, for a Unix socket, TLS or an inherited one; HTTPServe closes it
	OnListen          func(net.Addr) // told the real address once, when connections are accepted; nil disables it
	ReadHeaderTimeout time.Duration  // zero: 5 s
	ReadTimeout       time.Duration  // for a whole request with its body; zero: 30 s
	WriteTimeout      time.Duration  // from the end of the request's header to the end of the answer; zero: 60 s
	IdleTimeout       time.Duration  // between two requests of a connection; zero: 120 s
	ShutdownTimeout   time.Duration  // for running requests to end, once ctx is done; zero: 10 s; negative: none is given
	MaxHeaderBytes    int            // zero: 64 KiB
	Logger            *slog.Logger   // gets net/http's own log (panics, TLS errors) as warnings; nil: slog.Default()
}

// HTTPServe listens, on loopback unless told otherwise, and serves until ctx is
// done. Then it accepts no more, lets running requests end for up to
// ShutdownTimeout, and returns nil, or CodeTimeout when it had to cut some off.
//
// Requests' contexts carry ctx's values, but are not cancelled with it: they
// end when the client leaves or the shutdown's time is over. A handler that
// runs without end watches ctx itself, or it holds up every shutdown. A handler
// that takes longer than WriteTimeout, or streams, sets its own deadline by
// http.NewResponseController(w): SetWriteDeadline with the zero time for none,
// or with a new one before each write, as SSEHandler does. So does one that
// reads a body for longer than ReadTimeout, by SetReadDeadline; once the body
// is read, that timeout is over.
//
// Errors before serving: CodeInvalid for a bad config or address, CodeConflict
// for an address in use, CodeForbidden for a port it may not take; later ones
// of the listener are CodeUnavailable.
//
// More in http_serve.md:
//   - A handler that takes longer than WriteTimeout loses its answer, without
//     an error of its own: net/http closes the connection.
//   - ReadTimeout is for reading the request.
func HTTPServe(ctx context.Context, cfg HTTPServeConfig) error {
	op := "http_serve " + cmp.Or(cfg.Addr, "127.0.0.1:0")
	if cfg.Handler == nil {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "no handler"}
	}
	listener, err := cfg.listen(ctx, op)
	if err != nil {
		return err
	}
	op = "http_serve " + listener.Addr().String()
	base, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	server := cfg.server(base)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if cfg.OnListen != nil {
		cfg.OnListen(listener.Addr())
	}
	select {
	case err := <-served:
		server.Close()
		return &core.Error{Code: core.CodeUnavailable, Op: op, Message: "stopped accepting connections", Err: err}
	case <-ctx.Done():
	}

	wait := cmp.Or(cfg.ShutdownTimeout, 10*time.Second)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	err = server.Shutdown(deadline)
	if err != nil {
		cutOff()
		server.Close()
	}
	<-served
	if errors.Is(err, context.DeadlineExceeded) {
		return &core.Error{Code: core.CodeTimeout, Op: op, Message: fmt.Sprintf("requests were still running %v after the stop, and were cut off", wait)}
	}
	return nil // what else Shutdown returns is about closing the listener, and it is closed
}

func (cfg *HTTPServeConfig) listen(ctx context.Context, op string) (net.Listener, error) {
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

func (cfg *HTTPServeConfig) server(base context.Context) *http.Server {
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
	}
}
