package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"fnregistry.dev/functions/infra/stream"
)

// maxLine is the longest message in bytes; a call has some hundred.
const maxLine = 1 << 20

// JSON-RPC 2.0 error codes for lines that are not messages.
const (
	parseError     = -32700
	invalidRequest = -32600
)

// lines sits between the client and the SDK, which ends the session at the
// first line that it can't read. Such a line gets an error response here, as
// JSON-RPC requires, and the SDK never sees it.
type lines struct {
	in   *stream.LineReadHandle
	from io.Closer
	rest []byte // the rest of the line that the SDK is reading

	mu      sync.Mutex // held while a message is written
	out     io.Writer
	pending map[any]bool  // the IDs of pending calls
	idle    chan struct{} // closed when none are pending; nil if nobody waits
}

func newLines(in io.ReadCloser, out io.Writer) *lines {
	read, err := stream.LineRead(in, stream.LineReadConfig{MaxBytes: maxLine})
	if err != nil {
		panic(err) // the limit is a constant
	}
	return &lines{in: read, from: in, out: out, pending: map[any]bool{}}
}

// Read returns the next bytes of lines that are messages.
func (l *lines) Read(buf []byte) (int, error) {
	for len(l.rest) == 0 {
		line, err := l.line()
		if err != nil {
			return 0, err
		}
		if line == nil {
			continue
		}
		l.rest = line
	}
	n := copy(buf, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// line reads one line with its end; nil means that it was refused or empty.
func (l *lines) line() ([]byte, error) {
	read, err := l.in.Next()
	if err != nil {
		return nil, err
	}
	if read.Dropped > 0 {
		return nil, l.refuse(parseError, fmt.Sprintf("the line is longer than %d bytes", maxLine))
	}
	line := bytes.TrimSpace(read.Text)
	switch {
	case len(line) == 0:
		return nil, nil
	case !json.Valid(line):
		return nil, l.refuse(parseError, "the line is not JSON")
	case line[0] == '[':
		return nil, l.refuse(invalidRequest, "batches are not supported; send one message per line")
	}
	message, err := jsonrpc.DecodeMessage(line)
	if err != nil {
		return nil, l.refuse(invalidRequest, "not a JSON-RPC 2.0 message: "+err.Error())
	}
	if call, ok := message.(*jsonrpc.Request); ok && call.IsCall() {
		if !wholeID(line) {
			return nil, l.refuse(
				invalidRequest,
				"an ID must be a string or an integer below 2^53; any other number would come back changed",
			)
		}
		if !l.expect(call.ID) {
			return nil, l.refuse(
				invalidRequest,
				fmt.Sprintf("the ID %v is in use by a call that is still pending", call.ID.Raw()),
			)
		}
	}
	return append(line, '\n'), nil
}

// wholeID reports whether the ID of a message would be returned unchanged: the
// SDK parses numbers as floating-point, and truncates fractions.
func wholeID(line []byte) bool {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &m) != nil {
		return false
	}
	if len(m.ID) > 0 && m.ID[0] == '"' {
		return true
	}
	n, err := strconv.ParseInt(string(m.ID), 10, 64)
	return err == nil && n < 1<<53 && n > -1<<53
}

// refuse answers a line whose ID is unknown.
func (l *lines) refuse(code int, message string) error {
	type failure struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	text, err := json.Marshal(struct {
		Version string  `json:"jsonrpc"`
		ID      *int    `json:"id"`
		Error   failure `json:"error"`
	}{"2.0", nil, failure{code, message}})
	if err != nil {
		return err
	}
	_, err = l.write(append(text, '\n'))
	return err
}

// Write writes one message, as the SDK does with each of its own.
func (l *lines) Write(message []byte) (int, error) {
	n, err := l.write(message)
	if sent, decodeErr := jsonrpc.DecodeMessage(message); decodeErr == nil {
		if answer, ok := sent.(*jsonrpc.Response); ok {
			l.answer(answer.ID)
		}
	}
	return n, err
}

func (l *lines) write(message []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(message)
}

// expect records a pending call; false if another call with the same ID is
// pending: the SDK would silently drop the second.
func (l *lines) expect(id jsonrpc.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[id.Raw()] {
		return false
	}
	l.pending[id.Raw()] = true
	return true
}

func (l *lines) answer(id jsonrpc.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id.Raw())
	if len(l.pending) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// answered returns a channel that is closed when every call has been answered.
func (l *lines) answered() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := make(chan struct{})
	if len(l.pending) == 0 {
		close(idle)
	} else {
		l.idle = idle
	}
	return idle
}

// answeredFirst reads lines, and delays their end until every call has been
// answered: at the end the SDK drops unanswered calls, and a shell that pipes
// calls in closes the pipe at once. ctx ends the wait.
type answeredFirst struct {
	*lines
	ctx context.Context
}

func (a answeredFirst) Read(buf []byte) (int, error) {
	n, err := a.lines.Read(buf)
	if errors.Is(err, io.EOF) {
		select {
		case <-a.answered():
		case <-a.ctx.Done():
		}
	}
	return n, err
}

// Close ends a Read that waits. The writer stays open.
func (l *lines) Close() error { return l.from.Close() }
