package fault

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// CutBody breaks the answer off within its body. The client reads
// io.ErrUnexpectedEOF or, with Reset, ECONNRESET.
type CutBody struct {
	// After is how many bytes of the body are sent, fewer if it is shorter:
	// at least its last byte, or its end, is missing. Default: a random
	// place within the body or, where its length is not told beforehand,
	// within its first 4 KiB. An answer with one byte or none is lost
	// whole.
	After int64
	// Reset closes the connection with RST, by which the client may lose
	// bytes that it had not read. Default: an orderly close, after which it
	// reads all that was sent.
	Reset bool
}

// String describes the fault.
func (f CutBody) String() string {
	s := "cut body"
	if f.After > 0 {
		s += fmt.Sprintf(" after %d", f.After)
	}
	if f.Reset {
		s += " by reset"
	}
	return s
}

func (f CutBody) shares() bool { return false }

func (f CutBody) check() error {
	if f.After < 0 {
		return fmt.Errorf("cut after %d bytes: want no negative number", f.After)
	}
	return nil
}

func (f CutBody) before(*hit, *http.Request) (*http.Response, error) { return nil, nil }

func (f CutBody) after(h *hit, resp *http.Response) error {
	if resp.Body == http.NoBody || resp.ContentLength == 0 || resp.Request.Method == http.MethodHead {
		h.act() // a response without a body is lost entirely
		return errReset
	}
	left, most := f.After, int64(4096)
	if resp.ContentLength > 0 {
		most = resp.ContentLength
		left = min(left, most-1)
	}
	if f.After == 0 && most > 1 {
		left = 1 + h.random().Int64N(most-1)
	}
	h.later = true
	resp.Body = &cutReader{body: resp.Body, left: left, hit: h, ctx: resp.Request.Context(), reset: f.Reset}
	return nil
}

// cutReader ends a body too early.
type cutReader struct {
	body  io.ReadCloser
	left  int64
	hit   *hit
	ctx   context.Context
	reset bool
}

// Read fails after the bytes that are left, and in place of the body's end;
// ReverseProxy then closes the connection.
func (c *cutReader) Read(p []byte) (int, error) {
	if c.left > 0 {
		n, err := c.body.Read(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		if n > 0 || (err != nil && err != io.EOF) {
			return n, noEOF(err)
		}
		if err == nil {
			return 0, nil
		}
	}
	c.hit.act()
	if c.reset {
		resetConn(c.ctx)
	}
	return 0, io.ErrUnexpectedEOF
}

// Close closes the body.
func (c *cutReader) Close() error { return c.body.Close() }

// noEOF defers the end of a body to the next read.
func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// Bandwidth lets the bytes of an answer's body pass slowly.
type Bandwidth struct {
	BytesPerSecond int64 // for each response separately
}

// String describes the fault.
func (f Bandwidth) String() string { return fmt.Sprintf("bandwidth %d bytes/s", f.BytesPerSecond) }

func (f Bandwidth) shares() bool { return true }

func (f Bandwidth) check() error {
	if f.BytesPerSecond <= 0 {
		return fmt.Errorf("%d bytes a second: want a positive number", f.BytesPerSecond)
	}
	return nil
}

func (f Bandwidth) before(*hit, *http.Request) (*http.Response, error) { return nil, nil }

func (f Bandwidth) after(h *hit, resp *http.Response) error {
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return nil
	}
	h.later = true
	resp.Body = &slowReader{body: resp.Body, rate: f.BytesPerSecond, hit: h, ctx: resp.Request.Context()}
	return nil
}

// slowReader paces a body.
type slowReader struct {
	body io.ReadCloser
	rate int64
	hit  *hit
	ctx  context.Context
	pace pacer
}

// Read returns a little and waits for as long as that takes; no longer once the
// proxy is healed.
func (s *slowReader) Read(p []byte) (int, error) {
	select {
	case <-s.hit.plan.healed:
		return s.body.Read(p)
	default:
	}
	n, err := s.body.Read(p[:s.pace.piece(len(p), s.rate)])
	if n == 0 {
		return n, err
	}
	s.hit.act()
	if ended := sleep(s.ctx, time.Until(s.pace.until(n, s.rate)), s.hit.plan.healed); ended != nil {
		return n, ended
	}
	return n, err
}

// Close closes the body.
func (s *slowReader) Close() error { return s.body.Close() }
