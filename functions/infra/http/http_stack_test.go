package http_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// stacked is a server with the whole stack in front of a mux, as a program has
// it.
type stacked struct {
	addr string
	log  *logBuffer
}

func newStacked(t *testing.T, cfg fnhttp.HTTPStackConfig) *stacked {
	t.Helper()
	return newStackedWithin(t, cfg, fnhttp.HTTPServerConfig{})
}

// newStackedWithin has times of its own for slow requests.
func newStackedWithin(t *testing.T, cfg fnhttp.HTTPStackConfig, times fnhttp.HTTPServerConfig) *stacked {
	t.Helper()
	s := &stacked{log: &logBuffer{}}
	cfg.Logger = slog.New(slog.NewJSONHandler(s.log, nil))
	mux := http.NewServeMux()
	health(t, fnhttp.HTTPHealthConfig{Metrics: text("metrics")}).Mount(mux)
	mux.HandleFunc("GET /units/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "unit %q", r.PathValue("id")) })
	mux.Handle("POST /echo", fnhttp.HTTPJSON(func(_ context.Context, in map[string]string) (map[string]string, error) { return in, nil }, fnhttp.HTTPJSONConfig{}))
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			fnhttp.HTTPProblem(w, r, err)
			return
		}
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("at once") })
	mux.HandleFunc("GET /panic/late", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 5000))
		http.NewResponseController(w).Flush()
		panic("too late")
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
	})
	handler, err := fnhttp.HTTPStack(fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	times.Handler, times.Logger = handler, cfg.Logger
	s.addr = serve(t, t.Context(), times).Addr().String()
	return s
}

// raw sends bytes and returns the status and all that comes back.
func (s *stacked) raw(t *testing.T, text string) (status int, answer string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, text) // a refusal may come before all is sent
	all, _ := io.ReadAll(conn)
	fmt.Sscanf(string(all), "HTTP/1.1 %d", &status)
	return status, string(all)
}

// ask sends a request with more lines for its header.
func (s *stacked) ask(t *testing.T, line string, header ...string) (status int, answer string) {
	t.Helper()
	if !slices.ContainsFunc(header, func(h string) bool { return strings.HasPrefix(h, "Host:") }) {
		header = append([]string{"Host: localhost"}, header...)
	}
	return s.raw(t, line+" HTTP/1.1\r\nConnection: close\r\n"+strings.Join(header, "\r\n")+"\r\n\r\n")
}

// TestHTTPStack_Hostile sends what attackers send. None of it gets in, kills
// the server, or leaves a client in doubt.
func TestHTTPStack_Hostile(t *testing.T) {
	t.Parallel()
	s := newStacked(t, fnhttp.HTTPStackConfig{Tokens: []string{tokenOne}, Hosts: []string{"units.example"}, MaxBodyBytes: 1000})
	const json = "Content-Type: application/json"
	for _, c := range []struct {
		name   string
		status int
		line   string
		header []string
	}{
		{"a program of this machine", 200, "GET /units/7", nil},
		{"a token", 200, "GET /units/7", []string{"Host: units.example", "Authorization: Bearer " + tokenOne}},
		{"a token through a proxy", 200, "GET /units/7", []string{"Host: units.example", "X-Forwarded-For: 10.0.0.3", "Authorization: Bearer " + tokenOne}},
		{"DNS rebinding", 403, "GET /units/7", []string{"Host: evil.example"}},
		{"DNS rebinding with a port", 403, "GET /units/7", []string{"Host: evil.example:8787"}},
		{"a host that only begins well", 403, "GET /units/7", []string{"Host: 127.0.0.1.evil.example"}},
		{"an empty host", 403, "GET /units/7", []string{"Host:"}},
		{"two hosts", 400, "GET /units/7", []string{"Host: localhost", "Host: evil.example"}},
		{"a foreign host with a token", 403, "GET /units/7", []string{"Host: evil.example", "Authorization: Bearer " + tokenOne}},
		{"a host in the request's line", 403, "GET http://evil.example/units/7", []string{"Host: localhost"}},
		{"the public name without a token", 401, "GET /units/7", []string{"Host: units.example"}},
		{"X-Forwarded-Host", 401, "GET /units/7", []string{"X-Forwarded-Host: localhost"}},
		{"X-Forwarded-For loopback", 401, "GET /units/7", []string{"X-Forwarded-For: 127.0.0.1"}},
		{"x-forwarded-anything", 401, "GET /units/7", []string{"x-forwarded-server: x"}},
		{"Forwarded", 401, "GET /units/7", []string{`Forwarded: for="[::1]"`}},
		{"a foreign page", 403, "POST /echo", []string{"Origin: https://evil.example", json, "Content-Length: 2", "", "{}"}},
		{"a WebSocket of a foreign page", 403, "GET /units/7", []string{"Origin: https://evil.example", "Connection: Upgrade", "Upgrade: websocket"}},
		{"two tokens", 401, "GET /units/7", []string{"Authorization: Bearer " + tokenOne, "Authorization: Bearer " + tokenOne}},
		{"a token in the query", 401, "GET /units/7?access_token=" + tokenOne, []string{"Via: 1.1 x"}},
		{"an open path by way of another", 307, "GET /healthz/../units/7", []string{"Host: localhost"}},
		{"an open path, for everybody", 200, "GET /healthz", []string{"Host: units.example", "Via: 1.1 x"}},
		{"an open path and more", 401, "GET /healthz/", []string{"Via: 1.1 x"}},
		{"an open path, encoded", 200, "GET /%68ealthz", []string{"Via: 1.1 x"}},
		{"metrics are not open", 401, "GET /metrics", []string{"Via: 1.1 x"}},
		{"huge header", 431, "GET /units/7", []string{"X-Big: " + strings.Repeat("x", 100<<10)}},
		{"many headers", 431, "GET /units/7", []string{strings.Repeat("X-Many: x\r\n", 20000) + "X-Last: x"}},
		{"long URL", 431, "GET /units/" + strings.Repeat("x", 100<<10), nil},
		{"a body that says it is too long", 413, "POST /upload", []string{"Content-Length: 1001"}},
		{"a body that is too long", 413, "POST /upload", []string{"Transfer-Encoding: chunked", "", "3e9\r\n" + strings.Repeat("x", 1001) + "\r\n0\r\n"}},
		{"JSON that is too long", 413, "POST /echo", []string{json, "Transfer-Encoding: chunked", "", "3e9\r\n" + strings.Repeat(" ", 1001) + "\r\n0\r\n"}},
		{"a body of two lengths", 400, "POST /echo", []string{json, "Content-Length: 2", "Content-Length: 3", "", "{}"}},
		{"a body that is smuggled", 501, "POST /echo", []string{json, "Transfer-Encoding: chunked, identity", "", "{}"}},
		{"a path out of the root", 307, "GET /../../etc/passwd", nil},
		{"a path out of the root, encoded", 404, "GET /%2e%2e/%2e%2e/etc/passwd", nil},
		{"a slash in a name, encoded", 200, "GET /units/..%2f..%2fetc%2fpasswd", nil}, // one name, which the handler sees whole
		{"a path that is no UTF-8", 200, "GET /units/%ff%00", nil},
		{"a path that is badly encoded", 400, "GET /units/%zz", nil},
		{"HEAD", 200, "HEAD /units/7", nil},
		{"OPTIONS", 204, "OPTIONS /units/7", nil},
		{"a preflight of a foreign page", 204, "OPTIONS /echo", []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST"}},
		{"OPTIONS *", 200, "OPTIONS *", nil},
		{"GET *", 400, "GET *", nil},
		{"TRACE", 405, "TRACE /units/7", []string{"Cookie: secret=1"}},
		{"CONNECT", 403, "CONNECT evil.example:443", []string{"Host: localhost"}},
		{"a method of one's own", 405, "BREW /units/7", nil},
		{"a panic", 500, "GET /panic", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, answer := s.ask(t, c.line, c.header...)
			if status != c.status {
				t.Fatalf("got %.300s", answer)
			}
			head, body, _ := strings.Cut(answer, "\r\n\r\n")
			ours := strings.Contains(head, "X-Request-Id: ") // what net/http refuses by itself has neither
			if ours && !strings.Contains(head, "Content-Security-Policy: ") {
				t.Errorf("no security headers: %s", head)
			}
			if ours && status >= 400 && (!strings.Contains(head, "application/problem+json") || !strings.HasPrefix(body, "{")) {
				t.Errorf("no problem JSON: %s", answer)
			}
			if strings.Contains(answer, "Access-Control-Allow") || strings.Contains(body, "secret=1") || strings.Contains(body, tokenOne) {
				t.Errorf("gives away: %s", answer)
			}
		})
	}
}

// A client must not take half a response for a whole one.
func TestHTTPStack_PanicAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	s := newStacked(t, fnhttp.HTTPStackConfig{})
	for _, encoding := range []string{"identity", "gzip"} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+"/panic/late", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", encoding)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("%s: %d bytes look whole", encoding, len(body))
		}
		response.Body.Close()
	}
	if log := s.log.String(); strings.Count(log, "http handler panicked") != 2 || !strings.Contains(log, "http_stack_test.go") {
		t.Errorf("log %s", log)
	}
}

// Whoever sends a header byte by byte is gone after the time for it.
func TestHTTPStack_SlowHeader(t *testing.T) {
	t.Parallel()
	s := newStackedWithin(t, fnhttp.HTTPStackConfig{}, fnhttp.HTTPServerConfig{ReadHeaderTimeout: 100 * time.Millisecond})
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "GET /units/7 HTTP/1.1\r\nHost: loc")
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the server kept the connection: %v", err)
	}
}

// So is whoever does so with a body, and is told.
func TestHTTPStack_SlowBody(t *testing.T) {
	t.Parallel()
	s := newStackedWithin(t, fnhttp.HTTPStackConfig{}, fnhttp.HTTPServerConfig{ReadTimeout: 3 * time.Second}) // enough for its header on a busy machine
	for _, path := range []string{"/echo", "/upload"} {
		status, answer := s.ask(t, "POST "+path, "Content-Type: application/json", "Content-Length: 100", "", `{"a":`)
		if status != 408 || !strings.Contains(answer, "application/problem+json") {
			t.Errorf("%s: got %.300s", path, answer)
		}
	}
}

// Requests sent in one go are each looked at by themselves.
func TestHTTPStack_Pipelined(t *testing.T) {
	t.Parallel()
	s := newStacked(t, fnhttp.HTTPStackConfig{})
	_, answers := s.raw(t, "GET /units/1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /units/2 HTTP/1.1\r\nHost: evil.example\r\n\r\n"+
		"GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\nGET /units/3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	reader := bufio.NewReader(strings.NewReader(answers))
	for i, want := range []int{200, 403, 500, 200} {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		io.Copy(io.Discard, response.Body)
		if response.StatusCode != want {
			t.Errorf("answer %d: %d, want %d", i, response.StatusCode, want)
		}
	}
}

func TestHTTPStack_Access(t *testing.T) {
	t.Parallel()
	local, remote, proxied := []string{"127.0.0.1:1", "localhost"}, []string{"10.0.0.3:1", "units.example"}, []string{"127.0.0.1:1", "units.example"}
	for _, c := range []struct {
		access fnhttp.HTTPStackAccess
		tokens []string
		open   []string
		from   []string
		path   string
		token  string
		status int
	}{
		{"", nil, nil, local, "/", "", 200},
		{"", nil, nil, remote, "/", "", 403},
		{"", nil, nil, remote, "/healthz", "", 200},
		{"", nil, nil, remote, "/readyz", "", 200},
		{"", nil, []string{}, remote, "/healthz", "", 200},
		{"", nil, []string{"GET /login"}, remote, "/login", "", 200},
		{"", nil, []string{"GET /login"}, remote, "/login/", "", 403},
		{"", nil, []string{"POST /login"}, remote, "/login", "", 403},
		{"", nil, []string{"GET /files/{id}"}, remote, "/files/7", "", 200},
		{"", nil, []string{"GET /files/{id}"}, remote, "/files/7/secret", "", 403},
		{"", nil, []string{"GET /files/{id}"}, remote, "/secret/../files/7", "", 403},
		{"", nil, []string{"GET /files/{id}"}, remote, "//files/7", "", 403},
		{"", nil, []string{"GET /files/"}, remote, "/files/", "", 200},
		{"", []string{tokenOne}, nil, local, "/", "", 200},
		{"", []string{tokenOne}, nil, remote, "/", "", 401},
		{"", []string{tokenOne}, nil, proxied, "/", "", 401},
		{"", []string{tokenOne}, nil, remote, "/", tokenOne, 200},
		{"", []string{tokenOne}, nil, local, "/", tokenTwo, 401},
		{fnhttp.HTTPStackToken, []string{tokenOne}, nil, local, "/", "", 401},
		{fnhttp.HTTPStackToken, []string{tokenOne}, nil, local, "/", tokenOne, 200},
		{fnhttp.HTTPStackToken, []string{tokenOne}, nil, local, "/healthz", "", 200},
		{fnhttp.HTTPStackPublic, nil, nil, remote, "/", "", 200},
		{fnhttp.HTTPStackPublic, nil, nil, []string{"127.0.0.1:1", "evil.example"}, "/", "", 403},
	} {
		handler, err := fnhttp.HTTPStack(text("in"), fnhttp.HTTPStackConfig{
			Access: c.access, Tokens: c.tokens, Public: c.open, Hosts: []string{"units.example"}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest("GET", "http://x"+c.path, nil)
		request.RemoteAddr, request.Host = c.from[0], c.from[1]
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != c.status {
			t.Errorf("%+v: %d", c, recorder.Code)
		}
	}
}

// An open request is open by its method alone.
func TestHTTPStack_PublicByMethod(t *testing.T) {
	t.Parallel()
	handler, err := fnhttp.HTTPStack(text("in"), fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackToken, Tokens: []string{tokenOne}, Public: []string{"GET /notes"}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 401, "DELETE": 401, "OPTIONS": 401} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, "http://localhost/notes", nil))
		if recorder.Code != want {
			t.Errorf("%s: %d, want %d", method, recorder.Code, want)
		}
	}
}

func TestHTTPStack_BadPublic(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"/notes", "", "GET", "GET notes", "GET /a/{", " /notes"} {
		if _, err := fnhttp.HTTPStack(text("in"), fnhttp.HTTPStackConfig{Public: []string{pattern}}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestHTTPStack_Log(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	s := newStacked(t, fnhttp.HTTPStackConfig{Observe: func(r fnhttp.HTTPAccessLogRecord) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, cmp.Or(r.Pattern, "none"))
	}})
	for _, line := range []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /units/7", "POST /echo", "GET /nowhere"} {
		s.ask(t, line)
	}
	log := s.log.String()
	if strings.Contains(log, "/healthz") || strings.Contains(log, "/readyz") || strings.Contains(log, "/metrics") || strings.Count(log, "http request") != 3 {
		t.Errorf("log %s", log)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(seen, ", "); got != "GET /healthz, GET /readyz, GET /metrics, GET /units/{id}, POST /echo, none" {
		t.Errorf("metrics saw %s", got)
	}
}

// A stream passes all layers unheld and unzipped.
func TestHTTPStack_Streams(t *testing.T) {
	t.Parallel()
	s := newStacked(t, fnhttp.HTTPStackConfig{})
	if _, answer := s.ask(t, "GET /events", "Accept-Encoding: gzip"); !strings.Contains(answer, "data: 1\n\n") || strings.Contains(answer, "Content-Encoding") {
		t.Errorf("got %s", answer)
	}
}

func TestHTTPStack_BadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []fnhttp.HTTPStackConfig{
		{Access: "loopback"}, {Access: fnhttp.HTTPStackToken}, {Tokens: []string{"short"}}, {Hosts: []string{"a/b"}}, {TrustedOrigins: []string{"x"}},
	} {
		if handler, err := fnhttp.HTTPStack(text("in"), cfg); core.ErrorCode(err) != core.CodeInvalid || handler != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// People on another machine log in by a form, with what a browser keeps.
func TestHTTPStack_Login(t *testing.T) {
	t.Parallel()
	s := newStacked(t, fnhttp.HTTPStackConfig{Access: fnhttp.HTTPStackToken, Tokens: []string{tokenOne}, Login: fnhttp.HTTPLogin(loginPage), Public: []string{"GET /events"}})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	visit := func(path string, form url.Values) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+path, nil)
		if form != nil {
			r, err = http.NewRequestWithContext(t.Context(), "POST", "http://"+s.addr+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", "http://"+s.addr)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		response, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return bodyOf(t, response)
	}
	if got := visit("/units/7", nil); got != "form to=/login next=/units/7 problem=" {
		t.Errorf("without a token: %s", got)
	}
	if got := visit("/events", nil); got != "data: 1\n\n" {
		t.Errorf("what is open: %s", got)
	}
	if got := visit("/login", url.Values{"token": {tokenOne}, "next": {"/units/7"}}); got != `unit "7"` {
		t.Errorf("logging in leads to %s", got)
	}
	if got := visit("/units/8", nil); got != `unit "8"` {
		t.Errorf("logged in: %s", got)
	}
	if got := visit("/upload", url.Values{"a": {"b"}}); got != "3" {
		t.Errorf("a form that changes something: %s", got)
	}
	visit("/logout", url.Values{})
	if got := visit("/units/8", nil); !strings.HasPrefix(got, "form to=") {
		t.Errorf("logged out: %s", got)
	}
	if strings.Contains(s.log.String(), tokenOne) {
		t.Error("the log has the token")
	}
}
