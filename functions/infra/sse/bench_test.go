package sse_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"fnregistry.dev/functions/infra/sse"
)

// BenchmarkSSEHandler publishes bursts of 100 events to 1,000 clients over real
// connections and waits until each of them has read all, with this unit's hub
// and with tmaxmax/go-sse's server.
func BenchmarkSSEHandler(b *testing.B) {
	const clients, burst = 1000, 100
	data := strings.Repeat("x", 150) + mark

	hub := sse.SSEHandler(b.Context(), sse.SSEHandlerConfig{})
	defer hub.Close()
	theirs := &gosse.Server{}
	defer theirs.Shutdown(context.Background())
	for _, c := range []struct {
		name    string
		handler http.Handler
		publish func() error
	}{
		{"sse_handler", hub, func() error {
			_, err := hub.Publish("", sse.SSEEvent{Data: data})
			return err
		}},
		{"go-sse", theirs, func() error {
			message := &gosse.Message{}
			message.AppendData(data)
			return theirs.Publish(message)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			var received atomic.Int64
			for range clients {
				go countEvents(b, server.Listener.Addr().String(), &received)
			}
			publishAll := func(n int) {
				want := received.Load() + int64(n*clients)
				for range n {
					if err := c.publish(); err != nil {
						b.Fatal(err)
					}
				}
				for received.Load() < want {
					time.Sleep(100 * time.Microsecond)
				}
			}
			// All clients are connected once one event has reached all of them.
			for all := false; !all; {
				before := received.Load()
				if err := c.publish(); err != nil {
					b.Fatal(err)
				}
				time.Sleep(200 * time.Millisecond)
				all = received.Load() == before+clients
			}
			b.ReportAllocs()
			for b.Loop() {
				publishAll(burst)
			}
			b.ReportMetric(float64(clients*burst*b.N)/b.Elapsed().Seconds(), "events/s")
			server.CloseClientConnections()
		})
	}
}

// mark is a byte that occurs only in an event's data.
const mark = "\x1e"

// countEvents counts the events that arrive on one connection.
func countEvents(b *testing.B, addr string, received *atomic.Int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	buffer := make([]byte, 16<<10)
	for {
		n, err := conn.Read(buffer)
		received.Add(int64(bytes.Count(buffer[:n], []byte(mark))))
		if err != nil {
			return
		}
	}
}
