package http_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzhttp"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// answerTo asks a real server, by a client that leaves Accept-Encoding and the
// body as they are.
func answerTo(t *testing.T, handler http.Handler, method string, header ...string) (*http.Response, []byte) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func gunzip(t *testing.T, body []byte) string {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// respond makes a handler that sets headers, then a status unless it is 0, then
// writes the body in pieces.
func respond(status int, pieces []string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		if status != 0 {
			w.WriteHeader(status)
		}
		for _, piece := range pieces {
			io.WriteString(w, piece)
		}
	})
}

func TestHTTPGzip_Decides(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("all work and no play ", 100)
	for name, c := range map[string]struct {
		handler http.Handler
		accept  string
		zipped  bool
	}{
		"json":               {respond(0, []string{long}, "Content-Type", "application/json"), "gzip", true},
		"problem json":       {respond(404, []string{long}, "Content-Type", "application/problem+json"), "gzip", true},
		"sniffed text":       {respond(0, []string{long}), "gzip, deflate, br", true},
		"in small pieces":    {respond(200, strings.SplitAfter(long, " "), "Content-Type", "text/html; charset=utf-8"), "gzip", true},
		"with length":        {respond(0, []string{long}, "Content-Type", "text/css", "Content-Length", fmt.Sprint(len(long))), "gzip", true},
		"any coding":         {respond(0, []string{long}), "*", true},
		"weighted":           {respond(0, []string{long}), "br;q=1, GZIP; q=0.5", true},
		"not accepted":       {respond(0, []string{long}), "br", false},
		"no header":          {respond(0, []string{long}), "", false},
		"refused":            {respond(0, []string{long}), "gzip;q=0, *", false},
		"refused by any":     {respond(0, []string{long}), "br, *;q=0", false},
		"bad weight":         {respond(0, []string{long}), "gzip;q=x", false},
		"short":              {respond(0, []string{"short"}, "Content-Type", "application/json"), "gzip", false},
		"short by length":    {respond(0, []string{"short"}, "Content-Type", "text/css", "Content-Length", "5"), "gzip", false},
		"image":              {respond(0, []string{long}, "Content-Type", "image/png"), "gzip", false},
		"bad type":           {respond(0, []string{long}, "Content-Type", "text/"), "gzip", false},
		"already encoded":    {respond(0, []string{long}, "Content-Type", "text/css", "Content-Encoding", "br"), "gzip", false},
		"range":              {respond(206, []string{long}, "Content-Type", "text/css", "Content-Range", "bytes 0-9/100"), "gzip", false},
		"no-transform":       {respond(0, []string{long}, "Content-Type", "text/css", "Cache-Control", "no-store, No-Transform"), "gzip", false},
		"events":             {respond(0, []string{long}, "Content-Type", "text/event-stream"), "gzip", false},
		"nothing":            {respond(0, nil), "gzip", false},
		"status and nothing": {respond(204, nil), "gzip", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plainResponse, plain := answerTo(t, c.handler, "GET")
			response, body := answerTo(t, fnhttp.HTTPGzip(c.handler, fnhttp.HTTPGzipConfig{}), "GET", "Accept-Encoding", c.accept)
			if zipped := response.Header.Get("Content-Encoding") == "gzip"; zipped != c.zipped {
				t.Fatalf("zipped: %v, want %v (%v)", zipped, c.zipped, response.Header)
			}
			if c.zipped {
				if len(body) >= len(plain) || response.ContentLength >= 0 && int(response.ContentLength) != len(body) {
					t.Errorf("%d bytes of %d, Content-Length %d", len(body), len(plain), response.ContentLength)
				}
				body = []byte(gunzip(t, body))
			}
			if !bytes.Equal(body, plain) || response.StatusCode != plainResponse.StatusCode {
				t.Errorf("got %d %.40q, want %d %.40q", response.StatusCode, body, plainResponse.StatusCode, plain)
			}
			if got, want := response.Header.Get("Content-Type"), plainResponse.Header.Get("Content-Type"); got != want {
				t.Errorf("type %q, want %q", got, want)
			}
			if response.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("Vary is %q", response.Header.Get("Vary"))
			}
		})
	}
}

func TestHTTPGzip_ETag(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	handler := fnhttp.HTTPGzip(fnhttp.HTTPConditional(respond(0, []string{long}), fnhttp.HTTPConditionalConfig{}), fnhttp.HTTPGzipConfig{})
	plain, _ := answerTo(t, handler, "GET")
	zipped, _ := answerTo(t, handler, "GET", "Accept-Encoding", "gzip")
	strong, weak := plain.Header.Get("ETag"), zipped.Header.Get("ETag")
	if weak != "W/"+strong || zipped.Header.Get("Accept-Ranges") != "" {
		t.Fatalf("plain %v, zipped %v", plain.Header, zipped.Header)
	}
	for asked, accept := range map[string]string{weak: "gzip", strong: "identity"} {
		response, body := answerTo(t, handler, "GET", "Accept-Encoding", accept, "If-None-Match", asked)
		if response.StatusCode != 304 || response.Header.Get("ETag") != asked || len(body) != 0 || response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got %d %v", asked, response.StatusCode, response.Header)
		}
	}
	part, body := answerTo(t, handler, "GET", "Accept-Encoding", "gzip", "Range", "bytes=0-1999")
	if part.StatusCode != 206 || len(body) != 2000 || part.Header.Get("Content-Encoding") != "" {
		t.Errorf("range: %d %v", part.StatusCode, part.Header)
	}
}

func TestHTTPGzip_Head(t *testing.T) {
	t.Parallel()
	handler := fnhttp.HTTPGzip(respond(0, []string{strings.Repeat("x", 5000)}), fnhttp.HTTPGzipConfig{})
	response, body := answerTo(t, handler, "HEAD", "Accept-Encoding", "gzip")
	if response.Header.Get("Content-Encoding") != "gzip" || len(body) != 0 {
		t.Errorf("got %v with %d bytes", response.Header, len(body))
	}
}

func TestHTTPGzip_StreamStaysOne(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	server := httptest.NewServer(fnhttp.HTTPGzip(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, "{}\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-read
		io.WriteString(w, "{}\n")
	}), fnhttp.HTTPGzipConfig{}))
	defer server.Close()
	response, err := http.Get(server.URL) // net/http asks for gzip and unzips
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 3)
	if _, err := io.ReadFull(response.Body, first); err != nil || !response.Uncompressed {
		t.Fatalf("%q, %v, compressed: %v", first, err, response.Uncompressed)
	}
	close(read)
	if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "{}\n" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestHTTPGzip_PanicIsNoWholeAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(fnhttp.HTTPGzip(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 5000))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), fnhttp.HTTPGzipConfig{}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// For HTTP/1.0, the connection's end is the body's: only gzip can tell that
	// it is cut.
	io.WriteString(conn, "GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	if plain, err := io.ReadAll(reader); err == nil || len(plain) != 5000 {
		t.Errorf("the client takes %d bytes for a whole response", len(plain))
	}
}

func TestHTTPGzip_MinBytes(t *testing.T) {
	t.Parallel()
	for minBytes, zipped := range map[int]bool{-1: true, 3: true, 4: true, 5: false, 0: false} {
		response, _ := answerTo(t, fnhttp.HTTPGzip(respond(0, []string{"four"}), fnhttp.HTTPGzipConfig{MinBytes: minBytes}), "GET", "Accept-Encoding", "gzip")
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%d: zipped %v", minBytes, got)
		}
	}
}

// FuzzHTTPGzip wants the same body whatever a client says it accepts, and none
// compressed that did not ask for it.
func FuzzHTTPGzip(f *testing.F) {
	for _, seed := range []string{"gzip", "gzip;q=0", "*;q=0.5, identity", "br,,gzip ; q = 1", "gzip;q=NaN", ";=,", "x-gzip;q=1e-9", "GZIP\t"} {
		f.Add(seed)
	}
	body := strings.Repeat("x", 2000)
	handler := fnhttp.HTTPGzip(respond(0, []string{body}), fnhttp.HTTPGzipConfig{})
	f.Fuzz(func(t *testing.T, accept string) {
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Accept-Encoding", accept)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		got := recorder.Body.String()
		if recorder.Header().Get("Content-Encoding") == "gzip" {
			got = gunzip(t, recorder.Body.Bytes())
			if lower := strings.ToLower(accept); !strings.Contains(lower, "gzip") && !strings.Contains(lower, "*") {
				t.Errorf("%q: compressed", accept)
			}
		}
		if got != body {
			t.Errorf("%q: got %.20q", accept, got)
		}
	})
}

// BenchmarkHTTPGzip has the same answer of 13 kB of JSON go through this unit,
// through klauspost's own middleware, and through a plain wrapper around the
// standard library's gzip.
func BenchmarkHTTPGzip(b *testing.B) {
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, `{"id":"matrix_sync_%d_go_infra","signature":"func MatrixSync%d(ctx context.Context, cfg Config%d) (*Handle, error)",`+
			`"description":"Runs a loop in the background with backoff %d","tags":["matrix","sync","t%d"],"score":%f},`, i, i, i*7, i*i, i, float64(i)/7)
	}
	body := []byte("[" + text.String() + "{}]")
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	gz, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(5))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"http_gzip", fnhttp.HTTPGzip(next, fnhttp.HTTPGzipConfig{})},
		{"gzhttp", gz(next)},
		{"compress_gzip", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			zip.Write(body)
			zip.Close()
		})},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest("GET", "/", nil)
			request.Header.Set("Accept-Encoding", "gzip")
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				c.handler.ServeHTTP(recorder, request)
				if recorder.Header().Get("Content-Encoding") != "gzip" {
					b.Fatal("not compressed")
				}
			}
		})
	}
}
