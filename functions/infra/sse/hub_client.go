package sse

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"fnregistry.dev/functions/core"
)

// A client's turn ends after this many events or bytes: enough for one
// efficient write, few enough to copy while the hub is locked, and to send
// within one write's deadline.
const (
	turnEvents = 256
	turnBytes  = 64 << 10
)

// hubClient is one connection.
type hubClient struct {
	hub     *SSEHub
	w       http.ResponseWriter
	control *http.ResponseController
	match   func(topic string) bool
	next    uint64  // sequence number of the next event
	told    uint64  // the position last sent to the client
	gap     bool    // a gap event is due: the client missed what followed the ID missed
	missed  string  //
	entries []entry // of this turn, before the filter
	frames  [][]byte
}

// run streams until the client leaves, the hub closes, or a write fails. It
// returns an error only if nothing was sent.
func (c *hubClient) run(r *http.Request) error {
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx buffers responses
	if r.Method == http.MethodHead {
		return nil
	}
	c.extendDeadline()
	if err := c.control.Flush(); errors.Is(err, http.ErrNotSupported) {
		return &core.Error{
			Code:    core.CodeInternal,
			Op:      "sse_handler",
			Message: "a middleware hides the writer's Flush",
			Err:     err,
		}
	}
	c.start(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last_event_id")))
	if c.write(c.hello()...) == nil {
		c.stream(r.Context().Done())
	}
	c.extendDeadline() // for net/http's final write of the body
	return nil
}

// start finds the client's position.
func (c *hubClient) start(lastID string) {
	c.hub.mu.RLock()
	defer c.hub.mu.RUnlock()
	c.next = c.hub.ring.next
	if lastID != "" {
		var known bool
		if c.next, known = c.hub.after(lastID); !known {
			c.gap, c.missed, c.next = true, lastID, c.hub.ring.first
		}
	}
	c.told = c.next - 1
}

func (c *hubClient) hello() [][]byte {
	retry := strconv.AppendInt([]byte("retry: "), c.hub.cfg.Retry.Milliseconds(), 10)
	frames := [][]byte{append(retry, "\n\n"...)}
	if !c.gap { // a client that is due a gap event must not record this position in case it disconnects first
		frames = append(frames, c.position())
	}
	return frames
}

func (c *hubClient) stream(gone <-chan struct{}) {
	heartbeat := time.NewTimer(c.hub.cfg.Heartbeat)
	defer heartbeat.Stop()
	for {
		wake, closed, overtaken := c.take()
		if overtaken && c.hub.cfg.DisconnectSlow {
			c.hub.disconnected.Add(1)
			return
		}
		c.choose()
		switch {
		case len(c.frames) > 0: // sent below
		case len(c.entries) > 0:
			continue // there may be more
		case closed:
			return
		default:
			select {
			case <-wake:
				continue
			case <-gone:
				return
			case <-heartbeat.C:
				c.frames = append(c.frames, c.beat())
			}
		}
		if c.write(c.frames...) != nil {
			return
		}
		heartbeat.Reset(c.hub.cfg.Heartbeat)
	}
}

// take copies a turn's events out of the ring. wake is closed when more are
// published.
func (c *hubClient) take() (wake <-chan struct{}, closed, overtaken bool) {
	hub := c.hub
	hub.mu.RLock()
	defer hub.mu.RUnlock()
	if c.next < hub.ring.first {
		overtaken = true
		c.gap, c.missed, c.next = true, hub.id(c.next-1), hub.ring.first
	}
	clear(c.entries)
	c.entries = c.entries[:0]
	size := 0
	for seq := c.next; seq < hub.ring.next && len(c.entries) < turnEvents && size < turnBytes; seq++ {
		found := hub.ring.at(seq)
		c.entries = append(c.entries, *found)
		size += len(found.frame)
	}
	return hub.wake, hub.closed, overtaken
}

// choose turns the taken events into frames, and advances the client's position
// past them. It runs without the hub's lock, since match belongs to the
// program.
func (c *hubClient) choose() {
	clear(c.frames)
	c.frames = c.frames[:0]
	if c.gap {
		c.gap = false
		c.told = c.next - 1
		c.hub.gaps.Add(1)
		data, _ := json.Marshal(map[string]string{"after": c.missed}) // strings always marshal
		c.frames = append(c.frames, encode(c.hub.id(c.told), SSEEvent{Type: SSEGapType, Data: string(data)}))
	}
	for _, entry := range c.entries {
		if c.match(entry.topic) {
			c.frames = append(c.frames, entry.frame)
			c.told = c.next
		}
		c.next++
	}
}

// position is an ID without an event: clients record it, and dispatch nothing.
func (c *hubClient) position() []byte {
	return []byte("id: " + c.hub.id(c.told) + "\n\n")
}

// beat keeps the connection open. If events of other topics were skipped, it
// moves the client's ID past them, so that the client won't be treated as
// having missed them.
func (c *hubClient) beat() []byte {
	if passed := c.next - 1; passed > c.told {
		c.told = passed
		return c.position()
	}
	return []byte(":\n\n")
}

// extendDeadline replaces the server's write timeout. A writer without
// deadlines, such as a test's recorder, doesn't block in writes either.
func (c *hubClient) extendDeadline() {
	c.control.SetWriteDeadline(time.Now().Add(c.hub.cfg.WriteTimeout))
}

// write sends frames and flushes. A client that does not accept them in time is
// disconnected.
func (c *hubClient) write(frames ...[]byte) error {
	c.extendDeadline()
	for _, frame := range frames {
		if _, err := c.w.Write(frame); err != nil {
			c.hub.disconnected.Add(1)
			return err
		}
	}
	err := c.control.Flush()
	if err != nil {
		c.hub.disconnected.Add(1)
	}
	return err
}
