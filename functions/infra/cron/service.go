package cron

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

const (
	longestSleep = 15 * time.Second // timers stop while a machine sleeps: check the clock now and then
	lateAfter    = time.Minute      // a run that starts later than this was missed; well above longestSleep
	putBack      = 3 * time.Hour    // cron(8): a larger change of the clock is a correction, not summer time
	cutOffGrace  = time.Second
)

// job is a CronJob with its state, guarded by the service's mu.
type job struct {
	CronJob
	schedule  *schedule
	scheduled time.Time // the next time of the schedule
	due       time.Time // scheduled plus the jitter
	queued    *CronRun
	last      CronRun

	runs, failures, leftOut int
}

func newJob(c CronJob, now time.Time) (*job, error) {
	bad := func(message, hint string, err error) (*job, error) {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      "cron_service job=" + c.Name,
			Message: message,
			Hint:    hint,
			Err:     err,
		}
	}
	switch {
	case c.Name == "":
		return bad("a job without a name", "", nil)
	case c.Run == nil:
		return bad("Run is nil", "set Run", nil)
	case c.Jitter < 0 || c.Timeout < 0:
		return bad("jitter and timeout can't be negative", "", nil)
	case !slices.Contains([]CronOverlap{"", CronOverlapSkip, CronOverlapQueue, CronOverlapAllow}, c.Overlap):
		return bad(fmt.Sprintf("unknown overlap policy %q", c.Overlap), "use skip, queue or allow", nil)
	case !slices.Contains([]CronMissed{"", CronMissedOnce, CronMissedSkip}, c.Missed):
		return bad(fmt.Sprintf("unknown policy for missed runs %q", c.Missed), "use once or skip", nil)
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	s, err := parse(c.Schedule)
	if err != nil {
		return bad("", core.ErrorHint(err), err)
	}
	j := &job{CronJob: c, schedule: s}
	from := now
	if !c.Since.IsZero() {
		from = c.Since
	}
	if err := j.plan(from); err != nil {
		return bad("", core.ErrorHint(err), err)
	}
	return j, nil
}

// plan sets the next due time after from.
func (j *job) plan(from time.Time) error {
	next, err := j.schedule.next(from.In(j.Location))
	if err != nil {
		return err
	}
	j.scheduled, j.due = next, next
	if j.Jitter > 0 {
		j.due = next.Add(rand.N(j.Jitter))
	}
	return nil
}

func (h *CronServiceHandle) wake() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *CronServiceHandle) loop() {
	defer h.active.Done()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.stopped = true
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-h.runContext.Done():
			return
		case <-h.stopping:
			return
		case <-h.changed:
		case <-timer.C:
		}
		timer.Reset(h.startDue())
	}
}

// startDue starts what is due and returns how long to wait for the next job.
func (h *CronServiceHandle) startDue() time.Duration {
	now := h.now()
	sleep := longestSleep
	var leftOut []CronRun
	h.mu.Lock()
	if h.stopped {
		h.mu.Unlock()
		return sleep
	}
	corrected := now.Before(h.seen.Add(-putBack))
	if corrected || now.After(h.seen) {
		h.seen = now
	}
	for _, j := range h.jobs {
		if corrected {
			h.replan(j, now)
		}
		if !j.due.After(now) {
			run := j.dueRun(now)
			h.replan(j, now)
			if reason := h.admit(j, run, now); reason != "" {
				leftOut = append(leftOut, j.leaveOut(run, reason, now))
			}
		}
		sleep = min(sleep, j.due.Sub(now))
	}
	h.mu.Unlock()
	for _, run := range leftOut {
		h.tell(run)
	}
	return sleep
}

// replan sets the next time; a schedule without one (the calendar ends with
// year 9999) leaves the service.
func (h *CronServiceHandle) replan(j *job, now time.Time) {
	if err := j.plan(now); err != nil {
		delete(h.jobs, j.Name)
	}
}

// dueRun returns the one run that stands for all missed times.
func (j *job) dueRun(now time.Time) *CronRun {
	run := &CronRun{Job: j.Name, Scheduled: j.lastDue(now)}
	if now.Sub(j.due) > lateAfter {
		run.Missed = j.scheduled
	}
	return run
}

// lastDue returns the last due time up to now, given that scheduled is one. It
// uses bisection, since counting a month of seconds would take long.
func (j *job) lastDue(now time.Time) time.Time {
	if every := j.schedule.every; every > 0 {
		return j.scheduled.Add(now.Sub(j.scheduled).Truncate(every))
	}
	last, none := j.scheduled, now // no due time lies between none and now
	for none.Sub(last) >= time.Second {
		middle := last.Add(none.Sub(last) / 2)
		if next, err := j.schedule.next(middle.In(j.Location)); err == nil && !next.After(now) {
			last = next
		} else {
			none = middle
		}
	}
	return last
}

// admit starts or queues a run, or returns why it is skipped.
func (h *CronServiceHandle) admit(j *job, run *CronRun, now time.Time) CronOutcome {
	switch {
	case j.Missed == CronMissedSkip && now.Sub(run.Scheduled) > lateAfter+j.Jitter:
		return CronNotRun
	case h.running[j.Name] == 0 || j.Overlap == CronOverlapAllow:
		h.start(j.CronJob, run)
	case j.Overlap == CronOverlapQueue && j.queued == nil:
		j.queued = run
	default:
		return CronSkipped
	}
	return ""
}

func (j *job) leaveOut(run *CronRun, reason CronOutcome, now time.Time) CronRun {
	run.Outcome, run.Finished = reason, now
	j.last = *run
	j.leftOut++
	return *run
}

// start runs the job in a goroutine of its own. The caller holds mu.
func (h *CronServiceHandle) start(j CronJob, run *CronRun) {
	h.running[j.Name]++
	h.active.Add(1)
	go func() {
		defer h.active.Done()
		ctx, cancel := context.WithCancel(h.runContext)
		defer cancel()
		if j.Timeout > 0 {
			ctx, cancel = context.WithTimeout(ctx, j.Timeout)
			defer cancel()
		}
		var err error
		returned := false
		defer func() { // also when the job panics, or leaves by runtime.Goexit
			p := recover()
			run.Finished = h.now()
			if returned {
				h.judge(ctx, j, run, err)
			} else {
				message := fmt.Sprintf("panic: %v", p)
				if p == nil {
					message = "the job called runtime.Goexit"
				}
				run.Outcome, run.Stack = CronPanic, string(debug.Stack())
				run.Err = &core.Error{Code: core.CodeInternal, Op: "cron_service job=" + j.Name, Message: message}
			}
			h.finish(j.Name, run)
			h.tell(*run)
		}()
		run.Started = h.now()
		err = j.Run(ctx)
		returned = true
	}()
}

// judge sets the outcome of a run that has returned.
func (h *CronServiceHandle) judge(ctx context.Context, j CronJob, run *CronRun, err error) {
	run.Outcome, run.Err = CronFailed, err
	switch {
	case err == nil:
		run.Outcome = CronOK
	case h.runContext.Err() != nil:
		run.Outcome = CronCanceled
	case ctx.Err() != nil:
		run.Outcome = CronTimeout
		run.Err = &core.Error{
			Code: core.CodeTimeout, Op: "cron_service job=" + j.Name,
			Message: fmt.Sprintf("did not end within %s", j.Timeout), Err: err,
		}
	}
}

// finish counts the run and starts the one queued behind it.
func (h *CronServiceHandle) finish(name string, run *CronRun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running[name]--; h.running[name] == 0 {
		delete(h.running, name)
	}
	j := h.jobs[name]
	if j == nil {
		return // the job was removed
	}
	j.runs++
	if run.Outcome != CronOK {
		j.failures++
	}
	j.last = *run
	if next := j.queued; next != nil && !h.stopped && h.runContext.Err() == nil {
		j.queued = nil
		h.start(j.CronJob, next)
	}
}

func (h *CronServiceHandle) tell(run CronRun) {
	if h.onRun == nil {
		return
	}
	h.telling.Lock()
	defer h.telling.Unlock()
	h.onRun(run)
}

func (h *CronServiceHandle) runningNames() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(h.running)), ", ")
}
