// Package guard ensures that nothing testenv starts outlives it, however it
// ends.
// testenv runs as three processes of the same program, each the parent of the
// next:
//
//	front   the one that was called. It forwards signals, and returns the exit status.
//	minder  holds a pipe from the front, which closes when the front ends.
//	worker  does the work: it starts the servers and the command.
//
// Minder and worker are in a process group of their own, so a SIGKILL to the
// front's whole group does not reach them.
// Front and minder are child subreapers (prctl(2)): a process below them that
// loses its parent becomes their child, even a daemon that has forked twice and
// called setsid. So each of them can find everything that is left, and kills it
// when the process below has ended. A SIGKILL to any one of the three leaves
// another to do so.
package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/process"
)

const (
	minder = "@minder"
	worker = "@worker"
	// pipeFD is the child's descriptor of its parent's pipe: the first file
	// after stdin, stdout and stderr.
	pipeFD = 3
	// patience is how long the worker, once notified that the front has ended,
	// may take before everything is killed.
	patience = 10 * time.Second
	// sweepTime is the time for killing what is left. Only processes that hang
	// in the kernel take longer.
	sweepTime = 10 * time.Second
)

// Run is the order for a worker.
type Run struct {
	Dir   string   // the run's folder
	Args  []string // of the front
	Group int      // the front's process group: the one that a terminal's Ctrl-C goes to
	Parent
}

// Parent is what a minder or worker hears from above.
type Parent struct {
	Signals <-chan syscall.Signal // those that the front received
	Gone    <-chan struct{}       // closed when the parent has ended: everything must end at once
}

// Program is what each of the three processes does of its own.
type Program struct {
	Prepare func() (dir string, err error) // front: checks the arguments and chooses a name for the run's folder
	MakeDir func(dir string) error         // minder: makes the folder. It survives to remove it if the front is killed
	Work    func(Run) int                  // worker: the work; returns the exit status
	CleanUp func(dir string)               // minder, and front after it: removes the folder when nothing runs any more
}

// Main runs the process that os.Args asks for, and returns its exit status.
func Main(p Program) int {
	args := os.Args[1:]
	if !IsInner(args) {
		signals := own() // before there is something to clean up
		dir, err := p.Prepare()
		if err != nil {
			return fail(err)
		}
		defer p.CleanUp(dir)
		return guard(minder, Run{Dir: dir, Args: args, Group: syscall.Getpgrp(), Parent: Parent{Signals: signals}})
	}
	run, err := inherited(args)
	if err != nil {
		return fail(fmt.Errorf("%s is reserved for testenv itself: %w", args[0], err))
	}
	signal.Notify(make(chan os.Signal, 1), passedOn...) // signals for this process arrive through the pipe
	if args[0] == worker {
		return p.Work(run)
	}
	if err := p.MakeDir(run.Dir); err != nil {
		return fail(err)
	}
	defer p.CleanUp(run.Dir)
	return guard(worker, run)
}

// IsInner reports whether the arguments are those of a minder or worker.
func IsInner(args []string) bool { return len(args) > 0 && (args[0] == minder || args[0] == worker) }

// inherited parses what guard passed to this process.
func inherited(args []string) (Run, error) {
	if len(args) < 3 {
		return Run{}, errors.New("too few arguments")
	}
	group, err := strconv.Atoi(args[2])
	if err != nil {
		return Run{}, err
	}
	if err := startedByItself(); err != nil {
		return Run{}, err
	}
	pipe := os.NewFile(pipeFD, "parent")
	syscall.CloseOnExec(pipeFD)
	return Run{Dir: args[1], Group: group, Args: args[3:], Parent: listen(pipe)}, nil
}

// startedByItself is an error unless this process was started by guard: its
// parent runs the same program, and has passed it a pipe. A user who types the
// inner names gets no further; the runtime may have opened a file of its own in
// the pipe's place.
func startedByItself() error {
	var file syscall.Stat_t
	if err := syscall.Fstat(pipeFD, &file); err != nil {
		return err
	}
	if file.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return errors.New("there is no pipe from a parent")
	}
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return err
	}
	parents, err := os.Stat(fmt.Sprintf("/proc/%d/exe", os.Getppid()))
	if err != nil {
		return err
	}
	if !os.SameFile(own, parents) {
		return errors.New("the parent is another program")
	}
	return nil
}

// passedOn are the signals that the front forwards.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// own returns the signals that this process receives.
func own() <-chan syscall.Signal {
	received, signals := make(chan os.Signal, 8), make(chan syscall.Signal)
	signal.Notify(received, passedOn...)
	go func() {
		for s := range received {
			signals <- s.(syscall.Signal)
		}
	}()
	return signals
}

// listen reads the parent's pipe: each byte is a signal, its end means that the
// parent has ended.
func listen(pipe io.Reader) Parent {
	signals, gone := make(chan syscall.Signal, 8), make(chan struct{})
	go func() {
		defer close(gone)
		var b [1]byte
		for {
			if _, err := io.ReadFull(pipe, b[:]); err != nil {
				return
			}
			select {
			case signals <- syscall.Signal(b[0]):
			default: // a ninth Ctrl-C is dropped
			}
		}
	}()
	return Parent{Signals: signals, Gone: gone}
}

// guard starts the next process, waits for its end, kills what is left of it,
// and returns its exit status.
func guard(role string, run Run) int {
	if err := becomeSubreaper(); err != nil {
		return fail(fmt.Errorf("testenv can't watch its child processes: %w", err))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	child, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0], role, run.Dir, strconv.Itoa(run.Group)}, run.Args...),
		&os.ProcAttr{
			Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, read},
			Sys:   &syscall.SysProcAttr{Setpgid: role == minder},
		})
	read.Close()
	if err != nil {
		return fail(err)
	}
	ended := make(chan syscall.WaitStatus, 1)
	go reap(child.Pid, ended)

	gone := run.Gone
	for {
		select {
		case s := <-run.Signals:
			_, _ = write.Write([]byte{byte(s)}) // it may just have ended
		case <-gone:
			gone = nil
			write.Close()
			time.AfterFunc(patience, func() { _ = child.Kill() })
		case status := <-ended:
			if left := sweep(); left != nil {
				fmt.Fprintln(os.Stderr, "testenv: error:", left)
			}
			return code(status)
		}
	}
}

// reap waits for all children, most of them orphans, so that none stays a
// zombie.
func reap(child int, ended chan<- syscall.WaitStatus) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // no children; new ones appear only while child exists
			return
		case pid == child:
			ended <- status
		}
	}
}

// sweep kills all descendants of this process. When a parent is killed, its
// children become ours, so it ends when there are none.
func sweep() error {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
	defer cancel()
	for ctx.Err() == nil {
		children, err := childrenOf(os.Getpid())
		if err != nil {
			return err
		}
		if len(children) == 0 {
			return nil
		}
		for _, pid := range children {
			_, err := process.ProcessKillTree(ctx, process.ProcessKillTreeConfig{PID: pid, Grace: -1})
			if err != nil && core.ErrorCode(err) != core.CodeNotFound {
				return err
			}
		}
	}
	return errors.New("not all child processes could be killed")
}

func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal()) // as in shells
	}
	return status.ExitStatus()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "testenv: error:", err)
	return 2
}

// ExitCode returns the exit status that stands for how a command ended.
func ExitCode(state *os.ProcessState) int { return code(state.Sys().(syscall.WaitStatus)) }

// childrenOf returns the children of a process that have not ended.
func childrenOf(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if ppid, zombie, ok := stat(pid); ok && ppid == parent && !zombie {
			children = append(children, pid)
		}
	}
	return children, nil
}
