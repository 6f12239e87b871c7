package http_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

const app = "https://app.example"

func TestHTTPCORS_Responses(t *testing.T) {
	t.Parallel()
	const none = "-"
	for _, c := range []struct {
		name    string
		cfg     fnhttp.HTTPCORSConfig
		method  string
		header  http.Header
		status  int
		want    map[string]string // none: the header is absent
		reached bool
	}{
		{"off", fnhttp.HTTPCORSConfig{}, "GET", http.Header{"Origin": {app}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none, "Vary": none}, true},
		{"named", fnhttp.HTTPCORSConfig{Origins: []string{"http://localhost:3000", app}}, "GET", http.Header{"Origin": {app}}, 200,
			map[string]string{"Access-Control-Allow-Origin": app, "Vary": "Origin", "Access-Control-Allow-Credentials": none,
				"Access-Control-Expose-Headers": "ETag, Location, Retry-After", "Access-Control-Allow-Methods": none}, true},
		{"with cookies", fnhttp.HTTPCORSConfig{Origins: []string{app}, Credentials: true}, "GET", http.Header{"Origin": {app}}, 200,
			map[string]string{"Access-Control-Allow-Origin": app, "Access-Control-Allow-Credentials": "true"}, true},
		{"another", fnhttp.HTTPCORSConfig{Origins: []string{app}, Credentials: true}, "GET", http.Header{"Origin": {"https://evil.example"}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none, "Access-Control-Allow-Credentials": none, "Access-Control-Expose-Headers": none, "Vary": "Origin"}, true},
		{"a longer name", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "GET", http.Header{"Origin": {app + ".evil.example"}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none}, true},
		{"another scheme", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "GET", http.Header{"Origin": {"http://app.example"}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none}, true},
		{"null", fnhttp.HTTPCORSConfig{Origins: []string{app}, Credentials: true}, "GET", http.Header{"Origin": {"null"}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none}, true},
		{"two", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "GET", http.Header{"Origin": {app, "https://evil.example"}}, 200,
			map[string]string{"Access-Control-Allow-Origin": none}, true},
		{"no origin", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "GET", http.Header{}, 200,
			map[string]string{"Access-Control-Allow-Origin": none, "Vary": "Origin"}, true},
		{"preflight", fnhttp.HTTPCORSConfig{Origins: []string{app}, Methods: []string{"PUT"}, Headers: []string{"X-A", "X-B"}, MaxAge: time.Minute}, "OPTIONS",
			http.Header{"Origin": {app}, "Access-Control-Request-Method": {"PUT"}}, 204,
			map[string]string{"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": "PUT", "Access-Control-Allow-Headers": "X-A, X-B", "Access-Control-Max-Age": "60",
				"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}, false},
		{"preflight of another", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "OPTIONS",
			http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"PUT"}}, 204,
			map[string]string{"Access-Control-Allow-Origin": none, "Access-Control-Allow-Methods": none, "Access-Control-Allow-Headers": none,
				"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}, false},
		{"OPTIONS of a program", fnhttp.HTTPCORSConfig{Origins: []string{app}}, "OPTIONS", http.Header{}, 200,
			map[string]string{"Access-Control-Allow-Methods": none, "Vary": "Origin"}, true},
	} {
		reached := false
		h, err := fnhttp.HTTPCORS(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), c.cfg)
		if err != nil {
			t.Fatal(c.name, err)
		}
		r := httptest.NewRequest(c.method, "/", nil)
		r.Header = c.header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || reached != c.reached {
			t.Errorf("%s: %d, reached: %v", c.name, w.Code, reached)
		}
		for name, want := range c.want {
			got := strings.Join(w.Header().Values(name), ", ")
			if want == none && len(w.Header().Values(name)) > 0 || want != none && got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

func TestHTTPCORS_BadConfig(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{
		"*", "null", "", "app.example", "https://app.example/", "https://app.example/x", "https://*.example", "HTTPS://app.example", "https://App.example",
		"https://app.example:443", "http://app.example:80", "https://app.example:", "https://a@app.example", "https://app.example?", "https://app.example#", "https://a, https://b",
		"//app.example", "https://", "https://:80",
	} {
		if _, err := fnhttp.HTTPCORS(text("in"), fnhttp.HTTPCORSConfig{Origins: []string{origin}}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	for _, name := range []string{"*", "", "X A", "X-A\r\nSet-Cookie: a"} {
		if _, err := fnhttp.HTTPCORS(text("in"), fnhttp.HTTPCORSConfig{Origins: []string{app}, Headers: []string{name}}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("header %q: %v", name, err)
		}
	}
	for _, origin := range []string{"https://app.example", "http://localhost:3000", "http://[::1]:8080", "https://app.example:8443", "chrome-extension://abcdef"} {
		if _, err := fnhttp.HTTPCORS(text("in"), fnhttp.HTTPCORSConfig{Origins: []string{origin}}); err != nil {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
}

// In the stack a named origin may change state, with a token; a preflight needs
// none; refusals can be read; other hosts and origins are refused as before.
func TestHTTPCORS_Stack(t *testing.T) {
	t.Parallel()
	h, err := fnhttp.HTTPStack(text("in"), fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackToken, Tokens: []string{tokenOne}, Hosts: []string{"api.example"}, CORS: fnhttp.HTTPCORSConfig{Origins: []string{app}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, host, origin, token string
		status                      int
		readable                    bool
	}{
		{"OPTIONS", "api.example", app, "", 204, true},
		{"POST", "api.example", app, tokenOne, 200, true},
		{"POST", "api.example", app, "", 401, true},
		{"GET", "api.example", app, tokenOne, 200, true},
		{"POST", "api.example", "https://evil.example", tokenOne, 403, false},
		{"GET", "api.example", "https://evil.example", tokenOne, 200, false},
		{"POST", "api.example", "null", tokenOne, 403, false},
		{"OPTIONS", "api.example", "https://evil.example", "", 204, false},
		{"OPTIONS", "evil.example", app, "", 403, false},
		{"GET", "evil.example", app, tokenOne, 403, false},
	} {
		r := httptest.NewRequest(c.method, "http://"+c.host+"/", nil)
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if c.method == "OPTIONS" {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || (w.Header().Get("Access-Control-Allow-Origin") != "") != c.readable {
			t.Errorf("%+v: %d %v", c, w.Code, w.Header())
		}
	}
}
