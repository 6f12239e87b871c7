// Command licenses checks the license of every module that the modules of
// go.work build, test or run as a tool, including the homeserver of
// tools/testenv. Run it in the root of the repository. It reads only the module
// cache; the go command downloads missing modules. It takes no arguments.
// Exit status: 0, 1 if a license is not allowed, 2 if the modules can't be read
// or the arguments are wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fnregistry.dev/functions/infra/program"
)

func main() { program.ProgramMain(licenses(".")) }

const help = `Run it in the root of the repository. License texts that were reviewed
and accepted by hand are listed in ` + exceptionsFile + `.

Exit status: 0, 1 when a license is not allowed, 2 when nothing could be checked.`

func licenses(root string) program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "licenses", Doc: "check the license of every module that is built, tested or run here", Help: help,
		ExitCode: func(error) int { return 2 },
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{
			Run: func(ctx context.Context, call program.ProgramCall[*struct{}]) error {
				return run(ctx, root, call.Stdout)
			},
		})},
	}
}

// exceptionsFile records which texts people have reviewed and why they are
// acceptable.
const exceptionsFile = "tools/dev/licenses/exceptions.txt"

func run(ctx context.Context, root string, stdout io.Writer) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, exceptionsFile))
	if err != nil {
		return err
	}
	exceptions, err := parseExceptions(string(text))
	if err != nil {
		return err
	}
	modules, err := linked(ctx, root)
	if err != nil {
		return err
	}
	findings, err := check(modules, exceptions)
	if err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintf(stdout, "%s\n", f)
	}
	if len(findings) > 0 {
		return program.ProgramExit(1)
	}
	fmt.Fprintf(stdout, "the licenses of %d modules are allowed, %d texts by exception\n", len(modules), len(exceptions))
	return nil
}
