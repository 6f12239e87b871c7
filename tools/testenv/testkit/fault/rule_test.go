package fault_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

// codes sends n requests and returns the statuses.
func codes(t testing.TB, n int, url string) []int {
	t.Helper()
	var got []int
	for range n {
		a := get(t, url)
		if a.err != nil {
			t.Fatal(a.err)
		}
		got = append(got, a.code)
	}
	return got
}

func TestRule_Script(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	p := fault.HTTP(t, target)
	limited := p.Add(fault.Rule{Match: "GET /sync", Max: 3, Fault: fault.Status{Code: 429}})
	p.Add(fault.Rule{Match: "GET /sync", Skip: 4, Max: 1, Fault: fault.Status{Code: 502}})
	// The first rule goes before it while that lasts.
	p.Add(fault.Rule{Match: "GET /sync", Max: 1, Fault: fault.Status{Code: 500}})
	codes(t, 2, p.URL()+"/other")
	if got, want := codes(t, 7, p.URL()+"/sync"), []int{429, 429, 429, 500, 502, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if limited.Matched() != 7 || limited.Injected() != 3 {
		t.Errorf("matched %d, injected %d; want 7 and 3", limited.Matched(), limited.Injected())
	}
	want := "9 requests, 5 faults, 0 without server, 0 connections reset" +
		"\n\tGET /sync status 429: met 3 of 7\n\tGET /sync status 502: met 1 of 7\n\tGET /sync status 500: met 1 of 7"
	if got := p.Counts().String(); got != want {
		t.Errorf("counts %s\nwant %s", got, want)
	}
}

func TestRule_Matches(t *testing.T) {
	t.Parallel()
	const send = "/_matrix/client/v3/rooms/%21a%2Fb%3Ax/send/m.room.message/t1"
	tests := []struct {
		rule         fault.Rule
		method, path string
		want         bool
	}{
		{fault.Rule{}, "PUT", send, true},
		{fault.Rule{Match: "PUT /_matrix/client/v3/rooms/{room}/send/"}, "PUT", send, true},
		{fault.Rule{Match: "PUT /_matrix/client/{version}/rooms/{room}/send/{type}/{txn}"}, "PUT", send, true},
		{fault.Rule{Match: "GET /_matrix/client/v3/rooms/{room}/send/"}, "PUT", send, false},
		{fault.Rule{Match: "/sync"}, "POST", "/sync?since=s1", true},
		{fault.Rule{Match: "/sync"}, "POST", "/sync/x", false},
		{fault.Rule{Where: func(r *http.Request) bool { return r.FormValue("since") == "" }}, "GET", "/sync", true},
		{
			fault.Rule{Where: func(r *http.Request) bool { return r.FormValue("since") == "" }},
			"GET",
			"/sync?since=s1",
			false,
		},
	}
	target, _ := counted(t)
	p := fault.HTTP(t, target)
	for _, tt := range tests {
		tt.rule.Fault = fault.Status{Code: 503}
		p.Add(tt.rule)
		if a := do(t, tt.method, p.URL()+tt.path, nil); (a.code == 503) != tt.want || a.err != nil {
			t.Errorf("%+v, %s %s: %d %v, want met %v", tt.rule, tt.method, tt.path, a.code, a.err, tt.want)
		}
		p.Heal()
	}
}

// history sends two kinds of requests, interleaved as given, and returns which
// of those to /a were hit.
func history(t testing.TB, target string, seed uint64, mix string) string {
	p := fault.HTTP(t, target)
	p.SetSeed(seed)
	p.Add(fault.Rule{Match: "/a", Probability: 0.3, Fault: fault.Status{Code: 429}})
	p.Add(fault.Rule{Match: "/b", Probability: 0.5, Fault: fault.Status{Code: 500}})
	var b strings.Builder
	for _, path := range mix {
		code := codes(t, 1, p.URL()+"/"+string(path))[0]
		if path == 'a' {
			b.WriteByte("-X"[map[int]int{429: 1}[code]])
		}
	}
	return b.String()
}

func TestRule_SameSeedSameFaults(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	first := history(t, target, 7, strings.Repeat("a", 64))
	if again := history(t, target, 7, strings.Repeat("ab", 64)); again != first {
		t.Errorf("seed 7: %s, and with other requests in between %s", first, again)
	}
	if other := history(t, target, 8, strings.Repeat("a", 64)); other == first {
		t.Errorf("seeds 7 and 8 both gave %s", first)
	}
	// Fixed, so that a seed from an old log keeps its meaning.
	const want = "---------X---X--X--X------X-----X-------X--X----XXX-------X-XXX-"
	if first != want {
		t.Errorf("seed 7 gave\n%s, want\n%s", first, want)
	}
}

// Which of a group's requests are hit does not depend on other groups.
func TestRule_Per(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	met := func(paths ...string) map[string]string {
		p := fault.HTTP(t, target)
		p.SetSeed(7)
		p.Add(fault.Rule{Probability: 0.3, Fault: fault.Status{Code: 503}, Per: func(r *http.Request) string { return r.URL.Path }})
		history := map[string]string{}
		for _, path := range paths {
			mark := "-"
			if a := get(t, p.URL()+path); a.code == 503 {
				mark = "X"
			}
			history[path] += mark
		}
		return history
	}
	a, b := slices.Repeat([]string{"/a"}, 40), slices.Repeat([]string{"/b"}, 40)
	turns := slices.Repeat([]string{"/a", "/b"}, 40)
	first := met(slices.Concat(a, b)...)
	for _, order := range [][]string{slices.Concat(b, a), turns} {
		if again := met(order...); !maps.Equal(again, first) {
			t.Errorf("got %v, want %v", again, first)
		}
	}
	if first["/a"] == first["/b"] {
		t.Errorf("both groups have %s", first["/a"])
	}
}

func TestRule_Probability(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	p := fault.HTTP(t, target)
	p.SetSeed(1)
	rule := p.Add(fault.Rule{Probability: 0.25, Fault: fault.Status{Code: 500}})
	codes(t, 1000, p.URL())
	// Three deviations; the seed is fixed, so it is always the same.
	if got := rule.Injected(); got < 210 || got > 290 {
		t.Errorf("met %d of 1000, want about 250", got)
	}
}

func TestRule_MaxHoldsForRequestsAtOnce(t *testing.T) {
	t.Parallel()
	target, served := counted(t)
	p := fault.HTTP(t, target)
	rule := p.Add(fault.Rule{Max: 10, Fault: fault.Status{Code: 503}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if a := get(t, p.URL()); a.err != nil {
					t.Error(a.err)
				}
			}
		})
	}
	wg.Wait()
	if rule.Injected() != 10 || served.Load() != 190 || p.Counts().Requests != 200 {
		t.Errorf("%d injected, %d served, %v; want 10 and 190 of 200", rule.Injected(), served.Load(), p.Counts())
	}
}

func TestRule_MaxCountsWhatIsDecided(t *testing.T) {
	t.Parallel()
	const n = 5
	var in atomic.Int64
	all := make(chan struct{})
	p := fault.HTTP(t, newHTTP(t, func(http.ResponseWriter, *http.Request) {
		if in.Add(1) == n {
			close(all)
		}
		<-all // no fault has acted before all were decided
	}))
	rule := p.Add(fault.Rule{Max: 1, Fault: fault.Status{Code: 503, AfterServer: true}})
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if a := get(t, p.URL()); a.err != nil {
				t.Error(a.err)
			}
		})
	}
	wg.Wait()
	if rule.Injected() != 1 {
		t.Errorf("met %d, want 1", rule.Injected())
	}
}

func TestRule_MaxGetsBackWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	p := fault.HTTP(
		t,
		newHTTP(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.FormValue("say")) }),
	)
	rule := p.Add(fault.Rule{Max: 1, Fault: fault.CorruptJSON{}})
	for range 50 { // the client's next request must not come before the proxy has counted
		if a := get(t, p.URL()+"?say=hello"); a.body != "hello" || rule.Injected() != 0 {
			t.Fatalf("%+v, want it unharmed", a)
		}
		if a := get(t, p.URL()+"?say=[]"); a.body != "[" || rule.Injected() != 1 {
			t.Fatalf("%+v, want it spoiled", a)
		}
		if a := get(t, p.URL()+"?say=[]"); a.body != "[]" || rule.Injected() != 1 {
			t.Fatalf("%+v, want it unharmed after the only one", a)
		}
		rule.Remove()
		rule = p.Add(fault.Rule{Max: 1, Fault: fault.CorruptJSON{}})
	}
}

func TestRule_Together(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	p := fault.HTTP(t, target)
	slow := p.Add(fault.Rule{Fault: fault.Delay{Time: 20 * time.Millisecond}})
	first := p.Add(fault.Rule{Fault: fault.Status{Code: 503}})
	second := p.Add(fault.Rule{Fault: fault.Status{Code: 502}})
	start := time.Now()
	if a := get(t, p.URL()); a.code != 503 || time.Since(start) < 20*time.Millisecond {
		t.Errorf("%+v after %v, want a late 503", a, time.Since(start))
	}
	if slow.Injected() != 1 || first.Injected() != 1 || second.Injected() != 0 || second.Matched() != 1 {
		t.Errorf("counts %v", p.Counts())
	}
	first.Remove()
	if got := codes(t, 1, p.URL()); got[0] != 502 {
		t.Errorf("after removing the first rule: %v, want 502", got)
	}
	p.Heal()
	if got := codes(t, 1, p.URL()); got[0] != 200 {
		t.Errorf("healed: %v", got)
	}
	if c := p.Counts(); c.Injected != 4 || len(c.Rules) != 3 {
		t.Errorf("counts forget: %v", c)
	}
}

func TestActive_Wait(t *testing.T) {
	t.Parallel()
	target, _ := counted(t)
	p := fault.HTTP(t, target)
	rule := p.Add(fault.Rule{Fault: fault.Status{Code: 503}})
	done := make(chan error)
	go func() { done <- rule.Wait(t.Context(), 2) }()
	codes(t, 2, p.URL())
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := rule.Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 of 3") {
		t.Errorf("%v, want a deadline and how far it came", err)
	}
}

func TestAdd_BadRules(t *testing.T) {
	t.Parallel()
	ok := fault.Status{Code: 503}
	for _, rule := range []fault.Rule{
		{},
		{Fault: ok, Match: "no slash"},
		{Fault: ok, Match: "GET /{a}/{a}"},
		{Fault: ok, Probability: 1.1},
		{Fault: ok, Probability: math.NaN()},
		{Fault: ok, Max: -1},
		{Fault: ok, Skip: -1},
		{Fault: fault.Status{}},
		{Fault: fault.Status{Code: 200}},
		{Fault: fault.Status{Code: 429, RetryAfter: -1}},
		{Fault: fault.Status{Code: 429, RetryAfterMS: 1, Body: "x"}},
		{Fault: fault.CutBody{After: -1}},
		{Fault: fault.CorruptJSON{How: 7}},
		{Fault: fault.Delay{}},
		{Fault: fault.Bandwidth{}},
	} {
		r := &recorder{TB: t}
		r.run(func() { fault.HTTP(r, "http://127.0.0.1:1").Add(rule) })
		if !r.failed {
			t.Errorf("rule %+v was taken", rule)
		}
	}
}

// It sets the environment, so it is not parallel.
func TestSeed_FromEnvironment(t *testing.T) {
	t.Setenv(fault.EnvSeed, "12345")
	r := &recorder{TB: t, failed: true}
	r.run(func() {
		p := fault.HTTP(r, "http://127.0.0.1:1")
		p.SetSeed(7) // a replay overrides the test
		if p.Seed() != 12345 {
			t.Errorf("seed %d, want the environment's", p.Seed())
		}
	})
	if len(r.log) != 1 || !strings.Contains(r.log[0], "FAULT_SEED=12345 ") {
		t.Errorf("log %q, want the seed", r.log)
	}
	t.Setenv(fault.EnvSeed, "abc")
	bad := &recorder{TB: t}
	bad.run(func() { fault.HTTP(bad, "http://127.0.0.1:1") })
	if !bad.failed {
		t.Error("a seed that is no number was taken")
	}
}

func TestSetSeed_TooLate(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	r.run(func() {
		p := fault.HTTP(r, "http://127.0.0.1:1")
		p.Add(fault.Rule{Fault: fault.Reset{}})
		p.SetSeed(1)
	})
	if !r.failed {
		t.Error("a seed was taken after the first rule")
	}
}
