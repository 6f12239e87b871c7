package http_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPSameOrigin_Hosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts []string
		host  string
		in    bool
	}{
		{nil, "localhost", true},
		{nil, "LOCALHOST:8787", true},
		{nil, "units.localhost:8787", true},
		{nil, "127.0.0.1:8787", true},
		{nil, "127.9.9.9", true},
		{nil, "[::1]:8787", true},
		{nil, "[::1]", true},
		{nil, "evil.example", false},
		{nil, "evil.example:8787", false},
		{nil, "127.0.0.1.evil.example", false},
		{nil, "localhost.evil.example", false},
		{nil, "evillocalhost", false},
		{nil, "10.0.0.3", false},
		{nil, "0.0.0.0:8787", false}, // browsers on some systems take it for this machine
		{nil, "", false},
		{[]string{"Units.example", "10.0.0.3", "[fd00::3]"}, "units.example:443", true},
		{[]string{"units.example"}, "UNITS.example.", true},
		{[]string{"units.example"}, "sub.units.example", false},
		{[]string{"10.0.0.3"}, "10.0.0.3:8787", true},
		{[]string{"[fd00::3]"}, "[fd00::3]:8787", true},
		{[]string{"*"}, "evil.example", true},
	} {
		handler, err := fnhttp.HTTPSameOrigin(text("in"), fnhttp.HTTPSameOriginConfig{Hosts: c.hosts})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest("GET", "/", nil)
		request.Host = c.host
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if in := recorder.Body.String() == "in"; in != c.in || !in && (recorder.Code != 403 || recorder.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%q with %q: %d %s", c.host, c.hosts, recorder.Code, recorder.Body)
		}
	}
}

// A machine answers by the address at which the request arrived, and by no
// other one of its own.
func TestHTTPSameOrigin_OwnAddress(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPSameOrigin(text("in"), fnhttp.HTTPSameOriginConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at, host string
		in       bool
	}{
		{"192.0.2.2", "192.0.2.2:8787", true},
		{"192.0.2.2", "192.0.2.2", true},
		{"fd00::3", "[fd00::3]:8787", true},
		{"192.0.2.2", "192.0.2.3:8787", false},
		{"192.0.2.2", "192.0.2.2.evil.example", false},
		{"192.0.2.2", "0.0.0.0:8787", false},
		{"192.0.2.2", "", false},
	} {
		request := httptest.NewRequest("GET", "/", nil)
		request.Host = c.host
		at := &net.TCPAddr{IP: net.ParseIP(c.at), Port: 8787}
		request = request.WithContext(context.WithValue(request.Context(), http.LocalAddrContextKey, at))
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if in := recorder.Body.String() == "in"; in != c.in {
			t.Errorf("%q at %s: %d %s", c.host, c.at, recorder.Code, recorder.Body)
		}
	}
}

func TestHTTPSameOrigin_Origins(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPSameOrigin(text("in"), fnhttp.HTTPSameOriginConfig{TrustedOrigins: []string{"https://units.example"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, c := range []struct {
		method, site, origin string
		in                   bool
	}{
		{"POST", "", "", true}, // a program
		{"POST", "same-origin", server.URL, true},
		{"POST", "none", "", true},
		{"POST", "cross-site", "https://evil.example", false},
		{"POST", "same-site", "http://localhost:3000", false}, // another port of this machine
		{"DELETE", "cross-site", "https://evil.example", false},
		{"PATCH", "", "https://evil.example", false}, // a browser before Sec-Fetch-Site
		{"POST", "", "null", false},
		{"POST", "", server.URL, true},
		{"POST", "cross-site", "https://units.example", true},
		{"GET", "cross-site", "https://evil.example", true},
		{"HEAD", "cross-site", "", true},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.site != "" {
			request.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			request.Header.Set("Origin", c.origin)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if in := response.StatusCode == 200; in != c.in || !in && response.StatusCode != 403 {
			t.Errorf("%+v: %d %s", c, response.StatusCode, body)
		}
	}
}

// A foreign page can't open a WebSocket, though that begins with a GET.
func TestHTTPSameOrigin_Upgrades(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPSameOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method)
	}), fnhttp.HTTPSameOriginConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]int{"https://evil.example": 403, "http://localhost:3000": 403, "null": 403, "http://localhost": 200, "": 200} {
		request := httptest.NewRequest("GET", "http://localhost/", nil)
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket")
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != want || want == 200 && recorder.Body.String() != "GET" {
			t.Errorf("origin %q: %d %s, want %d", origin, recorder.Code, recorder.Body, want)
		}
	}
}

func TestHTTPSameOrigin_BadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []fnhttp.HTTPSameOriginConfig{
		{Hosts: []string{"units.example:8787"}}, {Hosts: []string{"http://units.example"}}, {Hosts: []string{""}},
		{TrustedOrigins: []string{"units.example"}}, {TrustedOrigins: []string{"https://units.example/path"}},
	} {
		if handler, err := fnhttp.HTTPSameOrigin(text(""), cfg); core.ErrorCode(err) != core.CodeInvalid || handler != nil {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
}
