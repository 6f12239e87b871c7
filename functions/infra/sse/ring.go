package sse

import (
	"strconv"
	"strings"
	"time"
)

// entry is one event, encoded once for all clients.
type entry struct {
	topic string
	frame []byte
}

// ring holds the newest events by sequence number, from first to next-1. The
// first event ever is number 1.
type ring struct {
	entries     []entry
	first, next uint64
	bytes       int
	maxBytes    int
}

func (r *ring) init(events, bytes int) {
	*r = ring{entries: make([]entry, max(events, 1)), first: 1, next: 1, maxBytes: bytes}
}

func (r *ring) at(seq uint64) *entry { return &r.entries[seq%uint64(len(r.entries))] }

func (r *ring) add(added entry) {
	for r.first < r.next && (r.next-r.first == uint64(len(r.entries)) || r.bytes+len(added.frame) > r.maxBytes) {
		oldest := r.at(r.first)
		r.bytes -= len(oldest.frame)
		*oldest = entry{}
		r.first++
	}
	*r.at(r.next) = added
	r.bytes += len(added.frame)
	r.next++
}

// lineBreaks converts the three line breaks of the format into one.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// encode formats an event for a stream (HTML standard, section 9.2.5). Empty
// data still gets a line: clients drop events that have none.
func encode(id string, event SSEEvent) []byte {
	frame := make([]byte, 0, len(id)+len(event.Type)+len(event.Data)+32)
	frame = append(append(append(frame, "id: "...), id...), '\n')
	if event.Type != "" {
		frame = append(append(append(frame, "event: "...), event.Type...), '\n')
	}
	if event.Retry > 0 {
		frame = strconv.AppendInt(append(frame, "retry: "...), int64(event.Retry/time.Millisecond), 10)
		frame = append(frame, '\n')
	}
	data := event.Data
	if strings.Contains(data, "\r") {
		data = lineBreaks.Replace(data)
	}
	for line := range strings.SplitSeq(data, "\n") {
		frame = append(append(append(frame, "data: "...), line...), '\n')
	}
	return append(frame, '\n')
}
