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

// HTTPRateLimiter counts what keys do. The handle of rate_limit is one.
type HTTPRateLimiter interface {
	// Allow counts an action of a key and returns nil, or does not count it
	// and returns an error whose core.ErrorRetryAfter says when the next one
	// is allowed. It is called from many goroutines, with as many keys as there
	// are addresses: what it remembers must be bounded.
	Allow(key string) error
}

// rateBudget is what a limiter has that also knows what is left: for a key, how
// many actions it may do at once (left) of how many (quota), which come back
// within window, and the time until left grows.
type rateBudget interface {
	Budget(key string) (left, quota int, window, reset time.Duration)
}

// HTTPRateLimitConfig says what counts together, and who counts.
type HTTPRateLimitConfig struct {
	// Limiter counts and decides. Where it has a method Budget(key string)
	// (left, quota int, window, reset time.Duration), its numbers are in the
	// headers. Required.
	Limiter HTTPRateLimiter
	// Proxies are the networks of reverse proxies whose X-Forwarded-For is
	// believed; see HTTPClientAddr. None: every connection is a client.
	Proxies []netip.Prefix
	// Name is the policy's in the headers. Empty: default.
	Name string
}

// HTTPRateLimit refuses requests of clients that send too many, with 429,
// Retry-After and problem JSON. A client is an address, or a /64 of IPv6.
//
// Where the limiter has a Budget, all responses have the headers
// RateLimit-Policy and RateLimit of the IETF draft
// (draft-ietf-httpapi-ratelimit-headers-10): a policy's quota q and window w in
// seconds, what remains r, and the seconds t until there is more.
//
// In [HTTPStack] it is one of Limits.
//
// Errors: CodeInvalid without a Limiter, or for a name that is no plain text.
//
// More in http_rate_limit.md:
//   - Behind a proxy that is not in Proxies all clients are one.
//   - It counts requests, whatever they cost: use http_concurrency_limit for
//     slow ones.
func HTTPRateLimit(next http.Handler, cfg HTTPRateLimitConfig) (http.Handler, error) {
	name := cmp.Or(cfg.Name, "default")
	switch {
	case cfg.Limiter == nil:
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_rate_limit", Message: "no limiter"}
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }):
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_rate_limit", Message: fmt.Sprintf("name %q has other than plain ASCII characters", name)}
	}
	budget, hasBudget := cfg.Limiter.(rateBudget)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientKey(r, cfg.Proxies)
		err := cfg.Limiter.Allow(client)
		if hasBudget {
			left, quota, window, reset := budget.Budget(client)
			w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, name, quota, roundUp(window, time.Second)))
			w.Header().Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, name, max(left, 0), roundUp(reset, time.Second)))
		}
		if err != nil {
			HTTPProblem(w, r, &core.Error{
				Code: core.CodeLimited, Message: "too many requests from this address", Hint: "wait as long as Retry-After says",
				RetryAfter: max(core.ErrorRetryAfter(err), time.Second), Err: err,
			})
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}
