package sse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/sse"
)

// client starts a client with short waits, which is stopped with the test.
func client(t *testing.T, cfg sse.SSEClientConfig) *sse.SSEClientHandle {
	t.Helper()
	if cfg.InitialBackoff == 0 {
		cfg.InitialBackoff, cfg.MaxBackoff = time.Millisecond, 5*time.Millisecond
	}
	handle, err := sse.SSEClient(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Stop(context.Background()) }) // it may already have given up
	return handle
}

// receive receives n events from a client that must not end before.
func receive(t *testing.T, handle *sse.SSEClientHandle, n int) []sse.SSEEvent {
	t.Helper()
	var events []sse.SSEEvent
	for range n {
		event, ok := <-handle.Events
		if !ok {
			t.Fatalf("it ended after %d events: %v", len(events), handle.Err())
		}
		events = append(events, event)
	}
	return events
}

// scripted is a server that follows a script, one entry per request, repeating
// the last one. It records each request's Last-Event-ID.
type scripted struct {
	*httptest.Server
	requests atomic.Int32
	mu       sync.Mutex
	lastIDs  []string
	times    []time.Time
}

func newScripted(t *testing.T, script ...http.HandlerFunc) *scripted {
	t.Helper()
	s := &scripted{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.lastIDs = append(s.lastIDs, r.Header.Get("Last-Event-ID"))
		s.times = append(s.times, time.Now())
		s.mu.Unlock()
		number := int(s.requests.Add(1))
		script[min(number, len(script))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// events responds with a stream that ends after the text.
func events(stream string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		io.WriteString(w, stream)
	}
}

// hold responds with a stream that stays open after the text until the client
// leaves.
func hold(stream string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		events(stream)(w, r)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// stop stops a client, which must not have given up.
func stop(t *testing.T, handle *sse.SSEClientHandle) {
	t.Helper()
	if err := handle.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// end waits for a client's end, and returns why it gave up.
func end(handle *sse.SSEClientHandle) error {
	<-handle.Done()
	return handle.Err()
}

func TestSSEClient_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(t *testing.T, ctx context.Context) (service.Service, error) {
		// In memory: the goroutines of a connection pool outlive a client.
		stream := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		return sse.SSEClient(ctx, sse.SSEClientConfig{URL: "http://127.0.0.1/", Client: &http.Client{Transport: stream}})
	})
}

func TestSSEClient_LosesNothingWhenConnectionsBreak(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{Retry: time.Millisecond})
	handle := client(t, sse.SSEClientConfig{URL: hub.URL, LastEventID: hub.publish(t, "start")[0]})
	for round := range 20 {
		ids := hub.publish(t, "a", "b", "c")
		got := receive(t, handle, 1)
		hub.CloseClientConnections() // possibly in the middle of an event
		if got = append(got, receive(t, handle, 2)...); !equalIDs(got, ids) {
			t.Fatalf("round %d: got %+v, want %q", round, got, ids)
		}
	}
	if stats := hub.Stats(); stats.Gaps > 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestSSEClient_ComesBackFromWhereItWas(t *testing.T) {
	t.Parallel()
	server := newScripted(t,
		events("retry: 1\nid: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: unfinished\n"), // the position is 2
		events(""),                        // and stays 2
		events("id: a\x01b\ndata: b\n\n"), // an ID that HTTP can't carry
		events("id\ndata: c\n\n"),         // the ID is reset
		status(http.StatusNoContent))
	handle := client(t, sse.SSEClientConfig{URL: server.URL, LastEventID: "0"})
	if got := dataOf(receive(t, handle, 3)); got != "a b c" {
		t.Errorf("got %q", got)
	}
	if _, open := <-handle.Events; open || end(handle) != nil {
		t.Errorf("204 did not end it: %v", handle.Err())
	}
	if got := strings.Join(server.lastIDs, ","); got != "0,2,2,," {
		t.Errorf("Last-Event-ID: %s", got)
	}
	for err := range handle.Errors {
		t.Errorf("an error for a stream that ended normally: %v", err)
	}
}

func TestSSEClient_AnswersThatEndIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer http.HandlerFunc
		want   core.Code
	}{
		{status(204), ""},
		{status(400), core.CodeInvalid},
		{status(401), core.CodeUnauthenticated},
		{status(403), core.CodeForbidden},
		{status(404), core.CodeNotFound},
		{status(410), core.CodeNotFound},
		{status(200, "Content-Type", "text/html"), core.CodeUnsupported},
		{status(302), core.CodeInvalid},
	} {
		server := newScripted(t, c.answer)
		handle := client(t, sse.SSEClientConfig{URL: server.URL + "/events?token=s3cret"})
		err := end(handle)
		if core.ErrorCode(err) != c.want || server.requests.Load() != 1 {
			t.Errorf("want %q: got %v after %d requests", c.want, err, server.requests.Load())
		}
		if _, open := <-handle.Events; open {
			t.Error("an unexpected event")
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

func TestSSEClient_AnswersThatMayPass(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\ndata: half")
		conn.Close()
	}
	server := newScripted(t, status(500), status(408), status(425), status(429), status(503), cut, hold("data: well\n\n"))
	handle := client(t, sse.SSEClientConfig{URL: server.URL + "?token=s3cret"})
	if got := dataOf(receive(t, handle, 1)); got != "well" {
		t.Errorf("got %q", got)
	}
	stop(t, handle)
	var codes []core.Code
	for err := range handle.Errors {
		codes = append(codes, core.ErrorCode(err))
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a secret is in %v", err)
		}
	}
	want := []core.Code{core.CodeUnavailable, core.CodeTimeout, core.CodeUnavailable, core.CodeLimited, core.CodeUnavailable, core.CodeUnavailable}
	if fmt.Sprint(codes) != fmt.Sprint(want) || handle.Err() != nil {
		t.Errorf("got %v, %v", codes, handle.Err())
	}
}

func TestSSEClient_WaitsAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	const asked = 300 * time.Millisecond
	body := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(429)
		fmt.Fprintf(w, `{"retry_after_ms":%d}`, asked.Milliseconds())
	}
	for name, script := range map[string][]http.HandlerFunc{
		"retry field":          {events(fmt.Sprintf("retry: %d\n\n", asked.Milliseconds())), hold("data: x\n\n")},
		"retry field, then it": {events(fmt.Sprintf("retry: %d\n\n", asked.Milliseconds())), status(503), hold("data: x\n\n")},
		"milliseconds in body": {body, hold("data: x\n\n")},
		"header":               {status(503, "Retry-After", "1"), hold("data: x\n\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, script...)
			receive(t, client(t, sse.SSEClientConfig{URL: server.URL}), 1)
			for i := 1; i < len(server.times); i++ {
				if waited := server.times[i].Sub(server.times[i-1]); waited < asked {
					t.Errorf("request %d came after %v", i+1, waited)
				}
			}
		})
	}
}

// retry: 0 revokes a longer wait, as in Chromium: the next try is immediate.
func TestSSEClient_RetryZero(t *testing.T) {
	t.Parallel()
	server := newScripted(t, events("retry: 3600000\n\nretry: 0\n\n"), hold("data: x\n\n"))
	receive(t, client(t, sse.SSEClientConfig{URL: server.URL, InitialBackoff: time.Hour}), 1)
}

// roundTripper is a transport without real waiting: it runs on synctest's
// clock.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSSEClient_BacksOffUntilItWorksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const failures, connections = 8, 16
		var times []time.Time
		transport := roundTripper(func(*http.Request) (*http.Response, error) {
			times = append(times, time.Now())
			answer := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(strings.NewReader("data: x\n\n"))}
			switch {
			case len(times) <= failures:
				return nil, io.ErrUnexpectedEOF
			case len(times) == connections:
				answer.StatusCode = 204
			}
			return answer, nil
		})
		handle, err := sse.SSEClient(t.Context(), sse.SSEClientConfig{URL: "http://127.0.0.1/", Client: &http.Client{Transport: transport},
			InitialBackoff: time.Second, MaxBackoff: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := end(handle); err != nil {
			t.Error(err)
		}
		for i := 1; i < len(times); i++ {
			longest := time.Second // after a connection that brought an event
			if i <= failures {
				longest = min(time.Second<<(i-1), 10*time.Second)
			}
			if waited := times[i].Sub(times[i-1]); waited < longest/2 || waited > longest {
				t.Errorf("request %d came after %v, want up to %v", i+1, waited, longest)
			}
		}
		if len(times) != connections {
			t.Errorf("%d requests", len(times))
		}
	})
}

func TestSSEClient_NoServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	handle := client(t, sse.SSEClientConfig{URL: server.URL + "/events?token=s3cret"})
	err := <-handle.Errors
	if core.ErrorCode(err) != core.CodeUnavailable || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "can't connect") {
		t.Errorf("got %v", err)
	}
}

func TestSSEClient_IdleConnection(t *testing.T) {
	t.Parallel()
	server := newScripted(t, hold("data: a\n\n"), hold(": nothing more\n"), events("data: b\n\n"))
	handle := client(t, sse.SSEClientConfig{URL: server.URL, IdleTimeout: 50 * time.Millisecond})
	if got := dataOf(receive(t, handle, 2)); got != "a b" {
		t.Errorf("got %q", got)
	}
	if err := <-handle.Errors; core.ErrorCode(err) != core.CodeTimeout || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("got %v", err)
	}
}

func TestSSEClient_ASlowConsumerIsNoIdleServer(t *testing.T) {
	t.Parallel()
	server := newScripted(t, hold(strings.Repeat("data: x\n\n", 10)), status(204))
	handle := client(t, sse.SSEClientConfig{URL: server.URL, IdleTimeout: 200 * time.Millisecond, ChannelBuffer: 1})
	receive(t, handle, 1)
	<-time.After(500 * time.Millisecond) // the consumer's pause, longer than the timeout
	if n := server.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	receive(t, handle, 9)
}

func TestSSEClient_StopEndsItWhateverItDoes(t *testing.T) {
	t.Parallel()
	hanging := newScripted(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	waiting := newScripted(t, status(503, "Retry-After", "3000"))
	reading := newScripted(t, hold("data: a\n\n"))
	full := newScripted(t, hold(strings.Repeat("data: a\n\n", 1000)))
	for name, server := range map[string]*scripted{"connecting": hanging, "waiting": waiting, "reading": reading, "nobody reads": full} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			byStop, err1 := sse.SSEClient(t.Context(), sse.SSEClientConfig{URL: server.URL})
			byContext, err2 := sse.SSEClient(ctx, sse.SSEClientConfig{URL: server.URL})
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			eventually(t, "both are connected", func() bool { return server.requests.Load() == 2 })
			stop(t, byStop)
			stop(t, byStop)
			cancel()
			for _, handle := range []*sse.SSEClientHandle{byStop, byContext} {
				if err := end(handle); err != nil {
					t.Errorf("got %v", err)
				}
				for range handle.Events { // ends, since it is closed
				}
				for range handle.Errors {
				}
			}
		})
	}
}

func TestSSEClient_TooLongEventIsSkipped(t *testing.T) {
	t.Parallel()
	server := newScripted(t, hold("data: a\n\ndata: "+strings.Repeat("x", 5000)+"\n\ndata: b\n\n"))
	handle := client(t, sse.SSEClientConfig{URL: server.URL, MaxBytes: 1000})
	if got := dataOf(receive(t, handle, 2)); got != "a b" {
		t.Errorf("got %q", got)
	}
	if err := <-handle.Errors; core.ErrorCode(err) != core.CodeTooLarge {
		t.Errorf("got %v", err)
	}
}

func TestSSEClient_SendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	server := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.WriteHeader(204)
	})
	header := http.Header{"Authorization": {"Bearer x"}}
	client(t, sse.SSEClientConfig{URL: server.URL, Header: header})
	if h := <-got; h.Get("Authorization") != "Bearer x" || h.Get("Accept") != "text/event-stream" || len(header) != 1 {
		t.Errorf("got %v, but the config has %v", h, header)
	}
}

func TestSSEClient_BadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []sse.SSEClientConfig{
		{}, {URL: "/events"}, {URL: "ftp://x/"}, {URL: "http://s3cret:%zz"}, {URL: "http://127.0.0.1/", Client: &http.Client{Timeout: time.Second}},
	} {
		if handle, err := sse.SSEClient(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid || handle != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v", cfg.URL, err)
		}
	}
}

// TestSSEClient_ReadsAnotherServer runs the client against a server from
// another library.
func TestSSEClient_ReadsAnotherServer(t *testing.T) {
	t.Parallel()
	replayer, err := gosse.NewFiniteReplayer(100, true)
	if err != nil {
		t.Fatal(err)
	}
	theirs := &gosse.Server{Provider: &gosse.Joe{Replayer: replayer}}
	server := httptest.NewServer(theirs)
	defer server.Close()
	defer theirs.Shutdown(context.Background())
	publish := func(data string) {
		message := &gosse.Message{Type: gosse.Type("unit")}
		message.AppendData(data)
		if err := theirs.Publish(message); err != nil {
			t.Error(err)
		}
	}
	publish("zero") // its ID is 0
	handle := client(t, sse.SSEClientConfig{URL: server.URL, LastEventID: "0"})
	// Their server takes up what is published after the call: an event may come
	// as news to a client that has just had it.
	last := "0"
	next := func() []sse.SSEEvent {
		for {
			if got := receive(t, handle, 1); got[0].ID != last {
				last = got[0].ID
				return got
			}
		}
	}
	publish("one\ntwo")
	got := next()
	server.CloseClientConnections()
	publish("three")
	got = append(got, next()...)
	want := []sse.SSEEvent{{ID: "1", Type: "unit", Data: "one\ntwo"}, {ID: "2", Type: "unit", Data: "three"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v", got)
	}
}
