//go:build linux

package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// watched is a supervision whose states a test can wait for.
type watched struct {
	*ProcessSuperviseHandle
	t      *testing.T
	states chan ProcessSuperviseStatus
	seen   []ProcessSuperviseStatus
}

// supervise keeps a script running, with short waits. It is stopped at the end
// of the test.
func supervise(t *testing.T, script string, change ...func(*ProcessSuperviseConfig)) *watched {
	t.Helper()
	w := &watched{t: t, states: make(chan ProcessSuperviseStatus, 1000)}
	cfg := ProcessSuperviseConfig{
		Command: "sh", Args: []string{"-c", script}, Env: []string{markKey + "=" + markOf(t)},
		InitialBackoff: 10 * time.Millisecond, MaxBackoff: 40 * time.Millisecond,
		OnState: func(s ProcessSuperviseStatus) { w.states <- s },
	}
	for _, f := range change {
		f(&cfg)
	}
	handle, err := ProcessSupervise(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.ProcessSuperviseHandle = handle
	t.Cleanup(func() {
		if err := handle.Stop(context.Background()); err != handle.Err() || w.Status().State != ProcessFailed && err != nil {
			t.Error(err)
		}
		if left := marked(markOf(t)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	return w
}

// until waits for a state and returns it.
func (w *watched) until(state ProcessState) ProcessSuperviseStatus {
	w.t.Helper()
	for {
		select {
		case s := <-w.states:
			w.seen = append(w.seen, s)
			if s.State == state {
				return s
			}
		case <-time.After(time.Minute):
			w.t.Fatalf("no %s; %q, now %+v", state, w.names(), w.Status())
		}
	}
}

func (w *watched) names() []string {
	var all []string
	for _, s := range w.seen {
		all = append(all, string(s.State))
	}
	return all
}

func (w *watched) stop() {
	w.t.Helper()
	if err := w.Stop(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

func TestProcessSupervise_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return ProcessSupervise(ctx, ProcessSuperviseConfig{Command: "sleep", Args: []string{"3600"}})
	})
}

func TestProcessSupervise_RestartsThenGivesUp(t *testing.T) {
	t.Parallel()
	w := supervise(t, `echo run; echo err >&2; exit 3`, func(cfg *ProcessSuperviseConfig) { cfg.MaxRestarts = 4 })
	last := w.until(ProcessFailed)
	<-w.Done()
	round := []string{"starting", "running", "backing_off"}
	if want := append(slices.Repeat(round, 4), "starting", "running", "failed"); !slices.Equal(w.names(), want) {
		t.Errorf("got %q, want %q", w.names(), want)
	}
	// 10, 20, 40, 40 ms, of which jitter may remove half
	for i, base := range []time.Duration{10, 20, 40, 40} {
		s := w.seen[3*i+2]
		if wait := s.Next.Sub(s.Changed); wait > base*time.Millisecond || wait < base*time.Millisecond/2-time.Millisecond || s.Restarts != i+1 || s.ExitCode != 3 || s.PID != 0 {
			t.Errorf("wait %d is %s, %+v", i, wait, s)
		}
	}
	if !strings.Contains(last.Err.Error(), "exit status 3") || last.Restarts != 4 || last != w.Status() {
		t.Errorf("%+v", last)
	}
	if err := w.Err(); core.ErrorCode(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "given up: it ended 5 times within 10m0s: process_run command=sh: exit status 3") {
		t.Errorf("got %v", err)
	}
	if out := w.Output(); strings.Count(string(out), "run\n") != 5 || strings.Count(string(out), "err\n") != 5 {
		t.Errorf("output %q", out)
	}
	if err := w.Stop(t.Context()); err != w.Err() {
		t.Errorf("Stop after the end: %v", err)
	}
}

func TestProcessSupervise_StableRunResetsBackoff(t *testing.T) {
	t.Parallel()
	w := supervise(t, `sleep 0.1`, func(cfg *ProcessSuperviseConfig) {
		cfg.StableAfter, cfg.InitialBackoff, cfg.MaxBackoff = 50*time.Millisecond, 20*time.Millisecond, time.Hour
	})
	for range 5 {
		if s := w.until(ProcessBackingOff); s.Next.Sub(s.Changed) > 20*time.Millisecond || s.Err != nil {
			t.Errorf("%+v", s)
		}
	}
}

func TestProcessSupervise_RestartWindow(t *testing.T) {
	t.Parallel()
	w := supervise(t, `exit 1`, func(cfg *ProcessSuperviseConfig) { cfg.MaxRestarts, cfg.RestartWindow = 1, time.Nanosecond })
	for range 5 {
		w.until(ProcessBackingOff)
	}
	w.stop()
	if err := w.Err(); err != nil {
		t.Error(err)
	}
}

func TestProcessSupervise_StopOnSuccess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "first")
	w := supervise(t, `[ -e `+file+` ] && exit 0; touch `+file+`; exit 1`, func(cfg *ProcessSuperviseConfig) { cfg.StopOnSuccess = true })
	if s := w.until(ProcessStopped); s.ExitCode != 0 || s.Err != nil || s.Restarts != 1 {
		t.Errorf("%+v", s)
	}
	<-w.Done()
	if err := w.Err(); err != nil {
		t.Error(err)
	}
}

func TestProcessSupervise_Stop(t *testing.T) {
	t.Parallel()
	w := supervise(t, `setsid sleep 1000 & sleep 1000`)
	running := w.until(ProcessRunning)
	if identity, err := ProcessIdentity(running.PID); err != nil || identity != running.Identity || running.Started.IsZero() {
		t.Errorf("%+v, %q, %v", running, identity, err)
	}
	var stops sync.WaitGroup
	for range 5 {
		stops.Go(w.stop)
	}
	stops.Wait()
	if left := marked(markOf(t)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if s := w.until(ProcessStopped); s.Err != nil || s.Signal != syscall.SIGTERM || s.ExitCode != -1 || s.PID != 0 || s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
	if want := []string{"starting", "running", "stopping", "stopped"}; !slices.Equal(w.names(), want) {
		t.Errorf("got %q, want %q", w.names(), want)
	}
	if err := w.Err(); err != nil || !isClosed(w.Done()) || len(w.states) > 0 {
		t.Errorf("%v, done %t, %d more states", err, isClosed(w.Done()), len(w.states))
	}
}

func TestProcessSupervise_StopWhileBackingOff(t *testing.T) {
	t.Parallel()
	w := supervise(t, `exit 1`, func(cfg *ProcessSuperviseConfig) { cfg.InitialBackoff = time.Hour })
	w.until(ProcessBackingOff)
	w.stop()
	if s := w.until(ProcessStopped); !s.Next.IsZero() || s.ExitCode != 1 {
		t.Errorf("%+v", s)
	}
}

// The context bounds Stop's wait; the process ends only after it.
func TestProcessSupervise_StopDeadline(t *testing.T) {
	t.Parallel()
	end := filepath.Join(t.TempDir(), "end")
	w := supervise(t, `trap '' TERM; echo ready; until [ -e `+end+` ]; do sleep 0.01; done`, func(cfg *ProcessSuperviseConfig) { cfg.Grace = time.Hour })
	mustEventually(t, "ready", func() bool { return string(w.Output()) == "ready\n" })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Stop(ctx); core.ErrorCode(err) != core.CodeTimeout {
		t.Errorf("got %v", err)
	}
	if s := w.Status(); s.State != ProcessStopping {
		t.Errorf("%+v", s)
	}
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.stop()
	if s := w.Status(); s.State != ProcessStopped || s.ExitCode != 0 {
		t.Errorf("%+v", s)
	}
}

func TestProcessSupervise_KilledAfterGrace(t *testing.T) {
	t.Parallel()
	w := supervise(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`, func(cfg *ProcessSuperviseConfig) { cfg.Grace = 50 * time.Millisecond })
	mustEventually(t, "ready", func() bool { return string(w.Output()) == "ready\n" })
	w.stop()
	if s := w.Status(); s.State != ProcessStopped || s.Signal != syscall.SIGKILL {
		t.Errorf("%+v", s)
	}
}

func TestProcessSupervise_ContextEndsIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h, err := ProcessSupervise(ctx, ProcessSuperviseConfig{Command: "sleep", Args: []string{"1000"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := h.Status().State; s != ProcessStarting && s != ProcessRunning {
		t.Errorf("at first: %q", s)
	}
	cancel()
	<-h.Done()
	if s := h.Status(); s.State != ProcessStopped || h.Err() != nil {
		t.Errorf("%+v, %v", s, h.Err())
	}
}

// What one run leaves behind must not accumulate over many.
func TestProcessSupervise_LeftoversEndBeforeRestart(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var atStart []int
	w := supervise(t, `sleep 1000 & exit 1`, func(cfg *ProcessSuperviseConfig) {
		tell := cfg.OnState
		cfg.OnState = func(s ProcessSuperviseStatus) {
			if s.State == ProcessStarting {
				mu.Lock()
				atStart = append(atStart, len(marked(markOf(t))))
				mu.Unlock()
			}
			tell(s)
		}
	})
	for range 3 {
		w.until(ProcessBackingOff)
	}
	w.stop()
	mu.Lock()
	defer mu.Unlock()
	if slices.Max(atStart) > 0 {
		t.Errorf("processes at each start: %v", atStart)
	}
}

func TestProcessSupervise_CommandIsMissing(t *testing.T) {
	t.Parallel()
	w := supervise(t, "", func(cfg *ProcessSuperviseConfig) { cfg.Command, cfg.MaxRestarts = "no-such-command", 1 })
	last := w.until(ProcessFailed)
	if core.ErrorCode(last.Err) != core.CodeNotFound || last.ExitCode != -1 || !last.Started.IsZero() {
		t.Errorf("%+v", last)
	}
	if want := []string{"starting", "backing_off", "starting", "failed"}; !slices.Equal(w.names(), want) {
		t.Errorf("got %q", w.names())
	}
}

func TestProcessSupervise_Health(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "healthy")
	asked := make(chan struct{}, 1000)
	w := supervise(t, `sleep 1000`, func(cfg *ProcessSuperviseConfig) {
		cfg.HealthEvery, cfg.HealthFailures = 10*time.Millisecond, 2
		cfg.Health = func(context.Context) error {
			asked <- struct{}{}
			_, err := os.Stat(file)
			return err
		}
	})
	for range 3 {
		<-asked
	}
	if s := w.Status(); s.State != ProcessStarting || s.PID == 0 {
		t.Errorf("before it is healthy: %+v", s)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := w.until(ProcessRunning)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s := w.until(ProcessBackingOff)
	if core.ErrorCode(s.Err) != core.CodeUnavailable || !strings.Contains(s.Err.Error(), "unhealthy 2 times in a row") || !errors.Is(s.Err, os.ErrNotExist) || s.Signal != syscall.SIGTERM {
		t.Errorf("%+v", s)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if again := w.until(ProcessRunning); again.PID == first.PID {
		t.Errorf("the same process: %+v", again)
	}
}

func TestProcessSupervise_NotHealthyInTime(t *testing.T) {
	t.Parallel()
	w := supervise(t, `sleep 1000`, func(cfg *ProcessSuperviseConfig) {
		cfg.HealthEvery, cfg.HealthTimeout, cfg.StartTimeout = 10*time.Millisecond, 20*time.Millisecond, 50*time.Millisecond
		cfg.Health = func(ctx context.Context) error { // never returns
			<-ctx.Done()
			return ctx.Err()
		}
	})
	if s := w.until(ProcessBackingOff); !strings.Contains(s.Err.Error(), "not healthy within 50ms: context deadline exceeded") {
		t.Errorf("%+v", s)
	}
}

func TestProcessSupervise_Output(t *testing.T) {
	t.Parallel()
	var both lines
	var out failing
	out.err = errors.New("the disk is full")
	w := supervise(t, `seq 1 1000; echo last`, func(cfg *ProcessSuperviseConfig) {
		cfg.OutputBytes, cfg.Stdout, cfg.Stderr, cfg.StopOnSuccess = 12, &both, &both, true
	})
	if s := w.until(ProcessStopped); string(w.Output()) != "9\n1000\nlast\n" || len(both) != 3893+5 || s.OutputErr != nil {
		t.Errorf("kept %q, passed on %d bytes, %v", w.Output(), len(both), s.OutputErr)
	}
	w = supervise(t, `echo x`, func(cfg *ProcessSuperviseConfig) { cfg.Stdout, cfg.StopOnSuccess = out, true })
	if s := w.until(ProcessStopped); s.OutputErr != out.err || s.Err != nil || string(w.Output()) != "x\n" {
		t.Errorf("%+v, %q", s, w.Output())
	}
}

func TestProcessSupervise_BadConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]ProcessSuperviseConfig{
		"Command is empty": {},
		"InitialBackoff":   {Command: "true", InitialBackoff: -1},
		"StartTimeout":     {Command: "true", StartTimeout: -1},
		"HealthFailures":   {Command: "true", HealthFailures: -1},
		"Env[0]":           {Command: "true", Env: []string{"x"}},
	} {
		h, err := ProcessSupervise(t.Context(), cfg)
		if h != nil || core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
