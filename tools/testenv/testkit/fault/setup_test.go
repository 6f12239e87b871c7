package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

func TestMain(m *testing.M) {
	os.Unsetenv(fault.EnvSeed) // tests here set their own seeds
	goleak.VerifyTestMain(m)
}

// soon is how long a test waits for an expected event.
const soon = 10 * time.Second

// server is a TCP server that hands every connection to the test.
type server struct {
	addr  string
	conns chan *net.TCPConn
}

func newServer(t testing.TB) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), conns: make(chan *net.TCPConn, 100)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns <- c.(*net.TCPConn)
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return s
}

// pair connects through addr and returns both ends.
func (s *server) pair(t testing.TB, addr string) (client, served *net.TCPConn) {
	t.Helper()
	client = dial(t, addr)
	select {
	case served = <-s.conns:
	case <-time.After(soon):
		t.Fatal("the server got no connection")
	}
	t.Cleanup(func() { served.Close() })
	deadline(t, served)
	return client, served
}

// newEcho is a server that sends back what it gets, and ends when the client
// does.
func newEcho(t testing.TB) *server {
	s := newServer(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case c := <-s.conns:
				wg.Go(func() { io.Copy(c, c); c.Close() })
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
	return s
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	deadline(t, c)
	return c.(*net.TCPConn)
}

func deadline(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// receive reads exactly want.
func receive(t testing.TB, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// wantErr reads once and wants that error.
func wantErr(t testing.TB, c net.Conn, want error) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, want) {
		t.Fatalf("read %d bytes, %v; want %v", n, err, want)
	}
}

// silent expects nothing to arrive for a while, and the connection to stay
// open.
func silent(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, c, os.ErrDeadlineExceeded)
	deadline(t, c)
}

// until polls for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

// newHTTP is a real HTTP server.
func newHTTP(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// newClient uses each connection once, so that Go's transport does not retry by
// itself.
func newClient(t testing.TB) *http.Client {
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: soon}
}

// answer is what a client saw.
type answer struct {
	code   int
	header http.Header
	body   string
	err    error // of the request or of reading its body
}

func get(t testing.TB, url string) answer { t.Helper(); return do(t, http.MethodGet, url, nil) }

func do(t testing.TB, method, url string, body io.Reader) answer {
	t.Helper()
	return doIn(t, t.Context(), method, url, body)
}

func doIn(t testing.TB, ctx context.Context, method, url string, body io.Reader) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newClient(t).Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), err}
}

// recorder is a testing.TB that runs cleanups on request, and may fail.
type recorder struct {
	testing.TB
	cleanups []func()
	failed   bool
	log      []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Failed() bool     { return r.failed }
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// run calls f as a test and returns when it and its cleanups have ended.
func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(r.cleanups) - 1; i >= 0; i-- {
				r.cleanups[i]()
			}
		}()
		f()
	}()
	<-done
}

func (r *recorder) Logf(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = true
	r.Logf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
