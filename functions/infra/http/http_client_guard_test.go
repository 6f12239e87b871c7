package http_test

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// listenAt is a server at a loopback address of its own, since the guard tells
// addresses apart and not ports.
func listenAt(t *testing.T, address string, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address+":0")
	if err != nil {
		t.Skip("no such loopback address: ", err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

var allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}

func guarded(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}

// No way of writing an inner address leads there, and no name that has it.
func TestHTTPClientGuard_Addresses(t *testing.T) {
	t.Parallel()
	client := fnhttp.HTTPClientGuard(fnhttp.HTTPClientGuardConfig{Timeout: 5 * time.Second})
	for _, host := range []string{
		"127.0.0.1", "127.9.9.9", "localhost", "[::1]", "[::]", "0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::127.0.0.1]", "10.0.0.1", "172.16.0.1",
		"192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[fe80::1]", "[fd00::1]",
		"[fec0::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:db8::1]", "[100::1]", "[5f00::1]",
	} {
		_, err := guarded(t, client, "http://"+host+":9/")
		if code := core.ErrorCode(err); code != core.CodeForbidden {
			t.Errorf("%s: %s, %v", host, code, err)
		}
	}
	// What only some resolvers take for addresses is no way in, whatever it
	// gives.
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"} {
		if _, err := guarded(t, client, "http://"+host+":9/"); err == nil || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, url := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/"} {
		if _, err := guarded(t, client, url); err == nil {
			t.Errorf("%s was read", url)
		}
	}
}

func TestHTTPClientGuard_Redirects(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := listenAt(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	outside := listenAt(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, inside, http.StatusFound)
		case "/post":
			http.Redirect(w, r, inside, http.StatusTemporaryRedirect)
		case "/again":
			http.Redirect(w, r, "/again", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	})
	client := fnhttp.HTTPClientGuard(fnhttp.HTTPClientGuardConfig{Allow: allowed})
	if body, err := guarded(t, client, outside); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	for path, want := range map[string]core.Code{"/inside": core.CodeForbidden, "/post": core.CodeForbidden, "/again": core.CodeForbidden} {
		if _, err := guarded(t, client, outside+path); core.ErrorCode(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := guarded(t, client, outside+"/file"); err == nil {
		t.Error("a redirect to a file was followed")
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the inner server got %d requests", n)
	}
	none := fnhttp.HTTPClientGuard(fnhttp.HTTPClientGuardConfig{Allow: allowed, MaxRedirects: -1})
	if _, err := guarded(t, none, outside+"/again"); err != nil {
		t.Errorf("without redirects: %v", err)
	}
}

// A name whose address changes between two look-ups leads nowhere else.
func TestHTTPClientGuard_Rebinding(t *testing.T) {
	t.Parallel()
	server := listenAt(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "outside")
	})
	var asked atomic.Int64
	resolver := dnsServer(t, func() [4]byte {
		if asked.Add(1) == 1 {
			return [4]byte{127, 0, 0, 2}
		}
		return [4]byte{127, 0, 0, 1}
	})
	client := fnhttp.HTTPClientGuard(fnhttp.HTTPClientGuardConfig{Allow: allowed, Timeout: 20 * time.Second})
	fnhttp.ResolveBy(client, resolver)
	url := strings.Replace(server, "127.0.0.2", "rebind.example.", 1)
	if body, err := guarded(t, client, url); err != nil || body != "outside" {
		t.Fatalf("%q, %v", body, err)
	}
	if body, err := guarded(t, client, url); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("%q, %v", body, err)
	}
}

// dnsServer answers each question for an A record with the next address.
func dnsServer(t *testing.T, next func() [4]byte) *net.Resolver {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			question := 12
			for question < n && packet[question] != 0 {
				question += int(packet[question]) + 1
			}
			end := question + 5 // the root, type and class
			reply := append([]byte{}, packet[:end]...)
			copy(reply[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
			if binary.BigEndian.Uint16(packet[question+1:]) == 1 {
				ip := next()
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ip[0], ip[1], ip[2], ip[3])
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestHTTPClientGuard_Bounds(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	server := listenAt(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		zeros := make([]byte, 1<<16)
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("Content-Length", "1001")
			_, _ = w.Write(zeros[:1001])
		case "/streamed":
			for range 100 {
				_, _ = w.Write(zeros)
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			gz := gzip.NewWriter(w)
			for range 100 {
				_, _ = gz.Write(zeros)
			}
			_ = gz.Close()
		case "/exact":
			_, _ = w.Write(zeros[:1000])
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		case "/slow":
			_, _ = w.Write(zeros[:1])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-ended:
			case <-r.Context().Done():
			}
		}
	})
	client := fnhttp.HTTPClientGuard(fnhttp.HTTPClientGuardConfig{Allow: allowed, MaxBytes: 1000, Timeout: time.Second})
	for _, path := range []string{"/announced", "/streamed", "/bomb"} {
		if body, err := guarded(t, client, server+path); core.ErrorCode(err) != core.CodeTooLarge || len(body) > 1000 {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	if body, err := guarded(t, client, server+"/exact"); err != nil || len(body) != 1000 {
		t.Errorf("exactly as long: %d bytes, %v", len(body), err)
	}
	if _, err := guarded(t, client, server+"/header"); err == nil {
		t.Error("a header of 100 kB was read")
	}
	if _, err := guarded(t, client, server+"/slow"); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("slow: %v", err)
	}
}
