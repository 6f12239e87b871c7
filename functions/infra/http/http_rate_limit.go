package http

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPRateLimitDecision is what a limiter says of one request.
type HTTPRateLimitDecision struct {
	Allowed    bool
	Limit      int           // requests that a client may send in Window
	Window     time.Duration // at least a second
	Remaining  int           // requests that it may still send at once
	Reset      time.Duration // until Remaining grows again
	RetryAfter time.Duration // where it is not allowed: until the next one is
}

// HTTPRateLimitConfig says what counts together, and who counts.
type HTTPRateLimitConfig struct {
	// Take counts a request of a client and decides on it. It is called from
	// many goroutines, with as many clients as there are addresses: what it
	// remembers must be bounded. Required.
	Take func(client string) HTTPRateLimitDecision
	// Proxies are the networks of reverse proxies whose X-Forwarded-For is
	// believed; see HTTPClientAddr. None: every connection is a client.
	Proxies []netip.Prefix
	// Name is the policy's in the headers. Empty: default.
	Name string
}

// HTTPRateLimit refuses requests of clients that send too many, with 429,
// Retry-After and problem JSON. A client is an address, or a /64 of IPv6. All
// responses have the headers RateLimit-Policy and RateLimit of the IETF draft
// (draft-ietf-httpapi-ratelimit-headers-10): a policy's quota q and window w in
// seconds, what remains r, and the seconds t until there is more.
//
// In [HTTPStack] it is one of Limits.
//
// Errors: CodeInvalid without Take, or for a name that is no plain text.
//
// More in http_rate_limit.md:
//   - Behind a proxy that is not in Proxies all clients are one.
//   - It counts requests, whatever they cost: use http_concurrency_limit for
//     slow ones.
func HTTPRateLimit(next http.Handler, cfg HTTPRateLimitConfig) (http.Handler, error) {
	name := cmp.Or(cfg.Name, "default")
	switch {
	case cfg.Take == nil:
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_rate_limit", Message: "no Take"}
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }):
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_rate_limit", Message: fmt.Sprintf("name %q has other than plain ASCII characters", name)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		decision := cfg.Take(clientKey(r, cfg.Proxies))
		header := w.Header()
		header.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, name, decision.Limit, roundUp(decision.Window, time.Second)))
		header.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, name, max(decision.Remaining, 0), roundUp(decision.Reset, time.Second)))
		if !decision.Allowed {
			HTTPProblem(w, r, &core.Error{
				Code: core.CodeLimited, Message: "too many requests from this address", Hint: "wait as long as Retry-After says",
				RetryAfter: max(decision.RetryAfter, time.Second),
			})
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}
