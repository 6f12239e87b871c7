package sse

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// client is the state of SSEClient's goroutine.
type client struct {
	cfg    SSEClientConfig
	op     string
	events chan<- SSEEvent
	errs   chan<- error
	lastID string
	retry  time.Duration // the reconnection delay that the server asked for; zero: none
}

// streamEnd is how one connection ended.
type streamEnd struct {
	err    error         // nil: the server ended it normally
	final  bool          // reconnecting is useless
	asked  time.Duration // the server's Retry-After
	events int           // received before
	lasted time.Duration // from the response header to the end
}

// run connects again and again, and returns why it stopped.
func (c *client) run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		end := c.stream(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if end.final {
			return end.err
		}
		if end.err != nil {
			c.report(end.err)
		}
		if end.events > 0 || end.lasted > c.cfg.MaxBackoff {
			failures = 0 // the connection worked
		}
		backoff := core.BackoffDelayConfig{
			Initial: cmp.Or(c.retry, c.cfg.InitialBackoff),
			Floor:   max(end.asked, c.retry),
		}
		backoff.Max = max(c.cfg.MaxBackoff, backoff.Initial)
		if work.SleepContext(ctx, core.BackoffDelay(backoff, failures, rand.Float64())) != nil {
			return nil
		}
	}
}

// report drops errors that nobody reads: the client must not block because of
// them.
func (c *client) report(err error) {
	select {
	case c.errs <- err:
	default:
	}
}

// stream reads from one connection until it ends.
func (c *client) stream(ctx context.Context) (end streamEnd) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := newIdleTimer(c.cfg.IdleTimeout, cancel)
	defer idle.stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.URL, nil)
	if err != nil {
		return streamEnd{err: c.fail(core.CodeInvalid, "the request is invalid", hideURL(err)), final: true}
	}
	if c.cfg.Header != nil {
		request.Header = c.cfg.Header.Clone()
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Cache-Control", "no-cache")
	if sendable(c.lastID) {
		request.Header.Set("Last-Event-ID", c.lastID)
	}
	idle.start()
	response, err := c.cfg.Client.Do(request)
	if err != nil {
		return streamEnd{err: c.broken(ctx, "can't connect", hideURL(err))}
	}
	defer response.Body.Close()
	if end, ok := c.judge(response); !ok {
		return end
	}
	opened := time.Now()
	defer func() { end.lasted = time.Since(opened) }()
	stream := newParser(&idleReader{Reader: response.Body, idle: idle}, c.cfg.MaxBytes, c.lastID)
	for {
		event, err := stream.next()
		c.lastID = stream.lastID
		if stream.retry >= 0 { // 0 is immediate, but the waits still grow
			c.retry = min(max(stream.retry, time.Millisecond), maxRetry)
		}
		switch {
		case err == nil:
			end.events++
			select {
			case c.events <- event:
			case <-ctx.Done():
				return end
			}
		case err == io.EOF:
			return end
		case errors.Is(err, errTooLarge):
			c.report(err)
		default:
			end.err = c.broken(ctx, "", err)
			return end
		}
	}
}

// judge checks the response header, and returns how the stream ends if it is
// not an event stream.
func (c *client) judge(response *http.Response) (end streamEnd, ok bool) {
	status := response.StatusCode
	switch {
	case status == http.StatusNoContent:
		return streamEnd{final: true}, false
	case status == http.StatusOK:
		contentType := response.Header.Get("Content-Type")
		if media, _, _ := mime.ParseMediaType(contentType); media != "text/event-stream" {
			return streamEnd{err: c.fail(core.CodeUnsupported, "the response is not an event stream but "+strconv.Quote(contentType), nil), final: true}, false
		}
		return streamEnd{}, true
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // for its retry_after_ms; a partial body is good enough
	end.asked, _ = core.RetryAfterParse(response.Header.Get("Retry-After"), body, time.Now(), maxRetry)
	code := core.ErrorCode(core.HTTPStatusError(c.op, status))
	if status < 400 {
		code = core.CodeInvalid // a success or a redirect without a stream
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		end.final = status < 500
	}
	end.err = c.fail(code, "the server answered "+response.Status, nil)
	return end, false
}

func (c *client) fail(code core.Code, message string, cause error) error {
	return &core.Error{Code: code, Op: c.op, Message: message, Err: cause}
}

// broken distinguishes an idle connection from one that failed.
func (c *client) broken(ctx context.Context, message string, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errIdle) {
		return c.fail(core.CodeTimeout, "nothing came for "+c.cfg.IdleTimeout.String(), nil)
	}
	return c.fail(core.CodeUnavailable, message, err)
}

// hideURL removes the URL, whose query may hold a secret, from errors of
// net/http.
func hideURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// sendable is false for an ID that can't be sent in an HTTP header: it may
// contain any control character but NUL and line breaks.
func sendable(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// errIdle is the cause when a connection was cancelled because nothing arrived.
var errIdle = errors.New("idle")

// idleTimer cancels a connection on which nothing arrives while a read is
// waiting.
type idleTimer struct {
	timer *time.Timer
	after time.Duration
}

func newIdleTimer(after time.Duration, cancel context.CancelCauseFunc) *idleTimer {
	if after <= 0 {
		return &idleTimer{}
	}
	timer := time.AfterFunc(after, func() { cancel(errIdle) })
	timer.Stop()
	return &idleTimer{timer: timer, after: after}
}

func (t *idleTimer) start() {
	if t.timer != nil {
		t.timer.Reset(t.after)
	}
}

func (t *idleTimer) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// idleReader runs the timer only while it reads, so that a slow consumer is not
// mistaken for a silent server.
type idleReader struct {
	io.Reader
	idle *idleTimer
}

func (r *idleReader) Read(p []byte) (int, error) {
	r.idle.start()
	defer r.idle.stop()
	return r.Reader.Read(p)
}
