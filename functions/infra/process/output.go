package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"fnregistry.dev/functions/core"
)

// ProcessOutput is what was kept of an output: its start and its end.
type ProcessOutput struct {
	Head    []byte
	Tail    []byte
	Dropped int64 // bytes between the two
}

// Bytes returns the output. Where something was dropped, a line in square
// brackets says how much.
func (o ProcessOutput) Bytes() []byte {
	if o.Dropped == 0 {
		return bytes.Join([][]byte{o.Head, o.Tail}, nil)
	}
	return bytes.Join([][]byte{o.Head, o.Tail}, fmt.Appendf(nil, "\n[... %d bytes dropped ...]\n", o.Dropped))
}

// String is Bytes as a string. It may be invalid UTF-8, as the output may, and
// where it was cut.
func (o ProcessOutput) String() string { return string(o.Bytes()) }

// Total is the number of bytes written, kept or not.
func (o ProcessOutput) Total() int64 {
	return int64(len(o.Head)) + o.Dropped + int64(len(o.Tail))
}

func captureLimit(n int) int {
	if n == 0 {
		return DefaultCaptureBytes
	}
	return max(n, 0)
}

// headTail keeps the first and the last half of limit.
type headTail struct {
	limit int
	head  []byte
	tail  ring
}

func (h *headTail) add(p []byte) {
	room := min(h.limit/2-len(h.head), len(p))
	h.head = append(h.head, p[:room]...)
	h.tail.limit = h.limit - h.limit/2
	h.tail.add(p[room:])
}

// ring keeps the last limit bytes.
type ring struct {
	limit int
	data  []byte
	next  int   // where the oldest byte is, once data is full
	total int64 // bytes ever added
}

func (r *ring) add(p []byte) {
	r.total += int64(len(p))
	if len(p) >= r.limit {
		r.data, r.next = append(r.data[:0], p[len(p)-r.limit:]...), 0
		return
	}
	room := min(r.limit-len(r.data), len(p))
	r.data = append(r.data, p[:room]...)
	for p = p[room:]; len(p) > 0; {
		n := copy(r.data[r.next:], p)
		p = p[n:]
		r.next = (r.next + n) % r.limit
	}
}

// bytes returns a copy, oldest first.
func (r *ring) bytes() []byte {
	return append(append([]byte(nil), r.data[r.next:]...), r.data[:r.next]...)
}

// output reads one of the command's outputs. It is nil for a stderr that is
// merged into stdout.
type output struct {
	from    *os.File
	to      io.Writer
	writing *sync.Mutex // held while to is called; shared by both outputs

	mu   sync.Mutex // guards the fields below
	kept headTail
	err  error // of the first failed Write; later output is only captured
}

// copyBuffers are read buffers, as large as io.Copy's, and reused, since a
// short command uses next to nothing of one.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (o *output) copy() {
	defer o.from.Close()
	pooled := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(pooled)
	buf := pooled[:]
	failed := false
	for {
		n, err := o.from.Read(buf)
		o.mu.Lock()
		o.kept.add(buf[:n])
		o.mu.Unlock()
		if n > 0 && o.to != nil && !failed {
			failed = o.write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (o *output) write(p []byte) (failed bool) {
	o.writing.Lock()
	defer o.writing.Unlock()
	n, err := o.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
	return err != nil
}

func (o *output) close() {
	if o != nil {
		o.from.Close()
	}
}

func (o *output) captured() ProcessOutput {
	if o == nil {
		return ProcessOutput{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return ProcessOutput{
		Head: bytes.Clone(o.kept.head), Tail: o.kept.tail.bytes(),
		Dropped: o.kept.tail.total - int64(len(o.kept.tail.data)),
	}
}

func (o *output) failure(name string) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	return &core.Error{Message: name + " could not be passed on", Err: o.err}
}

// input feeds the command.
type input struct {
	from io.Reader
	to   io.WriteCloser

	mu  sync.Mutex
	err error // of a failed Read
}

func (in *input) copy() {
	defer in.to.Close()
	_, _ = io.Copy(in.to, in) // a failed Write means that the command reads no more
}

// Read notes an error: the command can't tell a broken input from a short one.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.from.Read(p)
	if err != nil && err != io.EOF {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.err = err
	}
	return n, err
}

func (in *input) failure() error {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		return nil
	}
	return &core.Error{Message: "stdin could not be read", Err: in.err}
}
