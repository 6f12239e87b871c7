package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// guardCommand makes this program one that runs the command after it.
const guardCommand = "guard"

// guard runs a command, and passes the first signal that it gets on to its
// process group. When a SIGKILL ends stages, the kernel ends its child alone:
// go test would end, and the test binaries that it has started would run on.
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
		_ = syscall.Kill(0, s.(syscall.Signal)) // which comes back here, and is not taken
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
