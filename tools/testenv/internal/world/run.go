package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/process"
)

// command is one process of a server.
type command struct {
	path    string
	args    []string
	env     []string // besides the few that all commands have
	stdin   string
	user    *syscall.Credential         // nil: this user
	answers func(context.Context) error // returns nil once it works
	stop    syscall.Signal              // for a graceful end
	quit    syscall.Signal              // for an end without saving anything
}

// running is a command that was started.
type running struct {
	command
	name  string
	cmd   *exec.Cmd
	log   string
	works atomic.Bool   // it has answered and was not ended on request: its end is reported
	done  chan struct{} // closed at its end, once err is set
	err   error
}

// run starts a command of the server. It has a process group of its own, so
// that a Ctrl-C in the terminal does not reach it, and little of testenv's
// environment. Its output goes to a file in the server's folder.
func (s *Server) run(c command) (*running, error) {
	name := filepath.Base(c.path)
	r := &running{command: c, name: name, log: filepath.Join(s.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command(c.path, c.args...)
	r.cmd.Dir, r.cmd.Env = s.dir, append(s.baseEnv(), c.env...)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = strings.NewReader(c.stdin), log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.user}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.done)
		if r.works.Load() {
			s.world.say("%s (%s) %s", s.Kind, name, r.howEnded())
		}
	}()
	return r, nil
}

func (s *Server) baseEnv() []string {
	return []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
		"LANG=C.UTF-8",
		"HOME=" + s.dir,
		"TMPDIR=" + s.dir,
		"TZ=UTC",
	}
}

// waitAnswer returns once the command works.
func (r *running) waitAnswer(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	tick := time.NewTicker(answerEvery)
	defer tick.Stop()
	for {
		err := r.answers(limit)
		if err == nil {
			r.works.Store(true)
			return nil
		}
		select {
		case <-r.done:
			return fmt.Errorf("%s ended: %v%s", r.name, r.cmd.ProcessState, r.tail())
		case <-tick.C:
		case <-limit.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%s did not answer within %s: %w%s", r.name, answerWait, err, r.tail())
		}
	}
}

// end ends the command, and what it started, with the signal and finally with
// SIGKILL. It returns when they have ended.
func (r *running) end(signal syscall.Signal) error {
	r.works.Store(false)
	if signal != syscall.SIGKILL {
		if err := r.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		timer := time.NewTimer(stopWait)
		defer timer.Stop()
		select {
		case <-r.done:
			return nil
		case <-timer.C:
		}
	}
	_, err := process.ProcessKillTree(
		context.Background(),
		process.ProcessKillTreeConfig{PID: r.cmd.Process.Pid, Grace: -1},
	)
	if err != nil && core.ErrorCode(err) != core.CodeNotFound {
		return err
	}
	<-r.done
	return nil
}

// howEnded reports how the command ended, if testenv did not end it. Its log
// says nothing about a signal from outside, such as a kill of everything with
// testenv in its command line, or about an end without an error.
func (r *running) howEnded() string {
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		switch status.Signal() {
		case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL:
			return fmt.Sprintf("was ended from outside: %v", r.cmd.ProcessState)
		}
	}
	if r.cmd.ProcessState.Success() {
		return fmt.Sprintf("has ended by itself: %v", r.cmd.ProcessState)
	}
	return fmt.Sprintf("has ended by itself: %v%s", r.cmd.ProcessState, r.tail())
}

// tail returns the end of the command's output, on lines of its own.
func (r *running) tail() string {
	file, err := os.Open(r.log)
	if err != nil {
		return ""
	}
	defer file.Close()
	const most = 2000
	if info, err := file.Stat(); err == nil && info.Size() > most {
		_, _ = file.Seek(-most, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(file, most))
	return indent(data)
}

func indent(text []byte) string {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(string(text), "\n", "\n  | ")
}

// call runs a short command to its end and returns its stdout.
func call(ctx context.Context, c command) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, c.env...)
	cmd.Dir = "/" // the current folder may be closed to c.user
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.user}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w%s", filepath.Base(c.path), err, indent(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// long runs a command that builds or installs something, to its end.
func long(ctx context.Context, dir string, env []string, path string, args ...string) error {
	result, err := process.ProcessRun(ctx, process.ProcessRunConfig{
		Command: path, Args: args, Dir: dir, Env: env, MergeStderr: true, CaptureBytes: 4096, KillLeftovers: true,
	})
	if err != nil && result != nil {
		return fmt.Errorf("%w%s", err, indent(result.Stdout.Bytes()))
	}
	return err
}
