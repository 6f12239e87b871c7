package http_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/work"
)

// twoEach allows each client two requests for good.
type twoEach struct {
	mu   sync.Mutex
	used map[string]int
}

func (l *twoEach) Allow(client string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used[client] == 2 {
		return &core.Error{Code: core.CodeLimited, RetryAfter: 2500 * time.Millisecond}
	}
	l.used[client]++
	return nil
}

func (l *twoEach) Budget(client string) (left, quota int, window, reset time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 2 - l.used[client], 2, time.Minute, 1500 * time.Millisecond
}

// allowOnly is a limiter that does not say what is left.
type allowOnly struct{ l fnhttp.HTTPRateLimiter }

func (a allowOnly) Allow(client string) error { return a.l.Allow(client) }

// The handle of rate_limit is a limiter, with a budget.
func TestHTTPRateLimit_OfRateLimit(t *testing.T) {
	t.Parallel()
	limiter, err := work.RateLimit(work.RateLimitConfig{Every: time.Hour, Burst: 2})
	if err != nil {
		t.Fatal(err)
	}
	h, err := fnhttp.HTTPRateLimit(text("in"), fnhttp.HTTPRateLimitConfig{Limiter: limiter})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`200 "default";r=1;t=3600`, `200 "default";r=0;t=3600`, `429 "default";r=0;t=3600`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := fmt.Sprint(w.Code, " ", w.Header().Get("RateLimit")); got != want || w.Header().Get("RateLimit-Policy") != `"default";q=2;w=7200` {
			t.Errorf("%d: %s %v, want %s", i, got, w.Header(), want)
		}
	}
}

func TestHTTPRateLimit_NoBudget(t *testing.T) {
	t.Parallel()
	h, err := fnhttp.HTTPRateLimit(text("in"), fnhttp.HTTPRateLimitConfig{Limiter: allowOnly{&twoEach{used: map[string]int{}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{200, 200, 429} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != want || w.Header().Get("RateLimit") != "" || (w.Header().Get("Retry-After") == "3") != (want == 429) {
			t.Errorf("%d: %d %v", i, w.Code, w.Header())
		}
	}
}

func TestHTTPRateLimit_PerClient(t *testing.T) {
	t.Parallel()
	h, err := fnhttp.HTTPRateLimit(text("in"), fnhttp.HTTPRateLimitConfig{
		Limiter: &twoEach{used: map[string]int{}}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		remote, forwarded string
		status            int
		limit             string
	}{
		{"198.51.100.1:1", "", 200, `"default";r=1;t=2`},
		{"198.51.100.1:2", "203.0.113.9", 200, `"default";r=0;t=2`}, // what a client writes is no other client
		{"198.51.100.1:3", "203.0.113.8", 429, `"default";r=0;t=2`},
		{"198.51.100.2:1", "", 200, `"default";r=1;t=2`},
		{"10.0.0.1:1", "203.0.113.1", 200, `"default";r=1;t=2`},
		{"10.0.0.1:2", "203.0.113.2", 200, `"default";r=1;t=2`},
		{"10.0.0.2:3", "1.1.1.1, 203.0.113.1", 200, `"default";r=0;t=2`},
		{"10.0.0.2:3", "2.2.2.2, 203.0.113.1", 429, `"default";r=0;t=2`},
		{"[2001:db8:1:2::1]:1", "", 200, `"default";r=1;t=2`},
		{"[2001:db8:1:2:ffff::2]:1", "", 200, `"default";r=0;t=2`}, // the same /64
		{"[2001:db8:1:2:aaaa::3]:1", "", 429, `"default";r=0;t=2`},
		{"[2001:db8:1:3::1]:1", "", 200, `"default";r=1;t=2`},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		header := w.Header()
		if w.Code != c.status || header.Get("RateLimit") != c.limit || header.Get("RateLimit-Policy") != `"default";q=2;w=60` {
			t.Errorf("%d: %+v: %d %v", i, c, w.Code, header)
		}
		if (header.Get("Retry-After") == "3") != (c.status == 429) {
			t.Errorf("%d: Retry-After %q", i, header.Get("Retry-After"))
		}
	}
}

// In the stack the limit is outside of the tokens and inside of the hosts, and
// probes are not counted.
func TestHTTPRateLimit_Stack(t *testing.T) {
	t.Parallel()
	limiter := &twoEach{used: map[string]int{}}
	h, err := fnhttp.HTTPStack(text("in"), fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackToken, Tokens: []string{tokenOne}, Hosts: []string{"units.example"}, Logger: slog.New(slog.DiscardHandler),
		Limits: []func(http.Handler) (http.Handler, error){func(next http.Handler) (http.Handler, error) {
			return fnhttp.HTTPRateLimit(next, fnhttp.HTTPRateLimitConfig{Limiter: limiter})
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url    string
		status int
	}{
		{"http://evil.example/", 403}, {"http://units.example/", 401}, {"http://units.example/healthz", 200}, {"http://units.example/", 401},
		{"http://units.example/", 429}, {"http://units.example/healthz", 200}, {"http://evil.example/", 403},
	} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", c.url, nil)); w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.url, w.Code, c.status)
		}
	}
	bad := fnhttp.HTTPStackConfig{Limits: []func(http.Handler) (http.Handler, error){func(next http.Handler) (http.Handler, error) {
		return fnhttp.HTTPRateLimit(next, fnhttp.HTTPRateLimitConfig{})
	}}}
	if _, err := fnhttp.HTTPStack(text("in"), bad); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a bad limit: %v", err)
	}
	if _, err := fnhttp.HTTPRateLimit(text("in"), fnhttp.HTTPRateLimitConfig{Limiter: limiter, Name: "a\r\nb"}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a bad name: %v", err)
	}
}
