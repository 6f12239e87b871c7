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

// ProcessRunConfig says what to run, and how. The zero value of an optional field is its default.
type ProcessRunConfig struct {
	Command string   // required: a path, or a name that is looked up in this process's PATH
	Args    []string // without the command itself; there is no shell
	Dir     string   // default: this process's
	Env     []string // KEY=VALUE, in addition to this process's environment; later ones win
	NoEnv   bool     // Env is the whole environment, nothing is inherited

	Stdin       io.Reader // default: empty. If its Read blocks on after the command has ended, it is left to itself
	Stdout      io.Writer // is sent the output as it comes; default: only what is captured
	Stderr      io.Writer // likewise; may be the same as Stdout, since no two Write calls overlap
	MergeStderr bool      // stderr goes where stdout goes, in the true order (2>&1); Stderr is unused then

	CaptureBytes int // kept of each output, half from its start and half from its end; default 64 KiB; negative: none

	Timeout       time.Duration // the tree is ended after this; default: none
	Grace         time.Duration // between SIGTERM and SIGKILL when the tree is ended; default 5s; negative: kill at once
	WaitDelay     time.Duration // for outputs that a background process holds open after the command's end; default 2s
	KillLeftovers bool          // after the command's own end, end what is left of its process group, too

	OnStart func(pid int) // called when the command runs, before waiting for it; it leads a process group with this ID on Unix
}

// ProcessRunResult is how a command ended.
type ProcessRunResult struct {
	PID        int
	ExitCode   int            // -1 if a signal ended it
	Signal     syscall.Signal // that ended it, or 0
	Stdout     ProcessOutput
	Stderr     ProcessOutput
	OutputCut  bool // something in the background held an output open for longer than WaitDelay; the rest of it is lost
	Started    time.Time
	Duration   time.Duration  // until the command's end, without the wait for its outputs
	UserTime   time.Duration  // of the command and of the descendants that it waited for
	SystemTime time.Duration  // likewise
	MaxRSS     int64          // bytes: the largest resident set of any of these; 0 on Windows
	Ended      []ProcessEnded // what was signalled because of a cancellation, a timeout or KillLeftovers
}

// ProcessRun runs a command to its end. On Unix the command leads a process group of its own.
//
// When ctx is done or cfg.Timeout is over, the command and all that it started are ended, as process_kill_tree does it:
// SIGTERM, cfg.Grace, SIGKILL. Without that, what it leaves in the background lives on, as in a shell, but an output that
// this holds open is waited for no longer than cfg.WaitDelay.
//
// The result is not nil if the command was started, also with an error. Errors are *core.Error and hold neither
// arguments nor environment nor output. Not started: CodeNotFound (command, its interpreter or Dir), CodeForbidden,
// CodeInvalid, CodeTooLarge (arguments and environment), CodeUnavailable (out of processes or files). Ended early:
// CodeCanceled or CodeTimeout. Otherwise a command that did not end with exit code 0 is an error with CodeInternal that
// wraps *exec.ExitError, and so is a failed Read of Stdin or Write to Stdout or Stderr, with the code of its cause; such a
// failure does not end the command.
func ProcessRun(ctx context.Context, cfg ProcessRunConfig) (*ProcessRunResult, error) {
	op := "process_run " + filepath.Base(cfg.Command)
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

// check finds what the system would refuse without saying where, or would take otherwise than meant.
func (cfg ProcessRunConfig) check(op string) error {
	bad := func(message, hint string) error {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: message, Hint: hint}
	}
	if cfg.Command == "" {
		return bad("there is no command", "set Command")
	}
	if cfg.Timeout < 0 || cfg.WaitDelay < 0 {
		return bad("timeout and wait delay can't be negative", "")
	}
	if hasNUL(cfg.Command) || hasNUL(cfg.Args...) || hasNUL(cfg.Dir) {
		return bad("command, arguments and dir can't hold a NUL byte", "")
	}
	return checkEnv(cfg.Env, bad)
}
