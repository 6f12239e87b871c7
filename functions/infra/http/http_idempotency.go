package http

import (
	"bytes"
	"cmp"
	"container/list"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPIdempotencyConfig bounds what [HTTPIdempotency] remembers. The zero value
// is usable.
type HTTPIdempotencyConfig struct {
	// Caller says whose key a request has: those of different callers have
	// nothing to do with each other. nil: all are one caller.
	Caller func(*http.Request) string
	// Keep is how long a response is kept. Zero: 24 h.
	Keep time.Duration
	// MaxKeys and MaxBytes bound the responses that are kept; the oldest give
	// way. Zero: 10,000 and 64 MiB.
	MaxKeys  int
	MaxBytes int64
}

// HTTPIdempotency lets clients repeat a POST or PATCH whose answer was lost:
// with the header Idempotency-Key, a text that the client chooses for each
// request anew, such as a UUID, the repeated request gets the first response,
// marked Idempotency-Replayed: true, and next is not called again
// (draft-ietf-httpapi-idempotency-key-header). Without the header, and for
// other methods, it does nothing.
//
// While the first request still runs, a repeated one gets 409 and Retry-After;
// a key with another method, URL or body gets 422, and one that is no text of 1
// to 255 printable ASCII characters 400. The key may be in quotes, as the draft
// demands, or not. Only responses below 300 are kept: after an error, by which
// next must have changed nothing, the request is made anew. It holds body and
// response in memory: limit bodies before it.
//
// More in http_idempotency.md:
//   - What is kept is in memory: after a restart a repeated request is made
//     once more.
//   - Put it inside of authentication, with Caller, or one caller gets
//     another's responses.
func HTTPIdempotency(next http.Handler, cfg HTTPIdempotencyConfig) http.Handler {
	if cfg.Caller == nil {
		cfg.Caller = func(*http.Request) string { return "" }
	}
	cfg.Keep = cmp.Or(cfg.Keep, 24*time.Hour)
	cfg.MaxKeys = cmp.Or(cfg.MaxKeys, 10_000)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<20)
	kept := &keptResponses{cfg: &cfg, byKey: map[idempotencyKey]*keptResponse{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := r.Header.Values("Idempotency-Key")
		if len(headers) == 0 || r.Method != http.MethodPost && r.Method != http.MethodPatch {
			next.ServeHTTP(w, r)
			return
		}
		if err := kept.serve(w, r, headers, next); err != nil {
			HTTPProblem(w, r, err)
		}
	})
}

type idempotencyKey struct{ caller, key string }

// keptResponse is a response, or a request that is still running.
type keptResponse struct {
	key         idempotencyKey
	fingerprint [sha256.Size]byte // of the request
	done        bool              // the rest is written
	until       time.Time
	status      int
	header      http.Header
	body        []byte
	place       *list.Element // in order
}

// size is what a response counts for MaxBytes; its head is estimated.
func (k *keptResponse) size() int64 { return int64(len(k.body)) + 1024 }

type keptResponses struct {
	cfg *HTTPIdempotencyConfig

	mu    sync.Mutex
	byKey map[idempotencyKey]*keptResponse
	order list.List // of *keptResponse that are done, the oldest first
	bytes int64
}

// serve returns an error where nothing was sent.
func (s *keptResponses) serve(w http.ResponseWriter, r *http.Request, headers []string, next http.Handler) error {
	key, err := readIdempotencyKey(headers)
	if err != nil {
		return err
	}
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	one := &keptResponse{key: idempotencyKey{s.cfg.Caller(r), key}, fingerprint: fingerprint(r, body)}
	first, err := s.enter(one)
	if err != nil {
		return err
	}
	if first != nil {
		first.send(w, true)
		return nil
	}
	held := &heldResponse{ResponseWriter: w, header: w.Header().Clone()}
	finished := false
	defer func() {
		if !finished { // next has panicked
			s.leave(one)
		}
	}()
	r.Body = io.NopCloser(bytes.NewReader(body))
	next.ServeHTTP(held, r)
	finished = true
	one.status, one.header, one.body = cmp.Or(held.status, http.StatusOK), held.header, held.body.Bytes()
	s.leave(one)
	one.send(w, false)
	return nil
}

// readIdempotencyKey reads the header: a text in quotes, as RFC 8941 has it, or
// without.
func readIdempotencyKey(headers []string) (string, error) {
	key := strings.TrimSpace(headers[0])
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key, ok = strings.CutSuffix(inner, `"`)
		if !ok {
			key = ""
		}
	}
	odd := func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }
	if len(headers) > 1 || key == "" || len(key) > 255 || strings.ContainsFunc(key, odd) {
		return "", &core.Error{
			Code: core.CodeInvalid, Op: "http_idempotency", Message: "Idempotency-Key is not one text of 1 to 255 printable characters",
			Hint: "send a UUID in quotes, a new one for each request and the same one when you repeat it",
		}
	}
	return key, nil
}

func fingerprint(r *http.Request, body []byte) [sha256.Size]byte {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q\n", r.Method, r.URL.RequestURI(), r.Header.Values("If-Match")) // a Hash returns no error
	hash.Write(body)
	return [sha256.Size]byte(hash.Sum(nil))
}

// enter notes that a request runs, or returns the response of an earlier one.
func (s *keptResponses) enter(one *keptResponse) (first *keptResponse, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(time.Now())
	first, ok := s.byKey[one.key]
	switch {
	case !ok:
		s.byKey[one.key] = one
		return nil, nil
	case first.fingerprint != one.fingerprint:
		return nil, &HTTPProblemError{Status: http.StatusUnprocessableEntity, Err: &core.Error{
			Code: core.CodeInvalid, Op: "http_idempotency", Message: "another request had this Idempotency-Key",
			Hint: "choose a new key for each request; only one that is repeated as it was has the same",
		}}
	case !first.done:
		return nil, &core.Error{
			Code: core.CodeConflict, Op: "http_idempotency", Message: "the request with this Idempotency-Key is still running",
			Hint: "repeat it later for its response", RetryAfter: time.Second,
		}
	}
	return first, nil
}

// leave keeps a response, or, after an error or a panic, forgets the request.
func (s *keptResponses) leave(one *keptResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.status < 200 || one.status >= 300 {
		delete(s.byKey, one.key)
		return
	}
	now := time.Now()
	one.done, one.until = true, now.Add(s.cfg.Keep)
	one.place = s.order.PushBack(one)
	s.bytes += one.size()
	s.drop(now)
}

// drop forgets what is too old, and the oldest of what is too much.
func (s *keptResponses) drop(now time.Time) {
	for front := s.order.Front(); front != nil; front = s.order.Front() {
		one := front.Value.(*keptResponse)
		if now.Before(one.until) && s.order.Len() <= s.cfg.MaxKeys && s.bytes <= s.cfg.MaxBytes {
			return
		}
		s.order.Remove(front)
		s.bytes -= one.size()
		delete(s.byKey, one.key)
	}
}

// ofOneRequest are headers that a repeated response does not take from the
// first: they are about the request and its connection.
var ofOneRequest = []string{"Date", "X-Request-Id", "Ratelimit", "Ratelimit-Policy", "Connection"}

func (k *keptResponse) send(w http.ResponseWriter, replayed bool) {
	header := w.Header()
	for name, values := range k.header {
		if !replayed || !slices.Contains(ofOneRequest, name) {
			header[name] = slices.Clone(values)
		}
	}
	maps.DeleteFunc(header, func(name string, _ []string) bool { _, ok := k.header[name]; return !ok && !replayed })
	if replayed {
		header.Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body) // the client is gone
}

// heldResponse holds a whole response.
type heldResponse struct {
	http.ResponseWriter // for its deadlines
	header              http.Header
	status              int
	body                bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (h *heldResponse) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// Header implements http.ResponseWriter.
func (h *heldResponse) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldResponse) WriteHeader(status int) {
	if h.status == 0 && status >= 200 {
		h.status = status
	}
}

// Write implements http.ResponseWriter.
func (h *heldResponse) Write(b []byte) (int, error) {
	h.status = cmp.Or(h.status, http.StatusOK)
	return h.body.Write(b)
}

// Flush does nothing: the response is sent when it is whole.
func (h *heldResponse) Flush() {}
