package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// guardCommand makes this program run the command after it.
const guardCommand = "guard"

// guard runs a command, and forwards the first signal it receives to its
// process group. If stages dies by SIGKILL, the kernel ends only its child: go
// test would end, but the test binaries that it has started would keep running.
func guard(command []string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "stages: error: %v\n", err)
		return 2
	}
	go func() {
		s := <-signals
		_ = syscall.Kill(0, s.(syscall.Signal)) // it also reaches this process, which ignores it
	}()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "stages: %s: %v\n", command[0], err)
		return 1
	}
	return 0
}
