package sse_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sse"
)

// hubServer is a hub behind a real server.
type hubServer struct {
	*sse.SSEHub
	*httptest.Server
}

func newHubServer(t *testing.T, cfg sse.SSEHandlerConfig) *hubServer {
	t.Helper()
	hub := sse.SSEHandler(t.Context(), cfg)
	h := &hubServer{hub, httptest.NewUnstartedServer(hub)}
	h.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		conn.(*net.TCPConn).SetWriteBuffer(64 << 10) // otherwise the kernel buffers megabytes, and no client is slow
		return ctx
	}
	h.Start()
	t.Cleanup(func() {
		hub.Close()
		h.Server.Close()
	})
	return h
}

// publish publishes each of the data and returns the IDs.
func (h *hubServer) publish(t *testing.T, data ...string) []string {
	t.Helper()
	var ids []string
	for _, d := range data {
		id, err := h.Publish("", sse.SSEEvent{Data: d})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// open connects, and returns once the hub has registered the client.
func open(t *testing.T, url, lastID string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// toEOF reads all events until the stream ends cleanly.
func toEOF(t *testing.T, body io.Reader) []sse.SSEEvent {
	t.Helper()
	var events []sse.SSEEvent
	for event, err := range sse.SSERead(body, 0) {
		if err != nil {
			t.Fatalf("after %d events: %v", len(events), err)
		}
		events = append(events, event)
	}
	return events
}

// dataOf formats events as "type:data", without the type if it is "message".
func dataOf(events []sse.SSEEvent) string {
	var shown []string
	for _, event := range events {
		if event.Type != "message" {
			event.Data = event.Type + ":" + event.Data
		}
		shown = append(shown, event.Data)
	}
	return strings.Join(shown, " ")
}

// eventually polls a condition that another goroutine makes true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("it never happened: %s", what)
		}
	}
}

func equalIDs(events []sse.SSEEvent, ids []string) bool {
	return slices.EqualFunc(events, ids, func(event sse.SSEEvent, id string) bool { return event.ID == id })
}
