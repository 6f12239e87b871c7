package matrixtest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Redirecting starts a proxy in front of a server that redirects requests of a
// method, as long as on is set, to another host with the same path. That host
// answers with an event ID, a room ID and more, as a homeserver would, and
// counts its requests in asked. It returns the proxy's URL.
func Redirecting(t testing.TB, target, method string, status int, on *atomic.Bool, asked *atomic.Int64) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"event_id":"$elsewhere","room_id":"!elsewhere:x","content_uri":"mxc://elsewhere/x","user_id":"@elsewhere:x"}`)) // a test that needs it sees it missing
	}))
	t.Cleanup(other.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = transport
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method && on.Load() {
			http.Redirect(w, r, other.URL+r.URL.Path, status)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}
