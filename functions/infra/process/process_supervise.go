package process

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// ProcessState is how a supervised process stands.
type ProcessState string

// The states. A supervision begins with ProcessStarting and ends with ProcessStopped or ProcessFailed.
const (
	ProcessStarting   ProcessState = "starting"    // about to start, or started and not healthy for the first time yet
	ProcessRunning    ProcessState = "running"     // started, and healthy if there is a Health
	ProcessBackingOff ProcessState = "backing_off" // it ended, and waits to be started again
	ProcessStopping   ProcessState = "stopping"    // told to stop, it has its grace
	ProcessStopped    ProcessState = "stopped"     // ended because it was told to, or well with StopOnSuccess
	ProcessFailed     ProcessState = "failed"      // given up: it ended too often
)

// ProcessSuperviseConfig says what to keep running, and how. The zero value of an optional field is its default.
type ProcessSuperviseConfig struct {
	Command string   // required; this and the next four are those of process_run
	Args    []string // default none
	Dir     string   // default: this process's
	Env     []string // KEY=VALUE in addition to this process's environment
	NoEnv   bool     // Env is the whole environment

	Stdout io.Writer // is sent the output of all runs as it comes; default: it is only kept for Output
	Stderr io.Writer // likewise; may be the same as Stdout

	InitialBackoff time.Duration // wait before the first restart; it doubles from one to the next, and chance takes up to half of it; default 1s
	MaxBackoff     time.Duration // ceiling of that; default 1m
	StableAfter    time.Duration // a run that lasted this long starts the backoff from the beginning; default 10s
	MaxRestarts    int           // in any RestartWindow, then it is given up; default 10; negative: never given up
	RestartWindow  time.Duration // default 10m
	StopOnSuccess  bool          // exit code 0 ends the supervision; default: that is restarted, too

	Grace time.Duration // between SIGTERM and SIGKILL; default 5s; negative: kill at once

	Health         func(ctx context.Context) error // asked while it runs, nil for healthy; must end soon after ctx is done; default: running is healthy
	HealthEvery    time.Duration                   // default 10s; before the first success every second, if that is less
	HealthTimeout  time.Duration                   // of one question, whose context ends then; default 5s
	HealthFailures int                             // in a row, then it is restarted; default 3
	StartTimeout   time.Duration                   // for the first success, else it is restarted; default 30s

	// OnState is told of each change of State, in order, one call at a time. It must not block, nor call Stop.
	OnState func(ProcessSuperviseStatus)
	// OutputBytes kept for Output: the last ones. Default 64 KiB; negative: none.
	OutputBytes int
}

// ProcessSuperviseStatus is how a supervised process stands.
type ProcessSuperviseStatus struct {
	State    ProcessState
	Changed  time.Time // since when
	PID      int       // of the run that is going; else 0
	Identity string    // of that process, see process_identity; empty where it can't be told
	Started  time.Time // the last run; zero before the first
	Restarts int       // runs after the first
	Next     time.Time // when it is started again; zero unless it is backing off
	ExitCode int       // of the last run that ended; -1 if it was ended by a signal or not started
	Signal   syscall.Signal
	Err      error // why the last run ended; nil before the first end, for exit code 0 and after Stop

	OutputErr error // of the last failed write to Stdout or Stderr; what comes later is tried again
}

// ProcessSuperviseHandle is a running supervision. Its methods may be called from several goroutines at once.
type ProcessSuperviseHandle struct {
	cfg    ProcessSuperviseConfig
	op     string
	cancel context.CancelFunc
	done   chan struct{}

	telling sync.Mutex // held while the state is changed and OnState is called, so calls are in order

	mu      sync.Mutex // guards what follows
	status  ProcessSuperviseStatus
	last    ring  // of the output
	err     error // why it failed
	stopErr error // what could not be ended
}

// ProcessSupervise keeps a command running until Stop is called, ctx is done, or it ended too often. It returns at
// once. Each run is one of process_run: the leader of a process group, ended with all that it started. What it leaves in
// its group is ended before the next run.
//
// After an end it waits (backoff_delay with InitialBackoff, MaxBackoff, and half of it left to chance), then starts the
// command again. A command that can't be started counts as one that ended.
//
// The error is a *core.Error with CodeInvalid for a configuration that can't be meant. The caller stops it.
func ProcessSupervise(ctx context.Context, cfg ProcessSuperviseConfig) (*ProcessSuperviseHandle, error) {
	op := "process_supervise " + filepath.Base(cfg.Command)
	if err := cfg.check(op); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &ProcessSuperviseHandle{
		cfg: cfg.withDefaults(), op: op, cancel: cancel, done: make(chan struct{}),
		last: ring{limit: captureLimit(cfg.OutputBytes)},
	}
	go h.loop(ctx)
	return h, nil
}

// Status returns how it stands now.
func (h *ProcessSuperviseHandle) Status() ProcessSuperviseStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	status := h.status
	status.State = cmp.Or(status.State, ProcessStarting) // the loop has not begun yet
	return status
}

// Output returns the last bytes that the runs have written to stdout and stderr.
func (h *ProcessSuperviseHandle) Output() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last.bytes()
}

// Done is closed when the supervision has ended and nothing of the command runs any more.
func (h *ProcessSuperviseHandle) Done() <-chan struct{} { return h.done }

// Err is nil until Done is closed. Then it is nil if the process was told to stop or ended well with StopOnSuccess, and
// a *core.Error if it failed: CodeUnavailable, with the last run's error as its cause.
func (h *ProcessSuperviseHandle) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Stop ends the process and all that it started: SIGTERM, cfg.Grace, SIGKILL. It returns when that is done, and may be
// called more than once, also after the end. The error is a *core.Error: CodeTimeout if ctx is done first (it is ended
// nevertheless), or what says that some of it could not be ended.
func (h *ProcessSuperviseHandle) Stop(ctx context.Context) error {
	h.cancel()
	select {
	case <-h.done:
	case <-ctx.Done():
		if !isClosed(h.done) {
			return &core.Error{Code: core.CodeTimeout, Op: h.op, Message: "is still stopping", Err: context.Cause(ctx)}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopErr
}
