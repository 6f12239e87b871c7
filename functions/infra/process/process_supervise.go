package process

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/infra/service"
)

// ProcessState is how a supervised process stands.
type ProcessState string

// The states. A supervision begins with ProcessStarting and ends with
// ProcessStopped or ProcessFailed.
const (
	// ProcessStarting: about to start, or started and not yet healthy.
	ProcessStarting ProcessState = "starting"
	// ProcessRunning: started, and healthy if there is a Health.
	ProcessRunning ProcessState = "running"
	// ProcessBackingOff: it ended, and waits to be started again.
	ProcessBackingOff ProcessState = "backing_off"
	// ProcessStopping: told to stop, it has its grace.
	ProcessStopping ProcessState = "stopping"
	// ProcessStopped: ended because it was told to, or well with
	// StopOnSuccess.
	ProcessStopped ProcessState = "stopped"
	// ProcessFailed: given up, since it ended too often.
	ProcessFailed ProcessState = "failed"
)

// ProcessSuperviseConfig says what to keep running, and how. The zero value of
// an optional field is its default.
type ProcessSuperviseConfig struct {
	// Command, Args, Dir, Env and NoEnv are those of process_run. Command
	// is required.
	Command string
	Args    []string
	Dir     string
	Env     []string
	NoEnv   bool

	// Stdout is sent the output of all runs as it comes. Default: it is
	// only kept for Output.
	Stdout io.Writer
	// Stderr likewise. It may be the same as Stdout.
	Stderr io.Writer

	// InitialBackoff is the wait before the first restart. It doubles each
	// time, and jitter removes up to half of it. Default: 1 s.
	InitialBackoff time.Duration
	// MaxBackoff is its ceiling. Default: 1 minute.
	MaxBackoff time.Duration
	// StableAfter is how long a run must last for the backoff to start from
	// the beginning. Default: 10 s.
	StableAfter time.Duration
	// MaxRestarts is how many restarts there are in any RestartWindow until
	// it is given up. Default: 10; negative: it is never given up.
	MaxRestarts int
	// RestartWindow is 10 minutes by default.
	RestartWindow time.Duration
	// StopOnSuccess ends the supervision at exit code 0. Default: that is
	// restarted, too.
	StopOnSuccess bool

	// Daemons makes a run last until everything has ended that the command
	// left behind with exit code 0, also a daemon that has left both its
	// parent (a double fork) and its group (setsid). With another exit code,
	// and at the end, all of that is ended. It makes this whole program a
	// subreaper for as long as it runs, and needs Linux. Default: what is left
	// in the command's group is ended, and daemons are out of sight.
	Daemons bool

	// Grace is the time between SIGTERM and SIGKILL. Default: 5 s;
	// negative: kill at once.
	Grace time.Duration

	// Health is asked while it runs, and returns nil for healthy. It must
	// end soon after ctx is done. Default: running is healthy.
	Health func(ctx context.Context) error
	// HealthEvery is 10 s by default; before the first success a second, if
	// that is less.
	HealthEvery time.Duration
	// HealthTimeout is after how long the context of one question ends.
	// Default: 5 s.
	HealthTimeout time.Duration
	// HealthFailures is how many failures in a row restart it. Default: 3.
	HealthFailures int
	// StartTimeout is how long the first success may take, else it is
	// restarted. Default: 30 s.
	StartTimeout time.Duration

	// OnState is called for each change of State, in order, one call at a
	// time. It must not block, nor call Stop.
	OnState func(ProcessSuperviseStatus)
	// OutputBytes kept for Output: the last ones. Default 64 KiB; negative:
	// none.
	OutputBytes int
}

// ProcessSuperviseStatus is how a supervised process stands.
type ProcessSuperviseStatus struct {
	State ProcessState
	// Changed is since when it is in this State.
	Changed time.Time
	// PID is that of the run that is going, else 0: of its command, and when
	// that has ended, with Daemons, of its oldest daemon.
	PID int
	// Identity names that process, see process_identity; empty if it is not
	// known.
	Identity string
	// Started is when the last run began; zero before the first.
	Started time.Time
	// Restarts counts the runs after the first.
	Restarts int
	// Next is when it is started again; zero unless it is backing off.
	Next time.Time
	// ExitCode is that of the last run that ended; -1 if a signal ended it
	// or it was not started. With Daemons it is that of the last daemon, if
	// there was one.
	ExitCode int
	Signal   syscall.Signal
	// Err is why the last run ended; nil before the first end, for exit
	// code 0 and after Stop.
	Err error

	// OutputErr is that of the last failed write to Stdout or Stderr. What
	// comes later is tried again.
	OutputErr error
}

// ProcessSuperviseHandle is a running supervision. Its methods may be called
// from several goroutines at once.
type ProcessSuperviseHandle struct {
	// The supervision's life cycle. Stop ends the process and everything it
	// started: SIGTERM, cfg.Grace, SIGKILL. Done is closed when nothing of it
	// runs any more. Err is then nil if the process was stopped, or ended
	// successfully with StopOnSuccess; a *core.Error with CodeUnavailable and
	// the last run's error as its cause if it was given up; or an error that
	// reports that some of it could not be ended.
	*service.ServiceStartHandle

	cfg ProcessSuperviseConfig
	op  string

	// telling is held while the state is changed and OnState is called, so
	// that calls are in order.
	telling sync.Mutex

	mu     sync.Mutex // guards the fields below
	status ProcessSuperviseStatus
	last   ring // of the output
}

var _ service.Service = (*ProcessSuperviseHandle)(nil)

// ProcessSupervise keeps a command running until Stop is called, ctx is done,
// or it ended too often. It returns at once. Each run is one of process_run:
// the leader of a process group, ended with all that it started. What it leaves
// in its group is ended before the next run.
//
// After an end it waits (backoff_delay with InitialBackoff, MaxBackoff, and
// half of it left to chance), then starts the command again. A command that
// can't be started counts as one that ended.
//
// The error is a *core.Error with CodeInvalid for a configuration that can't be
// meant, CodeUnsupported for Daemons elsewhere than on Linux. The caller stops
// it.
//
// More in process_supervise.md:
//   - States: starting, running, backing_off, stopping, stopped, failed.
//   - failed is final.
func ProcessSupervise(ctx context.Context, cfg ProcessSuperviseConfig) (*ProcessSuperviseHandle, error) {
	op := "process_supervise command=" + filepath.Base(cfg.Command)
	if err := cfg.check(op); err != nil {
		return nil, err
	}
	h := &ProcessSuperviseHandle{cfg: cfg.withDefaults(), op: op, last: ring{limit: captureLimit(cfg.OutputBytes)}}
	var err error
	h.ServiceStartHandle, err = service.ServiceStart(ctx, service.ServiceStartConfig{Name: op, Run: h.loop})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Status returns how it stands now.
func (h *ProcessSuperviseHandle) Status() ProcessSuperviseStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	status := h.status
	status.State = cmp.Or(status.State, ProcessStarting) // the loop has not started yet
	return status
}

// Output returns the last bytes that the runs have written to stdout and
// stderr.
func (h *ProcessSuperviseHandle) Output() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last.bytes()
}
