package http_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/sse"
)

// serve starts a server that ends with the test.
func serve(t *testing.T, ctx context.Context, cfg fnhttp.HTTPServerConfig) *fnhttp.HTTPServerHandle {
	t.Helper()
	s, err := fnhttp.HTTPServer(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

// get asks once, over a connection of its own.
func get(url string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestHTTPServer_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{Handler: text(""), OnStop: func() {}})
	})
}

func TestHTTPServer_LoopbackByDefaultAndCleanStop(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"", ":0", "127.0.0.1:0", "localhost:0"} {
		s := serve(t, t.Context(), fnhttp.HTTPServerConfig{Handler: text("hello"), Addr: addr})
		host, port, err := net.SplitHostPort(s.Addr().String())
		if err != nil || !net.ParseIP(host).IsLoopback() || port == "0" {
			t.Errorf("%q: listens on %s", addr, s.Addr().String())
		}
		if body, err := get("http://" + s.Addr().String()); body != "hello" || err != nil {
			t.Errorf("%q: %q, %v", addr, body, err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("%q: stop gave %v", addr, err)
		}
		if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
			t.Errorf("%q: it still listens", addr)
		}
	}
}

func TestHTTPServer_BadConfig(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		cfg  fnhttp.HTTPServerConfig
		code core.Code
	}{
		{fnhttp.HTTPServerConfig{}, core.CodeInvalid},
		{fnhttp.HTTPServerConfig{Handler: text(""), Addr: "8080"}, core.CodeInvalid},
		{fnhttp.HTTPServerConfig{Handler: text(""), Addr: "127.0.0.1:99999"}, core.CodeInvalid},
		{fnhttp.HTTPServerConfig{Handler: text(""), Addr: taken.Addr().String()}, core.CodeConflict},
	} {
		_, err := fnhttp.HTTPServer(t.Context(), c.cfg)
		if core.ErrorCode(err) != c.code {
			t.Errorf("%q: got %v, want code %q", c.cfg.Addr, err, c.code)
		}
		if coded, ok := errors.AsType[*core.Error](err); ok && c.cfg.Addr != "" && c.cfg.Addr != "127.0.0.1:99999" && coded.Hint == "" {
			t.Errorf("%q: no hint in %v", c.cfg.Addr, err)
		}
	}
}

func TestHTTPServer_RunningRequestsEndFirst(t *testing.T) {
	t.Parallel()
	running, finish := make(chan struct{}), make(chan struct{})
	type key struct{}
	s := serve(t, context.WithValue(t.Context(), key{}, "value"), fnhttp.HTTPServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-finish
		if r.Context().Err() != nil || r.Context().Value(key{}) != "value" {
			t.Errorf("context: %v, value %v", r.Context().Err(), r.Context().Value(key{}))
		}
		io.WriteString(w, "done")
	})})
	answer := make(chan string, 1)
	go func() {
		body, err := get("http://" + s.Addr().String())
		if err != nil {
			body = err.Error()
		}
		answer <- body
	}()
	<-running
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	for { // until it accepts no more, with the request still running
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("it returned %v before the request had ended", err)
	default:
	}
	close(finish)
	if body := <-answer; body != "done" {
		t.Errorf("the request got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop gave %v", err)
	}
}

func TestHTTPServer_CutsOffAfterTheShutdownTimeout(t *testing.T) {
	t.Parallel()
	running, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, t.Context(), fnhttp.HTTPServerConfig{ShutdownTimeout: 20 * time.Millisecond, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done() // nothing else ends it
		close(ended)
	})})
	failed := make(chan error, 1)
	go func() {
		_, err := get("http://" + s.Addr().String())
		failed <- err
	}()
	<-running
	if err := s.Stop(t.Context()); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("stop gave %v", err)
	}
	<-ended
	if err := <-failed; err == nil {
		t.Error("the client got a whole response")
	}
}

// A Stop that can't wait any longer cuts requests off: a program that stops has
// one deadline for all of its services.
func TestHTTPServer_StopCutsOffAtItsOwnDeadline(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	s := serve(t, t.Context(), fnhttp.HTTPServerConfig{ShutdownTimeout: time.Hour, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
	})})
	go get("http://" + s.Addr().String())
	<-running
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("stop gave %v", err)
	}
	<-s.Done()
	if err := s.Err(); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("it ended with %v", err)
	}
}

// A browser's connection without a request does not hold up the stop.
func TestHTTPServer_UnusedConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, t.Context(), fnhttp.HTTPServerConfig{Handler: text(""), ShutdownTimeout: 4 * time.Second}) // net/http alone takes 5 s
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := get("http://" + s.Addr().String()); err != nil { // by then the first one is accepted, too
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the connection is open: %d, %v", n, err)
	}
}

// Event streams end as soon as the server begins to stop, and leave the rest of
// the program its time.
func TestHTTPServer_OnStopEndsEventStreams(t *testing.T) {
	t.Parallel()
	hub := sse.SSEHandler(t.Context(), sse.SSEHandlerConfig{})
	var server *fnhttp.HTTPServerHandle
	store := &recorded{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	listening := make(chan struct{})
	go func() {
		ended <- service.ServiceRun(ctx, service.ServiceRunConfig{
			StopTimeout: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Services: []service.ServiceRunEntry{
				{Name: "store", Start: store.start},
				{Name: "http", Start: func(ctx context.Context) (service.Service, error) {
					var err error
					server, err = fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{
						Handler: hub, ShutdownTimeout: 30 * time.Second, OnStop: func() { hub.Close() },
					})
					close(listening)
					return server, err
				}},
			},
		})
	}()
	<-listening
	response, err := http.Get("http://" + server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stream := bufio.NewReader(response.Body)
	if line, err := stream.ReadString('\n'); !strings.HasPrefix(line, "retry: ") || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	hub.Publish("", sse.SSEEvent{Data: "last"})
	cancel()
	rest, err := io.ReadAll(stream)
	if !strings.Contains(string(rest), "data: last") || err != nil { // whole, not cut off
		t.Errorf("%q, %v", rest, err)
	}
	if err := <-ended; err != nil || !store.stopped {
		t.Errorf("error %v, the store was stopped: %v", err, store.stopped)
	}
}

// recorded is a service that notes its end.
type recorded struct{ stopped bool }

func (r *recorded) start(ctx context.Context) (service.Service, error) {
	return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "store", Run: func(ctx context.Context) error {
		<-ctx.Done()
		r.stopped = true
		return nil
	}})
}

func TestHTTPServer_Timeouts(t *testing.T) {
	t.Parallel()
	const brief = 30 * time.Millisecond
	for name, c := range map[string]struct {
		cfg  fnhttp.HTTPServerConfig
		send string
		want string // what the response starts with
	}{
		"header too slow": {fnhttp.HTTPServerConfig{ReadHeaderTimeout: brief}, "GET / HTTP/1.1\r\nHost:", ""},
		"body too slow":   {fnhttp.HTTPServerConfig{ReadTimeout: brief}, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx", "HTTP/1.1 418"},
		"idle":            {fnhttp.HTTPServerConfig{IdleTimeout: brief}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"},
		"header too long": {fnhttp.HTTPServerConfig{MaxHeaderBytes: 100, IdleTimeout: brief}, "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", "HTTP/1.1 431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					w.WriteHeader(http.StatusTeapot)
				}
			})
			s := serve(t, t.Context(), c.cfg)
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, c.send)
			// The server closes the connection: without its timeout, this would
			// not return.
			answer, _ := io.ReadAll(conn)
			if !strings.HasPrefix(string(answer), c.want) || c.want == "" && len(answer) > 0 {
				t.Errorf("got %q", answer)
			}
		})
	}
}

func TestHTTPServer_AHandlerLiftsTheTimeouts(t *testing.T) {
	t.Parallel()
	const brief = 50 * time.Millisecond
	handler := func(lift bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if lift {
				if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
					t.Error(err)
				}
			}
			select {
			case <-r.Context().Done():
				t.Error("a timeout ended the request's context")
			case <-time.After(4 * brief): // longer than both timeouts
			}
			io.WriteString(w, "late")
		}
	}
	for _, lift := range []bool{true, false} {
		s := serve(t, t.Context(), fnhttp.HTTPServerConfig{Handler: handler(lift), ReadTimeout: brief, WriteTimeout: brief})
		body, err := get("http://" + s.Addr().String())
		if lifted := body == "late" && err == nil; lifted != lift {
			t.Errorf("lift %v: got %q, %v", lift, body, err)
		}
	}
}

func TestHTTPServer_LogsByGivenLogger(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := serve(t, t.Context(), fnhttp.HTTPServerConfig{Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on fire") })})
	get("http://" + s.Addr().String())
	s.Stop(t.Context())
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "on fire") {
		t.Errorf("logged %q", log.String())
	}
}

func TestHTTPServer_GivenListener(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, t.Context(), fnhttp.HTTPServerConfig{Handler: text("hello"), Listener: listener})
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(line, "200 OK") || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	// A listener that breaks is an error, not a stop.
	listener.Close()
	<-s.Done()
	if err := s.Err(); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

// The URL answers, also where the address is none that one can ask for.
func TestHTTPServer_URL(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPStack(text("hello"), fnhttp.HTTPStackConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"", "127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		s, err := fnhttp.HTTPServer(t.Context(), fnhttp.HTTPServerConfig{Addr: addr, Handler: handler})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := get(s.URL()); body != "hello" || err != nil {
			t.Errorf("%q: %s: %s, %v", addr, s.URL(), body, err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
