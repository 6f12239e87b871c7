package http_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func sampleMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /units/{id}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "unit "+r.PathValue("id")) })
	mux.HandleFunc("POST /units", text("made"))
	mux.HandleFunc("OPTIONS /own", text("own options"))
	mux.HandleFunc("/tree/", text("tree"))
	return mux
}

func TestHTTPMux_Answers(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPMux(sampleMux(), fnhttp.HTTPMuxConfig{})
	for _, c := range []struct {
		method, path string
		status       int
		allow, code  string
	}{
		{"GET", "/units/7", 200, "", ""},
		{"HEAD", "/units/7", 200, "", ""},
		{"POST", "/units/7", 405, "GET, HEAD", "unsupported"},
		{"GET", "/units", 405, "POST", "unsupported"},
		{"HEAD", "/units", 405, "POST", "unsupported"},
		{"TRACE", "/units", 405, "POST", "unsupported"},
		{"get", "/units/7", 405, "GET, HEAD", "unsupported"}, // methods are case-sensitive
		{strings.Repeat("X", 5000), "/units/7", 405, "GET, HEAD", "unsupported"},
		{"OPTIONS", "/units/7", 204, "GET, HEAD, OPTIONS", ""},
		{"OPTIONS", "/own", 200, "", ""},
		{"OPTIONS", "/nowhere", 404, "", "not_found"},
		{"GET", "/nowhere", 404, "", "not_found"},
		{"GET", "/", 404, "", "not_found"},
		{"GET", "/units/a/b", 404, "", "not_found"},
		{"GET", "/tree", 307, "", ""},
		{"GET", "/tree/../units/7", 307, "", ""},
		{"GET", "//nowhere", 307, "", ""},
		{"GET", "*", 400, "", "invalid"},
	} {
		request := httptest.NewRequest(c.method, "/", nil)
		request.RequestURI, request.URL.Path = c.path, c.path
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != c.status || recorder.Header().Get("Allow") != c.allow {
			t.Errorf("%.20s %s: %d, Allow %q", c.method, c.path, recorder.Code, recorder.Header().Get("Allow"))
			continue
		}
		if c.code == "" {
			continue
		}
		if problem := decodeBody(t, recorder.Result()); problem["status"] != float64(c.status) || problem["code"] != c.code {
			t.Errorf("%.20s %s: %v", c.method, c.path, problem)
		}
		if len(recorder.Body.String()) > 500 {
			t.Errorf("%.20s %s: the response repeats %d bytes of the request", c.method, c.path, len(recorder.Body.String()))
		}
		// A client that goes by the status alone reads the same code.
		if got := core.ErrorCode(core.HTTPStatusError("", c.status)); string(got) != c.code {
			t.Errorf("status %d means %s to http_status_error, and the problem says %s", c.status, got, c.code)
		}
	}
}

func TestHTTPMux_NotFound(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPMux(sampleMux(), fnhttp.HTTPMuxConfig{NotFound: text("a page")})
	for path, want := range map[string]string{"/nowhere": "a page", "/units/7": "unit 7"} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		if recorder.Body.String() != want {
			t.Errorf("%s: %s", path, recorder.Body)
		}
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest("DELETE", "/units/7", nil))
	if recorder.Code != 405 {
		t.Errorf("a wrong method: %d", recorder.Code)
	}
}

// The access log's pattern survives.
func TestHTTPMux_Pattern(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest("GET", "/units/7", nil)
	fnhttp.HTTPMux(sampleMux(), fnhttp.HTTPMuxConfig{}).ServeHTTP(httptest.NewRecorder(), request)
	if request.Pattern != "GET /units/{id}" {
		t.Errorf("pattern %q", request.Pattern)
	}
}

func BenchmarkHTTPMux(b *testing.B) {
	mux := sampleMux()
	for name, handler := range map[string]http.Handler{"mux": mux, "http_mux": fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{})} {
		b.Run(name, func(b *testing.B) {
			request := httptest.NewRequest("GET", "/units/7", nil)
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}

// A wildcard matches a segment that is an escaped slash and nothing else.
func TestHTTPMux_Slash(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s|%q|%q|%q", r.Pattern, r.PathValue("a"), r.PathValue("b"), r.PathValue("rest"))
	}
	for _, pattern := range []string{"GET /t/{a}", "GET /t/{a}/rows/{b}", "GET /all/{a}/{rest...}", "GET /{$}", "GET /dir/{a}/"} {
		mux.HandleFunc(pattern, show)
	}
	handler := fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{})
	for target, want := range map[string]string{
		"/t/%2F":           `GET /t/{a}|"/"|""|""`,
		"/t/%2f/rows/%2F":  `GET /t/{a}/rows/{b}|"/"|"/"|""`,
		"/t/%2F/rows/x%2F": `GET /t/{a}/rows/{b}|"/"|"x/"|""`,
		"/t/a/rows/%2F":    `GET /t/{a}/rows/{b}|"a"|"/"|""`,
		"/all/%2F/x/%2F":   `GET /all/{a}/{rest...}|"/"|""|"x//"`,
		"/t/%2F%2F":        `GET /t/{a}|"//"|""|""`,
		"/dir/%2F/x":       `GET /dir/{a}/|"/"|""|""`,
		"/u/%2F":           "nothing at this path",
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", target, w.Code, w.Body, want)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/t/%2F", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d %s", w.Code, w.Body)
	}
}
