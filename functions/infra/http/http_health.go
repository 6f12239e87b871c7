package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPHealthConfig says what a program needs in order to answer. The zero value
// is a program that is ready as soon as it runs.
type HTTPHealthConfig struct {
	Checks  []HTTPHealthCheck // what must work; run side by side
	Timeout time.Duration     // for each check; zero: 2 s
	Metrics http.Handler      // answers GET /metrics; nil: there is none
}

// HTTPHealthCheck is one thing that a program needs.
type HTTPHealthCheck struct {
	Name string // shown to whoever may ask; required, and unique
	// Check returns nil where it works, and else why not, which is logged and
	// not shown. Its ctx ends at the timeout. Required.
	Check func(ctx context.Context) error
}

// HTTPHealthHandle answers whether a program runs and whether it is ready.
type HTTPHealthHandle struct {
	metrics http.Handler
	checks  []*healthCheck
}

// HTTPHealthReport is the response of /healthz and /readyz.
type HTTPHealthReport struct {
	Status string             `json:"status" enum:"ok,ready" doc:"ok: it runs; ready: it can answer."`
	Checks []HTTPHealthResult `json:"checks" doc:"What it needs; empty for /healthz."`
}

// HTTPHealthResult is what a check found.
type HTTPHealthResult struct {
	Name   string `json:"name" doc:"The check."`
	Status string `json:"status" enum:"ok,failed,timeout" doc:"What it found; the server's log has the reason of a failure."`
}

// HTTPHealth makes the responses of /healthz, /readyz and /metrics. /healthz
// says that the program runs, and looks at nothing: a supervisor restarts a
// program when /healthz fails, which does not fix a database. /readyz runs the
// checks.
//
// However many ask, each check runs once at a time: those that come while it
// runs share its result, and those that come within a second after it was good,
// or a tenth of a second after it was not, get the same. One that is slower
// than Timeout counts as failed, also where it ignores its ctx; it is not
// started again before it has returned. A panic in a check is a failure.
//
// Errors: CodeInvalid for a check without a name or function, or a name given
// twice.
//
// More in http_health.md:
//   - /healthz checks nothing: a supervisor restarts a program when /healthz
//     fails, and that does not fix a database.
//   - Every client sees the names of the checks and which fail; the reasons are
//     only in the log.
func HTTPHealth(cfg HTTPHealthConfig) (*HTTPHealthHandle, error) {
	h := &HTTPHealthHandle{metrics: cfg.Metrics}
	seen := map[string]bool{}
	for i, check := range cfg.Checks {
		if check.Name == "" || check.Check == nil || seen[check.Name] {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_health",
				Message: fmt.Sprintf("check %d (%q) has no name, a name that another one has, or no function", i, check.Name)}
		}
		seen[check.Name] = true
		h.checks = append(h.checks, &healthCheck{HTTPHealthCheck: check, timeout: cmp.Or(cfg.Timeout, 2*time.Second)})
	}
	return h, nil
}

// Mount adds GET /healthz, GET /readyz and, where there are metrics, GET
// /metrics to mux.
func (h *HTTPHealthHandle) Mount(mux *http.ServeMux) {
	mux.Handle("GET /healthz", HTTPJSON(func(ctx context.Context, _ *struct{}) (*HTTPHealthReport, error) { return h.Live(ctx) }, HTTPJSONConfig{}))
	mux.Handle("GET /readyz", HTTPJSON(func(ctx context.Context, _ *struct{}) (*HTTPHealthReport, error) { return h.Ready(ctx) }, HTTPJSONConfig{}))
	if h.metrics != nil {
		mux.Handle("GET /metrics", h.metrics)
	}
}

// Metrics is the config's.
func (h *HTTPHealthHandle) Metrics() http.Handler { return h.metrics }

// Live is the response of /healthz. It never fails.
func (h *HTTPHealthHandle) Live(context.Context) (*HTTPHealthReport, error) {
	return &HTTPHealthReport{Status: "ok", Checks: []HTTPHealthResult{}}, nil
}

// Ready runs the checks. Where one of them fails, the error is CodeUnavailable,
// for [HTTPProblem]: it names the checks that failed, has all results as the
// member checks, and the reasons as its cause.
func (h *HTTPHealthHandle) Ready(ctx context.Context) (*HTTPHealthReport, error) {
	report := &HTTPHealthReport{Status: "ready", Checks: make([]HTTPHealthResult, len(h.checks))}
	reasons := make([]error, len(h.checks))
	var all sync.WaitGroup
	for i, check := range h.checks {
		all.Go(func() {
			result := &report.Checks[i]
			result.Name = check.Name
			result.Status, reasons[i] = check.result(ctx)
		})
	}
	all.Wait()
	var failed []string
	for i, result := range report.Checks {
		if reasons[i] != nil {
			failed = append(failed, result.Name)
			reasons[i] = fmt.Errorf("%s: %w", result.Name, reasons[i])
		}
	}
	if failed == nil {
		return report, nil
	}
	return nil, &HTTPProblemError{Members: map[string]any{"checks": report.Checks}, Err: &core.Error{
		Code: core.CodeUnavailable, Op: "http_health", Message: "not ready: " + strings.Join(failed, ", "),
		RetryAfter: time.Second, Err: errors.Join(reasons...),
	}}
}

// What a check has found counts for a while, since whoever may ask for /readyz
// could else keep a database busy. A failure counts for less, so that the end
// of it is soon seen.
const (
	keepGood   = time.Second
	keepFailed = 100 * time.Millisecond
)

// healthCheck runs its check once at a time.
type healthCheck struct {
	HTTPHealthCheck
	timeout time.Duration
	mu      sync.Mutex
	running *healthRun // the last one, or nil before the first
}

type healthRun struct {
	ctx  context.Context // ends at the timeout
	done chan struct{}

	// These are written before done is closed.
	status string
	err    error
	until  time.Time // when the result is too old
}

// result waits for a run of the check to end, or for its timeout, or for ctx,
// and returns the status, and the reason where it is not ok.
func (c *healthCheck) result(ctx context.Context) (status string, reason error) {
	run := c.join(ctx)
	select {
	case <-run.done:
	case <-run.ctx.Done():
	case <-ctx.Done():
	}
	select { // a run that has ended is preferred, whatever else has, too
	case <-run.done:
		return run.status, run.err
	default:
	}
	return "timeout", late(cmp.Or(context.Cause(run.ctx), context.Cause(ctx)))
}

// late is the reason of a check that has not returned in time.
func late(cause error) error {
	return &core.Error{Code: core.CodeTimeout, Message: "it did not answer in time", Err: cause}
}

// join returns the run that is under way or whose result is still good, or
// starts one. A run does not end with the request that started it: others may
// wait for it.
func (c *healthCheck) join(ctx context.Context) *healthRun {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		select {
		case <-c.running.done:
			if time.Now().Before(c.running.until) {
				return c.running
			}
		default:
			return c.running
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	run := &healthRun{ctx: ctx, done: make(chan struct{}), status: "ok"}
	c.running = run
	go func() {
		defer cancel()
		defer close(run.done)
		run.err = c.check(ctx)
		keep := keepGood
		if run.err != nil {
			run.status, keep = "failed", keepFailed
			if ctx.Err() != nil { // whatever it says itself
				run.status, run.err = "timeout", late(run.err)
			}
		}
		run.until = time.Now().Add(keep)
	}()
	return run
}

// check runs the check, whose panic is a failure.
func (c *healthCheck) check(ctx context.Context) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &core.Error{Code: core.CodeInternal, Message: fmt.Sprintf("the check panicked: %v", value)}
		}
	}()
	return c.Check(ctx)
}
