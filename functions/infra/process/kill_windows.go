package process

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// Values of the Windows API that package syscall does not have.
const (
	processQueryLimitedInformation = 0x1000
	// What OpenProcess says of a PID that nobody has.
	errorInvalidParameter = syscall.Errno(87)
	// The exit code of a process that has not ended.
	stillActive = 259
)

// proc is the root of a tree; the rest of it is taskkill's affair.
type proc struct {
	pid    int
	zombie bool // has ended
}

// identify returns when the process was made, in units of 100 ns.
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

// killTree leaves it to taskkill, which knows no grace for programs without a
// window and does not say what it ended besides the root.
func killTree(ctx context.Context, root proc, _ time.Duration) ([]ProcessEnded, error) {
	if root.zombie {
		return nil, nil // the children of a process that is gone can't be found
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "taskkill", "/T", "/F", "/PID", strconv.Itoa(root.pid))
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return []ProcessEnded{{PID: root.pid, Killed: true}}, nil
}
