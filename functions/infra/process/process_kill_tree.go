package process

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"fnregistry.dev/functions/core"
)

// DefaultGrace is the time between the request to end (SIGTERM) and the kill
// (SIGKILL) where none is given. Docker waits 10 seconds, systemd 90; a shell
// step or a development server needs less.
const DefaultGrace = 5 * time.Second

// ProcessKillTreeConfig says what to end. The zero value of an optional field
// is its default.
type ProcessKillTreeConfig struct {
	// PID is required.
	PID int
	// Identity is what process_identity said of the process. Default:
	// whatever has the PID now.
	Identity string
	// Grace is the time between SIGTERM and SIGKILL. Default: DefaultGrace;
	// negative: kill at once.
	Grace time.Duration
}

// ProcessEnded is a process that was ended.
type ProcessEnded struct {
	PID    int
	Name   string // of the program, as the system reports it: at most 15 bytes on Linux
	Killed bool   // it had to be killed: SIGTERM did not end it, or there was no grace
}

// ProcessKillTreeResult says what was ended.
type ProcessKillTreeResult struct {
	Ended []ProcessEnded // ancestors come before their descendants
}

// ProcessKillTree ends a process and all its descendants, and returns
// when they are gone. It stops them all (SIGSTOP, so that nothing is started
// meanwhile), sends SIGTERM from the top down, lets them go on, waits for
// cfg.Grace, and kills what is left in the same manner. When ctx is done, the
// grace is over. A tree that does not come to rest within 10 seconds is killed
// at once, without a grace, and is an error: some of it may never have been
// seen.
//
// To the tree belong the process, all children of what belongs to it, and all
// members of process groups and sessions that one of them leads. So it reaches
// a child that called setsid and one whose parent has ended but that stayed in
// the group. A process that did both before the call (a daemon) is out of
// sight.
//
// A process is only ever signalled after its start time was compared, through a
// handle that can't change hands (pidfd on Linux), so a PID that was given to
// somebody else is safe.
//
// Errors are *core.Error: CodeInvalid for a PID that is not positive, is 1, or
// whose tree holds the caller itself; CodeNotFound if there is no such process,
// it is another one by cfg.Identity, or it is a thread of one; CodeForbidden if
// some of them belong to another user; CodeTimeout if some do not end even when
// killed (they hang in the kernel), or the tree did not come to rest. With the
// last two codes the result is there, too.
//
// More in process_kill_tree.md:
//   - A daemon that has left both its parent (by a double fork) and its group
//     (by setsid) before the call can't be found: nothing in /proc refers to
//     it.
//   - If the process leads a group or a session, all of that belongs to the
//     tree, as with kill -- -PID.
func ProcessKillTree(ctx context.Context, cfg ProcessKillTreeConfig) (*ProcessKillTreeResult, error) {
	op := "process_kill_tree pid=" + strconv.Itoa(cfg.PID)
	if cfg.PID <= 1 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "a pid to end is greater than 1"}
	}
	if cfg.PID == os.Getpid() {
		return nil, errOwnTree(op)
	}
	root, err := findRoot(cfg.PID, cfg.Identity)
	if err != nil {
		return nil, &core.Error{Op: op, Err: err}
	}
	ended, err := killTree(ctx, root, graceOf(cfg.Grace))
	result := &ProcessKillTreeResult{Ended: ended}
	if errors.Is(err, errSelf) {
		return nil, errOwnTree(op)
	}
	if err != nil {
		return result, &core.Error{Op: op, Err: err}
	}
	return result, nil
}

// errSelf reports that the caller is part of the tree.
var errSelf = errors.New("the tree contains this process itself")

func errOwnTree(op string) error {
	return &core.Error{Code: core.CodeInvalid, Op: op, Hint: "end it from outside", Err: errSelf}
}

func graceOf(d time.Duration) time.Duration {
	if d == 0 {
		return DefaultGrace
	}
	return max(d, 0)
}
