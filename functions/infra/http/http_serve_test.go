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
)

// serving is a server that runs, and how to end it.
type serving struct {
	addr string
	stop context.CancelFunc
	done chan error // gets what HTTPServe returned
}

func serve(t *testing.T, ctx context.Context, cfg fnhttp.HTTPServeConfig) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	s := &serving{stop: cancel, done: make(chan error, 1)}
	addr := make(chan net.Addr, 1)
	cfg.OnListen = func(a net.Addr) { addr <- a }
	go func() { s.done <- fnhttp.HTTPServe(ctx, cfg) }()
	t.Cleanup(cancel)
	select {
	case a := <-addr:
		s.addr = a.String()
	case err := <-s.done:
		t.Fatalf("it did not start: %v", err)
	}
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

// A program runs it as a service by service_start.
func TestHTTPServe_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "http", Run: func(ctx context.Context) error {
			return fnhttp.HTTPServe(ctx, fnhttp.HTTPServeConfig{Handler: text("")})
		}})
	})
}

func TestHTTPServe_LoopbackByDefaultAndCleanStop(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"", ":0", "127.0.0.1:0", "localhost:0"} {
		s := serve(t, t.Context(), fnhttp.HTTPServeConfig{Handler: text("hello"), Addr: addr})
		host, port, err := net.SplitHostPort(s.addr)
		if err != nil || !net.ParseIP(host).IsLoopback() || port == "0" {
			t.Errorf("%q: listens on %s", addr, s.addr)
		}
		if body, err := get("http://" + s.addr); body != "hello" || err != nil {
			t.Errorf("%q: %q, %v", addr, body, err)
		}
		s.stop()
		if err := <-s.done; err != nil {
			t.Errorf("%q: stop gave %v", addr, err)
		}
		if _, err := net.Dial("tcp", s.addr); err == nil {
			t.Errorf("%q: it still listens", addr)
		}
	}
}

func TestHTTPServe_BadConfig(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		cfg  fnhttp.HTTPServeConfig
		code core.Code
	}{
		{fnhttp.HTTPServeConfig{}, core.CodeInvalid},
		{fnhttp.HTTPServeConfig{Handler: text("")}, ""}, // the context has ended: it starts and stops
		{fnhttp.HTTPServeConfig{Handler: text(""), Addr: "8080"}, core.CodeInvalid},
		{fnhttp.HTTPServeConfig{Handler: text(""), Addr: "127.0.0.1:99999"}, core.CodeInvalid},
		{fnhttp.HTTPServeConfig{Handler: text(""), Addr: taken.Addr().String()}, core.CodeConflict},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := fnhttp.HTTPServe(ctx, c.cfg)
		if core.ErrorCode(err) != c.code {
			t.Errorf("%q: got %v, want code %q", c.cfg.Addr, err, c.code)
		}
		if coded, ok := errors.AsType[*core.Error](err); ok && c.cfg.Addr != "" && c.cfg.Addr != "127.0.0.1:99999" && coded.Hint == "" {
			t.Errorf("%q: no hint in %v", c.cfg.Addr, err)
		}
	}
}

func TestHTTPServe_RunningRequestsEndFirst(t *testing.T) {
	t.Parallel()
	running, finish := make(chan struct{}), make(chan struct{})
	type key struct{}
	s := serve(t, context.WithValue(t.Context(), key{}, "value"), fnhttp.HTTPServeConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-finish
		if r.Context().Err() != nil || r.Context().Value(key{}) != "value" {
			t.Errorf("context: %v, value %v", r.Context().Err(), r.Context().Value(key{}))
		}
		io.WriteString(w, "done")
	})})
	answer := make(chan string, 1)
	go func() {
		body, err := get("http://" + s.addr)
		if err != nil {
			body = err.Error()
		}
		answer <- body
	}()
	<-running
	s.stop()
	for { // until it accepts no more, with the request still running
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-s.done:
		t.Fatalf("it returned %v before the request had ended", err)
	default:
	}
	close(finish)
	if body := <-answer; body != "done" {
		t.Errorf("the request got %q", body)
	}
	if err := <-s.done; err != nil {
		t.Errorf("stop gave %v", err)
	}
}

func TestHTTPServe_CutsOffAfterTheShutdownTimeout(t *testing.T) {
	t.Parallel()
	running, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, t.Context(), fnhttp.HTTPServeConfig{ShutdownTimeout: 20 * time.Millisecond, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done() // nothing else ends it
		close(ended)
	})})
	failed := make(chan error, 1)
	go func() {
		_, err := get("http://" + s.addr)
		failed <- err
	}()
	<-running
	s.stop()
	if err := <-s.done; core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("stop gave %v", err)
	}
	<-ended
	if err := <-failed; err == nil {
		t.Error("the client got a whole answer")
	}
}

func TestHTTPServe_Timeouts(t *testing.T) {
	t.Parallel()
	const brief = 30 * time.Millisecond
	for name, c := range map[string]struct {
		cfg  fnhttp.HTTPServeConfig
		send string
		want string // what the answer starts with
	}{
		"header too slow": {fnhttp.HTTPServeConfig{ReadHeaderTimeout: brief}, "GET / HTTP/1.1\r\nHost:", ""},
		"body too slow":   {fnhttp.HTTPServeConfig{ReadTimeout: brief}, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx", "HTTP/1.1 418"},
		"idle":            {fnhttp.HTTPServeConfig{IdleTimeout: brief}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"},
		"header too long": {fnhttp.HTTPServeConfig{MaxHeaderBytes: 100, IdleTimeout: brief}, "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", "HTTP/1.1 431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					w.WriteHeader(http.StatusTeapot)
				}
			})
			s := serve(t, t.Context(), c.cfg)
			conn, err := net.Dial("tcp", s.addr)
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

func TestHTTPServe_AHandlerLiftsTheTimeouts(t *testing.T) {
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
		s := serve(t, t.Context(), fnhttp.HTTPServeConfig{Handler: handler(lift), ReadTimeout: brief, WriteTimeout: brief})
		body, err := get("http://" + s.addr)
		if lifted := body == "late" && err == nil; lifted != lift {
			t.Errorf("lift %v: got %q, %v", lift, body, err)
		}
	}
}

func TestHTTPServe_LogsByGivenLogger(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := serve(t, t.Context(), fnhttp.HTTPServeConfig{Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on fire") })})
	get("http://" + s.addr)
	s.stop()
	<-s.done
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "on fire") {
		t.Errorf("logged %q", log.String())
	}
}

func TestHTTPServe_GivenListener(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, t.Context(), fnhttp.HTTPServeConfig{Handler: text("hello"), Listener: listener})
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
	if err := <-s.done; core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}
