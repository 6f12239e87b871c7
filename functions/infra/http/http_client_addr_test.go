package http_test

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPClientAddr_Proxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		remote string
		header []string
		want   string
	}{
		{"198.51.100.7:5", nil, "198.51.100.7"},
		{"198.51.100.7:5", []string{"203.0.113.1"}, "198.51.100.7"}, // no proxy: not believed
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.1"}, "203.0.113.1"},
		{"10.0.0.1:5", []string{"1.1.1.1, 203.0.113.1"}, "203.0.113.1"}, // the client wrote the first
		{"10.0.0.1:5", []string{"1.1.1.1", "203.0.113.1 , 10.0.0.2"}, "203.0.113.1"},
		{"10.0.0.1:5", []string{"10.9.9.9"}, "10.9.9.9"},
		{"10.0.0.1:5", []string{"203.0.113.1:1234"}, "203.0.113.1"},
		{"10.0.0.1:5", []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		{"10.0.0.1:5", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"10.0.0.1:5", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		{"10.0.0.1:5", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.1, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:5", []string{",,,"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5", []string{"203.0.113.1"}, "203.0.113.1"},
		{"[fd00::1]:5", []string{"fe80::1%eth0"}, "fe80::1"},
		{"@", []string{"203.0.113.1"}, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.remote, c.header
		if got := fnhttp.HTTPClientAddr(r, proxies).String(); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.remote, c.header, got, c.want)
		}
	}
}
