package sse_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/sse"
)

func TestSSEHandler_WholeStreamToEOF(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{Retry: 1500 * time.Millisecond})
	response := open(t, hub.URL, "")
	eventually(t, "the client's place in the stream", func() bool { return hub.Stats().Clients == 1 })
	first := bufio.NewReader(response.Body)
	var hello strings.Builder
	for !strings.HasSuffix(hello.String(), "-0\n\n") { // the position; from here on, no event is missed
		line, err := first.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		hello.WriteString(line)
	}
	ids := hub.publish(t, "one", "two\nlines", "three")
	hub.SSEHub.Close()
	rest, err := io.ReadAll(first) // one Read would see only the first event
	if err != nil {
		t.Fatal(err)
	}
	epoch := strings.TrimSuffix(ids[0], "-1")
	want := fmt.Sprintf("retry: 1500\n\nid: %s-0\n\nid: %s\ndata: one\n\nid: %s\ndata: two\ndata: lines\n\nid: %s\ndata: three\n\n", epoch, ids[0], ids[1], ids[2])
	if got := hello.String() + string(rest); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	header := response.Header
	if header.Get("Content-Type") != "text/event-stream" || header.Get("X-Accel-Buffering") != "no" ||
		!strings.Contains(header.Get("Cache-Control"), "no-store") || response.ContentLength >= 0 {
		t.Errorf("header %v", header)
	}
}

func TestSSEHandler_Replay(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{RingEvents: 3})
	ids := hub.publish(t, "1", "2", "3", "4", "5") // the ring holds 3, 4 and 5
	epoch, _, _ := strings.Cut(ids[0], "-")
	cases := []struct{ lastID, query, want string }{
		{"", "", ""},
		{ids[4], "", ""},
		{ids[2], "", "4 5"},
		{ids[1], "", "3 4 5"}, // just still there
		{ids[0], "", "gap:" + ids[0] + " 3 4 5"},
		{epoch + "-0", "", "gap:" + epoch + "-0 3 4 5"},
		{epoch + "-6", "", "gap:" + epoch + "-6 3 4 5"}, // never issued
		{epoch + "-18446744073709551615", "", "gap:" + epoch + "-18446744073709551615 3 4 5"},
		{"another-3", "", "gap:another-3 3 4 5"}, // from a previous process
		{`junk"{}`, "", `gap:junk"{} 3 4 5`},
		{"", ids[3], "5"},
		{ids[4], ids[0], ""}, // the header is newer than the page's URL
	}
	var responses []*http.Response
	for _, c := range cases {
		responses = append(responses, open(t, hub.URL+"?last_event_id="+c.query, c.lastID))
	}
	hub.SSEHub.Close() // ends the streams, but not before everything is sent
	for i, c := range cases {
		events := toEOF(t, responses[i].Body)
		if len(events) > 0 && events[0].Type == sse.SSEGapType {
			var gap struct{ After string }
			if err := json.Unmarshal([]byte(events[0].Data), &gap); err != nil {
				t.Errorf("%v: %v", c, err)
			}
			events[0].Data = gap.After
			if events[0].ID != ids[1] { // a client that disconnects here resumes at the ring's first event
				t.Errorf("%v: the gap's ID is %q", c, events[0].ID)
			}
		}
		if dataOf(events) != c.want {
			t.Errorf("%v: got %q", c, dataOf(events))
		}
	}
	if stats := hub.Stats(); stats.Gaps != 6 || stats.Published != 5 || stats.Clients != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// TestSSEHandler_NoPositionBeforeAGap: a client that disconnected between the
// two would never be notified of the gap.
func TestSSEHandler_NoPositionBeforeAGap(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{})
	hub.publish(t, "x")
	response := open(t, hub.URL, "elsewhere-1")
	hub.SSEHub.Close()
	stream, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(stream), "event: gap\n")
	if !found || strings.Count(before, "id: ") != 1 {
		t.Errorf("got %q", stream)
	}
}

func TestSSEHandler_EndsCleanlyLongAfterTheLastWrite(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	hub := newHubServer(t, sse.SSEHandlerConfig{WriteTimeout: timeout, Heartbeat: time.Hour})
	response := open(t, hub.URL, "")
	<-time.After(2 * timeout) // the last write's deadline passes
	hub.SSEHub.Close()
	if events := toEOF(t, response.Body); len(events) > 0 {
		t.Errorf("got %+v", events)
	}
}

func TestSSEHandler_RingBytes(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{RingBytes: 1000})
	var ids []string
	for range 20 {
		ids = append(ids, hub.publish(t, strings.Repeat("x", 300))...)
	}
	response := open(t, hub.URL, "elsewhere-1")
	hub.SSEHub.Close()
	if events := toEOF(t, response.Body); len(events) != 4 || !equalIDs(events[1:], ids[17:]) { // the gap, and what fits
		t.Errorf("got %d events", len(events))
	}
	hub = newHubServer(t, sse.SSEHandlerConfig{RingBytes: 1000})
	id := hub.publish(t, strings.Repeat("x", 1000))[0] // above the limit with its ID, but the newest is always kept
	response = open(t, hub.URL, "elsewhere-1")
	hub.SSEHub.Close()
	if events := toEOF(t, response.Body); len(events) != 2 || events[1].ID != id {
		t.Errorf("got %d events", len(events))
	}
}

// rawClient connects and reads only the response header. It receives events no
// faster than read is called.
func rawClient(t *testing.T, addr, lastID string) (*bufio.Reader, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(64 << 10) // as small as the server's
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %s\r\n\r\n", lastID)
	return bufio.NewReader(conn), conn
}

func TestSSEHandler_SlowReaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   sse.SSEHandlerConfig
		reads bool // once it fell behind
		want  func(stats sse.SSEHubStats) bool
	}{
		"told of the gap":       {sse.SSEHandlerConfig{RingEvents: 8, WriteTimeout: time.Minute}, true, func(s sse.SSEHubStats) bool { return s.Gaps > 0 && s.Disconnected == 0 }},
		"disconnected":          {sse.SSEHandlerConfig{RingEvents: 8, WriteTimeout: time.Minute, DisconnectSlow: true}, true, func(s sse.SSEHubStats) bool { return s.Gaps == 0 && s.Disconnected == 1 }},
		"stuck, write deadline": {sse.SSEHandlerConfig{RingEvents: 8, WriteTimeout: 50 * time.Millisecond}, false, func(s sse.SSEHubStats) bool { return s.Clients == 0 && s.Disconnected == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := newHubServer(t, c.cfg)
			start := hub.publish(t, "start")[0]
			slow, conn := rawClient(t, hub.Listener.Addr().String(), start)
			eventually(t, "the slow client is there", func() bool { return hub.Stats().Clients == 1 })
			// More than the sockets' buffers hold: the slow client's handler
			// blocks in a write.
			big := strings.Repeat("x", 128<<10)
			for range 32 {
				hub.publish(t, big) // never blocks, so this returns at once
			}
			if !c.reads {
				eventually(t, "it is cut off", func() bool { return c.want(hub.Stats()) })
				return
			}
			go io.Copy(io.Discard, slow)
			eventually(t, "it is treated as configured", func() bool { return c.want(hub.Stats()) })
			conn.Close()
		})
	}
}

func TestSSEHandler_ASlowReaderDelaysNobody(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{WriteTimeout: time.Minute})
	start := hub.publish(t, "start")[0]
	_, conn := rawClient(t, hub.Listener.Addr().String(), start)
	eventually(t, "the slow client is there", func() bool { return hub.Stats().Clients == 1 })
	fast := open(t, hub.URL, start)
	var ids []string
	for range 20 {
		ids = append(ids, hub.publish(t, strings.Repeat("x", 128<<10))...)
	}
	var got []sse.SSEEvent
	for event, err := range sse.SSERead(fast.Body, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, event); len(got) == len(ids) {
			break // all have arrived while the other client's handler blocks in its first write
		}
	}
	if !equalIDs(got, ids) || hub.Stats().Clients != 2 {
		t.Errorf("%d events, stats %+v", len(got), hub.Stats())
	}
	conn.Close()
}

func TestSSEHandler_Topics(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{Heartbeat: 10 * time.Millisecond, Topics: func(r *http.Request) (func(string) bool, error) {
		wanted := r.URL.Query()["topic"]
		if slices.Contains(wanted, "secret") {
			return nil, &core.Error{Code: core.CodeForbidden, Message: "not for you"}
		}
		return func(topic string) bool { return slices.Contains(wanted, topic) }, nil
	}})
	start := hub.publish(t, "start")[0]
	response := open(t, hub.URL+"?topic=a&topic=b", start)
	var last string
	for _, topic := range []string{"a", "b", "c", "a", "c"} {
		id, err := hub.Publish(topic, sse.SSEEvent{Data: topic})
		if err != nil {
			t.Fatal(err)
		}
		last = id
	}
	lines := bufio.NewScanner(response.Body)
	var data []string
	for lines.Scan() && lines.Text() != "id: "+last { // a heartbeat moves the ID past other clients' events
		if d, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			data = append(data, d)
		}
	}
	if strings.Join(data, "") != "aba" {
		t.Errorf("got %q, then %v", data, lines.Err())
	}
	refused := open(t, hub.URL+"?topic=secret", "")
	if refused.StatusCode != 403 || refused.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v", refused.StatusCode, refused.Header)
	}
}

func TestSSEHandler_Heartbeat(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{Heartbeat: 5 * time.Millisecond})
	lines := bufio.NewScanner(open(t, hub.URL, "").Body)
	for beats := 0; beats < 3; {
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		if lines.Text() == ":" {
			beats++
		}
	}
}

func TestSSEHandler_Refuses(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{MaxClients: 1, Retry: 3 * time.Second, Heartbeat: time.Hour})
	for method, want := range map[string]int{"POST": 405, "DELETE": 405, "HEAD": 200} {
		request, err := http.NewRequestWithContext(t.Context(), method, hub.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want || want == 405 && response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
	eventually(t, "HEAD has left", func() bool { return hub.Stats().Clients == 0 })
	first := open(t, hub.URL, "")
	second := open(t, hub.URL, "")
	if second.StatusCode != 503 || second.Header.Get("Retry-After") != "3" || hub.Stats().Refused != 1 {
		t.Errorf("the second got %d %v", second.StatusCode, second.Header)
	}
	first.Body.Close() // the client leaves
	eventually(t, "its place is free", func() bool { return hub.Stats().Clients == 0 })
	if third := open(t, hub.URL, ""); third.StatusCode != 200 {
		t.Errorf("the third got %d", third.StatusCode)
	}
	hub.SSEHub.Close()
	hub.SSEHub.Close()
	if late := open(t, hub.URL, ""); late.StatusCode != 503 {
		t.Errorf("after Close: %d", late.StatusCode)
	}
}

func TestSSEHandler_PublishErrors(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{RingBytes: 100})
	for _, c := range []struct {
		event sse.SSEEvent
		want  core.Code
	}{
		{sse.SSEEvent{Type: "a\nb"}, core.CodeInvalid}, {sse.SSEEvent{Type: "a\x00"}, core.CodeInvalid}, {sse.SSEEvent{Type: "\xff"}, core.CodeInvalid},
		{sse.SSEEvent{Data: "\xff"}, core.CodeInvalid}, {sse.SSEEvent{Data: strings.Repeat("x", 101)}, core.CodeTooLarge}, {sse.SSEEvent{Data: "x"}, ""},
	} {
		if id, err := hub.Publish("", c.event); core.ErrorCode(err) != c.want || (id == "") != (c.want != "") {
			t.Errorf("%+v: %q, %v", c.event, id, err)
		}
	}
	hub.SSEHub.Close()
	if _, err := hub.Publish("", sse.SSEEvent{}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
}

func TestSSEHandler_BehindAllMiddlewareAndShortTimeouts(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	hub := sse.SSEHandler(ctx, sse.SSEHandlerConfig{Heartbeat: 50 * time.Millisecond, WriteTimeout: 500 * time.Millisecond})
	handler := fnhttp.HTTPAccessLog(fnhttp.HTTPGzip(fnhttp.HTTPConditional(hub, fnhttp.HTTPConditionalConfig{}), fnhttp.HTTPGzipConfig{MinBytes: -1}),
		fnhttp.HTTPAccessLogConfig{Logger: slog.New(slog.DiscardHandler)})
	server, err := fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{
		Handler: handler, ReadTimeout: 50 * time.Millisecond, WriteTimeout: 50 * time.Millisecond, ShutdownTimeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	response := open(t, "http://"+server.Addr().String(), "")
	if response.Header.Get("ETag") != "" || response.Uncompressed {
		t.Errorf("header %v", response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	for beats := 0; beats < 14; { // 700 ms: longer than all timeouts
		if !lines.Scan() {
			t.Fatalf("cut off after %d beats: %v", beats, lines.Err())
		}
		if lines.Text() == ":" {
			beats++
		}
	}
	stop() // ends the hub's streams, so the server need not wait for its shutdown timeout
	for lines.Scan() {
	}
	<-server.Done()
	if err := errors.Join(lines.Err(), server.Err()); err != nil {
		t.Errorf("the stop was not clean: %v", err)
	}
}

func TestSSEHandler_AWriterThatCannotStream(t *testing.T) {
	t.Parallel()
	hub := sse.SSEHandler(t.Context(), sse.SSEHandlerConfig{})
	defer hub.Close()
	recorder := httptest.NewRecorder()
	hub.ServeHTTP(struct{ http.ResponseWriter }{recorder}, httptest.NewRequest("GET", "/", nil)) // hides Flush
	if recorder.Code != 500 || recorder.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v", recorder.Code, recorder.Header())
	}
}

// TestSSEHandler_EveryClientSeesAllInOrder runs publishers, and clients that
// disconnect and resume, all at once.
func TestSSEHandler_EveryClientSeesAllInOrder(t *testing.T) {
	t.Parallel()
	const publishers, each, clients = 4, 250, 8
	hub := newHubServer(t, sse.SSEHandlerConfig{})
	start := hub.publish(t, "start")[0]
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				if _, err := hub.Publish("", sse.SSEEvent{Data: strings.Repeat("x", 100)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for number := range clients {
		wg.Go(func() {
			next, lastID := 2, start
			for next < 2+publishers*each {
				response := open(t, hub.URL, lastID)
				breakOff := next + 50 + 37*number
				for event, err := range sse.SSERead(response.Body, 0) {
					if err != nil || !strings.HasSuffix(event.ID, fmt.Sprintf("-%d", next)) {
						t.Errorf("client %d wants %d: %+v, %v", number, next, event, err)
						return
					}
					lastID = event.ID
					if next++; next == breakOff || next == 2+publishers*each {
						break
					}
				}
				response.Body.Close()
			}
		})
	}
	wg.Wait()
	if gaps := hub.Stats().Gaps; gaps > 0 {
		t.Errorf("%d gaps", gaps)
	}
}

// TestSSEHandler_IsReadByAnotherClient runs the hub against a client from
// another library.
func TestSSEHandler_IsReadByAnotherClient(t *testing.T) {
	t.Parallel()
	hub := newHubServer(t, sse.SSEHandlerConfig{})
	start := hub.publish(t, "start")[0]
	request, err := http.NewRequestWithContext(t.Context(), "GET", hub.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", start)
	got := make(chan gosse.Event, 100)
	connection := gosse.NewConnection(request)
	connection.SubscribeToAll(func(event gosse.Event) { got <- event })
	go connection.Connect()
	ids := hub.publish(t, "one\ntwo", "three")
	var received []gosse.Event
	for len(received) < 2 {
		if event := <-got; event.Data != "" { // it also dispatches an ID without data, unlike browsers
			received = append(received, event)
		}
		if len(received) == 1 {
			hub.CloseClientConnections()
		}
	}
	if received[0].Data != "one\ntwo" || received[0].LastEventID != ids[0] || received[1].Data != "three" || received[1].LastEventID != ids[1] {
		t.Errorf("got %+v", received)
	}
}
