package main

import (
	"os"
	"syscall"
	"unsafe"
)

// fromTerminal reports whether the signal was very likely typed (Ctrl-C,
// Ctrl-\). Then the terminal has also sent it to the command, which is in the
// same process group.
func fromTerminal(s syscall.Signal, group int) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	var foreground int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, tty.Fd(), syscall.TIOCGPGRP, uintptr(unsafe.Pointer(&foreground)))
	return errno == 0 && int(foreground) == group
}
