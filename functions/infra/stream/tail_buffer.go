package stream

import (
	"bytes"
	"sync"

	"fnregistry.dev/functions/core"
)

// TailBufferConfig says how much is kept. The zero value of a field is its
// default.
type TailBufferConfig struct {
	// MaxLines is how many of the last lines are kept. Default: 1,000.
	MaxLines int
	// MaxBytes is how many bytes of them are kept, with one for each line's
	// end. Default: 1 MiB.
	MaxBytes int
}

// TailBufferHandle keeps the last lines of what is written to it. Its methods
// may be called from several goroutines at once.
type TailBufferHandle struct {
	maxLines, maxBytes int

	mu      sync.Mutex
	data    []byte // the kept lines, each with "\n" except an unfinished last one; older bytes before start
	start   int    // start of the first kept line
	lines   int    // lines in data[start:], including an unfinished one
	open    bool   // the last line is unfinished
	dropped int64  // lines no longer kept
}

// TailBufferContent is what a buffer holds.
type TailBufferContent struct {
	// Lines are the last lines, oldest first, without "\n". The last one may
	// have no end yet.
	Lines []string
	// Dropped is how many lines came before them. A first line that has lost
	// its beginning is not among them.
	Dropped int64
}

// TailBuffer returns a writer that keeps the last lines written to it and drops
// older ones. It never holds more than twice MaxBytes. There is nothing to
// close. The error is a *core.Error with CodeInvalid for a negative limit.
//
// More in tail_buffer.md:
//   - One line longer than MaxBytes loses its beginning, without a mark; it
//     does not count as dropped.
//   - "\r" before "\n" is kept.
func TailBuffer(cfg TailBufferConfig) (*TailBufferHandle, error) {
	if cfg.MaxLines < 0 || cfg.MaxBytes < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "tail_buffer", Message: "a limit is negative"}
	}
	if cfg.MaxLines == 0 {
		cfg.MaxLines = 1000
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 20
	}
	return &TailBufferHandle{maxLines: cfg.MaxLines, maxBytes: cfg.MaxBytes}, nil
}

// Write adds to the stream. It takes all of p and never fails.
func (h *TailBufferHandle) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := len(p)
	for len(p) > 0 {
		part := p
		if end := bytes.IndexByte(p, '\n'); end >= 0 {
			part = p[:end+1]
		}
		p = p[len(part):]
		if !h.open {
			h.lines++
		}
		h.open = part[len(part)-1] != '\n'
		h.append(part)
	}
	return written, nil
}

// append adds to the last line, and drops the excess.
func (h *TailBufferHandle) append(part []byte) {
	h.data = append(h.data, part[max(0, len(part)-h.maxBytes):]...)
	for h.lines > h.maxLines || h.lines > 1 && len(h.data)-h.start > h.maxBytes {
		h.start += bytes.IndexByte(h.data[h.start:], '\n') + 1
		h.lines--
		h.dropped++

	}
	if excess := len(h.data) - h.start - h.maxBytes; excess > 0 { // one line that is too long
		h.start += excess

	}
	if h.start > h.maxBytes {
		h.data = append(h.data[:0], h.data[h.start:]...)
		h.start = 0
	}
}

// Content returns a copy of what is kept.
func (h *TailBufferHandle) Content() TailBufferContent {
	h.mu.Lock()
	defer h.mu.Unlock()
	content := TailBufferContent{Lines: make([]string, 0, h.lines), Dropped: h.dropped}
	for line := range bytes.Lines(h.data[h.start:]) {
		content.Lines = append(content.Lines, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return content
}
