package http_test

import (
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
		allow     bool
		remote    string
		forwarded string
		header    string
		in        bool
	}{
		{true, "127.0.0.1:1234", "", "", true},
		{true, "[::1]:1234", "", "", true},
		{false, "127.0.0.1:1234", "", "", false},
		{true, "10.0.0.3:1234", "", "", false},
		{true, "@", "", "", false}, // a Unix socket has no address to go by
		{true, "127.0.0.1:1234", "X-Forwarded-For", "", false},
		{true, "127.0.0.1:1234", "Forwarded", "", false},
		{true, "127.0.0.1:1234", "", "Bearer wrong", false}, // who shows a token is held to it
	} {
		handler, err := fnhttp.HTTPBearerAuth(text("in"), fnhttp.HTTPBearerAuthConfig{Tokens: []string{tokenOne}, AllowLoopback: c.allow})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest("GET", "/", nil)
		request.RemoteAddr = c.remote
		if c.forwarded != "" {
			request.Header.Set(c.forwarded, "for=10.0.0.3")
		}
		if c.header != "" {
			request.Header.Set("Authorization", c.header)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if in := recorder.Body.String() == "in"; in != c.in {
			t.Errorf("%+v: in %v", c, in)
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
