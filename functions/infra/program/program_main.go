package program

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// ProgramMain runs a program as [ProgramRun] does and ends the process: call it
// as the only statement of main. It does not return.
//
// SIGINT (Ctrl-C) and SIGTERM end the command's context; the command then has
// StopTimeout to return. A second one ends the process at once, without
// anything that is deferred. The exit status of a command that ended because of
// a signal is 128 and the signal's number, unless it returned nil.
//
// A write to a stdout that nobody reads any more, as after "| head", fails,
// where Go would end the process by SIGPIPE; it ends the command's context, and
// the program with status 0. The command's log is slog's default.
//
// More in program_main.md:
//   - Nothing that is deferred in main runs after it, and after a second signal
//     no deferred call runs at all: write important data to disk earlier.
//   - Only a panic in the command's own goroutine is reported without secrets;
//     one in another goroutine ends the process as Go does, with status 2.
func ProgramMain(cfg ProgramRunConfig) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore, which child processes would inherit
	ctx, cancel := context.WithCancelCause(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(stopSignal{<-received})
		os.Exit(stopSignal{<-received}.status())
	}()
	os.Exit(run(ctx, cfg, slog.SetDefault))
}

// stopSignal is the cause when a signal ended a program's context. It matches
// [context.Canceled], so that errors of units that stop because of it are coded
// as cancelled.
type stopSignal struct{ os.Signal }

func (stopSignal) Is(target error) bool { return target == context.Canceled }

func (s stopSignal) Error() string { return fmt.Sprintf("it received the signal %v", s.Signal) }

// status returns the exit status that shells report for a process ended by the
// signal.
func (s stopSignal) status() int {
	if number, ok := s.Signal.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 130
}
