// Command fn answers questions about a repository's units and makes new ones: find, show, similar, uses, impact,
// graph, new, init, and mcp, which gives the same to coding agents. It reads the files; no server has to run. See
// fn help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
