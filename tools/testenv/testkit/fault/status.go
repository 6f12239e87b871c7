package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Status answers with a status of 400 to 599, such as 401, 429, 500, 502 or
// 503.
type Status struct {
	// Code is the status. Required.
	Code int
	// RetryAfter is sent as the header Retry-After, in whole seconds,
	// rounded up. Default: no such header.
	RetryAfter time.Duration
	// RetryAfterMS is sent as retry_after_ms in a Matrix error's body, in
	// milliseconds. Default: not sent.
	RetryAfterMS int64
	// Errcode is the errcode of a Matrix error's body, such as
	// M_LIMIT_EXCEEDED or M_UNKNOWN_TOKEN. Default: M_UNKNOWN, if
	// RetryAfterMS is given, and else no Matrix error.
	Errcode string
	// Body is sent where there is no Matrix error, as text/html if it
	// begins with "<", else as text/plain. Default: the status in words.
	Body string
	// AfterServer forwards the request first, waits for the whole answer
	// and drops it. Default: the server never sees it.
	AfterServer bool
}

// String describes the fault.
func (f Status) String() string {
	s := fmt.Sprintf("status %d", f.Code)
	if f.RetryAfter > 0 {
		s += fmt.Sprintf(" Retry-After %d", seconds(f.RetryAfter))
	}
	if f.RetryAfterMS > 0 {
		s += fmt.Sprintf(" retry_after_ms %d", f.RetryAfterMS)
	}
	return s + late(f.AfterServer)
}

func (f Status) shares() bool { return false }

func (f Status) check() error {
	switch {
	case f.Code < 400 || f.Code > 599:
		return fmt.Errorf("status %d: want 400 to 599", f.Code)
	case f.RetryAfter < 0 || f.RetryAfterMS < 0:
		return fmt.Errorf("negative time to retry after")
	case f.Body != "" && (f.Errcode != "" || f.RetryAfterMS > 0):
		return fmt.Errorf("a body and a Matrix error: want one of them")
	}
	return nil
}

func (f Status) before(h *hit, r *http.Request) (*http.Response, error) {
	if f.AfterServer {
		return nil, nil
	}
	// The body is read completely, so that a client that is still sending reads
	// the response and keeps its connection.
	if err := drain(r.Body); err != nil {
		return nil, err
	}
	resp := &http.Response{ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody}
	return resp, f.after(h, resp)
}

func (f Status) after(h *hit, resp *http.Response) error {
	if err := drain(resp.Body); err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	h.act()
	kind, body := f.body()
	resp.StatusCode = f.Code
	resp.Status = fmt.Sprintf("%d %s", f.Code, http.StatusText(f.Code))
	resp.Header = http.Header{"Content-Type": {kind}}
	if f.RetryAfter > 0 {
		resp.Header.Set("Retry-After", strconv.FormatInt(seconds(f.RetryAfter), 10))
	}
	resp.Trailer = nil
	setBody(resp, body)
	return nil
}

// body returns the answer's type and text.
func (f Status) body() (kind string, body []byte) {
	if f.Errcode == "" && f.RetryAfterMS == 0 {
		text := f.Body
		if text == "" {
			text = fmt.Sprintf("%d %s (injected)\n", f.Code, http.StatusText(f.Code))
		}
		if text[0] == '<' {
			return "text/html; charset=utf-8", []byte(text)
		}
		return "text/plain; charset=utf-8", []byte(text)
	}
	matrix := struct {
		Errcode      string `json:"errcode"`
		Error        string `json:"error"`
		RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
	}{f.Errcode, http.StatusText(f.Code) + " (injected)", f.RetryAfterMS}
	if matrix.Errcode == "" {
		matrix.Errcode = "M_UNKNOWN"
	}
	body, _ = json.Marshal(matrix) // strings and a number always can be marshalled
	return "application/json", body
}

// seconds rounds up, so that no client is told to come back too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// setBody gives the response another body.
func setBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.TransferEncoding = nil
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
