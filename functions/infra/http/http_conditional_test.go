package http_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPConditional_ComputedTag(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPConditional(respond(0, []string{"hel", "lo"}, "Content-Type", "text/plain"), fnhttp.HTTPConditionalConfig{})
	first, body := answerTo(t, handler, "GET")
	tag := first.Header.Get("ETag")
	if string(body) != "hello" || !strings.HasPrefix(tag, `"sha256-`) || first.Header.Get("Content-Length") != "5" {
		t.Fatalf("got %q, %v", body, first.Header)
	}
	head, body := answerTo(t, handler, "HEAD")
	if head.Header.Get("ETag") != tag || len(body) != 0 || head.Header.Get("Content-Length") != "5" {
		t.Errorf("HEAD: %v", head.Header)
	}
	for header, want := range map[[2]string]int{
		{"If-None-Match", tag}:                              304,
		{"If-None-Match", "W/" + tag}:                       304,
		{"If-None-Match", `"other", ` + tag}:                304,
		{"If-None-Match", "*"}:                              304,
		{"If-None-Match", `"other"`}:                        200,
		{"If-None-Match", strings.Trim(tag, `"`)}:           200,
		{"If-Match", `"other"`}:                             412,
		{"Range", "bytes=1-2"}:                              206,
		{"Range", "Bytes=1-2,-0"}:                           206,
		{"Range", "items=0-1"}:                              200,
		{"Range", "bytes=-0"}:                               416,
		{"Range", "bytes=-00, 9-"}:                          416,
		{"If-Modified-Since", "Sun, 01 Mar 2026 12:00 GMT"}: 200,
	} {
		response, body := answerTo(t, handler, "GET", header[0], header[1])
		if response.StatusCode != want {
			t.Errorf("%v: got %d, want %d", header, response.StatusCode, want)
		}
		if want == 304 && (len(body) > 0 || response.Header.Get("ETag") != tag) {
			t.Errorf("%v: %q, %v", header, body, response.Header)
		}
		if want == 206 && string(body) != "el" {
			t.Errorf("%v: %q", header, body)
		}
	}
	if response, _ := answerTo(t, handler, "POST", "If-None-Match", tag); response.StatusCode != 200 || response.Header.Get("ETag") != "" {
		t.Errorf("POST: %d %v", response.StatusCode, response.Header)
	}
}

// A length that the handler announced is that of the whole, and no client waits
// for it where something else is sent.
func TestHTTPConditional_AnnouncedLength(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(fnhttp.HTTPConditional(respond(0, []string{"hello"}, "Content-Length", "5"), fnhttp.HTTPConditionalConfig{}))
	t.Cleanup(server.Close)
	for header, want := range map[[2]string]string{
		{"If-Match", `"other"`}: "412 ", {"Range", "bytes=1-2"}: "206 el", {"If-None-Match", "*"}: "304 ", {"X", "y"}: "200 hello",
		{"If-Unmodified-Since", "Sun, 01 Mar 2026 12:00:00 GMT"}: "200 hello",
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(header[0], header[1])
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if got := strings.TrimSpace(response.Status[:4]) + " " + string(body); err != nil || got != want {
			t.Errorf("%v: %q, %v, want %q", header, got, err, want)
		}
	}
}

// Thousands of small ranges would each get a header: the whole is sent instead.
func TestHTTPConditional_ManyRanges(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 10)
	handler := fnhttp.HTTPConditional(respond(0, []string{body}), fnhttp.HTTPConditionalConfig{})
	for count, want := range map[int]int{32: 206, 33: 200, 5000: 200} {
		ranges := strings.TrimSuffix(strings.Repeat("1-1,", count), ",")
		response, got := answerTo(t, handler, "GET", "Range", "bytes="+ranges)
		if response.StatusCode != want || want == 200 && string(got) != body {
			t.Errorf("%d ranges: %d, %d bytes", count, response.StatusCode, len(got))
		}
	}
}

func TestHTTPConditional_Weak(t *testing.T) {
	t.Parallel()
	response, _ := answerTo(t, fnhttp.HTTPConditional(respond(0, []string{"x"}), fnhttp.HTTPConditionalConfig{Weak: true}), "GET")
	if !strings.HasPrefix(response.Header.Get("ETag"), `W/"`) {
		t.Errorf("got %v", response.Header)
	}
}

func TestHTTPConditional_LeavesAlone(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.Handler{
		"not found": respond(404, []string{"x"}),
		"created":   respond(201, []string{"x"}),
		"no-store":  respond(0, []string{"x"}, "Cache-Control", "private, no-store"),
		"events":    respond(0, []string{"data: x\n\n"}, "Content-Type", "text/event-stream"),
		"too long":  respond(0, []string{"123456", "78901"}),
		"empty":     respond(0, nil),
		"no body":   respond(200, nil),
		"teapot":    respond(418, []string{"x"}, "ETag", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, wantBody := answerTo(t, handler, "GET")
			got, body := answerTo(t, fnhttp.HTTPConditional(handler, fnhttp.HTTPConditionalConfig{MaxBytes: 10}), "GET", "If-None-Match", `"x"`)
			if got.StatusCode != want.StatusCode || string(body) != string(wantBody) || got.Header.Get("ETag") != "" {
				t.Errorf("got %d %q %v, want %d %q", got.StatusCode, body, got.Header, want.StatusCode, wantBody)
			}
		})
	}
}

func TestHTTPConditional_HandlersOwnTagAndTime(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPConditional(respond(0, []string{"x"}, "ETag", `"mine"`, "Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT"),
		fnhttp.HTTPConditionalConfig{})
	for header, want := range map[[2]string]int{
		{"If-None-Match", `"mine"`}:                            304,
		{"If-None-Match", `"x"`}:                               200,
		{"If-Modified-Since", "Sun, 01 Mar 2026 12:00:00 GMT"}: 304,
		{"If-Modified-Since", "Sun, 01 Mar 2026 11:59:59 GMT"}: 200,
	} {
		if response, _ := answerTo(t, handler, "GET", header[0], header[1]); response.StatusCode != want || response.Header.Get("ETag") != `"mine"` {
			t.Errorf("%v: got %d %v, want %d", header, response.StatusCode, response.Header, want)
		}
	}
}

func TestHTTPConditional_KnownTagSparesTheHandler(t *testing.T) {
	t.Parallel()
	calls := 0
	handler := fnhttp.HTTPConditional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.Header.Get("X-Fail") != "" {
			w.WriteHeader(404)
		}
		io.WriteString(w, "x")
	}), fnhttp.HTTPConditionalConfig{ETag: func(*http.Request) string { return `W/"rev-7"` }})
	for _, c := range []struct {
		header []string
		status int
		tag    string
		calls  int
	}{
		{nil, 200, `W/"rev-7"`, 1},
		{[]string{"If-None-Match", `W/"rev-7"`}, 304, `W/"rev-7"`, 1},
		{[]string{"If-None-Match", `"a", "rev-7"`}, 304, `W/"rev-7"`, 1},
		{[]string{"If-None-Match", `W/"rev-6"`}, 200, `W/"rev-7"`, 2},
		{[]string{"X-Fail", "1"}, 404, "", 3},
		{[]string{"X-Fail", "1", "If-None-Match", "*"}, 404, "", 4},
	} {
		response, _ := answerTo(t, handler, "GET", c.header...)
		if response.StatusCode != c.status || response.Header.Get("ETag") != c.tag || calls != c.calls {
			t.Errorf("%v: got %d %q after %d calls", c.header, response.StatusCode, response.Header.Get("ETag"), calls)
		}
	}
}

func TestHTTPConditional_FlushedIsPassedOn(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	server := httptest.NewServer(fnhttp.HTTPConditional(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one ")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-read
		io.WriteString(w, "two")
	}), fnhttp.HTTPConditionalConfig{}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	close(read)
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "one two" || response.Header.Get("ETag") != "" {
		t.Errorf("%q, %v, %v", body, err, response.Header)
	}
}

func BenchmarkHTTPConditional(b *testing.B) {
	body := strings.Repeat("x", 13<<10)
	next := respond(0, []string{body})
	known := fnhttp.HTTPConditionalConfig{ETag: func(*http.Request) string { return `"rev-7"` }}
	for _, c := range []struct {
		name    string
		handler http.Handler
		match   string
	}{
		{"none", next, ""},
		{"computed", fnhttp.HTTPConditional(next, fnhttp.HTTPConditionalConfig{}), ""},
		{"known_304", fnhttp.HTTPConditional(next, known), `"rev-7"`},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest("GET", "/", nil)
			request.Header.Set("If-None-Match", c.match)
			b.ReportAllocs()
			for b.Loop() {
				c.handler.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
