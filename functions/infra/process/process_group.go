package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// ProcessGroupConfig says what to start. The zero value of an optional field is
// its default.
type ProcessGroupConfig struct {
	// Command, Args, Dir, Env and NoEnv are those of process_run. Command
	// is required.
	Command string
	Args    []string
	Dir     string
	Env     []string
	NoEnv   bool
	// Stdin, Stdout and Stderr are handed to the command as they are, so that
	// they outlive this program. They stay open here. Default: the null device.
	Stdin, Stdout, Stderr *os.File
	// ExtraFiles are the command's files from number 3 on, such as sockets.
	// Default: none.
	ExtraFiles []*os.File
}

// ProcessGroupResult is how the group's leader ended.
type ProcessGroupResult struct {
	// ExitCode is -1 if a signal ended it.
	ExitCode int
	// Signal is the one that ended it, or 0.
	Signal syscall.Signal
	Ended  time.Time
	// MaxRSS is the largest resident set of it and of the descendants that it
	// waited for, in bytes; 0 on Windows.
	MaxRSS int64
}

// ProcessGroupHandle is a group that was started. Its methods may be called
// from several goroutines at once.
type ProcessGroupHandle struct {
	// PID is the leader's, and the group's ID.
	PID int
	// Identity is what process_identity says of the leader; empty where it had
	// ended at once.
	Identity string
	Started  time.Time

	op     string
	root   proc
	ended  atomic.Bool   // by End: what is left of the group are zombies at most
	done   chan struct{} // closed when result is set
	result ProcessGroupResult
}

// ProcessGroup starts a command as the leader of a process group of its own,
// and lets it be: it is bound to no context and outlives this program. Its
// files are its own, so nothing breaks when this program ends. PID and
// Identity, kept on disk, are enough to find it again: to end it then there is
// process_kill_tree.
//
// Errors are those of process_run for a command that can't be started.
//
// More in process_group.md:
//   - Signal reaches the group alone; End also children that have moved to a
//     group or session of their own, but no daemon that has left both its
//     parent and its group.
//   - Once the leader has ended and its group is empty, Signal says
//     CodeNotFound and End does nothing.
func ProcessGroup(cfg ProcessGroupConfig) (*ProcessGroupHandle, error) {
	op := "process_group command=" + filepath.Base(cfg.Command)
	run := ProcessRunConfig{Command: cfg.Command, Args: cfg.Args, Dir: cfg.Dir, Env: cfg.Env, NoEnv: cfg.NoEnv}
	if err := run.check(op); err != nil {
		return nil, err
	}
	cmd := exec.Command(cfg.Command, cfg.Args...)
	cmd.Dir = cfg.Dir
	cmd.Env = environment(cmd, run)
	if cfg.Stdin != nil { // a nil *os.File in an interface is no nil interface
		cmd.Stdin = cfg.Stdin
	}
	if cfg.Stdout != nil {
		cmd.Stdout = cfg.Stdout
	}
	if cfg.Stderr != nil {
		cmd.Stderr = cfg.Stderr
	}
	cmd.ExtraFiles = cfg.ExtraFiles
	leadGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, startError(op, run, err)
	}
	h := &ProcessGroupHandle{
		PID: cmd.Process.Pid, Started: time.Now(), op: op + " pid=" + strconv.Itoa(cmd.Process.Pid),
		root: childRoot(cmd.Process.Pid), done: make(chan struct{}),
	}
	h.Identity, _ = ProcessIdentity(h.PID) // it may have ended
	go h.wait(cmd)
	return h, nil
}

func (h *ProcessGroupHandle) wait(cmd *exec.Cmd) {
	defer close(h.done)
	_ = cmd.Wait() // no goroutine of its copies anything: ProcessState has all
	h.result = ProcessGroupResult{ExitCode: -1, Ended: time.Now()}
	if state := cmd.ProcessState; state != nil {
		h.result.ExitCode, h.result.Signal, h.result.MaxRSS = state.ExitCode(), signalOf(state), maxRSS(state)
	}
}

// Done is closed when the leader has ended. Others of the group may live on.
func (h *ProcessGroupHandle) Done() <-chan struct{} { return h.done }

// Result returns how the leader ended, and its zero value before Done.
func (h *ProcessGroupHandle) Result() ProcessGroupResult {
	select {
	case <-h.done:
		return h.result
	default:
		return ProcessGroupResult{}
	}
}

// Signal sends a signal to all processes of the group. Errors are *core.Error:
// CodeNotFound if none is left, CodeForbidden if none of them may be signalled,
// CodeUnsupported on Windows.
func (h *ProcessGroupHandle) Signal(signal syscall.Signal) error {
	if !h.mine() {
		return &core.Error{Code: core.CodeNotFound, Op: h.op + " signal", Message: "the group has ended"}
	}
	err := signalGroup(h.PID, signal)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ESRCH):
		return &core.Error{Code: core.CodeNotFound, Op: h.op + " signal", Message: "the group has ended"}
	case errors.Is(err, syscall.EPERM):
		return &core.Error{Code: core.CodeForbidden, Op: h.op + " signal", Err: err}
	}
	return &core.Error{Op: h.op + " signal", Err: err}
}

// mine reports whether the group's ID is still that of this group: as long as a
// process is in it, no other gets its leader's PID. When the leader has ended,
// a process with its PID is a stranger.
func (h *ProcessGroupHandle) mine() bool {
	if h.ended.Load() {
		return false
	}
	select {
	case <-h.done:
	default:
		return true
	}
	return groupIsLeft(h.root)
}

// End ends the group, and all that its members started, as process_kill_tree
// does: SIGTERM, grace (0: DefaultGrace, negative: none), SIGKILL. It returns
// when they are gone, also what the leader has left when it ended by itself.
// When ctx is done, the grace is over. Its errors are those of
// process_kill_tree; nothing left to end is none.
func (h *ProcessGroupHandle) End(ctx context.Context, grace time.Duration) ([]ProcessEnded, error) {
	if !h.mine() {
		return nil, nil
	}
	root := h.root
	select {
	case <-h.done:
		root.zombie = true // what has its PID now is not it
	default:
	}
	ended, err := killTree(ctx, root, graceOf(grace))
	if err != nil {
		return ended, &core.Error{Op: h.op + " end", Err: err}
	}
	h.ended.Store(true)
	return ended, h.awaited()
}

// awaited waits for the leader's result, which comes at once: it is dead.
func (h *ProcessGroupHandle) awaited() error {
	select {
	case <-h.done:
		return nil
	case <-time.After(exitWait):
		return &core.Error{Code: core.CodeTimeout, Op: h.op + " end", Message: "the leader was killed and has not ended"}
	}
}
