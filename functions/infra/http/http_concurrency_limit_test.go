package http_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// crowd sends requests that each take a second, and notes their order.
type crowd struct {
	t       *testing.T
	handler http.Handler
	all     sync.WaitGroup

	mu      sync.Mutex
	started []string
	running int
	most    int
	refused []string
}

func newCrowd(t *testing.T, cfg fnhttp.HTTPConcurrencyLimitConfig) *crowd {
	t.Helper()
	c := &crowd{t: t}
	handler, err := fnhttp.HTTPConcurrencyLimit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.started = append(c.started, r.URL.Path[1:])
		c.running++
		c.most = max(c.most, c.running)
		c.mu.Unlock()
		time.Sleep(time.Second)
		c.mu.Lock()
		c.running--
		c.mu.Unlock()
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
	}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.handler = handler
	return c
}

// send sends a request called name, whose first letter is its client, and waits
// until it runs, waits or is refused.
func (c *crowd) send(ctx context.Context, name string) {
	c.all.Go(func() {
		defer func() { _ = recover() }()
		r := httptest.NewRequest("GET", "/"+name, nil).WithContext(ctx)
		r.RemoteAddr = map[byte]string{'a': "192.0.2.1:1", 'b': "192.0.2.2:1", 'c': "192.0.2.3:1", 'p': "192.0.2.4:1"}[name[0]]
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, r)
		if w.Code == 200 {
			return
		}
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "unavailable") {
			c.t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = append(c.refused, name)
	})
	synctest.Wait()
}

func (c *crowd) want(most int, started, refused string) {
	c.t.Helper()
	c.all.Wait()
	slices.Sort(c.refused)
	if c.most != most || strings.Join(c.started, " ") != started || strings.Join(c.refused, " ") != refused {
		c.t.Errorf("%d at once, started %v, refused %v; want %d, %s, %s", c.most, c.started, c.refused, most, started, refused)
	}
	if c.running != 0 {
		c.t.Errorf("%d still run", c.running)
	}
}

func (c *crowd) sendAll(names ...string) {
	for _, name := range names {
		c.send(context.Background(), name)
		time.Sleep(time.Millisecond) // so that no two end at once
	}
}

func TestHTTPConcurrencyLimit_Order(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg              fnhttp.HTTPConcurrencyLimitConfig
		send             string
		most             int
		started, refused string
	}{
		"in total":         {fnhttp.HTTPConcurrencyLimitConfig{Total: 2}, "a1 a2 a3 a4", 2, "a1 a2 a3 a4", ""},
		"of a client":      {fnhttp.HTTPConcurrencyLimitConfig{Total: 3, PerClient: 1}, "a1 a2 b1 c1", 3, "a1 b1 c1 a2", ""},
		"the queue":        {fnhttp.HTTPConcurrencyLimitConfig{Total: 1, Queue: 2}, "a1 a2 a3 a4", 1, "a1 a2 a3", "a4"},
		"no queue":         {fnhttp.HTTPConcurrencyLimitConfig{Total: 1, Queue: -1}, "a1 a2", 1, "a1", "a2"},
		"the wait":         {fnhttp.HTTPConcurrencyLimitConfig{Total: 1, Queue: 9, Wait: 1500 * time.Millisecond}, "a1 a2 a3", 1, "a1 a2", "a3"},
		"who has least":    {fnhttp.HTTPConcurrencyLimitConfig{Total: 2, Queue: 9}, "a1 a2 a3 b1", 2, "a1 a2 b1 a3", ""},
		"a full queue":     {fnhttp.HTTPConcurrencyLimitConfig{Total: 1, Queue: 3}, "a1 a2 a3 a4 b1 c1", 1, "a1 a2 b1 c1", "a3 a4"},
		"after a panic":    {fnhttp.HTTPConcurrencyLimitConfig{Total: 1}, "panic a1", 1, "panic a1", ""},
		"a free one waits": {fnhttp.HTTPConcurrencyLimitConfig{Total: 2, PerClient: 1, Queue: -1}, "a1 a2 b1", 2, "a1 b1", "a2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				crowd := newCrowd(t, c.cfg)
				crowd.sendAll(strings.Fields(c.send)...)
				crowd.want(c.most, c.started, c.refused)
			})
		})
	}
}

// While one client's requests wait, another's turn comes first.
func TestHTTPConcurrencyLimit_Fair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, fnhttp.HTTPConcurrencyLimitConfig{Total: 2, Queue: 9})
		crowd.sendAll("a1")
		time.Sleep(time.Second / 2)
		crowd.sendAll("a2", "a3", "a4", "b1") // a1 ends first, while a2 runs
		crowd.want(2, "a1 a2 b1 a3 a4", "")
	})
}

// A client that leaves while it waits gives up its place in the queue.
func TestHTTPConcurrencyLimit_ClientLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, fnhttp.HTTPConcurrencyLimitConfig{Total: 1, Queue: 1})
		ctx, cancel := context.WithCancel(t.Context())
		crowd.sendAll("a1")
		crowd.send(ctx, "b1")
		cancel()
		synctest.Wait()
		crowd.sendAll("c1")
		crowd.want(1, "a1 c1", "b1")
	})
}

func TestHTTPConcurrencyLimit_BadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []fnhttp.HTTPConcurrencyLimitConfig{{}, {Total: -1}, {Total: 1, PerClient: -1}, {Total: 1, Wait: -1}} {
		if _, err := fnhttp.HTTPConcurrencyLimit(text("in"), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Without a queue who finds no place is refused at once, in the words of the
// config.
func TestHTTPConcurrencyLimit_Refusal(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	handler, err := fnhttp.HTTPConcurrencyLimit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}), fnhttp.HTTPConcurrencyLimitConfig{
		Total: 3, PerClient: 1, Queue: -1, Refusal: &core.Error{Code: core.CodeLimited, Message: "one stream is enough", Hint: "close it"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(addr string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	var running sync.WaitGroup
	running.Go(func() { ask("192.0.2.1:1") })
	<-entered
	if w := ask("192.0.2.1:2"); w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "one stream is enough") || !strings.Contains(w.Body.String(), "close it") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	running.Go(func() { ask("192.0.2.2:1") })
	<-entered // another client has its place
	close(leave)
	running.Wait()
}
