package http_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

const (
	tokenOne = "first-token-0123456789"
	tokenTwo = "second-token-0123456789"
)

func TestHTTPBearerAuth_Requests(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{Tokens: []string{tokenOne, tokenTwo}, Realm: "units"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		authorization []string
		in            bool
		challenge     string
	}{
		"first":        {[]string{"Bearer " + tokenOne}, true, ""},
		"second":       {[]string{"bearer  " + tokenTwo}, true, ""},
		"none":         {nil, false, `Bearer realm="units"`},
		"wrong":        {[]string{"Bearer " + tokenOne + "x"}, false, `Bearer realm="units", error="invalid_token"`},
		"prefix":       {[]string{"Bearer " + tokenOne[:10]}, false, `Bearer realm="units", error="invalid_token"`},
		"empty":        {[]string{""}, false, `Bearer realm="units", error="invalid_token"`},
		"empty token":  {[]string{"Bearer "}, false, `Bearer realm="units", error="invalid_token"`},
		"other scheme": {[]string{"Basic " + tokenOne}, false, `Bearer realm="units", error="invalid_token"`},
		"no scheme":    {[]string{tokenOne}, false, `Bearer realm="units", error="invalid_token"`},
		"twice":        {[]string{"Bearer " + tokenOne, "Bearer " + tokenOne}, false, `Bearer realm="units", error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest("GET", "/?access_token="+tokenOne, nil)
			request.Header["Authorization"] = c.authorization
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if in := recorder.Body.String() == "in"; in != c.in || recorder.Header().Get("WWW-Authenticate") != c.challenge {
				t.Fatalf("in: %v, %v", in, recorder.Header())
			}
			if !c.in && (recorder.Code != 401 || recorder.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(recorder.Body.String(), "token-0123")) {
				t.Errorf("got %d %s", recorder.Code, recorder.Body)
			}
		})
	}
}

func TestHTTPBearerAuth_Loopback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allow        bool
		remote, host string
		name, value  string // of a header
		in           bool
	}{
		{true, "127.0.0.1:1234", "127.0.0.1:8787", "", "", true},
		{true, "[::1]:1234", "localhost", "", "", true},
		{true, "[::ffff:127.0.0.1]:1234", "[::1]:8787", "", "", true},
		{false, "127.0.0.1:1234", "localhost", "", "", false},
		{true, "10.0.0.3:1234", "localhost", "", "", false},      // the host is what anybody may write
		{true, "127.0.0.1:1234", "evil.example", "", "", false},  // DNS rebinding
		{true, "127.0.0.1:1234", "units.example", "", "", false}, // a proxy on this machine that adds nothing
		{true, "127.0.0.1:1234", "localhost.evil.example", "", "", false},
		{true, "127.0.0.1:1234", "", "", "", false},
		{true, "@", "localhost", "", "", false}, // a Unix socket has no address to go by
		{true, "127.0.0.1:1234", "localhost", "X-Forwarded-For", "10.0.0.3", false},
		{true, "127.0.0.1:1234", "localhost", "X-Forwarded-For", "", false},
		{true, "127.0.0.1:1234", "localhost", "X-Forwarded-Host", "localhost", false},
		{true, "127.0.0.1:1234", "localhost", "X-Forwarded-Proto", "https", false},
		{true, "127.0.0.1:1234", "localhost", "Forwarded", "for=127.0.0.1", false},
		{true, "127.0.0.1:1234", "localhost", "x-real-ip", "127.0.0.1", false},
		{true, "127.0.0.1:1234", "localhost", "Via", "1.1 proxy", false},
		{true, "127.0.0.1:1234", "localhost", "X-Original-Forwarded-For", "10.0.0.3", false},
		{true, "127.0.0.1:1234", "localhost", "CF-Ray", "230b030023ae2822", false},
		{true, "127.0.0.1:1234", "localhost", "X-Envoy-External-Address", "10.0.0.3", false},
		{true, "127.0.0.1:1234", "localhost", "X-Amzn-Trace-Id", "Root=1", false},
		{true, "127.0.0.1:1234", "localhost", "Tailscale-User-Login", "a@b", false},
		{true, "127.0.0.1:1234", "localhost", "X-Request-Id", "1", true},
		{true, "10.0.0.3:1234", "localhost", "X-Forwarded-For", "127.0.0.1", false},   // nobody becomes loopback by a header
		{true, "127.0.0.1:1234", "localhost", "Authorization", "Bearer wrong", false}, // who shows a token is held to it
		{true, "10.0.0.3:1234", "units.example", "Authorization", "Bearer " + tokenOne, true},
	} {
		handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{Tokens: []string{tokenOne}, AllowLoopback: c.allow})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest("GET", "/", nil)
		request.RemoteAddr, request.Host = c.remote, c.host
		if c.name != "" {
			request.Header.Set(c.name, c.value)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if in := recorder.Body.String() == "in"; in != c.in || !in && recorder.Code != 401 {
			t.Errorf("%+v: in %v, status %d", c, in, recorder.Code)
		}
	}
}

// A proxy that speaks HTTP/1.0 and adds nothing, as nginx did by default, makes
// nobody local.
func TestHTTPBearerAuth_HTTP10IsNotLocal(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for version, want := range map[string]string{"1.0": "403", "1.1": "200"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET / HTTP/%s\r\nHost: %s\r\nConnection: close\r\n\r\n", version, server.Listener.Addr())
		line, err := bufio.NewReader(conn).ReadString('\n')
		if _, status, _ := strings.Cut(line, " "); !strings.HasPrefix(status, want) {
			t.Errorf("HTTP/%s: %q, %v", version, line, err)
		}
	}
}

// A token that is not set is none, and lets nobody in.
func TestHTTPBearerAuth_EmptyTokens(t *testing.T) {
	t.Parallel()
	for _, tokens := range [][]string{{""}, {"", tokenOne}} {
		handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{Tokens: tokens, AllowLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		for authorization, want := range map[string]bool{"": false, "Bearer": false, "Bearer ": false, "Bearer " + tokenOne: len(tokens) == 2} {
			request := httptest.NewRequest("GET", "/", nil) // from another machine
			request.Header.Set("Authorization", authorization)
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if in := recorder.Body.String() == "in"; in != want {
				t.Errorf("%q, %q: %d", tokens, authorization, recorder.Code)
			}
		}
	}
}

// Without a token there is none to ask for: others are refused.
func TestHTTPBearerAuth_LoopbackAlone(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	for remote, want := range map[string]int{"127.0.0.1:1234": 200, "10.0.0.3:1234": 403} {
		for _, authorization := range []string{"", "Bearer ", "Bearer x"} {
			request := httptest.NewRequest("GET", "http://localhost/", nil)
			request.RemoteAddr = remote
			if authorization != "" {
				request.Header.Set("Authorization", authorization)
				want = 403 // no token is right
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if recorder.Code != want || recorder.Header().Get("WWW-Authenticate") != "" {
				t.Errorf("%s, %q: %d, want %d", remote, authorization, recorder.Code, want)
			}
		}
	}
}

func TestHTTPBearerAuth_BadTokens(t *testing.T) {
	t.Parallel()
	for _, tokens := range [][]string{nil, {""}, {"short-s3cret"}, {tokenOne, "s3cret with blank in it"}, {"s3cret-0123456789-ü"}, {"s3cret-0123456789\n"}} {
		handler, err := fnhttp.HTTPBearerAuth(http.NotFoundHandler(), fnhttp.HTTPBearerAuthConfig{Tokens: tokens})
		if core.ErrorCode(err) != core.CodeInvalid || handler != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v", tokens, err)
		}
	}
}
