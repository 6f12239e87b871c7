package fault

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Rule says which requests a fault meets, and how often.
//
// Whether a request is met depends on the proxy's seed, on how many rules were
// added before this one, and on how many requests (of its group, see Per) have
// matched it so far, and on nothing else: other rules and other requests don't
// move its randomness. (Which of several requests under way at once comes first
// is for the test to say, by waiting for answers.)
//
// Of the faults that rules want for one request, [Delay] and [Bandwidth] all
// act; of the others, the one that was added first.
type Rule struct {
	// Name is how the rule is called in counts. Default: pattern and fault.
	Name string
	// Match is a pattern of [http.ServeMux] with or without a method, such
	// as "GET /sync" or "PUT /_matrix/client/v3/rooms/{room}/send/" (which
	// a slash at its end makes a prefix). Default: all requests.
	Match string
	// Where must hold too, if it is given. It must not change the request
	// or read its body.
	Where func(*http.Request) bool
	// Per names the group that a request belongs to. Each group has a
	// randomness of its own, so that which of several groups' requests
	// comes first does not move it. Default: all requests are one group.
	Per func(*http.Request) string
	// Probability is the chance, in (0,1], that a matching request is met.
	// Default: 1.
	Probability float64
	// Skip is how many of the first matching requests are let through.
	// Default: none.
	Skip int
	// Max is how many requests are met at most: with Probability 1, the
	// next Max. Default: no limit.
	Max int
	// Fault is what happens: Status, Reset, Hang, CutBody, CorruptJSON,
	// Delay or Bandwidth. Required.
	Fault Fault
}

// Active is a rule at work.
type Active struct {
	proxy *HTTPProxy
	rule  Rule
	mux   *http.ServeMux // nil matches all
	added int            // the rule's number

	mu       sync.Mutex
	random   map[string]*rand.Rand // of each group; "" where there are none
	matched  int
	injected int
	reserved int           // chosen, but not yet injected
	happened chan struct{} // closed and replaced by each injection
}

// Add puts a rule to work. An invalid rule ends the test, so call it from the
// test's goroutine.
func (p *HTTPProxy) Add(rule Rule) *Active {
	p.t.Helper()
	a := &Active{proxy: p, rule: rule, happened: make(chan struct{})}
	if err := a.prepare(); err != nil {
		p.t.Fatalf("fault: rule %q: %v", a.rule.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.added++
	a.added = p.added
	a.random = map[string]*rand.Rand{}
	p.rules = append(p.rules, a)
	return a
}

// prepare checks the rule and fills in its defaults.
func (a *Active) prepare() (err error) {
	r := &a.rule
	if r.Fault == nil {
		return fmt.Errorf("no fault")
	}
	if r.Name == "" {
		r.Name = r.Match + " " + r.Fault.String()
		if r.Match == "" {
			r.Name = r.Fault.String()
		}
	}
	if r.Probability < 0 || r.Probability > 1 || r.Probability != r.Probability || r.Skip < 0 || r.Max < 0 {
		return fmt.Errorf("probability %v, skip %d, max %d: want 0 to 1, and no negative count", r.Probability, r.Skip, r.Max)
	}
	if r.Probability == 0 {
		r.Probability = 1
	}
	if r.Match != "" {
		defer func() { // so ServeMux reports a bad pattern
			if bad := recover(); bad != nil {
				err = fmt.Errorf("%v", bad)
			}
		}()
		a.mux = http.NewServeMux()
		a.mux.HandleFunc(r.Match, func(http.ResponseWriter, *http.Request) {})
	}
	return r.Fault.check()
}

// matches reports whether the rule applies to r.
func (a *Active) matches(r *http.Request) bool {
	if a.mux != nil {
		if _, pattern := a.mux.Handler(r); pattern == "" {
			return false
		}
	}
	return a.rule.Where == nil || a.rule.Where(r)
}

// dice returns the randomness of the request's group. The caller holds a.mu.
func (a *Active) dice(r *http.Request, seed uint64) *rand.Rand {
	group, salt := "", uint64(0)
	if a.rule.Per != nil {
		group = a.rule.Per(r)
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(group)) // never fails
		salt = hash.Sum64()
	}
	if a.random[group] == nil {
		a.random[group] = rand.New(rand.NewPCG(seed^salt, uint64(a.added)))
	}
	return a.random[group]
}

// Matched returns how many requests the rule was about so far.
func (a *Active) Matched() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.matched
}

// Injected returns how many requests the fault has met so far. One counts when
// the fault acts, not when it was decided.
func (a *Active) Injected() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.injected
}

// Wait waits until the fault has met n requests. It returns ctx's error if that
// ends first.
func (a *Active) Wait(ctx context.Context, n int) error {
	for {
		a.mu.Lock()
		injected, happened := a.injected, a.happened
		a.mu.Unlock()
		if injected >= n {
			return nil
		}
		select {
		case <-happened:
		case <-ctx.Done():
			return fmt.Errorf("fault: rule %q has met %d of %d requests: %w", a.rule.Name, injected, n, ctx.Err())
		}
	}
}

// Remove takes the rule back. Its effect on requests under way continues.
func (a *Active) Remove() {
	p := a.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.rules {
		if other == a {
			p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
			p.past = append(p.past, a)
			return
		}
	}
}
