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
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	commentWidth = 80
	codeWidth    = 120
	tabWidth     = 4

	// longPerMille is how many of a thousand code lines may be longer than
	// codeWidth. Lower it when the tree allows; never raise it.
	longPerMille = 25
)

func main() {
	flags := flag.NewFlagSet("layout", flag.ContinueOnError)
	fix := flags.Bool("fix", false, "rewrite the files that have findings")
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2)
	}
	os.Exit(run(flags.Args(), *fix, os.Stdout, os.Stderr))
}

// run checks the files and folders of paths, or without any all of the
// repository. Only then is the share of long lines bounded.
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
