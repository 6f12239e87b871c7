package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// exitWait bounds the wait for a command whose tree could not be ended
// gracefully but was killed.
const exitWait = 2 * time.Second

// run is one command in progress. The outputs are read by goroutines of this
// package instead of os/exec's, because (*exec.Cmd).Wait hangs forever if a
// writer, or the reader of stdin, blocks.
type run struct {
	cfg     ProcessRunConfig
	cmd     *exec.Cmd
	root    proc
	stdin   *input
	stdout  *output
	stderr  *output
	copying chan struct{} // closed when both outputs are read to their end

	started   time.Time
	exited    chan struct{} // closed when the next two are set
	duration  time.Duration
	exitErr   error
	outputCut bool
	killed    []ProcessEnded
	killErr   error
}

func (r *run) start() error {
	r.cmd.Dir = r.cfg.Dir
	r.cmd.Env = environment(r.cmd, r.cfg)
	leadGroup(r.cmd)
	theirs, err := r.connect()
	defer closeAll(theirs)
	if err == nil {
		err = r.cmd.Start()
	}
	r.started = time.Now()
	if err != nil {
		r.stdout.close()
		r.stderr.close()
		return err
	}
	r.root = childRoot(r.cmd.Process.Pid)
	r.copyOutputs()
	if r.cfg.OnStart != nil {
		r.tell()
	}
	return nil
}

// tell calls OnStart. If it panics, the command must not be left without anyone
// waiting for it.
func (r *run) tell() {
	returned := false
	defer func() {
		if !returned {
			r.abandon()
		}
	}()
	r.cfg.OnStart(r.cmd.Process.Pid)
	returned = true
}

// abandon ends the tree at once.
func (r *run) abandon() {
	r.cfg.Grace = -1
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.wait(ctx)
}

// connect sets the command's three files and returns those that only the child
// needs.
func (r *run) connect() (theirs []io.Closer, err error) {
	writing := &sync.Mutex{}
	attach := func(to io.Writer) (*output, *os.File, error) {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		theirs = append(theirs, write)
		return &output{from: read, to: to, writing: writing, kept: headTail{limit: captureLimit(r.cfg.CaptureBytes)}}, write, nil
	}
	var file *os.File
	if r.stdout, file, err = attach(r.cfg.Stdout); err != nil {
		return theirs, err
	}
	r.cmd.Stdout, r.cmd.Stderr = file, file
	if !r.cfg.MergeStderr {
		if r.stderr, file, err = attach(r.cfg.Stderr); err != nil {
			return theirs, err
		}
		r.cmd.Stderr = file
	}
	switch stdin := r.cfg.Stdin.(type) {
	case nil:
	case *os.File:
		r.cmd.Stdin = stdin
	default:
		r.stdin = &input{from: stdin}
		pipe, err := r.cmd.StdinPipe() // closed by Wait
		if err != nil {
			return theirs, err
		}
		r.stdin.to = pipe
	}
	return theirs, nil
}

func (r *run) copyOutputs() {
	r.copying = make(chan struct{})
	var outputs sync.WaitGroup
	for _, o := range []*output{r.stdout, r.stderr} {
		if o != nil {
			outputs.Go(o.copy)
		}
	}
	go func() {
		outputs.Wait()
		close(r.copying)
	}()
	if r.stdin != nil {
		go r.stdin.copy()
	}
}

// errTimeout is the cause when cfg.Timeout ended a command.
var errTimeout = &core.Error{Code: core.CodeTimeout, Message: "the command's timeout has elapsed"}

// wait returns when the command has ended and its outputs are read, or
// abandoned. It returns why the command was ended, if it did not end by itself.
func (r *run) wait(ctx context.Context) (cut error) {
	r.exited = make(chan struct{})
	go func() {
		r.exitErr = r.cmd.Wait()
		r.duration = time.Since(r.started)
		close(r.exited)
	}()
	var timeout <-chan time.Time
	if r.cfg.Timeout > 0 {
		timer := time.NewTimer(r.cfg.Timeout - time.Since(r.started)) // OnStart may have used some of it
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-r.exited:
	case <-ctx.Done():
		cut = context.Cause(ctx)
	case <-timeout:
		cut = errTimeout
	}
	if isClosed(r.exited) {
		cut = nil // it ended by itself first
	} else {
		r.end(ctx)
		r.waitExit()
	}
	r.root.zombie = true
	if cut == nil && r.cfg.KillLeftovers {
		r.end(ctx)
	}
	r.waitOutputs(ctx, cut != nil)
	return cut
}

// end ends the tree. ctx does not shorten the grace period, since its end is
// the reason for this.
func (r *run) end(ctx context.Context) {
	if r.root.zombie && !groupExists(r.root.pid) {
		return
	}
	ended, err := killTree(context.WithoutCancel(ctx), r.root, graceOf(r.cfg.Grace))
	r.killed = append(r.killed, ended...)
	if err == nil {
		return
	}
	r.killErr = &killError{err}
	if !isClosed(r.exited) {
		killGroup(r.cmd) // no process table, or not all processes are ours: at least kill the group
	}
}

// killError reports what of a tree could not be ended.
type killError struct{ error }

func (e *killError) Unwrap() error { return e.error }

// leftRunning returns the part of an error of ProcessRun that reports what
// could not be ended, or nil.
func leftRunning(err error) error {
	if left, ok := errors.AsType[*killError](err); ok {
		return left
	}
	return nil
}

// waitExit waits for the end of a command that was killed. A command that hangs
// in the kernel is given up, see killErr.
func (r *run) waitExit() {
	var giveUp <-chan time.Time
	if r.killErr != nil {
		timer := time.NewTimer(exitWait)
		defer timer.Stop()
		giveUp = timer.C
	}
	select {
	case <-r.exited:
	case <-giveUp:
	}
}

func (r *run) waitOutputs(ctx context.Context, ended bool) {
	delay := r.cfg.WaitDelay
	if delay == 0 {
		delay = DefaultWaitDelay
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	done := ctx.Done()
	if ended {
		done = nil
	}
	select {
	case <-r.copying:
		return
	case <-timer.C:
	case <-done:
		r.end(ctx)
	}
	r.outputCut = !isClosed(r.copying)
	r.stdout.close()
	r.stderr.close()
}

func (r *run) result() *ProcessRunResult {
	result := &ProcessRunResult{
		PID: r.cmd.Process.Pid, ExitCode: -1,
		Stdout: r.stdout.captured(), Stderr: r.stderr.captured(), OutputCut: r.outputCut,
		Started: r.started, Duration: time.Since(r.started), Ended: r.killed,
	}
	if !isClosed(r.exited) {
		return result
	}
	result.Duration = r.duration
	if state := r.cmd.ProcessState; state != nil { // nil if the system did not report it
		result.ExitCode, result.Signal = state.ExitCode(), signalOf(state)
		result.UserTime, result.SystemTime, result.MaxRSS = state.UserTime(), state.SystemTime(), maxRSS(state)
	}
	return result
}

func (r *run) outcome(op string, cut error) error {
	streams := errors.Join(r.stdin.failure(), r.stdout.failure("stdout"), r.stderr.failure("stderr"))
	switch {
	case cut == errTimeout:
		return &core.Error{
			Code:    core.CodeTimeout,
			Op:      op,
			Message: fmt.Sprintf("did not end within %s", r.cfg.Timeout),
			Err:     r.killErr,
		}
	case cut != nil:
		code := core.CodeCanceled
		if errors.Is(cut, context.DeadlineExceeded) {
			code = core.CodeTimeout
		}
		return &core.Error{Code: code, Op: op, Message: "was ended", Err: errors.Join(cut, r.killErr)}
	case r.exitErr != nil:
		return &core.Error{Code: core.CodeInternal, Op: op, Err: errors.Join(r.exitErr, streams)}
	case streams != nil:
		return &core.Error{Op: op, Err: streams}
	case r.killErr != nil:
		return &core.Error{Op: op, Message: "what it left running", Err: r.killErr}
	}
	return nil
}

// environment returns a copy, never nil: nil would mean to inherit.
func environment(cmd *exec.Cmd, cfg ProcessRunConfig) []string {
	env := []string{}
	if !cfg.NoEnv {
		env = cmd.Environ() // with PWD for Dir
	}
	return append(env, cfg.Env...)
}

// checkEnv names the key of an invalid entry, or only its index: the rest may
// be a secret.
func checkEnv(env []string, bad func(message, hint string) error) error {
	for i, entry := range env {
		switch key, _, ok := strings.Cut(entry, "="); {
		case !ok || key == "":
			return bad(fmt.Sprintf("Env[%d] is not KEY=VALUE", i), "")
		case hasNUL(entry):
			return bad(fmt.Sprintf("Env[%d] holds a NUL byte", i), "")
		}
	}
	return nil
}

func hasNUL(texts ...string) bool {
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return true
		}
	}
	return false
}

// startError explains why a command could not be started. The errors of os/exec
// name only the command and Dir.
func startError(op string, cfg ProcessRunConfig, err error) error {
	coded := &core.Error{Op: op, Err: err}
	switch {
	case cfg.Dir != "" && !isDir(cfg.Dir):
		coded.Code, coded.Message = core.CodeNotFound, "no such folder: "+cfg.Dir
		coded.Err = nil
	case errors.Is(err, exec.ErrDot):
		coded.Code, coded.Hint = core.CodeNotFound, "write ./"+cfg.Command+" to run what is in the current folder"
	case errors.Is(err, exec.ErrNotFound):
		coded.Code, coded.Hint = core.CodeNotFound, "install it, or use its path"
	case errors.Is(err, fs.ErrNotExist):
		coded.Code, coded.Hint = core.CodeNotFound, "use the path of a command"
		if _, statErr := os.Stat(cfg.Command); statErr == nil {
			coded.Hint = "the file exists, but the interpreter in its first line, or its loader, is missing"
		}
	case errors.Is(err, fs.ErrPermission):
		coded.Code, coded.Hint = core.CodeForbidden, "is it a file, and may you execute it?"
	case errors.Is(err, syscall.E2BIG):
		coded.Code, coded.Message = core.CodeTooLarge, "arguments and environment are too long"
	case errors.Is(err, syscall.ENOEXEC):
		coded.Code, coded.Hint = core.CodeInvalid, "it is not a program for this system; a script needs a first line such as #!/bin/sh"
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		coded.Code, coded.Message = core.CodeUnavailable, "out of processes, memory or open files"
	}
	return coded
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func closeAll(all []io.Closer) {
	for _, c := range all {
		c.Close()
	}
}
