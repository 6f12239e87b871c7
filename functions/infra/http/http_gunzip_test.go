package http_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// echo reads the body as a handler of JSON does, and shows why it can't.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fnhttp.HTTPProblem(w, r, err)
		return
	}
	if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-Length") != "" && r.ContentLength < 0 {
		http.Error(w, "the coding is still there", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body)
})

func TestHTTPGunzip_Bodies(t *testing.T) {
	t.Parallel()
	h := fnhttp.HTTPGunzip(echo, fnhttp.HTTPGunzipConfig{MaxBytes: 1000})
	long := strings.Repeat("x", 1000)
	good := string(zipped(t, "hello"))
	for _, c := range []struct {
		name, coding, body string
		status             int
		want               string
	}{
		{"plain", "", "hello", 200, "hello"},
		{"identity", "identity", "hello", 200, "hello"},
		{"packed", "gzip", good, 200, "hello"},
		{"in capitals", "GZip", good, 200, "hello"},
		{"x-gzip", "x-gzip", good, 200, "hello"},
		{"two members", "gzip", good + good, 200, "hellohello"},
		{"just long enough", "gzip", string(zipped(t, long)), 200, long},
		{"too long", "gzip", string(zipped(t, long+"x")), 413, ""},
		{"members that are too long together", "gzip", string(zipped(t, long)) + good, 413, ""},
		{"a plain one that is longer", "", long + long, 200, long + long}, // its limit is the stack's
		{"no gzip", "gzip", "hello, this is no gzip", 400, ""},
		{"nothing", "gzip", "", 400, ""},
		{"cut short", "gzip", good[:len(good)-4], 400, ""},
		{"a wrong sum", "gzip", good[:len(good)-8] + "\x00\x00\x00\x00\x05\x00\x00\x00", 400, ""},
		{"something behind", "gzip", good + "tail", 400, ""},
		{"twice", "gzip, gzip", string(zipped(t, good)), 415, ""},
		{"another coding", "br", "hello", 415, ""},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		if c.coding != "" {
			r.Header.Set("Content-Encoding", c.coding)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || c.status == 200 && w.Body.String() != c.want {
			t.Errorf("%s: %d %.200s", c.name, w.Code, w.Body)
		}
		if (w.Header().Get("Accept-Encoding") == "gzip") != (c.status == 415) {
			t.Errorf("%s: Accept-Encoding %q", c.name, w.Header().Get("Accept-Encoding"))
		}
	}
}

// A megabyte that unpacks to a gigabyte is refused after what is allowed, over
// a connection and within the stack, and takes no memory.
func TestHTTPGunzip_Bomb(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	gz, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 200 {
		if _, err := gz.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := fnhttp.HTTPStack(fnhttp.HTTPGunzip(echo, fnhttp.HTTPGunzipConfig{MaxBytes: 1 << 20}), fnhttp.HTTPStackConfig{
		MaxBodyBytes: 4 << 20, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	request, err := http.NewRequestWithContext(context.Background(), "POST", server.URL, &bomb)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	runtime.ReadMemStats(&after)
	if response.StatusCode != 413 {
		t.Errorf("status %d", response.StatusCode)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 { // other tests run beside
		t.Errorf("it took %d MB", grown>>20)
	}
}
