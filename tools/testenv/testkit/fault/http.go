package fault

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// HTTPProxy passes requests to one server and applies rules to them. It speaks
// HTTP/1.1 without TLS, streams both ways, passes compressed bodies as they
// are, and forwards Upgrade. The server sees its own Host, and no X-Forwarded
// headers.
//
// Where the server can't be reached, or ends its answer before it began, the
// client's connection is reset; an answer that the server breaks off is broken
// off for the client. Nothing becomes a 502 that no rule asked for.
//
// All methods but [HTTPProxy.Add] may be called at any time from any goroutine;
// after the end of the test they do nothing.
type HTTPProxy struct {
	t         testing.TB
	gate      *gate
	server    *http.Server
	transport *http.Transport
	reverse   *httputil.ReverseProxy
	ctx       context.Context // ended by close
	end       context.CancelFunc
	serving   sync.WaitGroup // the accept loop and the handlers
	target    atomic.Pointer[url.URL]

	requests, injected, unreachable, resets atomic.Int64

	mu     sync.Mutex
	closed bool
	seed   uint64
	added  int // rules so far: the number of a rule picks its randomness
	rules  []*Active
	past   []*Active     // rules that were removed, for Counts
	healed chan struct{} // closed and replaced by Heal
}

// HTTP starts a proxy in front of the server at targetURL ("http://host:port",
// a path is put before the request's), which need not run yet. Its randomness
// has a new seed for each run, or the one in the environment's FAULT_SEED; see
// [HTTPProxy.SetSeed]. It ends with the test.
func HTTP(t testing.TB, targetURL string) *HTTPProxy {
	t.Helper()
	target, err := parseTarget(targetURL)
	if err != nil {
		t.Fatalf("fault: %v", err)
	}
	g, err := newGate()
	if err != nil {
		t.Fatalf("fault: %v", err)
	}
	p := &HTTPProxy{t: t, gate: g, seed: newSeed(t), healed: make(chan struct{})}
	p.target.Store(target)
	// t.Context() would end before the test's own cleanups, which may still
	// need the server.
	p.ctx, p.end = context.WithCancel(context.Background())
	p.transport = &http.Transport{
		DisableCompression:  true, // bodies pass through unchanged
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     time.Minute,
	}
	quiet := log.New(io.Discard, "", 0) // errors here are what the test wants
	p.reverse = &httputil.ReverseProxy{
		Rewrite:       p.rewrite,
		Transport:     &meddler{proxy: p},
		FlushInterval: -1, // streams, and bytes before a cut, reach the client
		ErrorHandler:  func(w http.ResponseWriter, r *http.Request, _ error) { resetClient(r) },
		ErrorLog:      quiet,
		BufferPool:    bufferPool{},
	}
	p.server = &http.Server{
		Handler:     http.HandlerFunc(p.serve),
		BaseContext: func(net.Listener) context.Context { return p.ctx },
		ConnContext: withConn,
		ErrorLog:    quiet,
	}
	p.serving.Go(func() {
		if err := p.server.Serve(g); p.ctx.Err() == nil {
			t.Errorf("fault: serve: %v", err)
		}
	})
	t.Cleanup(p.close)
	return p
}

// URL returns the address to use in the server's place,
// "http://127.0.0.1:PORT". It stays the same, also over [HTTPProxy.Down].
func (p *HTTPProxy) URL() string { return "http://" + p.gate.addr }

// Seed returns the seed of the proxy's randomness, for a test that wants to
// derive its own from it.
func (p *HTTPProxy) Seed() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seed
}

// SetSeed fixes the seed, before the first rule. A seed in the environment is
// stronger.
func (p *HTTPProxy) SetSeed(seed uint64) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.added > 0 {
		p.t.Errorf("fault: SetSeed after the first rule")
	}
	if !seedGiven() {
		p.seed = seed
	}
}

// SetTarget sends requests from now on to another server, as when it came up
// again on another port.
func (p *HTTPProxy) SetTarget(targetURL string) {
	p.t.Helper()
	u, err := parseTarget(targetURL)
	if err != nil {
		p.t.Errorf("fault: %v", err)
		return
	}
	p.target.Store(u)
}

// parseTarget reads the URL of a server.
func parseTarget(targetURL string) (*url.URL, error) {
	u, err := url.Parse(targetURL)
	if err == nil && (u.Scheme != "http" || u.Host == "") {
		err = fmt.Errorf("target %q: want http://host:port", targetURL)
	}
	return u, err
}

// Cut resets all open connections of clients and returns how many there were,
// idle ones included.
func (p *HTTPProxy) Cut() int {
	n := p.gate.cut()
	p.resets.Add(int64(n))
	return n
}

// Down refuses connections (ECONNREFUSED) and resets the open ones, as a server
// that was killed. The port stays reserved.
func (p *HTTPProxy) Down() {
	p.gate.down()
	p.Cut()
}

// Up ends [HTTPProxy.Down]. If it can't listen, the test fails.
func (p *HTTPProxy) Up() {
	p.t.Helper()
	if err := p.gate.up(); err != nil {
		p.t.Errorf("fault: listen again at %s: %v", p.gate.addr, err)
	}
}

// Heal removes all rules, and Down. A request held by [Delay] continues, the
// connection of one held by [Hang] is reset.
func (p *HTTPProxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	p.past = append(p.past, p.rules...)
	p.rules = nil
	close(p.healed)
	p.healed = make(chan struct{})
	p.mu.Unlock()
	p.Up()
}

// serve is the proxy's handler.
func (p *HTTPProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	p.serving.Add(1)
	defer p.serving.Done()
	plan := p.decide(r)
	p.mu.Unlock()
	defer plan.settle(true)
	p.requests.Add(1)
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), planKey{}, plan)))
}

// rewrite aims the request at the target, with the query as the client wrote
// it.
func (p *HTTPProxy) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(p.target.Load())
	r.Out.URL.RawQuery = r.In.URL.RawQuery
}

// close ends the proxy and waits until nothing of it is left.
func (p *HTTPProxy) close() {
	p.end()
	p.gate.Close()
	p.mu.Lock()
	p.closed = true // from here on no new handlers start
	p.mu.Unlock()
	p.serving.Wait()
	// It waits for the ends of the connections, which the gate has reset.
	_ = p.server.Shutdown(context.Background())
	p.transport.CloseIdleConnections()
	if p.t.Failed() {
		p.t.Logf("fault: HTTP proxy %s: %s=%d %s", p.gate.addr, EnvSeed, p.Seed(), p.Counts())
	}
}

// connKey and planKey find a request's connection and plan in its context.
type (
	connKey struct{}
	planKey struct{}
)

// withConn makes the connection known to its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// resetConn closes the connection of a request's context with RST.
func resetConn(ctx context.Context) { ctx.Value(connKey{}).(*gateConn).reset() }

// resetClient ends a handler, and its connection with RST.
func resetClient(r *http.Request) {
	resetConn(r.Context())
	panic(http.ErrAbortHandler)
}

// bufferPool lends ReverseProxy the buffers of package fault.
type bufferPool struct{}

func (bufferPool) Get() []byte  { return chunks.Get().(*[chunkSize]byte)[:] }
func (bufferPool) Put(b []byte) { chunks.Put((*[chunkSize]byte)(b)) }
