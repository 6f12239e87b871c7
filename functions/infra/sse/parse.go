package sse

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// errTooLarge is in the error for an event that was skipped; the stream
// continues.
var errTooLarge = errors.New("longer than the reader's limit")

// parser interprets an event stream (HTML standard, section 9.2.6).
type parser struct {
	lines    lineReader
	maxBytes int
	lastID   string        // at the last blank line
	retry    time.Duration // last value received; negative: none
	begun    bool          // past the position of a byte order mark

	id        string // these belong to the event that is being read
	kind      string
	data      []byte
	asked     time.Duration
	oversized bool
}

func newParser(r io.Reader, maxBytes int, lastID string) *parser {
	maxBytes = cmp.Or(maxBytes, defaultMaxBytes)
	return &parser{
		lines:    lineReader{r: bufio.NewReaderSize(r, 4<<10), max: maxBytes},
		maxBytes: maxBytes,
		lastID:   lastID,
		id:       lastID,
		retry:    -1,
	}
}

// next returns the next event; io.EOF at the end of the stream; an error with
// errTooLarge in place of an event that was too long; any other error if
// reading failed.
func (p *parser) next() (SSEEvent, error) {
	for {
		line, whole, err := p.lines.next()
		if err == io.EOF {
			return SSEEvent{}, io.EOF // an event without a final blank line is dropped
		}
		if err != nil {
			return SSEEvent{}, brokenStream("sse_read", err)
		}
		if !p.begun {
			p.begun = true
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		switch {
		case !whole:
			p.oversized = p.oversized || ofEvent(line)
		case len(line) > 0:
			p.field(line)
		default:
			event, oversized, ok := p.dispatch()
			if oversized {
				return SSEEvent{}, &core.Error{Code: core.CodeTooLarge, Op: "sse_read", Err: errTooLarge,
					Message: "an event was skipped: over " + strconv.Itoa(p.maxBytes) + " bytes"}
			}
			if ok {
				return event, nil
			}
		}
	}
}

// ofEvent reports whether a line that was cut belongs to an event. Comments and
// unknown fields may have any length.
func ofEvent(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	switch string(name) {
	case "data", "event", "id", "retry":
		return true
	}
	return false
}

func (p *parser) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":")) // a comment has an empty name
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		if len(p.data)+len(value) >= p.maxBytes {
			p.oversized = true
			return
		}
		p.data = append(append(p.data, value...), '\n')
	case "event":
		p.kind = text(value)
	case "id":
		if !bytes.Contains(value, []byte{0}) {
			p.id = text(value)
		}
	case "retry":
		if wait, ok := milliseconds(value); ok {
			p.retry, p.asked = wait, wait
		}
	}
}

// dispatch ends the event read so far; there is none if it has no data.
func (p *parser) dispatch() (event SSEEvent, oversized, ok bool) {
	p.lastID = p.id
	oversized = p.oversized
	if ok = len(p.data) > 0 && !oversized; ok {
		event = SSEEvent{ID: p.id, Type: cmp.Or(p.kind, "message"), Data: text(p.data[:len(p.data)-1]), Retry: p.asked}
	}
	if cap(p.data) > 64<<10 {
		p.data = nil // one long event must not hold memory for all that follow
	}
	p.kind, p.data, p.asked, p.oversized = "", p.data[:0], 0, false
	return event, oversized, ok
}

// text decodes UTF-8 as the standard does (encoding.spec.whatwg.org), with one
// U+FFFD for each byte that begins no character, and for each truncated
// character.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			size = cutShort(b)
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

// cutShort returns how many of the first bytes could begin a character; at
// least 1.
func cutShort(b []byte) int {
	for size := min(len(b), utf8.UTFMax-1); size > 1; size-- {
		if !utf8.FullRune(b[:size]) { // more would be needed
			return size
		}
	}
	return 1
}

// milliseconds accepts only ASCII digits; a number beyond the range of a
// Duration is the longest one.
func milliseconds(digits []byte) (time.Duration, bool) {
	var ms int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms = min(ms*10+int64(c-'0'), math.MaxInt64/int64(time.Millisecond)/100)
	}
	return time.Duration(ms) * time.Millisecond, len(digits) > 0
}

// lineReader splits at LF, CR and CRLF. A CR ends its line immediately: the LF
// that may follow is checked only when the next line is read, since it may not
// arrive for hours.
type lineReader struct {
	r      *bufio.Reader
	max    int
	line   []byte
	skipLF bool
}

// next returns a line without its end, valid until the next call; whole is
// false if it was longer than max and was cut there. The error is the reader's;
// an unfinished line at the end is dropped.
func (l *lineReader) next() (line []byte, whole bool, err error) {
	if cap(l.line) > 64<<10 {
		l.line = nil
	}
	l.line, whole = l.line[:0], true
	for {
		if _, err := l.r.Peek(1); err != nil {
			return nil, false, err
		}
		chunk, _ := l.r.Peek(l.r.Buffered())
		if l.skipLF {
			l.skipLF = false
			if chunk[0] == '\n' {
				l.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		part := chunk
		if end >= 0 {
			part = chunk[:end]
		}
		if room := l.max - len(l.line); len(part) > room {
			part, whole = part[:room], false
		}
		l.line = append(l.line, part...)
		if end >= 0 {
			l.skipLF = chunk[end] == '\r'
			l.r.Discard(end + 1)
			return l.line, whole, nil
		}
		l.r.Discard(len(chunk))
	}
}
