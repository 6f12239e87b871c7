// Command testenv runs a command with real servers at hand, and ends them with it. See testenv help.
package main

import (
	"embed"
	"fmt"
	"os"

	"fnregistry.dev/functions/core"
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
	os.Exit(guard.Main(guard.Program{Prepare: prepare, MakeDir: world.MakeDir, Work: work, CleanUp: cleanUp}))
}

// prepare checks the arguments, so that what is wrong with them is said before anything runs, and names the run's
// folder.
func prepare() (dir string, err error) {
	order, err := parse(os.Args[1:])
	if err != nil {
		exit(err)
	}
	if order.help {
		fmt.Print(help)
		os.Exit(0)
	}
	return world.DirName(), nil
}

func cleanUp(dir string) {
	if err := world.RemoveDir(dir); err != nil {
		report(err)
	}
}

// exit says what went wrong before anything was started.
func exit(err error) {
	report(err)
	os.Exit(exitNotStarted)
}

// report writes an error for a person: what, and on a line of its own what to do.
func report(err error) {
	fmt.Fprintln(os.Stderr, "testenv: error:", err)
	if hint := core.ErrorHint(err); hint != "" {
		fmt.Fprintln(os.Stderr, "testenv: hint:", hint)
	}
}
