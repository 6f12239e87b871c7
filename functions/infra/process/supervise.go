package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

func (cfg ProcessSuperviseConfig) check(op string) error {
	for name, d := range map[string]time.Duration{
		"InitialBackoff": cfg.InitialBackoff, "MaxBackoff": cfg.MaxBackoff, "StableAfter": cfg.StableAfter, "RestartWindow": cfg.RestartWindow,
		"HealthEvery": cfg.HealthEvery, "HealthTimeout": cfg.HealthTimeout, "StartTimeout": cfg.StartTimeout,
	} {
		if d < 0 {
			return &core.Error{Code: core.CodeInvalid, Op: op, Message: name + " can't be negative"}
		}
	}
	if cfg.HealthFailures < 0 {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "HealthFailures can't be negative"}
	}
	if cfg.Daemons && !daemonsSupported {
		return &core.Error{Code: core.CodeUnsupported, Op: op, Message: "Daemons needs Linux", Hint: "run the command in the foreground"}
	}
	return cfg.run().check(op)
}

func (cfg ProcessSuperviseConfig) withDefaults() ProcessSuperviseConfig {
	cfg.InitialBackoff = cmp.Or(cfg.InitialBackoff, time.Second)
	cfg.MaxBackoff = max(cmp.Or(cfg.MaxBackoff, time.Minute), cfg.InitialBackoff)
	cfg.StableAfter = cmp.Or(cfg.StableAfter, 10*time.Second)
	cfg.MaxRestarts = cmp.Or(cfg.MaxRestarts, 10)
	cfg.RestartWindow = cmp.Or(cfg.RestartWindow, 10*time.Minute)
	cfg.HealthEvery = cmp.Or(cfg.HealthEvery, 10*time.Second)
	cfg.HealthTimeout = cmp.Or(cfg.HealthTimeout, 5*time.Second)
	cfg.HealthFailures = cmp.Or(cfg.HealthFailures, 3)
	cfg.StartTimeout = cmp.Or(cfg.StartTimeout, 30*time.Second)
	return cfg
}

func (cfg ProcessSuperviseConfig) run() ProcessRunConfig {
	return ProcessRunConfig{
		Command: cfg.Command, Args: cfg.Args, Dir: cfg.Dir, Env: cfg.Env, NoEnv: cfg.NoEnv,
		CaptureBytes: -1, Grace: cfg.Grace, KillLeftovers: !cfg.Daemons,
	}
}

// loop runs the command repeatedly. It returns why it was given up, or what
// could not be ended.
func (h *ProcessSuperviseHandle) loop(ctx context.Context) error {
	var restarts []time.Time
	for attempt := 0; ; attempt++ {
		h.set(func(s *ProcessSuperviseStatus) { s.State, s.Next = ProcessStarting, time.Time{} })
		result, err := h.runOnce(ctx)
		if ctx.Err() != nil || (err == nil && h.cfg.StopOnSuccess) {
			return h.stopped(result, err)
		}
		if result != nil && result.Duration >= h.cfg.StableAfter {
			attempt = 0
		}
		now := time.Now()
		restarts = append(within(restarts, now.Add(-h.cfg.RestartWindow)), now)
		if h.cfg.MaxRestarts > 0 && len(restarts) > h.cfg.MaxRestarts {
			return h.failed(result, err, len(restarts))
		}
		if !h.backOff(ctx, attempt, result, err) {
			h.set(func(s *ProcessSuperviseStatus) { s.State, s.Next = ProcessStopped, time.Time{} })
			return nil
		}
	}
}

// within drops the times before since.
func within(times []time.Time, since time.Time) []time.Time {
	for len(times) > 0 && times[0].Before(since) {
		times = times[1:]
	}
	return times
}

// backOff waits for the next start and returns false if ctx is done first.
func (h *ProcessSuperviseHandle) backOff(ctx context.Context, attempt int, result *ProcessRunResult, err error) bool {
	delay := core.BackoffDelay(
		core.BackoffDelayConfig{Initial: h.cfg.InitialBackoff, Max: h.cfg.MaxBackoff},
		attempt,
		rand.Float64(),
	)
	h.set(func(s *ProcessSuperviseStatus) {
		s.ended(result, err)
		s.State, s.Next = ProcessBackingOff, time.Now().Add(delay)
		s.Restarts++
	})
	return work.SleepContext(ctx, delay) == nil
}

func (h *ProcessSuperviseHandle) stopped(result *ProcessRunResult, err error) error {
	// Ending it was intended, so that is not an error, unless not all of it
	// could be ended.
	if err = leftRunning(err); err != nil {
		err = &core.Error{Op: h.op, Message: "not all of it could be ended", Err: err}
	}
	h.set(func(s *ProcessSuperviseStatus) {
		s.ended(result, err)
		s.State = ProcessStopped
	})
	return err
}

func (h *ProcessSuperviseHandle) failed(result *ProcessRunResult, err error, times int) error {
	h.set(func(s *ProcessSuperviseStatus) {
		s.ended(result, err)
		s.State = ProcessFailed
	})
	return &core.Error{
		Code: core.CodeUnavailable, Op: h.op, Hint: "see its output", Err: err,
		Message: fmt.Sprintf("given up: it ended %d times within %s", times, h.cfg.RestartWindow),
	}
}

func (s *ProcessSuperviseStatus) ended(result *ProcessRunResult, err error) {
	s.PID, s.Identity, s.Err = 0, "", err
	s.ExitCode, s.Signal = -1, 0
	if result != nil {
		s.ExitCode, s.Signal = result.ExitCode, result.Signal
	}
}

// set changes the status, and reports it if the state differs.
func (h *ProcessSuperviseHandle) set(change func(*ProcessSuperviseStatus)) {
	h.telling.Lock()
	defer h.telling.Unlock()
	h.mu.Lock()
	was := h.status.State
	change(&h.status)
	now := h.status
	if now.State != was {
		now.Changed = time.Now()
		h.status.Changed = now.Changed
	}
	h.mu.Unlock()
	if now.State != was && h.cfg.OnState != nil {
		h.cfg.OnState(now)
	}
}

// runOnce runs the command once and watches its health.
func (h *ProcessSuperviseHandle) runOnce(whole context.Context) (*ProcessRunResult, error) {
	run, cancel := context.WithCancelCause(whole)
	defer cancel(nil)
	cfg := h.cfg.run()
	cfg.Stdout, cfg.Stderr = &supervised{h, h.cfg.Stdout}, &supervised{h, h.cfg.Stderr}
	var watching sync.WaitGroup
	var left *daemons
	if h.cfg.Daemons {
		var err error
		if left, err = newDaemons(); err != nil {
			return nil, &core.Error{Op: h.op, Message: "can't become a subreaper", Err: err}
		}
		cfg.Env = append(slices.Clone(cfg.Env), left.mark)
		watching.Go(func() { reapWhile(run) })
	}
	cfg.OnStart = func(pid int) {
		identity, _ := ProcessIdentity(pid) // informational; it may have ended by now
		h.set(func(s *ProcessSuperviseStatus) {
			s.PID, s.Identity, s.Started = pid, identity, time.Now()
			if h.cfg.Health == nil {
				s.State = ProcessRunning
			}
		})
		watching.Go(func() { h.watch(whole, run, cancel) })
	}
	result, err := ProcessRun(run, cfg)
	if left != nil && result != nil {
		err = h.followDaemons(run, left, result, err)
	}
	cancel(nil)
	watching.Wait()
	if ill, ok := errors.AsType[*errUnhealthy](context.Cause(run)); ok && whole.Err() == nil {
		err = &core.Error{
			Code:    core.CodeUnavailable,
			Op:      h.op,
			Message: ill.why,
			Err:     errors.Join(ill.cause, leftRunning(err)),
		}
	}
	return result, err
}

// followDaemons lets a run go on with what its command has left behind, and
// ends what should not be there.
func (h *ProcessSuperviseHandle) followDaemons(run context.Context, left *daemons, result *ProcessRunResult, err error) error {
	followed := false
	if err == nil {
		left.follow(run, func(pid int) {
			followed = true
			identity, _ := ProcessIdentity(pid) // informational
			h.set(func(s *ProcessSuperviseStatus) { s.PID, s.Identity = pid, identity })
		})
	}
	ended, endErr := left.end(graceOf(h.cfg.Grace))
	result.Ended = append(result.Ended, ended...)
	collectEnded(result.Ended)
	if endErr != nil {
		endErr = &killError{endErr}
	}
	if !followed {
		return errors.Join(err, endErr)
	}
	result.ExitCode, result.Signal = left.outcome()
	result.Duration = time.Since(result.Started)
	if endErr == nil && result.ExitCode != 0 {
		return &core.Error{Code: core.CodeInternal, Op: h.op, Message: "its daemon ended with " + outcomeText(result)}
	}
	return endErr
}

func outcomeText(result *ProcessRunResult) string {
	if result.Signal != 0 {
		return "signal " + result.Signal.String()
	}
	return fmt.Sprintf("exit code %d", result.ExitCode)
}

// errUnhealthy is the cause when a failed health check ended a run.
type errUnhealthy struct {
	why   string
	cause error
}

func (e *errUnhealthy) Error() string { return e.why }

// watch monitors a run until its context is done.
func (h *ProcessSuperviseHandle) watch(whole, run context.Context, cancel context.CancelCauseFunc) {
	if h.cfg.Health != nil {
		if ill := h.watchHealth(run); ill != nil {
			cancel(ill)
		}
	}
	<-run.Done()
	if whole.Err() != nil {
		h.set(func(s *ProcessSuperviseStatus) { s.State = ProcessStopping })
	}
}

// watchHealth returns when run is done (nil) or the process is unhealthy.
func (h *ProcessSuperviseHandle) watchHealth(run context.Context) error {
	ticker := time.NewTicker(min(h.cfg.HealthEvery, time.Second))
	defer ticker.Stop()
	deadline := time.Now().Add(h.cfg.StartTimeout)
	healthy, failures := false, 0
	for {
		err := h.askHealth(run)
		switch {
		case run.Err() != nil:
			return nil
		case err == nil && !healthy:
			healthy = true
			ticker.Reset(h.cfg.HealthEvery)
			h.set(func(s *ProcessSuperviseStatus) { s.State = ProcessRunning })
		case err == nil:
			failures = 0
		case healthy:
			if failures++; failures >= h.cfg.HealthFailures {
				return &errUnhealthy{fmt.Sprintf("unhealthy %d times in a row", failures), err}
			}
		case !time.Now().Before(deadline):
			return &errUnhealthy{fmt.Sprintf("not healthy within %s", h.cfg.StartTimeout), err}
		}
		select {
		case <-ticker.C:
		case <-run.Done():
			return nil
		}
	}
}

func (h *ProcessSuperviseHandle) askHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.HealthTimeout)
	defer cancel()
	return h.cfg.Health(ctx)
}

// supervised passes output on and keeps the end of it. A failed write is
// recorded and the next one is still tried: a log that can't be written now is
// no reason to end the process or to lose the log forever.
type supervised struct {
	h  *ProcessSuperviseHandle
	to io.Writer
}

func (w *supervised) Write(p []byte) (int, error) {
	var err error
	if w.to != nil {
		_, err = w.to.Write(p)
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	w.h.last.add(p)
	if err != nil {
		w.h.status.OutputErr = err
	}
	return len(p), nil
}
