//go:build unix

package process

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// leadGroup makes the command the leader of a new process group, so that all of
// it can be found, and so that a Ctrl-C in the terminal reaches it only through
// this program.
func leadGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills a command that has not been waited for, and its group.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Process.Kill()
}

// groupExists reports whether any process, a zombie included, is in the group.
func groupExists(id int) bool {
	return syscall.Kill(-id, 0) != syscall.ESRCH
}

func signalOf(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

func maxRSS(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss) // getrusage(2) of macOS: bytes; elsewhere kilobytes
	}
	return int64(usage.Maxrss) << 10
}

func signalGroup(id int, signal syscall.Signal) error { return syscall.Kill(-id, signal) }

// groupIsLeft reports whether anything is in the group that a process led which
// has been waited for.
func groupIsLeft(leader proc) bool {
	if !groupExists(leader.pid) {
		return false
	}
	now, ok, err := processTable.find(leader.pid)
	return err == nil && (!ok || now.start == leader.start)
}
