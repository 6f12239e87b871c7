package matrixtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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

// RewriteJSON decodes a response's body into value, and gives the response
// value's JSON after change.
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

// MessagesPath is the pattern of requests for a page of history.
const MessagesPath = "GET /_matrix/client/v3/rooms/{room}/messages"

// StaleReads starts a proxy in front of a server whose read side is behind,
// which takes a loaded server and luck to make: as long as behind is set,
// /messages lacks the messages with the bodies of hidden; with none of these it
// is empty. Large pages have limit events at most.
func StaleReads(
	t testing.TB,
	target string,
	behind *atomic.Bool,
	looks *atomic.Int64,
	limit int,
	hidden ...string,
) string {
	t.Helper()
	ask := func(r *http.Request) {
		query := r.URL.Query()
		if asked, err := strconv.Atoi(query.Get("limit")); err == nil && asked >= 100 {
			query.Set("limit", fmt.Sprint(limit))
			r.URL.RawQuery = query.Encode()
		}
	}
	return Rewriting(t, target, ask, func(answer *http.Response) error {
		if !strings.HasSuffix(answer.Request.URL.Path, "/messages") || !behind.Load() {
			return nil
		}
		if !answer.Request.URL.Query().Has("from") {
			looks.Add(1)
		}
		var page struct {
			Start string            `json:"start"`
			End   string            `json:"end,omitempty"`
			Chunk []json.RawMessage `json:"chunk"`
		}
		return RewriteJSON(answer, &page, func() {
			if hidden == nil {
				page.Chunk, page.End = []json.RawMessage{}, ""
			}
			page.Chunk = slices.DeleteFunc(page.Chunk, func(evt json.RawMessage) bool {
				var message struct{ Content struct{ Body string } }
				return json.Unmarshal(evt, &message) == nil && slices.Contains(hidden, message.Content.Body)
			})
		})
	})
}
