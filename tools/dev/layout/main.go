// Command layout checks how the repository's Go files are laid out: comment
// lines of at most 80 columns, imports in three groups (standard library,
// third party, own), and few code lines beyond 120 columns. A tab counts as
// four columns. With -fix it rewraps comments and regroups imports; it leaves
// code lines alone. Generated files and testdata are skipped.
//
// Exit status: 0, 1 when something is found, 2 when the files can't be read.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/infra/program"
)

const (
	commentWidth = 80
	codeWidth    = 120
	tabWidth     = 4

	// longPerMille is how many of a thousand code lines may be longer than
	// codeWidth. Lower it when the tree allows; never raise it.
	longPerMille = 25
)

type settings struct {
	Fix bool `yaml:"-" flag:"fix" doc:"rewrite the files that have findings"`
}

func main() {
	program.ProgramMain(program.ProgramRunConfig{
		Name: "layout", Doc: "check the width of lines and the groups of imports of Go files",
		ExitCode: func(error) int { return 2 },
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Args: "[PATH...]", MaxArgs: -1,
			Run: func(_ context.Context, call program.ProgramCall[*settings]) error {
				if code := run(call.Args, call.Settings.Fix, call.Stdout, call.Stderr); code != 0 {
					return program.ProgramExit(code)
				}
				return nil
			},
		})},
	})
}

// run checks the given files and folders, or the whole repository. Only for the
// whole repository is the share of long lines limited.
func run(paths []string, fix bool, stdout, stderr io.Writer) int {
	files, err := goFiles(paths)
	if err != nil {
		fmt.Fprintf(stderr, "layout: error: %v\n", err)
		return 2
	}
	lines, long, found := 0, 0, 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintf(stderr, "layout: error: %v\n", err)
			return 2
		}
		r, err := check(name, text)
		if err != nil {
			fmt.Fprintf(stderr, "layout: error: %v\n", err)
			return 2
		}
		lines += r.lines
		long += r.long
		if fix && len(r.findings) > 0 {
			if err := os.WriteFile(name, r.fixed, 0o666); err != nil {
				fmt.Fprintf(stderr, "layout: error: %v\n", err)
				return 2
			}
			continue
		}
		for _, f := range r.findings {
			fmt.Fprintf(stdout, "%s:%d: %s\n", name, f.line, f.text)
		}
		found += len(r.findings)
	}
	if found > 0 {
		fmt.Fprintf(stderr, "layout: hint: make fix rewraps comments and regroups imports\n")
		return 1
	}
	fmt.Fprintf(stdout, "layout: %d files; %d of %d code lines are beyond %d columns\n", len(files), long, lines, codeWidth)
	if len(paths) == 0 && long*1000 > lines*longPerMille {
		fmt.Fprintf(stderr, "layout: error: at most %d in 1,000 code lines may be beyond %d columns\n", longPerMille, codeWidth)
		return 1
	}
	return 0
}

// goFiles lists the Go files that git tracks or would add.
func goFiles(paths []string) ([]string, error) {
	args := append([]string{"ls-files", "-z", "-co", "--exclude-standard", "--"}, paths...)
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []string
	for name := range strings.SplitSeq(string(bytes.TrimRight(out, "\x00")), "\x00") {
		skip := filepath.Ext(name) != ".go" || strings.HasPrefix(name, "testdata/") || strings.Contains(name, "/testdata/")
		if _, err := os.Lstat(name); skip || err != nil {
			continue // a deleted file is still listed
		}
		files = append(files, name)
	}
	return files, nil
}
