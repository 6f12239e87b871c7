package process

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// How often the daemons of a run are looked at: each costs a system call
	// of a microsecond.
	daemonLook = 100 * time.Millisecond
	// How often orphans that ended are collected in the whole program, which
	// reads the process table.
	orphanReap = 10 * time.Second

	prSetChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of linux/prctl.h

	// daemonMark is in the environment of a run and of all that it starts.
	daemonMark = "FN_SUPERVISED"
)

const daemonsSupported = true

// daemons are what has left the tree of one run: processes whose parent has
// ended. The kernel gives them to this process, which is a subreaper, instead
// of to init; that they are of this run their environment says.
type daemons struct {
	mark string
	// known are those that were seen alive. They are this process's children
	// now, so their PIDs stay theirs until it has waited for them.
	known []proc
	// status is that of the last that ended.
	status syscall.WaitStatus
}

// newDaemons makes this process the subreaper of what it starts, for good.
func newDaemons() (*daemons, error) {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return nil, errno
	}
	return &daemons{mark: daemonMark + "=" + rand.Text()}, nil
}

// find looks for daemons of the run, and reports whether there are any.
func (d *daemons) find() bool {
	all, err := processTable.list()
	if err != nil {
		return len(d.known) > 0
	}
	for _, p := range all {
		seen := slices.ContainsFunc(d.known, func(k proc) bool { return k.pid == p.pid })
		if p.ppid == os.Getpid() && !p.zombie && !seen && hasMark(p.pid, d.mark) {
			d.known = append(d.known, p)
		}
	}
	return len(d.known) > 0
}

func hasMark(pid int, mark string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(entry []byte) bool { return string(entry) == mark })
}

// collect waits for those that have ended. When one has, its children are this
// process's, too.
func (d *daemons) collect() (ended bool) {
	d.known = slices.DeleteFunc(d.known, func(p proc) bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(p.pid, &status, syscall.WNOHANG, nil)
		if pid == p.pid {
			d.status = status
		}
		gone := pid == p.pid || errors.Is(err, syscall.ECHILD)
		ended = ended || gone
		return gone
	})
	return ended
}

// follow returns when all daemons have ended, or ctx is done. changed is called
// with the oldest of them at first, and when that is another one.
func (d *daemons) follow(ctx context.Context, changed func(pid int)) {
	tick := time.NewTicker(daemonLook)
	defer tick.Stop()
	main := 0
	for d.find() {
		if d.known[0].pid != main {
			main = d.known[0].pid
			changed(main)
		}
		for !d.collect() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// end ends all daemons and what they started.
func (d *daemons) end(grace time.Duration) ([]ProcessEnded, error) {
	var all []ProcessEnded
	var errs []error
	for d.find() {
		for _, p := range d.known {
			ended, err := killTree(context.Background(), p, grace)
			all, errs = append(all, ended...), append(errs, err)
		}
		d.collect()
		if err := errors.Join(errs...); err != nil {
			return all, err
		}
	}
	return all, nil
}

// outcome is the exit code and the signal of the last daemon that ended.
func (d *daemons) outcome() (code int, signal syscall.Signal) {
	if d.status.Signaled() {
		return -1, d.status.Signal()
	}
	return d.status.ExitStatus(), 0
}

// collectEnded waits for processes that were ended as part of a tree, as far as
// they have become children of this one.
func collectEnded(ended []ProcessEnded) {
	for _, p := range ended {
		_, _ = syscall.Wait4(p.PID, nil, syscall.WNOHANG, nil)
	}
	reapOrphans()
}

// reaped is when orphans were last collected, in Unix nanoseconds.
var reaped atomic.Int64

// reapWhile collects orphans that ended, of all runs, until ctx is done: their
// parent would have left that to init.
func reapWhile(ctx context.Context) {
	tick := time.NewTicker(orphanReap)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			last := reaped.Load()
			if now.UnixNano()-last >= int64(orphanReap)/2 && reaped.CompareAndSwap(last, now.UnixNano()) {
				reapOrphans()
			}
		case <-ctx.Done():
			return
		}
	}
}

// reapOrphans collects children that ended and that this program can't have
// started: what it starts is in its own group, or leads one.
func reapOrphans() {
	all, err := processTable.list()
	if err != nil {
		return // the next time
	}
	own := syscall.Getpgrp()
	for _, p := range all {
		if p.zombie && p.ppid == os.Getpid() && p.group != own && p.group != p.pid {
			_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
}
