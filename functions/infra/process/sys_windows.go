package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

func leadGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func groupExists(int) bool { return false }

func signalOf(*os.ProcessState) syscall.Signal { return 0 }

func maxRSS(*os.ProcessState) int64 { return 0 }

func signalGroup(int, syscall.Signal) error { return errors.ErrUnsupported }

func groupIsLeft(proc) bool { return false }
