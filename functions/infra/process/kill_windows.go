package process

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// Windows API values that package syscall lacks.
const (
	processQueryLimitedInformation = 0x1000
	// The error of OpenProcess for an unused PID.
	errorInvalidParameter = syscall.Errno(87)
	// The exit code of a process that has not ended.
	stillActive = 259
)

// proc is the root of a tree; taskkill handles the rest.
type proc struct {
	pid    int
	zombie bool // has ended
}

// identify returns the creation time of the process, in units of 100 ns.
func identify(pid int) (id string, ok bool, err error) {
	handle, err := syscall.OpenProcess(processQueryLimitedInformation, false, uint32(pid))
	if err == errorInvalidParameter {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer syscall.CloseHandle(handle)
	var code uint32
	var made, ended, kernel, user syscall.Filetime
	if err := syscall.GetExitCodeProcess(handle, &code); err != nil || code != stillActive {
		return "", false, err
	}
	if err := syscall.GetProcessTimes(handle, &made, &ended, &kernel, &user); err != nil {
		return "", false, err
	}
	return strconv.FormatInt(made.Nanoseconds()/100, 10), true, nil
}

func findRoot(pid int, identity string) (proc, error) {
	now, ok, err := identify(pid)
	if err != nil {
		return proc{}, err
	}
	if !ok || identity != "" && now != identity {
		return proc{}, &core.Error{Code: core.CodeNotFound, Message: "there is no such process"}
	}
	return proc{pid: pid}, nil
}

func childRoot(pid int) proc { return proc{pid: pid} }

// killTree leaves the work to taskkill, which has no grace for programs without
// a window and does not report what it ended besides the root.
func killTree(ctx context.Context, root proc, _ time.Duration) ([]ProcessEnded, error) {
	if root.zombie {
		return nil, nil // the children of a process that has ended can't be found
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "taskkill", "/T", "/F", "/PID", strconv.Itoa(root.pid))
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return []ProcessEnded{{PID: root.pid, Killed: true}}, nil
}
