package process

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// Defaults of ProcessRunConfig.
const (
	DefaultCaptureBytes = 64 << 10
	DefaultWaitDelay    = 2 * time.Second
)

// ProcessRunConfig says what to run, and how. The zero value of an optional
// field is its default.
type ProcessRunConfig struct {
	// Command is a path, or a name that is looked up in this process's
	// PATH. Required.
	Command string
	// Args are its arguments, without the command itself. There is no
	// shell.
	Args []string
	// Dir is its working directory. Default: this process's.
	Dir string
	// Env is added to this process's environment, as KEY=VALUE; later ones
	// win.
	Env []string
	// NoEnv makes Env the whole environment: nothing is inherited.
	NoEnv bool

	// Stdin is the command's input. If its Read blocks on after the command
	// has ended, it is left to itself. Default: empty.
	Stdin io.Reader
	// Stdout is sent the output as it comes. Default: it is only captured.
	Stdout io.Writer
	// Stderr likewise. It may be the same as Stdout: no two Write calls
	// overlap.
	Stderr io.Writer
	// MergeStderr sends stderr where stdout goes, in the true order (2>&1).
	// Stderr is unused then.
	MergeStderr bool

	// CaptureBytes is how much of each output is kept, half from its start
	// and half from its end. Default: 64 KiB; negative: none.
	CaptureBytes int

	// Timeout is how long after the start the tree is ended. OnStart counts.
	// Default: never.
	Timeout time.Duration
	// Grace is the time between SIGTERM and SIGKILL when the tree is ended.
	// Default: 5 s; negative: kill at once.
	Grace time.Duration
	// WaitDelay is how long outputs are waited for that a background
	// process holds open after the command's end. Default: 2 s.
	WaitDelay time.Duration
	// KillLeftovers ends what is left of the command's process group after
	// its own end.
	KillLeftovers bool

	// OnStart is called when the command runs, before it is waited for. On
	// Unix it leads a process group with this ID. A panic of it ends the tree
	// and comes back out.
	OnStart func(pid int)
}

// ProcessRunResult is how a command ended.
type ProcessRunResult struct {
	PID int
	// ExitCode is -1 if a signal ended the command.
	ExitCode int
	// Signal is the one that ended it, or 0.
	Signal syscall.Signal
	Stdout ProcessOutput
	Stderr ProcessOutput
	// OutputCut reports that something in the background held an output
	// open for longer than WaitDelay. The rest of it is lost.
	OutputCut bool
	Started   time.Time
	// Duration lasts until the command's end, without the wait for its
	// outputs.
	Duration time.Duration
	// UserTime is that of the command and of the descendants that it waited
	// for, as is SystemTime.
	UserTime   time.Duration
	SystemTime time.Duration
	// MaxRSS is the largest resident set of any of these, in bytes; 0 on
	// Windows.
	MaxRSS int64
	// Ended are the processes that were signalled because of a
	// cancellation, a timeout or KillLeftovers.
	Ended []ProcessEnded
}

// ProcessRun runs a command to its end. On Unix the command leads a process
// group of its own.
//
// When ctx is done or cfg.Timeout is over, the command and all that it started
// are ended, as process_kill_tree does it: SIGTERM, cfg.Grace, SIGKILL. Without
// that, what it leaves in the background lives on, as in a shell, but an output
// that this holds open is waited for no longer than cfg.WaitDelay.
//
// The result is not nil if the command was started, also with an error. Errors
// are *core.Error and hold neither arguments nor environment nor output. Not
// started: CodeNotFound (command, its interpreter or Dir), CodeForbidden,
// CodeInvalid, CodeTooLarge (arguments and environment), CodeUnavailable (out
// of processes or files). Ended early: CodeCanceled or CodeTimeout. Otherwise a
// command that did not end with exit code 0 is an error with CodeInternal that
// wraps *exec.ExitError, and so is a failed Read of Stdin or Write to Stdout or
// Stderr, with the code of its cause; such a failure does not end the command.
//
// More in process_run.md:
//   - A command that ends with anything but 0 is an error.
//   - Errors contain neither arguments nor environment nor output, since these
//     may hold secrets.
func ProcessRun(ctx context.Context, cfg ProcessRunConfig) (*ProcessRunResult, error) {
	op := "process_run command=" + filepath.Base(cfg.Command)
	if err := ctx.Err(); err != nil {
		return nil, &core.Error{Op: op, Message: "not started", Err: err}
	}
	if err := cfg.check(op); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, cmd: exec.Command(cfg.Command, cfg.Args...)}
	if err := r.start(); err != nil {
		return nil, startError(op, cfg, err)
	}
	cut := r.wait(ctx)
	return r.result(), r.outcome(op, cut)
}

// check refuses what the system would refuse without a clear error, or would
// misinterpret.
func (cfg ProcessRunConfig) check(op string) error {
	bad := func(message, hint string) error {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: message, Hint: hint}
	}
	if cfg.Command == "" {
		return bad("Command is empty", "set Command")
	}
	if cfg.Timeout < 0 || cfg.WaitDelay < 0 {
		return bad("timeout and wait delay can't be negative", "")
	}
	if hasNUL(cfg.Command) || hasNUL(cfg.Args...) || hasNUL(cfg.Dir) {
		return bad("command, arguments and dir can't hold a NUL byte", "")
	}
	return checkEnv(cfg.Env, bad)
}
