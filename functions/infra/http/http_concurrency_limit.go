package http

import (
	"cmp"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPConcurrencyLimitConfig says how many requests run at once.
type HTTPConcurrencyLimitConfig struct {
	// Total is how many requests run at once. Required.
	Total int
	// PerClient is how many of these may be one client's. Zero: Total.
	PerClient int
	// Queue is how many further requests wait. Zero: as many as Total;
	// negative: none.
	Queue int
	// Wait is the longest that one of them waits. Zero: 5 s.
	Wait time.Duration
	// Proxies are the networks of reverse proxies whose X-Forwarded-For is
	// believed; see HTTPClientAddr. None: every connection is a client.
	Proxies []netip.Prefix
	// Refusal is what who is refused gets, with what to do instead. nil:
	// CodeUnavailable, the server is busy, try again.
	Refusal *core.Error
}

// HTTPConcurrencyLimit lets a bounded number of requests run at once, in total
// and of each client, which is an address or a /64 of IPv6. Others wait for
// their turn; of those that wait, the client with the fewest running requests
// goes first, and then who came first. A request whose wait is over is refused
// with 503, Retry-After and problem JSON, and where the queue is full the last
// one of the client that has most in it. One whose client leaves gives up its
// place.
//
// In [HTTPStack] it is one of Limits.
//
// Errors: CodeInvalid for a Total below 1, or a PerClient or Wait below 0.
//
// More in http_concurrency_limit.md:
//   - Event streams and WebSockets run for hours and take their places that
//     long: give them a limit of their own, with a negative Queue.
//   - A body that the client sends slowly counts as running.
func HTTPConcurrencyLimit(next http.Handler, cfg HTTPConcurrencyLimitConfig) (http.Handler, error) {
	if cfg.Total < 1 || cfg.PerClient < 0 || cfg.Wait < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_concurrency_limit", Message: "Total is below 1, or another limit below 0"}
	}
	cfg.PerClient = min(cmp.Or(cfg.PerClient, cfg.Total), cfg.Total)
	cfg.Queue = max(cmp.Or(cfg.Queue, cfg.Total), 0)
	cfg.Wait = cmp.Or(cfg.Wait, 5*time.Second)
	if cfg.Refusal == nil {
		cfg.Refusal = errBusy
	}
	l := &places{cfg: &cfg, running: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientKey(r, cfg.Proxies)
		if err := l.enter(r, client); err != nil {
			HTTPProblem(w, r, err)
			return
		}
		defer l.leave(client)
		next.ServeHTTP(w, r)
	}), nil
}

// places are the requests that run, and those that wait to.
type places struct {
	cfg *HTTPConcurrencyLimitConfig

	mu      sync.Mutex
	total   int
	running map[string]int // by client; none is 0
	queue   []*waiting     // in the order of their coming
}

type waiting struct {
	client  string
	decided chan struct{} // closed when it may run, or is refused
	refused bool          // written before decided is closed
}

var errBusy = &core.Error{
	Code: core.CodeUnavailable, Message: "the server is busy with other requests", Hint: "try again later", RetryAfter: time.Second,
}

// enter waits for a place. Without an error the caller leaves it again.
func (l *places) enter(r *http.Request, client string) error {
	l.mu.Lock()
	if len(l.queue) == 0 && l.free(client) {
		l.take(client)
		l.mu.Unlock()
		return nil
	}
	// Others wait for places of their own clients; this one may still have one.
	one := &waiting{client: client, decided: make(chan struct{})}
	l.queue = append(l.queue, one)
	l.advance()
	if len(l.queue) > l.cfg.Queue {
		l.refuse(l.crowding())
	}
	l.mu.Unlock()
	timer := time.NewTimer(l.cfg.Wait)
	defer timer.Stop()
	select {
	case <-one.decided:
	case <-timer.C:
	case <-r.Context().Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drop(one) || one.refused {
		return l.cfg.Refusal
	}
	return nil
}

// crowding is who is refused when the queue is too long: the last request of
// the client that has most of them there, so that one client can't keep the
// others out.
func (l *places) crowding() *waiting {
	last := l.queue[len(l.queue)-1]
	counts := map[string]int{}
	for _, one := range l.queue {
		counts[one.client]++
	}
	for _, one := range l.queue {
		if n := counts[one.client]; n > counts[last.client] || n == counts[last.client] && one.client == last.client {
			last = one
		}
	}
	return last
}

func (l *places) refuse(one *waiting) {
	l.drop(one)
	one.refused = true
	close(one.decided)
}

func (l *places) leave(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.running[client]--; l.running[client] == 0 {
		delete(l.running, client)
	}
	l.advance()
}

func (l *places) free(client string) bool {
	return l.total < l.cfg.Total && l.running[client] < l.cfg.PerClient
}

func (l *places) take(client string) {
	l.total++
	l.running[client]++
}

// advance gives the free places to those that wait.
func (l *places) advance() {
	for l.total < l.cfg.Total {
		next := -1
		for i, one := range l.queue {
			if l.free(one.client) && (next < 0 || l.running[one.client] < l.running[l.queue[next].client]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		one := l.queue[next]
		l.take(one.client)
		l.drop(one)
		close(one.decided)
	}
}

// drop takes a request out of the queue, and reports whether it was in it.
func (l *places) drop(one *waiting) bool {
	for i, other := range l.queue {
		if other == one {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}
