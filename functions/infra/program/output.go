package program

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// output is stdout. It records the first write error.
type output struct {
	w        io.Writer
	onClosed func() // called when the reader has gone

	mu  sync.Mutex
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.mu.Lock()
		first := o.err == nil
		if first {
			o.err = err
		}
		o.mu.Unlock()
		if first && isClosedPipe(err) {
			o.onClosed()
		}
	}
	return n, err
}

// failed is the first error.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// isClosedPipe reports whether a write failed because its reader has gone.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
