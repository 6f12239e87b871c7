package http_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPBearerName_Requests(t *testing.T) {
	t.Parallel()
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, known := fnhttp.HTTPBearerName(r.Context())
		fmt.Fprintf(w, "%q %v", name, known)
	})
	const third = "third-token-0123456789"
	handler, err := fnhttp.HTTPStack(who, fnhttp.HTTPStackConfig{
		Tokens: []string{"", tokenOne}, Login: fnhttp.HTTPLogin(loginPage), Hosts: []string{"units.example"}, Public: []string{"GET /public"}, Logger: slog.New(slog.DiscardHandler),
		Named: []fnhttp.HTTPBearerAuthToken{{Name: "two", SHA256: sha256.Sum256([]byte(tokenTwo))}, {Name: "three", SHA256: sha256.Sum256([]byte(third))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	from := func(host, path string, set func(*http.Request)) string {
		r := httptest.NewRequest("GET", "http://"+host+path, nil)
		if host == "127.0.0.1:8787" {
			r.RemoteAddr = "127.0.0.1:5"
		}
		set(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return fmt.Sprint(w.Code)
		}
		return w.Body.String()
	}
	bearing := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	nothing := func(*http.Request) {}
	session := func(token string) func(*http.Request) {
		cookie := logIn(t, handler, token)
		return func(r *http.Request) { r.AddCookie(cookie) }
	}
	for _, c := range []struct{ what, got, want string }{
		{"no token", from("127.0.0.1:8787", "/", nothing), `"" false`},
		{"a public path", from("units.example:8787", "/public", nothing), `"" false`},
		{"a token without a name", from("units.example:8787", "/", bearing(tokenOne)), `"" true`},
		{"the first name", from("units.example:8787", "/", bearing(tokenTwo)), `"two" true`},
		{"the second name, from this machine", from("127.0.0.1:8787", "/", bearing(third)), `"three" true`},
		{"a token that is none", from("127.0.0.1:8787", "/", bearing(third+"x")), "401"},
		{"a session of a name", from("units.example:8787", "/", session(third)), `"three" true`},
		{"a session without one", from("units.example:8787", "/", session(tokenOne)), `"" true`},
		{"a session from this machine", from("127.0.0.1:8787", "/", session(tokenTwo)), `"two" true`},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}
