package http

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// HTTPClientRetryConfig says how patient [HTTPClientRetry] is. The zero value
// is usable.
type HTTPClientRetryConfig struct {
	Base        http.RoundTripper            // sends each try; nil: http.DefaultTransport
	MaxAttempts int                          // tries in all; zero: 4; 1: never again
	MaxElapsed  time.Duration                // no new try starts later than this after the first; zero: 1 minute
	TryTimeout  time.Duration                // for one try, with its body as far as that is buffered; zero: 30 s; negative: none
	BufferBytes int64                        // body that is read within the try, so that a cut is retried too; zero: 1 MiB; negative: none
	Backoff     core.BackoffDelayConfig      // zero Initial: 250 ms, zero Max: 10 s
	OnAttempt   func(HTTPClientRetryAttempt) // told after each try, before the wait; nil disables it
}

// HTTPClientRetryAttempt is one try, as OnAttempt sees it.
type HTTPClientRetryAttempt struct {
	Request  *http.Request // what was asked; not to be changed
	Number   int           // 1 is the first
	Status   int           // 0 where there was no whole response
	Err      error         // nil where there was one
	Duration time.Duration // of this try
	Again    bool          // whether another one follows, after Wait
	Wait     time.Duration
}

// HTTPClientRetry returns a transport for http.Client that tries again what may
// pass later: broken connections, cut bodies, tries that took too long, and the
// statuses 408, 425, 429, 500, 502, 503 and 504. Between tries it waits as long
// as Retry-After or a body's retry_after_ms asks, at least, and backs off. It
// stops early where the next try would come after MaxElapsed or the context's
// deadline.
//
// Only a request that can be sent twice is: its method is idempotent (GET,
// HEAD, OPTIONS, TRACE, PUT, DELETE) or its caller marked it with an
// Idempotency-Key header (an empty list of values marks it and sends nothing,
// as in net/http), and its body is none or has GetBody, which http.NewRequest
// sets for bytes and strings. Any other gets one try.
//
// When tries run out, the last response is returned as it came, whatever its
// status; without one, a *core.Error: CodeTimeout, CodeCanceled,
// CodeUnavailable, or CodeInvalid for what no try can mend: a request that
// can't be sent (URL, method, headers), a certificate that is not trusted, TLS
// to a server that doesn't speak it. It unwraps to the cause.
//
// More in http_client_retry.md:
//   - A POST without Idempotency-Key gets one try, after a 429 too.
//   - Up to BufferBytes of each body are read before the client sees the
//     response.
func HTTPClientRetry(cfg HTTPClientRetryConfig) http.RoundTripper {
	cfg.Base = cmp.Or(cfg.Base, http.DefaultTransport)
	cfg.MaxAttempts = cmp.Or(cfg.MaxAttempts, 4)
	cfg.MaxElapsed = cmp.Or(cfg.MaxElapsed, time.Minute)
	cfg.TryTimeout = cmp.Or(cfg.TryTimeout, 30*time.Second)
	cfg.BufferBytes = cmp.Or(cfg.BufferBytes, 1<<20)
	cfg.Backoff.Initial = cmp.Or(cfg.Backoff.Initial, 250*time.Millisecond)
	cfg.Backoff.Max = cmp.Or(cfg.Backoff.Max, 10*time.Second)
	return &retryTransport{cfg}
}

type retryTransport struct{ cfg HTTPClientRetryConfig }

// CloseIdleConnections lets http.Client's method of that name reach the base.
func (t *retryTransport) CloseIdleConnections() {
	if closer, ok := t.cfg.Base.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	left := t.cfg.MaxAttempts
	if !sendableTwice(req) {
		left = 1
	}
	start := time.Now()
	for number := 1; ; number++ {
		tryStart := time.Now()
		tried, err := t.try(req, number)
		attempt := HTTPClientRetryAttempt{Request: req, Number: number, Err: err, Duration: time.Since(tryStart)}
		if err == nil {
			attempt.Status = tried.StatusCode
		}
		if number < left && worthRetrying(req, tried, err) {
			attempt.Wait, attempt.Again = t.wait(req.Context(), start, number, tried)
		}
		if t.cfg.OnAttempt != nil {
			t.cfg.OnAttempt(attempt)
		}
		if !attempt.Again {
			if err != nil {
				return nil, gaveUp(req, err, number, time.Since(start))
			}
			return tried.Response, nil
		}
		if err == nil {
			tried.drain()
		}
		if err := work.SleepContext(req.Context(), attempt.Wait); err != nil {
			return nil, gaveUp(req, err, number, time.Since(start))
		}
	}
}

// wait says how long to wait before the next try, and false where that try
// would come too late.
func (t *retryTransport) wait(ctx context.Context, start time.Time, number int, tried *tryResponse) (time.Duration, bool) {
	backoff := t.cfg.Backoff
	now := time.Now()
	if tried != nil {
		asked, _ := core.RetryAfterParse(tried.Header.Get("Retry-After"), tried.held, now, 0)
		backoff.Floor = max(backoff.Floor, asked)
	}
	delay := core.BackoffDelay(backoff, number-1, rand.Float64())
	deadline, limited := ctx.Deadline()
	late := now.Add(delay).After(start.Add(t.cfg.MaxElapsed)) || limited && now.Add(delay).After(deadline)
	if late {
		return 0, false
	}
	return delay, true
}

func sendableTwice(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	if badRequest(req) != "" {
		return false // it will fail the same way each time
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, marked := req.Header["Idempotency-Key"]
	return marked
}

// badRequest says why net/http will not send a request, or "". net/http's own
// errors for that have no type.
func badRequest(req *http.Request) string {
	if req.URL == nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return "the URL is not http or https with a host"
	}
	if req.Method != "" && !isToken(req.Method) {
		return "the method is no token"
	}
	for name, values := range req.Header {
		if !isToken(name) {
			return fmt.Sprintf("the header name %.80q is no token", name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fmt.Sprintf("the value of header %s has a control character", name)
			}
		}
	}
	return ""
}

// isToken knows what RFC 9110, 5.6.2 allows in methods and names of fields.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// isPermanent knows errors that no other try mends: a certificate that is not
// trusted, and TLS spoken to a server that doesn't.
func isPermanent(err error) bool {
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return true
	}
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return noTLS || errors.Is(err, http.ErrSchemeMismatch)
}

func worthRetrying(req *http.Request, tried *tryResponse, err error) bool {
	if req.Context().Err() != nil {
		return false
	}
	if err == nil {
		return retryableStatus(tried.StatusCode)
	}
	if isPermanent(err) {
		return false
	}
	unknown, ok := errors.AsType[*net.DNSError](err)
	return !ok || !unknown.IsNotFound
}

// retryableStatus: refused for now (408, 425, 429), failed (500), or in between
// nobody answered (502, 503, 504).
func retryableStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func gaveUp(req *http.Request, err error, tries int, elapsed time.Duration) error {
	failed := &core.Error{Code: core.ErrorCode(err), Op: "http_client_retry method=" + cmp.Or(req.Method, http.MethodGet), Err: err}
	if req.URL != nil {
		failed.Op += " host=" + req.URL.Host // not the rest, which may hold secrets
	}
	bad := badRequest(req)
	switch {
	case bad != "":
		failed.Code, failed.Message = core.CodeInvalid, bad
	case isPermanent(err):
		failed.Code, failed.Hint = core.CodeInvalid, "look at the URL's scheme and port, and at the server's certificate"
	case failed.Code == core.CodeInternal:
		failed.Code = core.CodeUnavailable
	}
	if tries > 1 {
		failed.Message = fmt.Sprintf("gave up after %d tries in %v", tries, elapsed.Round(time.Millisecond))
	}
	return failed
}
