package guard

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// becomeSubreaper makes this process the parent of all descendants that lose
// theirs.
func becomeSubreaper() error {
	const prSetChildSubreaper = 36 // prctl(2), linux/prctl.h
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// stat reads /proc/PID/stat; ok is false if the process no longer exists.
func stat(pid int) (ppid int, zombie, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(data, ')') // the name before it may contain anything
	if err != nil || end < 0 {
		return 0, false, false
	}
	fields := strings.Fields(string(data[end+1:]))
	const state, parent, threads = 0, 1, 17 // proc_pid_stat(5), from its third field on
	if len(fields) <= threads {
		return 0, false, false
	}
	ppid, err = strconv.Atoi(fields[parent])
	// If other threads are left, Z only means that the main thread has ended.
	return ppid, fields[state] == "X" || fields[state] == "Z" && fields[threads] <= "1", err == nil
}
