// Command registry_api serves the units of one or more repositories: an HTTP API and pages to find them, to see who
// uses them, and what the linter finds. It follows changes of files while it runs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fnregistry.dev/functions/core"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprint(os.Stderr, core.ErrorText("registry_api", err))
	os.Exit(core.ErrorExitCode(err))
}
