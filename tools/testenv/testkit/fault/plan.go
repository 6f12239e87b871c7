package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
)

// plan is the set of faults for one request.
type plan struct {
	hits   []*hit
	healed <-chan struct{}
}

// hit is a fault that was chosen for a request.
type hit struct {
	active *Active
	seed   uint64 // of the fault's own randomness
	plan   *plan
	later  bool // it acts while the body passes
	done   bool // it has acted, or was returned; used only by the request's handler
}

// decide consults each rule about r. The caller holds p.mu.
func (p *HTTPProxy) decide(r *http.Request) *plan {
	plan := &plan{healed: p.healed}
	taken := false // by an exclusive fault
	for _, a := range p.rules {
		if !a.matches(r) {
			continue
		}
		alone := !a.rule.Fault.shares()
		if seed, met := a.draw(r, p.seed, alone && taken); met {
			taken = taken || alone
			plan.hits = append(plan.hits, &hit{active: a, seed: seed, plan: plan})
		}
	}
	return plan
}

// draw decides about the next matching request. It consumes the same randomness
// whatever the result.
func (a *Active) draw(request *http.Request, proxySeed uint64, taken bool) (seed uint64, met bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.matched++
	dice := a.dice(request, proxySeed)
	chance, seed := dice.Float64(), dice.Uint64()
	r := a.rule
	met = !taken && a.matched > r.Skip && chance < r.Probability &&
		(r.Max == 0 || a.injected+a.reserved < r.Max)
	if met {
		a.reserved++
	}
	return seed, met
}

// act counts the fault as injected. A second call does nothing.
func (h *hit) act() {
	if h.done {
		return
	}
	h.done = true
	h.active.proxy.injected.Add(1)
	a := h.active
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reserved--
	a.injected++
	close(a.happened)
	a.happened = make(chan struct{})
}

// settle returns the faults that found nothing to act on. That happens before
// the client has the response, so that its next request finds an accurate count
// for the rule's Max; faults that act later are settled by the call at the end.
func (p *plan) settle(end bool) {
	for _, h := range p.hits {
		if h.done || (h.later && !end) {
			continue
		}
		h.done = true
		a := h.active
		a.mu.Lock()
		a.reserved--
		a.mu.Unlock()
	}
}

// random returns the fault's own randomness for this request.
func (h *hit) random() *rand.Rand { return rand.New(rand.NewPCG(h.seed, 0)) }

// meddler is the proxy's transport: the real one, with the plan's faults before
// and after.
type meddler struct{ proxy *HTTPProxy }

// errReset makes the proxy reset the client's connection.
var errReset = errors.New("injected reset")

// RoundTrip forwards the request, unless a fault answers in the server's place.
// Any error resets the client's connection.
func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	plan := r.Context().Value(planKey{}).(*plan)
	resp, err := m.meddle(plan, r)
	plan.settle(err != nil)
	return resp, err
}

// meddle is RoundTrip without the counting.
func (m *meddler) meddle(plan *plan, r *http.Request) (*http.Response, error) {
	for _, h := range plan.hits {
		if resp, err := h.active.rule.Fault.before(h, r); resp != nil || err != nil {
			return resp, err
		}
	}
	resp, err := m.proxy.transport.RoundTrip(r)
	if err != nil {
		if !errors.Is(r.Context().Err(), context.Canceled) {
			m.proxy.unreachable.Add(1)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, nil // what follows is no answer
	}
	for _, h := range plan.hits {
		if err := h.active.rule.Fault.after(h, resp); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	return resp, nil
}
