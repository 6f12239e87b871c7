package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"fnregistry.dev/functions/core"
)

// failedBodyBytes is as much of a failed response as is read before it is given
// back or dropped: enough for its retry_after_ms, and for the connection to be
// used again.
const failedBodyBytes = 64 << 10

// tryResponse is the response to one try. Its body gives what is held, then
// what is still to come.
type tryResponse struct {
	*http.Response
	held []byte
}

// drain reads a little of what is left, so that the connection can be used
// again, and closes the body.
func (a *tryResponse) drain() {
	io.CopyN(io.Discard, a.Body, int64(len(a.held))+failedBodyBytes)
	a.Body.Close()
}

// try sends req once, within TryTimeout, and reads as much of the body as the
// config says.
func (t *retryTransport) try(req *http.Request, number int) (*tryResponse, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	stop := func() bool { return true }
	if t.cfg.TryTimeout > 0 {
		stop = time.AfterFunc(t.cfg.TryTimeout, func() {
			cancel(&core.Error{Code: core.CodeTimeout, Message: "no whole response within " + t.cfg.TryTimeout.String()})
		}).Stop
	}
	fail := func(err error) (*tryResponse, error) {
		stop()
		if cause := context.Cause(ctx); cause != nil && req.Context().Err() == nil {
			err = cause // net/http only says that the context was cancelled
		}
		cancel(nil)
		return nil, err
	}
	sent := req.WithContext(ctx)
	if number > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return fail(err)
		}
		sent.Body = body
	}
	response, err := t.cfg.Base.RoundTrip(sent)
	if err != nil {
		return fail(err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		stop()
		return &tryResponse{Response: response}, nil // its body is the connection; ctx ends with the caller's
	}
	tried := &tryResponse{Response: response}
	body := response.Body
	whole, err := tried.hold(t.holdBytes(response))
	if err != nil {
		body.Close()
		if !retryableStatus(response.StatusCode) || req.Context().Err() != nil {
			return fail(err)
		}
		// Status and Retry-After have come, and say more than a cut body.
		_, err = fail(err)
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(tried.held), brokenReader{err}))
		return tried, nil
	}
	if inTime := stop(); !whole && !inTime {
		body.Close()
		return fail(context.Canceled)
	}
	if whole {
		body.Close()
		cancel(nil)
		response.Body = io.NopCloser(bytes.NewReader(tried.held))
		return tried, nil
	}
	response.Body = &restOfBody{Reader: io.MultiReader(bytes.NewReader(tried.held), body), body: body, cancel: cancel}
	return tried, nil
}

// holdBytes is how much of this response's body belongs to the try.
func (t *retryTransport) holdBytes(response *http.Response) int64 {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case media == "text/event-stream": // never ends
		return 0
	case retryableStatus(response.StatusCode):
		return failedBodyBytes
	}
	return max(t.cfg.BufferBytes, 0)
}

// hold reads up to limit bytes, and reports whether that was all.
func (a *tryResponse) hold(limit int64) (whole bool, err error) {
	if limit == 0 {
		return a.Body == http.NoBody, nil
	}
	var held bytes.Buffer
	_, err = io.CopyN(&held, a.Body, limit+1)
	a.held = held.Bytes()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// brokenReader is where a body was cut.
type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// restOfBody ends the try's context when the caller is done with the body.
type restOfBody struct {
	io.Reader
	body   io.Closer
	cancel context.CancelCauseFunc
}

func (r *restOfBody) Close() error {
	err := r.body.Close()
	r.cancel(nil)
	return err
}
