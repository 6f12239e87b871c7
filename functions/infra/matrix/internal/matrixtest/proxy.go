package matrixtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"
)

// Rewriting starts a proxy in front of a server that changes requests by ask
// and answers by answer; either may be nil. It returns its URL.
func Rewriting(t testing.TB, target string, ask func(*http.Request), answer func(*http.Response) error) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
			if ask != nil {
				ask(r.Out)
			}
		},
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: answer,
	})
	t.Cleanup(server.Close)
	return server.URL
}

// RewriteJSON decodes an answer's body into value, and gives the answer value's
// JSON after change.
func RewriteJSON(answer *http.Response, value any, change func()) error {
	if err := json.NewDecoder(answer.Body).Decode(value); err != nil {
		return err
	}
	answer.Body.Close()
	change()
	body, err := json.Marshal(value)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}
