package cron

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
)

// CronOverlap says what happens to a run that is due while the job's run before
// it is still going.
type CronOverlap string

// The overlap policies. The zero value is CronOverlapSkip.
const (
	CronOverlapSkip  CronOverlap = "skip"  // skip the run
	CronOverlapQueue CronOverlap = "queue" // run it right after; at most one waits, further ones are skipped
	CronOverlapAllow CronOverlap = "allow" // run both at once
)

// CronMissed says what happens when a run could not start within a minute of
// its time: the machine slept, the clock was put forward, or the process was
// not there (CronJob.Since).
type CronMissed string

// The missed-run policies. The zero value is CronMissedOnce.
const (
	CronMissedOnce CronMissed = "once" // one run now, for all missed times
	CronMissedSkip CronMissed = "skip" // no run; wait for the next time
)

// CronOutcome says how a run ended, or why there was none.
type CronOutcome string

// The outcomes.
const (
	CronOK       CronOutcome = "ok"       // Run returned nil
	CronFailed   CronOutcome = "failed"   // Run returned an error
	CronTimeout  CronOutcome = "timeout"  // Run returned an error after CronJob.Timeout
	CronCanceled CronOutcome = "canceled" // Run returned an error after the service was told to stop
	CronPanic    CronOutcome = "panic"    // Run panicked
	CronSkipped  CronOutcome = "skipped"  // no run: the previous one was still running
	CronNotRun   CronOutcome = "missed"   // no run: its time was missed, and the policy is CronMissedSkip
)

// CronJob is what to run, and when. The zero value of an optional field is its
// default.
type CronJob struct {
	Name     string                          // required; unique in the service
	Schedule string                          // required; an expression of cron_next
	Run      func(ctx context.Context) error // required; should end soon after ctx is done
	Location *time.Location                  // of the schedule; default time.Local
	Overlap  CronOverlap                     // default CronOverlapSkip
	Missed   CronMissed                      // default CronMissedOnce
	Jitter   time.Duration                   // each run starts up to this much later, at random; keep it below the schedule's interval; default 0
	Timeout  time.Duration                   // after this Run's context is done; default none
	Since    time.Time                       // due times after Since count as missed; set it to the start of the last run of an earlier process; default now
}

// CronRun describes one run, or one that was skipped.
type CronRun struct {
	Job       string
	Scheduled time.Time // the time of the schedule that this run is for
	Missed    time.Time // the first of the times missed before Scheduled, if any; else zero
	Started   time.Time // zero if it was skipped
	Finished  time.Time
	Outcome   CronOutcome
	Err       error  // what Run returned; a *core.Error (CodeTimeout, CodeInternal) for a timeout and a panic
	Stack     string // the goroutine's, after a panic
}

// CronJobStatus is the state of a job.
type CronJobStatus struct {
	Name     string
	Schedule string
	Next     time.Time // when the next run starts, jitter included
	Running  int       // runs in progress
	Queued   bool      // another waits for it to end
	Last     CronRun   // the last that ended or was skipped; the zero CronRun if none
	Runs     int       // runs that ended
	Failures int       // runs that ended with another outcome than CronOK
	LeftOut  int       // times skipped or missed
}

// CronServiceConfig configures CronService.
type CronServiceConfig struct {
	// Jobs to start with; more can be set later. Default none.
	Jobs []CronJob
	// OnRun is called for each run that ended or was skipped, one call at a
	// time, never with a lock held. It must not block for long: no run is
	// started meanwhile. Default: not called, and Status still counts.
	OnRun func(CronRun)
}

// CronServiceHandle is a running service. Its methods may be called from
// several goroutines at once, and all but Stop also from jobs and from OnRun.
type CronServiceHandle struct {
	onRun func(CronRun)
	now   func() time.Time // the wall clock; the monotonic clock stops while a machine sleeps

	runContext context.Context
	cancelRuns context.CancelFunc
	stopping   chan struct{}
	changed    chan struct{} // a job was set or removed; capacity 1
	done       chan struct{} // the loop and all runs have ended
	active     sync.WaitGroup

	telling sync.Mutex // held while onRun is called

	mu      sync.Mutex // guards the fields below
	jobs    map[string]*job
	running map[string]int // by name, also of removed jobs
	stopped bool
	seen    time.Time // the latest time the loop has seen
}

var _ service.Service = (*CronServiceHandle)(nil)

// CronService runs jobs by their schedules until Stop is called or ctx is done.
// It returns at once; jobs run in goroutines of their own. When ctx is done the
// contexts of running jobs are, too.
//
// It looks at the wall clock at least every 15 seconds, so it notices within
// that time that the machine slept or that the clock was put forward, and runs
// what was missed by the job's policy. If the clock is put back by less than
// three hours, no time is run twice: jobs wait until the clock is where it was.
// If it is put back further, the schedule restarts from there, as
// cron(8) does.
//
// The error is a *core.Error with CodeInvalid if a job is incomplete or its
// schedule is wrong, CodeConflict if two have the same name. The caller stops
// the service.
//
// More in cron_service.md:
//   - A job that ignores its context can't be ended: after a timeout it
//     continues, counts as running, and its later runs are skipped or queued.
//   - The outcome timeout needs Run to return an error after the time is up.
func CronService(ctx context.Context, cfg CronServiceConfig) (*CronServiceHandle, error) {
	return start(ctx, cfg, func() time.Time { return time.Now().Round(0) })
}

func start(ctx context.Context, cfg CronServiceConfig, now func() time.Time) (*CronServiceHandle, error) {
	h := &CronServiceHandle{
		onRun:    cfg.OnRun,
		now:      now,
		stopping: make(chan struct{}),
		changed:  make(chan struct{}, 1),
		done:     make(chan struct{}),
		jobs:     make(map[string]*job),
		running:  make(map[string]int),
		seen:     now(),
	}
	for _, j := range cfg.Jobs {
		if _, ok := h.jobs[j.Name]; ok {
			return nil, &core.Error{
				Code:    core.CodeConflict,
				Op:      "cron_service job=" + j.Name,
				Message: "two jobs have this name",
			}
		}
		if err := h.Set(j); err != nil {
			return nil, err
		}
	}
	h.runContext, h.cancelRuns = context.WithCancel(ctx)
	h.active.Add(1)
	go h.loop()
	go func() {
		h.active.Wait()
		h.cancelRuns()
		close(h.done)
	}()
	return h, nil
}

// Set adds a job, or gives the job of that name a new definition. A run of the
// old one that is going continues and counts for the overlap policy. The error
// is a *core.Error with CodeInvalid, and then nothing has changed; with
// CodeUnavailable after Stop.
func (h *CronServiceHandle) Set(j CronJob) error {
	next, err := newJob(j, h.now())
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return &core.Error{
			Code:    core.CodeUnavailable,
			Op:      "cron_service job=" + j.Name,
			Message: "the service has stopped",
		}
	}
	if old := h.jobs[j.Name]; old != nil {
		old.CronJob, old.schedule, old.scheduled, old.due = next.CronJob, next.schedule, next.scheduled, next.due
	} else {
		h.jobs[j.Name] = next
	}
	h.wake()
	return nil
}

// Remove takes a job out of the service; a run that waits is dropped, one that
// is going continues. It is false if there was no job of that name.
func (h *CronServiceHandle) Remove(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.jobs[name]
	if j == nil {
		return false
	}
	j.queued = nil
	delete(h.jobs, name)
	h.wake()
	return true
}

// Status returns the state of each job, by name.
func (h *CronServiceHandle) Status() []CronJobStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]CronJobStatus, 0, len(h.jobs))
	for _, j := range h.jobs {
		all = append(all, CronJobStatus{
			Name: j.Name, Schedule: j.Schedule, Next: j.due, Running: h.running[j.Name], Queued: j.queued != nil,
			Last: j.last, Runs: j.runs, Failures: j.failures, LeftOut: j.leftOut,
		})
	}
	slices.SortFunc(all, func(a, b CronJobStatus) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Stop starts no more runs, drops those that wait, and returns when those that
// are going have ended. A second before ctx's deadline (or when nine tenths of
// the time have passed, if that is later) it cancels the contexts of those that
// are still going, so that they can clean up; when ctx is done otherwise, it
// does so then. If it cut off runs, the error is a *core.Error with CodeTimeout
// that names them. It may be called more than once, but not from a job or from
// OnRun, for whose end it would wait.
func (h *CronServiceHandle) Stop(ctx context.Context) error {
	h.mu.Lock()
	if !h.stopped {
		h.stopped = true
		close(h.stopping)
	}
	h.mu.Unlock()
	patient, cancel := beforeDeadline(ctx)
	defer cancel()
	if h.endedBefore(patient) {
		return nil
	}
	message := "still running"
	if names := h.runningNames(); names != "" {
		message = "jobs were cut off: " + names
	}
	h.cancelRuns()
	if !h.endedBefore(ctx) {
		if names := h.runningNames(); names != "" {
			message += "; still running: " + names
		}
	}
	return &core.Error{
		Code: core.CodeTimeout, Op: "cron_service stop", Message: message,
		Hint: "give Stop a later deadline, and make jobs return when their context is done", Err: context.Cause(patient),
	}
}

// beforeDeadline returns a context that ends a little before ctx's deadline.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(cutOffGrace, time.Until(deadline)/10)))
}

// endedBefore waits until the service has ended, and returns true, or ctx is
// done. If both are the case, the service ended in time.
func (h *CronServiceHandle) endedBefore(ctx context.Context) bool {
	select {
	case <-h.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// Done is closed when the service has ended and no job runs any more.
func (h *CronServiceHandle) Done() <-chan struct{} { return h.done }

// Err returns nil: nothing but Stop and the context ends the service. What went
// wrong with a run, OnRun and Status report.
func (h *CronServiceHandle) Err() error { return nil }
