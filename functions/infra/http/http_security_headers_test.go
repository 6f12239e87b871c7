package http_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPSecurityHeaders_Defaults(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	fnhttp.HTTPSecurityHeaders(http.NotFoundHandler(), fnhttp.HTTPSecurityHeadersConfig{}).
		ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	header := recorder.Result().Header
	for name, part := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=()",
	} {
		if !strings.Contains(header.Get(name), part) {
			t.Errorf("%s is %q", name, header.Get(name))
		}
	}
	if header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS is on by default")
	}
}

func TestHTTPSecurityHeaders_Configured(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	fnhttp.HTTPSecurityHeaders(http.NotFoundHandler(), fnhttp.HTTPSecurityHeadersConfig{CSP: "default-src 'none'", HSTS: time.Hour}).
		ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	if h := recorder.Header(); h.Get("Content-Security-Policy") != "default-src 'none'" || h.Get("Strict-Transport-Security") != "max-age=3600" {
		t.Errorf("got %v", h)
	}
}

func TestHTTPSecurityHeaders_HandlerMayChangeItsOwn(t *testing.T) {
	t.Parallel()
	first := true
	handler := fnhttp.HTTPSecurityHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first {
			w.Header().Add("Content-Security-Policy", "sandbox")
			w.Header().Del("X-Frame-Options")
		}
		first = false
	}), fnhttp.HTTPSecurityHeadersConfig{})
	one, two := httptest.NewRecorder(), httptest.NewRecorder()
	handler.ServeHTTP(one, httptest.NewRequest("GET", "/", nil))
	handler.ServeHTTP(two, httptest.NewRequest("GET", "/", nil))
	if len(one.Header()["Content-Security-Policy"]) != 2 || one.Header().Get("X-Frame-Options") != "" {
		t.Errorf("first response: %v", one.Header())
	}
	if len(two.Header()["Content-Security-Policy"]) != 1 || two.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("the first response's changes reached the second: %v", two.Header())
	}
}
