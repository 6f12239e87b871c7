// Mutate changes the code of packages in one small place at a time and runs
// their tests: a change that no test notices is one that somebody can make by
// mistake.
//
//	go run ./tools/dev/mutate -n 60 ./fn_registry/...
//
// It draws a sample, prints the seed that draws the same one again, each mutant
// that survives, and the score: the share of those that a test noticed. Nothing
// is written: the go command reads the changed file by way of -overlay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("n", 60, "how many mutants to try")
	seed := flags.Uint64("seed", 0, "draws the sample; 0: another one each time")
	least := flags.Float64("min", 0, "fail below this score in percent")
	timeout := flags.Duration("timeout", 2*time.Minute, "a test that takes longer has noticed the mutant")
	dir := flags.String("dir", ".", "the folder to run the go command in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || *n < 1 {
		return errors.New("give packages, and -n of at least 1")
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	packages, err := list(ctx, *dir, flags.Args())
	if err != nil {
		return err
	}
	var all []mutant
	for _, p := range packages {
		found, err := mutantsOf(p)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	r := rand.New(rand.NewPCG(*seed, 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Fprintf(stdout, "seed %d: %d of %d mutants in %d packages\n", *seed, min(*n, len(all)), len(all), len(packages))
	t := trial{dir: *dir, timeout: *timeout, packages: packages, green: map[string]bool{}}
	score, err := t.sample(ctx, all, *n, stdout)
	if err != nil {
		return err
	}
	if score < *least {
		return fmt.Errorf("the score is %.1f %%, less than %.1f", score, *least)
	}
	return nil
}
