package http

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// defaultCSP lets a page load what its own server serves, and nothing inline;
// nobody may frame it.
const defaultCSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// HTTPSecurityHeadersConfig changes what [HTTPSecurityHeaders] sets. The zero
// value suits pages whose scripts and styles are files of the same server.
type HTTPSecurityHeadersConfig struct {
	CSP  string        // Content-Security-Policy; empty: own origin only, nothing inline, no framing
	HSTS time.Duration // max-age of Strict-Transport-Security; zero: not sent, since it ties the host to HTTPS for that long
}

// HTTPSecurityHeaders sets the headers that make browsers careful on every
// response of next, before next runs, so that a handler can set another value
// or delete one: Content-Security-Policy, X-Content-Type-Options,
// X-Frame-Options, Referrer-Policy, Cross-Origin-Opener-Policy,
// Cross-Origin-Resource-Policy, Permissions-Policy, and
// Strict-Transport-Security where configured. The set follows OWASP's HTTP
// Headers Cheat Sheet.
//
// More in http_security_headers.md:
//   - The default policy stops inline scripts and styles, style attributes,
//     data: images and fonts of other hosts.
//   - A policy given replaces the default as a whole: repeat base-uri,
//     form-action, frame-ancestors and object-src.
func HTTPSecurityHeaders(next http.Handler, cfg HTTPSecurityHeadersConfig) http.Handler {
	values := map[string][]string{
		"Content-Security-Policy":      {cmp.Or(cfg.CSP, defaultCSP)},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"}, // for browsers that don't know frame-ancestors
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
	}
	if cfg.HSTS > 0 {
		values["Strict-Transport-Security"] = []string{"max-age=" + strconv.FormatInt(int64(cfg.HSTS/time.Second), 10)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		for name, value := range values {
			header[name] = value[:1:1] // an Add by a handler must not reach the next request
		}
		next.ServeHTTP(w, r)
	})
}
