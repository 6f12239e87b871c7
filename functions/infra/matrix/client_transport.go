package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/infra/matrix/internal/progress"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
)

// clientTransport puts the access token into requests to the homeserver and to
// no other host, and ends requests that have stalled. The token is here and not
// in mautrix.Client.AccessToken so that it can change while a sync runs, and so
// that neither a printed client nor the request in an error of mautrix holds
// it.
type clientTransport struct {
	base  http.RoundTripper
	home  *url.URL
	stall time.Duration
	token atomic.Pointer[string] // never nil

	// What was not known when the client was made is asked for before its first
	// request: where the homeserver is, then whose the token is. home is what
	// the client takes for the homeserver's URL, real where requests go; nil:
	// there, too.
	reached clientGate
	owned   clientGate
	real    atomic.Pointer[url.URL]

	changing sync.Mutex // held while new credentials are checked, stored and set
}

var (
	_ http.RoundTripper = (*clientTransport)(nil)
	_ fmt.Formatter     = (*clientTransport)(nil)
)

// Format keeps fmt from walking through everything that the transport points
// to, as it does for a wrong verb.
func (t *clientTransport) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "matrix transport to %s", t.home.Redacted())
}

func newClientTransport(base http.RoundTripper, stall time.Duration, home *url.URL) *clientTransport {
	if base == nil {
		base = newClientBase()
	}
	t := &clientTransport{base: base, home: home, stall: stall}
	t.token.Store(new(string))
	return t
}

// newClientBase is a transport that notices a dead connection under a long
// poll. It sets no ResponseHeaderTimeout: clientTransport knows how long a poll
// may take, and that a large upload is not a stalled one.
func newClientBase() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		MaxIdleConnsPerHost: 8, // syncs, sends and media side by side
		IdleConnTimeout:     90 * time.Second,
	}
}

// transportOf finds the transport of a client that MatrixClientInit made.
func transportOf(client *mautrix.Client) *clientTransport {
	if client == nil || client.Client == nil {
		return nil
	}
	t, _ := client.Client.Transport.(*clientTransport)
	return t
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (t *clientTransport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// clientTokenKey is the context's key of a token that a single request uses.
type clientTokenKey struct{}

func withClientToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, clientTokenKey{}, token)
}

// RoundTrip implements [http.RoundTripper].
func (t *clientTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.pass(request); err != nil {
		if request.Body != nil {
			_ = request.Body.Close() // as each RoundTripper does; nothing was read
		}
		return nil, &unsent.Unchecked{Err: err}
	}
	ctx, cancel := context.WithCancel(request.Context())
	sent := request.Clone(ctx)
	token := t.authorize(sent)
	if real := t.real.Load(); real != nil && t.isHome(request.URL) {
		sent.URL.Scheme, sent.URL.Host, sent.Host = real.Scheme, real.Host, ""
		sent.URL.Path = real.Path + sent.URL.Path
		if sent.URL.RawPath != "" {
			sent.URL.RawPath = real.EscapedPath() + sent.URL.RawPath
		}
	}
	watch := newStallWatch(t.stallLimit(request.URL), cancel)
	if sent.Body != nil && sent.Body != http.NoBody {
		sent.Body = &watchedBody{ReadCloser: sent.Body, watch: watch, keep: true}
	}
	response, err := t.base.RoundTrip(sent)
	if err != nil {
		watch.end()
		return nil, watch.explain(err)
	}
	watch.moved(0)
	response.Body = &watchedBody{ReadCloser: response.Body, watch: watch}
	if response.StatusCode >= 300 {
		maskBody(response, token)
	}
	return response, nil
}

func (t *clientTransport) isHome(to *url.URL) bool {
	return to.Scheme == t.home.Scheme && to.Host == t.home.Host
}

// clientAskKey is the context's key of a clientAsk.
type clientAskKey struct{}

// clientAsk is which questions a request doesn't wait for, since it is a part
// of them.
type clientAsk int

const (
	askNothing clientAsk = iota
	askOwner             // whose the token is
	askAll
)

func withClientAsk(ctx context.Context, ask clientAsk) context.Context {
	return context.WithValue(ctx, clientAskKey{}, ask)
}

// pass asks what has to be known before a request.
func (t *clientTransport) pass(request *http.Request) error {
	ctx := request.Context()
	part, _ := ctx.Value(clientAskKey{}).(clientAsk)
	if part == askAll || !t.isHome(request.URL) {
		return nil
	}
	if err := t.reached.pass(ctx); err != nil || part == askOwner {
		return err
	}
	return t.owned.pass(ctx)
}

// authorize sets the header where there is none, for the homeserver alone: a
// redirect to another host gets no token.
func (t *clientTransport) authorize(request *http.Request) string {
	if there := request.Header.Get("Authorization"); there != "" {
		return strings.TrimPrefix(there, "Bearer ")
	}
	if !t.isHome(request.URL) {
		return ""
	}
	token, ok := request.Context().Value(clientTokenKey{}).(string)
	if !ok {
		token = *t.token.Load()
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return token
}

// stallLimit is how long no byte may move: on top of what a long poll asks the
// server to wait, and five times as long for an initial sync, which servers
// take minutes to put together.
func (t *clientTransport) stallLimit(request *url.URL) time.Duration {
	if !strings.HasSuffix(request.Path, "/sync") {
		return t.stall
	}
	query := request.Query()
	if query.Get("since") == "" {
		return 5 * t.stall
	}
	const longest = int(time.Hour / time.Millisecond)
	poll, _ := strconv.Atoi(query.Get("timeout")) // 0 if it is none
	return t.stall + time.Duration(max(0, min(poll, longest)))*time.Millisecond
}

// errStalled is a net.Error that says Timeout.
var errStalled error = stalledError{}

type stalledError struct{}

func (stalledError) Error() string   { return "the homeserver has stopped answering" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

// wholeStalls is how many times the stall limit a request may take as a whole,
// and more only for what it transfers meanwhile.
const wholeStalls = 10

// stallWatch cancels a request when no byte has moved for limit, or hardly any
// in a much longer time.
type stallWatch struct {
	watch   *progress.Watch
	cancel  context.CancelFunc
	stalled atomic.Bool
}

func newStallWatch(limit time.Duration, cancel context.CancelFunc) *stallWatch {
	w := &stallWatch{cancel: cancel}
	w.watch = progress.New(limit, limit, wholeStalls*limit, func() {
		w.stalled.Store(true)
		cancel()
	})
	return w
}

func (w *stallWatch) moved(bytes int) { w.watch.Moved(bytes) }

func (w *stallWatch) end() {
	w.watch.End()
	w.cancel()
}

// explain names the stall where that is why the request was cancelled.
func (w *stallWatch) explain(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && w.stalled.Load() {
		return errStalled
	}
	return err
}

// watchedBody is the body of a request (keep: its end is not the end of the
// watch) or of a response.
type watchedBody struct {
	io.ReadCloser
	watch *stallWatch
	keep  bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.moved(n)
	}
	return n, b.watch.explain(err)
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	if !b.keep {
		b.watch.end()
	}
	return err
}

// maskBody replaces the token in an answer that tells of an error and quotes
// it: mautrix puts such answers into errors and logs.
func maskBody(response *http.Response, token string) {
	if token == "" {
		return
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mautrix.ErrorResponseSizeLimit))
	rest := response.Body
	if !bytes.Contains(body, []byte(token)) {
		response.Body = &readAgain{Reader: io.MultiReader(bytes.NewReader(body), errorReader{err}, rest), Closer: rest}
		return
	}
	body = bytes.ReplaceAll(body, []byte(token), []byte("***"))
	response.ContentLength = int64(len(body))
	response.Header.Del("Content-Length")
	response.Body = &readAgain{Reader: io.MultiReader(bytes.NewReader(body), errorReader{err}), Closer: rest}
}

type readAgain struct {
	io.Reader
	io.Closer
}

// errorReader fails with an error, or is at its end where that is nil.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return 0, io.EOF
}
