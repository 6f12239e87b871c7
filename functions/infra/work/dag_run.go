package work

import (
	"context"
	"errors"
	"runtime"
	"time"

	"fnregistry.dev/functions/core"
)

// DAGRunConfig says what to run and how. The zero value of an optional field is
// its default.
type DAGRunConfig struct {
	// Nodes are what to run. Nodes that could start at the same time do so
	// in this order.
	Nodes []DAGRunNode
	// Slots is how many nodes run at the same time. Default: as many as
	// there are CPUs for this process (GOMAXPROCS).
	Slots int
	// KeepGoing runs all nodes that need no failed one. Default: the first
	// failure ends the context of the others, and starts no more.
	KeepGoing bool
}

// DAGRunNode is a node of a directed acyclic graph.
type DAGRunNode struct {
	// Name is unique. Required.
	Name string
	// Needs are the names of the nodes that must have succeeded before.
	Needs []string
	// Run does the work. Required.
	Run func(ctx context.Context) error
}

// DAGRunState is what became of a node.
type DAGRunState string

// The states.
const (
	DAGRunSucceeded DAGRunState = "succeeded"
	DAGRunFailed    DAGRunState = "failed"
	DAGRunSkipped   DAGRunState = "skipped"  // a node that it needs failed, directly or not
	DAGRunCanceled  DAGRunState = "canceled" // not started: the run had been stopped
)

// DAGRunResult is what became of one node.
type DAGRunResult struct {
	Name  string
	State DAGRunState
	// Err is why it failed, was skipped or was not started; else nil.
	Err error
	// Started and Ended are zero unless it ran.
	Started, Ended time.Time
}

// DAGRun runs the nodes of a graph, each as soon as those that it needs have
// succeeded and a slot is free, and returns when all running ones have ended.
// The results are in the order of the nodes.
//
// The error is nil if all nodes succeeded. Without KeepGoing it is the first
// failure in time, else it joins the failures in the order of the nodes; each
// is a *core.Error that names its node and keeps the code. If ctx ended before
// all nodes had run, it is CodeCanceled or CodeTimeout. Where the graph is not
// right (no name, a name given twice, a need that is no node, a cycle), nothing
// is run and the error has CodeInvalid, as that of topo_sort.
//
// More in dag_run.md:
//   - A node starts when its own needs are done, not when a whole level is:
//     nodes of different depths run side by side.
//   - A skipped node has an error that names the failed node it needs; its
//     error is not part of the run's.
func DAGRun(ctx context.Context, cfg DAGRunConfig) ([]DAGRunResult, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	workCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newDAGRunning(cfg)
	for running := 0; ; running-- {
		for ; running < cfg.slots() && len(r.ready) > 0 && workCtx.Err() == nil; running++ {
			r.start(workCtx)
		}
		if running == 0 {
			break
		}
		end := <-r.ends
		if failed := r.ended(end); failed != nil && !cfg.KeepGoing {
			cancel(failed)
		}
	}
	r.cancelRest(workCtx)
	return r.results, r.err(ctx, workCtx)
}

func (cfg DAGRunConfig) slots() int {
	if cfg.Slots == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return cfg.Slots
}

func (cfg DAGRunConfig) check() error {
	invalid := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "dag_run", Message: message}
	}
	if cfg.Slots < 0 {
		return invalid("Slots is negative")
	}
	names := make([]string, len(cfg.Nodes))
	needs := make(map[string][]string, len(cfg.Nodes))
	for i, node := range cfg.Nodes {
		switch {
		case node.Name == "":
			return invalid("a node has no name")
		case node.Run == nil:
			return invalid("the Run of node " + node.Name + " is nil")
		}
		names[i], needs[node.Name] = node.Name, node.Needs
	}
	if _, err := core.TopoSort(names, needs); err != nil {
		return &core.Error{Op: "dag_run", Err: err}
	}
	return nil
}

// dagRunning is a run of a graph. Nodes are known by their index.
type dagRunning struct {
	nodes   []DAGRunNode
	results []DAGRunResult // without State: not ended
	missing []int          // number of needs that have not succeeded yet
	users   [][]int        // the nodes that need one
	ready   []int          // nodes that may start, in order
	ends    chan dagEnd
	keep    bool // KeepGoing
}

type dagEnd struct {
	node int
	err  error
	at   time.Time
}

func newDAGRunning(cfg DAGRunConfig) *dagRunning {
	r := &dagRunning{
		nodes: cfg.Nodes, results: make([]DAGRunResult, len(cfg.Nodes)), missing: make([]int, len(cfg.Nodes)),
		users: make([][]int, len(cfg.Nodes)), ends: make(chan dagEnd), keep: cfg.KeepGoing,
	}
	index := make(map[string]int, len(cfg.Nodes))
	for i, node := range cfg.Nodes {
		index[node.Name] = i
	}
	for i, node := range cfg.Nodes {
		r.results[i].Name = node.Name
		r.missing[i] = len(node.Needs)
		if len(node.Needs) == 0 {
			r.ready = append(r.ready, i)
		}
		for _, name := range node.Needs {
			r.users[index[name]] = append(r.users[index[name]], i)
		}
	}
	return r
}

// start runs the first ready node.
func (r *dagRunning) start(ctx context.Context) {
	i := r.ready[0]
	r.ready = r.ready[1:]
	r.results[i].Started = time.Now()
	go func() {
		err := r.nodes[i].Run(ctx)
		r.ends <- dagEnd{i, err, time.Now()}
	}()
}

// ended records a node's end, and returns its error with its name.
func (r *dagRunning) ended(end dagEnd) error {
	result := &r.results[end.node]
	result.Ended = end.at
	if end.err != nil {
		result.State, result.Err = DAGRunFailed, &core.Error{Op: "dag_run node=" + result.Name, Err: end.err}
		r.skip(end.node)
		return result.Err
	}
	result.State = DAGRunSucceeded
	for _, user := range r.users[end.node] {
		if r.missing[user]--; r.missing[user] == 0 && r.results[user].State == "" {
			r.ready = append(r.ready, user)
		}
	}
	return nil
}

// skip marks everything that needs a node, directly or indirectly.
func (r *dagRunning) skip(failed int) {
	because := &core.Error{
		Code:    core.CodeCanceled,
		Op:      "dag_run",
		Message: "skipped: it needs " + r.nodes[failed].Name + ", which failed",
	}
	for pending := []int{failed}; len(pending) > 0; pending = pending[1:] {
		for _, user := range r.users[pending[0]] {
			if r.results[user].State == "" {
				r.results[user].State, r.results[user].Err = DAGRunSkipped, because
				pending = append(pending, user)
			}
		}
	}
}

// cancelRest marks the nodes that were not started because the run was stopped.
func (r *dagRunning) cancelRest(ctx context.Context) {
	for i := range r.results {
		if r.results[i].State == "" {
			r.results[i].State, r.results[i].Err = DAGRunCanceled, notStarted("dag_run node="+r.nodes[i].Name, ctx)
		}
	}
}

func (r *dagRunning) err(ctx, workCtx context.Context) error {
	if !r.keep && ctx.Err() == nil {
		return context.Cause(workCtx) // the first failure, or nil
	}
	var failures []error
	allRan := true
	for _, result := range r.results {
		if result.State == DAGRunFailed {
			failures = append(failures, result.Err)
		}
		allRan = allRan && result.State != DAGRunCanceled
	}
	if !allRan {
		failures = append(failures, stopped("dag_run", ctx))
	}
	return errors.Join(failures...)
}
