package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// graph parses nodes from lines "name seconds [fails]: needs".
func graph(lines ...string) []work.DAGRunNode {
	var nodes []work.DAGRunNode
	for _, line := range lines {
		head, needs, _ := strings.Cut(line, ":")
		words := strings.Fields(head)
		var seconds int
		fmt.Sscan(words[1], &seconds)
		nodes = append(nodes, work.DAGRunNode{Name: words[0], Needs: strings.Fields(needs), Run: func(ctx context.Context) error {
			select {
			case <-time.After(time.Duration(seconds) * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			if len(words) > 2 {
				return &core.Error{Code: core.CodeUnavailable, Message: words[0] + " is broken"}
			}
			return nil
		}})
	}
	return nodes
}

// timeline formats results as "name state from-to", in seconds since began.
func timeline(began time.Time, results []work.DAGRunResult) string {
	var lines []string
	for _, r := range results {
		line := r.Name + " " + string(r.State)
		if !r.Started.IsZero() {
			line += fmt.Sprintf(" %v-%v", r.Started.Sub(began).Seconds(), r.Ended.Sub(began).Seconds())
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func TestDAGRun_Timelines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes     []work.DAGRunNode
		slots     int
		keepGoing bool
		timeout   time.Duration
		want      string
		err       string
	}{
		"as soon as its own needs are done": {graph("slow 10:", "quick 1:", "b 1: quick", "c 1: b slow"), 4, false, 0,
			"slow succeeded 0-10, quick succeeded 0-1, b succeeded 1-2, c succeeded 10-11", "<nil>"},
		"slots": {graph("a 1:", "b 1:", "c 1:", "d 1: a"), 2, false, 0,
			"a succeeded 0-1, b succeeded 0-1, c succeeded 1-2, d succeeded 1-2", "<nil>"},
		"first failure": {graph("a 1 fails:", "b 5:", "c 1: a", "d 1: c", "e 1: b"), 2, false, 0,
			"a failed 0-1, b failed 0-1, c skipped, d skipped, e skipped", "dag_run node=a: a is broken"},
		"keep going": {graph("a 1 fails:", "b 5:", "c 1: a", "d 1: c b", "e 1: b", "f 6 fails:"), 9, true, 0,
			"a failed 0-1, b succeeded 0-5, c skipped, d skipped, e succeeded 5-6, f failed 0-6",
			"dag_run node=a: a is broken\ndag_run node=f: f is broken"},
		"ctx ends": {graph("a 1:", "b 5: a", "c 1: b", "d 1:"), 1, true, 1500 * time.Millisecond,
			"a succeeded 0-1, b canceled, c canceled, d failed 1-1.5",
			"dag_run node=d: context deadline exceeded\ndag_run: stopped before all items had run: context deadline exceeded"},
		"a need given twice": {graph("a 1:", "b 1: a a"), 1, false, 0, "a succeeded 0-1, b succeeded 1-2", "<nil>"},
		"nothing":            {nil, 0, false, 0, "", "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				began := time.Now()
				results, err := work.DAGRun(ctx, work.DAGRunConfig{Nodes: c.nodes, Slots: c.slots, KeepGoing: c.keepGoing})
				if got := timeline(began, results); got != c.want {
					t.Errorf("%s\nwant %s", got, c.want)
				}
				if got := fmt.Sprint(err); got != c.err {
					t.Errorf("error %s\nwant %s", got, c.err)
				}
				for _, r := range results {
					if (r.State == work.DAGRunSucceeded) != (r.Err == nil) {
						t.Errorf("%+v", r)
					}
				}
			})
		})
	}
}

// Random graphs: each node runs once, after everything it needs, or is skipped
// because one of them did not succeed.
func TestDAGRun_Random(t *testing.T) {
	t.Parallel()
	for range 300 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		n := 1 + random.IntN(30)
		var mu sync.Mutex
		ended := map[string]bool{} // whether it succeeded
		nodes := make([]work.DAGRunNode, n)
		for i := range nodes {
			node := work.DAGRunNode{Name: fmt.Sprint("n", i)}
			for j := range i {
				if random.IntN(4) == 0 {
					node.Needs = append(node.Needs, fmt.Sprint("n", j))
				}
			}
			fails := random.IntN(10) == 0
			node.Run = func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				if _, again := ended[node.Name]; again {
					t.Errorf("seed %d: %s runs twice", seed, node.Name)
				}
				for _, need := range node.Needs {
					if !ended[need] {
						t.Errorf("seed %d: %s runs before %s has succeeded", seed, node.Name, need)
					}
				}
				ended[node.Name] = !fails
				if fails {
					return errors.New("broken")
				}
				return nil
			}
			nodes[i] = node
		}
		random.Shuffle(n, func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		results, _ := work.DAGRun(t.Context(), work.DAGRunConfig{Nodes: nodes, Slots: 1 + random.IntN(5), KeepGoing: true})
		states := map[string]work.DAGRunState{}
		for _, r := range results {
			states[r.Name] = r.State
		}
		for _, node := range nodes {
			want := work.DAGRunSucceeded
			for _, need := range node.Needs {
				if states[need] != work.DAGRunSucceeded {
					want = work.DAGRunSkipped
				}
			}
			if want == work.DAGRunSucceeded && !ended[node.Name] {
				want = work.DAGRunFailed
			}
			if states[node.Name] != want {
				t.Errorf("seed %d: %s is %s, want %s", seed, node.Name, states[node.Name], want)
			}
		}
	}
}

func TestDAGRun_Invalid(t *testing.T) {
	t.Parallel()
	good := graph("a 0:")[0]
	for want, cfg := range map[string]work.DAGRunConfig{
		"a node has no name":       {Nodes: []work.DAGRunNode{{Run: good.Run}}},
		"the Run of node b is nil": {Nodes: []work.DAGRunNode{good, {Name: "b"}}},
		"Slots is negative":        {Nodes: []work.DAGRunNode{good}, Slots: -1},
		"cycle: a -> b -> a":       {Nodes: graph("a 0: b", "b 0: a")},
		"depends on z":             {Nodes: graph("a 0: z")},
		"given twice":              {Nodes: graph("a 0:", "a 0:")},
	} {
		results, err := work.DAGRun(t.Context(), cfg)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), want) || results != nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
