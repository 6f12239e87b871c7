package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Fault is what a [Rule] does to a request. The faults of this package are all
// that there are.
//
// The field AfterServer, which several have, forwards the request first and
// throws its answer away: the server did what it was asked, and the client
// doesn't learn of it. A client that then asks again may double things.
//
// Go's own client hides some faults: it sends a GET, or another request that
// may be repeated, again by itself when a connection that it had used before is
// reset before the first byte of an answer. Set DisableKeepAlives to see each.
type Fault interface {
	String() string
	// check reports an invalid value.
	check() error
	// shares reports whether the fault acts together with others.
	shares() bool
	// before acts before the request is forwarded. A response is sent in the
	// server's place; an error resets the client's connection; in both cases
	// the request is not forwarded.
	before(h *hit, r *http.Request) (*http.Response, error)
	// after acts on the server's response. An error resets the client's
	// connection.
	after(h *hit, resp *http.Response) error
}

// Reset closes the client's connection with RST (ECONNRESET) in place of an
// answer.
type Reset struct {
	// AfterServer forwards the request first, waits for the whole answer
	// and drops it. Default: the server never sees it.
	AfterServer bool
}

// String describes the fault.
func (f Reset) String() string { return "reset" + late(f.AfterServer) }

func (f Reset) check() error { return nil }
func (f Reset) shares() bool { return false }

func (f Reset) before(h *hit, r *http.Request) (*http.Response, error) {
	if f.AfterServer {
		return nil, nil
	}
	h.act()
	return nil, errReset
}

func (f Reset) after(h *hit, resp *http.Response) error {
	if err := drain(resp.Body); err != nil {
		return err
	}
	h.act()
	return errReset
}

// Hang never answers and keeps the connection open, as when one direction of
// the network is gone. It ends when the client gives up, or with
// [HTTPProxy.Heal], which resets the connection.
type Hang struct {
	// AfterServer loses the answer: the server gets the request and does
	// it. Default: the request is lost.
	AfterServer bool
}

// String describes the fault.
func (f Hang) String() string { return "hang" + late(f.AfterServer) }

func (f Hang) check() error { return nil }
func (f Hang) shares() bool { return false }

func (f Hang) before(h *hit, r *http.Request) (*http.Response, error) {
	if f.AfterServer {
		return nil, nil
	}
	if err := drain(r.Body); err != nil {
		return nil, err
	}
	return nil, h.hang(r.Context())
}

func (f Hang) after(h *hit, resp *http.Response) error {
	if err := drain(resp.Body); err != nil {
		return err
	}
	return h.hang(resp.Request.Context())
}

// hang waits until the client gives up or the proxy is healed.
func (h *hit) hang(ctx context.Context) error {
	h.act()
	select {
	case <-ctx.Done():
	case <-h.plan.healed:
	}
	return errReset
}

// Delay holds a request back.
type Delay struct {
	Time   time.Duration // at least this long
	Jitter time.Duration // and a random time below this longer
	// AfterServer holds the answer back, not the request. Default: the
	// server sees the request late.
	AfterServer bool
}

// String describes the fault.
func (f Delay) String() string {
	if f.Jitter > 0 {
		return fmt.Sprintf("delay %v to %v%s", f.Time, f.Time+f.Jitter, late(f.AfterServer))
	}
	return fmt.Sprintf("delay %v%s", f.Time, late(f.AfterServer))
}

func (f Delay) shares() bool { return true }

func (f Delay) check() error {
	if f.Time < 0 || f.Jitter < 0 || f.Time+f.Jitter <= 0 {
		return fmt.Errorf("time %v, jitter %v: want a positive time", f.Time, f.Jitter)
	}
	return nil
}

func (f Delay) before(h *hit, r *http.Request) (*http.Response, error) {
	if f.AfterServer {
		return nil, nil
	}
	return nil, f.wait(h, r.Context())
}

func (f Delay) after(h *hit, resp *http.Response) error {
	if !f.AfterServer {
		return nil
	}
	return f.wait(h, resp.Request.Context())
}

// wait delays until the time has elapsed, the client gives up or the proxy is
// healed.
func (f Delay) wait(h *hit, ctx context.Context) error {
	h.act()
	d := f.Time
	if f.Jitter > 0 {
		d += time.Duration(h.random().Int64N(int64(f.Jitter)))
	}
	return sleep(ctx, d, h.plan.healed)
}

// late describes a fault that acts after the server.
func late(afterServer bool) string {
	if afterServer {
		return " after server"
	}
	return ""
}

// drain reads the rest of a body, so that its sender is done. A request may
// have none.
func drain(body io.Reader) error {
	if body == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, body)
	if errors.Is(err, http.ErrBodyReadAfterClose) {
		return nil
	}
	return err
}
