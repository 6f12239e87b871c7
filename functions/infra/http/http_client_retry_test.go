package http_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// flaky is a real server that answers by a script, one entry a request, and the
// last one from then on.
type flaky struct {
	*httptest.Server
	requests atomic.Int32
	mu       sync.Mutex
	bodies   []string
}

func newFlaky(t *testing.T, script ...http.HandlerFunc) *flaky {
	t.Helper()
	f := &flaky{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := int(f.requests.Add(1))
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.bodies = append(f.bodies, string(body))
		f.mu.Unlock()
		script[min(number, len(script))-1](w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// reset ends the connection with a TCP reset, after the bytes given.
func reset(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, bytes)
		if bytes == "" {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
}

const halfAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\nhalf"

// quick makes the waits of real-socket tests short.
var quick = core.BackoffDelayConfig{Initial: time.Millisecond, Max: 2 * time.Millisecond}

func retryClient(cfg fnhttp.HTTPClientRetryConfig) *http.Client {
	if cfg.Backoff.Initial == 0 {
		cfg.Backoff = quick
	}
	return &http.Client{Transport: fnhttp.HTTPClientRetry(cfg)}
}

func TestHTTPClientRetry_Faults(t *testing.T) {
	t.Parallel()
	ok := status(200, "whole")
	for name, c := range map[string]struct {
		script   []http.HandlerFunc
		status   int
		body     string
		requests int
	}{
		"at once":                {[]http.HandlerFunc{ok}, 200, "whole", 1},
		"reset, then well":       {[]http.HandlerFunc{reset(""), ok}, 200, "whole", 2},
		"cut body, then well":    {[]http.HandlerFunc{reset(halfAnswer), reset(halfAnswer), ok}, 200, "whole", 3},
		"garbage, then well":     {[]http.HandlerFunc{reset("not HTTP at all\r\n\r\n"), ok}, 200, "whole", 2},
		"503, then well":         {[]http.HandlerFunc{status(503, "busy"), status(503, "busy"), ok}, 200, "whole", 3},
		"429 with ms in body":    {[]http.HandlerFunc{status(429, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":3}`), ok}, 200, "whole", 2},
		"500, 502, 504":          {[]http.HandlerFunc{status(500, ""), status(502, ""), status(504, ""), ok}, 200, "whole", 4},
		"503 for good":           {[]http.HandlerFunc{status(503, "busy")}, 503, "busy", 4},
		"503 cut, then for good": {[]http.HandlerFunc{reset("HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nbu"), status(503, "busy")}, 503, "busy", 4},
		"404":                    {[]http.HandlerFunc{status(404, "none")}, 404, "none", 1},
		"501":                    {[]http.HandlerFunc{status(501, "never")}, 501, "never", 1},
		"long failure":           {[]http.HandlerFunc{status(503, strings.Repeat("x", 300_000))}, 503, strings.Repeat("x", 300_000), 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFlaky(t, c.script...)
			response, err := retryClient(fnhttp.HTTPClientRetryConfig{}).Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != c.status || string(body) != c.body || int(server.requests.Load()) != c.requests {
				t.Errorf("%d %.20q (%d), %v after %d requests", response.StatusCode, body, len(body), err, server.requests.Load())
			}
		})
	}
}

func TestHTTPClientRetry_ErrorWhenNoAnswerCame(t *testing.T) {
	t.Parallel()
	server := newFlaky(t, reset(""))
	_, err := retryClient(fnhttp.HTTPClientRetryConfig{MaxAttempts: 3}).Get(server.URL + "/secret?token=s3cret")
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Code != core.CodeUnavailable || !strings.Contains(coded.Message, "gave up after 3 tries") || server.requests.Load() != 3 {
		t.Fatalf("got %v after %d requests", err, server.requests.Load())
	}
	if strings.Contains(coded.Error(), "s3cret") || !strings.Contains(coded.Op, server.Listener.Addr().String()) {
		t.Errorf("got %q", coded.Error())
	}
}

func TestHTTPClientRetry_WhatMayBeSentTwice(t *testing.T) {
	t.Parallel()
	once := func(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) } // net/http sets no GetBody
	for name, c := range map[string]struct {
		method string
		body   io.Reader
		mark   []string // nil: no Idempotency-Key
		sent   int
	}{
		"GET":                   {"GET", nil, nil, 3},
		"PUT with body":         {"PUT", strings.NewReader("body"), nil, 3},
		"PUT with a stream":     {"PUT", once("body"), nil, 1},
		"DELETE":                {"DELETE", nil, nil, 3},
		"POST":                  {"POST", strings.NewReader("body"), nil, 1},
		"PATCH":                 {"PATCH", strings.NewReader("body"), nil, 1},
		"POST with key":         {"POST", bytes.NewReader([]byte("body")), []string{"k-1"}, 3},
		"POST marked":           {"POST", bytes.NewReader([]byte("body")), []string{}, 3},
		"POST marked, a stream": {"POST", once("body"), []string{"k-1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := make(chan []string, 9)
			busy := func(w http.ResponseWriter, r *http.Request) {
				keys <- r.Header["Idempotency-Key"]
				w.WriteHeader(503)
			}
			server := newFlaky(t, busy)
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if c.mark != nil {
				request.Header["Idempotency-Key"] = c.mark
			}
			response, err := retryClient(fnhttp.HTTPClientRetryConfig{MaxAttempts: 3}).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != 503 || len(server.bodies) != c.sent {
				t.Fatalf("%d after %d requests", response.StatusCode, len(server.bodies))
			}
			for _, body := range server.bodies {
				if (body == "body") != (c.body != nil) {
					t.Errorf("it sent %q", server.bodies)
				}
				if got := <-keys; len(got) != len(c.mark) {
					t.Errorf("key %q", got)
				}
			}
		})
	}
}

func TestHTTPClientRetry_TryTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	hang := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}
	server := newFlaky(t, hang, status(200, "whole"))
	response, err := retryClient(fnhttp.HTTPClientRetryConfig{TryTimeout: 500 * time.Millisecond}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "whole" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	server = newFlaky(t, hang)
	var tries atomic.Int32 // not the server's requests: one may time out on its way there
	counted := roundTrip(func(r *http.Request) (*http.Response, error) {
		tries.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})
	_, err = retryClient(fnhttp.HTTPClientRetryConfig{Base: counted, TryTimeout: 20 * time.Millisecond, MaxAttempts: 2}).Get(server.URL)
	if core.ErrorCode(err) != core.CodeTimeout || tries.Load() != 2 {
		t.Errorf("got %v after %d tries", err, tries.Load())
	}
}

// A buffer without a limit holds whole bodies, so that a cut one is retried.
func TestHTTPClientRetry_BufferWithoutLimit(t *testing.T) {
	t.Parallel()
	client := retryClient(fnhttp.HTTPClientRetryConfig{BufferBytes: math.MaxInt64})
	cut := newFlaky(t, reset(halfAnswer), func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "whole") })
	response, err := client.Get(cut.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "whole" || cut.requests.Load() != 2 {
		t.Errorf("%v after %d requests", err, cut.requests.Load())
	}
}

func TestHTTPClientRetry_LongBodiesAndStreamsComeAsTheyAre(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	stream := func(contentType, first string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, first)
			http.NewResponseController(w).Flush()
			<-release
			io.WriteString(w, "rest")
		}
	}
	events, long := newFlaky(t, stream("text/event-stream; charset=utf-8", "data")), newFlaky(t, stream("text/plain", "12345"))
	client := retryClient(fnhttp.HTTPClientRetryConfig{BufferBytes: 4, TryTimeout: 100 * time.Millisecond})
	var open []*http.Response
	for _, server := range []*flaky{events, long} {
		response, err := client.Get(server.URL) // returns though the body is not over
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		open = append(open, response)
	}
	<-time.After(200 * time.Millisecond) // what comes after the head has no part in the try's timeout
	close(release)
	for i, want := range []string{"datarest", "12345rest"} {
		if body, err := io.ReadAll(open[i].Body); string(body) != want || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
	unbuffered := retryClient(fnhttp.HTTPClientRetryConfig{BufferBytes: -1})
	cut := newFlaky(t, reset(halfAnswer))
	response, err := unbuffered.Get(cut.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) || cut.requests.Load() != 1 {
		t.Errorf("%v after %d requests", err, cut.requests.Load())
	}
}

func TestHTTPClientRetry_UpgradeKeepsItsConnection(t *testing.T) {
	t.Parallel()
	server := newFlaky(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, line)
	})
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "echo")
	response, err := retryClient(fnhttp.HTTPClientRetryConfig{}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	io.WriteString(response.Body.(io.Writer), "hello\n")
	if answer, err := io.ReadAll(response.Body); string(answer) != "hello\n" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestHTTPClientRetry_TellsEachAttempt(t *testing.T) {
	t.Parallel()
	server := newFlaky(t, reset(""), status(503, ""), status(200, ""))
	var told []string
	response, err := retryClient(fnhttp.HTTPClientRetryConfig{OnAttempt: func(a fnhttp.HTTPClientRetryAttempt) {
		told = append(told, fmt.Sprintf("%d %s %d %v %v %v", a.Number, a.Request.Method, a.Status, a.Err != nil, a.Again, a.Wait > 0 && a.Duration > 0))
	}}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got, want := strings.Join(told, "; "), "1 GET 0 true true true; 2 GET 503 false true true; 3 GET 200 false false false"; got != want {
		t.Errorf("told %s", got)
	}
}

func TestHTTPClientRetry_NoRetryForWhatFailsTheSameWay(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	for _, url := range []string{secure.URL, "ftp://127.0.0.1/x"} { // an unknown certificate, an unknown protocol
		attempts := 0
		_, err := retryClient(fnhttp.HTTPClientRetryConfig{OnAttempt: func(fnhttp.HTTPClientRetryAttempt) { attempts++ }}).Get(url)
		if err == nil || attempts != 1 {
			t.Errorf("%s: %v after %d attempts", url, err, attempts)
		}
	}
}

func TestHTTPClientRetry_ConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var remotes sync.Map
	note := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			remotes.Store(r.RemoteAddr, true)
			next(w, r)
		}
	}
	server := newFlaky(t, note(status(503, strings.Repeat("x", 100_000))), note(status(503, "short")), note(status(200, "whole")))
	client := retryClient(fnhttp.HTTPClientRetryConfig{Base: &http.Transport{}})
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	connections := 0
	remotes.Range(func(any, any) bool { connections++; return true })
	if connections != 1 || server.requests.Load() != 3 {
		t.Errorf("%d connections for %d requests", connections, server.requests.Load())
	}
	client.CloseIdleConnections()
	response, err = client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	connections = 0
	remotes.Range(func(any, any) bool { connections++; return true })
	if connections != 2 {
		t.Errorf("CloseIdleConnections did not reach the base")
	}
}

// answers is a transport that answers by a script, for waits that no test wants
// to sit through.
type answers struct {
	script []*http.Response
	times  []time.Time
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.times = append(a.times, time.Now())
	next := a.script[min(len(a.times), len(a.script))-1]
	if next == nil {
		return nil, io.ErrUnexpectedEOF
	}
	copied := *next
	copied.Body = io.NopCloser(strings.NewReader(next.Status)) // the body, in these tests
	return &copied, nil
}

func answer(code int, body string, header ...string) *http.Response {
	made := &http.Response{StatusCode: code, Status: body, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		made.Header.Set(header[i], header[i+1])
	}
	return made
}

func TestHTTPClientRetry_Waits(t *testing.T) {
	t.Parallel()
	ok := answer(200, "whole")
	for name, c := range map[string]struct {
		script      []*http.Response
		cfg         fnhttp.HTTPClientRetryConfig
		deadline    time.Duration
		status      int
		tries       int
		least, most time.Duration // of the whole
	}{
		"no header":              {[]*http.Response{answer(503, ""), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 2, 125 * time.Millisecond, 250 * time.Millisecond},
		"backs off":              {[]*http.Response{nil, nil, nil, ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 4, 875 * time.Millisecond, 1750 * time.Millisecond},
		"header in seconds":      {[]*http.Response{answer(429, "", "Retry-After", "20"), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 2, 20 * time.Second, 20250 * time.Millisecond},
		"header as a date":       {[]*http.Response{answer(503, "", "Retry-After", "Sat, 01 Jan 2000 00:00:30 GMT"), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 2, 30 * time.Second, 31 * time.Second},
		"milliseconds in body":   {[]*http.Response{answer(429, `{"retry_after_ms":5000}`), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 2, 5 * time.Second, 5250 * time.Millisecond},
		"garbage in both":        {[]*http.Response{answer(429, `x`, "Retry-After", "soon"), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 200, 2, 125 * time.Millisecond, 250 * time.Millisecond},
		"asked to wait too long": {[]*http.Response{answer(429, "later", "Retry-After", "61"), ok}, fnhttp.HTTPClientRetryConfig{}, 0, 429, 1, 0, 0},
		"past the deadline":      {[]*http.Response{answer(429, "later", "Retry-After", "20"), ok}, fnhttp.HTTPClientRetryConfig{}, 10 * time.Second, 429, 1, 0, 0},
		"time is over":           {[]*http.Response{answer(503, "busy")}, fnhttp.HTTPClientRetryConfig{MaxAttempts: 1000}, 0, 503, 0, 40 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // its clock starts on 1 January 2000
				script := &answers{script: c.script}
				c.cfg.Base = script
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				request, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1/", nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				response, err := fnhttp.HTTPClientRetry(c.cfg).RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(response.Body)
				took := time.Since(start)
				if response.StatusCode != c.status || c.tries > 0 && len(script.times) != c.tries || took < c.least || took > c.most {
					t.Errorf("%d %q after %d tries and %v", response.StatusCode, body, len(script.times), took)
				}
			})
		})
	}
}

func TestHTTPClientRetry_ContextEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := &answers{script: []*http.Response{answer(429, "later", "Retry-After", "20")}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		request, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = fnhttp.HTTPClientRetry(fnhttp.HTTPClientRetryConfig{Base: script}).RoundTrip(request)
		if !errors.Is(err, context.Canceled) || core.ErrorCode(err) != core.CodeCanceled || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func BenchmarkHTTPClientRetry(b *testing.B) {
	server := httptest.NewServer(status(200, strings.Repeat("x", 1000)))
	defer server.Close()
	for _, c := range []struct {
		name   string
		client *http.Client
	}{{"plain", server.Client()}, {"http_client_retry", retryClient(fnhttp.HTTPClientRetryConfig{Base: server.Client().Transport})}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				response, err := c.client.Get(server.URL)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What no other try can mend gets one, and is not called unavailable.
func TestHTTPClientRetry_Permanent(t *testing.T) {
	t.Parallel()
	plain := newFlaky(t, status(200, "x"))
	secure := httptest.NewTLSServer(status(200, "x"))
	t.Cleanup(secure.Close)
	for name, change := range map[string]func(r *http.Request){
		"header name":         func(r *http.Request) { r.Header["Bad Name"] = []string{"x"} },
		"empty header name":   func(r *http.Request) { r.Header[""] = []string{"x"} },
		"header value":        func(r *http.Request) { r.Header.Set("X", "a\r\nSecret: b") },
		"method":              func(r *http.Request) { r.Method = "GE T" },
		"TLS to a plain one":  func(r *http.Request) { r.URL.Scheme = "https" },
		"unknown certificate": func(r *http.Request) { r.URL.Scheme, r.URL.Host = "https", strings.TrimPrefix(secure.URL, "https://") },
		"no host":             func(r *http.Request) { r.URL.Host = "" },
	} {
		request, err := http.NewRequest("GET", plain.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(request)
		tries := 0
		transport := fnhttp.HTTPClientRetry(fnhttp.HTTPClientRetryConfig{Backoff: quick, OnAttempt: func(fnhttp.HTTPClientRetryAttempt) { tries++ }})
		_, err = transport.RoundTrip(request)
		if core.ErrorCode(err) != core.CodeInvalid || tries != 1 || strings.Contains(fmt.Sprint(err), "Secret") {
			t.Errorf("%s: %v (%s), %d tries", name, err, core.ErrorCode(err), tries)
		}
	}
}

// A 503 whose body is cut is still a 503 with a Retry-After.
func TestHTTPClientRetry_CutBodyKeepsStatus(t *testing.T) {
	t.Parallel()
	const cut = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 10\r\n\r\nhalf"
	server := newFlaky(t, reset(cut))
	var attempts []fnhttp.HTTPClientRetryAttempt
	client := retryClient(fnhttp.HTTPClientRetryConfig{MaxAttempts: 2, MaxElapsed: time.Second,
		OnAttempt: func(a fnhttp.HTTPClientRetryAttempt) { attempts = append(attempts, a) }})
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != 503 || response.Header.Get("Retry-After") != "7" || string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s %v %q, %v", response.Status, response.Header, body, err)
	}
	// It is asked for 7 s, which is more than MaxElapsed.
	if len(attempts) != 1 || attempts[0].Status != 503 || attempts[0].Err != nil {
		t.Errorf("%+v", attempts)
	}
}
