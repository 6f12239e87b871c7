package stream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"

	"fnregistry.dev/functions/core"
)

// LineReadConfig says how lines are read. The zero value of a field is its
// default.
type LineReadConfig struct {
	// MaxBytes of a line are kept; what is beyond is dropped and counted.
	// Default: 1 MiB.
	MaxBytes int
}

// LineReadLine is a line without its end, which is "\n" or "\r\n".
type LineReadLine struct {
	// Text is the line, or its first MaxBytes. The caller owns it. It may
	// be invalid UTF-8.
	Text []byte
	// Dropped is how many of its bytes were dropped.
	Dropped int64
	// Partial says that the stream ended without the line's end.
	Partial bool
}

// LineReadHandle reads lines of a stream. It must not be used by several
// goroutines at once.
type LineReadHandle struct {
	in  *bufio.Reader
	max int
	err error // of the stream, once its last line has been returned
}

// LineRead returns a reader of the lines of r, which it buffers. There is
// nothing to close; r stays the caller's. The error is a *core.Error with
// CodeInvalid for negative MaxBytes.
//
// More in line_read.md:
//   - A line with Dropped > 0 is incomplete: reject it, or mark it when you
//     show it.
//   - Next blocks as long as its stream does; no context ends it.
func LineRead(r io.Reader, cfg LineReadConfig) (*LineReadHandle, error) {
	switch {
	case cfg.MaxBytes < 0:
		return nil, &core.Error{Code: core.CodeInvalid, Op: "line_read", Message: "MaxBytes is negative"}
	case cfg.MaxBytes == 0:
		cfg.MaxBytes = 1 << 20
	}
	cfg.MaxBytes = min(cfg.MaxBytes, math.MaxInt-len("\r\n")) // so that a line with its end has a length
	return &LineReadHandle{in: bufio.NewReaderSize(r, 64<<10), max: cfg.MaxBytes}, nil
}

// Next returns the next line, io.EOF after the last one, or the stream's error
// after what came before it. A stream that ends with a line end has no empty
// line after it.
func (h *LineReadHandle) Next() (LineReadLine, error) {
	if h.err != nil {
		return LineReadLine{}, h.err
	}
	var line LineReadLine
	size := int64(0)
	for {
		part, err := h.in.ReadSlice('\n')
		size += int64(len(part))
		if room := h.max + len("\r\n") - len(line.Text); room > 0 {
			line.Text = append(line.Text, part[:min(room, len(part))]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		h.err = err
		break
	}
	if h.err != nil && size == 0 {
		return LineReadLine{}, h.err
	}
	line.Partial = h.err != nil
	if !line.Partial {
		line.Text, size = cutEnd(line.Text, size)
	}
	if line.Dropped = size - int64(h.max); line.Dropped > 0 {
		line.Text = line.Text[:h.max]
	} else {
		line.Dropped = 0
	}
	return line, nil
}

// cutEnd removes the line's end, as far as text, the first bytes of a line of
// that size, contains it.
func cutEnd(text []byte, size int64) ([]byte, int64) {
	if int64(len(text)) < size { // the end was dropped; it counts as one byte
		return text, size - 1
	}
	cut := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	return cut, size - int64(len(text)-len(cut))
}
