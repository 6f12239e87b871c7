package http_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// loginPage shows what its form has.
func loginPage(w http.ResponseWriter, _ *http.Request, form fnhttp.HTTPLoginForm) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(form.Status)
	fmt.Fprintf(w, "form to=%s next=%s problem=%s", form.Action, form.Next, form.Problem)
}

// withLogin is a server that people log in to by a page.
func withLogin(t *testing.T, tokens ...string) http.Handler {
	t.Helper()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "in %s %s", r.Method, r.URL.RequestURI()) })
	handler, err := fnhttp.HTTPBearerAuth(echo, fnhttp.HTTPBearerAuthConfig{Tokens: tokens, Login: fnhttp.HTTPLogin(loginPage)})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// ask sends a request of a browser on another machine. fields are those of a
// form, which it posts; headers are names and values.
func ask(handler http.Handler, method, path string, fields url.Values, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://units.example:8787"+path, strings.NewReader(fields.Encode()))
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://units.example:8787")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// logIn returns the cookie that a token gets, as a header.
func logIn(t *testing.T, handler http.Handler, token string) *http.Cookie {
	t.Helper()
	response := ask(handler, "POST", "/login", url.Values{"token": {token}, "next": {"/units?q=x"}})
	if response.StatusCode != 303 || response.Header.Get("Location") != "/units?q=x" || len(response.Cookies()) != 1 {
		t.Fatalf("logging in: %d %v", response.StatusCode, response.Header)
	}
	return response.Cookies()[0]
}

func TestHTTPLogin_Requests(t *testing.T) {
	t.Parallel()
	handler := withLogin(t, tokenOne, tokenTwo)
	// Somebody without a token gets the form, a program does not.
	response := ask(handler, "GET", "/units?q=x", nil)
	if got := bodyOf(t, response); response.StatusCode != 401 || got != "form to=/login next=/units?q=x problem=" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", response.StatusCode, response.Header, got)
	}
	if response := ask(handler, "GET", "/units", nil, "Accept", "*/*"); response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program gets %v", response.Header)
	}
	if response := ask(handler, "POST", "/units", url.Values{}); response.StatusCode != 401 || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a form that is posted: %d", response.StatusCode)
	}
	if got := bodyOf(t, ask(handler, "GET", "/login", nil)); got != "form to=/login next=/ problem=" {
		t.Errorf("GET /login: %s", got)
	}
	// A wrong token does not, the right one does.
	response = ask(handler, "POST", "/login", url.Values{"token": {tokenOne + "x"}, "next": {"/units"}})
	if got := bodyOf(t, response); response.StatusCode != 401 || got != "form to=/login next=/units problem=this token is not accepted" || len(response.Cookies()) > 0 {
		t.Errorf("%d %s %v", response.StatusCode, got, response.Header)
	}
	cookie := logIn(t, handler, " "+tokenTwo+"\n") // as it may be pasted
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge != 30*24*3600 || cookie.Secure ||
		cookie.Name != "login_8787" || strings.Contains(cookie.Value, "token") {
		t.Errorf("cookie %+v", cookie)
	}
	secure := ask(handler, "POST", "/login", url.Values{"token": {tokenTwo}}, "X-Forwarded-Proto", "https").Cookies()[0]
	if !secure.Secure {
		t.Errorf("cookie over TLS %+v", secure)
	}
	in := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if got := bodyOf(t, ask(handler, "GET", "/units?q=x", nil, in...)); got != "in GET /units?q=x" {
		t.Errorf("with the cookie: %s", got)
	}
	// Replacing the token voids it, as does changing it.
	for name, value := range map[string]string{"another end": "9" + cookie.Value, "no end": strings.TrimLeft(cookie.Value, "0123456789"), "empty": ""} {
		if response := ask(handler, "GET", "/", nil, "Cookie", cookie.Name+"="+value); response.StatusCode != 401 {
			t.Errorf("a cookie with %s: %d", name, response.StatusCode)
		}
	}
	if response := ask(withLogin(t, tokenOne), "GET", "/", nil, in...); response.StatusCode != 401 {
		t.Errorf("its token is no more: %d", response.StatusCode)
	}
	response = ask(handler, "POST", "/logout", url.Values{}, in...)
	if out := response.Cookies(); response.StatusCode != 303 || len(out) != 1 || out[0].MaxAge >= 0 || out[0].Name != cookie.Name {
		t.Errorf("logging out: %d %v", response.StatusCode, response.Header)
	}
}

// What a foreign page makes a browser send changes nothing, though it had the
// cookie.
func TestHTTPLogin_ForeignPages(t *testing.T) {
	t.Parallel()
	handler := withLogin(t, tokenOne)
	cookie := logIn(t, handler, tokenOne)
	in := cookie.Name + "=" + cookie.Value
	for name, c := range map[string]struct {
		method, header, value string
		want                  int
	}{
		"own page":               {"POST", "Origin", "http://units.example:8787", 200},
		"own page by fetch":      {"DELETE", "Sec-Fetch-Site", "same-origin", 200},
		"foreign page":           {"POST", "Origin", "http://evil.example", 401},
		"another port":           {"POST", "Origin", "http://units.example:9999", 401},
		"foreign page by fetch":  {"POST", "Sec-Fetch-Site", "cross-site", 401},
		"nobody says":            {"POST", "X-Nothing", "", 401},
		"WebSocket":              {"GET", "Upgrade", "websocket", 401},
		"a link, read alone":     {"GET", "Sec-Fetch-Site", "cross-site", 200},
		"no such thing as login": {"GET", "X-Nothing", "", 200},
	} {
		if response := ask(handler, c.method, "/units", nil, "Cookie", in, c.header, c.value); response.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, c.want)
		}
	}
	for _, path := range []string{"/login", "/logout"} {
		response := ask(handler, "POST", path, url.Values{"token": {tokenOne}}, "Origin", "http://evil.example", "Cookie", in)
		if response.StatusCode != 403 || len(response.Cookies()) > 0 {
			t.Errorf("POST %s by a foreign page: %d", path, response.StatusCode)
		}
	}
	// The cookie does not come with a link from elsewhere: the page asks once
	// more.
	if response := ask(handler, "GET", "/units", nil, "Sec-Fetch-Site", "cross-site"); response.Header.Get("Refresh") != "0" {
		t.Errorf("a link from another site: %v", response.Header)
	}
	if response := ask(handler, "GET", "/units", nil, "Sec-Fetch-Site", "same-origin"); response.Header.Get("Refresh") != "" {
		t.Error("the page would be loaded for ever")
	}
}

func TestHTTPLogin_LeadsNowhereElse(t *testing.T) {
	t.Parallel()
	handler := withLogin(t, tokenOne)
	for next, want := range map[string]string{
		"/a/b?c=d%20e#f": "/a/b?c=d%20e#f", "": "/", "//evil.example": "/", "/\\evil.example": "/", "/\t/evil.example": "/", "https://evil.example/": "/",
		"javascript:alert(1)": "/", "evil.example": "/", "/%zz": "/", "/a\r\nSet-Cookie: x=y": "/", "\t/": "/",
	} {
		response := ask(handler, "POST", "/login", url.Values{"token": {tokenOne}, "next": {next}})
		if got := response.Header.Get("Location"); response.StatusCode != 303 || got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func TestHTTPLogin_Tries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := withLogin(t, tokenOne)
		try := func(token string) *http.Response { return ask(handler, "POST", "/login", url.Values{"token": {token}}) }
		for i := range 5 {
			if response := try("wrong"); response.StatusCode != 401 {
				t.Fatalf("try %d: %d", i, response.StatusCode)
			}
		}
		if response := try(tokenOne); response.StatusCode != 429 || response.Header.Get("Retry-After") != "2" {
			t.Errorf("after five wrong ones: %d %v", response.StatusCode, response.Header)
		}
		allowed := 0
		for range 1000 { // in 100 s
			if try("wrong").StatusCode == 401 {
				allowed++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if allowed > 51 {
			t.Errorf("%d tries in 100 s", allowed)
		}
		time.Sleep(10 * time.Second)
		for range 20 { // right ones cost nothing
			logIn(t, handler, tokenOne)
		}
	})
}

// Tokens that are sent at once are no way around the limit. A server with many
// tokens takes long to compare one, so that all senders meet in there.
func TestHTTPLogin_TriesAtOnce(t *testing.T) {
	t.Parallel()
	const most, senders = 5, 32
	tokens := make([]string, 100_000)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("%032d", i)
	}
	handler := withLogin(t, tokens...)
	began := time.Now()
	var seen atomic.Int32
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			if ask(handler, "POST", "/login", url.Values{"token": {"wrong"}}).StatusCode == http.StatusUnauthorized {
				seen.Add(1)
			}
		})
	}
	all.Wait()
	allowed := most + int32(time.Since(began)/(2*time.Second))
	if n := seen.Load(); n > allowed {
		t.Errorf("%d of %d tokens sent at once were looked at, want %d", n, senders, allowed)
	}
}

func TestHTTPLogin_Ends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := withLogin(t, tokenOne)
		cookie := logIn(t, handler, tokenOne)
		in := func() bool {
			return ask(handler, "GET", "/", nil, "Cookie", cookie.Name+"="+cookie.Value).StatusCode == 200
		}
		time.Sleep(29 * 24 * time.Hour)
		if !in() {
			t.Error("it ended early")
		}
		time.Sleep(24 * time.Hour)
		if in() {
			t.Error("it did not end after 30 days")
		}
	})
}
