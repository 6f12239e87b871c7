// Command testenv starts real servers for a command and stops them when it
// ends. See testenv help.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/testenv/internal/guard"
	"fnregistry.dev/tools/testenv/internal/world"
)

// pin is what the homeserver is built from: this module's own requirements.
//
//go:embed go.mod go.sum
var pin embed.FS

// exitNotStarted is the exit status when the command was not run.
const exitNotStarted = 2

func main() {
	guarded := guard.Program{
		Prepare: func() (string, error) { return world.DirName(), nil },
		MakeDir: world.MakeDir,
		Work:    work,
		CleanUp: cleanUp,
	}
	if guard.IsInner(os.Args[1:]) {
		os.Exit(guard.Main(guarded))
	}
	// Errors in the arguments are reported before anything runs.
	os.Exit(program.ProgramRun(context.Background(), testenvProgram(func(order) (int, error) { return guard.Main(guarded), nil })))
}

func cleanUp(dir string) {
	if err := world.RemoveDir(dir); err != nil {
		report(err)
	}
}

// report prints an error that does not end the run.
func report(err error) { fmt.Fprint(os.Stderr, core.ErrorText("testenv", err)) }
