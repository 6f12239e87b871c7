// Command licenses checks the license of every module that the modules of
// go.work build, test or run as a tool, the homeserver of tools/testenv among
// them. Run it in the root of the repository. It reads the module cache alone;
// the go command downloads what is missing there. It takes no arguments.
//
// Exit status: 0, 1 when a license is not allowed, 2 when the modules can't be
// read or the arguments are wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if code, ok := usage(os.Args[1:], os.Stdout, os.Stderr); ok {
		os.Exit(code)
	}
	os.Exit(run(context.Background(), ".", os.Stdout, os.Stderr))
}

const help = `licenses checks the license of every module that is built, tested or run here.

  go run ./tools/dev/licenses    in the root of the repository; it takes no arguments

A text that people have read and found fine is listed in ` + exceptionsFile + `.
Exit status: 0, 1 when a license is not allowed, 2 when nothing could be checked.
`

// usage answers arguments; ok is false if there are none.
func usage(args []string, stdout, stderr io.Writer) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, help)
		return 0, true
	}
	fmt.Fprintf(
		stderr,
		"licenses: error: it takes no arguments, but got %q\nlicenses: hint: see licenses --help\n",
		args[0],
	)
	return 2, true
}

// exceptionsFile is where people write which texts they have read and why they
// are fine.
const exceptionsFile = "tools/dev/licenses/exceptions.txt"

func run(ctx context.Context, root string, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintf(stderr, "licenses: error: %v\n", err)
		return 2
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return fail(err)
	}
	text, err := os.ReadFile(filepath.Join(root, exceptionsFile))
	if err != nil {
		return fail(err)
	}
	exceptions, err := parseExceptions(string(text))
	if err != nil {
		return fail(err)
	}
	modules, err := linked(ctx, root)
	if err != nil {
		return fail(err)
	}
	findings, err := check(modules, exceptions)
	if err != nil {
		return fail(err)
	}
	for _, f := range findings {
		fmt.Fprintf(stdout, "%s\n", f)
	}
	if len(findings) > 0 {
		return 1
	}
	fmt.Fprintf(stdout, "the licenses of %d modules are allowed, %d texts by exception\n", len(modules), len(exceptions))
	return 0
}
