package sse

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// SSEGapType is the type of the event that tells a client that it missed
// events, or may have: it should load again what the events are about. Its data
// is {"after": "..."} with the last ID that the client had.
const SSEGapType = "gap"

// SSEHandlerConfig bounds what a hub keeps and how it treats its clients. The
// zero value is usable.
type SSEHandlerConfig struct {
	RingEvents     int           // events kept for clients that lag or reconnect; zero: 1024
	RingBytes      int           // total bytes of these events on the wire; zero: 8 MiB. The newest event is always kept
	MaxClients     int           // more are refused with 503; zero: 4096
	Heartbeat      time.Duration // a comment is sent after this long without an event, to keep proxies from closing; zero: 15 s
	WriteTimeout   time.Duration // for each write to a client, after which it is disconnected; zero: 10 s
	Retry          time.Duration // the reconnection delay that clients are asked for; zero: 2 s
	DisconnectSlow bool          // end the stream of a client that fell behind the ring; default: send it a gap event and continue
	// Topics returns which topics a request may see, or an error that is
	// answered as a problem. match is called from one goroutine at a time. nil:
	// all see all.
	Topics func(*http.Request) (match func(topic string) bool, err error)
}

// SSEHub is the http.Handler that [SSEHandler] makes. Its methods may be called
// from any goroutine.
type SSEHub struct {
	cfg   SSEHandlerConfig
	epoch string // distinguishes this hub's IDs from those of the process before it
	stop  func() bool

	mu      sync.RWMutex
	ring    ring
	wake    chan struct{} // closed and replaced at each Publish
	closed  bool
	clients int
	idle    sync.Cond // no clients any more

	gaps, disconnected, refused atomic.Uint64
}

// SSEHubStats counts since the hub was made.
type SSEHubStats struct {
	Clients      int    // connected now
	Published    uint64 // events
	Gaps         uint64 // gap events sent
	Disconnected uint64 // clients disconnected: fell behind the ring, or a write failed
	Refused      uint64 // requests over MaxClients
}

// SSEHandler makes a hub that serves the events published on it to all its
// clients, until ctx ends or it is closed.
//
// Events are kept in one ring that all clients read from, each at its own pace,
// so a slow client delays no other client and needs no memory of its own. A
// client that reconnects with Last-Event-ID (or the query parameter
// last_event_id, for the first connection of a page that was rendered at a
// known event) gets what it missed. If the ring no longer holds that, or the ID
// is another process', it gets an event of type [SSEGapType], then all that the
// ring holds. The same goes for a client so slow that the ring overtakes it,
// unless DisconnectSlow is set.
//
// Each client learns its position when it connects, by an ID without event. The
// handler sets a deadline for each write, in place of the server's write
// timeout.
//
// More in sse_handler.md:
//   - The ring is memory: after a restart every client that reconnects gets a
//     gap event.
//   - Close the hub in the OnStop of http_server_go_infra, or the open streams
//     delay every shutdown until its deadline.
func SSEHandler(ctx context.Context, cfg SSEHandlerConfig) *SSEHub {
	cfg.RingEvents = cmp.Or(cfg.RingEvents, 1024)
	cfg.RingBytes = cmp.Or(cfg.RingBytes, 8<<20)
	cfg.MaxClients = cmp.Or(cfg.MaxClients, 4096)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 10*time.Second)
	cfg.Retry = cmp.Or(cfg.Retry, 2*time.Second)
	hub := &SSEHub{cfg: cfg, epoch: strings.ToLower(rand.Text()[:8]), wake: make(chan struct{})}
	hub.ring.init(cfg.RingEvents, cfg.RingBytes)
	hub.idle.L = &hub.mu
	hub.stop = context.AfterFunc(ctx, hub.shut)
	return hub
}

// Publish sends the event to all clients that may see the topic, and returns
// the ID that it got. It does not wait for them. Errors: CodeInvalid for a line
// break in the type, NUL or invalid UTF-8; CodeTooLarge for an event over
// RingBytes; CodeUnavailable once the hub is closed.
func (hub *SSEHub) Publish(topic string, event SSEEvent) (string, error) {
	if err := hub.check(event); err != nil {
		return "", err
	}
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if hub.closed {
		return "", &core.Error{Code: core.CodeUnavailable, Op: "sse_handler publish", Message: "the hub is closed"}
	}
	id := hub.id(hub.ring.next)
	hub.ring.add(entry{topic: topic, frame: encode(id, event)})
	close(hub.wake)
	hub.wake = make(chan struct{})
	return id, nil
}

func (hub *SSEHub) check(event SSEEvent) error {
	fail := func(code core.Code, message string) error {
		return &core.Error{Code: code, Op: "sse_handler publish", Message: message}
	}
	switch {
	case strings.ContainsAny(event.Type, "\r\n\x00"):
		return fail(core.CodeInvalid, "the event's type has a line break or NUL in it")
	case !utf8.ValidString(event.Type) || !utf8.ValidString(event.Data):
		return fail(core.CodeInvalid, "the event is not valid UTF-8")
	case len(event.Type)+len(event.Data) > hub.cfg.RingBytes:
		return fail(core.CodeTooLarge, "the event is longer than the ring's "+strconv.Itoa(hub.cfg.RingBytes)+" bytes")
	}
	return nil
}

// Close ends all streams after what was published before, and waits for them:
// for a stuck client, as long as WriteTimeout. Later requests are refused. It
// may be called more than once, and returns nil.
func (hub *SSEHub) Close() error {
	hub.stop()
	hub.shut()
	hub.mu.Lock()
	defer hub.mu.Unlock()
	for hub.clients > 0 {
		hub.idle.Wait()
	}
	return nil
}

var (
	_ http.Handler = (*SSEHub)(nil)
	_ io.Closer    = (*SSEHub)(nil)
)

func (hub *SSEHub) shut() {
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if !hub.closed {
		hub.closed = true
		close(hub.wake) // and not replaced: it stays closed
	}
}

// Stats returns the counters as they are now.
func (hub *SSEHub) Stats() SSEHubStats {
	hub.mu.RLock()
	defer hub.mu.RUnlock()
	return SSEHubStats{Clients: hub.clients, Published: hub.ring.next - 1, Gaps: hub.gaps.Load(),
		Disconnected: hub.disconnected.Load(), Refused: hub.refused.Load()}
}

// ServeHTTP streams to one client until it leaves, the hub closes, or it is cut
// off. It answers GET; HEAD gets the headers alone.
func (hub *SSEHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	match := func(string) bool { return true }
	var err error
	if hub.cfg.Topics != nil {
		match, err = hub.cfg.Topics(r)
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		err = &fnhttp.HTTPProblemError{Status: http.StatusMethodNotAllowed,
			Err: &core.Error{Code: core.CodeInvalid, Message: "an event stream is read with GET"}}
	case err == nil:
		err = hub.join()
	}
	if err != nil {
		fnhttp.HTTPProblem(w, r, err)
		return
	}
	defer hub.leave()
	client := hubClient{hub: hub, w: w, control: http.NewResponseController(w), match: match}
	if err := client.run(r); err != nil {
		fnhttp.HTTPProblem(w, r, err)
	}
}

func (hub *SSEHub) join() error {
	hub.mu.Lock()
	defer hub.mu.Unlock()
	unavailable := &core.Error{Code: core.CodeUnavailable, Op: "sse_handler", RetryAfter: hub.cfg.Retry}
	switch {
	case hub.closed:
		unavailable.Message = "the event stream is closing"
		return unavailable
	case hub.clients >= hub.cfg.MaxClients:
		hub.refused.Add(1)
		unavailable.Message = "too many clients read the event stream"
		return unavailable
	}
	hub.clients++
	return nil
}

func (hub *SSEHub) leave() {
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if hub.clients--; hub.clients == 0 {
		hub.idle.Broadcast()
	}
}

func (hub *SSEHub) id(seq uint64) string {
	return hub.epoch + "-" + strconv.FormatUint(seq, 10)
}

// after returns the sequence number that follows a client's last ID, and false
// if this hub can't know what followed.
func (hub *SSEHub) after(lastID string) (uint64, bool) {
	text, ours := strings.CutPrefix(lastID, hub.epoch+"-")
	seq, err := strconv.ParseUint(text, 10, 64)
	if !ours || err != nil || seq >= hub.ring.next {
		return 0, false
	}
	return seq + 1, true
}
