package http_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func static(t *testing.T, cfg fnhttp.HTTPStaticConfig) *fnhttp.HTTPStaticHandle {
	t.Helper()
	h, err := fnhttp.HTTPStatic(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func fetch(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://x"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHTTPStatic_Embedded(t *testing.T) {
	t.Parallel()
	page := strings.Repeat("body {}\n", 100)
	h := static(t, fnhttp.HTTPStaticConfig{Prefix: "/assets/", Immutable: []string{"js/*-????????.js"}, Files: fstest.MapFS{
		"page.css": {Data: []byte(page)}, "page.css.gz": {Data: zipped(t, page)}, "page.css.br": {Data: []byte("brotli")},
		"index.html": {Data: []byte("<p>home")}, "sub/index.html": {Data: []byte("<p>sub")}, "sub/data.bin": {Data: []byte("0123456789")},
		"js/app-BwX3a9_k.js": {Data: []byte("1")}, "report-20260101.pdf": {Data: []byte("2")}, "empty.txt": {}, "a b%2f.txt": {Data: []byte("3")},
		".hidden": {Data: []byte("secret")}, ".git/config": {Data: []byte("secret")}, "sub/.env": {Data: []byte("secret")},
	}})
	address, err := h.Path("page.css")
	if err != nil || !strings.HasPrefix(address, "/assets/page-") || len(address) != len("/assets/page-01234567.css") {
		t.Fatal(address, err)
	}
	const year, again = "public, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct {
		path, accept, cache, coding, kind, body string
	}{
		{"page.css", "", again, "", "text/css; charset=utf-8", page},
		{"page.css", "gzip", again, "gzip", "text/css; charset=utf-8", string(zipped(t, page))},
		{"page.css", "gzip, br", again, "br", "text/css; charset=utf-8", "brotli"},
		{"page.css", "gzip;q=0, *", again, "br", "text/css; charset=utf-8", "brotli"},
		{"page.css", "identity", again, "", "text/css; charset=utf-8", page},
		{strings.TrimPrefix(address, "/assets/"), "gzip", year, "gzip", "text/css; charset=utf-8", string(zipped(t, page))},
		{"page.css.gz", "gzip", again, "", "application/gzip", string(zipped(t, page))},
		{"", "", again, "", "text/html; charset=utf-8", "<p>home"},
		{"sub/", "", again, "", "text/html; charset=utf-8", "<p>sub"},
		{"sub/data.bin", "gzip", again, "", "application/octet-stream", "0123456789"},
		{"js/app-BwX3a9_k.js", "", year, "", "text/javascript; charset=utf-8", "1"},
		{"report-20260101.pdf", "", again, "", "application/pdf", "2"},
		{"empty.txt", "", again, "", "text/plain; charset=utf-8", ""},
		{"a%20b%252f.txt", "", again, "", "text/plain; charset=utf-8", "3"},
	} {
		got := fetch(h, "GET", "/assets/"+c.path, "Accept-Encoding", c.accept)
		header := got.Header()
		if got.Code != 200 || got.Body.String() != c.body || header.Get("Cache-Control") != c.cache || header.Get("Content-Encoding") != c.coding ||
			header.Get("Content-Type") != c.kind || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Etag") == "" {
			t.Errorf("%+v: %d %v %.40q", c, got.Code, header, got.Body)
		}
		if varies := header.Get("Vary") == "Accept-Encoding"; varies != strings.HasPrefix(c.path, "page") && c.path != "page.css.gz" {
			t.Errorf("%s: Vary %q", c.path, header.Get("Vary"))
		}
		if same := fetch(h, "GET", "/assets/"+c.path, "Accept-Encoding", c.accept, "If-None-Match", header.Get("Etag")); same.Code != 304 || same.Body.Len() != 0 {
			t.Errorf("%s: %d for its own tag", c.path, same.Code)
		}
		if head := fetch(h, "HEAD", "/assets/"+c.path, "Accept-Encoding", c.accept); head.Code != 200 || head.Body.Len() != 0 {
			t.Errorf("%s: HEAD %d, %d bytes", c.path, head.Code, head.Body.Len())
		}
	}
	if plain, zip := fetch(h, "GET", "/assets/page.css"), fetch(h, "GET", "/assets/page.css", "Accept-Encoding", "gzip"); plain.Header().Get("Etag") == zip.Header().Get("Etag") {
		t.Error("two forms have one tag")
	}
	for _, path := range []string{
		"/assets/none", "/assets/page-00000000.css", "/assets/.hidden", "/assets/.git/config", "/assets/sub/.env", "/assets/../page.css", "/assets/%2e%2e/page.css",
		"/assets/sub/%2e%2e/page.css", "/assets/sub/..%2fpage.css", "/assets//page.css", "/assets/page.css/", "/assets/page.css/x", "/assets/sub//", "/assets/js",
		"/assets/js/", "/assets/page.css%00", "/assets/sub%5cdata.bin", "/page.css", "/assets", "/assets/" + strings.Repeat("x", 10_000), "/assets/%ff",
	} {
		if got := fetch(h, "GET", path); got.Code != 404 || strings.Contains(got.Body.String(), "secret") || got.Header().Get("Etag") != "" {
			t.Errorf("%.60s: %d %v", path, got.Code, got.Header())
		}
	}
	if got := fetch(h, "GET", "/assets/sub?x=1"); got.Code != 301 || got.Header().Get("Location") != "./sub/?x=1" {
		t.Errorf("a folder without a slash: %d %v", got.Code, got.Header())
	}
	if got := fetch(h, "POST", "/assets/page.css"); got.Code != 405 || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", got.Code, got.Header())
	}
}

func TestHTTPStatic_Ranges(t *testing.T) {
	t.Parallel()
	h := static(t, fnhttp.HTTPStaticConfig{Files: fstest.MapFS{"f.bin": {Data: []byte("0123456789")}}})
	tag := fetch(h, "GET", "/f.bin").Header().Get("Etag")
	for _, c := range []struct {
		ask, ifRange, body string
		status             int
	}{
		{"bytes=2-4", "", "234", 206},
		{"bytes=-3", tag, "789", 206},
		{"bytes=2-4", `"other"`, "0123456789", 200},
		{"bytes=10-", "", "", 416},
		{"bytes=-0", "", "", 416},
		{"items=0-1", "", "0123456789", 200},
	} {
		header := []string{"Range", c.ask}
		if c.ifRange != "" {
			header = append(header, "If-Range", c.ifRange)
		}
		if got := fetch(h, "GET", "/f.bin", header...); got.Code != c.status || got.Code < 300 && got.Body.String() != c.body {
			t.Errorf("%+v: %d %q", c, got.Code, got.Body)
		}
	}
}

// folder is a folder on disk with what must not be served in it.
func folder(t *testing.T) (dir string, files *os.Root) {
	t.Helper()
	outside := filepath.Join(t.TempDir(), "secret")
	dir = t.TempDir()
	for name, text := range map[string]string{outside: "secret", filepath.Join(dir, "a.txt"): "one", filepath.Join(dir, "private"): "secret"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": outside, "up": "../" + filepath.Base(filepath.Dir(outside)) + "/secret", "inside": "a.txt", "circle": "circle"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return dir, files
}

// What is in a folder but is no file to serve is not found, and opening it does
// not hang.
func TestHTTPStatic_Disk(t *testing.T) {
	t.Parallel()
	dir, files := folder(t)
	h := static(t, fnhttp.HTTPStaticConfig{Files: files.FS()})
	for path, want := range map[string]string{
		"/a.txt": "one", "/inside": "one", "/out": "", "/up": "", "/circle": "", "/pipe": "", "/a.txt/b": "", "/" + strings.Repeat("n", 300): "",
		"/" + strings.Repeat("d/", 3000): "", "/..%2f..%2f..%2fetc%2fpasswd": "", "/": "",
	} {
		status := 404
		if want != "" {
			status = 200
		}
		if got := fetch(h, "GET", path); got.Code != status || want != "" && got.Body.String() != want || strings.Contains(got.Body.String(), "secret") {
			t.Errorf("%.40s: %d %.80s", path, got.Code, got.Body)
		}
	}
	// A change is seen at once, also where size and time stay: the file is new.
	before := fetch(h, "GET", "/a.txt")
	info, err := os.Stat(filepath.Join(dir, "a.txt"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "a.txt"), []byte("two"), 0o644)
	}
	if err == nil {
		err = os.Chtimes(filepath.Join(dir, "a.txt"), info.ModTime(), info.ModTime())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := fetch(h, "GET", "/a.txt", "If-None-Match", before.Header().Get("Etag")); got.Code != 200 || got.Body.String() != "two" {
		t.Errorf("after a change: %d %s", got.Code, got.Body)
	}
	// A precompressed form that is older than its file is not its.
	zip := filepath.Join(dir, "a.txt.gz")
	if err := os.WriteFile(zip, zipped(t, "old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]string{time.Hour: "", -time.Hour: "gzip"} {
		if err := os.Chtimes(zip, time.Time{}, info.ModTime().Add(-age)); err != nil {
			t.Fatal(err)
		}
		if got := fetch(h, "GET", "/a.txt", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"); got != want {
			t.Errorf("a form that is %v older is sent as %q", age, got)
		}
	}
}

// Paths as only a hostile client writes them, over a connection.
func TestHTTPStatic_RawPaths(t *testing.T) {
	t.Parallel()
	_, files := folder(t)
	mux := http.NewServeMux()
	mux.Handle("/files/", static(t, fnhttp.HTTPStaticConfig{Files: files.FS(), Prefix: "/files/"}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, path := range []string{
		"/files/../private", "/files/..%2fprivate/../../etc/passwd", "/files//etc/passwd", "/files/./../../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd",
		"/files/..%5c..%5cetc%5cpasswd", "/files/\\..\\..\\etc\\passwd", "/files/%c0%ae%c0%ae/etc/passwd", "/files/a.txt%00.html", "/files/....//....//etc/passwd",
		"http://x/files/../../etc/passwd", "//files/../etc/passwd", "/files/;/../../etc/passwd", "/files/pipe", "/files/out",
	} {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(response.Body)
		_ = conn.Close()
		if err != nil || response.StatusCode < 300 || response.StatusCode >= 500 || bytes.Contains(body, []byte("root:")) || bytes.Contains(body, []byte("secret")) {
			t.Errorf("%s: %d %v %.80s", path, response.StatusCode, err, body)
		}
	}
}

func TestHTTPStatic_BadConfig(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for name, cfg := range map[string]fnhttp.HTTPStaticConfig{
		"no files": {}, "no slash at the end": {Files: files, Prefix: "/a"}, "none in front": {Files: files, Prefix: "a/"},
		"dots": {Files: files, Prefix: "/a/../"}, "a pattern": {Files: files, Immutable: []string{"["}},
	} {
		if _, err := fnhttp.HTTPStatic(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := static(t, fnhttp.HTTPStaticConfig{Files: files, NotFound: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "a page", http.StatusNotFound)
	})})
	if _, err := h.Path("none"); err == nil {
		t.Error("a file that is not there has a path")
	}
	if got := fetch(h, "GET", "/none"); got.Code != 404 || got.Body.String() != "a page\n" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
