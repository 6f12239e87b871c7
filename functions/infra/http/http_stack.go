package http

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPStackAccess says who needs a token.
type HTTPStackAccess string

// The values of [HTTPStackAccess].
const (
	// HTTPStackLocal lets programs on this machine in without a token, and
	// others with one. It is the default.
	HTTPStackLocal HTTPStackAccess = ""
	// HTTPStackToken demands a token of everybody. It is for a server behind
	// a proxy on the same machine.
	HTTPStackToken HTTPStackAccess = "token"
	// HTTPStackPublic lets everybody in. It is for what anybody may read.
	HTTPStackPublic HTTPStackAccess = "public"
)

// HTTPStackConfig says whose requests a server accepts, and what it allows. The
// zero value accepts those of programs and pages of this machine alone.
type HTTPStackConfig struct {
	Access HTTPStackAccess       // zero: HTTPStackLocal
	Tokens []string              // as HTTPBearerAuth takes them; none: other machines are refused
	Named  []HTTPBearerAuthToken // further ones, whose names HTTPBearerName returns
	Realm  string                // named in WWW-Authenticate; empty: api
	// Public are patterns of http.ServeMux, each with its method, of requests
	// that need no token, as "GET /files/{id}". GET /healthz and GET /readyz
	// never need one. A path that is not in its shortest form always does. The
	// endpoints of an API say so themselves; see httpapi.HTTPAPIHandle.Stack.
	Public []string
	// Login is a way in for people on other machines; what its page loads,
	// such as "GET /assets/", belongs into Public. nil: there is none.
	Login *HTTPLoginHandle

	Hosts          []string       // names that requests may use for this server, besides loopback ones; see HTTPSameOrigin
	TrustedOrigins []string       // origins whose pages may change state here
	CORS           HTTPCORSConfig // origins whose pages may also read responses; they count as trusted; zero: none
	CSP            string         // Content-Security-Policy; empty: that of HTTPSecurityHeaders
	HSTS           time.Duration  // zero: no Strict-Transport-Security
	MaxBodyBytes   int64          // longest body of a request; zero: 1 MiB; negative: no limit
	// Limits are put outside of the tokens, so that they also bound guessing,
	// the first one outermost: HTTPRateLimit and HTTPConcurrencyLimit. They
	// don't count /healthz, /readyz and /metrics.
	Limits []func(next http.Handler) (http.Handler, error)

	Logger  *slog.Logger              // for requests and panics; nil: slog.Default()
	Observe func(HTTPAccessLogRecord) // called once after each request, for metrics; nil: none
}

// HTTPStack puts what every server needs around next, in the order that works.
// From the outside in:
//
//   - [HTTPAccessLog], which leaves out /healthz, /readyz and /metrics unless
//     they fail
//   - [HTTPSecurityHeaders], which refusals and failures have, too
//   - [HTTPRecover], so that the log shows what a panic became
//   - [HTTPSameOrigin], which refuses foreign hosts (DNS rebinding) and foreign
//     pages before anything else looks at the request
//   - [HTTPCORS] for the origins of CORS
//   - Limits
//   - [HTTPBearerAuth] with the rule of Access
//   - the limit of bodies, which only those who may come in get to
//   - [HTTPGzip]
//
// Routes come inside, by [HTTPMux], with [HTTPConditional] around those that
// have an ETag.
//
// A body longer than MaxBodyBytes is refused with 413, at once where its length
// is announced; else reading it fails with CodeTooLarge. One that comes too
// slowly fails with CodeTimeout and the status 408.
//
// Errors: CodeInvalid for what one of these does not take, and for an unknown
// Access.
//
// More in http_stack.md:
//   - The zero value answers only this machine, whatever the server listens on.
//   - A proxy on the same machine that adds no header, speaks HTTP/1.1 (nginx,
//     as it comes, from 1.29 on) and asks for 127.0.0.1 looks like a program of
//     this machine: use HTTPStackToken there.
func HTTPStack(next http.Handler, cfg HTTPStackConfig) (http.Handler, error) {
	handler := HTTPGzip(next, HTTPGzipConfig{})
	if limit := cmp.Or(cfg.MaxBodyBytes, 1<<20); limit > 0 {
		handler = limitBody(handler, limit)
	}
	handler, err := cfg.authenticate(handler)
	if err != nil {
		return nil, err
	}
	for _, limit := range slices.Backward(cfg.Limits) {
		if handler, err = unlessProbe(handler, limit); err != nil {
			return nil, err
		}
	}
	handler, err = HTTPCORS(handler, cfg.CORS)
	if err != nil {
		return nil, err
	}
	trusted := slices.Concat(cfg.TrustedOrigins, cfg.CORS.Origins)
	handler, err = HTTPSameOrigin(handler, HTTPSameOriginConfig{Hosts: cfg.Hosts, TrustedOrigins: trusted})
	if err != nil {
		return nil, err
	}
	handler = HTTPRecover(handler, HTTPRecoverConfig{Logger: cfg.Logger})
	handler = HTTPSecurityHeaders(handler, HTTPSecurityHeadersConfig{CSP: cfg.CSP, HSTS: cfg.HSTS})
	return HTTPAccessLog(handler, HTTPAccessLogConfig{Logger: cfg.Logger, Observe: cfg.Observe, Skip: isProbe}), nil
}

// isProbe holds for requests that come every few seconds.
func isProbe(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
}

// unlessProbe puts a limit around next that probes don't count for: an
// overloaded server is not a broken one.
func unlessProbe(next http.Handler, limit func(http.Handler) (http.Handler, error)) (http.Handler, error) {
	limited, err := limit(next)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	}), nil
}

func (cfg *HTTPStackConfig) authenticate(next http.Handler) (http.Handler, error) {
	switch cfg.Access {
	case HTTPStackPublic:
		return next, nil
	case HTTPStackLocal, HTTPStackToken:
	default:
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_stack", Message: fmt.Sprintf("unknown access %q", cfg.Access)}
	}
	guarded, err := HTTPBearerAuth(next, HTTPBearerAuthConfig{
		Tokens: cfg.Tokens, Named: cfg.Named, Realm: cfg.Realm, AllowLoopback: cfg.Access == HTTPStackLocal, Login: cfg.Login,
	})
	if err != nil {
		return nil, err
	}
	public, err := publicRequests(cfg.Public)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if public(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	}), nil
}

// publicRequests returns a function that reports whether a request needs no
// token, by the patterns of a config.
func publicRequests(patterns []string) (public func(*http.Request) bool, err error) {
	mux := http.NewServeMux()
	add := func(pattern string) (err error) {
		defer func() {
			if reason := recover(); reason != nil { // Handle panics on a pattern that is none
				err = fmt.Errorf("%v", reason)
			}
		}()
		mux.Handle(pattern, http.NotFoundHandler()) // only whether it matches counts
		return nil
	}
	all := slices.Concat([]string{"GET /healthz", "GET /readyz"}, patterns)
	slices.Sort(all)
	for _, pattern := range slices.Compact(all) {
		method, route, ok := strings.Cut(pattern, " ")
		if !ok || method == "" || !strings.HasPrefix(route, "/") {
			return nil, &core.Error{
				Code: core.CodeInvalid, Op: "http_stack", Message: fmt.Sprintf("public pattern %q is not a method and a path", pattern),
				Hint: "write it as GET /files/{id}",
			}
		}
		if err := add(pattern); err != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_stack", Message: fmt.Sprintf("public pattern %q", pattern), Err: err}
		}
	}
	return func(r *http.Request) bool {
		// Of a path with "//" or ".." the mux tells the pattern of the shortest
		// form, to which it would redirect.
		if clean := path.Clean(r.URL.Path); clean != r.URL.Path && clean+"/" != r.URL.Path {
			return false
		}
		_, pattern := mux.Handler(r)
		return pattern != ""
	}, nil
}

// limitBody refuses bodies longer than limit. It changes r itself rather than a
// copy: the mux writes the pattern, which the access log reads, into r.
func limitBody(next http.Handler, limit int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close") // rather than read on
			HTTPProblem(w, r, bodyTooLarge("http_stack", limit, nil))
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &limitedBody{http.MaxBytesReader(innermost(w), r.Body, limit)}
		}
		next.ServeHTTP(w, r)
	})
}

func bodyTooLarge(op string, limit int64, cause error) *core.Error {
	return &core.Error{Code: core.CodeTooLarge, Op: op, Message: fmt.Sprintf("the body is longer than %d bytes", limit), Err: cause}
}

// limitedBody says in the errors of a body that they are the client's fault.
type limitedBody struct{ io.ReadCloser }

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, bodyTooLarge("http_stack", tooLarge.Limit, err)
	}
	if core.ErrorCode(err) == core.CodeTimeout { // not the 504 of CodeTimeout elsewhere
		failed := &core.Error{Code: core.CodeTimeout, Op: "http_stack", Message: "the body came too slowly", Err: err}
		return n, &HTTPProblemError{Status: http.StatusRequestTimeout, Err: failed}
	}
	return n, err
}
