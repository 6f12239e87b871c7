package fault

import (
	"fmt"
	"slices"
	"strings"
)

// HTTPCounts is what an [HTTPProxy] has done since its start. It only grows.
type HTTPCounts struct {
	// Requests counts those that came in.
	Requests int64
	// Injected counts the faults that acted, of all rules.
	Injected int64
	// Unreachable counts requests that were reset because the server could
	// not be reached or did not answer.
	Unreachable int64
	// Resets counts connections reset by Cut and Down.
	Resets int64
	// Rules are in the order of Add; those that were removed come first.
	Rules []RuleCount
}

// RuleCount is what one rule has done.
type RuleCount struct {
	Name     string
	Matched  int // requests that the rule matches
	Injected int // requests that its fault was injected into
}

// Counts returns what the proxy has done so far.
func (p *HTTPProxy) Counts() HTTPCounts {
	p.mu.Lock()
	rules := slices.Concat(p.past, p.rules)
	p.mu.Unlock()
	c := HTTPCounts{
		Requests:    p.requests.Load(),
		Injected:    p.injected.Load(),
		Unreachable: p.unreachable.Load(),
		Resets:      p.resets.Load(),
	}
	for _, a := range rules {
		c.Rules = append(c.Rules, RuleCount{Name: a.rule.Name, Matched: a.Matched(), Injected: a.Injected()})
	}
	return c
}

// String returns the counts, one rule per line.
func (c HTTPCounts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests, %d faults, %d without server, %d connections reset",
		c.Requests, c.Injected, c.Unreachable, c.Resets)
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "\n\t%s: met %d of %d", r.Name, r.Injected, r.Matched)
	}
	return b.String()
}
