// Gentree writes a repository of N generated units, for benchmarks: Go code
// that compiles, passes go vet and its own tests, with specs in which
// frontmatter-lint finds nothing. Names and prose are made of words that are
// spread as they are in real text (few words often, many words seldom), units
// use one another, and some are used by very many.
//
//	go run ./tools/dev/gentree -n 10000 -seed 1 -out DIR
//
// The same n and seed give the same bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "gentree:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("gentree", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("n", 1000, "how many units to write (programs come on top, one for each 500 units)")
	seed := flags.Uint64("seed", 1, "another seed gives another tree")
	out := flags.String("out", "", "the folder to write to; it must be missing or empty")
	commit := flags.Bool("commit", false, "commit the files to the repository (for frontmatter-lint -changed HEAD); git takes longer for it than all the rest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *out == "":
		return errors.New("no -out given")
	case *n < 1 || *n > maxUnits:
		return fmt.Errorf("-n is %d; it can be 1 to %d", *n, maxUnits)
	}
	start := time.Now()
	tree := newPlan(*n, *seed)
	if err := writeTree(ctx, tree, *out); err != nil {
		return err
	}
	if err := initRepository(ctx, *out, *commit); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s: %d units in %d packages, %d programs, %.1f s\n", *out, len(tree.units), len(tree.packages), len(tree.apps), time.Since(start).Seconds())
	return err
}
